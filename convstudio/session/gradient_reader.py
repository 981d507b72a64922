"""Asks the training for the gradients of its present step, between two steps and never beside one."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.learn.anatomy import Anatomy, take_apart
from convstudio.learn.lab import Lab
from convstudio.learn.network import Values
from convstudio.learn.objectives import Objective
from convstudio.session.step_apart import StepApart, step_apart
from convstudio.session.training import Training

TOPIC = "step apart"

_TAKING = 0.98  # of the whole; the pictures are the rest


class GradientReader(QObject):
    """Takes the present step apart on the training's worker; what was asked for last counts.

    It gives way: playing, stepping, scrubbing and opening give up what is not done, and ``ended`` says so.
    """

    apart_ready = Signal(object)  # StepApart
    apart_failed = Signal(str)  # why there is none, a sentence
    ended = Signal()  # without an answer
    progressed = Signal(float)  # 0–1

    def __init__(self, training: Training, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self._known = _Known()
        self._question: _Question | None = None
        training.answered.connect(self._answered)
        training.unanswered.connect(self._unanswered)
        training.busy_changed.connect(self._busy_changed)
        training.progressed.connect(self._progressed)
        training.moving.connect(self.cancel)

    @property
    def pending(self) -> bool:
        """Whether an answer is on its way."""
        return self._question is not None

    def take_apart(self, place: int | None = None, array: str = "", kernel: tuple[int, ...] = ()) -> None:
        """Ask for the gradients of the step that the training stands at.

        Args:
            place: of the layer in the network; None for the last one that is learned.
            array, kernel: which kernel of it, as for ``step_apart``; another one of the same layer and step
                costs no more than its pictures.
        """
        if self._question is not None:
            self._question.give_up()
        self._question = _Question(self._known, place, array, kernel)
        self._training.ask(TOPIC, self._question)
        if not self._training.busy:  # nothing is open
            self._end()

    @Slot()
    def cancel(self) -> None:
        """Give up what was asked for."""
        if self._question is not None:
            self._question.give_up()
            self._end()

    def forget(self) -> None:
        """Let go of the arrays of the last step, as large as its picture."""
        self._known.moment = None

    def _end(self) -> None:
        self._question = None
        self.ended.emit()

    @Slot(str, object)
    def _answered(self, topic: str, answer: object) -> None:
        if topic == TOPIC and isinstance(answer, _Answer) and answer.to is self._question:
            self._question = None
            self.apart_ready.emit(answer.found)

    @Slot(str, str)
    def _unanswered(self, topic: str, why: str) -> None:
        if topic == TOPIC and self._question is not None:
            self._question = None
            self.apart_failed.emit(why)

    @Slot(bool)
    def _busy_changed(self, busy: bool) -> None:
        if not busy and self._question is not None:  # someone else cancelled it
            self._end()

    @Slot(float)
    def _progressed(self, part: float) -> None:
        if self._question is not None:
            self.progressed.emit(part)


@dataclass(frozen=True, eq=False)
class _Moment:
    """A layer of a step that was taken apart. The lab is known by a weak reference: this keeps none alive."""

    lab: weakref.ref[Lab]
    values: Values
    anatomy: Anatomy

    def is_of(self, lab: Lab, place: int) -> bool:
        here = self.lab() is lab and self.values is lab.trainer.values
        return here and self.anatomy.place == place


@dataclass
class _Known:
    moment: _Moment | None = None


@dataclass(frozen=True, eq=False)
class _Answer:
    to: _Question
    found: StepApart


class _Question:
    """Runs on the worker; may be given up from any thread, also before it began."""

    def __init__(self, known: _Known, place: int | None, array: str, kernel: tuple[int, ...]) -> None:
        self._known = known
        self._place, self._array, self._kernel = place, array, kernel
        self._given_up = False
        self._control: Control | None = None

    def give_up(self) -> None:
        """Let it end without an answer."""
        self._given_up = True
        if self._control is not None:
            self._control.cancel()

    def __call__(self, lab: Lab, control: Control) -> _Answer:
        self._control = control
        if self._given_up:  # or ``give_up`` finds the control
            control.cancel()
        control.check()
        anatomy = self._anatomy(lab, control)
        found = step_apart(lab, anatomy, self._array, self._kernel, share(control, _TAKING, 1.0))
        control.check()
        return _Answer(self, found)

    def _anatomy(self, lab: Lab, control: Control) -> Anatomy:
        learned = [each.layer for each in lab.network.parameters]
        place = self._place if self._place in learned else learned[-1]
        known = self._known.moment
        if known is not None and known.is_of(lab, place):
            return known.anatomy
        self._known.moment = known = None  # not two of them at a time
        values, objective = lab.trainer.values, Objective.of(lab.setup.method)
        part = share(control, 0.0, _TAKING)
        anatomy = take_apart(lab.network, values, lab.pair, objective, place, part)
        self._known.moment = _Moment(weakref.ref(lab), values, anatomy)
        return anatomy
