"""Filtering each channel on its own by OpenCV, SciPy and PyTorch: what a user of them would take.

A library without stride computes the dense result and takes every s-th cell; one without dilation is given
the kernel with zeros between its taps.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage
import scipy.signal

from benchmarks.peers import pytorch as torch_peer
from benchmarks.peers.spec import Array, ConvSpec
from benchmarks.row import Run

_SLOW = 200_000_000  # products beyond which ndimage is left out: about half a second a call
_FFT_FROM = 11 * 11  # taps from which fftconvolve is a candidate at all


def _stuffed(spec: ConvSpec) -> Array:
    """Return the weights with dilation − 1 zeros between their taps."""
    d = spec.dilation
    outputs, inputs, height, width = spec.weight.shape
    stuffed = np.zeros((outputs, inputs, d * (height - 1) + 1, d * (width - 1) + 1), np.float32)
    stuffed[..., ::d, ::d] = spec.weight
    return stuffed


def opencv(spec: ConvSpec) -> dict[str, Run]:
    """boxFilter, Sobel, sepFilter2D or filter2D, on interleaved channels, for the same kernel on each."""
    border = {"zeros": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT_101}[spec.padding_mode]
    kernel = np.ascontiguousarray(_stuffed(spec)[0, 0])
    height, width = kernel.shape
    if spec.padding != ((height - 1) // 2, (width - 1) // 2) or spec.groups != spec.x.shape[1]:
        return {}
    image = np.ascontiguousarray(spec.x[0].transpose(1, 2, 0))
    out = np.empty_like(image)
    s = spec.stride

    def finish() -> Array:
        planes = out if out.ndim == 3 else out[:, :, np.newaxis]
        strided = planes if s == 1 else np.ascontiguousarray(planes[::s, ::s])
        return strided.transpose(2, 0, 1)[np.newaxis]

    def filter2d() -> Array:
        cv2.filter2D(image, -1, kernel, dst=out, borderType=border)
        return finish()

    def separable() -> Array:
        assert spec.factors is not None
        cv2.sepFilter2D(image, -1, spec.factors[1], spec.factors[0], dst=out, borderType=border)
        return finish()

    def sobel() -> Array:
        cv2.Sobel(image, -1, 1, 0, dst=out, ksize=width, borderType=border)
        return finish()

    def box() -> Array:
        cv2.boxFilter(image, -1, (width, height), dst=out, normalize=True, borderType=border)
        return finish()

    if spec.box:
        return {"boxFilter": box}
    if spec.factors is None:
        return {"filter2D": filter2d}
    if width <= 31:
        row, column = cv2.getDerivKernels(1, 0, width)
        if np.array_equal(kernel, np.outer(column.ravel(), row.ravel())):
            return {"Sobel": sobel, "sepFilter2D": separable}
    return {"sepFilter2D": separable}


def ndimage(spec: ConvSpec) -> dict[str, Run]:
    """uniform_filter, correlate1d twice or correlate, channel by channel."""
    weight = _stuffed(spec)
    if weight.shape[1] != 1 or any(k % 2 == 0 for k in weight.shape[2:]):
        return {}
    products = spec.x.size * np.count_nonzero(weight[0])
    if products > _SLOW and spec.factors is None and not spec.box:
        return {}
    mode: Any = {"zeros": "constant", "reflect": "mirror"}[spec.padding_mode]
    out = np.empty((len(weight), *spec.x.shape[2:]), np.float32)
    part = np.empty(spec.x.shape[2:], np.float32)

    def run() -> Array:
        for image, (kernel,), target in zip(spec.x[0], weight, out, strict=True):
            if spec.box:
                scipy.ndimage.uniform_filter(image, kernel.shape, output=target, mode=mode)
            elif spec.factors is not None:
                scipy.ndimage.correlate1d(image, spec.factors[0], axis=0, output=part, mode=mode)
                scipy.ndimage.correlate1d(part, spec.factors[1], axis=1, output=target, mode=mode)
            else:
                scipy.ndimage.correlate(image, kernel, output=target, mode=mode)
        return out[np.newaxis, :, :: spec.stride, :: spec.stride]

    return {"ndimage": run}


def fftconvolve(spec: ConvSpec) -> dict[str, Run]:
    """scipy.signal.fftconvolve over a NumPy pad, for large kernels."""
    weight = _stuffed(spec)
    if weight.shape[1] != 1 or weight[0, 0].size < _FFT_FROM:
        return {}
    (vertical, horizontal), s = spec.padding, spec.stride
    turned = np.ascontiguousarray(weight[:, 0, ::-1, ::-1])
    sides = ((0, 0), (vertical, vertical), (horizontal, horizontal))

    def run() -> Array:
        padded = np.pad(spec.x[0], sides, mode="reflect" if spec.padding_mode == "reflect" else "constant")
        dense = np.asarray(scipy.signal.fftconvolve(padded, turned, mode="valid", axes=(1, 2)))
        return dense[np.newaxis, :, ::s, ::s]

    return {"fftconvolve": run}


def pytorch(spec: ConvSpec) -> dict[str, Run]:
    """torch.nn.functional.conv2d, after its reflect pad where that is the border."""

    def make(torch: Any, functional: Any) -> Any:
        x, weight = torch.from_numpy(spec.x), torch.from_numpy(spec.weight)
        vertical, horizontal = spec.padding
        geometry = {"stride": spec.stride, "dilation": spec.dilation, "groups": spec.groups}
        if spec.padding_mode == "zeros":
            return lambda: functional.conv2d(x, weight, padding=spec.padding, **geometry)
        sides = (horizontal, horizontal, vertical, vertical)
        return lambda: functional.conv2d(functional.pad(x, sides, mode="reflect"), weight, **geometry)

    return torch_peer.peer(make)
