"""The layer stack: a card for the photo and one for each layer, from top to bottom.

The list asks by its signals and never changes the project; ``show_*`` tell it what became of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from convstudio.engine.evaluate import Evaluation, LayerResult
from convstudio.layers.base import Repair
from convstudio.model import PHOTO, LayerItem, Project
from convstudio.session.computing import Failure
from convstudio.ui import card_menu
from convstudio.ui.card_column import CardColumn, CardDrag
from convstudio.ui.layer_card import LayerCard, PhotoCard
from convstudio.ui.stack_card import COMFORTABLE, COMPACT, StackCard
from convstudio.ui.tips import tip

ADD_HEIGHT = 30
_SPACE = 8
_LEAST = 120  # px that the cards always have
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_DASHED = """
#add-layer { background: transparent; border: 1px dashed palette(placeholder-text); }
#add-layer:hover { background: palette(button); }
#add-layer:focus { border: 1px solid palette(highlight); }
"""


class LayerList(QWidget):
    """The cards, the button that adds a layer, the keys and the mouse for them."""

    selected = Signal(str)
    rename_requested = Signal(str, str)
    duplicate_requested = Signal(str)
    delete_requested = Signal(str)
    move_requested = Signal(str, int)  # to a place, counted from 0 without the layer
    switch_requested = Signal(str, bool)
    repair_requested = Signal(str, object)  # Repair
    add_requested = Signal(str)  # after which layer, or the photo
    photo_open_requested = Signal()
    resized = Signal()  # the cards want another height than before

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layer-list")
        self.setAccessibleName("Layers")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self._selected = PHOTO
        self._room = 0  # px, 0 for as much as wanted
        self._receptive: Mapping[str, str] = {}
        self._layers: dict[str, LayerCard] = {}
        self._order: list[str] = []
        self._column = CardColumn(self)
        self._column.resized.connect(self._wants_height)
        self._photo = PhotoCard(self._column)
        self._listen(self._photo, PHOTO)
        self._photo.opened.connect(self.photo_open_requested)
        self._scroll = self._make_scroll()
        self._add = self._make_add()
        self._drag = CardDrag(self._column, self._scroll)
        self._drag.moved.connect(self._dropped)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(_SPACE)
        rows.addWidget(self._scroll, 1)
        rows.addWidget(self._add)

    def _make_scroll(self) -> QScrollArea:
        scroll = QScrollArea(self)
        scroll.setObjectName("layer-scroll")
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._column)
        self._column.setAutoFillBackground(True)  # opaque, so that scrolling moves what is painted
        return scroll

    def _make_add(self) -> QPushButton:
        add = QPushButton("+ Add layer", self)
        add.setObjectName("add-layer")
        add.setFixedHeight(ADD_HEIGHT)
        add.setStyleSheet(_DASHED)
        add.setAccessibleName("Add a layer at the end of the stack")
        add.setToolTip(tip("Choose a layer to put at the end of the stack."))
        add.clicked.connect(self._ask_add)
        return add

    def _listen(self, card: StackCard, layer_id: str) -> None:
        card.pressed.connect(self._take_focus)
        card.clicked.connect(lambda: self._select(layer_id))
        card.menu_requested.connect(lambda where: self._open_menu(layer_id, where))

    # --- what is shown ---

    @property
    def add_button(self) -> QPushButton:
        """The button that adds a layer, for what opens beside it."""
        return self._add

    @property
    def selected_id(self) -> str:
        """The layer that is selected, or the photo."""
        return self._selected

    @property
    def last_id(self) -> str:
        """The last layer, or the photo where there is none."""
        return self._order[-1] if self._order else PHOTO

    def card(self, layer_id: str) -> StackCard:
        """Return the card of a layer or of the photo.

        Raises:
            KeyError: there is none.
        """
        return self._photo if layer_id == PHOTO else self._layers[layer_id]

    def show_project(self, project: Project) -> None:
        """Show the photo and the layers; shapes and pictures come with the result."""
        self._drag.cancel()
        self._photo.show_picture(project.picture)
        wanted = [item.id for item in project.layers]
        gone = [self._layers.pop(layer_id) for layer_id in self._order if layer_id not in wanted]
        for item in project.layers:
            if item.id in self._layers:
                self._layers[item.id].show_item(item)
            else:
                self._layers[item.id] = self._make_card(item)
        self._order, moved = wanted, wanted != self._order
        chosen = self._choose(project.selected)
        if moved:
            self._fill()
        for card in gone:
            card.blockSignals(True)  # a name that is being edited is not asked for any more
            card.hide()
            card.deleteLater()
        if chosen:
            self._scroll_to(project.selected)
        self._mark_selected()

    def _make_card(self, item: LayerItem) -> LayerCard:
        card, layer_id = LayerCard(item, self._column), item.id
        self._listen(card, layer_id)
        card.switched.connect(lambda on: self.switch_requested.emit(layer_id, on))
        card.renamed.connect(lambda name: self.rename_requested.emit(layer_id, name))
        card.repair_wanted.connect(lambda repair: self.repair_requested.emit(layer_id, repair))
        card.dragged.connect(lambda where: self._drag.follow(card, where))
        card.dropped.connect(self._drag.drop)
        card.show_receptive(self._receptive.get(layer_id, ""))
        return card

    def show_result(self, evaluation: Evaluation) -> None:
        """Show the shapes and pictures of the layers that are computed, and where it went wrong."""
        self._show_results(evaluation.layers)
        if evaluation.problem is not None:
            problem = evaluation.problem
            self._show_problem(problem.layer_id, str(problem), problem.repair)
        self._column.arrange()
        self._fill()

    def show_stack(self, evaluation: Evaluation) -> None:
        """Show the whole stack's shapes and pictures."""
        self.show_result(evaluation)

    def show_failure(self, failure: Failure) -> None:
        """Show which layer could not be computed, with the reason; the layers above have their results."""
        self._show_results(failure.layers)
        if failure.layer_id is not None:
            self._show_problem(failure.layer_id, failure.message, failure.repair)
        self._column.arrange()
        self._fill()

    def _show_results(self, results: Sequence[LayerResult]) -> None:
        for result in results:
            card = self._layers.get(result.item.id)
            if card is not None:  # else the result is older than the deletion
                card.show_result(result)

    def _show_problem(self, layer_id: str, text: str, repair: Repair | None) -> None:
        if layer_id not in self._layers:
            return
        self._layers[layer_id].show_problem(text, repair)
        for below in self._order[self._order.index(layer_id) + 1 :]:
            self._layers[below].show_waiting()

    def show_proof(self, mark: str, why: str) -> None:
        """Show the proof's mark on the selected card; nothing for ""."""
        self.card(self._selected).show_proof(mark, why)

    def show_receptive(self, texts: Mapping[str, str]) -> None:
        """Show how much of the photo a cell of each layer sees: by layer id, such as "RF 4"."""
        self._receptive = dict(texts)
        for layer_id, card in self._layers.items():
            card.show_receptive(self._receptive.get(layer_id, ""))

    def _choose(self, layer_id: str) -> bool:
        """Make a card the selected one; return whether it is another than before, whose proof goes."""
        before, self._selected = self._selected, layer_id
        if layer_id != before and (before == PHOTO or before in self._layers):
            self.card(before).show_proof("", "")
        return layer_id != before

    def _mark_selected(self) -> None:
        focused = self.hasFocus()
        for layer_id in (PHOTO, *self._order):
            self.card(layer_id).set_selected(layer_id == self._selected, focused)
        self.setAccessibleDescription(self.card(self._selected).accessibleName())

    # --- where things are ---

    def set_room(self, room: int) -> None:
        """Say how high the list may become: where that is too little, the cards become tighter."""
        if room != self._room:
            self._room = room
            self._fill()

    def _fill(self) -> None:
        """Show the cards in their order, as roomy as there is room for."""
        cards = [self.card(layer_id) for layer_id in (PHOTO, *self._order)]
        density = self._photo.density
        if cards != self._column.cards:
            self._column.set_cards(cards, density)
        wanted = self._column.height_in(COMFORTABLE) + _SPACE + ADD_HEIGHT
        fitting = COMFORTABLE if not self._room or wanted <= self._room else COMPACT
        if fitting is not density:
            self._column.set_cards(cards, fitting)
            self._scroll_to(self._selected)

    @Slot()
    def _wants_height(self) -> None:
        self.updateGeometry()
        self.resized.emit()

    def _scroll_to(self, layer_id: str) -> None:
        self._scroll.ensureWidgetVisible(self.card(layer_id), 0, 12)

    def sizeHint(self) -> QSize:
        return QSize(204, self._column.minimumHeight() + _SPACE + ADD_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        least = min(_LEAST, self._column.minimumHeight())
        return QSize(160, least + _SPACE + ADD_HEIGHT)

    # --- requests ---

    def _select(self, layer_id: str) -> None:
        if layer_id != self._selected:
            self.selected.emit(layer_id)

    @Slot()
    def _take_focus(self) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    @Slot()
    def _ask_add(self) -> None:
        self.add_requested.emit(self.last_id)

    def _dropped(self, card: LayerCard, place: int) -> None:
        self.move_requested.emit(card.item.id, place)

    def begin_rename(self, layer_id: str) -> None:
        """Let a layer's name be edited on its card."""
        self._scroll_to(layer_id)
        self._layers[layer_id].begin_rename()

    def _open_menu(self, layer_id: str, where: QPoint) -> None:
        if layer_id == PHOTO:
            menu = card_menu.photo_menu(self)
        else:
            card = self._layers[layer_id]
            place, count = self._order.index(layer_id), len(self._order)
            menu = card_menu.layer_menu(card.item, card.repair, place, count, self)
        menu.triggered.connect(lambda action: self._run(str(action.data()), layer_id))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(where)

    def _run(self, command: str, layer_id: str) -> None:
        if command == card_menu.INSERT:
            self.add_requested.emit(layer_id)
        elif command == card_menu.OPEN:
            self.photo_open_requested.emit()
        elif layer_id in self._layers:
            self._run_on_layer(command, self._layers[layer_id])

    def _run_on_layer(self, command: str, card: LayerCard) -> None:
        layer_id = card.item.id
        place = self._order.index(layer_id)
        if command == card_menu.RENAME:
            self.begin_rename(layer_id)
        elif command == card_menu.DUPLICATE:
            self.duplicate_requested.emit(layer_id)
        elif command == card_menu.DELETE:
            self.delete_requested.emit(layer_id)
        elif command == card_menu.SWITCH:
            self.switch_requested.emit(layer_id, not card.item.enabled)
        elif command == card_menu.UP and place > 0:
            self.move_requested.emit(layer_id, place - 1)
        elif command == card_menu.DOWN and place < len(self._order) - 1:
            self.move_requested.emit(layer_id, place + 1)
        elif command == card_menu.REPAIR and card.repair is not None:
            self.repair_requested.emit(layer_id, card.repair)

    # --- keys ---

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self._drag.active:
            if key == Qt.Key.Key_Escape:
                self._drag.cancel()
            return
        command = card_menu.command_for(event)
        if command:
            self._run(command, self._selected)
        elif key == Qt.Key.Key_Menu or (key == Qt.Key.Key_F10 and event.modifiers() == _SHIFT):
            self._open_menu(self._selected, self.card(self._selected).menu_place())
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._selected == PHOTO:
            self.photo_open_requested.emit()
        elif event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or not self._step(key):
            super().keyPressEvent(event)

    def _step(self, key: Qt.Key) -> bool:
        ids = [PHOTO, *self._order]
        here, last = ids.index(self._selected), len(ids) - 1
        page = max(1, self._scroll.viewport().height() // (self._photo.density.height + 12))
        target = {
            Qt.Key.Key_Up: here - 1,
            Qt.Key.Key_Down: here + 1,
            Qt.Key.Key_PageUp: here - page,
            Qt.Key.Key_PageDown: here + page,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }.get(key)
        if target is None:
            return False
        self._select(ids[min(max(0, target), last)])
        return True

    def event(self, event: QEvent) -> bool:
        # While a card is dragged, Esc is for it, whatever the window uses it for.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
            and self._drag.active
        ):
            event.accept()
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._mark_selected()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._mark_selected()
        if event.reason() == Qt.FocusReason.ActiveWindowFocusReason:
            self._drag.cancel()
