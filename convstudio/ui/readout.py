"""The status bar: the pixel under the cursor on the left, algorithm and proof on the right."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from convstudio.engine.evaluate import LayerResult
from convstudio.engine.proof import Proof
from convstudio.ui.formula import duration

PROOF_ROLES = {"good": "good", "bad": "problem"}


def proof_words(proof: Proof) -> tuple[str, str]:
    """Return what the badge says and what its tooltip explains."""
    top, left, height, width = proof.crop
    tip = (
        f"{proof.cells} output cells, rows {top} to {top + height - 1} and columns {left} to "
        f"{left + width - 1} of every channel, were computed again by SciPy in double precision. "
        f"The largest difference is {proof.max_error:.2g}; up to {proof.tolerance:.2g} is rounding."
    )
    if proof.ok:
        return f"matches SciPy, max error {proof.max_error:.1e}", tip
    return f"differs from SciPy by {proof.max_error:.2g}", tip


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

    def show_algorithm(self, result: LayerResult) -> None:
        """Show the algorithm and its time."""
        self._algorithm.setText(f"{result.plan.algorithm} · {duration(result.seconds)}")

    def show_proof(self, text: str, state: str, tip: str) -> None:
        """Show the proof's verdict; ``state`` is "none", "checking", "good" or "bad"."""
        mark = {"good": "✓ ", "bad": "✗ "}.get(state, "")
        self._proof.setText(mark + text)
        self._proof.setToolTip(tip)
        role = PROOF_ROLES.get(state, "")
        if self._proof.property("role") != role:  # this runs with every step of a drag
            self._proof.setProperty("role", role)
            self._proof.style().polish(self._proof)
