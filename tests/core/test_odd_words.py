"""Flags, words, numbers and shapes of the wrong kind are named in the error, never taken for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convstudio import core

X = np.ones((1, 2, 6, 6), np.float32)
W = np.ones((1, 2, 3, 3), np.float32)
Y = np.ones((1, 1, 4, 4), np.float32)
REDUCE, SPAN = np.ones((1, 2, 1, 1)), np.ones((9, 1, 1, 1))
WORDS = np.array(["a", "b"])


class _NoArray:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("held by a graph")


CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "flip": (lambda: core.conv(X, W, flip="no"), "flip must be True or False"),  # type: ignore[arg-type]
    "flip backward": (lambda: core.conv_backward(Y, X, W, flip=1), "flip must be True or False"),
    "algorithm": (lambda: core.conv(X, W, algorithm=WORDS), "algorithm must be one of"),  # type: ignore[arg-type]
    "reduction": (lambda: core.mse(X, X, WORDS), "reduction must be one of"),  # type: ignore[arg-type]
    "needs": (lambda: core.conv_backward(Y, X, W, needs=np.array(2)), "needs must hold"),  # type: ignore[arg-type]
    "no array": (lambda: core.conv(_NoArray(), W), "x must be an array of numbers.*held by a graph"),
    "number": (lambda: core.elu(X, 10**400), "alpha must be a number in the range"),
    "kernel": (lambda: core.max_pool(X, 10**30, ceil_mode=True), "kernel_size must be at most"),
    "padding": (lambda: core.pad(X, 2**62), "too large for any array"),
    "padding columns": (lambda: core.unfold(X, 1, padding=2**62), "too large for any array"),
    "padding backward": (lambda: core.conv_backward(Y, X, W, padding=2**62), "too large for any array"),
    "pooled": (lambda: core.adaptive_max_pool(X, 10**18, True), "too large for any array"),
    "output_shape": (lambda: core.output_shape(6, 3), "spatial must have one whole number"),  # type: ignore[arg-type]
    "unread": (lambda: core.unread("66", 3), "spatial must have one whole number"),  # type: ignore[arg-type]
    "resolved": (lambda: core.resolve_padding(1, (6, -1), 3), "spatial must be a whole number"),
    "length": (lambda: core.output_length(9, 3, 0, 0, 0, 1), "stride must be a whole number"),
    "cost": (lambda: core.conv_cost((4, 9), (4,), (7,)), "weight_shape must be"),
    "cost input": (lambda: core.conv_cost(4, (4, 4, 1), (7,)), "in_shape must have"),  # type: ignore[arg-type]
    "field": (lambda: core.receptive_fields([core.Stage(3)], 9), "spatial must have"),  # type: ignore[arg-type]
    "stages": (lambda: core.receptive_fields([3], (9,)), "stages must be"),  # type: ignore[list-item]
    "kind": (lambda: core.receptive_fields([core.Stage(3, kind=WORDS)], (9,)), "kind must be"),  # type: ignore[arg-type]
    "cells": (lambda: core.cells_read([core.Stage(3)], (9,), 1), "cells must have"),  # type: ignore[arg-type]
    "stack": (lambda: core.stack_cost([core.Stage(3)], 9), "in_shape must have"),  # type: ignore[arg-type]
    "reduce": (lambda: core.involution_kernels(X, W, SPAN, kernel_size=3), "reduce must have shape"),
    "span": (
        lambda: core.involution_kernels(X, REDUCE, np.ones((9, 2, 1, 1)), kernel_size=3),
        "span takes 2 input channels, but reduce makes 1",
    ),
    "reduce_bias": (
        lambda: core.involution_kernels(X, REDUCE, SPAN, np.ones(3), kernel_size=3),
        "reduce_bias must hold",
    ),
    "span_bias": (
        lambda: core.involution_kernels(X, REDUCE, SPAN, None, np.ones(3), kernel_size=3),
        "span_bias must hold",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_named_in_the_error(name: str) -> None:
    call, words = CALLS[name]
    with pytest.raises(ValueError, match=words):
        call()


def test_a_flag_is_checked_on_every_call() -> None:
    """Small convolutions remember what their shapes say, but not that other arguments were right."""
    core.conv(X, W)
    core.conv(X, W, flip=np.True_)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="flip must be True or False"):
        core.conv(X, W, flip="no")  # type: ignore[arg-type]


def test_lengths_may_be_an_array() -> None:
    assert core.output_shape(np.array([6, 7]), 3) == (4, 5)  # type: ignore[arg-type]


def test_kernels_for_a_stride_beyond_the_picture() -> None:
    """One position stands for all of it, and nothing is summed beyond."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 2, 6, 5)).astype(np.float32)
    far = core.involution_kernels(x, REDUCE, SPAN, kernel_size=3, stride=10**9)
    np.testing.assert_array_equal(far, core.involution_kernels(x, REDUCE, SPAN, kernel_size=3, stride=(6, 5)))
