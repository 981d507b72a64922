"""The shift experiment in the background: asked for while somebody looks, only the newest shift counts."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from convstudio.core import Control, GeometryError
from convstudio.engine.display import Rendered, render
from convstudio.engine.evaluate import shown_channel
from convstudio.engine.shift_test import ShiftExperiment, ShiftResult
from convstudio.model import PHOTO, Look, Project
from convstudio.session.runner import LatestWins

Key = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class ShiftReport:
    """What a shift did to the selected layer's output.

    Attributes:
        layer_id: the layer.
        result: the numbers.
        picture: the difference, signed, in the channel that the layer's look shows.
    """

    layer_id: str
    result: ShiftResult
    picture: Rendered


def shift_key(project: Project, layer_id: str) -> Key:
    """Return what the experiment depends on: the picture and the layers down to one."""
    count = 0 if layer_id == PHOTO else project.index(layer_id) + 1
    layers = tuple((item.id, item.layer) for item in project.layers[:count] if item.enabled)
    return id(project.picture), layer_id, layers


class ShiftRunner(QObject):
    """Runs the experiment for the newest stack and the newest shift, as long as it is wanted.

    ``ask`` begins and ``rest`` ends that; in between a change of the stack runs it again.
    """

    stack_changed = Signal(object, str)  # Project, layer: what was known of another one is over
    ready = Signal(object)  # ShiftReport
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project: Project | None = None
        self._layer_id = PHOTO
        self._key: Key = ()
        self._experiment: ShiftExperiment | None = None
        self._shift: tuple[int, int] | None = None
        self._worker = LatestWins("convstudio-shift", self)
        self._worker.done.connect(self.ready)
        self._worker.failed.connect(self._not_run)
        self._worker.busy_changed.connect(self.busy_changed)

    @property
    def busy(self) -> bool:
        """Whether a report is on its way."""
        return self._worker.busy

    @property
    def wanted(self) -> bool:
        """Whether somebody looks."""
        return self._shift is not None

    def set_stack(self, project: Project, layer_id: str) -> None:
        """Say which stack, down to which layer; runs again if that changes anything and is wanted."""
        key = shift_key(project, layer_id)
        self._project = project  # also keeps the picture alive whose identity the key has
        if key == self._key:
            return
        self._key, self._layer_id, self._experiment = key, layer_id, None
        self._worker.cancel()
        self.stack_changed.emit(project, layer_id)
        self._run()

    @Slot(int, int)
    def ask(self, dx: int, dy: int) -> None:
        """Ask for a shift by pixels to the right and down."""
        self._shift = (dy, dx)
        self._run()

    @Slot()
    def rest(self) -> None:
        """Nobody looks any more."""
        self._shift = None
        self._worker.cancel()

    def _run(self) -> None:
        if self._project is None or self._shift is None:
            return
        if self._experiment is None:
            self._experiment = ShiftExperiment(self._project, self._layer_id)
        experiment, shift, layer_id = self._experiment, self._shift, self._layer_id
        look = Look() if layer_id == PHOTO else self._project.item(layer_id).look

        def work(control: Control) -> ShiftReport:
            result = experiment.run(shift, control)
            difference = result.with_pooling.tolerance.difference
            channel = shown_channel(look, len(difference))
            return ShiftReport(layer_id, result, render(difference, "signed", channel=channel))

        self._worker.submit(work)

    @Slot(object)
    def _not_run(self, error: Exception) -> None:
        text = str(error)
        self.failed.emit(f"{text[:1].upper()}{text[1:]}".rstrip(".") + ".")
        if not isinstance(error, GeometryError | MemoryError):
            raise error  # a defect of ours: the exception hook logs it with its traceback

    def close(self) -> None:
        """Stop the worker and wait for it."""
        self._worker.close()
