"""Feature maps out by hand: asks where to, and once before anything is replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from convstudio.session.map_export import (
    ExportJob,
    Kind,
    MapExporter,
    export_job,
    overwrite_question,
    picture_names,
)
from convstudio.session.settings import Settings
from convstudio.ui.contact_sheet import sheet_box, sheet_painter
from convstudio.ui.feature_maps import FeatureMapsPanel

_ENDINGS = {
    "sheet": ("Save a contact sheet", "PNG, as shown (*.png)", "png", "maps"),
    "values": ("Save the values of all maps", "NumPy, float values (*.npy)", "npy", "values"),
}


class MapExchange(QObject):
    """Leads a panel's wish to export through a dialog to the worker that writes.

    Args:
        panel: whose maps are written, as they are shown there.
        exporter: writes them.
        settings: remembers the folder.
        name: gives what the files are called after, such as the picture's name without its ending.
        parent: of the dialogs.
    """

    def __init__(
        self,
        panel: FeatureMapsPanel,
        exporter: MapExporter,
        settings: Settings,
        name: Callable[[], str],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._panel, self._exporter, self._settings = panel, exporter, settings
        self._name, self._parent = name, parent
        panel.export_requested.connect(self.ask)
        exporter.overwrite_asked.connect(self._ask_overwrite)

    @Slot(str)
    def ask(self, kind: Kind) -> None:
        """Ask for the folder or the file, and have it written."""
        request = self._panel.request
        if request is None:
            self._exporter.message.emit("There are no maps to export yet.", "warning")
            return
        dialog = QFileDialog(self._parent, "", self._settings.last_folder)
        dialog.setObjectName(f"export-{kind}-dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if kind == "pictures":
            example = picture_names(request.head, self._name())[0]
            count = request.head.shape[0]
            dialog.setWindowTitle(f"Choose a folder for {count} maps: {example}…")
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            title, pattern, suffix, what = _ENDINGS[kind]
            dialog.setWindowTitle(title)
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # the worker asks, for folders too
            dialog.setNameFilters([pattern])
            dialog.setDefaultSuffix(suffix)
            dialog.selectFile(f"{self._name()}-{what}.{suffix}")
        dialog.fileSelected.connect(lambda name: self.export(kind, Path(name)))
        dialog.open()

    def export(self, kind: Kind, target: Path) -> None:
        """Have the maps of the panel written to a folder or a file."""
        request = self._panel.request
        if request is None:
            return
        self._settings.last_folder = str(target if kind == "pictures" else target.parent)
        if kind == "sheet":
            request = replace(request, box=sheet_box(request.head.shape))
        title = f"{self._name()} · {request.head.title}"
        more = {"stem": self._name(), "order": self._panel.order, "draw": sheet_painter(title)}
        self._exporter.export(export_job(kind, target, request, **more))

    @Slot(object, object)
    def _ask_overwrite(self, job: ExportJob, paths: tuple[Path, ...]) -> None:
        box = QMessageBox(self._parent)
        box.setObjectName("overwrite-question")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Replace files?")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(overwrite_question(paths))
        replace_them = box.addButton("Replace", QMessageBox.ButtonRole.AcceptRole)
        replace_them.setObjectName("overwrite-replace")
        keep = box.addButton("Keep them", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        replace_them.clicked.connect(lambda: self._exporter.export(job, overwrite=True))
        box.open()
