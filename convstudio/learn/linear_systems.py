"""The systems of linear equations that one convolution's least squares problem falls into.

Output channels that share a number, a kernel laid over all of them or a bias, belong to one system; those
that share none are solved apart. Systems with the same windows and the same cells have the same matrix: all
filters of a layer that mixes its channels, say, which then differ in their right sides alone.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.layers import Conv
from convstudio.layers.bank_layer import Places
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network
from convstudio.learn.normal_equations import normal_sums, right_sums
from convstudio.learn.pairs import Pair
from convstudio.learn.windows import Doubles, Windows

MOST_UNKNOWNS = 2048
"""In one system: its matrix takes 32 MiB, and its eigenvectors some seconds."""

_KEPT_BYTES = 16 << 20

_Windows: TypeAlias = tuple[tuple[int, ...], ...]
_Numbers: TypeAlias = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class System:
    """A·k = b for the free numbers of some output channels.

    Attributes:
        outputs: for each right side, its output channels.
        numbers: for each right side, the numbers of the free weights as the layer counts them, ascending.
        offsets: for each right side, those of the free biases; they come after the weights.
        cells: that count, of one right side.
        matrix: ``(n, n)`` float64.
        right: ``(n, right sides)`` float64.
    """

    outputs: tuple[tuple[int, ...], ...]
    numbers: tuple[tuple[int, ...], ...]
    offsets: tuple[tuple[int, ...], ...]
    cells: int
    matrix: Doubles
    right: Doubles

    @property
    def weights(self) -> int:
        """How many of the unknowns are weights and not biases."""
        return len(self.numbers[0])

    @property
    def unknowns(self) -> int:
        return len(self.numbers[0]) + len(self.offsets[0])

    def without_matrix(self) -> Self:
        """Return the system without what takes memory."""
        return replace(self, matrix=np.zeros((0, 0)))


class LinearProblem:
    """One convolution whose weights are to be learned from a pair.

    Raises:
        LearnError: the network is anything else, or a system would have more than 2048 unknowns.
    """

    def __init__(self, network: Network, pair: Pair) -> None:
        names = {each.name for each in network.parameters}
        layer = network.layers[0]
        if len(network.layers) != 1 or not isinstance(layer, Conv) or "weight" not in names:
            raise LearnError(
                "The closed form knows one linear layer: a single convolution whose weights are learned. "
                "Use gradient descent for other stacks."
            )
        channels = network.in_shape[0]
        self.layer, self.pair = layer, pair
        held, places = layer.weights(channels), layer.places(channels)
        self.weight, self.bias = np.array(held["weight"]), np.array(held["bias"])
        self.learns_bias = "bias" in names
        self.places: Places = places["weight"]
        self.bias_places: Places = places["bias"]
        self._groups = layer.group_count(channels)
        self._inputs = channels // self._groups
        self.windows = Windows(
            x=pair.before,
            kernel=layer.bank.shape,
            stride=layer.stride,
            dilation=layer.dilation,
            amounts=layer.amounts(network.in_shape[1:]),
            mode=layer.padding_mode,
            value=layer.padding_value if layer.padding_mode == "constant" else 0.0,
            rows=min(pair.split, network.out_shape[1]),
            columns=network.out_shape[2],
        )
        taps = self.windows.kernel[0] * self.windows.kernel[1]
        own = layer.from_filters(np.eye(taps).reshape(taps, 1, *self.windows.kernel))
        if layer.flips:
            own = own[:, :, ::-1, ::-1]
        self._spread = np.ascontiguousarray(own).reshape(taps, taps)  # what each tap does as correlation
        self._kept: dict[Hashable, Doubles] = {}
        self.groups = self._alike()

    def within(self, top: int, bottom: int) -> Self:
        """Return the same problem over these rows of output cells alone: its systems come in the same order.

        Output channels that are in one group must have the same cells there, as they have among its own rows.
        """
        part = copy.copy(self)
        part.windows, part._kept = replace(self.windows, top=top, rows=bottom - top), {}
        return part

    def with_bias(self) -> Self:
        """Return the same problem with the biases unknown too; sums that are known are not summed again.

        Raises:
            LearnError: a system would have more than 2048 unknowns.
        """
        other = copy.copy(self)
        other.learns_bias = True
        other.groups = other._alike()
        return other

    # --- which output channels go together ---

    def _alike(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Output channels in systems, and systems with the same matrix in groups."""
        found: dict[Hashable, list[tuple[int, ...]]] = {}
        for outputs in self._components():
            size = len(self._weight_numbers(outputs)) + len(self._bias_numbers(outputs))
            size = max(size, *(len(self._read(o)) * len(self._spread) for o in outputs))
            if size > MOST_UNKNOWNS:
                raise LearnError(
                    f"The closed form would have {size} unknowns in one system, and more than "
                    f"{MOST_UNKNOWNS} take too long: choose a smaller kernel or fewer channels, or use "
                    "gradient descent."
                )
            numbers, offsets = self._weight_numbers(outputs), self._bias_numbers(outputs)
            key = tuple(
                (
                    self._key(o),
                    np.searchsorted(numbers, self._flat(o)).tobytes(),
                    (self._flat(o) >= 0).tobytes(),
                    offsets.index(int(self.bias_places[o])) if offsets else -1,
                )
                for o in outputs
            )
            found.setdefault(key, []).append(outputs)
        return tuple(tuple(group) for group in found.values())

    def _components(self) -> list[tuple[int, ...]]:
        """Output channels, those that share a number together, by their first channel."""
        owners: dict[tuple[str, int], int] = {}
        leader = list(range(len(self.places)))

        def top(of: int) -> int:
            while leader[of] != of:
                of = leader[of]
            return of

        for output in range(len(self.places)):
            shared = [("weight", int(n)) for n in np.unique(self.places[output]) if n >= 0]
            shared += [("bias", int(self.bias_places[output]))] * self.learns_bias
            for each in shared:
                one, other = sorted((top(owners.setdefault(each, output)), top(output)))
                leader[other] = one
        members: dict[int, list[int]] = {}
        for output in range(len(leader)):
            members.setdefault(top(output), []).append(output)
        return [tuple(each) for each in members.values()]

    def _weight_numbers(self, outputs: tuple[int, ...]) -> tuple[int, ...]:
        numbers = np.unique(self.places[list(outputs)])
        return tuple(numbers[numbers >= 0].tolist())

    def _bias_numbers(self, outputs: tuple[int, ...]) -> tuple[int, ...]:
        if not self.learns_bias:
            return ()
        return tuple(np.unique(self.bias_places[list(outputs)]).tolist())

    # --- what an output channel reads ---

    def _tied(self, output: int) -> bool:
        """Whether the same kernel lies over all channels that an output reads."""
        return bool((self.places[output] == self.places[output][:1]).all())

    def _flat(self, output: int) -> Places:
        """Which numbers an output's taps are, the planes of its window one after the other."""
        own = self.places[output]
        flat: Places = (own[:1] if self._tied(output) else own).reshape(-1)
        return flat

    def _read(self, output: int) -> _Windows:
        """The planes of an output's window, each the sum of some input channels."""
        group = output // (len(self.places) // self._groups)
        channels = tuple(range(group * self._inputs, (group + 1) * self._inputs))
        return (channels,) if self._tied(output) else tuple((c,) for c in channels)

    def keep(self, output: int) -> NDArray[np.bool_] | None:
        """The cells of an output that are learned from, within the rows that are; None for all."""
        rows = slice(self.windows.top, self.windows.top + self.windows.rows)
        return None if self.pair.keep is None else self.pair.keep[output, rows]

    def cells(self, output: int) -> int:
        """How many cells of an output are learned from."""
        keep = self.keep(output)
        return self.windows.rows * self.windows.columns if keep is None else int(np.count_nonzero(keep))

    def _key(self, output: int) -> Hashable:
        """The same for outputs with the same windows over the same cells."""
        keep = self.keep(output)
        return self._read(output), None if keep is None or keep.all() else np.packbits(keep).tobytes()

    # --- unknowns and arrays ---

    def planes(self, system: System) -> Places:
        """Return which weight of a system each tap of its different kernels is, −1 for none.

        The shape is ``(kernels, rows, columns)``; one that lies over several channels is there once.
        """
        outputs, numbers = system.outputs[0], system.numbers[0]
        kernels = self.places[list(outputs)].reshape(-1, *self.windows.kernel)
        _, first = np.unique(kernels.reshape(len(kernels), -1), axis=0, return_index=True)
        different = kernels[np.sort(first)]
        return np.where(different >= 0, np.searchsorted(numbers, different), -1)

    def spread(self, found: Sequence[tuple[System, Doubles]]) -> tuple[Doubles, Doubles]:
        """Return arrays like weight and bias with what was found for each system's unknowns.

        ``found`` holds arrays ``(unknowns, right sides)``. Taps that are no weights get 0, biases that
        are not learned what they are.
        """
        numbers = np.zeros(int(self.places.max()) + 1)
        offsets = np.zeros(int(self.bias_places.max()) + 1)
        for system, values in found:
            for side in range(values.shape[1]):
                numbers[list(system.numbers[side])] = values[: system.weights, side]
                offsets[list(system.offsets[side])] = values[system.weights :, side]
        weight: Doubles = np.where(self.places >= 0, numbers[self.places], 0.0)
        bias: Doubles = offsets[self.bias_places] if self.learns_bias else self.bias.astype(np.float64)
        return weight, bias

    # --- sums ---

    def unknowns(self) -> Iterator[tuple[_Numbers, _Numbers]]:
        """Yield ``numbers`` and ``offsets`` of each system, in their order."""
        for group in self.groups:
            yield self._unknowns(group)

    def _unknowns(self, group: tuple[tuple[int, ...], ...]) -> tuple[_Numbers, _Numbers]:
        weights = tuple(self._weight_numbers(outputs) for outputs in group)
        return weights, tuple(self._bias_numbers(outputs) for outputs in group)

    def systems(self, control: Control | None = None, *, matrices_only: bool = False) -> Iterator[System]:
        """Yield the systems one after the other, with all right sides that have the same matrix.

        ``matrices_only`` leaves the right sides 0.

        Raises:
            Cancelled: by the control.
        """
        for number, group in enumerate(self.groups):
            part = share(control, number / len(self.groups), (number + 1) / len(self.groups))
            yield self._system(group, part, matrices_only)

    def _system(
        self, group: tuple[tuple[int, ...], ...], control: Control | None, matrices_only: bool
    ) -> System:
        numbers, offsets = self._unknowns(group)
        weights, unknowns = len(numbers[0]), len(numbers[0]) + len(offsets[0])
        matrix, right = np.zeros((unknowns, unknowns)), np.zeros((unknowns, len(group)))
        cells, count = 0, len(group[0])
        for index, first in enumerate(group[0]):
            part = share(control, index / count, (index + 1) / count)
            outputs = tuple(each[index] for each in group)
            flat = self._flat(first)
            entries = np.flatnonzero(flat >= 0)
            into = np.searchsorted(numbers[0], flat[entries])
            sums = self._matrix(first, share(part, 0.0, 0.7))
            np.add.at(matrix, (into[:, np.newaxis], into), sums[np.ix_(entries, entries)])
            if matrices_only and not offsets[0]:
                continue
            found, ones, totals, kept = self._right(first, outputs, share(part, 0.7, 1.0))
            cells += kept
            np.add.at(right, into, found.T[entries])
            if offsets[0]:
                bias = weights + offsets[0].index(int(self.bias_places[first]))
                np.add.at(matrix[bias], into, ones[entries])
                np.add.at(matrix[:, bias], into, ones[entries])
                matrix[bias, bias] += kept
                right[bias] += totals
        return System(group, numbers, offsets, cells, matrix, right)

    def _matrix(self, output: int, control: Control | None) -> Doubles:
        """Σ window·windowᵀ in the taps as the layer writes them."""
        key = self._key(output)
        if key not in self._kept:
            keep = self.keep(output)
            sums = normal_sums(self.windows, self._read(output), keep, control)
            sums = self._by_taps(self._by_taps(sums).T)
            if sum(each.nbytes for each in self._kept.values()) + sums.nbytes > _KEPT_BYTES:
                self._kept.clear()
            self._kept[key] = sums
        return self._kept[key]

    def _by_taps(self, sums: Doubles) -> Doubles:
        """Sums over pixels of the window, in the last axis, as sums over the layer's taps."""
        taps = len(self._spread)
        if self.layer.flips or not np.array_equal(self._spread, np.eye(taps)):
            shape = (*sums.shape[:-1], -1, taps)
            by_taps: Doubles = np.matmul(sums.reshape(shape), self._spread.T)
            return by_taps.reshape(sums.shape)
        return sums

    def _right(
        self, first: int, outputs: tuple[int, ...], control: Control | None
    ) -> tuple[Doubles, Doubles, Doubles, int]:
        """Σ window·y of each output, Σ window, Σ y and how many cells count."""
        keep, windows = self.keep(first), self.windows
        totals = np.zeros(len(outputs))
        fixed = np.zeros(len(self.bias)) if self.learns_bias else self.bias

        def rows(which: tuple[int, ...], ones: bool, top: int, bottom: int) -> Doubles:
            values = np.ones((len(which) + ones, bottom - top, windows.columns))
            for k, output in enumerate(which):
                target = self.pair.target[output, windows.top + top : windows.top + bottom]
                np.subtract(target, fixed[output], out=values[k])
            if keep is not None:
                np.copyto(values, 0.0, where=~keep[top:bottom])
            for k, output in enumerate(which):
                totals[outputs.index(output)] += values[k].sum()
            return values

        planes = self._read(first)
        most = 16  # right sides at once: their rows take memory, too
        found = []
        for start in range(0, len(outputs), most):
            some = outputs[start : start + most]
            ones = self.learns_bias and start == 0
            stop = min(1.0, (start + most) / len(outputs))
            part = share(control, start / len(outputs), stop)
            found.append(right_sums(windows, planes, len(some) + ones, partial(rows, some, ones), part))
        sums = self._by_taps(np.concatenate(found))
        at = min(most, len(outputs))
        kept = self.cells(first)
        if not self.learns_bias:
            return sums, np.zeros(0), totals, kept
        return np.delete(sums, at, axis=0), sums[at], totals, kept


