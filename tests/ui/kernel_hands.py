"""Hands for the kernel editor's tests: real mouse, wheel and key events, and an ear for what is emitted."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from convstudio.ui.kernel_cells import Cell
from convstudio.ui.kernel_editor import KernelEditor
from convstudio.ui.kernel_surface import KernelSurface

NONE = Qt.KeyboardModifier.NoModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class Ear:
    """Keeps what an editor or a surface emitted."""

    def __init__(self, widget: KernelEditor | KernelSurface) -> None:
        self.edits: list[tuple[object, str]] = []
        self.problems: list[str] = []
        widget.edited.connect(self._hear_edit)
        widget.problem.connect(self.problems.append)

    def _hear_edit(self, what: object, key: str) -> None:
        self.edits.append((what, key))

    def last(self) -> np.ndarray:
        what = self.edits[-1][0]
        return what if isinstance(what, np.ndarray) else what.values

    def keys(self) -> set[str]:
        return {key for _, key in self.edits}


def spot(surface: KernelSurface, cell: Cell) -> QPoint:
    return surface.cells().rect(cell).center().toPoint()


def click(surface: KernelSurface, cell: Cell, button: Qt.MouseButton = LEFT, keys=NONE) -> None:
    QTest.mouseClick(surface, button, keys, spot(surface, cell))


def drag(surface: KernelSurface, points: list[QPoint], button: Qt.MouseButton = LEFT, keys=NONE) -> None:
    """Press at the first point, move through the others, release at the last."""
    QTest.mousePress(surface, button, keys, points[0])
    for point in points[1:]:
        there = QPointF(surface.mapToGlobal(point))
        move = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(point), there, Qt.MouseButton.NoButton, button, keys
        )
        QApplication.sendEvent(surface, move)
    QTest.mouseRelease(surface, button, keys, points[-1])


def hover(surface: KernelSurface, cell: Cell) -> None:
    """Come in from outside and move onto a cell."""
    for point in (QPoint(0, 0), spot(surface, cell)):
        QTest.mouseMove(surface, point)
        there = QPointF(surface.mapToGlobal(point))
        nothing = Qt.MouseButton.NoButton
        move = QMouseEvent(QEvent.Type.MouseMove, QPointF(point), there, nothing, nothing, NONE)
        QApplication.sendEvent(surface, move)


def wheel(surface: KernelSurface, cell: Cell, notches: float, keys=NONE) -> bool:
    """Turn the wheel over a cell; return whether the surface took it."""
    point = QPointF(spot(surface, cell))
    event = QWheelEvent(
        point,
        QPointF(surface.mapToGlobal(point)),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(surface, event)
    return event.isAccepted()


def context_menu(surface: KernelSurface, cell: Cell) -> None:
    point = spot(surface, cell)
    reason = QContextMenuEvent.Reason.Mouse
    QApplication.sendEvent(surface, QContextMenuEvent(reason, point, surface.mapToGlobal(point)))


def type_into(widget: QWidget, text: str, *keys: Qt.Key) -> None:
    """Type text where the focus is inside ``widget``, then press keys."""
    for letter in text:
        QTest.keyClicks(focused(widget), letter)
    for key in keys:
        QTest.keyClick(focused(widget), key)


def focused(widget: QWidget) -> QWidget:
    found = widget.window().focusWidget()
    assert found is not None
    return found


def put_on_clipboard(text: str) -> None:
    QApplication.clipboard().setText(text)
