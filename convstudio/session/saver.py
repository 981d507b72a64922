"""Results out: files written on a worker of their own, one after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from convstudio.core import Cancelled, Control
from convstudio.engine.display import render_rgb
from convstudio.engine.evaluate import Evaluation, Evaluator, LayerError
from convstudio.io.errors import PictureError
from convstudio.io.save import save_result
from convstudio.model import Project
from convstudio.session.runner import LatestWins


def shown_pixels(evaluation: Evaluation, bits: int, control: Control | None = None) -> np.ndarray[Any, Any]:
    """Return the result's pixels as they are shown, RGB ``(H, W, 3)``, uint8 or uint16 after ``bits``."""
    view, channel = evaluation.project.look.view, evaluation.channel
    return render_rgb(evaluation.output, view, bits, channel=channel, control=control)


class ResultSaver(QObject):
    """Writes one result at a time; one that was asked for is finished whatever is edited meanwhile."""

    saved = Signal(object)  # Path
    busy_changed = Signal(bool, str)  # busy, the file's name
    message = Signal(str, str)  # text; level: info, warning, error

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self._failed = False
        self._worker = LatestWins("convstudio-save", self)
        self._worker.done.connect(self._saved)
        self._worker.failed.connect(self._not_saved)
        self._worker.busy_changed.connect(self._tell_busy)

    @property
    def busy(self) -> bool:
        """Whether a file is being written."""
        return self._worker.busy

    def save(self, path: Path, project: Project, evaluation: Evaluation | None, bits: int) -> None:
        """Write a project's result, which is computed on the way if there is none."""
        if self._worker.busy:
            self.message.emit(f"{self._name} is still being written; try again in a moment.", "warning")
            return

        def work(control: Control) -> Path | None:
            try:
                control.check()
                # The evaluator of the window belongs to the computing thread.
                ready = evaluation or Evaluator(max_bytes=0).evaluate(project, control, whole=False)
                values = ready.output
                save_result(path, values, rendered=lambda: shown_pixels(ready, bits, control), bits=bits)
            except Cancelled:
                return None
            return path

        self._name = path.name
        self._failed = False
        self._worker.submit(work)

    def cancel(self) -> None:
        """Give up saving; once the file itself is being written it is too late, and it is finished."""
        self._worker.stop()

    def finish(self) -> bool:
        """Wait for the file that is being written, if any; return whether that went well."""
        if not self._worker.busy:
            return True
        self._worker.finish()
        return not self._failed

    def close(self) -> None:
        """Finish the file that is being written and end the worker."""
        self._worker.close(finish=True)

    @Slot(bool)
    def _tell_busy(self, busy: bool) -> None:
        self.busy_changed.emit(busy, self._name)

    @Slot(object)
    def _saved(self, path: Path | None) -> None:
        if path is None:
            self.message.emit(f"{self._name} was not saved: cancelled.", "warning")
            return
        self.saved.emit(path)
        self.message.emit(f"Saved {path.name}.", "info")

    @Slot(object)
    def _not_saved(self, error: Exception) -> None:
        self._failed = True
        if isinstance(error, LayerError):
            self.message.emit(f"There is no result to save: {error}", "error")
            return
        if isinstance(error, PictureError):
            self.message.emit(str(error), "error")
            return
        self.message.emit(f"{self._name} could not be saved: {error}", "error")
        raise error  # a defect of ours: the exception hook logs it with its traceback
