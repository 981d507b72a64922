"""The left panel: the layer stack, what the present kernel does, and the bundled pictures."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPixmap
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
from convstudio.ui.layer_list import LayerList

SAMPLE_SIZE = QSize(52, 40)
SAMPLES_IN_A_ROW = 3


class KernelNote(QFrame):
    """What the present kernel does, and where it comes from."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-note")
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

    def show_kernel(self, kernel: Kernel) -> None:
        """Show the preset's story, or that the kernel is the user's own."""
        self._title.setText(kernel.title)
        preset = PRESETS.get(kernel.preset) if kernel.preset else None
        if preset is None:
            self._summary.setText("Your own weights. Every output cell is their sum over the window.")
        else:
            self._summary.setText(preset.summary)
        self._source.setVisible(preset is not None)
        self._source.setText(preset.source if preset else "")


class SampleGallery(QWidget):
    """The bundled pictures as small buttons."""

    sample_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sample-gallery")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
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
    """The left column of the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.layers = LayerList(self)
        self.note = KernelNote(self)
        self.samples = SampleGallery(self)
        inside = QWidget(self)
        inside.setProperty("role", "panel")
        column = QVBoxLayout(inside)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        for heading, widget in (
            ("LAYERS", self.layers),
            ("THIS KERNEL", self.note),
            ("PICTURES", self.samples),
        ):
            label = QLabel(heading, inside)
            label.setProperty("role", "section")
            column.addWidget(label)
            column.addWidget(widget)
            column.addSpacing(4)
        column.addStretch(1)
        self.setWidget(inside)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
