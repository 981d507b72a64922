"""Pictures in: from files, samples, the clipboard and drops, on a worker of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from convstudio.core import Control
from convstudio.io.images import PictureError, load_picture, picture_from_qimage
from convstudio.io.samples import load_sample
from convstudio.model import Picture
from convstudio.session.runner import LatestWins


class PictureLoader(QObject):
    """Loads the picture that was asked for last; an earlier one that is still on its way is given up."""

    loaded = Signal(object)  # Picture
    failed = Signal(str)  # why, in the user's words
    busy_changed = Signal(bool, str)  # busy, what

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._what = ""
        self._worker = LatestWins("convstudio-load", self)
        self._worker.done.connect(self.loaded)
        self._worker.failed.connect(self._not_loaded)
        self._worker.busy_changed.connect(self._tell_busy)

    @property
    def busy(self) -> bool:
        """Whether a picture is on its way."""
        return self._worker.busy

    def open_path(self, path: Path) -> None:
        """Load an image file."""
        self._start(path.name or str(path), lambda control: load_picture(path, control=control))

    def open_sample(self, sample_id: str) -> None:
        """Load a bundled picture."""
        self._start("the bundled picture", lambda _control: load_sample(sample_id))

    def open_image(self, image: QImage, name: str) -> None:
        """Take a picture from the clipboard or a drop."""
        copy = image.copy()
        self._start(name, lambda control: picture_from_qimage(copy, name, control=control))

    def cancel(self) -> None:
        """Give up loading."""
        self._worker.cancel()

    def close(self) -> None:
        """End the worker and wait for it."""
        self._worker.close()

    def _start(self, what: str, work: Callable[[Control], Picture]) -> None:
        self._what = what
        if self._worker.busy:
            self._tell_busy(True)  # another name for what goes on
        self._worker.submit(work)

    @Slot(bool)
    def _tell_busy(self, busy: bool) -> None:
        self.busy_changed.emit(busy, self._what)

    @Slot(object)
    def _not_loaded(self, error: Exception) -> None:
        if isinstance(error, PictureError):
            self.failed.emit(str(error))
            return
        self.failed.emit(f"{self._what} could not be opened: {error}")
        raise error  # a defect of ours: the exception hook logs it with its traceback
