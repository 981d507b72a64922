"""The layer stack: a card for the photo and one for each layer, with a thumbnail and its shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from convstudio.engine.display import render
from convstudio.engine.evaluate import Evaluation
from convstudio.io.resample import shrink
from convstudio.layers import Conv, Layer
from convstudio.model import Picture, Project
from convstudio.ui.theme import theme_of

THUMBNAIL = QSize(56, 42)


def thumbnail(pixels: NDArray[np.uint8], size: QSize, ratio: float = 1.0) -> QPixmap:
    """Return ``pixels`` (H, W, 4) as a pixmap that covers ``size``, the middle of the longer side kept."""
    width, height = round(size.width() * ratio), round(size.height() * ratio)
    pixels = _middle(pixels, width, height)
    # Averaging every pixel of a photo would cost more than painting it: four a side are enough.
    step = max(1, min(pixels.shape[1] // (4 * width), pixels.shape[0] // (4 * height)))
    pixels = np.ascontiguousarray(pixels[::step, ::step])
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    if scale < 1.0:
        wide, high = max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale))
        small = shrink(pixels, wide, high)
        image = QImage(small.data, wide, high, small.strides[0], QImage.Format.Format_RGB32).copy()
    else:
        image = QImage(
            pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], QImage.Format.Format_RGB32
        ).scaled(QSize(width, height), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
    box = QRect((image.width() - width) // 2, (image.height() - height) // 2, width, height)
    pixmap = QPixmap.fromImage(image.copy(box))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _middle(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Cut ``pixels`` to the proportions of a box: scaling first would make a huge image of a thin one."""
    rows, columns = pixels.shape[:2]
    high = min(rows, max(1, -(-columns * height // width)))
    wide = min(columns, max(1, -(-rows * width // height)))
    top, left = (rows - high) // 2, (columns - wide) // 2
    return pixels[top : top + high, left : left + wide]


class StackCard(QFrame):
    """One card of the stack."""

    clicked = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._selected = False
        self._words = ""
        self._picture = QLabel(self)
        self._picture.setFixedSize(THUMBNAIL)
        self._picture.setProperty("role", "canvas")
        self._title = QLabel(self)
        self._title.setProperty("role", "title")
        self._detail = QLabel(self)
        self._detail.setProperty("role", "numbers")
        self._detail.setObjectName(f"{name}-shape")
        self._mark = QLabel(self)
        self._mark.setObjectName(f"{name}-proof")
        for label in (self._title, self._detail):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addStretch()
        words.addWidget(self._title)
        words.addWidget(self._detail)
        words.addStretch()
        row = self._title_row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(9)
        row.addWidget(self._picture)
        row.addLayout(words, 1)
        row.addWidget(self._mark)

    def show_words(self, title: str, detail: str, tip: str = "") -> None:
        """Show the card's name and its shape."""
        self._words = title
        self._detail.setText(detail)
        self._fit_title()
        self.setToolTip(tip)
        self.setAccessibleName(f"{title}, {detail}")

    def _fit_title(self) -> None:
        room = self._title.width()
        words = self._title.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideRight, room)
        self._title.setText(words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._title_row.activate()  # the title's own width follows only later
        self._fit_title()

    def show_pixels(self, pixels: NDArray[np.uint8]) -> None:
        """Show a thumbnail of a rendered picture ``(H, W, 4)``."""
        self._picture.setPixmap(thumbnail(pixels, THUMBNAIL, self.devicePixelRatioF()))

    def show_proof(self, mark: str, tip: str) -> None:
        """Show the proof's mark, such as ✓."""
        self._mark.setText(mark)
        self._mark.setToolTip(tip)
        role = "good" if mark == "✓" else "problem"
        if self._mark.property("role") != role:
            self._mark.setProperty("role", role)
            self._mark.style().polish(self._mark)

    def set_selected(self, selected: bool) -> None:
        """Draw the card as the one that the rest of the window shows."""
        self._selected = selected
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # or the release would go to the panel

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._selected:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = painter.pen()
        pen.setColor(theme_of(self).accent)
        pen.setWidthF(2.0)
        painter.setPen(pen)
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 6, 6)


class LayerList(QWidget):
    """The cards from the photo down."""

    photo_clicked = Signal()
    layer_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layer-list")
        self._shown_picture: Picture | None = None
        self._photo = StackCard("card-photo", self)
        self._photo.setCursor(Qt.CursorShape.PointingHandCursor)
        self._photo.clicked.connect(self.photo_clicked)
        self._layer = StackCard("card-layer", self)
        self._layer.set_selected(True)
        self._layer.clicked.connect(self.layer_clicked)
        arrow = QLabel("▼", self)
        arrow.setAlignment(Qt.AlignmentFlag.AlignCenter)
        arrow.setProperty("role", "caption")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._photo)
        column.addWidget(arrow)
        column.addWidget(self._layer)

    def show_project(self, project: Project) -> None:
        """Show the photo and the names; the layer's shape and thumbnail come with the result."""
        picture = project.picture
        if picture is not self._shown_picture:
            self._shown_picture = picture
            self._photo.show_pixels(_overview(picture))
        self._photo.show_words(
            picture.name,
            "×".join(str(n) for n in picture.shape),
            f"{picture.name}, {picture.source_depth}; channels × height × width. Click to open another one.",
        )
        self._layer.show_words(_layer_title(project.layers[-1].layer), "…")

    def show_result(self, evaluation: Evaluation) -> None:
        """Show the layer's shape and thumbnail."""
        self._layer.show_pixels(evaluation.output_view.pixels)
        result = evaluation.last
        shape = "×".join(str(n) for n in result.output.shape)
        parameters = result.geometry.cost.parameters
        rows, columns = result.geometry.kernel
        title = _layer_title(result.item.layer)
        self._layer.show_words(
            title,
            shape,
            f"{title}: a kernel of {rows}×{columns}, a result of {shape} (channels × height × width), "
            f"{parameters} parameters.",
        )

    def show_problem(self, text: str) -> None:
        """Mark the layer as one that has no result."""
        self._layer.show_proof("!", text)

    def show_proof(self, mark: str, tip: str) -> None:
        """Show the proof's mark on the layer's card."""
        self._layer.show_proof(mark, tip)


def _overview(picture: Picture) -> NDArray[np.uint8]:
    """Return a small rendering of a picture, from every few pixels."""
    _, height, width = picture.shape
    step = max(1, min(height, width) // (4 * THUMBNAIL.height()))
    return render(np.ascontiguousarray(picture.values[:, ::step, ::step]), "clamped").pixels


def _layer_title(layer: Layer) -> str:
    return layer.kernel.title if isinstance(layer, Conv) else layer.title
