"""The panel with all channels of the selected layer: a strip under the views that grows into a grid."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QFontMetrics, QPalette, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from convstudio.engine.evaluate import Evaluation
from convstudio.layers.base import FloatArray
from convstudio.session.map_reader import FeatureMaps, MapHead, MapRequest, head_of
from convstudio.ui.icons import icon
from convstudio.ui.map_model import MapModel
from convstudio.ui.map_view import MapView
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

HEADER_HEIGHT = 30
_RESIZE_MILLISECONDS = 150
_PIN_ROOM = 90  # px of the pinned map's name at least

SCALES = (
    ("individual", "own scales", "Each map on a scale of its own: faint ones are as clear as strong ones."),
    ("shared", "shared scale", "All maps on one scale: what is stronger looks stronger."),
)
SORTS = (
    ("index", "by channel", "In the order of the layer's channels."),
    ("energy", "by energy", "The mean of the squared values, the strongest answer first."),
    ("mean", "by mean", "The greatest mean first."),
    ("zeros", "by share of zeros", "The map with the most exact zeros first: what ReLU silenced."),
)
EXPORTS = (
    ("pictures", "All maps as PNG files…", "One picture for each map into a folder, as they are shown here."),
    ("sheet", "Contact sheet as PNG…", "All maps with their names and the scale on one labelled picture."),
    (
        "values",
        "All values as .npy…",
        "The numbers themselves, one array (channels, rows, columns), float32.",
    ),
)
"""What can be chosen: an id, the words of the menu, and a sentence that explains it."""


class FeatureMapsPanel(QWidget):
    """Shows every channel of a layer's output.

    It asks for maps by ``maps_wanted`` whenever it is visible (or ``set_watched``) and shows what
    ``show_maps`` brings; it never changes the project.
    """

    maps_wanted = Signal(object)  # MapRequest
    channel_chosen = Signal(object)  # int, or None for all together
    compare_requested = Signal(str, object)  # the layer's id; int, or None: pin this map as side A
    compare_cleared = Signal()
    export_requested = Signal(str)  # "pictures", "sheet" or "values"
    grid_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("feature-maps")
        self.setAccessibleName("Feature maps")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._head: MapHead | None = None
        self._values: FloatArray | None = None
        self._view_id = "signed"
        self._channel: int | None = None
        self._shared = False
        self._watched = False
        self._pinned_words = ""
        self._model = MapModel(self)
        self._view = MapView(self._model, self)
        self._title = self._label("maps-title", "section")
        self._pinned = QToolButton(self)
        self._pinned.setObjectName("maps-pinned")
        self._pinned.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._pinned.clicked.connect(self.compare_cleared)
        self._pinned.hide()
        self._nothing = self._label("maps-nothing", "caption")
        self._nothing.setWordWrap(True)
        self._scale = self._chooser("maps-scale", "Scale", SCALES, self._scale_picked)
        self._sort = self._chooser("maps-sort", "Order", SORTS, self._sort_picked)
        self._export = self._menu_button("maps-export", "Export the maps", EXPORTS, self._export_picked)
        self._export.setText("Export ▾")
        self._grid = self._grid_button()
        self._lay_out()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_RESIZE_MILLISECONDS)
        self._later.timeout.connect(self._ask)
        self._view.channel_chosen.connect(self._choose)
        self._view.compare_requested.connect(self._compare)
        self._view.box_changed.connect(self._later.start)
        self.show_pinned(None)
        self.show_nothing("The feature maps come with the first result.")
        self._paint_icons()

    # --- parts ---

    def _label(self, name: str, role: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _menu_button(
        self, name: str, label: str, rows: Sequence[tuple[str, str, str]], slot: object
    ) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setAccessibleName(label)
        button.setProperty("role", "flat")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setStyleSheet("QToolButton { padding: 2px 5px; }")
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        menu = QMenu(button)
        menu.setObjectName(f"{name}-menu")
        menu.setToolTipsVisible(True)
        for value, words, explained in rows:
            action = menu.addAction(words[:1].upper() + words[1:])
            action.setObjectName(f"{name}-{value}")
            action.setData(value)
            action.setToolTip(tip(explained))
        menu.triggered.connect(slot)
        button.setMenu(menu)
        button.setToolTip(tip(label, *(explained for _, _, explained in rows)))
        return button

    def _chooser(
        self, name: str, label: str, rows: Sequence[tuple[str, str, str]], slot: object
    ) -> QToolButton:
        button = self._menu_button(name, label, rows, slot)
        group = QActionGroup(button)
        for action in button.menu().actions():
            action.setCheckable(True)
            group.addAction(action)
        _tick(button, rows, rows[0][0])
        return button

    def _grid_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName("maps-grid")
        button.setAccessibleName("Grid of all maps")
        button.setProperty("role", "flat")
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setStyleSheet("QToolButton { padding: 3px; }")
        button.setToolTip(tip("All maps in a grid, larger and with their numbers; again for one row."))
        button.toggled.connect(self.set_grid)
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(10, 0, 6, 0)
        row.setSpacing(4)
        row.addWidget(self._title)
        row.addSpacing(6)
        row.addWidget(self._pinned)
        row.addStretch(1)
        for button in (self._scale, self._sort, self._export, self._grid):
            row.addWidget(button)
        header = QWidget(self)
        header.setFixedHeight(HEADER_HEIGHT)
        header.setLayout(row)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(header)
        inner = QHBoxLayout()
        inner.setContentsMargins(6, 0, 0, 0)
        inner.addWidget(self._view, 1)
        inner.addWidget(self._nothing, 1, Qt.AlignmentFlag.AlignTop)
        column.addLayout(inner, 1)
        self._apply_height()

    # --- what is shown ---

    @property
    def maps(self) -> FeatureMaps | None:
        """What is shown, None for nothing."""
        return self._model.maps

    @property
    def request(self) -> MapRequest | None:
        """What is wanted now, None where there is no result: what an export writes, too."""
        if self._head is None or self._values is None:
            return None
        box = self._view.wanted_box(self.devicePixelRatioF())
        return MapRequest(self._head, self._values, self._view_id, self._channel, self._shared, box)

    @property
    def order(self) -> tuple[int, ...]:
        """The channels in the order in which they are shown."""
        if self._model.maps is None:
            return ()
        if len(self._model.maps.stats) == 1:
            return (0,)
        return tuple(channel for channel in self._model.channels if channel is not None)

    def show_result(self, evaluation: Evaluation) -> None:
        """Show the maps of the selected layer, or of the photo, as soon as they have been read."""
        self._head, self._values = head_of(evaluation), evaluation.output
        self._view_id, self._channel = evaluation.project.look.view, evaluation.channel
        if self._model.maps is not None and self._model.maps.head.layer_id == self._head.layer_id:
            self._view.show_channel(self._channel)
        self._ask()

    def show_maps(self, maps: FeatureMaps) -> None:
        """Show maps that were read; those of a layer that is no longer the selected one are not shown."""
        if self._head is None or maps.head.layer_id != self._head.layer_id:
            return
        other = self._model.maps is None or self._model.maps.head.shape != maps.head.shape
        self._model.show_maps(maps)
        if other:
            self._view.arrange()
        count = maps.head.shape[0]
        self._title.setText(f"FEATURE MAPS · {count} CHANNEL{'S' if count != 1 else ''}")
        self._title.setToolTip(tip(f"{maps.head.title}: {'×'.join(str(n) for n in maps.head.shape)}."))
        self._view.show_channel(self._channel)
        self._show_view(True)

    def show_nothing(self, reason: str) -> None:
        """Show a sentence instead: there is no result whose channels could be shown."""
        self._head = self._values = None
        self._model.show_maps(None)
        self._title.setText("FEATURE MAPS")
        self._nothing.setText(reason)
        self._show_view(False)

    def show_pinned(self, layer_id: str | None, channel: int | None = None, words: str = "") -> None:
        """Show which map is side A of a comparison, None for none.

        Args:
            words: what it is called, such as "Conv 3→8 · 2 Laplacian".
        """
        self._model.show_pinned(None if layer_id is None else (layer_id, channel))
        self._pinned_words = words
        self._pinned.setVisible(layer_id is not None)
        self._pinned.setAccessibleName(f"Side A: {words}. Press to end comparing.")
        self._pinned.setToolTip(
            tip(
                f"A: {words}", "Choose another map, of any layer, to compare it with. Press to end comparing."
            )
        )
        self._fit_pinned()

    @Slot(bool)
    def set_grid(self, grid: bool) -> None:
        """Show the maps in a grid that fills the height it is given, or in one row."""
        if grid == self._view.grid:
            return
        self._grid.setChecked(grid)
        self._view.set_grid(grid)
        self._apply_height()
        self.grid_toggled.emit(grid)

    @property
    def is_grid(self) -> bool:
        """Whether the maps are shown in a grid."""
        return self._view.grid

    def set_watched(self, watched: bool) -> None:
        """Read maps even while the panel is hidden: somebody else shows their statistics."""
        self._watched = watched
        self._ask()

    @property
    def scale(self) -> str:
        """How the maps are coloured, one of ``SCALES``."""
        return "shared" if self._shared else "individual"

    @property
    def sort(self) -> str:
        """How the maps are ordered, one of ``SORTS``."""
        return self._model.sorted_by

    def choose_scale(self, scale: str) -> None:
        """Colour the maps by "individual" scales or by a "shared" one."""
        self._shared = scale == "shared"
        _tick(self._scale, SCALES, scale)
        self._ask()

    def choose_sort(self, sort: str) -> None:
        """Order the maps by one of ``SORTS``."""
        _tick(self._sort, SORTS, sort)
        self._model.sort_by(sort)

    def focus_maps(self) -> None:
        """Put the keyboard on the maps."""
        self._view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _show_view(self, there: bool) -> None:
        self._view.setVisible(there)
        self._nothing.setVisible(not there)
        for button in (self._scale, self._sort, self._export, self._grid):
            button.setEnabled(there)

    def _apply_height(self) -> None:
        if self._view.grid:
            self.setMinimumHeight(HEADER_HEIGHT + 150)
            self.setMaximumHeight(16777215)
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        else:
            self.setFixedHeight(HEADER_HEIGHT + self._view.minimumSizeHint().height())
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    # --- what the user chose ---

    @Slot()
    def _ask(self) -> None:
        request = self.request
        if request is not None and (self.isVisible() or self._watched):
            self.maps_wanted.emit(request)

    @Slot(object)
    def _choose(self, channel: int | None) -> None:
        if self._is_present():
            self.channel_chosen.emit(channel)

    @Slot(object)
    def _compare(self, channel: int | None) -> None:
        if self._is_present():
            assert self._head is not None
            self.compare_requested.emit(self._head.layer_id, channel)

    def _is_present(self) -> bool:
        """Whether the maps on screen are of the layer that is selected now."""
        maps, head = self._model.maps, self._head
        return maps is not None and head is not None and maps.head.layer_id == head.layer_id

    @Slot(QAction)
    def _scale_picked(self, action: QAction) -> None:
        self.choose_scale(action.data())

    @Slot(QAction)
    def _sort_picked(self, action: QAction) -> None:
        self.choose_sort(action.data())

    @Slot(QAction)
    def _export_picked(self, action: QAction) -> None:
        self.export_requested.emit(action.data())

    # --- looks ---

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_pinned()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_grid"):
            self._paint_icons()

    def _paint_icons(self) -> None:
        theme = theme_of(self)
        self._grid.setIcon(icon("grid", self.palette().color(QPalette.ColorRole.WindowText).name()))
        chip = f"border: 1px solid {theme.accent}; border-radius: 4px; padding: 1px 6px;"
        self._pinned.setStyleSheet(f"QToolButton {{ background: {theme.card}; color: {theme.text}; {chip} }}")

    def _fit_pinned(self) -> None:
        """Cut the pinned map's name where the line is short; its tooltip has it whole."""
        buttons = (self._scale, self._sort, self._export, self._grid)
        taken = self._title.sizeHint().width() + sum(each.sizeHint().width() + 4 for each in buttons) + 60
        metrics = QFontMetrics(self._pinned.font())
        room = max(_PIN_ROOM, self.width() - taken)
        words = metrics.elidedText(f"A: {self._pinned_words}", Qt.TextElideMode.ElideMiddle, room)
        self._pinned.setText(f"{words}  ✕")


def _tick(button: QToolButton, rows: Sequence[tuple[str, str, str]], value: str) -> None:
    """Write what is chosen on a button and tick it in its menu."""
    words = next(each for key, each, _ in rows if key == value)
    button.setText(f"{words} ▾")
    button.setAccessibleDescription(words)
    for action in button.menu().actions():
        action.setChecked(action.data() == value)
