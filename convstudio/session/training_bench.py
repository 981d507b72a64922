"""The lab that is open, as the training's worker handles it: moving, looking, asking."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from convstudio.core import Control
from convstudio.learn.divergence import Stop
from convstudio.learn.lab import Lab, comparisons
from convstudio.session.training_frame import FrameMaker, TrainingFrame, TrainingReport

Question = Callable[[Lab, Control], Any]
"""Something to find out about a lab; raises LearnError where that cannot be."""

START = -1
"""The place that stands for the start, with the run forgotten."""

FRAME_SECONDS = 1.0 / 30.0
"""Between the beginnings of two frames while it plays, at least."""

_REST_OF_FRAME = 2.0
"""So many times as long as a frame took, none is made: frames take a third of the time at most."""
_SPEED_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Opened:
    """A lab, what is to be told of it, and a key that is equal where another one would be the same."""

    lab: Lab
    report: TrainingReport
    key: object


Opener = Callable[[Opened | None, Control], Opened]
"""Opens a lab, or returns the one that is open where nothing that matters has changed."""


class Bench:
    """What the worker does with a lab, one thing at a time."""

    def __init__(self) -> None:
        self.opened: Opened | None = None
        self._maker: FrameMaker | None = None
        self._frame: TrainingFrame | None = None
        self._shown: tuple[int, int, int | None] | None = None
        self._compared = False
        self._unpreparable = False
        self._frame_due = 0.0
        self._made: deque[float] = deque()
        self._speed: float | None = None

    # --- the lab ---

    def open(self, opener: Opener, control: Control) -> Opened:
        """Open a lab in the place of the present one, which stays if that fails."""
        opened = opener(self.opened, control)
        if self.opened is None or opened.lab is not self.opened.lab:
            maker = FrameMaker(opened.lab, control)
            control.check()
            self._maker, self._speed, self._frame_due = maker, None, 0.0
            self._unpreparable = False
        self.opened = opened
        self._shown = None
        return opened

    @property
    def lab(self) -> Lab:
        """The one that is open."""
        assert self.opened is not None
        return self.opened.lab

    def is_prepared(self) -> bool:
        """Whether a step can be taken, and a look at one be had, without what the first must make."""
        return self._unpreparable or self.lab.trainer.prepared

    def prepare(self, control: Control) -> None:
        """Make that; a cancelled one goes on where it was."""
        self.lab.trainer.prepare(control)

    def give_up_preparing(self) -> None:
        """Leave it to the first step, which says what is wrong."""
        self._unpreparable = True

    def go(self, place: int, control: Control) -> None:
        """Go to a step, the last one at most, or back to the START."""
        trainer = self.lab.trainer
        if place == START:
            trainer.reset()
            self._shown = None
        else:
            trainer.go_to(min(place, trainer.last), control)

    def step(self, control: Control, *, playing: bool = False) -> Stop | None:
        """Take a step; return why the run has ended with it, if it has."""
        self.lab.trainer.advance(control)
        now = time.monotonic()
        if playing:
            self._made.append(now)
            while len(self._made) > 2 and self._made[0] < now - _SPEED_SECONDS:
                self._made.popleft()
            if len(self._made) > 1:
                self._speed = (len(self._made) - 1) / max(now - self._made[0], 1e-9)
        return self.lab.trainer.stopped

    def rest(self) -> None:
        """Note that the next step does not follow on the last one."""
        self._made.clear()

    # --- frames ---

    def frame_left(self) -> float:
        """Return after how many seconds it is time for a frame while it plays."""
        return max(0.0, self._frame_due - time.monotonic())

    def is_shown(self, channel: int | None) -> bool:
        """Whether the last frame is of the present step."""
        trainer = self.lab.trainer
        return self._shown == (trainer.step, trainer.last, channel)

    def is_compared(self) -> bool:
        """Whether the last frame says how other filters do, or need not: at the start nothing is learned."""
        return self._compared or self.lab.trainer.step == 0

    def show(self, channel: int | None, control: Control, *, resting: bool) -> TrainingFrame:
        """Return a frame of the present step."""
        assert self._maker is not None
        start = time.monotonic()
        trainer = self.lab.trainer
        self._maker.show_channel(channel, control)
        frame = self._maker.make(trainer.look(control), self._speed, resting=resting, control=control)
        self._frame, self._compared = frame, False
        self._shown = (trainer.step, trainer.last, channel)
        now = time.monotonic()
        self._frame_due = max(start + FRAME_SECONDS, now + _REST_OF_FRAME * (now - start))
        return frame

    def compare(self, control: Control) -> TrainingFrame:
        """Return the last frame with how other filters do."""
        assert self._frame is not None
        prediction = self.lab.trainer.look(control).prediction
        self._frame = replace(self._frame, comparisons=comparisons(self.lab, prediction, control))
        self._compared = True
        return self._frame

    def give_up_showing(self, channel: int | None) -> None:
        """Let the present step count as shown: a frame of it cannot be made."""
        trainer = self.lab.trainer
        self._shown, self._compared = (trainer.step, trainer.last, channel), True
