"""One training, step by step, whose past can be gone back to.

A run follows from its network, pair, method, start and seed alone, bit for bit on one machine: no step
depends on time, on threads or on what was looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.core.speeds import steady_plans
from convstudio.core.threads import blas_single_threaded
from convstudio.learn.checkpoints import BUDGET, Checkpoints, Curve, Moment
from convstudio.learn.divergence import (
    GROWN,
    PATCH_WINDOW,
    TIMES,
    Stop,
    diverged,
    finished,
    growing,
    usable,
)
from convstudio.learn.look import Look
from convstudio.learn.network import Network, Values
from convstudio.learn.objectives import Objective, count
from convstudio.learn.optimizers import make_optimizer
from convstudio.learn.pairs import Pair
from convstudio.learn.patches import Patches
from convstudio.learn.penalty import Penalty
from convstudio.learn.schedules import rate_at
from convstudio.learn.stable import StableRate, rounded_down, stable_rate
from convstudio.learn.sums import WindowSums, worth_summing
from convstudio.learn.whole import Seen, WholePicture
from convstudio.learn.windows import checking
from convstudio.model.training_method import MethodSetup

_See: TypeAlias = Callable[[Control | None], Seen]


@dataclass(frozen=True, eq=False)
class _Slope:
    """What a step goes by: the loss where it begins, on what it sees, and its gradient.

    ``whole`` and ``validation`` are those on the whole picture's rows; None where they were not measured.
    """

    loss: float
    whole: float | None
    validation: float | None
    grads: Values


class Trainer:
    """A run of training.

    Args:
        network: what is trained; it stays as it is.
        pair: what it is trained on.
        method: how.
        start: the values before the first step.
        seed: of the places of patches.
        budget: bytes that moments to go back to may take.
        sums: whether steps may go by sums over the picture's windows, where that comes to the same: for one
            convolution, squared errors and the whole picture. Otherwise each step runs over all pixels.
        control: may cancel the checks of the pair.

    Attributes:
        last: the furthest step that was reached: more than ``step`` after going back.
        stopped: why the run ended by itself, if it did.

    Raises:
        LearnError: what cannot be trained so, in words for the user.
        Cancelled: by the control.
    """

    last: int
    stopped: Stop | None
    _now: Moment
    _seen: Seen | None  # what the present values make of the picture, once it was computed
    _kept: Checkpoints
    _losses: Curve
    _penalties: Curve
    _wholes: Curve
    _validations: Curve
    _norms: Curve

    def __init__(
        self,
        network: Network,
        pair: Pair,
        method: MethodSetup,
        *,
        start: Values,
        seed: int,
        budget: int = BUDGET,
        sums: bool = True,
        control: Control | None = None,
    ) -> None:
        self.network, self.pair, self.method = network, pair, method
        self._optimizer = make_optimizer(method)
        objective, penalty = Objective.of(method), Penalty(network, method.l2)
        self._whole = WholePicture(network, pair, objective, penalty, control)
        self._patches: Patches | None = None
        if method.data != "whole":
            self._patches = Patches(self._whole, method, pair.split, seed)
            # The whole picture is looked at so rarely that it costs no more than the steps.
            pixels = network.in_shape[1] * network.in_shape[2]
            self._every = max(1, math.ceil(pixels / (3 * self._patches.area)))
        self._checked = self._patches is None
        by_sums = sums and worth_summing(network, pair, method)
        self._sums = WindowSums(self._whole, pair) if by_sums else None
        start = tuple(np.array(value, np.float64) for value in start)
        self._start = Moment(0, start, self._optimizer.start(start))
        self._budget = budget
        self._stable: StableRate | None = None
        self._begin()

    # --- where it stands ---

    @property
    def step(self) -> int:
        """How many steps are behind the present values: 0 at the start."""
        return self._now.step

    @property
    def values(self) -> Values:
        """The present values; not to be written to."""
        return self._now.values

    @property
    def prepared(self) -> bool:
        """Whether ``prepare`` has nothing to do."""
        return self._sums is None or self._sums.made

    def prepare(self, control: Control | None = None) -> None:
        """Make what steps go by, which may take seconds; else the first step does it.

        Raises:
            Cancelled: by the control; all but the last tenth of a second of it stays done.
        """
        if self._sums is not None:
            self._sums.make(control)

    @steady_plans()
    def look(self, control: Control | None = None) -> Look:
        """Return what the present values make of the whole picture.

        It is computed once for a step, and the step to come uses it.

        Raises:
            Cancelled: by the control; the trainer stays as it was.
        """
        with _steady():
            seen = self._see(share(control, 0.0, 0.5) if self._sums else control)
            loss, validation = seen.loss, seen.validation
            if self._sums is not None:
                loss, validation, _ = self._sums.slope(self.values, share(control, 0.5, 1.0))
        step = self.step
        if self._patches is None and step >= len(self._losses):
            self._note(step, _Slope(loss, loss, validation, ()))
        norm = self._norms[step - 1]
        return Look(
            step=step,
            values=self._now.values,
            prediction=seen.tape.output,
            loss=loss,
            validation_loss=validation,
            rate=rate_at(self.method, step),
            gradient_norm=None if math.isnan(norm) else norm,
            penalty=self._whole.penalty.value(self.values),
        )

    def losses(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return steps with their losses, on what a step saw and on the validation rows (NaN: not measured).

        Both are without the penalty: they can be compared. The last step is among them once it was looked
        at, or, where a step sees patches, left.
        """
        training = self._losses.array()
        if self.method.l2:
            training = np.maximum(training - self._penalties.array(len(training)), 0.0)  # NaN stays
        return np.arange(len(training), dtype=np.float64), training, self._validations.array(len(training))

    # --- moving ---

    @steady_plans()
    def advance(self, control: Control | None = None) -> None:
        """Take one step; what came after the present one in an earlier run is dropped.

        A run that is at its end stays there. One that diverges stops: it goes back to the step of the lowest
        loss, and ``stopped`` says why; its losses stay to be seen.

        Raises:
            Cancelled: by the control; the trainer stays as it was.
            LearnError: the network cannot be trained on patches.
        """
        now, rate = self._now, rate_at(self.method, self.step)
        if now.step >= self.method.steps:
            self.stopped = finished(now.step)
            return
        with _steady():
            begin = 0.0
            if not self._checked and self._patches is not None:
                self._patches.check(now.values, share(control, 0.0, 0.5))
                self._checked, begin = True, 0.5
            slope = self._slope(now, self._see, share(control, begin, 0.9))
            norm = math.sqrt(sum(float(np.vdot(grad, grad)) for grad in slope.grads))
            values, state = self._optimizer.step(now.values, slope.grads, now.state, rate)
            after, stop = Moment(now.step + 1, values, state), None
            if self._diverges(now.step, slope.loss, values, control):
                after, stop = self._back(slope, share(control, 0.9, 1.0))
            if control is not None:
                control.report(1, 1)
        if now.step < self.last:
            self._forget_from(now.step)
        self._note(now.step, slope)
        self._norms.put(now.step, norm)
        self._now, self._seen, self.stopped = after, None, stop
        if stop is None:
            self.last = after.step
            self._kept.add(after)
            if after.step == self.method.steps:
                self.stopped = finished(after.step)

    @steady_plans()
    def go_to(self, step: int, control: Control | None = None) -> None:
        """Go to a step of the run, from 0 to ``last``: its values are those that it had, bit for bit.

        Raises:
            ValueError: a step that was not reached.
            Cancelled: by the control; the trainer stays where it was.
        """
        if not 0 <= step <= self.last:
            raise ValueError(f"step must be within 0 to {self.last}, got {step}")
        if step == self.step:
            return
        with _steady():
            self._now = self._moment(step, control)
        self._seen = None

    def reset(self) -> None:
        """Go back to exactly the start, and forget the run."""
        self._begin()

    def _begin(self) -> None:
        self._now, self.last = self._start, 0
        self.stopped, self._seen = None, None
        self._kept = Checkpoints(self._start, self._budget)
        self._losses, self._penalties, self._wholes = Curve(), Curve(), Curve()
        self._validations, self._norms = Curve(), Curve()

    @steady_plans()
    def stable_rate(self, control: Control | None = None) -> StableRate:
        """Return up to which rate the method is stable on this pair, from the curvature at the start.

        It is found by products with the Hessian, for one linear layer as for others: they cost what a few
        steps do, whatever the kernel's size.

        Raises:
            Cancelled: by the control.
        """
        if self._stable is None:
            with _steady():
                start, quick = self._start.values, None if self._sums is None else self._sums.gradient
                self._stable = stable_rate(
                    self.network, self.pair, self.method, start, control, gradient=quick
                )
        return self._stable

    # --- parts of a step ---

    def _see(self, control: Control | None) -> Seen:
        """What the present values make of the picture, computed once."""
        if self._seen is None:
            by_pixels = self._patches is None and self._sums is None
            self._seen = self._whole.see(self.values, control, slope=by_pixels)
        return self._seen

    def _slope(self, moment: Moment, see: _See, control: Control | None, *, measured: bool = True) -> _Slope:
        """The loss and its gradient at a moment.

        ``see`` tells what its values make of the whole picture; steps on patches ask only for what is
        ``measured``.
        """
        if self._sums is not None:
            loss, validation, grads = self._sums.slope(moment.values, control)
            return _Slope(loss, loss, validation, grads)
        first, second = share(control, 0.0, 0.5), share(control, 0.5, 1.0)
        if self._patches is None:
            seen = see(first)
            grads = self._whole.gradient(seen, moment.values, second)
            return _Slope(seen.loss, seen.loss, seen.validation, grads)
        whole = validation = None
        if measured and moment.step % self._every == 0:
            seen = see(first)
            whole, validation = seen.loss, seen.validation
        loss, grads = self._patches.gradient(moment.step, moment.values, second)
        return _Slope(loss, whole, validation, grads)

    def _moment(self, step: int, control: Control | None) -> Moment:
        """A moment of the run, from the last one that is known before it."""
        moment = self._kept.before(step)
        if moment.step < self.step <= step:
            moment = self._now
        first = moment.step
        for at in range(first, step):
            values = moment.values
            listener = share(control, (at - first) / (step - first), (at + 1 - first) / (step - first))
            slope = self._slope(moment, partial(self._whole.see, values), listener, measured=False)
            rate = rate_at(self.method, at)
            values, state = self._optimizer.step(values, slope.grads, moment.state, rate)
            moment = Moment(at + 1, values, state)
        return moment

    # --- the losses ---

    def _note(self, step: int, slope: _Slope) -> None:
        """Enter what was measured at the present step."""
        self._losses.put(step, slope.loss)
        if self.method.l2:
            self._penalties.put(step, self._whole.penalty.value(self.values))
        if slope.whole is not None:
            self._wholes.put(step, slope.whole)
        if slope.validation is not None:
            self._validations.put(step, slope.validation)

    def _forget_from(self, step: int) -> None:
        """Drop what came after a step, with the losses there."""
        self.last = step
        self._kept.drop_after(step)
        for curve in (self._losses, self._penalties, self._wholes, self._validations, self._norms):
            curve.cut(step)

    def _diverges(self, step: int, loss: float, values: Values, control: Control | None) -> bool:
        """Whether the loss at a step, or the weights after it, are beyond bounds."""
        if not usable(values) or not math.isfinite(loss):
            return True
        window = 1 if self._patches is None else PATCH_WINDOW
        if step == 0 or loss <= self._losses[0]:
            return False
        recent = np.append(self._losses.recent(step, window + GROWN - 1), loss)
        first = self._losses.first(min(step, window))
        if not growing(first, recent, window):
            return False
        return float(recent[-window:].mean()) > TIMES * self._blank(checking(control))

    def _blank(self, control: Control | None) -> float:
        """The loss of a prediction that is 0: one of a start at the minimum says nothing of what is large."""
        loss = self._whole.blank_loss(control)
        if self._patches is None or self.method.reduction == "mean":
            return loss
        return loss * self._patches.cells_seen / count(self._whole.keep, self._whole.target.shape)

    def _back(self, slope: _Slope, control: Control | None) -> tuple[Moment, Stop]:
        """The moment of the lowest loss so far, and why the run stands there."""
        step = self.step
        wholes = self._wholes.array(step + 1)
        wholes[step] = float("nan") if slope.whole is None else slope.whole
        best = int(np.nanargmin(wholes)) if np.isfinite(wholes).any() else 0
        rate, suggested = self.method.rate, self.stable_rate(share(control, 0.0, 0.5)).suggested
        if suggested >= rate:
            suggested = rounded_down(rate / 4)
        first = self._losses[0] if step else slope.loss
        return self._moment(best, share(control, 0.5, 1.0)), diverged(
            step, first, slope.loss, rate, best, suggested
        )


@contextmanager
def _steady() -> Iterator[None]:
    """Compute in one way whatever else goes on: BLAS with as many threads as ever, no warnings of numbers."""
    with blas_single_threaded(), np.errstate(all="ignore"):
        yield
