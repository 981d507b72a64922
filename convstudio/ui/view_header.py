"""The line over an image view: what it shows, how large, in which view, with which legend."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QColor, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from convstudio.engine.display import VIEWS, Rendered, view_kind
from convstudio.ui.legend_bar import LegendBar, legend_number
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.viewport import Viewport

HEIGHT = 32
_MARGIN, _GAP = 10, 8
_TITLE = 80  # the title is not shortened below this for what can be left out
_LONGEST_NAME = 18  # letters of a channel's name on its button; the menu has it whole
_COLOURS = ("red", "green", "blue")
_ZOOMS = (25, 50, 100, 200, 400, 800, 1600, 3200)


class ViewHeader(QWidget):
    """Title, detail and zoom of a view; for a result also the choice of view and channel, and the legend.

    What does not fit is left out, the least important first: the zoom, the detail; then the title is cut,
    and where even that is too much, the counts, the legend and the choice of channel go.
    """

    view_chosen = Signal(str)  # the id of a view
    channel_chosen = Signal(object)  # a channel's index, or None for all

    def __init__(self, viewport: Viewport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewport = viewport
        self._full_title = ""
        self._rendered: Rendered | None = None
        self._has_channels = False
        self._offered: tuple[int, tuple[str, ...]] = (0, ())
        self._channel_names: tuple[str, ...] = ()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._title = self._label("view-title", "title")
        self._detail = self._label("view-detail", "caption")
        self._clip = self._label("clip-note", "caption")
        self._broken = self._label("nonfinite-note", "caption")
        self._legend = LegendBar(self)
        self._views, self._channels = QMenu(self), QMenu(self)
        self._view = self._button("view-button", "View", self._views)
        self._channel = self._button("channel-button", "Channel", self._channels)
        self._zoom = self._button("zoom-button", "Zoom", self._zoom_menu())
        self._fill_menus()
        self._channel.setToolTip(tip("All channels together, or one of them on a scale of its own."))
        self._zoom.setToolTip(
            tip("Real screen pixels per picture pixel.", "Wheel to zoom, 0 to fit, 1 for 100%.")
        )
        self._view.hide()
        self._legend.hide()
        viewport.changed.connect(self._show_zoom)
        self._show_zoom()
        self._colour_notes()

    # --- what is shown ---

    def show_title(self, title: str, detail: str = "") -> None:
        """Show what the view holds, and a dim remark such as its size."""
        self._full_title = title
        self._title.setToolTip(tip(title, detail))
        self._detail.setText(detail)
        self.setAccessibleDescription(f"{title}, {detail}" if detail else title)
        self._arrange()

    def words(self) -> tuple[str, str]:
        """Return the title and the remark."""
        return self._full_title, self._detail.text()

    def show_detail(self, detail: str) -> None:
        """Show another remark beside the same title."""
        self.show_title(self._full_title, detail)

    def show_rendered(
        self,
        rendered: Rendered,
        *,
        channels: int = 1,
        channel: int | None = None,
        names: tuple[str, ...] = (),
    ) -> None:
        """Show view, channel and legend of a result of that many channels, with names or without.

        What the view clipped and what is not finite is counted in words.
        """
        kind = view_kind(rendered.view)
        self._view.setToolTip(tip("How the result is shown.", kind.help))
        _tick(self._views, rendered.view)
        self._offer_channels(channels, names)
        self._channel.setText(f"{self._channel_word(channel)} ▾")
        _tick(self._channels, channel)
        self._legend.show_legend(rendered.low, rendered.high, rendered.legend)
        self._legend.setToolTip(tip(kind.help))
        self._clip.setToolTip(_clip_tip(rendered))
        self._broken.setToolTip(
            tip("Pixels with an infinite value or none at all (NaN): magenta, and left out of the scale.")
        )
        self._rendered, self._has_channels = rendered, channels > 1
        self._colour_notes()
        self._arrange()

    @Slot()
    def _show_zoom(self) -> None:
        text = f"{self._viewport.describe()} ▾"
        if text != self._zoom.text():
            self._zoom.setText(text)
            self._arrange()

    # --- what the user chose ---

    @Slot(QAction)
    def _view_picked(self, action: QAction) -> None:
        self.view_chosen.emit(action.data())

    @Slot(QAction)
    def _channel_picked(self, action: QAction) -> None:
        self.channel_chosen.emit(action.data())

    @Slot(QAction)
    def _zoom_picked(self, action: QAction) -> None:
        if action.data() is None:
            self._viewport.fit()
        else:
            self._viewport.set_zoom(action.data())

    # --- parts ---

    def _label(self, name: str, role: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _button(self, name: str, label: str, menu: QMenu) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setAccessibleName(label)
        button.setProperty("role", "flat")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(menu)
        button.setStyleSheet("QToolButton { padding: 2px 5px; }")
        return button

    def _fill_menus(self) -> None:
        self._views.setToolTipsVisible(True)
        _fill(self._views, [(kind.title, kind.id, kind.help) for kind in VIEWS])
        self._views.triggered.connect(self._view_picked)
        self._channels.triggered.connect(self._channel_picked)

    def _offer_channels(self, channels: int, names: tuple[str, ...]) -> None:
        """Fill the menu of channels, unless it holds them already: it may have hundreds."""
        if (channels, names) == self._offered:
            return
        self._offered = (channels, names)
        self._channels.clear()
        rows: list[tuple[str, int | None, str]] = [("all channels", None, "")] if channels == 3 else []
        if not names and channels == 3:
            names = _COLOURS
        elif names:
            names = tuple(f"{index} {name}" for index, name in enumerate(names))
        else:
            names = tuple(f"channel {index}" for index in range(channels))
        self._channel_names = names
        _fill(
            self._channels, rows + [(name.replace("&", "&&"), index, "") for index, name in enumerate(names)]
        )

    def _channel_word(self, channel: int | None) -> str:
        """Return the channel's name as a button takes it; a long one would push the others out."""
        if channel is None:
            return "RGB"
        name = self._channel_names[channel]
        short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"
        return short.replace("&", "&&")

    def _zoom_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("fit")
        for percent in _ZOOMS:
            menu.addAction(f"{percent}%").setData(percent / 100.0)
        menu.triggered.connect(self._zoom_picked)
        return menu

    # --- arranging ---

    def sizeHint(self) -> QSize:
        return QSize(450, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._colour_notes()
            self._arrange()

    def _arrange(self) -> None:
        """Share out the line: choices, notes and a small legend first, then the title, then what remains."""
        whole = self._title.fontMetrics().horizontalAdvance(self._full_title) + 2
        choices: list[QWidget] = [self._view] if self._rendered is not None else []
        if self._has_channels:
            choices.append(self._channel)
        self._name_view(short=False)
        if sum(_width(each) + _GAP for each in choices) > self.width() - 2 * _MARGIN:
            self._name_view(short=True)
        narrow = self._legend.minimumSizeHint().width()
        legend: list[QWidget] = [self._legend] if self._rendered is not None else []
        room = self.width() - 2 * _MARGIN - sum(_width(each) + _GAP for each in choices)
        room -= narrow + _GAP if legend else 0
        for short in (False, True):
            self._say_notes(short)
            notes: list[QWidget] = [note for note in (self._broken, self._clip) if note.text()]
            needed = sum(_width(note) + _GAP for note in notes)
            if room - needed >= min(whole, _TITLE):
                break
        room -= needed
        for part, parts in (
            (self._clip, notes),
            (self._legend, legend),
            (self._broken, notes),
            (self._channel, choices),
        ):
            if room < 0 and part in parts:
                parts.remove(part)
                room += (narrow if part is self._legend else _width(part)) + _GAP
        title = max(0, min(whole, room))
        room -= title
        shown: list[QWidget] = [*notes, *choices]
        extras: tuple[QWidget, ...] = (
            (self._detail, self._zoom) if self._rendered is not None else (self._zoom, self._detail)
        )
        for extra in extras:
            width = _width(extra) + _GAP
            if width <= room and (extra is self._zoom or self._detail.text()):
                shown.append(extra)
                room -= width
        if legend:
            shown.append(self._legend)
            narrow = min(narrow + max(0, room), self._legend.sizeHint().width())
        self._title.setText(
            self._title.fontMetrics().elidedText(self._full_title, Qt.TextElideMode.ElideRight, title)
        )
        self._place(shown, title, narrow)

    def _place(self, shown: list[QWidget], title: int, legend: int) -> None:
        x = _MARGIN
        self._title.setGeometry(x, 0, title, HEIGHT)
        x += title + _GAP
        starting: tuple[QWidget, ...] = (self._detail, self._view, self._channel)
        ending: tuple[QWidget, ...] = (self._zoom, self._legend, self._clip, self._broken)
        for part in (*starting, *ending):
            part.setVisible(part in shown)
        for part in starting:
            if part in shown:
                _put(part, x, _width(part))
                x += _width(part) + _GAP
        right = self.width() - _MARGIN
        for part in ending:
            if part in shown:
                width = legend if part is self._legend else _width(part)
                right -= width
                _put(part, right, width)
                right -= _GAP

    def _name_view(self, *, short: bool) -> None:
        """Write the view's name, or its first word where there is hardly any room."""
        if self._rendered is not None:
            title = view_kind(self._rendered.view).title
            self._view.setText(f"{title.split()[0] if short else title} ▾")

    def _say_notes(self, short: bool) -> None:
        """Write what was clipped and what is not finite, in a word or two where there is little room."""
        rendered = self._rendered
        if rendered is None:
            return
        percent = 100.0 * rendered.clipped_share
        share = f"{percent:.1f} %" if percent >= 0.1 else "<0.1 %"
        broken = f"{rendered.nonfinite:,}"
        self._clip.setText("" if not rendered.clipped else share if short else f"{share} clipped")
        self._broken.setText(
            "" if not rendered.nonfinite else f"{broken} NaN" if short else f"{broken} not finite"
        )

    def _colour_notes(self) -> None:
        theme = theme_of(self)
        # The signed scale leaves out a few extremes on purpose: worth a word, not a warning.
        usual = self._rendered is not None and self._rendered.view == "signed"
        clip = theme.text_dim if usual else theme.warning
        for note, colour in ((self._clip, clip), (self._broken, theme.error)):
            if note.property("colour") == colour:
                continue  # a new style sheet costs more than the rest of the header
            note.setProperty("colour", colour)
            palette = QPalette(self.palette())
            palette.setColor(QPalette.ColorRole.WindowText, QColor(colour))
            note.setPalette(palette)
            note.setStyleSheet(f"QLabel {{ color: {colour}; }}")

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.panel))
        painter.fillRect(0, self.height() - 1, self.width(), 1, QColor(theme.border))
        painter.end()


