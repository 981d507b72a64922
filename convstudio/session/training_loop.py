"""The thread that trains: it takes orders between two steps, and tells what became of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from convstudio.core import Cancelled, Control
from convstudio.io.errors import PictureError
from convstudio.learn.errors import LearnError
from convstudio.session.training_bench import START, Bench, Opener, Question
from convstudio.session.training_outbox import CANCELLED, NO_MEMORY, Event, Outbox

PATIENCE = 0.25
"""Seconds for which going to a step goes on after another one was asked for, so that scrubbing shows some."""

SLOW_SECONDS = 0.25
"""How long a step must take before its progress is told."""
_BUSY, _BREATH = 0.002, 0.001
"""Seconds of steps after which the thread sleeps, and for how long.

Quick steps are all Python: without, the window would get the interpreter for a moment only with each of the
thousands of calls that painting takes, and stand still for seconds.
"""
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, eq=False)
class _Job:
    kind: str
    generation: int
    control: Control
    started: float
    work: Any
    topic: str


class TrainingLoop:
    """One worker thread with a mailbox for orders, and one for what is to be told.

    Orders may be given from any thread and return at once; of several labs to open or steps to go to, the
    last one counts. What is told of an earlier lab is dropped, and a frame makes way for a newer one.

    Args:
        notify: called once there is something to ``take``, mostly on the worker and under the lock; not
            again before it was taken.
        name: the thread's.
    """

    def __init__(self, notify: Callable[[], None], name: str) -> None:
        self._lock = threading.Condition()  # of all that follows but for the bench
        self._outbox = Outbox(notify)
        self._to_open: Opener | None = None
        self._place: int | None = None
        self._steps = 0
        self._breathed = 0.0
        self._playing = False
        self._begins = False
        self._speed: float | None = None
        self._step_due = 0.0
        self._questions: dict[str, Question] = {}
        self._channel: int | None = None
        self._to_show = False
        self._closing = False
        self._generation = 0
        self._is_open = False
        self._refusal: str | None = None
        self._job: _Job | None = None
        self._progress = 0.0
        self._bench = Bench()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    # --- what is ---

    @property
    def playing(self) -> bool:
        """Whether one step follows the other."""
        return self._playing

    @property
    def busy(self) -> bool:
        """Whether something that was asked for is not done or not told yet; playing on does not count."""
        with self._lock:
            asked = self._to_open is not None or self._place is not None or self._steps or self._questions
            unasked = ("play", "compare") if self._playing else ("compare",)
            at_work = self._job is not None and self._job.kind not in unasked
            return bool(asked or self._to_show or at_work or self._outbox)

    @property
    def preparing(self) -> bool:
        """Whether it makes what steps go by, before the first one."""
        with self._lock:
            return self._job is not None and self._job.kind == "prepare"

    # --- orders ---

    def open(self, opener: Opener) -> None:
        """Open a lab; what goes on with another one ends, and what was asked of it is dropped."""
        with self._lock:
            if self._closing:
                return
            self._generation += 1
            self._drop_orders()
            self._outbox.drop()
            self._to_open = opener
            self._interrupt()

    def play(self) -> None:
        """Take one step after the other, until the run ends or something else is wanted."""
        with self._lock:
            if self._ready():
                self._begins = self._begins or not self._playing
                self._playing, self._step_due = True, time.monotonic()
                self._interrupt("compare")

    def pause(self) -> None:
        """Stay at the present step; one that has begun is given up."""
        with self._lock:
            self._rest()
            self._interrupt("play", "step", "place")

    def cancel(self) -> None:
        """Give up whatever goes on; an open lab stays as it is."""
        with self._lock:
            if self._to_open is not None or (self._job is not None and self._job.kind == "open"):
                self._refusal = CANCELLED
            self._drop_orders()
            self._interrupt()

    def step_once(self) -> None:
        """Take one step more, and stay there."""
        with self._lock:
            if self._ready():
                self._playing = False
                self._steps += 1
                self._interrupt("play", "compare", "show")

    def go_to(self, step: int) -> None:
        """Go to a step of the run so far; one beyond its ends is the end."""
        self._go(max(0, step))

    def reset(self) -> None:
        """Go back to the start, and forget the run."""
        self._go(START)

    def _go(self, place: int) -> None:
        with self._lock:
            if self._closing or not self._is_open or self._to_open is not None:
                return
            self._rest()
            self._place = place
            self._outbox.drop_frames()
            self._interrupt("play", "step", "compare", "show")
            self._lose_patience()

    def set_speed(self, steps_per_second: float | None) -> None:
        """Play at so many steps a second, or as fast as possible (None).

        Raises:
            ValueError: not a positive number.
        """
        if steps_per_second is not None and not steps_per_second > 0:
            raise ValueError(f"steps per second must be a positive number, got {steps_per_second!r}")
        with self._lock:
            self._speed, self._step_due = steps_per_second, time.monotonic()
            self._lock.notify_all()

    def show_channel(self, channel: int | None) -> None:
        """Show one channel of target, prediction and residual, or all (None)."""
        with self._lock:
            if channel == self._channel:
                return  # a frame that is being made is the right one
            self._to_show = self._is_open and not self._closing
            self._channel = channel
            self._interrupt("compare", "show")

    def ask(self, topic: str, question: Question) -> None:
        """Ask something about the lab; "answered" or "unanswered" is told, with the same topic."""
        with self._lock:
            if self._ready():
                self._questions[topic] = question
                self._interrupt("compare", "prepare")  # which goes on afterwards

    def close(self) -> None:
        """End the thread and wait for it."""
        with self._lock:
            self._closing = self._outbox.closed = True
            self._drop_orders()
            self._interrupt()
        self._thread.join()

    def take(self) -> tuple[list[Event], float]:
        """Return what there is to tell, in order, and how far the running order is, 0 to 1."""
        with self._lock:
            if self._playing and self._speed is not None:
                self._lock.notify_all()  # a frame may be made again
            return self._outbox.take(), self._progress

    # --- under the lock ---

    def _ready(self) -> bool:
        """Whether a lab is open or about to be; where one was refused, that is told again."""
        if self._closing:
            return False
        if self._to_open is not None or (self._job is not None and self._job.kind == "open"):
            return True
        if self._refusal is not None:
            self._post(Event("refused", self._refusal), self._generation)
            return False
        return self._is_open

    def _rest(self) -> None:
        self._playing, self._steps, self._place = False, 0, None

    def _drop_orders(self) -> None:
        self._rest()
        self._questions = {}
        self._to_open = None

    def _interrupt(self, *kinds: str) -> None:
        """Wake the worker, and give up what it does if that is of these kinds; without kinds in any case."""
        if self._job is not None and (not kinds or self._job.kind in kinds):
            self._job.control.cancel()
        self._lock.notify_all()

    def _lose_patience(self) -> None:
        """Give up going to a step if another one waits, and it has had its time."""
        job = self._job
        if job is None or job.kind != "place" or self._place is None:
            return
        if _age(job) >= PATIENCE:
            job.control.cancel()

    def _post(self, event: Event, generation: int) -> None:
        if generation == self._generation or event.kind == "error":
            self._outbox.add(event)

    def _step_left(self) -> float:
        """Return how many seconds the next step still waits at the chosen speed, 0 if not at all."""
        return 0.0 if self._speed is None else max(0.0, self._step_due - time.monotonic())

    def _frame_left(self) -> float:
        """Return after how many seconds a frame of the present step may be made while it plays."""
        wanted = not self._bench.is_shown(self._channel) and not self._outbox.holds("frame")
        return self._bench.frame_left() if wanted else math.inf

    def _patience(self) -> float | None:
        """Return how many seconds to wait for an order, None for as long as it takes."""
        if not self._playing or not self._is_open:
            return None
        return min(self._step_left(), self._frame_left(), _LONGEST_WAIT)

    def _next(self) -> _Job | None:
        """Choose what to do next."""
        if self._to_open is not None:
            work, self._to_open = self._to_open, None
            return self._new("open", work)
        if not self._is_open:
            self._to_show = False
            return None
        if self._place is not None:
            place, self._place = self._place, None
            return self._new("place", place)
        if self._questions:
            topic = next(iter(self._questions))
            return self._new("question", self._questions.pop(topic), topic)
        if self._refusal is None and not self._bench.is_prepared():
            return self._new("prepare")
        if self._steps:
            self._steps -= 1
            return self._new("step")
        if self._playing:
            if not self._step_left():
                return self._new("play")
            return None if self._frame_left() else self._new("show")
        self._to_show = False
        if self._refusal is not None:  # what is open is not what is wanted, and is shown only where asked for
            return None
        if not self._bench.is_shown(self._channel):
            return self._new("show")
        return None if self._bench.is_compared() else self._new("compare")

    def _new(self, kind: str, work: Any = None, topic: str = "") -> _Job:
        self._progress = 0.0
        told = kind in ("open", "place", "question", "prepare", "play", "step")
        control = Control(self._report if told else None)
        return _Job(kind, self._generation, control, time.monotonic(), work, topic)

    # --- the worker ---

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._job is not None:
                    quiet = self._job.kind == "play" and self._playing
                    self._job = None
                    if not quiet:
                        self._outbox.tell()
                job = None if self._closing else self._next()
                while job is None and not self._closing:
                    self._lock.wait(self._patience())
                    job = None if self._closing else self._next()
                if job is None:
                    return
                self._job = job
            try:
                self._do(job)
            except Cancelled:
                pass
            except Exception as error:  # the worker must outlive any failure; the receiver reports it
                self._failed(job, error)
            job = None  # holds no lab while it waits

    def _do(self, job: _Job) -> None:
        bench, control = self._bench, job.control
        if job.kind == "open":
            self._opened(job)
        elif job.kind == "prepare":
            bench.prepare(control)
        elif job.kind == "place":
            bench.go(job.work, control)
            self._show(job)
        elif job.kind == "question":
            answer = job.work(bench.lab, control)
            with self._lock:
                self._post(Event("answered", answer, job.topic), job.generation)
        elif job.kind in ("play", "step"):
            self._advance(job)
        elif job.kind == "show":
            self._show(job)
        else:
            frame = bench.compare(control)
            with self._lock:
                self._post(Event("frame", frame), job.generation)

    def _opened(self, job: _Job) -> None:
        opened = self._bench.open(job.work, job.control)
        with self._lock:
            self._is_open = True
            if job.generation == self._generation:
                self._refusal = None
            self._post(Event("opened", opened.report), job.generation)

    def _advance(self, job: _Job) -> None:
        playing, speed = job.kind == "play", self._speed
        if playing:
            if self._begins:
                self._begins = False
                self._bench.rest()
            if speed is not None:  # time that was lost is not made up for
                self._step_due = max(self._step_due + 1.0 / speed, time.monotonic())
        stop = self._bench.step(job.control, playing=playing)
        if stop is not None:
            with suppress(Cancelled):  # it is shown once there is time
                self._show(job)
            with self._lock:
                if job.generation == self._generation:
                    self._playing, self._steps = False, 0
                self._post(Event("stopped", stop), job.generation)
            return
        with self._lock:
            due = playing and not self._frame_left()
        if due:
            self._show(job)
        if time.monotonic() - self._breathed >= _BUSY:
            time.sleep(_BREATH)
            self._breathed = time.monotonic()

    def _show(self, job: _Job) -> None:
        channel = self._channel
        frame = self._bench.show(channel, job.control, resting=not self._playing)
        with self._lock:
            if not job.control.cancelled:  # else something else is wanted by now
                self._post(Event("frame", frame), job.generation)

    def _failed(self, job: _Job, error: Exception) -> None:
        known = isinstance(error, LearnError | PictureError | MemoryError)
        text = NO_MEMORY if isinstance(error, MemoryError) else str(error)
        if not known:
            text = f"The training met an error of the program: {error}"
        with self._lock:
            if not known:
                self._post(Event("error", error), job.generation)
            if job.kind == "prepare":
                self._bench.give_up_preparing()
            if job.kind in ("show", "compare"):
                self._bench.give_up_showing(self._channel)
            if job.generation != self._generation:
                return
            if job.kind == "question":
                self._post(Event("unanswered", text, job.topic), job.generation)
                return
            self._rest()
            if job.kind == "open":
                self._refusal, self._questions = text, {}
            self._post(Event("refused", text), job.generation)

    def _report(self, part: float) -> None:
        with self._lock:
            self._progress = part
            self._lose_patience()
            job = self._job
            if job is None or job.kind not in ("play", "step") or _age(job) >= SLOW_SECONDS:
                self._outbox.tell()


def _age(job: _Job) -> float:
    return time.monotonic() - job.started
