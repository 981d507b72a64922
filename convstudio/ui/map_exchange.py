"""Feature maps out by hand: where to, whether to replace what is there, and how far it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox

from convstudio.session.map_export import (
    ExportJob,
    Kind,
    MapExporter,
    export_job,
    overwrite_question,
)
from convstudio.ui.contact_sheet import sheet_box, sheet_painter

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

_ASKS = {
    "pictures": ("Choose a folder for the pictures of all maps", "", ""),
    "sheet": ("Save all maps on one sheet", "PNG picture (*.png)", "png"),
    "values": ("Save the numbers of all maps", "NumPy array (*.npy)", "npy"),
}


class MapExchange(QObject):
    """Asks where to write all maps of the selected layer, and writes them on a worker."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._maps = window.centre.maps
        self._exporter = MapExporter(self)
        self._maps.export_requested.connect(self.ask)
        self._exporter.overwrite_asked.connect(self._ask_overwrite)
        self._exporter.message.connect(self._tell)
        self._exporter.busy_changed.connect(self._tell_busy)
        self._exporter.progressed.connect(lambda part: window.slow.progressed("maps", part))

    @property
    def busy(self) -> bool:
        """Whether maps are being written."""
        return self._exporter.busy

    @Slot(str)
    def ask(self, kind: str) -> None:
        """Ask where to write: a folder for "pictures", a file for a "sheet" or the "values"."""
        request = self._maps.request
        if request is None:
            self._tell("There are no maps to export yet.", "warning")
            return
        title, pattern, suffix = _ASKS[kind]
        stem = Path(self._session.project.picture.name).stem
        dialog = QFileDialog(self._window, title, self._window.settings.last_folder)
        dialog.setObjectName("export-maps-dialog")
        if kind == "pictures":
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setNameFilter(pattern)
            dialog.setDefaultSuffix(suffix)
            dialog.selectFile(f"{stem}-maps.{suffix}")
        asked = kind != "pictures"  # the dialog asks itself before it replaces a file
        dialog.fileSelected.connect(lambda name: self.export(kind, Path(name), overwrite=asked))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export(self, kind: str, target: Path, *, overwrite: bool = False) -> None:
        """Write all maps of the selected layer, as they are shown."""
        request = self._maps.request
        if request is None:
            return
        self._window.settings.last_folder = str(target if kind == "pictures" else target.parent)
        stem = Path(self._session.project.picture.name).stem
        draw = None
        if kind == "sheet":
            draw = sheet_painter(f"{stem} · {request.head.title}")
            request = replace(request, box=sheet_box(request.head.shape))
        job = export_job(cast("Kind", kind), target, request, stem=stem, order=self._maps.order, draw=draw)
        # Another ending than the kind's is added to: the dialog asked about another name then.
        self._exporter.export(job, overwrite=overwrite and job.target == target)

    @Slot(object, object)
    def _ask_overwrite(self, job: ExportJob, paths: tuple[Path, ...]) -> None:
        box = QMessageBox(self._window)
        box.setObjectName("overwrite-maps")
        box.setWindowTitle("ConvStudio")
        box.setText(overwrite_question(paths))
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel)
        yes = box.button(QMessageBox.StandardButton.Yes)
        yes.setText("Replace")
        yes.clicked.connect(lambda: self._exporter.export(job, overwrite=True))
        box.finished.connect(box.deleteLater)
        box.open()

    @Slot(str, str)
    def _tell(self, text: str, level: str) -> None:
        self._session.message.emit(text, level, "maps")

    @Slot(bool, str)
    def _tell_busy(self, busy: bool, what: str) -> None:
        if busy:
            self._window.slow.started("maps", f"Exporting {what}…", self._exporter.cancel)
        else:
            self._window.slow.finished("maps")

    def close(self) -> None:
        """Finish the file that is being written and end the worker."""
        self._exporter.close()
