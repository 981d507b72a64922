"""One convolution, as each library does it best: the job, our run, and the runs of PyTorch and ONNX Runtime.

Zero padding, float32, the same layout (N, C, *spatial) for everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import onnx, pytorch
from benchmarks.row import Row, Run
from convstudio.core import conv, conv_cost, conv_transpose
from convstudio.core.planner import plan_conv

Array = NDArray[Any]

# Our algorithms that are expected to take this many times longer than the best are not raced.
_HOPELESS = 8.0
# Rounding to accept, relative to the largest sum of |w||x|.
_TOLERANCE = 4e-6


@dataclass(frozen=True)
class Convolution:
    """A job with random numbers.

    size and kernel have one number per spatial axis; stride, dilation and padding are the same on each.
    """

    inputs: int
    outputs: int
    kernel: tuple[int, ...]
    size: tuple[int, ...]
    stride: int = 1
    dilation: int = 1
    padding: int = 0
    groups: int = 1
    batch: int = 1

    @cached_property
    def x(self) -> Array:
        rng = np.random.default_rng(1)
        return rng.standard_normal((self.batch, self.inputs, *self.size), np.float32)

    @cached_property
    def weight(self) -> Array:
        rng = np.random.default_rng(2)
        return rng.standard_normal((self.outputs, self.inputs // self.groups, *self.kernel), np.float32)

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `conv`, and of PyTorch's."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def row(self, title: str, *, with_opencv: bool = False) -> Row:
        """Everybody's runs of this job."""
        x, weight, arguments = self.x, self.weight, self.arguments
        out = conv(x, weight, **arguments)
        magnitude = float(conv(np.abs(x), np.abs(weight), **arguments).max())
        plan = plan_conv(x.shape, x.dtype, weight, **arguments)
        best = min(candidate.milliseconds for candidate in plan.candidates)

        def ours(algorithm: str) -> Run:
            return lambda: conv(x, weight, algorithm=algorithm, out=out, **arguments)

        peers = {**self._pytorch(), **self._onnx()}
        if with_opencv:
            peers["OpenCV"] = self._opencv()
        cost = conv_cost(x.shape[1:], weight.shape, out.shape[2:])
        return Row(
            title=title,
            ours=ours("auto"),
            peers=peers,
            multiply_adds=self.batch * cost.multiply_adds,
            traffic=x.nbytes + weight.nbytes + out.nbytes,
            forced={
                candidate.name: ours(candidate.name)
                for candidate in plan.candidates
                if candidate.milliseconds <= _HOPELESS * best
            },
            chosen=plan.algorithm,
            tolerance=_TOLERANCE * magnitude,
        )

    def _pytorch(self) -> dict[str, Run]:
        def make(torch: Any, functional: Any) -> Callable[[], Any]:
            x, weight = torch.from_numpy(self.x), torch.from_numpy(self.weight)
            convolve = getattr(functional, f"conv{len(self.size)}d")
            return lambda: convolve(x, weight, **self.arguments)

        return pytorch.peer(make)

    def _onnx(self) -> dict[str, Run]:
        rank = len(self.size)
        attributes = {
            "strides": [self.stride] * rank,
            "dilations": [self.dilation] * rank,
            "pads": [self.padding] * (2 * rank),
            "group": self.groups,
        }
        nodes = [("Conv", ["x", "weight"], ["y"], attributes)]
        return onnx.peer(nodes, {"x": self.x}, {"weight": self.weight})

    def _opencv(self) -> Run:
        """Sums of filter2D, for one picture and "same" padding; stride by leaving cells out."""
        side = self.dilation * (self.kernel[0] - 1) + 1
        spread = np.zeros((self.outputs, self.inputs, side, side), np.float32)
        spread[..., :: self.dilation, :: self.dilation] = self.weight
        planes = self.x[0]
        total = np.empty((self.outputs, *self.size), np.float32)
        part = np.empty(self.size, np.float32)

        def run() -> Array:
            for o, kernels in enumerate(spread):
                for i, kernel in enumerate(kernels):
                    target = part if i else total[o]
                    cv2.filter2D(planes[i], -1, kernel, dst=target, borderType=cv2.BORDER_CONSTANT)
                    if i:
                        cv2.add(total[o], part, dst=total[o])
            return total[None, :, :: self.stride, :: self.stride]

        return run


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution of random numbers; the same numbers hold for both axes."""

    inputs: int
    outputs: int
    kernel: int
    size: int
    stride: int
    padding: int = 0

    @property
    def title(self) -> str:
        """The job in a few words."""
        return (
            f"{self.inputs}→{self.outputs} {self.kernel}×{self.kernel} transposed stride {self.stride}, "
            f"{self.size}×{self.size}"
        )

    def row(self) -> Row:
        """Everybody's runs of this job."""
        rng = np.random.default_rng(1)
        x = rng.standard_normal((1, self.inputs, self.size, self.size), np.float32)
        weight = rng.standard_normal((self.inputs, self.outputs, self.kernel, self.kernel), np.float32)
        arguments: dict[str, Any] = {"stride": self.stride, "padding": self.padding}
        out = conv_transpose(x, weight, **arguments)
        magnitude = float(conv_transpose(np.abs(x), np.abs(weight), **arguments).max())

        def make(torch: Any, functional: Any) -> Callable[[], Any]:
            tensor, kernel = torch.from_numpy(x), torch.from_numpy(weight)
            return lambda: functional.conv_transpose2d(tensor, kernel, **arguments)

        attributes = {"strides": [self.stride] * 2, "pads": [self.padding] * 4}
        nodes = [("ConvTranspose", ["x", "weight"], ["y"], attributes)]
        return Row(
            title=self.title,
            ours=lambda: conv_transpose(x, weight, out=out, **arguments),
            peers={**pytorch.peer(make), **onnx.peer(nodes, {"x": x}, {"weight": weight})},
            multiply_adds=weight.size * self.size**2,
            traffic=x.nbytes + weight.nbytes + out.nbytes,
            tolerance=_TOLERANCE * magnitude,
        )


def named(job: Convolution) -> str:
    """The job in a few words, such as "64→64 3×3 stride 2, 56×56, batch 8"."""
    words = f"{job.inputs}→{job.outputs} " + (
        "×".join(map(str, job.kernel)) if len(job.kernel) > 1 else f"k{job.kernel[0]}"
    )
    if job.groups > 1:
        words += " depthwise" if job.groups == job.inputs else f" groups {job.groups}"
    if job.stride > 1:
        words += f" stride {job.stride}"
    if job.dilation > 1:
        words += f" dilation {job.dilation}"
    words += ", " + "×".join(map(str, job.size))
    return words + (f", batch {job.batch}" if job.batch > 1 else "")


def same(kernel: int, dilation: int = 1) -> int:
    """The padding that keeps the size at stride 1, for an odd kernel."""
    return dilation * (kernel - 1) // 2
