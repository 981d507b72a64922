"""Kernels in and out of the window: one kernel, a whole bank, and files that hold none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from convstudio.kernels import Bank
from convstudio.kernels.banks import BANKS
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import open_window, part, random_picture, settle, text_of


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = open_window(qtbot, tmp_path / "settings.ini")
    window.session.set_picture(random_picture(3, 20, 24))
    settle(qtbot, window)
    yield window
    window.close()


def wait(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.kernel_exchange.busy)
    settle(qtbot, window)


def bank(window: MainWindow) -> Bank:
    return window.session.project.bank_layer("conv-1").bank


@pytest.mark.parametrize("suffix", [".json", ".csv", ".npy"])
def test_a_bank_goes_out_and_comes_back(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, suffix: str
) -> None:
    made = BANKS["random"].make(3, count=5)
    window.control.edits.set_bank("conv-1", made, channels="all")
    path = tmp_path / f"bank{suffix}"
    window.kernel_exchange.export_file(str(path), bank(window))
    wait(qtbot, window)
    window.control.edits.set_bank("conv-1", BANKS["sobel"].make(), channels="all")
    window.kernel_exchange.import_file(str(path))
    wait(qtbot, window)
    np.testing.assert_array_equal(bank(window).weights(3), made.weights(3))
    assert "5 filters" in text_of(window, "message-text")
    window.session.undo()
    assert bank(window) == BANKS["sobel"].make()


def test_a_single_kernel_takes_the_place_of_the_one_that_is_edited(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    window.control.edits.set_bank("conv-1", BANKS["sobel"].make(), channels="all")
    window.session.set_channel(1)
    (tmp_path / "one.csv").write_text("0, 1/4, 0\n1/4, 0, 1/4\n0, 1/4, 0\n")
    window.kernel_exchange.import_file(str(tmp_path / "one.csv"))
    wait(qtbot, window)
    filters = bank(window).filters
    assert filters[0] == BANKS["sobel"].make().filters[0]
    np.testing.assert_array_equal(filters[1].kernels[0].values, [[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]])


def test_a_file_without_kernels_changes_nothing_and_is_told(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    before = window.session.project
    (tmp_path / "letter.csv").write_text("Dear all,\nthese are no numbers")
    for name in ("letter.csv", "missing.json"):
        window.kernel_exchange.import_file(str(tmp_path / name))
        wait(qtbot, window)
        assert name in text_of(window, "message-text")
    assert window.session.project == before


def test_a_folder_that_cannot_be_written_is_told(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.kernel_exchange.export_file(str(tmp_path / "none" / "bank.json"), bank(window))
    wait(qtbot, window)
    assert "none" in text_of(window, "message-text") or "bank.json" in text_of(window, "message-text")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["import-kernels", "export-kernel", "export-bank"])
def test_the_menu_opens_a_dialog(window: MainWindow, qtbot: QtBot, name: str) -> None:
    window.actions_table[name].trigger()
    which = "import-kernels-dialog" if name.startswith("import") else "export-kernels-dialog"
    part(window, QFileDialog, which).reject()