def _width(part: QWidget) -> int:
    if isinstance(part, QToolButton):  # its own hint keeps room for an arrow that the theme does not draw
        return part.fontMetrics().horizontalAdvance(part.text()) + 12
    return part.sizeHint().width()


def _put(part: QWidget, x: int, width: int) -> None:
    height = min(part.sizeHint().height(), HEIGHT - 4)
    part.setGeometry(x, (HEIGHT - height) // 2, width, height)


def _tick(menu: QMenu, value: object) -> None:
    for action in menu.actions():
        action.setChecked(action.data() == value)


def _clip_tip(rendered: Rendered) -> str:
    low, high = legend_number(rendered.low), legend_number(rendered.high)
    return tip(
        f"{rendered.clipped:,} of {rendered.total:,} values lie outside {low} to {high} "
        f"and are shown as its ends: {rendered.below:,} below, {rendered.above:,} above."
    )


def _fill(menu: QMenu, rows: Sequence[tuple[str, object, str]]) -> None:
    """Fill a menu with choices of which one is ticked: title, value, tool tip."""
    for group in menu.findChildren(QActionGroup):
        group.deleteLater()
    group = QActionGroup(menu)
    for title, value, text in rows:
        action = menu.addAction(title)
        action.setCheckable(True)
        action.setData(value)
        action.setToolTip(tip(text))
        group.addAction(action)
