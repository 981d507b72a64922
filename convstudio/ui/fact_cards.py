"""The read-outs under the inspector's form: sizes, cost, and how the result was computed and checked."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from convstudio.ui.formula import (
    AXES,
    Facts,
    algorithm_line,
    cost_line,
    explain_formula,
    explain_plan,
    fully_connected_line,
    size_formula,
    size_formula_text,
    sizes_line,
)
from convstudio.ui.tips import tip

_MONO = ("DejaVu Sans Mono", "Consolas", "Menlo", "monospace")
_LARGEST, _SMALLEST = 12, 10  # px of the formula's letters

PROOF_LOOK = {
    "none": ("", "caption"),
    "checking": ("… ", "caption"),
    "good": ("✓ ", "good"),
    "bad": ("✗ ", "problem"),
}
"""The mark before the proof's text and its role in the style sheet, by state."""


class Card(QFrame):
    """A framed column of lines."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "card")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(9, 6, 9, 6)
        self.column.setSpacing(3)

    def line(self, name: str, role: str = "") -> QLabel:
        """Add a line of plain text that wraps."""
        label = QLabel(self)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        self.column.addWidget(label)
        return label


class FormulaLine(QLabel):
    """One axis's formula in monospaced letters, as large as the width allows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "numbers")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setMinimumWidth(1)
        self._parts = ("", "")
        self._pixels = 0

    def show_formula(self, before: str, result: str) -> None:
        """Show the formula up to the equals sign and its result, which is set bold."""
        self._parts = (before, result)
        self._render()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._render()

    def _render(self) -> None:
        before, result = self._parts
        pixels = self._fitting(f"{before} {result}")
        # Spaces inside the formula break only where it is too long for the smallest letters.
        text = escape(before)
        self.setText(f'<span style="font-size:{pixels}px">{text} <b>{escape(result)}</b></span>')

    def _fitting(self, text: str) -> int:
        font = QFont()
        font.setFamilies(list(_MONO))
        for pixels in range(_LARGEST, _SMALLEST, -1):
            font.setPixelSize(pixels)
            if QFontMetricsF(font).horizontalAdvance(text) <= self.width() - 2:
                return pixels
        return _SMALLEST


class FormulaCard(Card):
    """The output-size formula per axis with the present numbers; the tooltip explains each of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("formula-card", parent)
        self._lines = (FormulaLine(self), FormulaLine(self))
        for line, name in zip(self._lines, AXES, strict=True):
            line.setObjectName(f"formula-{name}")
            self.column.addWidget(line)
        self._sizes = self.line("formula-sizes", "caption")

    def show_facts(self, facts: Facts) -> None:
        """Show the sizes of a layer whose windows slide."""
        assert facts.axes is not None
        for line, axis, name in zip(self._lines, facts.axes, AXES, strict=True):
            line.show_formula(*size_formula(axis))
            line.setToolTip(explain_formula(axis, name))
            line.setAccessibleName(f"Output {name}: {size_formula_text(axis)}")
        text = sizes_line(facts)
        self._sizes.setText(text)
        self._sizes.setVisible(bool(text))


class CostCard(Card):
    """Multiply-adds and parameters, and what a fully connected layer would need instead."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("cost-card", parent)
        self._cost = self.line("cost")
        self._dense = self.line("cost-dense", "caption")
        self._cost.setToolTip(
            tip(
                "A multiply-add is one weight times one value, added to the sum of an output cell.",
                "Parameters are the weights and biases that training could change.",
            )
        )
        self._dense.setToolTip(
            tip("How many weights it takes when every output cell has one for every input value.")
        )

    def show_facts(self, facts: Facts) -> None:
        """Show the cost of a layer."""
        self._cost.setText(cost_line(facts))
        self._dense.setText(fully_connected_line(facts))


class ResultCard(Card):
    """Which algorithm ran and how long it took, and whether SciPy agrees."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("result-card", parent)
        self._algorithm = self.line("algorithm")
        self._proof = self.line("proof")
        self._proof.setToolTip(
            tip("A random part of this very result is computed again by SciPy in double precision.")
        )
        self.hide()

    def show_facts(self, facts: Facts) -> None:
        """Show plan and time where they are known; what stands there stays where they are not."""
        text = algorithm_line(facts)
        if text:
            self._algorithm.setText(text)
            self._algorithm.setToolTip("" if facts.plan is None else explain_plan(facts.plan))
        self._update_visibility()

    def clear(self) -> None:
        """Show nothing: there is no result that these lines would be about."""
        self._algorithm.setText("")
        self.show_proof("", "none")

    def show_proof(self, text: str, state: str) -> None:
        """Show the verdict; ``state`` is one of ``PROOF_LOOK``."""
        mark, role = PROOF_LOOK[state]
        self._proof.setText(f"{mark}{text}" if text else "")
        if self._proof.property("role") != role:
            self._proof.setProperty("role", role)
            self._proof.style().unpolish(self._proof)
            self._proof.style().polish(self._proof)
        self._update_visibility()

    def _update_visibility(self) -> None:
        for line in (self._algorithm, self._proof):
            line.setVisible(bool(line.text()))
        self.setVisible(bool(self._algorithm.text() or self._proof.text()))
