"""What is remembered between runs survives one, and what cannot be read counts as not set."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings
from pytestqt.qtbot import QtBot

from convstudio.session.settings import MAX_RECENT, Settings


def reopened(path: Path) -> Settings:
    """Return settings as the next run reads them from the disk."""
    return Settings(QSettings(str(path), QSettings.Format.IniFormat))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.ini"


def save(settings: Settings, path: Path) -> Settings:
    settings.sync()
    return reopened(path)


def test_nothing_is_set_at_first(path: Path, qtbot: QtBot) -> None:
    settings = reopened(path)
    assert settings.theme == "system"
    assert settings.recent == []
    assert settings.recent_actions == []
    assert Path(settings.last_folder).is_dir()
    assert settings.layout("window") is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_recent_files_survive_a_run(path: Path, qtbot: QtBot, count: int) -> None:
    settings = reopened(path)
    files = [Path(f"/pictures/a, b & {number}.png") for number in range(count)]
    for file in reversed(files):
        settings.add_recent(file)
    assert settings.recent == files
    assert save(settings, path).recent == files


def test_recent_files_are_the_newest_each_once(path: Path, qtbot: QtBot) -> None:
    settings = reopened(path)
    told: list[list[Path]] = []
    settings.recent_changed.connect(told.append)
    for number in range(MAX_RECENT + 3):
        settings.add_recent(Path(f"/{number}.png"))
    settings.add_recent(Path("/7.png"))
    assert len(settings.recent) == MAX_RECENT
    assert settings.recent[:3] == [Path("/7.png"), Path("/12.png"), Path("/11.png")]
    settings.remove_recent(Path("/12.png"))
    assert settings.recent[:2] == [Path("/7.png"), Path("/11.png")]
    assert told[-1] == settings.recent
    settings.clear_recent()
    assert settings.recent == []
    assert save(settings, path).recent == []


@pytest.mark.parametrize("theme", ["dark", "light", "system"])
def test_the_theme_survives_a_run(path: Path, qtbot: QtBot, theme: str) -> None:
    settings = reopened(path)
    settings.theme = theme
    assert save(settings, path).theme == theme


def test_the_layout_survives_a_run(path: Path, qtbot: QtBot) -> None:
    settings = reopened(path)
    settings.set_layout("window", QByteArray(b"\x00\x01@,;\xff"))
    assert save(settings, path).layout("window") == QByteArray(b"\x00\x01@,;\xff")


def test_used_actions_survive_a_run(path: Path, qtbot: QtBot) -> None:
    for names in ([], ["undo"], ["undo", "fit"]):
        settings = reopened(path)
        settings.recent_actions = names
        assert save(settings, path).recent_actions == names


def test_a_folder_that_is_gone_is_not_offered(path: Path, qtbot: QtBot, tmp_path: Path) -> None:
    settings = reopened(path)
    settings.last_folder = str(tmp_path)
    assert save(settings, path).last_folder == str(tmp_path)
    settings.last_folder = str(tmp_path / "gone")
    assert Path(settings.last_folder).is_dir()


def test_a_damaged_file_counts_as_not_set(path: Path, qtbot: QtBot) -> None:
    path.write_text(
        "[window]\ntheme=purple\n[files]\nrecent=@ByteArray(abc)\nfolder=@Variant(\0)\n[layout]\nwindow=7\n"
        "[finder]\nrecent=@Variant(\0\0)\n"
    )
    settings = reopened(path)
    assert settings.theme == "system"
    assert settings.recent == []
    assert settings.recent_actions == []
    assert Path(settings.last_folder).is_dir()
    assert settings.layout("window") is None


def test_a_folder_that_cannot_be_looked_at_counts_as_not_set(path: Path, qtbot: QtBot) -> None:
    settings = reopened(path)
    first = settings.last_folder
    settings.last_folder = "/" + "x" * 5000
    assert settings.last_folder == first
