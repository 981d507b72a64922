"""The field of a padding: a word, or pixels for each side of the picture."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QGridLayout, QLabel, QMenu, QWidget

from convstudio.spec.params import PADDING_WORDS, Choice, Declared, IntParam, Padding, PaddingParam, Pair
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.int_field import make_spin
from convstudio.ui.fields.link_button import LinkButton
from convstudio.ui.fields.quiet import MoreButton
from convstudio.ui.fields.segments import Segments

CUSTOM = "custom"
SIDES = ("top", "bottom", "left", "right")

WORDS = {
    "valid": Choice(
        "valid", "valid", "No padding: the window stays inside the picture, the result is smaller."
    ),
    "same": Choice(
        "same",
        "same",
        "As much padding as keeps the size at stride 1; an odd pixel goes to the bottom and right.",
    ),
    "same_lower": Choice(
        "same_lower",
        "same, odd pixel at the top and left",
        "As much padding as keeps the size at stride 1; an odd pixel goes to the top and left.",
    ),
    "full": Choice(
        "full", "full", "Every position where the window still touches the picture: the result is larger."
    ),
    CUSTOM: Choice(CUSTOM, "custom", "Your own number of pixels on each side."),
}
_IN_ROW = ("valid", "same", "full", CUSTOM)


class PaddingField(Field):
    """Four segments, a menu that holds ``same_lower`` too, and the four sides when it is custom."""

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, PaddingParam)
        self._amounts: tuple[Pair, Pair] = ((1, 1), (1, 1))
        self.row.setSpacing(0)
        self.segments = Segments([WORDS[word] for word in _IN_ROW], self.objectName())
        self.segments.chosen.connect(self._on_word)
        self.add_control(self.segments, "", 1)
        self.more = self._make_menu()
        self.add_control(self.more, "all choices", help_text="All kinds of padding, same_lower included.")
        self.sides = self._make_sides(param)
        self.column.insertWidget(1, self.sides)
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
            caption = QLabel(side)
            caption.setProperty("role", "caption")
            caption.setBuddy(spin)
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
        """Remember what the present word comes to, so that choosing custom starts from there."""
        if isinstance(self._value, str):
            self._amounts = amounts

    def _show(self, value: Padding) -> None:
        word = value if isinstance(value, str) else CUSTOM
        if not isinstance(value, str):
            self._amounts = value
            numbers = (*value[0], *value[1])
            for spin, number in zip(self.spins.values(), numbers, strict=True):
                with QSignalBlocker(spin):
                    spin.setValue(number)
            with QSignalBlocker(self.link):
                self.link.setChecked(self._wants_link and len(set(numbers)) == 1)
            self.link.update()
        self._show_word(word)

    def _show_word(self, word: str) -> None:
        self.segments.show_choice("same" if word == "same_lower" else word)
        self.segments.button("same").setText("lower" if word == "same_lower" else "same")
        for action in self._menu_group.actions():
            action.setChecked(action.data() == word)
        self.sides.setVisible(word == CUSTOM)
        self.set_hint("" if word == CUSTOM else WORDS[word].help)

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

    def _set_all(self, number: int) -> None:
        for spin in self.spins.values():
            if spin.value() != number:
                with QSignalBlocker(spin):
                    spin.setValue(number)

    def _on_link(self, linked: bool) -> None:
        self._wants_link = linked
        if linked and len({spin.value() for spin in self.spins.values()}) > 1:
            self._on_typed(self.spins["top"].value())
