"""What the present numbers of a convolution leave open for each parameter, and why the rest cannot work.

Pure: the inspector turns it into ranges, switched-off controls and hidden rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, cached_property

from convstudio.core.geometry import resolve_padding, span
from convstudio.layers.base import Shape
from convstudio.layers.common import border_misfit, border_reach
from convstudio.layers.conv import Conv
from convstudio.spec.params import (
    PADDING_WORDS,
    ChoiceParam,
    IntParam,
    Padding,
    PaddingParam,
    Pair,
    PerAxisParam,
)

_REASONS = {
    "stride": "A longer step than the picture gives the same single cell.",
    "dilation": "With more, the window or its padding would not fit the picture.",
}
_WORDS = ("high", "wide")
_ADVICE = {
    "padding": "Choose more padding, or a smaller kernel or dilation.",
    "padding_mode": "Choose another border, or less padding.",
}


@dataclass(frozen=True)
class Limits:
    """Limits by parameter name.

    Attributes:
        ranges: lowest and highest number that works, per axis, rows first.
        reasons: why a range ends where it does.
        off: parameters that mean nothing at present, with the reason.
        hidden: parameters that do not apply.
        choices_off: words that cannot work at present, with the reason.
        needed: pixels of padding that the window needs in all, per axis.
        most: pixels that the border can fill on one side, per axis.
        amounts: what the present padding comes to; None where the two above do not apply either.
        problems: parameters whose present value cannot work, with the reason.
    """

    ranges: dict[str, tuple[Pair, Pair]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    off: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    choices_off: dict[str, dict[str, str]] = field(default_factory=dict)
    needed: Pair = (0, 0)
    most: Pair = (0, 0)
    amounts: tuple[Pair, Pair] | None = None
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Window:
    """The part of a layer that decides whether it fits; cheap to vary, unlike a validated layer."""

    spatial: Pair
    kernel: Pair
    padding: Padding
    stride: Pair
    dilation: Pair
    mode: str

    @cached_property
    def amounts(self) -> tuple[Pair, Pair]:
        """Pixels of padding per axis, before and after."""
        rows, columns = resolve_padding(self.padding, self.spatial, self.kernel, self.stride, self.dilation)
        return rows, columns

    def too_long(self, axis: int) -> str:
        """Return why the window does not fit into the padded axis, or an empty string."""
        before, after = self.amounts[axis]
        window, padded = span(self.kernel[axis], self.dilation[axis]), self.spatial[axis] + before + after
        if window <= padded:
            return ""
        what = "padded picture" if before or after else "picture"
        return f"The window spans {window} px, but the {what} is only {padded} px {_WORDS[axis]}."

    def unfillable(self, axis: int, mode: str = "") -> str:
        """Return why the border mode cannot fill the padding of an axis, or an empty string."""
        return border_misfit(mode or self.mode, self.spatial[axis], max(self.amounts[axis]))

    def misfit(self) -> str:
        """Return the first reason why this window cannot slide over the picture, or an empty string."""
        reasons = (rule(axis) for axis in (0, 1) for rule in (self.too_long, self.unfillable))
        return next(filter(None, reasons), "")


def conv_limits(layer: Conv, in_shape: Shape) -> Limits:
    """Return the limits for a layer on an input of shape ``(C, H, W)``."""
    channels, height, width = in_shape
    window = _Window(
        (height, width), layer.bank.shape, layer.padding, layer.stride, layer.dilation, layer.padding_mode
    )
    padding, modes, stride, dilation = _declarations(type(layer))
    padded = any(map(any, window.amounts))
    off = {}
    if channels == 1 and layer.channels != "grouped":  # which one channel may not fall into
        off["channels"] = "A single channel comes in."
    if not padded and not window.misfit():  # else another border may be what lets the picture be padded
        off["padding_mode"] = "Nothing is padded, so there is no border to fill."
    if max(window.kernel) == 1:
        off["dilation"] = "A 1×1 kernel has no neighbouring taps to spread."
    reaches = [border_reach(window.mode, n, padding.maximum) for n in window.spatial]
    missing = [
        max(0, span(window.kernel[axis], window.dilation[axis]) - window.spatial[axis]) for axis in (0, 1)
    ]
    return Limits(
        ranges={
            "stride": (_up_to(stride.each, height), _up_to(stride.each, width)),
            "dilation": (_dilations(window, 0, dilation.each), _dilations(window, 1, dilation.each)),
        },
        reasons=_REASONS,
        off=off,
        hidden=frozenset(
            name
            for name in ("padding_value", "groups")
            if not layer.applies(name) or (name == "padding_value" and not padded)
        ),
        choices_off={
            "padding": _words_off(window),
            "padding_mode": {
                choice.value: why
                for choice in modes.choices
                if (why := window.unfillable(0, choice.value) or window.unfillable(1, choice.value))
            },
        },
        needed=(missing[0], missing[1]),
        most=(reaches[0], reaches[1]),
        amounts=window.amounts,
        problems={
            name: why
            for name, rule in (("padding", window.too_long), ("padding_mode", window.unfillable))
            if (why := rule(0) or rule(1))
        },
    )


def why_not(layer: Conv, in_shape: Shape) -> str:
    """Return why a layer cannot work on an input ``(C, H, W)`` and what to do, or an empty string."""
    problems = conv_limits(layer, in_shape).problems
    return next((f"{why} {_ADVICE[name]}" for name, why in problems.items()), "")


@cache
def _declarations(kind: type[Conv]) -> tuple[PaddingParam, ChoiceParam, PerAxisParam, PerAxisParam]:
    params = {each.name: each.param for each in kind.parameters()}
    padding, modes = params["padding"], params["padding_mode"]
    stride, dilation = params["stride"], params["dilation"]
    assert isinstance(padding, PaddingParam)
    assert isinstance(modes, ChoiceParam)
    assert isinstance(stride, PerAxisParam)
    assert isinstance(dilation, PerAxisParam)
    return padding, modes, stride, dilation


def _up_to(each: IntParam, most: int) -> Pair:
    return each.minimum, max(each.minimum, min(each.maximum, most))


def _dilations(window: _Window, axis: int, each: IntParam) -> Pair:
    def works(number: int) -> bool:
        pair = (number, window.dilation[1]) if axis == 0 else (window.dilation[0], number)
        other = replace(window, dilation=pair)
        return not (other.too_long(axis) or other.unfillable(axis))

    # The window and its padding only grow with the dilation: halve the range down to the last that works.
    low, high = each.minimum, each.maximum
    if works(high):
        return low, high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return each.minimum, low


def _words_off(window: _Window) -> dict[str, str]:
    windows = {word: replace(window, padding=word) for word in PADDING_WORDS}
    return {word: why for word, other in windows.items() if (why := other.misfit())}
