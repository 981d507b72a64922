"""The text field for one number."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from convstudio.ui.number_edit import NumberEdit


@pytest.fixture
def edit(qtbot: QtBot) -> NumberEdit:
    made = NumberEdit()
    qtbot.addWidget(made)
    return made


def test_enter_on_an_untouched_text_changes_nothing(edit: NumberEdit) -> None:
    entered: list[float] = []
    edit.entered.connect(entered.append)
    edit.show_value(0.07511360795)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert entered == []
    assert edit.value() == 0.07511360795


def test_a_typed_fraction_is_entered_exactly(edit: NumberEdit) -> None:
    entered: list[float] = []
    edit.entered.connect(entered.append)
    edit.show_value(2.0)
    edit.selectAll()
    QTest.keyClicks(edit, "1/9")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert entered == [1 / 9]
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert entered == [1 / 9]
