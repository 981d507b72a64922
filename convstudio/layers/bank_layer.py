"""What layers with a filter bank have in common: which channels a filter reads, and where its weights are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control, GeometryError
from convstudio.kernels import Bank, preset
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Repair
from convstudio.layers.common import shape_of
from convstudio.spec.params import (
    BankParam,
    Choice,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    ParamError,
)

MOST_GROUPS = 512

Places = NDArray[np.intp]

NEEDS = ("x", "weight", "bias")
"""The gradients of a layer with a filter bank: of its input and of its arrays."""


class BankGradients(NamedTuple):
    """The gradients that ``BankLayer.gradients`` returns; None for one that was not asked for."""

    x: FloatArray | None
    weight: FloatArray | None
    bias: FloatArray | None


BIAS = Declared(
    "bias",
    FloatParam(
        label="Bias",
        help="A number added to every cell of this filter's output; 0.5 lifts a signed result to mid grey.",
        minimum=-1000.0,
        maximum=1000.0,
        step=0.05,
    ),
    0.0,
)
"""How a filter's bias is entered; the bank holds it."""


@dataclass(frozen=True)
class BankLayer(Layer):
    """A layer that lays filters over the channels that come in."""

    bank: Annotated[
        Bank,
        BankParam(
            label="Filters",
            help="The kernels of each output channel: the weights given to the pixels under the window.",
        ),
    ] = field(default_factory=lambda: Bank.of(preset("sobel-x").make()))
    channels: Annotated[
        str,
        ChoiceParam(
            label="Channels",
            help="Which input channels a filter reads: all of them, whose results are added up, or each on "
            "its own.",
            choices=(
                Choice("each", "each alone", "Depthwise: each channel on its own."),
                Choice("all", "all", "Standard: all channels, added up."),
                Choice("grouped", "groups", "Groups of channels that do not mix."),
            ),
        ),
    ] = "each"
    groups: Annotated[
        int,
        IntParam(
            label="Groups",
            help="Into how many equal groups the channels and the filters fall.",
            minimum=1,
            maximum=MOST_GROUPS,
        ),
    ] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.bank, Bank):
            raise ParamError(f"Filters must be a filter bank, got {self.bank!r}")

    @classmethod
    def of(cls, *kernels: Any, bias: float = 0.0, **values: Any) -> Self:
        """Return a layer with one filter for each kernel, laid over all channels that it reads."""
        return cls(bank=Bank.of(*kernels, bias=bias), **values)

    def applies(self, name: str) -> bool:
        return name != "groups" or self.channels == "grouped"

    # --- channels ---

    def group_count(self, in_channels: int) -> int:
        """Return the ``groups`` argument of the core for so many input channels."""
        return {"each": in_channels, "all": 1}.get(self.channels, self.groups)

    def inputs_read(self, in_channels: int) -> int:
        """Return how many input channels a filter reads.

        Raises:
            GeometryError: groups that do not divide the channels or filters, or kernels for another number.
        """
        count = len(self.bank.filters)
        if self.channels == "grouped":
            for what, n in (("input channel", in_channels), ("filter", count)):
                if n % self.groups:
                    text = f"{n} {what}s do" if n != 1 else f"1 {what} does"
                    raise GeometryError(f"{text} not fall into {self.groups} equal groups")
        wanted = in_channels if self.channels in ("each", "all") else in_channels // self.groups
        try:
            made_for = self.bank.inputs
        except ParamError as error:
            raise GeometryError(str(error)) from error
        if made_for is not None and made_for != wanted:
            verbs = (
                ("comes in", "come in") if self.channels != "grouped" else ("is in a group", "are in a group")
            )
            what = verbs[wanted != 1]
            raise GeometryError(f"the filters have kernels for {_channels(made_for)}, but {wanted} {what}")
        return 1 if self.channels == "each" else wanted

    def out_channels(self, in_channels: int) -> int:
        """Return how many channels come out of so many.

        Raises:
            GeometryError: as ``inputs_read``.
        """
        self.inputs_read(in_channels)
        count = len(self.bank.filters)
        return count * in_channels if self.channels == "each" else count

    def filter_at(self, out_channel: int, in_channels: int) -> tuple[int, tuple[int, ...]]:
        """Return the filter that makes an output channel, and the input channels that it reads for it."""
        filters = len(self.bank.filters)
        if self.channels == "each":
            channel, index = divmod(out_channel, filters)
            return index, (channel,)
        groups = self.group_count(in_channels)
        width, group = in_channels // groups, out_channel // max(1, filters // groups)
        return out_channel, tuple(range(group * width, (group + 1) * width))

    def channel_names(self, in_channels: int) -> tuple[str, ...]:
        """Return what the output channels are called, after their filters."""
        titles = [each.title for each in self.bank.filters]
        if self.channels != "each":
            return tuple(titles)
        return tuple(title for _ in range(in_channels) for title in titles)

    # --- weights ---

    @property
    @abstractmethod
    def flips(self) -> bool:
        """Whether the kernels are rotated by 180° before they are applied."""

    def filter_weights(self, in_channels: int) -> FloatArray:
        """Return the weights ``(C_out, C_in / groups, rows, columns)``, float64.

        Raises:
            GeometryError: as ``inputs_read``.
        """
        inputs = self.inputs_read(in_channels)
        if self.channels != "each":
            return self.bank.weights(inputs, flip=self.flips)
        values = self.bank.weights(in_channels, flip=self.flips)
        return np.ascontiguousarray(values.swapaxes(0, 1)).reshape(-1, 1, *values.shape[2:])

    def biases(self, in_channels: int) -> FloatArray | None:
        """Return the bias of each output channel, float64, or None where all are 0."""
        values = self.bank.biases()
        if not values.any():
            return None
        return np.tile(values, in_channels) if self.channels == "each" else values

    def weights(self, in_channels: int) -> Mapping[str, FloatArray]:
        biases = self.biases(in_channels)
        if biases is None:
            biases = np.zeros(self.out_channels(in_channels))
        return {"weight": self.filter_weights(in_channels), "bias": biases}

    def with_weights(self, weights: Mapping[str, FloatArray], in_channels: int) -> Self:
        """Return a copy with other numbers in the same filters, as ``Bank.with_weights`` puts them there."""
        values, biases = np.asarray(weights["weight"]), np.asarray(weights["bias"])
        if self.channels == "each":  # one filter has a kernel for each channel, and one bias
            count = len(self.bank.filters)
            values = values.reshape(in_channels, count, *values.shape[2:]).swapaxes(0, 1)
            offsets = biases.reshape(in_channels, count)
            biases = offsets[0] + (offsets - offsets[0]).mean(axis=0)  # exact where all are equal
        return self.replace(bank=self.bank.with_weights(values, biases, flip=self.flips))

    def places(self, in_channels: int) -> Mapping[str, Places]:
        """Return which of the bank's own numbers each entry of ``weights`` is, by the same names.

        Entries with the same number are one weight, or bias, of the bank; −1 marks the zeros around a kernel
        that is smaller than the bank's window.

        Raises:
            GeometryError: as ``inputs_read``.
        """
        inputs, biases = self.inputs_read(in_channels), np.arange(len(self.bank.filters))
        if self.channels != "each":
            return {"weight": self.bank.places(inputs, flip=self.flips), "bias": biases}
        found = self.bank.places(in_channels, flip=self.flips)
        found = np.ascontiguousarray(found.swapaxes(0, 1)).reshape(-1, 1, *found.shape[2:])
        return {"weight": found, "bias": np.tile(biases, in_channels)}

    # --- computing ---

    @abstractmethod
    def compute(
        self,
        x: FloatArray,
        weights: FloatArray,
        biases: FloatArray | None,
        *,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        """Compute the layer as ``forward`` does, with other arrays in the place of the bank's.

        Args:
            x: ``(C, H, W)``, float32 or float64, which the layer must fit.
            weights, biases: of any dtype, in the shapes that ``weights`` gives them; None for no biases.
            control, out: as for ``forward``.

        Raises:
            GeometryError: the layer does not fit this input.
            Cancelled: ``control`` was cancelled.
        """

    @abstractmethod
    def gradients(
        self,
        grad: FloatArray,
        x: FloatArray,
        weights: FloatArray,
        *,
        needs: Collection[str] = NEEDS,
        control: Control | None = None,
    ) -> BankGradients:
        """Return the gradients of ``compute``, those alone that are needed: of "x", "weight" and "bias".

        They are of ``x``'s dtype and of the shapes of ``x`` and of the arrays that ``weights`` names.

        Raises:
            GeometryError: the layer does not fit this input.
            Cancelled: ``control`` was cancelled.
        """

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        self.out_shape(shape_of(x))
        arrays = self.weights(len(x))
        return self.compute(x, arrays["weight"], arrays["bias"], control=control, out=out)

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        self.out_shape(shape_of(x))
        found = self.gradients(grad, x, self.weights(len(x))["weight"], control=control)
        assert found.x is not None
        assert found.weight is not None
        assert found.bias is not None
        return LayerGradients(found.x, {"weight": found.weight, "bias": found.bias})

    # --- repairs ---

    def repair_channels(self, in_channels: int) -> Repair | None:
        """Return a change that makes the filters fit so many channels, or None if they do."""
        try:
            self.inputs_read(in_channels)
        except GeometryError:
            pass
        else:
            return None
        if self.channels == "grouped":
            count = len(self.bank.filters)
            fitting = [g for g in range(1, self.groups + 1) if in_channels % g == 0 == count % g]
            if fitting[-1] != self.groups:
                return Repair(f"Use {_groups(fitting[-1])}", {"groups": fitting[-1]})
        filters = (type(each)((each.kernels[0],), each.bias, each.name) for each in self.bank.filters)
        return Repair("Use each filter's first kernel for all channels", {"bank": Bank(tuple(filters))})


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _groups(count: int) -> str:
    return "1 group" if count == 1 else f"{count} groups"


def cast_biases(biases: FloatArray | None, dtype: np.dtype[Any]) -> FloatArray | None:
    """Return biases in a dtype; None where all are 0, which spares adding them."""
    return biases.astype(dtype) if biases is not None and biases.any() else None
