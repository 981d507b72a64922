"""The left panel: the layer stack, receptive fields, what the kernel does, and the bundled pictures."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from convstudio.io.samples import SAMPLES, Sample
from convstudio.kernels import PRESETS, Kernel
from convstudio.layers import Layer
from convstudio.ui.layer_gallery import LayerGallery
from convstudio.ui.layer_list import LayerList
from convstudio.ui.tips import tip

WIDTH = 224
SAMPLE_SIZE = QSize(31, 25)
SAMPLES_IN_A_ROW = 5
_EDGE, _SPACE = 10, 8


class _Note(QFrame):
    """A card of words, as high as they need to be.

    It keeps that to itself: a scroll area gives what is in it the height that it would like best as soon as
    anything there depends on the width, and then the layers would not scroll by themselves.
    """

    def hasHeightForWidth(self) -> bool:
        return False

    def fit(self, width: int) -> int:
        """Take and return the height that the words need at a width."""
        layout = self.layout()
        assert layout is not None
        height = max(1, layout.totalHeightForWidth(width))
        self.setFixedHeight(height)
        return height


class KernelNote(_Note):
    """What the present kernel does, and where it comes from."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-note")
        self.known = False
        self.setProperty("role", "card")
        self._title = QLabel(self)
        self._title.setProperty("role", "title")
        self._summary = QLabel(self)
        self._source = QLabel(self)
        self._source.setProperty("role", "caption")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 9, 10, 10)
        column.setSpacing(5)
        for label in (self._title, self._summary, self._source):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setMinimumWidth(1)  # wraps to whatever the panel is wide
            column.addWidget(label)

    def show_kernel(self, kernel: Kernel | None) -> None:
        """Show the preset's story, or that the kernel is the user's own; None where there is no kernel."""
        self.known = kernel is not None
        if kernel is None:
            return
        self._title.setText(kernel.title)
        preset = PRESETS.get(kernel.preset) if kernel.preset else None
        if preset is None:
            self._summary.setText(
                "Weights that were entered or learned. Every output cell is their sum over the window."
            )
        else:
            self._summary.setText(preset.summary)
        self._source.setVisible(preset is not None)
        self._source.setText(preset.source if preset else "")


