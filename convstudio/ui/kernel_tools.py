"""The row of buttons that transform a whole kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from convstudio.kernels import transform
from convstudio.ui.icons import icon
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

Values = NDArray[np.float64]


@dataclass(frozen=True)
class _Tool:
    name: str  # of the icon, too
    label: str
    help: str
    change: Callable[[Values], Values]


_TOOLS = (
    _Tool(
        "flip-horizontal",
        "Flip left to right",
        "Mirrors the kernel left to right: an edge filter then answers to the opposite direction.",
        transform.flip_horizontal,
    ),
    _Tool(
        "flip-vertical",
        "Flip top to bottom",
        "Mirrors the kernel top to bottom; both flips together turn correlation into convolution.",
        transform.flip_vertical,
    ),
    _Tool(
        "rotate",
        "Rotate by 90°",
        "Turns the kernel a quarter, so that it finds the same structure in another direction.",
        transform.rotate_90,
    ),
    _Tool(
        "transpose",
        "Transpose",
        "Swaps rows and columns: what worked along x now works along y.",
        transform.transpose,
    ),
    _Tool(
        "negate",
        "Negate",
        "Changes every sign: bright answers become dark ones, nothing else changes.",
        transform.negate,
    ),
    _Tool(
        "normalize",
        "Normalize",
        "Scales the weights to sum 1, which keeps the brightness; a kernel that sums to 0 gets positive "
        "weights that sum to 1.",
        transform.normalize,
    ),
    _Tool(
        "centre",
        "Centre",
        "Moves the weights' centre of mass to the middle, so that the result is not shifted.",
        transform.centre,
    ),
)


class KernelTools(QWidget):
    """``pressed(change)`` carries a function from weights to weights."""

    pressed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-tools")
        self._buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        for tool in _TOOLS:
            button = QToolButton(self)
            button.setObjectName(f"kernel-tool-{tool.name}")
            button.setAccessibleName(tool.label)
            button.setToolTip(tip(f"{tool.label}.", tool.help))
            button.setIconSize(QSize(18, 18))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setStyleSheet("QToolButton { padding: 4px 0; }")
            button.clicked.connect(self._on_clicked)
            self._buttons[tool.name] = button
            row.addWidget(button)
        self._colour_icons()

    def _colour_icons(self) -> None:
        for name, button in self._buttons.items():
            button.setIcon(icon(name, theme_of(self).text))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colour_icons()

    def _on_clicked(self) -> None:
        for tool in _TOOLS:
            if self._buttons[tool.name] is self.sender():
                self.pressed.emit(tool.change)
