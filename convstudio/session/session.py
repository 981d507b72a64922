"""The one mutable object: the present project, its history, and the work that follows every change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from convstudio.engine.evaluate import Evaluation
from convstudio.kernels import Kernel
from convstudio.layers import BankLayer
from convstudio.model import History, Learned, Picture, Project, Side, suiting_view
from convstudio.session.computing import Computing, Failure
from convstudio.session.loader import PictureLoader
from convstudio.session.saver import ResultSaver, shown_pixels
from convstudio.spec.params import ParamError

__all__ = ["MERGE_SECONDS", "Failure", "Session"]

MERGE_SECONDS = 1.0
"""Edits of the same parameter within this time are undone together."""

PICTURE_MEMORY = 1 << 30
"""How many bytes of pictures the undo history may hold."""


def _picture_bytes(projects: list[Project]) -> int:
    pictures = {id(p.picture): p.picture.values.nbytes for p in projects}
    return sum(pictures.values())


_HANDED_ON = (
    "result_ready",
    "result_failed",
    "stack_ready",
    "computing_changed",
    "computing_progressed",
    "proof_started",
    "proof_ready",
    "proof_failed",
)


class Session(QObject):
    """Holds the project; every request of the views goes through here and comes back as a signal.

    Edits are immediate; computing, proving, loading and saving happen on workers, newest first.
    """

    project_changed = Signal(object)  # Project
    history_changed = Signal()
    result_ready = Signal(object)  # Evaluation
    result_failed = Signal(object)  # Failure
    stack_ready = Signal(object)  # Evaluation of the whole stack, after result_ready of the selected layer
    computing_changed = Signal(bool)
    computing_progressed = Signal(float)
    loading_changed = Signal(bool, str)  # busy, what
    proof_started = Signal()
    proof_ready = Signal(object)  # Proof, or None for what has no other computation to compare with
    proof_failed = Signal(str)
    picture_opened = Signal(object)  # Picture
    load_failed = Signal(str)
    saving_changed = Signal(bool, str)  # busy, the file's name
    saved = Signal(object)  # Path
    message = Signal(str, str, str)  # text; level: info, warning, error; topic: a newer one replaces an older

    def __init__(self, project: Project, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = History(project, size=_picture_bytes, max_size=PICTURE_MEMORY)
        self._computing = Computing(project, self)
        self._loader = PictureLoader(self)
        self._saver = ResultSaver(self)
        for name in _HANDED_ON:
            getattr(self._computing, name).connect(getattr(self, name))
        self._loader.loaded.connect(self.set_picture)
        self._loader.failed.connect(self._not_loaded)
        self._loader.busy_changed.connect(self.loading_changed)
        self._saver.saved.connect(self.saved)
        self._saver.busy_changed.connect(self.saving_changed)
        self._saver.message.connect(self._tell_saving)
        self._merge_timer = QTimer(self)
        self._merge_timer.setSingleShot(True)
        self._merge_timer.setInterval(int(MERGE_SECONDS * 1000))
        self._merge_timer.timeout.connect(self.end_merge)

    # --- what is ---

    @property
    def project(self) -> Project:
        """The present state of the work."""
        return self._history.state

    @property
    def evaluation(self) -> Evaluation | None:
        """The newest result, which may belong to an earlier project while a new one is computed."""
        return self._computing.evaluation

    @property
    def failure(self) -> Failure | None:
        """Why the present project has no result, or None."""
        return self._computing.failure

    @property
    def busy(self) -> bool:
        """Whether a result, its proof, a picture or a file is on its way."""
        return any(w.busy for w in (self._computing, self._loader, self._saver))

    @property
    def undo_text(self) -> str | None:
        """What undo would take back, or None."""
        return self._history.undo_text

    @property
    def redo_text(self) -> str | None:
        """What redo would do again, or None."""
        return self._history.redo_text

    def is_computed(self) -> bool:
        """Whether the newest result is of the present picture and layers, however they are looked at."""
        return self._computing.is_computed()

    # --- edits ---

    def set_param(self, layer_id: str, name: str, value: Any, merge_key: object = None) -> None:
        """Give one parameter of one layer another value.

        Edits with the same merge key, by default those of the same parameter, within a second are one
        step for undo. A value that is not allowed changes nothing and is reported as a message.
        """
        try:
            changed = self.project.with_param(layer_id, name, value)
        except ParamError as error:
            self.message.emit(str(error), "error", "edit")
            return
        label = next(p.param.label for p in changed.layer(layer_id).parameters() if p.name == name)
        key = (layer_id, name) if merge_key is None else (layer_id, name, merge_key)
        self._push(changed, label.lower(), key)

    def set_kernel(
        self,
        layer_id: str,
        kernel: Kernel,
        merge_key: str = "",
        *,
        index: int = 0,
        channel: int | None = None,
    ) -> None:
        """Give a filter of a layer another kernel, over one of the channels it reads or over all (None).

        Edits with the same non-empty key merge, others are steps. A key stands for one gesture, which may
        rest for as long as it likes.
        """
        if not merge_key:
            self.end_merge()
        each = self.project.bank_layer(layer_id).bank.filters[index]
        before = each.kernel(channel)
        changed = self.project.with_filter(
            layer_id, index, each.with_kernel(kernel, channel, self.channels_read(layer_id))
        )
        if kernel.preset is not None and kernel.preset != before.preset:
            # Another kind of filter: show it the way that suits it. Edits of the weights keep the view.
            changed = changed.with_look(view=suiting_view(kernel))
        if changed == self.project:
            return  # nothing happened: what the edit before it merges with stays
        self._push(changed, "kernel", (layer_id, index, channel, "kernel", merge_key))
        if merge_key:
            self._merge_timer.stop()
        else:
            self.end_merge()

    def channels_read(self, layer_id: str) -> int:
        """Return for how many input channels a filter of a layer may have kernels of its own.

        That is as many as come in by the shape rules; where a layer above does not fit, as many as the bank
        is made for.
        """
        layer = self.project.bank_layer(layer_id)
        shape = self.project.in_shapes.get(layer_id)
        if shape is None:
            return max(len(each.kernels) for each in layer.bank.filters)
        return max(1, shape[0] // layer.groups if layer.channels == "grouped" else shape[0])

    def set_bias(self, layer_id: str, bias: float, index: int = 0) -> None:
        """Give a filter of a layer another bias."""
        each = self.project.bank_layer(layer_id).bank.filters[index]
        try:
            changed = self.project.with_filter(layer_id, index, replace(each, bias=bias))
        except ParamError as error:
            self.message.emit(str(error), "error", "edit")
            return
        self._push(changed, "bias", (layer_id, index, "bias"))

    def set_view(self, view: str) -> None:
        """Show the result in another display view."""
        self._push(self.project.with_look(view=view), "display view", "look-view")

    def set_channel(self, channel: int | None) -> None:
        """Show one channel of the result, or all (None); as with ``select``, undo does not count it."""
        self._look_around(self.project.with_look(channel=channel))

    def reset_layer(self, layer_id: str) -> None:
        """Give every parameter of a layer but its kernels the default value."""
        layer = self.project.layer(layer_id)
        defaults = {p.name: p.default for p in layer.parameters() if p.name != "bank"}
        if isinstance(layer, BankLayer):
            filters = tuple(replace(each, bias=0.0) for each in layer.bank.filters)
            defaults["bank"] = replace(layer.bank, filters=filters)
        self._push(
            self.project.with_item(layer_id, layer=layer.replace(**defaults)), "reset of the parameters", None
        )

    def start(self, project: Project) -> None:
        """Begin with another project; what was done to the one before cannot be undone any more."""
        self.end_merge()
        self._history = History(project, size=_picture_bytes, max_size=PICTURE_MEMORY)
        self._changed()

    @Slot(object)
    def set_picture(self, picture: Picture) -> None:
        """Put another picture under the layers."""
        self._push(self.project.with_picture(picture), f"opening {picture.name}", None)
        self.picture_opened.emit(picture)
        for note in picture.notes:
            self.message.emit(f"{picture.name}: {note}", "warning", "note")

    def end_merge(self) -> None:
        """Let the next edit be a step of its own, as when a field loses the focus."""
        self._merge_timer.stop()
        self._history.end_merge()

    @Slot()
    def undo(self) -> None:
        """Go back one step."""
        learned = self.project.learned
        if self._history.undo():
            self._keep_and_tell(learned)

    @Slot()
    def redo(self) -> None:
        """Go forward one step."""
        learned = self.project.learned
        if self._history.redo():
            self._keep_and_tell(learned)

    def _keep_and_tell(self, learned: Learned | None) -> None:
        """Let what was learned stay: it was no step."""
        if learned != self.project.learned:
            self._history.amend(replace(self.project, learned=learned))
        self._changed()

    def keep_learned(self, learned: Learned) -> None:
        """Make what a training found a part of the project, to be saved along; it is no step for undo."""
        self._look_around(replace(self.project, learned=learned))

    def select(self, layer_id: str) -> None:
        """Show another layer, or the photo; looking around is no step for undo."""
        self._look_around(self.project.with_selected(layer_id))

    def compare(self, side: Side | None) -> None:
        """Compare the selected layer with another map, or with what comes into it (None)."""
        self._look_around(self.project.with_compared(side))

    def _look_around(self, project: Project) -> None:
        if project != self.project:
            self.end_merge()
            self._history.amend(project)
            self._changed()

    def push(self, project: Project, text: str, merge_key: object = None) -> None:
        """Make ``project`` the present one, as a step that undo calls ``text``."""
        self._push(project, text, merge_key)

    def _push(self, project: Project, text: str, merge_key: object) -> None:
        if project == self.project:
            return
        self._history.push(project, text, merge_key)
        self._merge_timer.start()
        self._changed()

    def _changed(self) -> None:
        if not self._computing.covers(self.project):
            self.compute()  # first: the worker starts while the views follow
        self.project_changed.emit(self.project)
        self.history_changed.emit()

    # --- computing and proving ---

    @Slot()
    def compute(self) -> None:
        """Ask for the present project's result."""
        self._computing.compute(self.project)

    @Slot()
    def cancel_computing(self) -> None:
        """Give up the running computation; the last good picture stays."""
        self._computing.cancel()

    @Slot()
    def prove(self) -> None:
        """Check a random crop of the newest result against SciPy, off the GUI thread."""
        self._computing.prove()

    # --- pictures in, results out ---

    def open_path(self, path: Path) -> None:
        """Load an image file on a worker; on failure a message says why and nothing changes."""
        self._loader.open_path(path)

    def open_sample(self, sample_id: str) -> None:
        """Load a bundled picture on a worker."""
        self._loader.open_sample(sample_id)

    def open_image(self, image: QImage, name: str) -> None:
        """Take a picture from the clipboard or a drop."""
        self._loader.open_image(image, name)

    def cancel_loading(self) -> None:
        """Give up loading; the present picture stays."""
        self._loader.cancel()

    @Slot(str)
    def _not_loaded(self, text: str) -> None:
        self.message.emit(text, "error", "open")
        self.load_failed.emit(text)

    def save(self, path: Path, bits: int = 8) -> None:
        """Write the result: PNG as it is shown with 8 or 16 bits, TIFF and .npy as float values.

        A result that is not there yet is computed for the file on the way, whatever is edited or cancelled
        meanwhile.
        """
        evaluation, failure = self._computing.current(), self.failure
        if evaluation is None and failure is not None and not self._computing.computing:
            self._tell_saving(f"There is no result to save: {failure.message}", "error")
            return
        self._saver.save(path, self.project, evaluation, bits)

    def cancel_saving(self) -> None:
        """Give up saving; once the file itself is being written it is too late, and it is finished."""
        self._saver.cancel()

    def finish_saving(self) -> bool:
        """Wait for the file that is being written, if any; return whether that went well (a message says)."""
        return self._saver.finish()

    def result_pixels(self, bits: int = 8) -> np.ndarray[Any, Any] | None:
        """Return the present result as it is shown, RGB ``(H, W, 3)``, or None while there is none."""
        evaluation = self._computing.current()
        return None if evaluation is None else shown_pixels(evaluation, bits)

    @Slot(str, str)
    def _tell_saving(self, text: str, level: str) -> None:
        self.message.emit(text, level, "save")

    def close(self) -> None:
        """Stop every worker and wait for them; a file that is being written is finished first."""
        for worker in (self._computing, self._loader, self._saver):
            worker.close()
