"""The window of ready-made filter banks: lists, numbers, what is taken."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.kernels import Bank
from convstudio.kernels.banks import BANKS
from convstudio.ui.bank_picker import BankPicker
from tests.ui.window_hands import part


@pytest.fixture
def button(qtbot: QtBot) -> QPushButton:
    button = QPushButton("Banks…")
    qtbot.addWidget(button)
    button.show()
    return button


@pytest.fixture
def picker(qtbot: QtBot, button: QPushButton) -> BankPicker:
    picker = BankPicker()
    qtbot.addWidget(picker)
    picker.open_under(button, 3)
    qtbot.waitExposed(picker)
    return picker


def choose(picker: BankPicker, bank_id: str) -> None:
    part(picker, QListWidget, "bank-list").setCurrentRow(list(BANKS).index(bank_id))


def taken(picker: BankPicker) -> list[tuple[Bank, str]]:
    found: list[tuple[Bank, str]] = []
    picker.chosen.connect(lambda bank, title: found.append((bank, title)))
    return found


def test_every_bank_is_there_with_its_source_and_a_count(picker: BankPicker) -> None:
    for bank_id, kind in BANKS.items():
        choose(picker, bank_id)
        assert kind.source in part(picker, QWidget, "bank-source").property("text")
        count = len(kind.make(3).filters)
        words = part(picker, QPushButton, "bank-use").text()
        assert words == ("Use this filter" if count == 1 else f"Use these {count} filters")


def test_enter_takes_what_is_shown_with_its_numbers(picker: BankPicker, qtbot: QtBot) -> None:
    found = taken(picker)
    choose(picker, "random")
    form: Any = part(picker, QWidget, "bank-params")
    form.edited.emit("count", 5)
    form.edited.emit("seed", 9)
    assert part(picker, QPushButton, "bank-use").text() == "Use these 5 filters"
    qtbot.keyClick(part(picker, QListWidget, "bank-list"), Qt.Key.Key_Return)
    assert found == [(BANKS["random"].make(3, count=5, seed=9), "Random, with a seed")]
    assert not picker.isVisible()


def test_the_numbers_of_a_bank_are_remembered_and_the_inputs_counted(
    picker: BankPicker, button: QPushButton, qtbot: QtBot
) -> None:
    choose(picker, "random")
    form: Any = part(picker, QWidget, "bank-params")
    form.edited.emit("count", 4)
    picker.close()
    picker.open_under(button, 8)
    found = taken(picker)
    qtbot.mouseClick(part(picker, QPushButton, "bank-use"), Qt.MouseButton.LeftButton)
    assert found[0][0].weights(8).shape == (4, 8, 3, 3)


def test_escape_takes_nothing(picker: BankPicker, qtbot: QtBot) -> None:
    found = taken(picker)
    qtbot.keyClick(part(picker, QListWidget, "bank-list"), Qt.Key.Key_Escape)
    assert not found
    assert not picker.isVisible()
