"""What a least squares solution is worth, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from convstudio.layers.bank_layer import Places
from convstudio.layers.common import counted
from convstudio.learn.windows import Doubles
from convstudio.spec.params import Pair as Spatial

EIGHT_BIT = 1 / 255 / math.sqrt(12)
"""The RMS error of rounding to 8 bits: that of a number anywhere between two steps of 1/255."""
BEYOND_ROUNDING = 2.5
"""From how many times that on something else is at work: cutting digits off instead of rounding makes 2."""
TOO_UNCERTAIN = 0.1
"""The standard error of a weight, as a share of the largest weight, from which on they are uncertain."""
ELSEWHERE = 2.0
"""How many times larger the error on the rows kept for validation may be before it is said."""

REMOVES_MOST = 0.5
"""Up to which share of the RMS error what is left counts as most of it gone."""
CARRIES = 0.25
"""From which share of the squared error on clipped cells may be its cause: they bend the fit elsewhere."""
NOISY = 0.3
"""From which share of the RMS error on what a filter lets through of noise names the noise as its cause."""

_SAME = 1e-3
_HELD_BACK = 0.99
_WORTH_A_WORD = 0.01
_TITLES = {
    "l2": "L2 holds the weights back",
    "bias": "A bias is missing: switch on “Bias”",
    "clipped": "The picture after is clipped",
    "noise": "What is left is noise that was added",
    "else": "More than a linear filter of this size",
}


@dataclass(frozen=True)
class Verdict:
    """Whether to believe a solution.

    Attributes:
        kind: "determined", "weak" (all weights follow, some are too uncertain), "imperfect" (something other
            than a linear filter of this size made the picture), or "undetermined".
        title: a few words.
        sentences: whole ones, to be shown one after the other.
    """

    kind: str
    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Facts:
    """What the verdict is made of.

    Attributes:
        unknowns, rank: of all systems together.
        cells: that were learned from, of one system.
        most: unknowns of the largest system.
        causes: why directions are undetermined: sentences of ``causes_of``.
        bias: whether a bias is among the unknowns.
        residual, validation: RMS errors.
        error: the largest standard error of a determined weight, at ``place`` (row, column, channel or −1).
        largest: the size of the largest weight.
        clipped: the share of the cells at black or white where the fit lies beyond; left_out: whether they
            were not learned from.
        limits: the share of the cells at black or white, whatever the fit is; unit: what they are called.
        carried: which part of the squared error lies on clipped cells.
        without_l2: the RMS error of the solution without L2; None where there is none.
        with_bias: the RMS error (without L2) if a bias, ``offset``, were learned; None where that was not
            tried.
        noise_on: "before" or "after" where noise was added there, empty for none.
        noise: what noise of it is left in the fit or in the picture after, RMS.
    """

    unknowns: int
    rank: int
    cells: int
    most: int
    causes: tuple[str, ...]
    bias: bool
    residual: float
    validation: float | None
    error: float
    place: tuple[int, int, int]
    largest: float
    clipped: float
    left_out: bool
    limits: float = 0.0
    unit: str = "pixels"
    carried: float = 0.0
    without_l2: float | None = None
    with_bias: float | None = None
    offset: float | None = None
    noise_on: str = ""
    noise: float = 0.0

    @property
    def unexplained(self) -> bool:
        """Whether more is left than rounding leaves."""
        return self.residual > BEYOND_ROUNDING * EIGHT_BIT

    @property
    def cause(self) -> str:
        """What the error comes from, as far as that can be told: a key of the titles; empty for rounding."""
        if not self.unexplained:
            return ""
        freely = self.residual if self.without_l2 is None else self.without_l2
        if freely <= max(REMOVES_MOST * self.residual, BEYOND_ROUNDING * EIGHT_BIT):
            return "l2"
        if self.with_bias is not None and self.with_bias <= REMOVES_MOST * freely:
            return "bias"
        if self.carried >= CARRIES and not self.left_out:
            return "clipped"
        return "noise" if self.noise_on and self.noise >= NOISY * freely else "else"


def judge(facts: Facts) -> Verdict:
    """Return the verdict."""
    fit = _of_fit(facts)
    if facts.rank < facts.unknowns:
        return Verdict("undetermined", "Not determined by this picture", (*_of_missing(facts), *fit))
    if facts.unexplained:
        return Verdict("imperfect", _TITLES[facts.cause], fit)
    if facts.error > TOO_UNCERTAIN * facts.largest:
        return Verdict("weak", "Determined, but uncertain", (*_of_uncertain(facts), *fit))
    what = "number" if facts.bias else "weight"
    few = {1: f"The one {what} follows", 2: f"Both {what}s follow"}
    all_of_them = few.get(facts.unknowns, f"All {facts.unknowns} {what}s follow")
    certain = f"{all_of_them} from this picture"
    certain += f", to within {number(facts.error)} (standard error)." if facts.error > 0 else "."
    return Verdict("determined", "Determined", (certain, *fit))


def _of_missing(facts: Facts) -> tuple[str, ...]:
    missing = facts.unknowns - facts.rank
    what = "weights and biases" if facts.bias else "weights"
    if facts.rank == 0:
        return ("The picture is black wherever the student looks: nothing is known of any weight.",)
    tell = "direction" if missing == 1 else "directions"
    first = (
        f"{missing} {tell} of {counted(facts.unknowns, 'unknown')} cannot be told from this picture: the "
        f"{what} can change along {'it' if missing == 1 else 'them'} and the result stays the same."
    )
    causes = facts.causes
    if facts.cells < facts.most:
        cells = f"{counted(facts.cells, 'cell')} to learn from"
        causes = (f"There are only {cells}, fewer than the {facts.most} unknowns.", *causes)
    advice = (
        "Of all that fit equally well, the smallest weights are shown. A picture with texture or noise in "
        "all directions would tell them apart."
    )
    return (first, *causes, advice)


def _of_uncertain(facts: Facts) -> tuple[str, ...]:
    row, column, channel = facts.place
    where = f"row {row + 1}, column {column + 1}" + (f" of channel {channel + 1}" if channel >= 0 else "")
    said = (
        "All weights follow from this picture, but it shows some patterns hardly more than noise: the "
        f"weight in {where} is known to {number(facts.error)} (standard error) only, where the largest "
        f"weight is {number(facts.largest)}."
    )
    return said, "A picture with more texture, or a smaller kernel, would make them certain."


def _of_fit(facts: Facts) -> tuple[str, ...]:
    said = [_of_size(facts.residual), *_of_l2(facts)]
    held = facts.validation
    if held is not None and held > EIGHT_BIT and held > ELSEWHERE * facts.residual:
        said.append(
            f"On the rows that were not learned from it is off by {number(held)}: what was learned does not "
            "hold everywhere."
        )
    cause = facts.cause
    if cause == "bias" and facts.with_bias is not None:
        what = "biases" if facts.offset is None else f"a bias of {number(facts.offset)}"
        left = f"off by {number(facts.with_bias)}" if facts.with_bias > 0 else "exact"
        said.append(f"With {what} it would be {left}.")
        if facts.rank < facts.unknowns:  # the title tells of that
            said.append(f"{_TITLES['bias']}.")
    said += _of_clipped(facts)
    if cause == "noise":
        said.append(
            "The noise that was put on the picture before is the reason: a filter that smooths it away blurs "
            "the picture, too, and this one is the best between the two."
            if facts.noise_on == "before"
            else "The noise that was put on the picture after is the reason: no filter can foresee it."
        )
    if cause == "else":
        said.append(
            "Something else is in the picture after: a filter larger than the student, a shift, noise, a "
            "curve, or another border."
        )
    return tuple(said)


def _of_size(residual: float) -> str:
    """How large the error is, beside that of rounding."""
    times, off = residual / EIGHT_BIT, f"off by {number(residual)} (RMS)"
    if times > BEYOND_ROUNDING:
        return f"The best fit is {off}, {number(times)} times what rounding to 8 bits leaves."
    if times > 2:
        return f"The fit is {off}, little more than rounding to 8 bits leaves ({number(EIGHT_BIT)})."
    if times >= 0.5:
        return f"The fit is {off}, about as much as rounding to 8 bits leaves ({number(EIGHT_BIT)})."
    if times > 0.1:
        return f"The fit is {off}, less than rounding to 8 bits leaves ({number(EIGHT_BIT)})."
    if times > 0:
        return f"The fit is {off} only: it explains the picture after."
    return "The fit leaves no error at all."


def _of_l2(facts: Facts) -> tuple[str, ...]:
    if facts.without_l2 is None or facts.without_l2 >= _HELD_BACK * facts.residual:
        return ()
    return (f"L2 holds the weights back: without it the fit would be off by {number(facts.without_l2)}.",)


def _of_clipped(facts: Facts) -> tuple[str, ...]:
    if facts.clipped == 0:
        return ()
    said = (
        f"The picture after is clipped in {percent(facts.clipped)} of its {facts.unit}: no linear filter "
        f"explains those. {percent(facts.limits)} of its {facts.unit} are black or white, clipped are those "
        "where the fit lies beyond."
    )
    if facts.left_out:
        return (said, "They were left out.")
    if not facts.unexplained or facts.cause == "clipped":
        return (said, "Leave them out (“Clipped”) and solve again.")
    if facts.carried < _WORTH_A_WORD:
        return ()
    return (said, f"They hold {percent(facts.carried)} of the squared error only.")


def causes_of(null: Doubles, planes: Places, gaps: Spatial, biases: int = 0) -> tuple[str, ...]:
    """Return what in a picture leaves these directions undetermined, as sentences; none if it is not known.

    Args:
        null: an orthonormal basis of the undetermined directions, ``(n, count)``.
        planes: ``(planes, rows, columns)``: which unknown each tap is, −1 for none.
        gaps: pixels from one tap to the next, rows first.
        biases: how many of the unknowns, the last ones, are biases.
    """
    taps = planes

    def alike(first: Places, second: Places) -> bool:
        """Whether the picture shows the same under these taps, wherever the window lies."""
        both = (first >= 0) & (second >= 0)
        pairs = np.unique(np.stack([first[both], second[both]]), axis=1)
        # e_first − e_second lies within the space if its projection has its own length, √2.
        parts = null[pairs[0]] - null[pairs[1]]
        return bool(pairs.size and ((parts**2).sum(axis=1) > 2 - _SAME).all())

    steps = []
    for axis in (1, 2):
        count = taps.shape[axis]
        found = (
            gap
            for gap in range(1, count)
            if alike(taps.take(range(count - gap), axis), taps.take(range(gap, count), axis))
        )
        steps.append(next(found, 0))
    said = []
    down, across = steps
    rows, columns = taps.shape[1:]
    if (
        down in (0, 1)
        and across in (0, 1)
        and (down or rows == 1)
        and (across or columns == 1)
        and down + across
    ):
        known = "the sum of a kernel's weights" if biases == 0 else "what kernel and bias make of it together"
        said.append(f"It is the same everywhere: only {known} is known.")
    else:
        said += _of_steps(down, "from top to bottom", "column", "row", gaps[0])
        said += _of_steps(across, "from left to right", "row", "column", gaps[1])
    if len(taps) > 1 and alike(taps[:-1], taps[1:]):
        said.append(
            "Its channels are alike: of the weights at one place only the sum over channels is known."
        )
    return tuple(said)


def _of_steps(step: int, way: str, whole: str, line: str, gap: int) -> tuple[str, ...]:
    if step == 0:
        return ()
    if step == 1:
        return (f"It does not change {way}: of each {whole} of the kernel only the sum is known.",)
    said = f"It repeats every {counted(step * gap, 'pixel')} {way}: of weights that lie {step} {line}s apart"
    return (f"{said} only the sum is known.",)


def number(value: float) -> str:
    """Return a number with two digits: "0.0011", "12", "3.1e−8"."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "no number"
    if 10 <= abs(value) < 1e6:
        return f"{value:.0f}"
    mantissa, _, exponent = f"{value:.2g}".partition("e")
    return (mantissa if not exponent else f"{mantissa}e{int(exponent)}").replace("-", "−")


def percent(share: float) -> str:
    """Return a share in percent: "3 %", "0.2 %"."""
    value = 100 * share
    if value < 0.01:
        return "less than 0.01 %"
    return f"{value:.0f} %" if value >= 10 else f"{value:.1g} %" if value < 1 else f"{value:.2g} %"
