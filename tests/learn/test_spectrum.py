"""LAPACK, which cannot be stopped, is not waited for once nobody wants its answer."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from convstudio.core import Cancelled, Control
from convstudio.learn.errors import LearnError
from convstudio.learn.spectrum import apart
from tests.learn.training_pairs import CancelAt

MANY = 1000


def test_a_cancel_does_not_wait_for_the_work() -> None:
    done = threading.Event()
    try:
        with pytest.raises(Cancelled):
            apart(lambda: done.wait(60.0), MANY, CancelAt(2))
        assert not done.is_set()
    finally:
        done.set()
        for thread in threading.enumerate():  # which the next test must not find
            if thread.name == "convstudio-eigen":
                thread.join()


def test_the_work_s_own_errors_come_through() -> None:
    def fail() -> None:
        raise LearnError("It cannot be.")

    for control in (None, Control()):
        with pytest.raises(LearnError, match="It cannot be"):
            apart(fail, MANY, control)


def test_only_large_work_gets_a_thread_and_the_answer_is_the_same() -> None:
    def work() -> tuple[int, float]:
        time.sleep(0.001)
        return threading.get_ident(), float(np.linalg.eigvalsh(np.diag([3.0, 1.0, 2.0]))[-1])

    here = threading.get_ident()
    small, large = apart(work, 9, Control()), apart(work, MANY, Control())
    assert (small[0] == here, large[0] == here) == (True, False)
    assert small[1] == large[1] == 3.0
