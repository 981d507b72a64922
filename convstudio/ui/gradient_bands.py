"""The three gradients of a layer, each with its rule, its numbers and its finite differences."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from convstudio.learn.anatomy import Check
from convstudio.session.step_apart import Cell, StepApart
from convstudio.ui import gradient_checks
from convstudio.ui import gradient_words as words
from convstudio.ui.fact_cards import Card
from convstudio.ui.gradient_grid import GradientGrid, mark_colour
from convstudio.ui.plane_picture import PlanePicture
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.weight_colours import weight_limit

_GAP = 14  # px between grids


class CheckLine(QLabel):
    """A check in a line, its mark in the colour of how it went."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "caption")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setMinimumWidth(1)
        self._plain, self._state = "", ""

    @property
    def plain(self) -> str:
        """What is said."""
        return self._plain

    def say(self, text: str, state: str = "") -> None:
        """Show a text; its last sign is the mark of a state."""
        self._plain, self._state = text, state
        self.setAccessibleName(text)
        self._render()

    def _render(self) -> None:
        text, mark = (self._plain[:-1], self._plain[-1]) if self._state else (self._plain, "")
        if mark:
            colour = mark_colour(self._state, theme_of(self)).name()
            mark = f'<span style="color:{colour}; font-weight:700">{mark}</span>'
        self.setText(escape(text.rstrip(), quote=False) + ("&nbsp;" if mark else "") + mark)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._render()


