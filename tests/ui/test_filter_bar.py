"""The bar over the kernel: which filter, over which input channel, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPushButton, QSpinBox, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.kernels import LARGEST_BANK
from convstudio.ui.filter_bar import ALL, FilterBar
from tests.ui.window_hands import part

COLOURS = ("red", "green", "blue")


class Ear:
    """Hears everything that the bar asks for."""

    def __init__(self, bar: FilterBar) -> None:
        self.filters: list[int] = []
        self.inputs: list[int] = []
        self.counts: list[int] = []
        self.banks = 0
        bar.filter_chosen.connect(self.filters.append)
        bar.input_chosen.connect(self.inputs.append)
        bar.count_chosen.connect(self.counts.append)
        bar.bank_requested.connect(self._count_bank)

    def _count_bank(self) -> None:
        self.banks += 1

    def all(self) -> tuple[list[int], list[int], list[int], int]:
        return self.filters, self.inputs, self.counts, self.banks


@pytest.fixture
def bar(qtbot: QtBot) -> Iterator[FilterBar]:
    host = QWidget()
    qtbot.addWidget(host)
    made = FilterBar(host)
    QVBoxLayout(host).addWidget(made)
    host.resize(300, 200)
    host.show()
    qtbot.waitExposed(host)
    host.activateWindow()
    yield made
    host.close()


@pytest.fixture
def ear(bar: FilterBar) -> Ear:
    return Ear(bar)


def combo(bar: FilterBar, name: str) -> QComboBox:
    return part(bar, QComboBox, name)


def texts(box: QComboBox) -> list[str]:
    return [box.itemText(row) for row in range(box.count())]


def test_showing_asks_for_nothing(bar: FilterBar, ear: Ear) -> None:
    bar.show_filters(["Sobel x"], 0, COLOURS)
    bar.show_filters(["Sobel x", "Mean"], 1, COLOURS, 2)
    bar.show_filters(["Sobel x"] * 9, 8, ("channel 0",), ALL)
    bar.show_filters(["Sobel x"], 0, ())
    assert ear.all() == ([], [], [], 0)


def test_filters_have_numbers_and_titles(bar: FilterBar) -> None:
    bar.show_filters(["Sobel x", "mine", "mine"], 2, COLOURS, 1)
    assert texts(combo(bar, "filter-choice")) == ["0  Sobel x", "1  mine", "2  mine"]
    assert combo(bar, "filter-choice").currentIndex() == 2
    assert texts(combo(bar, "filter-input")) == ["all channels", *COLOURS]
    assert combo(bar, "filter-input").currentText() == "green"
    assert part(bar, QSpinBox, "filter-count").value() == 3


def test_lists_without_a_choice_are_left_out(bar: FilterBar) -> None:
    bar.show_filters(["Sobel x"], 0, ("channel 0",))
    assert not combo(bar, "filter-choice").isVisible()
    assert not combo(bar, "filter-input").isVisible()
    assert part(bar, QSpinBox, "filter-count").isVisible()
    bar.show_filters(["Sobel x", "Mean"], 0, COLOURS)
    assert combo(bar, "filter-choice").isVisible()
    assert combo(bar, "filter-input").isVisible()


def test_what_is_chosen_is_asked_for(bar: FilterBar, ear: Ear, qtbot: QtBot) -> None:
    bar.show_filters(["Sobel x", "Mean"], 0, COLOURS)
    combo(bar, "filter-choice").setCurrentIndex(1)
    for row in (2, 0):
        combo(bar, "filter-input").setCurrentIndex(row)
    qtbot.mouseClick(part(bar, QPushButton, "filter-bank"), Qt.MouseButton.LeftButton)
    assert ear.all() == ([1], [1, ALL], [], 1)


def test_a_typed_number_is_asked_for_once(bar: FilterBar, ear: Ear, qtbot: QtBot) -> None:
    bar.show_filters(["Sobel x"] * 3, 0, COLOURS)
    count = part(bar, QSpinBox, "filter-count")
    count.setFocus()
    qtbot.keyClick(count, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(count, "16")
    assert ear.counts == [], "16 does not pass through 1"
    qtbot.keyClick(count, Qt.Key.Key_Return)
    assert ear.counts == [16]
    qtbot.keyClick(count, Qt.Key.Key_Up)
    assert ear.counts == [16, 17]
    assert (count.minimum(), count.maximum()) == (1, LARGEST_BANK)


def test_every_control_has_a_name_and_teaches(bar: FilterBar) -> None:
    bar.show_filters(["Sobel x", "Mean"], 0, COLOURS)
    for name in ("filter-choice", "filter-input", "filter-count", "filter-bank"):
        widget = part(bar, QWidget, name)
        assert widget.accessibleName() or isinstance(widget, QPushButton)
        assert widget.toolTip()
