"""What the program remembers between runs: theme, window layout, recent files and actions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from PySide6.QtCore import QByteArray, QObject, QSettings, QStandardPaths, QTemporaryDir, Signal

MAX_RECENT = 10


class Settings(QObject):
    """A thin, typed layer over ``QSettings``; a value that cannot be read counts as not set."""

    recent_changed = Signal(list)

    def __init__(self, store: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._folder: QTemporaryDir | None = None

    @classmethod
    def passing(cls) -> Self:
        """Return settings that are forgotten with the program, as for a screenshot."""
        folder = QTemporaryDir()
        settings = cls(QSettings(folder.filePath("settings.ini"), QSettings.Format.IniFormat))
        settings._folder = folder  # is deleted with the object
        return settings

    @property
    def theme(self) -> str:
        """``"system"``, ``"dark"`` or ``"light"``."""
        value = self._store.value("window/theme", "system")
        return value if value in ("system", "dark", "light") else "system"

    @theme.setter
    def theme(self, choice: str) -> None:
        self._store.setValue("window/theme", choice)

    @property
    def recent(self) -> list[Path]:
        """The most recently opened files, newest first."""
        return [Path(name) for name in self._names("files/recent")]

    def add_recent(self, path: Path) -> None:
        """Put a file on top of the recent ones."""
        self._set_recent([path, *(old for old in self.recent if old != path)][:MAX_RECENT])

    def remove_recent(self, path: Path) -> None:
        """Forget a file, because it is gone."""
        self._set_recent([old for old in self.recent if old != path])

    def clear_recent(self) -> None:
        """Forget all recent files."""
        self._set_recent([])

    def _set_recent(self, paths: list[Path]) -> None:
        self._store.setValue("files/recent", [str(path) for path in paths])
        self.recent_changed.emit(paths)

    def _names(self, key: str) -> list[str]:
        value = self._store.value(key, [])
        names = [value] if isinstance(value, str) else value  # an INI file turns a list of one into text
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    @property
    def recent_actions(self) -> list[str]:
        """The object names of the actions last run from the action finder, newest first."""
        return self._names("finder/recent")

    @recent_actions.setter
    def recent_actions(self, names: list[str]) -> None:
        self._store.setValue("finder/recent", names)

    @property
    def last_folder(self) -> str:
        """The folder in which a file was last opened or saved, at first the user's pictures."""
        value = self._store.value("files/folder", "")
        if isinstance(value, str) and os.path.isdir(value):
            return value
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        return pictures if os.path.isdir(pictures) else str(Path.home())

    @last_folder.setter
    def last_folder(self, folder: str) -> None:
        self._store.setValue("files/folder", folder)

    @property
    def training_pace(self) -> str:
        """How fast a training plays, as its transport names it; "" for the usual pace."""
        value = self._store.value("training/pace", "")
        return value if isinstance(value, str) else ""

    @training_pace.setter
    def training_pace(self, pace: str) -> None:
        self._store.setValue("training/pace", pace)

    def layout(self, name: str) -> QByteArray | None:
        """Return a remembered geometry or splitter state."""
        value = self._store.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def set_layout(self, name: str, state: QByteArray) -> None:
        """Remember a geometry or splitter state."""
        self._store.setValue(f"layout/{name}", state)

    def sync(self) -> None:
        """Write what was set to the disk now."""
        self._store.sync()