class ReceptiveNote(_Note):
    """How much of the photo the deepest cells see."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("receptive-note")
        self.setProperty("role", "card")
        self._labels = {name: QLabel(self) for name in ("title", "numbers", "hint")}
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 9)
        column.setSpacing(3)
        for (name, label), role in zip(self._labels.items(), ("", "numbers", "caption"), strict=True):
            label.setObjectName(f"receptive-{name}")
            label.setProperty("role", role)
            label.setWordWrap(True)
            label.setMinimumWidth(1)
            column.addWidget(label)
        self.setToolTip(
            tip(
                "The receptive field is the part of the photo that one cell of a layer depends on.",
                "The jump is how far it moves from one cell to the next.",
            )
        )

    def show_note(self, title: str, numbers: str, hint: str) -> None:
        """Show "Receptive field of the last layer", its numbers, and what a click does."""
        first, space, rest = escape(title, quote=False).partition(" of ")
        self._labels["title"].setText(f"<b>{first}</b>{space}{rest}")
        self._labels["numbers"].setText(escape(numbers, quote=False))
        self._labels["hint"].setText(escape(hint, quote=False))
        for label in self._labels.values():
            label.setVisible(bool(label.text()))


class SampleGallery(QWidget):
    """The bundled pictures as small buttons."""

    sample_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sample-gallery")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        self._pending: list[Sample] = []
        self._buttons: dict[str, QToolButton] = {}
        for index, sample in enumerate(SAMPLES):
            button = self._make_button(sample)
            grid.addWidget(button, index // SAMPLES_IN_A_ROW, index % SAMPLES_IN_A_ROW)
            grid.setColumnStretch(index % SAMPLES_IN_A_ROW, 1)
            self._buttons[sample.id] = button

    def _make_button(self, sample: Sample) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(f"sample-{sample.id}")
        button.setProperty("role", "thumbnail")
        button.setToolTip(f"{sample.title}. {sample.note}")
        button.setAccessibleName(f"Open the bundled picture {sample.title}")
        button.setIconSize(SAMPLE_SIZE)
        button.clicked.connect(lambda: self.sample_chosen.emit(sample.id))
        return button

    def load_icons(self) -> None:
        """Draw the thumbnails one after another: decoding a picture takes a moment, and events go between."""
        self._pending = list(SAMPLES)
        self._load_next()

    @Slot()
    def _load_next(self) -> None:
        if self._pending:
            sample = self._pending.pop(0)
            self._buttons[sample.id].setIcon(_cover(QPixmap(str(sample.path)), SAMPLE_SIZE))
            QTimer.singleShot(0, self, self._load_next)


def _cover(picture: QPixmap, size: QSize) -> QPixmap:
    scaled = picture.scaled(
        size * 2,
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )
    left, top = (scaled.width() - size.width() * 2) // 2, (scaled.height() - size.height() * 2) // 2
    cut = scaled.copy(left, top, size.width() * 2, size.height() * 2)
    cut.setDevicePixelRatio(2.0)
    return cut


class Sidebar(QScrollArea):
    """The left column of the window.

    ``layers_requested(layers, after, title)`` carries what was chosen in the gallery.
    """

    layers_requested = Signal(list, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._fits = QTimer(self)  # once the words have settled
        self._fits.setSingleShot(True)
        self._fits.setInterval(0)
        self._fits.timeout.connect(self._share_room)
        self.layers = LayerList(self)
        self.receptive = ReceptiveNote(self)
        self.note = KernelNote(self)
        self.samples = SampleGallery(self)
        self._gallery: LayerGallery | None = None
        self.layers.add_requested.connect(self.open_gallery)
        self.layers.resized.connect(self._room_wanted)
        self._headings = {text: self._make_heading(text) for text in ("LAYERS", "THIS KERNEL", "PICTURES")}
        self._lay_out()
        self.receptive.hide()
        self._show_kernel_note(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _make_heading(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setProperty("role", "section")
        return label

    def _lay_out(self) -> None:
        inside = QWidget(self)
        inside.setProperty("role", "panel")
        column = self._rows = QVBoxLayout(inside)
        column.setContentsMargins(_EDGE, _EDGE, _EDGE, _EDGE)
        column.setSpacing(_SPACE)
        column.addWidget(self._headings["LAYERS"])
        column.addWidget(self.layers)
        column.addWidget(self.receptive)
        column.addWidget(self._headings["THIS KERNEL"])
        column.addWidget(self.note)
        column.addStretch(1)
        column.addWidget(self._headings["PICTURES"])
        column.addWidget(self.samples)
        for fixed in (self.receptive, self.note, self.samples, *self._headings.values()):
            fixed.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setWidget(inside)

    # --- what is shown ---

    def show_note(self, title: str, numbers: str, hint: str) -> None:
        """Show how much of the photo a cell sees; without numbers the note goes."""
        self.receptive.setVisible(bool(numbers))
        self.receptive.show_note(title, numbers, hint)
        self._room_wanted()

    def show_kernel(self, kernel: Kernel | None) -> None:
        """Tell the story of a kernel, where there is room for it; None for a layer without one."""
        self.note.show_kernel(kernel)
        self._room_wanted()

    # --- room ---

    @Slot()
    def _room_wanted(self) -> None:
        self._fits.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    @Slot()
    def _share_room(self) -> None:
        """The layers come first: their cards get tight, and the kernel's story goes, before they scroll."""
        width = self.viewport().width() - 2 * _EDGE
        story, receptive = self.note.fit(width), self.receptive.fit(width)
        heading = self._headings["LAYERS"].sizeHint().height()
        taken = 2 * (_EDGE + heading + _SPACE) + self.samples.sizeHint().height() + _SPACE
        if not self.receptive.isHidden():
            taken += receptive + _SPACE
        room = self.height() - taken
        self.layers.set_room(room)
        wanted = self.layers.sizeHint().height() + _SPACE + heading + _SPACE + story
        self._show_kernel_note(self.note.known and wanted <= room)

    def _show_kernel_note(self, shown: bool) -> None:
        self.note.setVisible(shown)
        self._headings["THIS KERNEL"].setVisible(shown)

    # --- adding ---

    @property
    def gallery(self) -> LayerGallery:
        """The gallery, made when it is first asked for: the window is there sooner."""
        if self._gallery is None:
            self._gallery = LayerGallery(self)
            self._gallery.chosen.connect(self._chosen)
        return self._gallery

    @Slot(str)
    def open_gallery(self, after: str = "") -> None:
        """Open the gallery for a new layer below one, or below the selected one."""
        after = after or self.layers.selected_id
        last = after == self.layers.last_id
        anchor = self.layers.add_button if last else self.layers.card(after)
        self.gallery.open_beside(anchor, after)

    @Slot(list, str)
    def _chosen(self, layers: list[Layer], title: str) -> None:
        self.layers_requested.emit(layers, self.gallery.after, title)
