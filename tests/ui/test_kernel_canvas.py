"""The paintable picture of a big kernel."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from convstudio.ui.kernel_canvas import KernelCanvas
from tests.ui.kernel_hands import RIGHT, Ear, click, drag, hover, spot, wheel


@pytest.fixture
def canvas(qtbot: QtBot) -> KernelCanvas:
    canvas = KernelCanvas()
    qtbot.addWidget(canvas)
    canvas.show_values(np.zeros((15, 21)))
    canvas.resize(280, canvas.height())
    canvas.show()
    qtbot.waitExposed(canvas)
    return canvas


def test_a_stroke_paints_the_brush_under_one_key(canvas: KernelCanvas) -> None:
    ear = Ear(canvas)
    canvas.set_brush(0.5)
    drag(canvas, [spot(canvas, (3, 2)), spot(canvas, (3, 4)), spot(canvas, (3, 9))])
    expected = np.zeros((15, 21))
    expected[3, 2:10] = 0.5
    np.testing.assert_array_equal(ear.last(), expected)
    assert len(ear.keys()) == 1
    assert ear.keys() != {""}
    assert canvas.current() == (3, 9)


def test_two_strokes_are_two_gestures(canvas: KernelCanvas) -> None:
    ear = Ear(canvas)
    click(canvas, (0, 0))
    click(canvas, (14, 20))
    assert len(ear.keys()) == 2


def test_the_right_button_erases_while_it_drags(canvas: KernelCanvas) -> None:
    canvas.show_values(np.ones((15, 21)))
    drag(canvas, [spot(canvas, (5, 5)), spot(canvas, (5, 6)), spot(canvas, (5, 8))], RIGHT)
    assert not canvas.values()[5, 5:9].any()
    assert canvas.values().sum() == 15 * 21 - 4
    assert canvas.findChild(QMenu, "kernel-menu") is None


def test_the_right_button_opens_the_menu_when_it_rests(canvas: KernelCanvas) -> None:
    ear = Ear(canvas)
    click(canvas, (2, 2), RIGHT)
    menu = canvas.findChild(QMenu, "kernel-menu")
    assert menu is not None
    menu.close()
    assert not ear.edits


def test_control_click_takes_the_cells_weight_as_the_brush(canvas: KernelCanvas, qtbot: QtBot) -> None:
    values = np.zeros((15, 21))
    values[4, 4] = -0.75
    canvas.show_values(values)
    ear = Ear(canvas)
    with qtbot.waitSignal(canvas.brush_picked) as picked:
        click(canvas, (4, 4), keys=Qt.KeyboardModifier.ControlModifier)
    assert picked.args == [-0.75]
    assert not ear.edits
    click(canvas, (0, 0))
    assert canvas.values()[0, 0] == -0.75


def test_a_stroke_may_leave_the_picture(canvas: KernelCanvas) -> None:
    start = spot(canvas, (0, 3))
    drag(canvas, [start, start - (start - spot(canvas, (0, 3))), spot(canvas, (0, 3)) * 0])
    assert canvas.values()[0, 0] == 1.0


def test_hovering_says_which_cell(canvas: KernelCanvas) -> None:
    heard: list[object] = []
    canvas.hovered.connect(heard.append)
    hover(canvas, (7, 7))
    assert heard[-1] == (7, 7)


def test_the_wheel_steps_the_hovered_cell(canvas: KernelCanvas) -> None:
    hover(canvas, (7, 7))
    assert wheel(canvas, (7, 7), -2)
    assert canvas.values()[7, 7] == -0.2


def test_typing_is_handed_on(canvas: KernelCanvas, qtbot: QtBot) -> None:
    with qtbot.waitSignal(canvas.typing_started) as started:
        QTest.keyClicks(canvas, "4")
    assert started.args == ["4"]


def test_space_paints_the_current_cell(canvas: KernelCanvas) -> None:
    canvas.set_current((6, 6))
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert canvas.values()[6, 6] == 1.0


@pytest.mark.parametrize("shape", [(10, 10), (63, 63), (1, 63), (63, 1), (40, 12)])
def test_every_shape_fits_the_narrowest_editor(canvas: KernelCanvas, shape: tuple[int, int]) -> None:
    canvas.show_values(np.zeros(shape))
    canvas.resize(268, canvas.height())
    bounds = canvas.cells().bounds()
    assert canvas.rect().toRectF().contains(bounds)
    assert min(canvas.cells().width, canvas.cells().height) >= 4.0


def test_each_weight_is_drawn_where_its_cell_is(canvas: KernelCanvas) -> None:
    values = np.zeros((63, 63))
    values[10, 50] = 1.0
    values[50, 10] = -1.0
    canvas.show_values(values)
    canvas.set_current((0, 0))
    picture: QImage = canvas.grab().toImage()
    scale = picture.devicePixelRatio()
    warm = picture.pixelColor((spot(canvas, (10, 50)).toPointF() * scale).toPoint())
    cold = picture.pixelColor((spot(canvas, (50, 10)).toPointF() * scale).toPoint())
    assert warm.red() > warm.blue() + 60
    assert cold.blue() > cold.red() + 60
