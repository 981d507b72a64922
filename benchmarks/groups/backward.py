"""Training steps: a layer forward and then all its gradients (input, weights and bias), against autograd."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import pytorch
from benchmarks.row import Entry, Row, Run
from convstudio.core import conv, conv_backward, conv_transpose, conv_transpose_backward

Array = NDArray[Any]

_QUICK = {"1→1 5×5, 512×512", "3→8 3×3, 480×640", "64→64 3×3, 56×56", "64→32 transposed 4×4 stride 2, 32×32"}
# Rounding to accept, relative to the largest value of each gradient: PyTorch sums in float32 throughout.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Step:
    """A layer with random numbers, float32; padding is half the kernel unless given."""

    inputs: int
    outputs: int
    kernel: int
    size: tuple[int, int]
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    batch: int = 1
    transposed: bool = False
    padding: int | None = None

    @property
    def title(self) -> str:
        """The job in a few words."""
        words = f"{self.inputs}→{self.outputs}" + (" transposed" if self.transposed else "")
        words += f" {self.kernel}×{self.kernel}"
        if self.groups > 1:
            words += " depthwise" if self.groups == self.inputs else f" groups {self.groups}"
        words += f" stride {self.stride}" if self.stride > 1 else ""
        words += f" dilation {self.dilation}" if self.dilation > 1 else ""
        words += f", {self.size[0]}×{self.size[1]}"
        return words + (f", batch {self.batch}" if self.batch > 1 else "")

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments, ours and PyTorch's."""
        half = self.dilation * (self.kernel - 1) // 2
        return {
            "stride": self.stride,
            "padding": half if self.padding is None else self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @cached_property
    def arrays(self) -> tuple[Array, Array, Array]:
        """Input, weights and bias."""
        rng = np.random.default_rng(1)
        leads = (self.outputs, self.inputs // self.groups)
        if self.transposed:
            leads = (self.inputs, self.outputs // self.groups)
        shapes = ((self.batch, self.inputs, *self.size), (*leads, self.kernel, self.kernel), (self.outputs,))
        x, weight, bias = (rng.standard_normal(shape, np.float32) for shape in shapes)
        return x, weight, bias

    def row(self) -> Row:
        """Everybody's runs of this step; each gives back the weights' gradient."""
        x, weight, bias = self.arrays
        arguments = self.arguments
        forward: Callable[..., Array] = conv_transpose if self.transposed else conv
        backward = conv_transpose_backward if self.transposed else conv_backward
        out = forward(x, weight, bias, **arguments)
        grad = np.random.default_rng(2).standard_normal(out.shape, np.float32)
        expected = backward(grad, x, weight, bias, **arguments)
        assert expected.grad_x is not None
        assert expected.grad_weight is not None

        def ours() -> Array:
            forward(x, weight, bias, out=out, **arguments)
            found = backward(grad, x, weight, bias, **arguments).grad_weight
            assert found is not None
            return found

        cells = x if self.transposed else out
        return Row(
            title=self.title,
            ours=ours,
            peers=self._pytorch(grad, (out, *expected)),
            multiply_adds=3.0 * cells[:, 0].size * weight.size,
            traffic=3.0 * (x.nbytes + out.nbytes),
            tolerance=_TOLERANCE * float(np.abs(expected.grad_weight).max()),
        )

    def _pytorch(self, grad: Array, expected: Sequence[Array | None]) -> dict[str, Run]:
        torch = pytorch.torch()
        if torch is None:
            return {}
        functional = torch.nn.functional
        forward = functional.conv_transpose2d if self.transposed else functional.conv2d
        arrays = [torch.from_numpy(array).requires_grad_() for array in self.arrays]
        upstream = torch.from_numpy(grad)

        def step() -> tuple[Any, ...]:
            result = forward(*arrays, **self.arguments)
            return (result.detach(), *torch.autograd.grad(result, arrays, upstream))

        # The table compares the weights' gradient; the others are compared here.
        for name, theirs, mine in zip(("result", "x", "weight", "bias"), step(), expected, strict=True):
            assert mine is not None
            scale = np.abs(mine).max()
            error = np.abs(theirs.numpy() - mine).max()
            if not error <= _TOLERANCE * scale:
                sys.exit(
                    f"{self.title}: PyTorch gives another {name}, largest difference {error:g} of {scale:g}"
                )

        def run() -> Array:
            return np.asarray(step()[2].numpy())

        return {"PyTorch": run}


def steps() -> Iterator[Step]:
    """All jobs of the group."""
    full_hd = (1080, 1920)
    for kernel in (3, 5, 15):
        yield Step(1, 1, kernel, (512, 512))
    yield Step(1, 1, 5, full_hd)
    yield Step(3, 3, 3, full_hd, groups=3)
    yield Step(1, 1, 5, (28, 28), batch=32)
    yield Step(3, 8, 3, (480, 640))
    yield Step(3, 16, 3, full_hd)
    yield Step(3, 16, 3, (480, 640), stride=2)
    yield Step(3, 16, 3, (480, 640), dilation=2)
    yield Step(16, 32, 3, (112, 112))
    yield Step(64, 64, 3, (56, 56))
    yield Step(64, 64, 3, (56, 56), stride=2)
    yield Step(64, 64, 1, (56, 56))
    yield Step(64, 64, 3, (56, 56), groups=64)
    yield Step(64, 32, 2, (32, 32), stride=2, transposed=True, padding=0)
    yield Step(64, 32, 4, (32, 32), stride=2, transposed=True, padding=1)


def entries() -> Iterator[Entry]:
    """The rows, built one at a time."""
    for step in steps():
        yield Entry(step.title, partial(Step.row, step), step.title in _QUICK)