def system_matrices(network: Network, pair: Pair, control: Control | None = None) -> Iterator[Doubles]:
    """Yield A = Σ window·windowᵀ of each system of a convolution that differs from the others.

    The eigenvalues of the loss's second derivatives are those of 2·A over the cells for the mean squared
    error.

    Raises:
        LearnError: as ``LinearProblem``.
        Cancelled: by the control.
    """
    for system in LinearProblem(network, pair).systems(control, matrices_only=True):
        yield system.matrix


def normal_matrix(network: Network, pair: Pair, control: Control | None = None) -> Doubles:
    """Return Σ window·windowᵀ over the training cells, float64, in the free numbers of one convolution.

    Where the problem falls into several systems their matrices stand along the diagonal, one that several
    right sides share only once. Biases come after the weights of their system.

    Raises:
        LearnError: as ``LinearProblem``, or all systems together would have more than 2048 unknowns.
        Cancelled: by the control.
    """
    blocks: list[Doubles] = []
    for matrix in system_matrices(network, pair, control):
        blocks.append(matrix)
        if sum(len(each) for each in blocks) > MOST_UNKNOWNS:
            raise LearnError(
                f"The matrix of all channels would have more than {MOST_UNKNOWNS} rows: choose a smaller "
                "kernel or fewer channels."
            )
    whole = np.zeros((sum(len(each) for each in blocks),) * 2)
    start = 0
    for each in blocks:
        whole[start : start + len(each), start : start + len(each)] = each
        start += len(each)
    return whole
