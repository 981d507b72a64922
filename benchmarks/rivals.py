"""The same convolution by other libraries: each builder returns a run, or None where it is no match.

A builder is given a row of the table (see ``benchmarks.conv.Row``): picture ``x`` (C, height, width),
``weight``, ``stride``, ``dilation``, ``padding``, whether it is ``depthwise``, and the ``factors`` of a
separable kernel. A library without stride computes the dense result and takes every s-th cell; one without
dilation is given the kernel with zeros between its taps: that is what a user of it would do.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[], Array]

_SLOW = 400_000_000  # products beyond which ndimage is left out: about half a second a call
_FFT_FROM = 11 * 11  # taps from which fftconvolve is a candidate at all


class Job(Protocol):
    """What a rival needs to know of a row."""

    stride: int
    dilation: int
    factors: tuple[Array, Array] | None
    box: bool

    @property
    def x(self) -> Array: ...
    @property
    def weight(self) -> Array: ...
    @property
    def depthwise(self) -> bool: ...
    @property
    def padding(self) -> tuple[int, int]: ...


def _stuffed(job: Job) -> Array:
    """Return the weights with dilation − 1 zeros between their taps."""
    d = job.dilation
    if d == 1:
        return job.weight
    outputs, inputs, height, width = job.weight.shape
    stuffed = np.zeros((outputs, inputs, d * (height - 1) + 1, d * (width - 1) + 1), np.float32)
    stuffed[..., ::d, ::d] = job.weight
    return stuffed


def opencv(job: Job) -> Run | None:
    """boxFilter, sepFilter2D or filter2D; a filter bank by sums of filter2D."""
    border = cv2.BORDER_REFLECT_101
    s = job.stride
    if not job.depthwise:
        return _opencv_bank(job)
    image = np.ascontiguousarray(job.x.transpose(1, 2, 0))
    kernel = np.ascontiguousarray(_stuffed(job)[0, 0])
    out = np.empty_like(image)
    height, width = kernel.shape

    def run() -> Array:
        if job.box:
            cv2.boxFilter(image, -1, (width, height), dst=out, normalize=True, borderType=border)
        elif job.factors is not None:
            column, row = job.factors
            cv2.sepFilter2D(image, -1, row, column, dst=out, borderType=border)
        else:
            cv2.filter2D(image, -1, kernel, dst=out, borderType=border)
        planes = out if out.ndim == 3 else out[:, :, np.newaxis]
        strided = planes if s == 1 else np.ascontiguousarray(planes[::s, ::s])
        return strided.transpose(2, 0, 1)

    return run


def _opencv_bank(job: Job) -> Run:
    weight = np.ascontiguousarray(_stuffed(job))
    total = np.empty((len(weight), *job.x.shape[1:]), np.float32)
    part = np.empty(job.x.shape[1:], np.float32)

    def run() -> Array:
        for o, kernels in enumerate(weight):
            for i, kernel in enumerate(kernels):
                target = part if i else total[o]
                cv2.filter2D(job.x[i], -1, kernel, dst=target, borderType=cv2.BORDER_REFLECT_101)
                if i:
                    cv2.add(total[o], part, dst=total[o])
        return total[:, :: job.stride, :: job.stride]

    return run


def ndimage(job: Job) -> Run | None:
    """scipy.ndimage.correlate, or correlate1d twice for a separable kernel."""
    weight = _stuffed(job)
    if job.x[0].size * np.count_nonzero(weight) > _SLOW and job.factors is None:
        return None
    out = np.empty((len(weight), *job.x.shape[1:]), np.float32)
    part = np.empty(job.x.shape[1:], np.float32)

    def run() -> Array:
        for o, kernels in enumerate(weight):
            for i, kernel in enumerate(kernels):
                image = job.x[o if job.depthwise else i]
                target = part if i else out[o]
                if job.factors is not None:
                    column, row = job.factors
                    scipy.ndimage.correlate1d(image, column, axis=0, output=part, mode="mirror")
                    scipy.ndimage.correlate1d(part, row, axis=1, output=target, mode="mirror")
                else:
                    scipy.ndimage.correlate(image, kernel, output=target, mode="mirror")
                if i:
                    out[o] += part
        return out[:, :: job.stride, :: job.stride]

    return run


def fftconvolve(job: Job) -> Run | None:
    """scipy.signal.fftconvolve over a NumPy pad, for large kernels on single channels."""
    weight = _stuffed(job)
    if not job.depthwise or job.weight[0, 0].size < _FFT_FROM:
        return None
    (vertical, horizontal), s = job.padding, job.stride
    turned = np.ascontiguousarray(weight[:, 0, ::-1, ::-1])

    def run() -> Array:
        sides = ((0, 0), (vertical, vertical), (horizontal, horizontal))
        padded = np.pad(job.x, sides, mode="reflect")
        dense = scipy.signal.fftconvolve(padded, turned, mode="valid", axes=(1, 2))
        return np.asarray(dense)[:, ::s, ::s]

    return run


def pytorch(job: Job) -> Run | None:
    """torch.nn.functional.conv2d over its reflect pad. Never required: only where torch is installed."""
    torch: Any = importlib.import_module("torch")
    functional = torch.nn.functional
    x = torch.from_numpy(job.x)[None]
    weight = torch.from_numpy(job.weight)
    groups = job.x.shape[0] if job.depthwise else 1
    vertical, horizontal = job.padding

    def run() -> Array:
        with torch.no_grad():
            padded = functional.pad(x, (horizontal, horizontal, vertical, vertical), mode="reflect")
            result = functional.conv2d(
                padded, weight, stride=job.stride, dilation=job.dilation, groups=groups
            )
        return np.asarray(result[0].numpy())

    return run
