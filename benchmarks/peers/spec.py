"""A convolution that every library is to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.row import Row, Run
from convstudio.core import ALGORITHMS, conv, plan_conv

Array = NDArray[Any]


@dataclass(frozen=True)
class ConvSpec:
    """The arrays and geometry of a job, in the core's terms, and what is known about its kernel.

    x: (N, C, height, width); weight: (C_out, C/groups, k_h, k_w). padding_mode: "zeros" or "reflect".
    factors: column and row whose product the kernel is, on every channel alike. box: all weights are equal.
    """

    x: Array
    weight: Array
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilation: int = 1
    groups: int = 1
    padding_mode: str = "zeros"
    factors: tuple[Array, Array] | None = None
    box: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """The geometry as the core's keyword arguments."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
            "padding_mode": self.padding_mode,
        }

    def ours(self, algorithm: str = "auto") -> Run:
        """Return the core's run into a buffer that it keeps."""
        out: Array | None = None

        def run() -> Array:
            nonlocal out
            out = conv(self.x, self.weight, algorithm=algorithm, out=out, **self.arguments)
            return out

        return run

    def row(self, title: str, peers: dict[str, Run], algorithms: Iterable[str] = ALGORITHMS) -> Row:
        """Return the job as a row of the table, with the algorithms that can do it forced.

        The limit is that of the cheapest direct form: two passes for a kernel that is a product of two.
        """
        outputs = self.ours()().size
        taps = int(np.prod(self.weight.shape[1:]))
        if self.box:
            taps = 4  # running sums: a cell enters and leaves in each direction
        elif self.factors is not None:
            taps = len(self.factors[0]) + len(self.factors[1])
        gain = float(np.abs(self.weight).reshape(len(self.weight), -1).sum(axis=1).max())
        return Row(
            title,
            self.ours(),
            peers,
            multiply_adds=float(outputs * taps),
            traffic=float(self.x.nbytes + self.weight.nbytes + outputs * self.x.itemsize),
            forced={name: self.ours(name) for name in algorithms},
            chosen=plan_conv(self.x.shape, self.x.dtype, self.weight, **self.arguments).algorithm,
            tolerance=2e-5 * gain * max(1.0, float(np.abs(self.x).max())),
        )
