"""Where a training's pictures and kernels come from: a kernel of the library, two image files."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from convstudio.io.sniff import SUFFIXES
from convstudio.kernels import PRESETS, Kernel
from convstudio.spec.params import ParamError
from convstudio.ui.fields.quiet import ROW_HEIGHT
from convstudio.ui.kernel_header import PresetButton
from convstudio.ui.kernel_library import KernelLibrary
from convstudio.ui.param_form import LABEL_WIDTH, ParamForm
from convstudio.ui.tips import tip

CHOOSE = "Choose a file…"


def labelled(parent: QWidget) -> QGridLayout:
    """Return a grid for ``parent`` whose labels and controls line up with those of a form."""
    grid = QGridLayout(parent)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(5)
    grid.setColumnMinimumWidth(0, LABEL_WIDTH)
    grid.setColumnStretch(1, 1)
    return grid


class KernelPicker(QWidget):
    """A kernel small with its title; a press opens the library, under it are the preset's own numbers.

    ``chosen(kernel)`` comes only from the user, ``ended()`` when a number is done with. ``show_kernel`` and
    ``show_offer`` emit nothing.
    """

    chosen = Signal(object)
    ended = Signal()

    def __init__(self, name: str, label: str, help_text: str, parent: QWidget | None = None) -> None:
        """``name`` is the object name of the picker and the prefix of its parts' names."""
        super().__init__(parent)
        self.setObjectName(name)
        self._kernel: Kernel | None = None
        self._offer: Kernel | None = None
        self._library: KernelLibrary | None = None
        self._form: ParamForm | None = None
        self._form_preset: str | None = None
        self.button = PresetButton(self)
        self.button.setObjectName(f"{name}-choose")
        self.button.setToolTip(tip(help_text, "Type to search the library; Enter takes a kernel."))
        self.button.clicked.connect(self.open_library)
        self.take = QPushButton("Use the selected layer's", self)
        self.take.setObjectName(f"{name}-selected")
        self.take.setFixedHeight(ROW_HEIGHT)
        self.take.clicked.connect(self._take_offer)
        caption = QLabel(label, self)
        caption.setToolTip(tip(help_text))
        caption.setBuddy(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        head = QWidget(self)
        grid = labelled(head)
        grid.addWidget(caption, 0, 0)
        grid.addWidget(self.button, 0, 1)
        grid.addWidget(self.take, 1, 1)
        column.addWidget(head)
        self._column = column
        self.show_offer(None)

    def kernel(self) -> Kernel | None:
        """Return the kernel that is shown."""
        return self._kernel

    def show_kernel(self, kernel: Kernel) -> None:
        """Show a kernel."""
        if kernel == self._kernel:
            return
        self._kernel = kernel
        self.button.show_kernel(kernel)
        rows, columns = kernel.shape
        self.button.setAccessibleName(f"{kernel.title}, {rows}×{columns}")
        self._show_form()
        self._allow_offer()

    def show_offer(self, kernel: Kernel | None) -> None:
        """Show whether the selected layer has a kernel that can be taken."""
        self._offer = kernel
        self._allow_offer()

    def _allow_offer(self) -> None:
        if self._offer is None:
            why = "The selected layer has no kernels."
        else:
            why = "It is that one already." if self._offer == self._kernel else ""
        self.take.setEnabled(not why)
        title = (
            "" if self._offer is None else f"{self._offer.title}, as it is in the selected layer's editor."
        )
        self.take.setToolTip(tip(title, why))

    def _take_offer(self) -> None:
        if self._offer is not None:
            self._choose(self._offer)

    def _choose(self, kernel: Kernel) -> None:
        if kernel != self._kernel:
            self.show_kernel(kernel)
            self.chosen.emit(kernel)

    # --- the numbers of a preset ---

    def _show_form(self) -> None:
        kernel = self._kernel
        assert kernel is not None
        if kernel.preset != self._form_preset:
            self._form_preset = kernel.preset
            if self._form is not None:
                self._form.hide()
                self._column.removeWidget(self._form)
                self._form.deleteLater()
                self._form = None
            known = PRESETS.get(kernel.preset) if kernel.preset else None
            if known is not None and known.params:
                self._form = ParamForm(known.params, self)
                self._form.setObjectName(f"{self.objectName()}-params")
                rename_fields(self._form, self.objectName())
                self._form.edited.connect(self._on_edited)
                self._form.merge_key_ended.connect(self._on_ended)
                self._column.addWidget(self._form)
                controls = [each for name in self._form.names() for each in self._form.field(name).controls()]
                for first, second in pairwise([self.take, *controls]):
                    QWidget.setTabOrder(first, second)
        if self._form is not None:
            self._form.show_values(dict(kernel.params))

    def _on_edited(self, name: str, value: object) -> None:
        assert self._form is not None
        assert self._kernel is not None
        assert self._kernel.preset is not None
        try:
            made = PRESETS[self._kernel.preset].make(**dict(self._kernel.params) | {name: value})
        except ParamError as error:
            self._form.show_problem(name, f"{error}.")
        else:
            self._form.show_problem(name, None)
            self._choose(made)

    def _on_ended(self, _name: str) -> None:
        self.ended.emit()

    # --- the library ---

    def open_library(self) -> None:
        """Open the library under the button, its search ready to be typed into."""
        if self._library is None:
            self._library = KernelLibrary(self)
            self._library.setWindowFlag(Qt.WindowType.Popup)
            self._library.chosen.connect(self._on_preset_chosen)
            self._library.dismissed.connect(self._library.close)
        library, button = self._library, self.button
        library.resize(library.sizeHint())
        corner = button.mapToGlobal(QPoint(button.width() - library.width(), button.height() + 4))
        screen = button.screen().availableGeometry()
        x = min(max(corner.x(), screen.left() + 4), screen.right() - library.width() - 4)
        y = min(max(corner.y(), screen.top() + 4), screen.bottom() - library.height() - 4)
        library.move(x, y)
        library.show()
        if self._kernel is not None:
            library.show_kernel(self._kernel)

    def _on_preset_chosen(self, kernel: Kernel) -> None:
        if self._library is not None:
            self._library.close()
        self.ended.emit()
        self._choose(kernel)
        self.ended.emit()
        self.button.setFocus(Qt.FocusReason.OtherFocusReason)


class _FileButton(QPushButton):
    """A file's name, cut in its middle; files can be dropped on it."""

    dropped = Signal(list)  # of pathlib.Path

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self.setFixedHeight(ROW_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setStyleSheet("QPushButton { text-align: left; padding: 2px 8px; }")
        self.setAcceptDrops(True)

    def show_name(self, name: str) -> None:
        self._name = name
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(120, ROW_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, ROW_HEIGHT)

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._fit()

    def _fit(self) -> None:
        shown = self._name or CHOOSE
        fitting = self.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideMiddle, self.width() - 20)
        self.setText(fitting.replace("&", "&&"))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _files(event.mimeData()):
            event.acceptProposedAction()
            self.setDown(True)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self.setDown(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.setDown(False)
        files = _files(event.mimeData())
        if files:
            event.acceptProposedAction()
            self.dropped.emit(files)


class FilePair(QWidget):
    """Two image files, before and after: chosen in a dialog or dropped, taken away, swapped.

    ``files_chosen(before, after)`` carries paths as text, "" for none. ``show_files`` emits nothing.
    ``folder`` is where the dialog looks first; it follows the files that are chosen.
    """

    files_chosen = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-files")
        self.folder = ""
        self._paths = ["", ""]
        self._buttons: list[_FileButton] = []
        self._clears: list[QToolButton] = []
        grid = labelled(self)
        for which, (label, help_text) in enumerate(
            (
                ("Before", "The picture that a filter was laid over; it may be dropped here."),
                ("After", "What the filter made of it, of the same size or a few pixels smaller."),
            )
        ):
            self._add_row(grid, which, label, help_text)
        self.swap = QPushButton("Swap before and after", self)
        self.swap.setObjectName("training-files-swap")
        self.swap.setFixedHeight(ROW_HEIGHT)
        self.swap.setToolTip(tip("Take the picture after for the one before, and the other way round."))
        self.swap.clicked.connect(self._swap)
        grid.addWidget(self.swap, 2, 1)
        self.show_files("", "")

    def _add_row(self, grid: QGridLayout, which: int, label: str, help_text: str) -> None:
        name = f"training-file-{label.lower()}"
        button, clear = _FileButton(self), QToolButton(self)
        button.setObjectName(name)
        button.clicked.connect(lambda: self.ask(which))
        button.dropped.connect(lambda files: self._take(which, files))
        clear.setObjectName(f"{name}-clear")
        clear.setText("✕")
        clear.setProperty("role", "flat")
        clear.setFixedSize(ROW_HEIGHT, ROW_HEIGHT)
        clear.setStyleSheet("QToolButton { padding: 0; }")
        clear.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        clear.setAccessibleName(f"Take the picture {label.lower()} away")
        clear.setToolTip(tip("Take this file away; the file itself stays."))
        clear.clicked.connect(lambda: self._put(which, ""))
        caption = QLabel(label, self)
        caption.setBuddy(button)
        caption.setToolTip(tip(help_text))
        button.setProperty("help", help_text)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(button, 1)
        row.addWidget(clear)
        grid.addWidget(caption, which, 0)
        grid.addLayout(row, which, 1)
        self._buttons.append(button)
        self._clears.append(clear)

    def show_files(self, before: str, after: str) -> None:
        """Show two paths, "" for none."""
        self._paths = [before, after]
        for which, path in enumerate(self._paths):
            button, label = self._buttons[which], ("before", "after")[which]
            name = re.split(r"[/\\]", path)[-1]
            button.show_name(name)
            button.setToolTip(tip(str(button.property("help")), path))
            button.setAccessibleName(f"Picture {label}: {name or 'none'}")
            self._clears[which].setEnabled(bool(path))
        self.swap.setEnabled(before != after)

    def ask(self, which: int) -> None:
        """Ask for the picture before (0) or after (1)."""
        title = ("Open the picture before", "Open the picture after")[which]
        dialog = QFileDialog(self, title, self.folder)
        dialog.setObjectName("training-file-dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        patterns = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        dialog.setNameFilters([f"Pictures ({patterns})", "All files (*)"])
        dialog.fileSelected.connect(lambda name: self._put(which, name))
        dialog.open()

    def _put(self, which: int, path: str) -> None:
        paths = list(self._paths)
        paths[which] = path
        self._choose(paths)

    def _take(self, which: int, files: list[Path]) -> None:
        """Take what was dropped on one of the two: of several files the next one is the other's."""
        paths = list(self._paths)
        paths[which] = str(files[0])
        if len(files) > 1:
            paths = [str(files[0]), str(files[1])]
        self._choose(paths)

    def _swap(self) -> None:
        self._choose(self._paths[::-1])

    def _choose(self, paths: list[str]) -> None:
        if paths == self._paths:
            return
        for new, old in zip(paths, self._paths, strict=True):
            if new and new not in self._paths and new != old:
                self.folder = str(Path(new).parent)
        self.show_files(*paths)
        self.files_chosen.emit(*paths)


def _files(data: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def rename_fields(form: ParamForm, prefix: str) -> None:
    """Give the parts of a form names of their own: those of a layer's form are the same parameters."""
    for part in form.findChildren(QWidget):
        name = part.objectName()
        if name.startswith("param-"):
            part.setObjectName(f"{prefix}-{name.removeprefix('param-')}")
