"""The preset library: search, keyboard, what it says."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QListView
from pytestqt.qtbot import QtBot

from convstudio.kernels import FAMILIES, PRESETS, Kernel, preset
from convstudio.ui.kernel_library import KernelLibrary

KEY = Qt.Key


@pytest.fixture
def library(qtbot: QtBot) -> KernelLibrary:
    library = KernelLibrary()
    qtbot.addWidget(library)
    library.resize(library.sizeHint())
    library.show()
    qtbot.waitExposed(library)
    library.show_kernel(preset("sobel-x").make())
    return library


def search_field(library: KernelLibrary) -> QLineEdit:
    field = library.findChild(QLineEdit, "kernel-library-search")
    assert field is not None
    return field


def said(library: KernelLibrary, name: str) -> str:
    label = library.findChild(QLabel, f"kernel-library-{name}")
    assert label is not None
    return label.text()


def heard(library: KernelLibrary) -> list[Kernel]:
    kernels: list[Kernel] = []
    library.chosen.connect(kernels.append)
    return kernels


def test_it_lists_every_preset_under_its_family(library: KernelLibrary) -> None:
    assert sorted(library.titles()) == sorted(each.title for each in PRESETS.values())
    assert {each.family for each in PRESETS.values()} <= set(FAMILIES)


def test_it_opens_on_the_present_preset_and_describes_it(library: KernelLibrary) -> None:
    found = library.highlighted()
    assert found is not None
    assert found.id == "sobel-x"
    assert said(library, "title") == found.title
    assert said(library, "summary") == found.summary
    assert said(library, "source") == found.source


def test_typing_filters_and_enter_takes_the_best(library: KernelLibrary) -> None:
    kernels = heard(library)
    QTest.keyClicks(search_field(library), "gauss")
    assert all(title in {each.title for each in PRESETS.values()} for title in library.titles())
    assert 0 < len(library.titles()) < len(PRESETS)
    found = library.highlighted()
    assert found is not None
    assert found.id == "gaussian"
    QTest.keyClick(search_field(library), KEY.Key_Return)
    assert [kernel.preset for kernel in kernels] == ["gaussian"]
    assert kernels[0] == preset("gaussian").make()


def test_arrows_move_over_headings_and_stop_at_the_ends(library: KernelLibrary) -> None:
    field, seen = search_field(library), []
    for _ in range(len(PRESETS) + 3):
        QTest.keyClick(field, KEY.Key_Up)
    for _ in range(len(PRESETS) + 3):
        found = library.highlighted()
        assert found is not None
        seen.append(found.title)
        QTest.keyClick(field, KEY.Key_Down)
    assert list(dict.fromkeys(seen)) == library.titles()
    assert field.hasFocus()


def test_a_search_without_a_result_says_so_and_enter_chooses_nothing(library: KernelLibrary) -> None:
    kernels = heard(library)
    QTest.keyClicks(search_field(library), "zzzzqq")
    assert library.titles() == []
    assert library.highlighted() is None
    assert said(library, "title") == ""
    assert said(library, "nothing")
    QTest.keyClick(search_field(library), KEY.Key_Return)
    assert kernels == []


def test_escape_asks_to_be_closed(library: KernelLibrary, qtbot: QtBot) -> None:
    with qtbot.waitSignal(library.dismissed):
        QTest.keyClick(search_field(library), KEY.Key_Escape)


def test_a_click_chooses_and_a_heading_does_not(library: KernelLibrary) -> None:
    kernels = heard(library)
    view = library.findChild(QListView, "kernel-library-list")
    assert view is not None
    view.scrollToTop()
    model = view.model()
    for row, expected in ((0, 0), (1, 1)):
        box = view.visualRect(model.index(row, 0))
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
        assert len(kernels) == expected