class Band(Card):
    """A card with a formula on top and checks at the bottom.

    The rule behind the formula is written under it from so many pixels of height on; it is its tooltip, too.
    """

    def __init__(self, name: str, title: str, least_for_rule: int, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setAccessibleName(title)
        self.column.setContentsMargins(10, 6, 10, 6)
        self.formula = self.line(f"{name}-formula", "title")
        self.formula.setWordWrap(False)
        self.formula.setMinimumWidth(1)
        self.rule = self.line(f"{name}-rule", "caption")
        self.rule.setMinimumWidth(1)
        self._least_for_rule = least_for_rule
        self.sum = self._small(f"{name}-sum", "numbers")
        self.sum.setStyleSheet("font-size: 11px;")
        self.check = CheckLine(f"{name}-check", self)
        self._apart: StepApart | None = None

    def _small(self, name: str, role: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setMinimumWidth(1)
        return label

    def show_rule(self, formula: str, rule: str, *more: str) -> None:
        """Show a formula and the rule behind it."""
        self.formula.setText(formula)
        self.formula.setToolTip(tip(rule, *more))
        self.rule.setText(rule)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.rule.setVisible(self.height() >= self._least_for_rule)

    def show_check(self, apart: StepApart, check: Check | None, checks: tuple[Check, ...], why: str) -> None:
        """Show one check, all of them in the tooltip; ``why`` there is none."""
        if check is None:
            self.check.say(why)
        else:
            self.check.say(gradient_checks.check_text(check, apart), gradient_checks.state_of(check, apart))
        kink = gradient_checks.kink_help(apart) if any(each.kink for each in checks) else ""
        lines = gradient_checks.check_lines(checks, apart)
        self.check.setToolTip(tip(gradient_checks.check_help(apart), kink, *lines) if checks else tip(why))


class WeightBand(Band):
    """∂L/∂w beside the kernel and what a step makes of it; ``pointed(cell)`` as the grids tell it."""

    pointed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("gradient-weight", "Gradient of the kernel", 320, parent)
        self.gradient = GradientGrid(
            "gradient-weight-grid",
            "∂L/∂w",
            "How the loss changes with each weight. Point at an entry to see which shift of the input it is "
            "and its check; a dot marks those that were checked.",
            self,
        )
        self.kernel = GradientGrid("gradient-kernel-grid", "w", "The kernel as it is at this step.", self)
        self.after = GradientGrid(
            "gradient-after-grid",
            "w − η·∂L/∂w",
            "The kernel after one step of gradient descent.",
            self,
        )
        self._no_step = self._small("gradient-no-step", "caption")
        self._no_step.setWordWrap(True)
        self._no_step.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.shift = self._small("gradient-weight-shift", "caption")
        row = QHBoxLayout()
        row.setSpacing(_GAP)
        for widget in (self.gradient, self.kernel, self.after, self._no_step):
            row.addWidget(widget, 1)
        self.column.addLayout(row, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.sum, 1)
        foot.addWidget(self.shift)
        self.column.addLayout(foot)
        self.column.addWidget(self.check)
        for each in (self.gradient, self.kernel, self.after):
            each.pointed.connect(self._point)

    def show_apart(self, apart: StepApart) -> None:
        """Show a step."""
        self._apart = apart
        self.show_rule(words.weight_formula(apart), words.weight_help(apart))
        marks = {cell: gradient_checks.state_of(check, apart) for cell, check in apart.weight_checks.items()}
        self.gradient.show_grid("∂L/∂w", apart.by_weight, None, marks, self._tips(apart))
        both = [apart.weight] if apart.weight_after is None else [apart.weight, apart.weight_after]
        limit = max(weight_limit(each) for each in both if each.any()) if apart.weight.any() else None
        if limit is None and apart.weight_after is not None:
            limit = weight_limit(apart.weight_after)
        self.kernel.show_grid("w", apart.weight, limit)
        self.after.setVisible(apart.weight_after is not None)
        self._no_step.setVisible(apart.weight_after is None)
        if apart.weight_after is not None:
            self.after.setToolTip(tip(words.after_help(apart)))
            self.after.show_grid(words.after_title(apart), apart.weight_after, limit)
        else:
            self._no_step.setText(words.why_no_step(apart))
        self._point(self.gradient.cell)

    def _tips(self, apart: StepApart) -> dict[Cell, tuple[str, ...]]:
        found: dict[Cell, tuple[str, ...]] = {}
        rows, columns = apart.by_weight.shape
        for cell in ((row, column) for row in range(rows) for column in range(columns)):
            check = apart.weight_checks.get(cell)
            said = (
                gradient_checks.not_checked(len(apart.weight_checks))
                if check is None
                else gradient_checks.check_text(check, apart)
            )
            found[cell] = (words.shift_words(apart, cell), said)
        return found

    @Slot(object)
    def _point(self, cell: Cell | None) -> None:
        apart = self._apart
        if apart is None:
            return
        for each in (self.gradient, self.kernel, self.after):
            each.show_cell(cell)
        best = gradient_checks.largest(apart.weight_checks.values())
        usual = next((at for at, check in apart.weight_checks.items() if check is best), None)
        shown = cell if cell is not None else usual
        if shown is None:
            shown = (0, 0)
        self.sum.setText(words.entry_formula(apart, shown))
        self.shift.setText(words.shift_words(apart, shown))
        checks = tuple(apart.weight_checks.values())
        self.show_check(
            apart,
            apart.weight_checks.get(shown),
            checks,
            gradient_checks.not_checked(len(apart.weight_checks)),
        )
        self.pointed.emit(cell)


class InputBand(Band):
    """∂L/∂x beside the grid that slides over the error; ``pointed(cell)`` tells of a pixel."""

    pointed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("gradient-input", "Gradient of the input", 320, parent)
        self.slid = GradientGrid(
            "gradient-slid-grid",
            "w rotated 180°",
            "The weights as they slide over the error on the way back.",
            self,
        )
        self.picture = PlanePicture("gradient-input-picture", "∂L/∂x", self)
        self.notes = self._small("gradient-input-notes", "caption")
        head = QHBoxLayout()
        self.column.removeWidget(self.formula)
        self.formula.setMinimumWidth(0)  # as wide as it is: it is the notes that make way
        head.addWidget(self.formula)
        head.addStretch(1)
        head.addWidget(self.notes)
        self.column.insertLayout(0, head)
        row = QHBoxLayout()
        row.setSpacing(_GAP)
        row.addWidget(self.slid, 2)
        row.addWidget(self.picture, 3)
        self.column.addLayout(row, 1)
        for label in (self.sum, self.check):
            self.column.addWidget(label)
        self.picture.pointed.connect(self._point)

    def show_apart(self, apart: StepApart) -> None:
        """Show a step."""
        self._apart = apart
        notes = words.input_notes(apart)
        self.show_rule(words.input_formula(apart), words.input_help(apart), *notes.values())
        self.slid.setVisible(apart.slid is not None)
        if apart.slid is not None:
            self.slid.show_grid(words.slid_title(apart), apart.slid)
        marks = {each.index[1:]: gradient_checks.state_of(each, apart) for each in self._here(apart)}
        help_text = (
            "How the loss changes with each pixel that comes in, which is what the layers below would learn "
            "from. Dots are pixels that were checked."
        )
        _, power = words.scaled(apart.by_input.cells) if apart.by_input.cells is not None else (None, "")
        self.picture.show_plane(apart.by_input, power, help_text, marks)  # type: ignore[arg-type]
        self.notes.setText(" · ".join(notes))
        self.notes.setToolTip(tip(*notes.values()))
        self.notes.setVisible(bool(notes))
        self._point(None)

    @staticmethod
    def _here(apart: StepApart) -> tuple[Check, ...]:
        return tuple(each for each in apart.pixel_checks if each.index[0] == apart.channels[0])

    @Slot(object)
    def _point(self, cell: Cell | None) -> None:
        apart = self._apart
        if apart is None:
            return
        here = self._here(apart)
        best = gradient_checks.largest(here or apart.pixel_checks)
        check = best if cell is None else next((each for each in here if each.index[1:] == cell), None)
        cells = apart.by_input.cells
        value = check.analytic if check is not None else None
        at = cell if cell is not None else (best.index[1:] if best is not None and here else None)
        if at is not None and cells is not None:
            value = float(cells[at])
        self.sum.setText(
            "" if at is None or value is None else words.pixel_formula(apart, (at[0], at[1]), value)
        )
        self.show_check(apart, check, apart.pixel_checks, gradient_checks.not_checked(len(here), "pixels"))
        self.pointed.emit(cell)


class BiasBand(Band):
    """∂L/∂b as a sum."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("gradient-bias", "Gradient of the bias", 220, parent)
        self.total = self._small("gradient-bias-total", "numbers")
        self.total.setStyleSheet("font-size: 20px; font-weight: 600;")
        self.step = self._small("gradient-bias-step", "caption")
        for label in (self.sum, self.step):
            label.setWordWrap(True)
        self.column.addStretch(1)
        self.column.addWidget(self.total)
        self.column.addWidget(self.sum)
        self.column.addStretch(1)
        for label in (self.step, self.check):
            self.column.addWidget(label)
        self.sum.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_apart(self, apart: StepApart) -> None:
        """Show a step."""
        self._apart = apart
        self.show_rule(words.bias_formula(apart), words.bias_help(apart))
        self.total.setText(words.bias_total(apart))
        self.total.setToolTip(tip(words.bias_help(apart)))
        self.sum.setText(words.bias_sum(apart))
        self.sum.setToolTip(tip("All that is above zero in ∂L/∂y, and all that is below."))
        self.step.setText(words.bias_step(apart))
        checks = () if apart.bias_check is None else (apart.bias_check,)
        self.show_check(apart, apart.bias_check, checks, "The layer has no bias.")
