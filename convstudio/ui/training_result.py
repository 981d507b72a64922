"""What there is of the training that is open, and what of it can be put into the stack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convstudio.layers import Layer
from convstudio.model import Found, Learned, TrainingSetup
from convstudio.session.training_outbox import CANCELLED, NO_MEMORY
from convstudio.ui.training_saved import SAVED, SAVED_CLOSED
from convstudio.ui.training_transport import AT_END

if TYPE_CHECKING:
    from convstudio.learn.least_squares import LeastSquares
    from convstudio.session.training_frame import TrainingFrame, TrainingReport

DESCENT, CLOSED = "descent", "closed"
NOT_OPEN = "No training is open: press Train, and choose a pair that can be learned from."


@dataclass(frozen=True)
class Refusal:
    """Why nothing could be opened.

    Attributes:
        text: in words.
        waiting: whether files are to be chosen first, which is no problem.
        again: whether trying once more could help, though nothing is set up in another way.
    """

    text: str = ""
    waiting: bool = False
    again: bool = True


def refusal_of(setup: TrainingSetup, text: str) -> Refusal:
    """Return what is to be done about the refusal of a setup."""
    pair = setup.pair
    files = pair.source == "files"
    waiting = files and not (pair.before and pair.after)
    # A file may be another one by now, there may be memory again, and opening was only cancelled.
    return Refusal(text, waiting, not waiting and (files or text in (CANCELLED, NO_MEMORY)))


@dataclass
class TrainingResult:
    """Its report, the newest frame, and the answer of the closed form; None for what is not there yet.

    ``saved`` is what was learned before, until a run takes its place. ``refusal`` tells why none was opened,
    ``unsolvable`` why there is no closed form; ``is_stale`` that something else is set up by now.
    """

    report: TrainingReport | None = None
    frame: TrainingFrame | None = None
    solved: LeastSquares | None = None
    saved: Learned | None = None
    refusal: Refusal = Refusal()
    unsolvable: str = ""
    is_stale: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the step that is shown is the last one of the run."""
        report, frame = self.report, self.frame
        return report is not None and frame is not None and frame.step >= report.setup.method.steps

    def why_not_run(self) -> str:
        """Return why no step can be made now, "" where one can."""
        return "" if self.report is not None else NOT_OPEN

    def why_not_step(self) -> str:
        """Return why the run cannot go on from here, "" where it can."""
        return self.why_not_run() or (AT_END if self.is_over and not self.is_stale else "")

    def why_not_play(self) -> str:
        """Return why nothing can be played, "" where it can: before anything is open, Play opens it."""
        if self.report is None:
            return "" if self.refusal.again or self.is_stale else self.refusal.text
        return self.why_not_step()

    def why_not_solve(self) -> str:
        """Return why there is no closed form to ask for, "" where there may be one."""
        return self.why_not_run() or ("" if self.is_stale else self.unsolvable)

    def why_not_take(self) -> str:
        """Return why there is nothing to put into the stack, "" where there is."""
        return "" if self.frame is not None or self.saved is not None else NOT_OPEN

    def layers(self, which: str) -> Sequence[Layer] | None:
        """Return the layers with the weights of the "descent" or of the "closed" form, None without any.

        "saved" and "saved closed" are those of an earlier run.
        """
        if which in (SAVED, SAVED_CLOSED):
            saved = self.saved
            found = None if saved is None else saved.descent if which == SAVED else saved.closed
            return None if found is None else found.layers
        if which != CLOSED:
            return None if self.frame is None else self.frame.layers
        if self.report is None or self.solved is None:
            return None
        layer, channels = self.report.layers[0], self.report.in_shape[0]
        arrays = dict(layer.weights(channels))
        arrays["weight"] = self.solved.weights
        if self.solved.bias is not None:
            arrays["bias"] = self.solved.bias
        return (layer.with_weights(arrays, channels),)

    def ids(self, which: str) -> tuple[str, ...]:
        """Return the stack's layers that such weights belong to; () for a student of its own."""
        if which in (SAVED, SAVED_CLOSED):
            return () if self.saved is None else self.saved.ids
        return () if self.report is None else self.report.ids

    def learned(self, key: str, before: Learned | None) -> Learned | None:
        """Return what a project is to keep of it, None before there is anything.

        Args:
            key: of the setup.
            before: what the project has; of the same setup, it stays where nothing newer was found.
        """
        if self.report is None:
            return None
        descent, closed = self._descent(), self._closed()
        if descent is None and closed is None:
            return None
        ids = self.report.ids
        if before is not None and (before.key, before.ids) == (key, ids):
            descent, closed = descent or before.descent, closed or before.closed
        return Learned(key, ids, descent, closed)

    def _descent(self) -> Found | None:
        frame = self.frame
        if frame is None or not frame.last or not math.isfinite(frame.loss):
            return None
        return Found(tuple(frame.layers), float(frame.loss), _finite(frame.distance), int(frame.step))

    def _closed(self) -> Found | None:
        layers = self.layers(CLOSED)
        if layers is None or self.solved is None or not math.isfinite(self.solved.loss):
            return None
        return Found(tuple(layers), float(self.solved.loss), self._distance(self.solved))

    def _distance(self, solved: LeastSquares) -> float | None:
        """Return the closed form's largest difference from a weight of the teacher."""
        teacher = self.report.teacher if self.report is not None else None
        found = [each for each in (solved.weights, solved.bias) if each is not None]
        if teacher is None or [each.size for each in teacher] != [each.size for each in found]:
            return None
        pairs = zip(teacher, found, strict=True)
        return _finite(max(float(np.abs(a.ravel() - b.ravel()).max()) for a, b in pairs))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
