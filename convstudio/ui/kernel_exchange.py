"""Kernels in and out by hand: files of one kernel or of a whole filter bank."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from convstudio.core import Control
from convstudio.io.kernel_file import READABLE, KernelFileError, load_bank, save_bank
from convstudio.kernels import Bank
from convstudio.session.runner import LatestWins
from convstudio.session.session import Session

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

EXPORT_FILTERS = {
    "JSON, with names and presets (*.json)": ".json",
    "CSV, rows of numbers (*.csv)": ".csv",
    "NumPy, the weights alone (*.npy)": ".npy",
}


class KernelExchange(QObject):
    """Asks which file, reads and writes it on a worker, and puts what was read into the selected layer."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session: Session = window.session
        self._reader = LatestWins("convstudio-kernels-in", self)
        self._writer = LatestWins("convstudio-kernels-out", self)
        self._reader.done.connect(self._read)
        self._writer.done.connect(self._written)
        for worker in (self._reader, self._writer):
            worker.failed.connect(self._failed)
        self._layer_id = ""

    @property
    def busy(self) -> bool:
        """Whether a file is being read or written."""
        return self._reader.busy or self._writer.busy

    def ask_import(self) -> None:
        """Ask for a file of kernels."""
        dialog = QFileDialog(self._window, "Import kernels", self._window.settings.last_folder)
        dialog.setObjectName("import-kernels-dialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        patterns = " ".join(f"*{suffix}" for suffix in READABLE)
        dialog.setNameFilters([f"Kernels ({patterns})", "All files (*)"])
        dialog.fileSelected.connect(self.import_file)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def import_file(self, name: str) -> None:
        """Read a file into the selected layer: one kernel for the one that is edited, several for all."""
        item = self._window.control.bank_item()
        if item is None:
            return
        self._layer_id, path = item.id, Path(name)
        self._window.settings.last_folder = str(path.parent)

        def work(_control: Control) -> tuple[Bank, str]:
            return load_bank(path), path.name

        self._reader.submit(work)

    @Slot(object)
    def _read(self, found: tuple[Bank, str]) -> None:
        bank, name = found
        item = self._window.control.bank_item()
        if item is None or item.id != self._layer_id:
            self._tell(f"{name} was not used: another layer was selected meanwhile.", "warning")
            return
        only = bank.filters[0]
        if len(bank.filters) == 1 and only.shared:
            index, channel = self._window.control.target()
            self._session.set_kernel(item.id, only.kernels[0], index=index, channel=channel)
            self._tell(f"Imported the kernel of {name}.", "info")
        else:
            self._window.control.edits.set_bank(item.id, bank, f"importing {name}", channels="all")
            count = len(bank.filters)
            self._tell(f"Imported {count} {'filter' if count == 1 else 'filters'} of {name}.", "info")

    def ask_export(self, *, whole: bool) -> None:
        """Ask where to write the kernel that is edited, or all kernels of the layer."""
        item = self._window.control.bank_item()
        if item is None:
            return
        bank = item.layer.bank if whole else Bank.of(self._window.editor.kernel())  # type: ignore[attr-defined]
        what = item.title if whole else self._window.editor.kernel().title
        title = "Export the filter bank" if whole else "Export the kernel"
        dialog = QFileDialog(self._window, title, self._window.settings.last_folder)
        dialog.setObjectName("export-kernels-dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(EXPORT_FILTERS))
        dialog.setDefaultSuffix("json")
        stem = re.sub("-+", "-", "".join(c if c.isalnum() else "-" for c in what.lower())).strip("-")
        dialog.selectFile(f"{stem or 'kernel'}.json")
        # The dialog asks before it overwrites, so the suffix must be there before it looks.
        dialog.filterSelected.connect(lambda name: dialog.setDefaultSuffix(EXPORT_FILTERS[name][1:]))
        dialog.fileSelected.connect(lambda name: self.export_file(name, bank))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_file(self, name: str, bank: Bank) -> None:
        """Write kernels to a file."""
        path = Path(name)
        self._window.settings.last_folder = str(path.parent)

        def work(_control: Control) -> tuple[str, tuple[str, ...]]:
            return path.name, save_bank(path, bank)

        self._writer.submit(work)

    @Slot(object)
    def _written(self, done: tuple[str, tuple[str, ...]]) -> None:
        name, notes = done
        self._tell(" ".join((f"Exported {name}.", *notes)), "warning" if notes else "info")

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        self._tell(str(error) if isinstance(error, KernelFileError) else f"It did not work: {error}", "error")
        if not isinstance(error, KernelFileError):
            raise error  # a defect of ours: the exception hook logs it with its traceback

    def _tell(self, text: str, level: str) -> None:
        self._session.message.emit(text, level, "kernels")

    def close(self) -> None:
        """Finish the file that is being written and end the workers."""
        self._reader.close()
        self._writer.close(finish=True)
