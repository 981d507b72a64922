"""A filter bank: one filter for each output channel, made of one kernel for each input channel it reads.

A filter with a single kernel lays it over every channel it reads, however many come in; one with several
fits just that number of channels. Kernels of a bank may differ in size: the smaller ones count as larger
ones with zeros around, so placed that "same" padding gives what they give alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from numbers import Real
from typing import Self

import numpy as np
import numpy.typing as npt

from convstudio.kernels.kernel import LARGEST_WEIGHT, Kernel
from convstudio.spec.params import ParamError

LARGEST_BANK = 512
"""Filters that a bank has at most."""
LARGEST_INPUTS = 512
"""Kernels that a filter has at most."""

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Filter:
    """What makes one output channel.

    Attributes:
        kernels: one for all the input channels that it reads, or one for each of them.
        bias: added to every cell of its output.
        name: what the user calls it; "" for the title of its first kernel.

    Raises:
        ParamError: no kernel or too many, or a bias that is not a finite number.
    """

    kernels: tuple[Kernel, ...]
    bias: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        count = len(self.kernels)
        if not 1 <= count <= LARGEST_INPUTS:
            raise ParamError(f"a filter has 1 to {LARGEST_INPUTS} kernels, this one has {count}")
        if not all(isinstance(kernel, Kernel) for kernel in self.kernels):
            raise ParamError("a filter is made of kernels")
        given: object = self.bias
        known = isinstance(given, Real) and not isinstance(given, bool)
        if not known or not abs(self.bias) <= LARGEST_WEIGHT:  # negated, NaN is wrong too
            raise ParamError(f"a bias must be a finite number, got {self.bias!r}")
        object.__setattr__(self, "bias", float(self.bias) + 0.0)

    @property
    def shared(self) -> bool:
        """Whether one kernel is laid over all channels."""
        return len(self.kernels) == 1

    @property
    def title(self) -> str:
        """What a list calls the filter."""
        return self.name or self.kernels[0].title

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that hold every kernel."""
        return max(k.shape[0] for k in self.kernels), max(k.shape[1] for k in self.kernels)

    def kernel(self, channel: int | None = None) -> Kernel:
        """Return the kernel over one of the input channels it reads; None, or one too many, is the first."""
        has_own = channel is not None and not self.shared and channel < len(self.kernels)
        return self.kernels[channel if has_own and channel is not None else 0]

    def with_kernel(self, kernel: Kernel, channel: int | None = None, inputs: int = 1) -> Self:
        """Return the filter with another kernel over one of its ``inputs`` channels, or over all (None)."""
        if channel is None:
            return dataclasses.replace(self, kernels=(kernel,))
        kernels = list(self.spread(inputs))
        kernels[channel] = kernel
        return dataclasses.replace(self, kernels=tuple(kernels))

    def spread(self, inputs: int) -> tuple[Kernel, ...]:
        """Return one kernel for each of so many channels: those there are, the first one repeated."""
        kernels = self.kernels * inputs if self.shared else self.kernels
        return (*kernels[:inputs], *(self.kernels[0],) * (inputs - len(kernels)))


