"""The panel that draws the sum behind a map."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLabel, QScrollArea, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.model import Look
from convstudio.session import sums_reader
from convstudio.session.sums_reader import SumRequest, read_sum
from convstudio.ui.partial_sums_panel import PartialSumsPanel, _Row, cropped
from tests.ui.map_hands import evaluated


class Desk:
    def __init__(self, panel: PartialSumsPanel) -> None:
        self.panel = panel
        self.wanted: list[SumRequest] = []
        panel.sums_wanted.connect(self.answer)

    def answer(self, request: SumRequest) -> None:
        self.wanted.append(request)
        self.panel.show_sums(read_sum(request))

    def text(self, name: str) -> str:
        label = self.panel.findChild(QLabel, name)
        assert label is not None
        return label.text()

    @property
    def row(self) -> _Row:
        row = self.panel.findChild(_Row)
        assert row is not None
        return row


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    panel = PartialSumsPanel()
    qtbot.addWidget(panel)
    panel.resize(826, 215)
    made = Desk(panel)
    panel.show()
    qtbot.waitExposed(panel)
    return made


def test_it_shows_a_part_for_each_input_channel_and_the_total(desk: Desk) -> None:
    desk.panel.show_result(evaluated(2, look=Look("signed", 1)))
    assert desk.text("sum-title").startswith("1 Sobel y = Σ X ⋆ W + bias, over 3 input channels")
    words = [desk.row.words_at(desk.row.place(i).center()) for i in range(4)]
    assert ["0 red" in words[0], "1 green" in words[1], "2 blue" in words[2]] == [True, True, True]
    assert "largest difference from the layer's own result" in words[3]
    assert desk.row.words_at(QPoint(-50, 0)) == ""
    assert desk.row.place(3).right() < desk.row.width()


def test_the_running_sum_is_another_picture(desk: Desk) -> None:
    desk.panel.show_result(evaluated(2))
    before = desk.row.grab().toImage()
    button = desk.panel.findChild(QToolButton, "sum-running")
    assert button is not None
    button.click()
    after = desk.row.grab().toImage()
    assert before != after
    button.click()
    assert desk.row.grab().toImage() == before


def test_the_pictures_are_painted_where_they_belong(desk: Desk) -> None:
    size = desk.row.picture
    found = evaluated(1, size=(size.height(), size.width()))
    desk.panel.show_result(found)
    sums = read_sum(desk.wanted[0])
    image = desk.row.grab().toImage()
    for index, pixels in enumerate((*(term.pixels for term in sums.terms), sums.total)):
        corner = desk.row.place(index).topLeft()
        for y, x in ((10, 20), (35, 90)):
            shown = image.pixel(corner.x() + x, corner.y() + y)
            assert shown == int(pixels.view(np.uint32)[y, x, 0])


def test_a_layer_without_a_sum_gets_a_sentence(desk: Desk) -> None:
    desk.panel.show_result(evaluated(2))
    desk.panel.show_result(evaluated(2, channels="each"))
    assert desk.text("sum-nothing") == sums_reader.ONE_INPUT
    assert not desk.row.isVisible()
    assert len(desk.wanted) == 1


def test_a_sum_that_comes_too_late_is_not_shown(desk: Desk) -> None:
    desk.panel.show_result(evaluated(2))
    late = read_sum(desk.wanted[0])
    desk.panel.show_nothing("There is no result.")
    desk.panel.show_sums(late)
    assert desk.text("sum-nothing") == "There is no result."
    assert not desk.row.isVisible()


def test_a_hidden_panel_asks_once_it_is_seen(desk: Desk) -> None:
    desk.panel.hide()
    desk.panel.show_result(evaluated(2))
    assert desk.wanted == []
    desk.panel.show()
    assert len(desk.wanted) == 1
    desk.panel.hide()
    desk.panel.show()
    assert len(desk.wanted) == 1


def test_many_channels_scroll_sideways(desk: Desk) -> None:
    import dataclasses

    found = evaluated(2)
    desk.panel.show_result(found)
    sums = read_sum(desk.wanted[0])
    many = dataclasses.replace(sums, terms=sums.terms * 100)
    desk.panel.show_sums(many)
    area = desk.panel.findChild(QScrollArea, "sum-scroll")
    assert area is not None
    assert area.horizontalScrollBar().maximum() > 30000
    area.horizontalScrollBar().setValue(area.horizontalScrollBar().maximum())
    assert not desk.panel.grab().isNull()
    visible: QWidget = area.viewport()
    end = desk.row.mapTo(visible, desk.row.place(300).center())
    assert visible.rect().contains(end)


def test_pictures_grow_with_the_panel_and_are_read_anew(desk: Desk, qtbot: QtBot) -> None:
    desk.panel.show_result(evaluated(2, size=(400, 600)))
    before, small = len(desk.wanted), desk.row.picture
    desk.panel.resize(826, 330)
    qtbot.waitUntil(lambda: len(desk.wanted) > before)
    assert desk.row.picture.height() > small.height()
    assert desk.wanted[-1].box == (desk.row.picture.height(), desk.row.picture.width())
    area = desk.panel.findChild(QScrollArea, "sum-scroll")
    assert area is not None
    assert area.verticalScrollBar().maximum() == 0


def test_nothing_is_cut_off_at_the_height_of_the_tools(desk: Desk) -> None:
    from convstudio.ui.tool_tabs import BODY_HEIGHT

    desk.panel.resize(826, BODY_HEIGHT)
    desk.panel.show_result(evaluated(2))
    area = desk.panel.findChild(QScrollArea, "sum-scroll")
    assert area is not None
    assert area.verticalScrollBar().maximum() == 0
    assert desk.row.picture.height() >= 40


def test_while_another_sum_is_computed_the_old_one_is_not_shown_for_it(desk: Desk) -> None:
    desk.panel.show_result(evaluated(2))
    desk.panel.sums_wanted.disconnect(desk.answer)
    desk.panel.show_result(evaluated(2))  # the same one, as while a weight is dragged: it stays
    assert desk.row.isVisible()
    desk.panel.show_result(evaluated(2, look=Look("signed", 1)))
    assert not desk.row.isVisible()
    assert "being computed" in desk.text("sum-nothing")


def test_a_kernel_is_drawn_without_the_zeros_around_it() -> None:
    kernel = np.zeros((7, 9))
    kernel[3, 4] = 1.0
    assert cropped(kernel).shape == (3, 5)
    kernel[1, 1] = 2.0
    assert cropped(kernel).shape == (5, 7)
    kernel[0, 0] = 1.0
    assert cropped(kernel).shape == (7, 9)
