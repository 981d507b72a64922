"""Ready-made filter banks: sets of kernels that are shown and used together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convstudio.kernels.bank import Bank, Filter
from convstudio.kernels.common import COMPASS
from convstudio.kernels.kernel import LARGEST_SIDE, Kernel
from convstudio.kernels.library import PRESETS
from convstudio.spec.params import Declared, FloatParam, IntParam, checked
from convstudio.spec.registry import Registry

MOST_MADE = 64
"""Filters that a ready-made bank has at most."""


@dataclass(frozen=True, kw_only=True)
class BankKind:
    """A named bank with its parameters.

    ``build`` takes how many channels a filter reads, and the parameters by name.
    """

    id: str
    title: str
    summary: str
    source: str
    build: Callable[..., tuple[Filter, ...]]
    params: tuple[Declared, ...] = ()

    def make(self, inputs: int = 3, **params: Any) -> Bank:
        """Return the bank for filters that read ``inputs`` channels.

        Raises:
            ParamError: an unknown parameter, or a value outside its range.
        """
        return Bank(self.build(inputs, **checked(self.params, params)))


def _count(default: int, what: str, most: int = MOST_MADE) -> Declared:
    return Declared("count", IntParam(label="Filters", help=what, minimum=1, maximum=most), default)


def _named(preset: str, name: str = "", **params: Any) -> Filter:
    return Filter((PRESETS[preset].make(**params),), name=name)


def _sobel(_inputs: int) -> tuple[Filter, ...]:
    return _named("sobel-x"), _named("sobel-y")


def _compass(_inputs: int) -> tuple[Filter, ...]:
    return tuple(_named("kirsch", f"Kirsch {way}", direction=way) for way in COMPASS)


def _classic(_inputs: int) -> tuple[Filter, ...]:
    return (
        _named("sobel-x"),
        _named("sobel-y"),
        _named("laplacian-8"),
        _named("mean", size=5),
        _named("gaussian", size=9, sigma=1.5),
        _named("emboss"),
        _named("motion-blur"),
        _named("gabor", wavelength=4.0, sigma=1.5),  # as small as it can be: the bank's window is its largest
    )


def _gabor_fan(_inputs: int, count: int, wavelength: float, sigma: float) -> tuple[Filter, ...]:
    angles = [180.0 * k / count for k in range(count)]
    return tuple(
        _named("gabor", f"Gabor {angle:.3g}°", wavelength=wavelength, sigma=sigma, angle=angle)
        for angle in angles
    )


def _scale_space(_inputs: int, count: int, sigma: float) -> tuple[Filter, ...]:
    made = []
    for level in range(count):
        width = min(sigma * 2.0**level, 31.0)
        size = min(2 * math.ceil(3 * width) + 1, LARGEST_SIDE)
        made.append(_named("gaussian", f"Gaussian σ {width:.3g}", size=size, sigma=width))
    return tuple(made)


def _random(inputs: int, count: int, size: int, seed: int) -> tuple[Filter, ...]:
    rng = np.random.default_rng(seed)
    spread = math.sqrt(2.0 / (inputs * size * size))
    return tuple(
        Filter(
            tuple(Kernel(rng.normal(0.0, spread, (size, size)), f"Random {k}") for _ in range(inputs)),
            name=f"Random {k}",
        )
        for k in range(count)
    )


def _identity(inputs: int) -> tuple[Filter, ...]:
    one, none = Kernel(np.ones((1, 1)), "Identity"), Kernel(np.zeros((1, 1)), "Zero")
    return tuple(
        Filter(tuple(one if c == k else none for c in range(inputs)), name=f"Channel {k}")
        for k in range(inputs)
    )


def _mean_of_all(inputs: int) -> tuple[Filter, ...]:
    return (Filter((Kernel(np.full((1, 1), 1.0 / inputs), "Mean of the channels"),)),)


def _opponent(inputs: int) -> tuple[Filter, ...]:
    mixes = (
        ("Light − dark", (1 / 3, 1 / 3, 1 / 3)),
        ("Red − green", (1 / 2, -1 / 2, 0.0)),
        ("Blue − yellow", (-1 / 4, -1 / 4, 1 / 2)),
    )
    return tuple(
        Filter(
            tuple(Kernel(np.full((1, 1), share), name) for share in (*shares, *(0.0,) * inputs)[:inputs]),
            name=name,
        )
        for name, shares in mixes
    )


_REGISTRY: Registry[BankKind] = Registry("filter bank")
for _each in (
    BankKind(
        id="sobel",
        title="Sobel x and y",
        summary="Both parts of the gradient: upright edges in one map, level edges in the other.",
        source="Sobel and Feldman, A 3×3 isotropic gradient operator for image processing, 1968",
        build=_sobel,
    ),
    BankKind(
        id="classic",
        title="Eight classic filters",
        summary="Edges, spots, blurs, relief and stripes side by side: what small kernels can do.",
        source="Gonzalez and Woods, Digital Image Processing, 4th edition, 2018, chapters 3 and 10",
        build=_classic,
    ),
    BankKind(
        id="compass",
        title="Edge compass",
        summary="Kirsch's kernel in eight directions: the strongest map says where an edge faces.",
        source="Kirsch, Computer determination of the constituent structure of biological images, "
        "Computers and Biomedical Research 4, 1971",
        build=_compass,
    ),
    BankKind(
        id="gabor",
        title="Gabor fan",
        summary="Waves under a bell, turned in equal steps over 180°: which way do the stripes run?",
        source="Daugman, Uncertainty relation for resolution in space, spatial frequency, and orientation, "
        "Journal of the Optical Society of America A 2, 1985",
        build=_gabor_fan,
        params=(
            _count(8, "How many directions between 0° and 180°."),
            Declared(
                "wavelength",
                FloatParam(
                    label="Wavelength",
                    help="From one bright stripe to the next.",
                    minimum=2.5,
                    maximum=40.0,
                    step=0.5,
                    unit="px",
                ),
                6.0,
            ),
            Declared(
                "sigma",
                FloatParam(
                    label="Sigma σ",
                    help="The bell's standard deviation: wider sees more stripes.",
                    minimum=1.0,
                    maximum=10.0,
                    unit="px",
                ),
                3.0,
            ),
        ),
    ),
    BankKind(
        id="scale-space",
        title="Gaussian pyramid",
        summary="Blurs, each twice as wide as the one before: what is left of the picture at each scale.",
        source="Witkin, Scale-space filtering, IJCAI 1983; Burt and Adelson, The Laplacian pyramid as a "
        "compact image code, IEEE Transactions on Communications 31, 1983",
        build=_scale_space,
        params=(
            _count(4, "How many blurs.", 6),
            Declared(
                "sigma",
                FloatParam(
                    label="Sigma σ",
                    help="The standard deviation of the first bell; each next one is twice as wide.",
                    minimum=0.3,
                    maximum=8.0,
                    unit="px",
                ),
                1.0,
            ),
        ),
    ),
    BankKind(
        id="random",
        title="Random, with a seed",
        summary="What a network starts from: normally distributed weights, as wide as keeps the signal's "
        "strength through a ReLU. The same seed gives the same weights.",
        source="He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015",
        build=_random,
        params=(
            _count(8, "How many filters."),
            Declared(
                "size",
                IntParam(label="Size", help="Rows and columns.", minimum=1, maximum=15, unit="px"),
                3,
            ),
            Declared(
                "seed",
                IntParam(label="Seed", help="Another number, other weights.", minimum=0, maximum=999_999),
                0,
            ),
        ),
    ),
    BankKind(
        id="opponent",
        title="Opponent colours",
        summary="1×1 kernels that mix red, green and blue into light, red against green and blue against "
        "yellow, as the eye does.",
        source="Hering, Zur Lehre vom Lichtsinne, 1878; Geusebroek, van den Boomgaard, Smeulders and "
        "Geerts, Color invariance, IEEE Transactions on Pattern Analysis and Machine Intelligence 23, 2001",
        build=_opponent,
    ),
    BankKind(
        id="mean",
        title="Mean of the channels",
        summary="One 1×1 kernel that gives every channel the same share: the plainest way to grey.",
        source="a definition",
        build=_mean_of_all,
    ),
    BankKind(
        id="identity",
        title="Identity",
        summary="Each filter hands on one channel as it is: a place to start from.",
        source="a definition",
        build=_identity,
    ),
):
    _REGISTRY.add(_each.id, _each)

BANKS: dict[str, BankKind] = dict(_REGISTRY.items())
"""Every ready-made bank by id."""