@dataclass(frozen=True)
class Bank:
    """The filters of a layer, in the order of its output channels.

    Raises:
        ParamError: none or too many filters.
    """

    filters: tuple[Filter, ...]

    def __post_init__(self) -> None:
        count = len(self.filters)
        if not 1 <= count <= LARGEST_BANK:
            raise ParamError(f"a layer has 1 to {LARGEST_BANK} filters, this one would have {count}")
        if not all(isinstance(each, Filter) for each in self.filters):
            raise ParamError("a filter bank is made of filters")

    @classmethod
    def of(cls, *kernels: Kernel, bias: float = 0.0) -> Self:
        """Return a bank with one filter for each kernel, each laid over all channels."""
        return cls(tuple(Filter((kernel,), bias) for kernel in kernels))

    @classmethod
    def from_weights(cls, weights: npt.ArrayLike, biases: npt.ArrayLike | None = None) -> Self:
        """Return a bank of ``(filters, inputs, rows, columns)`` weights; one input is laid over all channels.

        Raises:
            ParamError: not four axes, or numbers that make no kernel.
        """
        try:
            values = np.asarray(weights, dtype=np.float64)
            offsets = None if biases is None else np.asarray(biases, dtype=np.float64)
        except (TypeError, ValueError):
            raise ParamError("the weights of a bank must be numbers in rows of the same length") from None
        if values.ndim != 4:
            text = "the weights of a bank must have 4 axes (filters, inputs, rows, columns)"
            raise ParamError(f"{text}, got {values.ndim}")
        offsets = np.zeros(len(values)) if offsets is None else offsets
        if offsets.shape != values.shape[:1]:
            raise ParamError(f"{len(values)} filters need as many biases, got {offsets.size}")
        return cls(
            tuple(
                Filter(tuple(Kernel.custom(plane) for plane in one), float(bias))
                for one, bias in zip(values, offsets, strict=True)
            )
        )

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the window: those of the largest kernel along each axis."""
        return max(f.shape[0] for f in self.filters), max(f.shape[1] for f in self.filters)

    @cached_property
    def inputs(self) -> int | None:
        """How many channels a filter reads, or None if all of them take any number.

        Raises:
            ParamError: two filters want different numbers.
        """
        counts = sorted({len(f.kernels) for f in self.filters if not f.shared})
        if len(counts) > 1:
            raise ParamError(f"filters of one layer read the same channels, these read {counts}")
        return counts[0] if counts else None

    @cached_property
    def _hash(self) -> int:
        return hash(self.filters)

    def __hash__(self) -> int:  # the engine asks at every edit, and weights may be many
        return self._hash

    def with_filter(self, index: int, changed: Filter) -> Self:
        """Return a bank with another filter at one place."""
        filters = list(self.filters)
        filters[index] = changed
        return type(self)(tuple(filters))

    def resized(self, count: int) -> Self:
        """Return a bank of so many filters: the first ones, or copies of the last at the end."""
        filters = self.filters[:count]
        return type(self)((*filters, *(self.filters[-1],) * (count - len(filters))))

    def weights(self, inputs: int, *, flip: bool = False) -> Weights:
        """Return the weights ``(filters, inputs, rows, columns)`` for filters that read so many channels.

        ``flip`` says that the kernels are going to be rotated by 180°: it decides where a smaller one lies.
        Where a filter has kernels for another number of channels, the first ones count, or the first again.
        The array is read-only and kept for the next time.
        """
        return _weights(self, inputs, flip)

    def with_weights(self, weights: npt.ArrayLike, biases: npt.ArrayLike, *, flip: bool = False) -> Self:
        """Return a bank with other numbers, given as ``weights`` and ``biases`` give them.

        The filters keep their names, and their kernels what they are: shared or not, and of their size. So
        what lies beyond a smaller kernel is left out, and a kernel that lies over several channels gets the
        mean of what they have. A kernel whose numbers stay is the same one; else it is an edited one.

        Raises:
            ParamError: arrays of another shape, or numbers that make no kernel.
        """
        values, offsets = np.asarray(weights, dtype=np.float64), np.asarray(biases, dtype=np.float64)
        count, shape = len(self.filters), self.shape
        if values.ndim != 4 or values.shape != (count, values.shape[1], *shape) or offsets.shape != (count,):
            raise ParamError(
                f"this bank has {count} filters of {shape[0]}×{shape[1]} weights, "
                f"got arrays of {values.shape} and {offsets.shape}"
            )
        filters = []
        for each, one, bias in zip(self.filters, values, offsets, strict=True):
            kernels = list(each.kernels)
            for c, lies, place in _placed(each, values.shape[1], shape, flip):
                found = _common(one[(lies, *place)])
                if not np.array_equal(found, kernels[c].values):
                    kernels[c] = kernels[c].edited(found)
            filters.append(dataclasses.replace(each, kernels=tuple(kernels), bias=float(bias)))
        return type(self)(tuple(filters))

    def places(self, inputs: int, *, flip: bool = False) -> npt.NDArray[np.intp]:
        """Return which of the bank's own numbers each entry of ``weights`` is; −1 where it is none.

        They are counted from 0, through the filters, their kernels, rows and columns: entries with the same
        number are one and the same weight, and those that are −1 the zeros around a smaller kernel.
        """
        found = np.full((len(self.filters), inputs, *self.shape), -1, dtype=np.intp)
        first = 0
        for k, each in enumerate(self.filters):
            for c, lies, place in _placed(each, inputs, self.shape, flip):
                size = each.kernels[c].values.size
                found[(k, lies, *place)] = np.arange(first, first + size).reshape(each.kernels[c].shape)
                first += size
        return found

    def biases(self) -> Weights:
        """Return each filter's bias, float64."""
        return np.array([each.bias for each in self.filters])

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Bank) and self.filters == other.filters)


@lru_cache(maxsize=32)
def _weights(bank: Bank, inputs: int, flip: bool) -> Weights:
    values = np.zeros((len(bank.filters), inputs, *bank.shape))
    for k, each in enumerate(bank.filters):
        for c, lies, place in _placed(each, inputs, bank.shape, flip):
            values[(k, lies, *place)] = each.kernels[c].values
    values.flags.writeable = False
    return values


def _placed(
    each: Filter, inputs: int, shape: tuple[int, int], flip: bool
) -> Iterator[tuple[int, slice | list[int], tuple[slice, slice]]]:
    """Which kernels of a filter are used, over which channels each lies, and where in the window."""
    for c, kernel in enumerate(each.kernels[:inputs]):
        lies: slice | list[int] = slice(None)  # a shared one goes to all at once
        if not each.shared:
            # Where there are too few, the first stands for the others, too.
            lies = (
                slice(c, c + 1)
                if c or len(each.kernels) >= inputs
                else [0, *range(len(each.kernels), inputs)]
            )
        top, left = (_before(shape[axis], kernel.shape[axis], flip) for axis in (0, 1))
        yield c, lies, (slice(top, top + kernel.shape[0]), slice(left, left + kernel.shape[1]))


def _common(planes: Weights) -> Weights:
    """The mean of kernels ``(channels, rows, columns)``, to the bit what they are where all are equal."""
    first: Weights = planes[0]
    return first if len(planes) == 1 else first + (planes - first).mean(axis=0)


def _before(largest: int, size: int, flip: bool) -> int:
    """Zeros before a smaller kernel.

    "same" padding puts (k − 1) // 2 pixels in front of k taps: both kernels must start from the same pixel
    once they lie on the picture, the rotated one as well.
    """
    before = (largest - 1) // 2 - (size - 1) // 2
    return largest - size - before if flip else before
