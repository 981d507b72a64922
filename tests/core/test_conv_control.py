"""Cancelling and progress: what a listener hears, and that a cancelled computation stops."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref

import numpy as np
import pytest

from convstudio.core import ALGORITHMS, Cancelled, Control, conv

EVERY = ("auto", *ALGORITHMS)


def job(size: int = 700, kernel: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1, 3, size, size)).astype(np.float32)
    return x, rng.standard_normal((3, 1, kernel, kernel)).astype(np.float32)


@pytest.mark.parametrize("algorithm", EVERY)
def test_progress_rises_and_ends_at_one(algorithm: str) -> None:
    heard: list[float] = []
    x, weight = job()
    plain = conv(x, weight, groups=3, padding="same", algorithm=algorithm)
    result = conv(x, weight, groups=3, padding="same", algorithm=algorithm, control=Control(heard.append))
    np.testing.assert_array_equal(result, plain)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert all(0 <= fraction <= 1 for fraction in heard)
    assert len(heard) >= 4, "too coarse to show progress or to cancel"


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_tiny_job_reports_its_end(algorithm: str) -> None:
    heard: list[float] = []
    conv(
        np.ones((1, 1, 4, 4), np.float32),
        np.ones((1, 1, 2, 2), np.float32),
        algorithm=algorithm,
        control=Control(heard.append),
    )
    assert heard[-1] == 1.0
    assert heard == sorted(heard)


@pytest.mark.parametrize("algorithm", EVERY)
def test_cancelled_from_the_listener(algorithm: str) -> None:
    heard: list[float] = []

    def listen(fraction: float) -> None:
        heard.append(fraction)
        control.cancel()

    control = Control(listen)
    x, weight = job(size=1100)
    kept = x.copy()
    with pytest.raises(Cancelled):
        conv(x, weight, groups=3, padding="same", algorithm=algorithm, control=control)
    assert control.cancelled
    assert heard[-1] < 0.9, "it went on to the end"
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("algorithm", EVERY)
def test_cancelled_from_another_thread(algorithm: str) -> None:
    """The first report wakes the canceller and waits for it, so the order does not depend on speed."""
    started, cancelled = threading.Event(), threading.Event()
    heard: list[float] = []

    def listen(fraction: float) -> None:
        heard.append(fraction)
        started.set()
        cancelled.wait(10)

    control = Control(listen)

    def cancel() -> None:
        started.wait(10)
        control.cancel()
        cancelled.set()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    x, weight = job(size=1100)
    with pytest.raises(Cancelled):
        conv(x, weight, groups=3, padding="same", algorithm=algorithm, control=control)
    canceller.join()
    assert heard[-1] < 0.9


@pytest.mark.parametrize("algorithm", EVERY)
def test_cancelled_beforehand_computes_nothing(algorithm: str) -> None:
    heard: list[float] = []
    control = Control(heard.append)
    control.cancel()
    out = np.full((1, 3, 50, 50), 7.0, np.float32)
    x, weight = job(size=50, kernel=3)
    with pytest.raises(Cancelled):
        conv(x, weight, groups=3, padding="same", algorithm=algorithm, control=control, out=out)
    assert heard == []
    np.testing.assert_array_equal(out, np.full((1, 3, 50, 50), 7.0))


@pytest.mark.parametrize("algorithm", EVERY)
def test_the_next_computation_is_right(algorithm: str) -> None:
    """Scratch buffers and worker threads survive a cancelled computation."""
    x, weight = job()
    arguments = {"groups": 3, "padding": "same", "algorithm": algorithm}
    expected = conv(x, weight, **arguments)
    for _ in range(3):
        control = Control(lambda _fraction: control.cancel())  # noqa: B023  called within this turn
        with pytest.raises(Cancelled):
            conv(x, weight, **arguments, control=control)
        with pytest.raises(RuntimeError, match="the listener failed"):
            conv(x, weight, **arguments, control=Control(_broken))
        np.testing.assert_array_equal(conv(x, weight, **arguments), expected)


def _broken(_fraction: float) -> None:
    raise RuntimeError("the listener failed")


def test_an_error_in_the_listener_is_not_swallowed() -> None:
    x, weight = job()
    with pytest.raises(RuntimeError, match="the listener failed"):
        conv(x, weight, groups=3, control=Control(_broken))


def test_a_control_by_itself() -> None:
    heard: list[float] = []
    control = Control(heard.append)
    control.check()
    control.report(1, 4)
    control.report(4, 4)
    assert heard == [0.25, 1.0]
    assert not control.cancelled
    control.cancel()
    assert control.cancelled
    with pytest.raises(Cancelled):
        control.check()
    with pytest.raises(Cancelled):
        control.report(1, 2)
    Control().report(1, 2)


def test_a_cancelled_control_does_not_stop_others() -> None:
    x, weight = job(size=60)
    first, second = Control(), Control()
    first.cancel()
    conv(x, weight, groups=3, control=second)
    assert not issubclass(Cancelled, ValueError), "a cancelled job is not a wrong argument"


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_cancelled_computation_lets_go_of_its_arrays(algorithm: str) -> None:
    x, weight = job()
    out = np.empty_like(x)
    held = weakref.ref(out)
    control = Control(lambda fraction: control.cancel() if fraction < 1.0 else None)
    gc.disable()  # as in the window, where the collector comes round only now and then
    try:
        with contextlib.suppress(Cancelled):
            conv(x, weight, groups=3, padding="same", algorithm=algorithm, control=control, out=out)
        assert control.cancelled
        del out
        end = time.monotonic() + 5.0
        while held() is not None and time.monotonic() < end:
            time.sleep(0.001)  # the other workers let go a moment after they are done
        assert held() is None
    finally:
        gc.enable()
