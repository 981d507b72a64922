"""The field of a padding: a word, or pixels for each side of the picture."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QGridLayout, QLabel, QMenu, QWidget

from convstudio.spec.params import PADDING_WORDS, Choice, Declared, IntParam, Padding, PaddingParam, Pair
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.int_field import make_spin, narrow_spin
from convstudio.ui.fields.link_button import LinkButton
from convstudio.ui.fields.quiet import MoreButton
from convstudio.ui.fields.segments import Segments
from convstudio.ui.tips import tip

CUSTOM = "custom"
SIDES = {"top": "↑", "bottom": "↓", "left": "←", "right": "→"}
"""The sides with the arrows that stand for them: words would not fit the narrowest inspector."""

WORDS = {
    "valid": Choice("valid", "valid", "The window stays inside the picture, so the result is smaller."),
    "same": Choice(
        "same",
        "same",
        "The result keeps the size, divided by the stride. An odd pixel goes bottom and right.",
    ),
    "same_lower": Choice(
        "same_lower",
        "same, odd pixel top and left",
        "The result keeps the size, divided by the stride. An odd pixel goes top and left.",
    ),
    "full": Choice(
        "full", "full", "Every position that touches the picture counts, so the result is larger."
    ),
    CUSTOM: Choice(CUSTOM, "custom", "Your own number of pixels on each side."),
}
_SHORT = {
    "valid": "The window stays inside the picture",
    "same": "Keeps size ÷ stride",
    "same_lower": "Keeps size ÷ stride",
    "full": "Every overlap",
}
_IN_ROW = ("valid", "same", "full", CUSTOM)


def padding_hint(word: str, amounts: tuple[Pair, Pair] | None) -> str:
    """Return one line for a padding word, with the pixels it comes to where they are known."""
    if amounts is None or word == "valid":
        return f"{_SHORT[word]}."
    (top, bottom), (left, right) = amounts
    if top == bottom == left == right:
        return f"{_SHORT[word]}: {top} px each side."
    if top == bottom and left == right:
        return f"{_SHORT[word]}: ↕ {top}, ↔ {left} px."
    return f"{_SHORT[word]}: ↑{top} ↓{bottom} ←{left} →{right} px."


class PaddingField(Field):
    """Four segments, a menu that holds ``same_lower`` too, and the four sides when it is custom."""

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, PaddingParam)
        self._amounts: tuple[Pair, Pair] = ((1, 1), (1, 1))
        self._maximum = param.maximum
        self._needed, self._most = (0, 0), (param.maximum, param.maximum)
        self.row.setSpacing(0)
        self.segments = Segments([WORDS[word] for word in _IN_ROW], self.objectName())
        self.segments.chosen.connect(self._on_word)
        self.add_control(self.segments, "", 1)
        self.more = self._make_menu()
        self.add_control(self.more, "all choices", help_text="All kinds of padding, same_lower included.")
        self.sides = self._make_sides(param)
        self.column.insertWidget(1, self.sides)
        self.keep_hint_line()
        self._show(declared.default)

    def _make_menu(self) -> MoreButton:
        more = MoreButton()
        menu = QMenu(more)
        self._menu_group = QActionGroup(menu)
        for word in (*PADDING_WORDS, CUSTOM):
            action = QAction(WORDS[word].label, menu)
            action.setCheckable(True)
            action.setData(word)
            action.setToolTip(WORDS[word].help)
            action.setObjectName(f"{self.objectName()}-menu-{word}")
            self._menu_group.addAction(action)
            menu.addAction(action)
        menu.setToolTipsVisible(True)
        self._menu_group.triggered.connect(self._on_menu)
        more.setMenu(menu)
        return more

    def _make_sides(self, param: PaddingParam) -> QWidget:
        sides = QWidget(self)
        grid = QGridLayout(sides)
        grid.setContentsMargins(0, 2, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        each = IntParam(label=param.label, help=param.help, minimum=0, maximum=param.maximum)
        self.spins = {side: make_spin(each) for side in SIDES}
        for place, (side, spin) in enumerate(self.spins.items()):
            row, column = divmod(place, 2)
            caption = QLabel(SIDES[side])
            caption.setProperty("role", "caption")
            caption.setBuddy(spin)
            caption.setToolTip(tip(f"Pixels added at the {side} of the picture."))
            grid.addWidget(caption, row, column * 2)
            grid.addWidget(spin, row, column * 2 + 1)
            grid.setColumnStretch(column * 2 + 1, 1)
            self.name_control(spin, side, f"Pixels added at the {side} of the picture.")
            spin.valueChanged.connect(self._on_typed)
            spin.editingFinished.connect(self.finished)
        self.link = LinkButton()
        self._wants_link = True
        self.name_control(self.link, "link", "Linked, all four sides change together.")
        self.link.toggled.connect(self._on_link)
        grid.addWidget(self.link, 0, 4, 2, 1)
        return sides

    def amounts(self) -> tuple[Pair, Pair]:
        """Return the custom amounts ``((top, bottom), (left, right))`` as the spin boxes hold them."""
        at = {side: spin.value() for side, spin in self.spins.items()}
        return (at["top"], at["bottom"]), (at["left"], at["right"])

    def show_resolved(self, amounts: tuple[Pair, Pair]) -> None:
        """Show what the present word comes to; choosing custom then starts from these pixels."""
        if isinstance(self._value, str):
            self._amounts = amounts
            self.set_hint(padding_hint(self._value, amounts))

    def set_amount_limits(self, needed: Pair, most: Pair) -> None:
        """Narrow the custom sides: per axis at least ``needed`` pixels in all, at most ``most`` a side."""
        self._needed, self._most = needed, most
        self._narrow()

    def set_choice_reasons(self, reasons: Mapping[str, str]) -> None:
        # The present word stays as it is: that it cannot work is said as a problem.
        reasons = {word: why for word, why in reasons.items() if word != self._value}
        for word in _IN_ROW:
            self.segments.set_reason(word, reasons.get(word))
        for action in self._menu_group.actions():
            word = str(action.data())
            action.setEnabled(word not in reasons)
            action.setToolTip(reasons.get(word, WORDS[word].help))

    def _narrow(self) -> None:
        (top, bottom), (left, right) = self.amounts()
        opposite = {"top": (0, bottom), "bottom": (0, top), "left": (1, right), "right": (1, left)}
        linked = self.link.isChecked()
        for side, (axis, other) in opposite.items():
            least, most = self._needed[axis] - other, self._most[axis]
            if linked:
                least, most = -(-max(self._needed) // 2), min(self._most)
            narrow_spin(self.spins[side], max(0, least), min(self._maximum, most))

    def _show(self, value: Padding) -> None:
        word = value if isinstance(value, str) else CUSTOM
        if not isinstance(value, str):
            self._amounts = value
            numbers = (*value[0], *value[1])
            for spin, number in zip(self.spins.values(), numbers, strict=True):
                with QSignalBlocker(spin):
                    spin.setRange(0, self._maximum)
                    spin.setValue(number)
            with QSignalBlocker(self.link):
                self.link.setChecked(self._wants_link and len(set(numbers)) == 1)
            self.link.update()
            self._narrow()
        self._show_word(word)

    def _show_word(self, word: str) -> None:
        self.segments.show_choice("same" if word == "same_lower" else word)
        self.segments.button("same").setText("lower" if word == "same_lower" else "same")
        for action in self._menu_group.actions():
            action.setChecked(action.data() == word)
        self.sides.setVisible(word == CUSTOM)
        assert self._hint_line is not None
        self._hint_line.setVisible(word != CUSTOM)  # the sides stand in its place
        self.set_hint("" if word == CUSTOM else padding_hint(word, None))

    def _on_word(self, word: str) -> None:
        if word == CUSTOM:
            self._show(self._amounts)
            self._enter(self._amounts)
        else:
            # The lower variant shows in the place of "same": a click on it goes back to the usual one.
            self._show_word(word)
            self._enter(word)
        self.finished.emit()

    def _on_menu(self, action: QAction) -> None:
        self._on_word(str(action.data()))

    def _on_typed(self, number: int) -> None:
        if self.link.isChecked():
            self._set_all(number)
        if self._enter(self.amounts()):
            self._amounts = self.amounts()
            self._narrow()

    def _set_all(self, number: int) -> None:
        for spin in self.spins.values():
            if spin.value() != number:
                with QSignalBlocker(spin):
                    spin.setRange(0, self._maximum)
                    spin.setValue(number)

    def _on_link(self, linked: bool) -> None:
        self._wants_link = linked
        if linked and len({spin.value() for spin in self.spins.values()}) > 1:
            self._on_typed(self.spins["top"].value())
        self._narrow()
