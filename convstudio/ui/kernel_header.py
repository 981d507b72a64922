"""The head of the kernel editor: which preset, how many rows and columns."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from convstudio.kernels import LARGEST_SIDE, Kernel
from convstudio.spec.params import IntParam
from convstudio.ui.fields.link_button import LinkButton
from convstudio.ui.fields.quiet import ARROWS, ROW_HEIGHT, QuietSpinBox, draw_chevron
from convstudio.ui.param_form import LABEL_WIDTH
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.weight_colours import draw_thumbnail, weight_image


class PresetButton(QPushButton):
    """A button that looks like a closed list: the kernel's picture, its title, a chevron."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kernel: Kernel | None = None
        self.setObjectName("kernel-preset")
        self.setFixedHeight(ROW_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(tip("Choose a classic kernel from the library: type to search, Enter takes it."))

    def show_kernel(self, kernel: Kernel) -> None:
        """Show a kernel's picture and title."""
        self._kernel = kernel
        self.setAccessibleName(f"Preset: {kernel.title}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(150, ROW_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(90, ROW_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        theme = theme_of(self)
        painter = QPainter(self)
        box = QRectF(self.rect())
        left = 7.0
        if self._kernel is not None:
            frame = QRectF(left, (box.height() - 16) / 2, 16, 16)
            draw_thumbnail(painter, frame, weight_image(self._kernel.values, theme), 2.5)
            room = QRectF(left + 24, 0, box.width() - left - 24 - ARROWS, box.height())
            text = self.fontMetrics().elidedText(
                self._kernel.title, Qt.TextElideMode.ElideRight, int(room.width())
            )
            painter.setPen(QColor(theme.text))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        centre = QPointF(box.right() - ARROWS / 2, box.center().y())
        draw_chevron(painter, centre, QColor(theme.text_dim), up=False)
        painter.end()


class KernelHeader(QWidget):
    """``library_requested()``: the preset button was pressed. ``resize_requested(rows, columns)``: the
    user wants another size. ``show_kernel`` emits nothing.
    """

    library_requested = Signal()
    resize_requested = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-header")
        self._side: IntParam | None = None
        self.preset = PresetButton(self)
        self.preset.clicked.connect(self.library_requested)
        self._rows = self._spin("rows", "How many rows the kernel has; what was entered stays in place.")
        self._columns = self._spin(
            "columns", "How many columns the kernel has; what was entered stays in place."
        )
        self._link = LinkButton(self)
        self._link.setObjectName("kernel-square")
        self._link.setChecked(True)
        self._link.setAccessibleName("Keep the kernel square")
        self._link.setToolTip(tip("Linked, rows and columns change together and the kernel stays square."))
        self._link.toggled.connect(self._on_link_toggled)
        self._arrange()

    def _spin(self, name: str, help_text: str) -> QuietSpinBox:
        spin = QuietSpinBox(self)
        spin.setRange(1, LARGEST_SIDE)
        spin.setKeyboardTracking(False)  # typing 15 must not pass through 1
        spin.setObjectName(f"kernel-{name}")
        spin.setAccessibleName(f"Kernel {name}")
        spin.setToolTip(tip(help_text))
        spin.valueChanged.connect(self._on_size_changed)
        return spin

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        size = QHBoxLayout()
        size.setSpacing(6)
        for text, buddy, row in (("Preset", self.preset, 0), ("Size", self._rows, 1)):
            label = QLabel(text, self)
            label.setBuddy(buddy)
            label.setToolTip(buddy.toolTip())
            grid.addWidget(label, row, 0)
        times = QLabel("×", self)
        times.setProperty("role", "caption")
        size.addWidget(self._rows, 1)
        size.addWidget(times)
        size.addWidget(self._columns, 1)
        size.addWidget(self._link)
        grid.addWidget(self.preset, 0, 1)
        grid.addLayout(size, 1, 1)

    def show_kernel(self, kernel: Kernel, side: IntParam | None = None) -> None:
        """Show a kernel's title, picture and size; an oblong one opens the link.

        ``side`` is the parameter that sets the side of a square preset, if it has one: while linked, the
        arrows go in its steps. Other sizes can be typed; they make the kernel the user's own.
        """
        self._side = side
        self.preset.show_kernel(kernel)
        rows, columns = kernel.shape
        if rows != columns:
            with QSignalBlocker(self._link):
                self._link.setChecked(False)
        self._offer()
        for spin, value in ((self._rows, rows), (self._columns, columns)):
            with QSignalBlocker(spin):
                spin.setValue(value)

    def _offer(self) -> None:
        side = self._side if self._link.isChecked() else None
        for spin in (self._rows, self._columns):
            spin.setSingleStep(side.step if side else 1)

    def _on_size_changed(self, value: int) -> None:
        if self._link.isChecked():
            self.resize_requested.emit(value, value)
        else:
            self.resize_requested.emit(self._rows.value(), self._columns.value())

    def _on_link_toggled(self, linked: bool) -> None:
        self._offer()
        if linked and self._rows.value() != self._columns.value():
            side = max(self._rows.value(), self._columns.value())
            self.resize_requested.emit(side, side)
