"""Before and after in one view: the divider, and what lies on either side of it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from convstudio.engine.display import render
from convstudio.ui.compare_view import CompareView
from convstudio.ui.theme import apply_theme
from convstudio.ui.view_picture import ViewPicture
from convstudio.ui.viewport import Viewport

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> CompareView:
    apply_theme(qapp, "dark")
    viewport = Viewport()
    made = CompareView(viewport)
    viewport.setParent(made)
    made.resize(400, 300)
    qtbot.addWidget(made)
    made.show()
    dark, light = (np.full((1, 30, 40), level, np.float32) for level in (0.2, 0.8))
    before, after = (ViewPicture.of(render(each, "clamped"), each) for each in (dark, light))
    viewport.set_content(before.extent)
    made.show_pictures(before, after)
    return made


def levels(view: CompareView, y: int = 60) -> list[int]:
    image: QImage = view.grab().toImage()
    return [image.pixelColor(x, y).red() for x in range(image.width())]


def test_before_is_left_of_the_divider_and_after_right_of_it(view: CompareView) -> None:
    row = levels(view)
    assert (row[190], row[210]) == (51, 204)
    view.show_divider(0.25)
    row = levels(view)
    assert (row[90], row[110]) == (51, 204)


def test_the_divider_is_dragged_and_a_drag_elsewhere_pans(qtbot: QtBot, view: CompareView) -> None:
    view.viewport.zoom_to(30.0)
    centre = view.viewport.centre
    with qtbot.waitSignal(view.divider_moved):
        qtbot.mousePress(view, LEFT, pos=QPoint(200, 60))
        qtbot.mouseMove(view, QPoint(300, 60))
        qtbot.mouseRelease(view, LEFT, pos=QPoint(300, 60))
    assert view.divider == pytest.approx(0.75, abs=0.01)
    assert view.viewport.centre == centre
    qtbot.mousePress(view, LEFT, pos=QPoint(100, 60))
    qtbot.mouseMove(view, QPoint(130, 60))
    qtbot.mouseRelease(view, LEFT, pos=QPoint(130, 60))
    assert view.viewport.centre.x() == pytest.approx(centre.x() - 1.0)
    assert view.divider == pytest.approx(0.75, abs=0.01)


def test_the_divider_moves_by_keys_and_stays_inside(qtbot: QtBot, view: CompareView) -> None:
    qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.divider == pytest.approx(0.52)
    for _ in range(40):
        qtbot.keyClick(view, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert view.divider == 0.0
    assert levels(view)[40] == 204


def test_hovering_tells_the_cell_of_the_picture_on_the_right(qtbot: QtBot, view: CompareView) -> None:
    view.viewport.zoom_to(10.0)
    with qtbot.waitSignal(view.cell_hovered) as told:
        qtbot.mouseMove(view, QPoint(253, 63))  # 5.3 and 8.7 cells from the middle
    assert told.args == [6, 25]
    view.show_divider(0.1)
    view.viewport.fit()
    with qtbot.waitSignal(view.hover_left):
        qtbot.mouseMove(view, QPoint(3, 3))


def test_showing_says_nothing_and_dims_only_the_result(qtbot: QtBot, view: CompareView) -> None:
    with qtbot.assertNotEmitted(view.divider_moved), qtbot.assertNotEmitted(view.cell_hovered):
        view.show_divider(0.5)
        view.show_dimmed(True)
    row = levels(view)
    assert row[190] == 51
    assert row[210] < 150
