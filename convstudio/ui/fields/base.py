"""What every field of a form shares: the row of controls, the lines under it, and how it is switched off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from convstudio.spec.params import Declared, Param, ParamError
from convstudio.ui.fields.hint_line import HintLine
from convstudio.ui.fields.quiet import ROW_HEIGHT
from convstudio.ui.tips import tip


class Field(QWidget):
    """The control of one declared parameter.

    ``edited(value)`` says that the user entered an allowed value; it comes with every keystroke and every
    step of a drag. ``finished()`` says that the user is done with it (Enter, a slider let go).
    The ``set_*`` methods and ``mark_problem`` emit nothing.

    Hints and reasons never change the height, so that a click lands where it was aimed: fields that always
    have a hint keep a line for it (``keep_hint_line``), the others say it in the tooltip.
    """

    edited = Signal(object)
    finished = Signal()

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = declared.name
        self.param: Param = declared.param
        self._value: Any = declared.default
        self._problem = ""
        self._typing_problem = ""
        self._hint = ""
        self._reason = ""
        self._mark = ""
        self._controls: list[tuple[QWidget, str]] = []
        self.setObjectName(f"param-{declared.name}")
        self.setAccessibleName(self.param.label)

        self._row = QWidget(self)
        self._row.setMinimumHeight(ROW_HEIGHT)
        self.row = QHBoxLayout(self._row)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(6)
        self._hint_line: HintLine | None = None
        self._problem_line = QLabel(self)
        self._problem_line.setProperty("role", "problem")
        self._problem_line.setObjectName(f"{self.objectName()}-problem")
        self._problem_line.setWordWrap(True)
        self._problem_line.hide()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(3)
        self.column.addWidget(self._row)
        self.column.addWidget(self._problem_line)
        self.setToolTip(tip(self.param.help))

    def keep_hint_line(self) -> None:
        """Keep one line under the controls for the hint, whether there is one or not."""
        self._hint_line = HintLine(self)
        self._hint_line.setObjectName(f"{self.objectName()}-hint")
        self.column.insertWidget(self.column.indexOf(self._problem_line), self._hint_line)

    def add_control(self, control: QWidget, part: str = "", stretch: int = 0, help_text: str = "") -> None:
        """Put a control into the row; ``part`` says which part of the value it holds (``"vertical"``)."""
        self.name_control(control, part, help_text)
        self.row.addWidget(control, stretch)

    def name_control(self, control: QWidget, part: str = "", help_text: str = "") -> None:
        """Give a control its object name, accessible name and tooltip."""
        suffix = part.replace(" ", "-") or "control"
        control.setObjectName(f"{self.objectName()}-{suffix}")
        control.setAccessibleName(f"{self.param.label}, {part}" if part else self.param.label)
        self._controls.append((control, help_text))
        self._describe()

    def controls(self) -> tuple[QWidget, ...]:
        """Return the widgets that take the user's input, in tab order."""
        return tuple(control for control, _ in self._controls)

    def value(self) -> Any:
        """Return the value that was last shown or last emitted."""
        return self._value

    def set_value(self, value: Any) -> None:
        """Show a value. What is being typed stays as it stands if it already means this value."""
        if type(value) is type(self._value) and value == self._value and not self._typing_problem:
            return
        self._value = value
        self._typing_problem = ""
        self._show(value)
        self._refresh_lines()

    def _show(self, value: Any) -> None:
        """Bring the controls to this value without a signal."""
        raise NotImplementedError

    def _enter(self, value: Any) -> bool:
        """Emit what the user entered if it is allowed and new, else say why it is not allowed."""
        try:
            allowed = self.param.check(value)
        except ParamError as error:
            self._typing_problem = f"{error}."
            self._refresh_lines()
            return False
        self._typing_problem = ""
        self._refresh_lines()
        if allowed != self._value or type(allowed) is not type(self._value):
            self._value = allowed
            self.edited.emit(allowed)
        return True

    def set_range(self, minimum: float, maximum: float) -> None:
        """Narrow what can be entered, within the declared limits; the present value stays shown.

        Fields without a range (choices, toggles) have nothing to narrow.
        """

    def set_choice_reasons(self, reasons: Mapping[str, str]) -> None:
        """Switch off the words that are in ``reasons`` and say why; all others, and the present one, are on.

        Fields without words have nothing to do.
        """

    def set_problem(self, text: str | None) -> None:
        """Say under the controls why the present value cannot work, or take the sentence away."""
        self._problem = text or ""
        self._refresh_lines()

    def set_hint(self, text: str | None) -> None:
        """Say what the present value means: under the controls where a line is kept, else in the tooltip."""
        if (text or "") == self._hint:
            return
        self._hint = text or ""
        self._describe()
        self._refresh_lines()

    def set_enabled_reason(self, text: str | None) -> None:
        """Switch the controls off and say why, or back on with ``None``."""
        self._reason = text or ""
        self._row.setEnabled(not text)
        self._describe()
        self._refresh_lines()

    def mark_problem(self, text: str | None) -> None:
        """Say in the tooltip, and to screen readers, why the present value cannot work; no line appears."""
        if (text or "") != self._mark:
            self._mark = text or ""
            self._describe()

    def problem(self) -> str:
        """Return why the present value cannot work, or an empty string."""
        return self._typing_problem or self._problem or self._mark

    def explanations(self) -> tuple[str, ...]:
        """Return what the tooltips say besides the help: the problem, why it is switched off, the hint."""
        return self._mark, self._reason, "" if self._hint_line is not None else self._hint

    def _describe(self) -> None:
        why = self.explanations()
        self.setToolTip(tip(self.param.help, *why))
        for control, own in self._controls:
            control.setToolTip(tip(own or self.param.help, *why))
        self._describe_aloud()

    def _refresh_lines(self) -> None:
        problem = self._typing_problem or self._problem
        if self._hint_line is not None:
            self._hint_line.setText(self._reason or self._hint)
        self._problem_line.setText(problem)
        self._problem_line.setVisible(bool(problem))
        self._describe_aloud()

    def _describe_aloud(self) -> None:
        kept = self._hint_line is not None
        said = self.problem() or self._reason or ("" if kept else self._hint)
        for control, _ in self._controls:
            control.setAccessibleDescription(said)
