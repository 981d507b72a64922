"""Pictures in and out by hand: dialogs, drops and the clipboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QObject, Qt, Slot
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog

from convstudio.io.project_file import SUFFIX
from convstudio.io.samples import SAMPLES
from convstudio.io.sniff import SUFFIXES
from convstudio.layers import BankLayer
from convstudio.model import LayerItem
from convstudio.ui.project_control import FILTER as PROJECT_FILTER
from convstudio.ui.project_control import is_project

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

SAVE_FILTERS = {
    "PNG, 8 bit, as shown (*.png)": (".png", 8),
    "PNG, 16 bit, as shown (*.png)": (".png", 16),
    "TIFF, float values (*.tif *.tiff)": (".tif", 8),
    "NumPy, float values (*.npy)": (".npy", 8),
}


def _files(data: QMimeData | None) -> list[Path]:
    if data is None:  # an empty clipboard may have none
        return []
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def has_picture(data: QMimeData | None) -> bool:
    """Return whether a drag or the clipboard holds a file or a picture."""
    return bool(_files(data)) or (data is not None and data.hasImage())


def _is_gone(path: Path) -> bool:
    """Whether there is no such file, rather than one that cannot be looked at just now."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


class Exchange(QObject):
    """Asks the user where from and where to, and leaves the work to the session."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._opening: Path | None = None
        self._session.picture_opened.connect(self._remember_picture)
        self._session.load_failed.connect(self._forget_missing)

    @Slot()
    def ask_open(self) -> None:
        """Ask for a picture file and open it."""
        dialog = QFileDialog(self._window, "Open a picture or a project", self._window.settings.last_folder)
        dialog.setObjectName("open-dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        patterns = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        both = f"Pictures and projects ({patterns} *{SUFFIX})"
        dialog.setNameFilters([both, f"Pictures ({patterns})", PROJECT_FILTER, "All files (*)"])
        dialog.fileSelected.connect(self._open_chosen)
        dialog.open()

    @Slot(str)
    def _open_chosen(self, name: str) -> None:
        path = Path(name)
        self._window.settings.last_folder = str(path.parent)
        self.open_path(path)

    def open_path(self, path: Path) -> None:
        """Open a picture or a project; a file that turns out to be gone leaves the recent ones."""
        self._opening = path
        if is_project(path):
            self._window.projects.open(path)
        else:
            self._session.open_path(path)

    @Slot(list)
    def open_dropped(self, paths: list[Path]) -> None:
        """Open the first of the dropped files."""
        if len(paths) > 1:
            text = f"One picture at a time: of the {len(paths)} files the first is opened."
            self._session.message.emit(text, "info", "several")
        self.open_path(paths[0])

    @Slot(QImage)
    def open_image(self, image: QImage) -> None:
        """Use a dropped picture as input."""
        self._session.open_image(image, "dropped picture")

    def paste(self) -> None:
        """Use the clipboard's picture, or the file it names, as input."""
        if not self.take(QGuiApplication.clipboard().mimeData(), "pasted picture"):
            text = "There is no picture on the clipboard. Copy one, or a picture's file, and paste again."
            self._session.message.emit(text, "warning", "open")

    def take(self, data: QMimeData | None, name: str) -> bool:
        """Open the file or the picture that a drag or the clipboard holds; return whether there is one."""
        files = _files(data)
        image = data.imageData() if data is not None and data.hasImage() else None
        if files:
            self.open_dropped(files)
        elif isinstance(image, QImage) and not image.isNull():
            self._session.open_image(image, name)
        else:
            return False
        return True

    def copy_result(self) -> None:
        """Put the result as shown on the clipboard."""
        pixels = self._session.result_pixels()
        if pixels is None:
            self._session.message.emit("There is no result to copy yet.", "warning", "copy")
            return
        height, width, _ = pixels.shape
        image = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB888).copy()
        QGuiApplication.clipboard().setImage(image)
        self._session.message.emit("The result is on the clipboard, as shown.", "info", "copy")

    @Slot()
    def ask_save(self) -> None:
        """Ask where to save the result, and in which form."""
        stem = Path(self._session.project.picture.name).stem
        shown = self._session.project.shown
        what = "photo" if shown is None else _file_word(shown)
        dialog = QFileDialog(self._window, "Save the result", self._window.settings.last_folder)
        dialog.setObjectName("save-dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(SAVE_FILTERS))
        dialog.setDefaultSuffix("png")
        dialog.selectFile(f"{stem}-{what}.png")
        # The dialog asks before it overwrites, so the suffix must be there before it looks.
        dialog.filterSelected.connect(lambda name: dialog.setDefaultSuffix(SAVE_FILTERS[name][0][1:]))
        dialog.fileSelected.connect(lambda name: self._save(name, dialog.selectedNameFilter()))
        dialog.open()

    def _save(self, name: str, chosen: str) -> None:
        path = Path(name)
        self._window.settings.last_folder = str(path.parent)
        self._session.save(path, SAVE_FILTERS[chosen][1])

    @Slot(object)
    def _remember_picture(self, picture: object) -> None:
        path = getattr(picture, "path", None)
        bundled = {sample.path for sample in SAMPLES}  # these have a menu of their own
        if isinstance(path, Path) and path not in bundled:
            self._window.settings.add_recent(path.absolute())

    @Slot()
    def _forget_missing(self) -> None:
        if self._opening is not None and _is_gone(self._opening):
            self._window.settings.remove_recent(self._opening.absolute())


def _file_word(item: LayerItem) -> str:
    """Return what a layer is called in a file's name: its preset where it has just one."""
    if item.name or not isinstance(item.layer, BankLayer) or len(item.layer.bank.filters) > 1:
        words = "".join(c if c.isalnum() else "-" for c in item.title.lower())
        return re.sub("-+", "-", words).strip("-") or "result"
    return item.layer.bank.filters[0].kernels[0].preset or "custom"
