"""What learns: a kernel of its own, or marked layers of the stack; and the weights it starts from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convstudio.core.geometry import span
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import BankLayer, Conv
from convstudio.layers.base import Mate, Shape
from convstudio.layers.common import counted, times
from convstudio.learn.alignment import size_text
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network, Parameter, Values, network_of
from convstudio.learn.teachers import framed
from convstudio.learn.ties import Ties, ties_of
from convstudio.model import Project
from convstudio.model.training import StudentSetup
from convstudio.spec.params import Pair

RANDOM_SIGMA = 0.1
"""Standard deviation of the start "random"."""

TITLE = "Learned"
"""What learned kernels are called."""


def make_student(
    setup: StudentSetup, in_shape: Shape, out_channels: int, project: Project
) -> tuple[Network, Values]:
    """Return the student and the values that it starts from.

    A single kernel is one convolution (a correlation: the kernel as written). Where all channels share it,
    it is laid over each alone; where each has its own, the channels are groups of one.

    Args:
        setup: what is asked for.
        in_shape: ``(C, H, W)`` of the picture before.
        out_channels: of the picture after.
        project: whose layers are taken where the stack learns.

    Raises:
        LearnError: the student does not fit the pictures, nothing is to be learned, or the start does not
            fit the student.
    """
    if setup.kind == "stack":
        network = network_of(project, setup.marks, in_shape)
    else:
        _check_window(setup, in_shape)
        names = ("weight", "bias") if setup.bias else ("weight",)
        layer = _kernel_layer(setup, in_shape[0], out_channels)
        network = Network((layer,), in_shape, [(0, name) for name in names], titles=("the kernel",))
    return network, start_of(setup, network)


def start_of(setup: StudentSetup, network: Network) -> Values:
    """Return the values before the first step. Biases are 0, unless the start is the layers as they are.

    - "random": normal, standard deviation 0.1.
    - "xavier": uniform within ±√(6 / (fan_in + fan_out)) (Glorot and Bengio, Understanding the difficulty of
      training deep feedforward neural networks, AISTATS 2010).
    - "he": normal, standard deviation √(2 / fan_in) (He, Zhang, Ren and Sun, Delving deep into rectifiers,
      ICCV 2015).

    fan_in is taps times the channels that a filter reads, fan_out taps times the filters of a group. Numbers
    that are shared are drawn once.

    Raises:
        LearnError: the start does not fit the student.
    """
    if setup.start == "present" and setup.kind == "kernel":
        raise LearnError(
            "A single kernel has no weights yet that it could start from as it is: choose another start."
        )
    if setup.start == "present" or (setup.start == "preset" and setup.kind == "kernel"):
        return network.values()  # a single kernel was made with the preset in it
    random = np.random.default_rng(setup.seed)
    channels = _in_channels(network)
    ties = [ties_of(layer, count) for layer, count in zip(network.layers, channels, strict=True)]
    return tuple(
        _start(setup, each, network, channels[each.layer], ties[each.layer], random)
        for each in network.parameters
    )


def _start(
    setup: StudentSetup,
    parameter: Parameter,
    network: Network,
    channels: int,
    ties: Mapping[str, Ties],
    random: np.random.Generator,
) -> NDArray[np.float64]:
    layer = network.layers[parameter.layer]
    if parameter.name.endswith("bias") or setup.start == "zeros":
        return np.zeros(parameter.shape)
    if setup.start == "preset":
        if not isinstance(layer, BankLayer):
            raise LearnError(f"{layer.title} has no kernels: choose another start than a kernel.")
        found = layer.replace(bank=_filled(layer.bank, setup.first)).weights(channels)[parameter.name]
        return np.array(found, np.float64)
    numbers = _drawn(setup.start, parameter.count, _fans(layer, parameter, channels), random)
    slots = ties[parameter.name].slots
    if slots is not None:
        numbers = np.concatenate(([0.0], numbers))[slots]
    return numbers.reshape(parameter.shape)


class _Fans(NamedTuple):
    """How many pixels a cell is made of, and how many cells a pixel has a part in."""

    into: int
    out: int


def _fans(layer: object, parameter: Parameter, channels: int) -> _Fans:
    if not isinstance(layer, BankLayer):  # (outputs, inputs), as involution has them
        return _Fans(math.prod(parameter.shape[1:]), parameter.shape[0])
    taps, filters = math.prod(layer.bank.shape), len(layer.bank.filters)
    own = filters if layer.channels == "each" else filters // layer.group_count(channels)
    return _Fans(layer.inputs_read(channels) * taps, own * taps)


def _drawn(start: str, count: int, fans: _Fans, random: np.random.Generator) -> NDArray[np.float64]:
    if start == "xavier":
        limit = math.sqrt(6.0 / (fans.into + fans.out))
        return random.uniform(-limit, limit, count)
    return random.normal(0.0, math.sqrt(2.0 / fans.into) if start == "he" else RANDOM_SIGMA, count)


def _in_channels(network: Network) -> list[int]:
    """The channels that come into each layer."""
    shapes: list[Shape] = [network.in_shape]
    for place, layer in enumerate(network.layers[:-1]):
        partner = network.mates.get(place)
        mate = None if partner is None else Mate(network.layers[partner], shapes[partner])
        shapes.append(layer.out_shape(shapes[-1], mate))
    return [shape[0] for shape in shapes]


# --- kernels as the start ---


def _filled(bank: Bank, kernel: Kernel) -> Bank:
    """A bank of the same make with one kernel everywhere, zeros around it."""
    return Bank(
        tuple(Filter(tuple(_fitted(kernel, old.shape) for old in each.kernels)) for each in bank.filters)
    )


def _fitted(kernel: Kernel, size: Pair) -> Kernel:
    found = framed(kernel, size)
    if found.shape != size:
        raise LearnError(
            f"The first kernel has {times(kernel.shape)} weights and does not fit into {times(size)}: "
            "choose a smaller one, or learn a larger kernel."
        )
    return found


# --- a kernel of its own ---


def _check_window(setup: StudentSetup, in_shape: Shape) -> None:
    """Say so if the window is larger than the picture that it slides over without padding."""
    if setup.padding != "valid":
        return  # the layer's own rule knows what the border can fill
    rows, columns = (span(k, d) for k, d in zip(setup.size, setup.dilation, strict=True))
    if rows > in_shape[1] or columns > in_shape[2]:
        spread = "" if setup.dilation == (1, 1) else f" that spans {size_text((rows, columns))} px"
        raise LearnError(
            f"The picture has {size_text(in_shape[1:])} px and is smaller than the {times(setup.size)} "
            f"kernel{spread} (rows × columns): learn a smaller kernel, or choose a larger picture."
        )


def _kernel_layer(setup: StudentSetup, inputs: int, outputs: int) -> Conv:
    groups = {"shared": inputs, "each": inputs, "all": 1}.get(setup.channels, setup.groups)
    if setup.channels in ("shared", "each") and inputs != outputs:
        raise LearnError(
            f"The picture before has {counted(inputs, 'channel')} and the one after {outputs}, but this "
            "student keeps channels apart: switch on “Grey”, or let it mix them (“all to all”)."
        )
    for what, count in (("before", inputs), ("after", outputs)):
        if count % groups:
            raise LearnError(
                f"The {counted(count, 'channel')} of the picture {what} {'do' if count > 1 else 'does'} not "
                f"fall into {groups} equal groups: choose another number of groups."
            )
    width = inputs // groups
    bank = Bank.of(_first(setup, 1.0))
    if setup.channels != "shared":
        bank = Bank(tuple(Filter(_kernels(setup, k, width, inputs, outputs)) for k in range(outputs)))
    return Conv(
        bank=bank,
        channels="each" if setup.channels == "shared" else "all" if groups == 1 else "grouped",
        groups=max(1, groups),
        padding=setup.padding,
        padding_mode=setup.padding_mode,
        stride=setup.stride,
        dilation=setup.dilation,
    )


def _kernels(setup: StudentSetup, output: int, width: int, inputs: int, outputs: int) -> tuple[Kernel, ...]:
    """A filter's kernels: the first one over its own channel, or a part of it over each it reads."""
    if inputs != outputs:
        return (_first(setup, 1.0 / width),) * width
    return tuple(_first(setup, float(channel == output % width)) for channel in range(width))


def _first(setup: StudentSetup, share: float) -> Kernel:
    """A share of the kernel that is started from; zeros for every other start, which is drawn later."""
    if setup.start != "preset":
        return Kernel(np.zeros(setup.size), TITLE)
    return Kernel(share * _fitted(setup.first, setup.size).values, TITLE)
