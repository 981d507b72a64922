"""The status bar: the pixel under the cursor on the left, algorithm and proof on the right."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from convstudio.engine.evaluate import LayerResult
from convstudio.engine.proof import Proof
from convstudio.ui.formula import duration

PROOF_ROLES = {"good": "good", "bad": "problem"}


def error_number(value: float) -> str:
    """Return an error with two significant digits.

    >>> error_number(2.4e-7), error_number(0.0)
    ('2.4e−7', '0')
    """
    if not 0.0 < value < float("inf"):
        return f"{value:g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def proof_words(proof: Proof) -> tuple[str, str]:
    """Return what the badge says and what its tooltip explains."""
    top, left, height, width = proof.crop
    tip = (
        f"{proof.cells} output cells, rows {top} to {top + height - 1} and columns {left} to "
        f"{left + width - 1} of every channel, were computed again by SciPy in double precision. "
        f"The largest difference is {error_number(proof.max_error)}; "
        f"up to {error_number(proof.tolerance)} is rounding."
    )
    if proof.ok:
        return f"matches SciPy, max error {error_number(proof.max_error)}", tip
    return f"differs from SciPy by {error_number(proof.max_error)}", tip


class Readout(QStatusBar):
    """Words at the bottom of the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("readout")
        self.setSizeGripEnabled(False)
        self._cursor = self._label("readout-cursor", "The pixel under the cursor and its value.")
        self._algorithm = self._label("readout-algorithm", "How the core computed it, and how long it took.")
        self._proof = self._label("readout-proof", "")
        self.addWidget(self._cursor, 1)
        self.addPermanentWidget(self._algorithm)
        self.addPermanentWidget(self._proof)

    def _label(self, name: str, tip: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setToolTip(tip)
        label.setContentsMargins(8, 2, 8, 2)
        return label

    def show_cursor(self, text: str) -> None:
        """Show where the cursor is and the values there."""
        self._cursor.setText(text)

    def show_algorithm(self, result: LayerResult | None) -> None:
        """Show the algorithm and its time; nothing where nothing could be computed."""
        if result is None or not result.item.enabled:
            self._algorithm.clear()
            return
        words = [result.algorithm] if result.algorithm else []
        self._algorithm.setText(" · ".join([*words, duration(result.seconds)]))

    def show_proof(self, text: str, state: str, tip: str) -> None:
        """Show the proof's verdict; ``state`` is "none", "checking", "good" or "bad"."""
        mark = {"good": "✓ ", "bad": "✗ "}.get(state, "")
        self._proof.setText(mark + text)
        self._proof.setToolTip(tip)
        role = PROOF_ROLES.get(state, "")
        if self._proof.property("role") != role:  # this runs with every step of a drag
            self._proof.setProperty("role", role)
            self._proof.style().polish(self._proof)
