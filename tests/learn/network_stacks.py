"""Stacks of layers whose weights are learned, and networks of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from convstudio.engine.stack_facts import StackFacts, stack_facts
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import (
    Activation,
    AvgPool,
    CircularConv,
    Conv,
    ConvTranspose,
    Involution,
    Layer,
    MaxPool,
    MaxUnpool,
    Pad,
    Upsample,
)
from convstudio.learn.network import Network, network_of
from convstudio.model import LayerItem, Picture, Project

SHAPE = (2, 9, 8)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def kernel(rows: int, columns: int, seed: int = 0) -> Kernel:
    return Kernel.custom(numbers(rows, columns, seed=seed))


def own(*sizes: tuple[int, int], bias: float = 0.3) -> Filter:
    """A filter with a kernel of each of these sizes."""
    return Filter(tuple(kernel(*size, seed=c) for c, size in enumerate(sizes)), bias, "mine")


SHARED = Bank((Filter((kernel(3, 3, 1),), 0.2), Filter((kernel(3, 3, 2),), -0.4)))
OWN = Bank((own((3, 3), (3, 3)), own((3, 3), (3, 3), bias=-1.0)))
MIXED = Bank((own((3, 2), (1, 4)), Filter((kernel(2, 2, 5),), 0.1)))
SQUARES = Bank((own((3, 3), (1, 1)), Filter((kernel(5, 5, 6),), 0.5)))

STACKS: dict[str, tuple[Layer, ...]] = {
    **{
        f"{channels}-{name}": (Conv(bank=bank, channels=channels),)
        for channels, (name, bank) in itertools.product(
            ("each", "all"), (("shared", SHARED), ("own", OWN), ("mixed", MIXED))
        )
    },
    "grouped": (Conv(bank=Bank((*SHARED.filters, own((2, 2)))).resized(4), channels="grouped"),),
    "flipped": (Conv(bank=MIXED, channels="all", operation="convolution", padding_mode="circular"),),
    "strided": (Conv(bank=OWN, channels="all", stride=(2, 3), dilation=(1, 2), padding="full"),),
    **{
        mode: (
            Conv(bank=OWN, channels="all", padding_mode=mode, padding_value=0.7, padding=((1, 2), (0, 3))),
        )
        for mode in ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")
    },
    **{
        f"transposed-{channels}": (
            ConvTranspose(bank=bank, channels=channels, stride=(2, 1), dilation=(1, 2)),
        )
        for channels, bank in (("each", MIXED), ("all", MIXED), ("grouped", SHARED))
    },
    "circular": (CircularConv(bank=SQUARES, channels="all"),),
    "circular-flipped": (CircularConv(bank=SQUARES, channels="each", operation="convolution"),),
    "involution": (Involution(seed=3),),
    "deep": (
        Conv(bank=OWN, channels="all", padding="valid"),
        Activation(function="leaky_relu"),
        MaxPool(),
        Conv(bank=MIXED, channels="all"),
        MaxUnpool(),
        Pad(),
        ConvTranspose(bank=SHARED, channels="each"),
        AvgPool(),
        Upsample(),
        Activation(function="tanh"),
    ),
}


def project_of(layers: Sequence[Layer], off: tuple[int, ...] = ()) -> Project:
    items = [LayerItem(f"l{n}", each, enabled=n not in off) for n, each in enumerate(layers)]
    return Project(Picture(np.zeros((3, 20, 20), np.float32), "black"), tuple(items))


def all_marks(layers: Sequence[Layer]) -> set[tuple[str, str]]:
    """Every name that a layer's array may have, for every layer; those that are not there are ignored."""
    names = ("weight", "bias", *Involution().weights(2))
    return {(f"l{n}", name) for n in range(len(layers)) for name in names}


def network(layers: Sequence[Layer], shape: tuple[int, int, int] = SHAPE) -> Network:
    """All arrays of all layers are learned."""
    return network_of(project_of(layers), all_marks(layers), shape)


every_stack = pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)


def facts_of(layers: Sequence[Layer], shape: tuple[int, int, int]) -> StackFacts:
    """What the engine says of the stack on a picture of this shape."""
    return stack_facts(project_of(layers).with_picture(Picture(np.zeros(shape, np.float32), "black")))
