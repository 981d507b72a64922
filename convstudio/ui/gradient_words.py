"""What the page of one step says: formulas with their present numbers, and which shift belongs to which."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from convstudio.layers import CircularConv, Conv, ConvTranspose
from convstudio.session.step_apart import Cell, Numbers, StepApart

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_OPTIMIZERS = {
    "momentum": "momentum",
    "nesterov": "Nesterov’s momentum",
    "rmsprop": "RMSProp",
    "adam": "Adam",
}


def number(value: float) -> str:
    """Return a number with four significant digits and a true minus sign.

    >>> number(-0.0123412), number(2.0), number(1.5e-7)
    ('−0.01234', '2', '1.5e−7')
    """
    value += 0.0
    if value == 0.0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    else:
        mantissa, exponent = f"{value:.3e}".split("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    return text.replace("-", "−")


def signed(value: float) -> str:
    """Return a whole number with its sign, also above zero."""
    return f"+{value:g}" if value > 0 else number(value)


def small(value: float) -> str:
    """Return an error with one digit.

    >>> small(2.31e-9), small(0.0)
    ('2e−9', '0')
    """
    if value == 0.0 or not math.isfinite(value):
        return "0" if value == 0.0 else "∞"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def at(index: Iterable[int]) -> str:
    """Return where an entry stands, as it is written behind its array."""
    return f"[{', '.join(str(n) for n in index)}]"


def scaled(values: Numbers) -> tuple[Numbers, str]:
    """Return numbers that have digits before and after the point, and the power of ten left over, or ""."""
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    if largest == 0.0 or 1e-2 <= largest < 1e3:
        return values, ""
    exponent = math.floor(math.log10(largest))
    return values / 10.0**exponent, f"·10{str(exponent).translate(_SUPERSCRIPTS)}"


# --- the step ---


def headline(apart: StepApart) -> str:
    """Return which step this is, with the loss and how many cells it is over."""
    return f"Step {apart.step:,} → {apart.step + 1:,}   L = {number(apart.loss)}   N = {apart.counted:,}"


def headline_tip(apart: StepApart) -> tuple[str, ...]:
    """Return how this was computed."""
    precision = "double" if apart.double else "single"
    said = [
        f"The loss L over {apart.counted:,} cells, and how it changes with every number below: its slope.",
        f"Computed in {precision} precision by the layers as the project runs them, not as the trainer does.",
    ]
    if apart.method.data != "whole":
        said.append(
            "The run sees patches, a step at a time; this is the gradient of the whole picture, of which "
            "each patch gives an estimate."
        )
    return tuple(said)


def error_formula(apart: StepApart) -> str:
    """Return where ∂L/∂y comes from."""
    if not apart.top:
        return "from the layers above"
    over = "/N" if apart.method.reduction == "mean" else ""
    return {
        "squared": f"2·(ŷ − y){over}",
        "absolute": f"sign(ŷ − y){over}",
        "huber": f"(ŷ − y within ±δ){over}",
    }[apart.method.loss]


def error_help(apart: StepApart) -> str:
    """Return what ∂L/∂y is."""
    if not apart.top:
        return (
            "How the loss changes with each output cell of this layer: what the layers above send back, "
            "each by its own rule."
        )
    n = f" N = {apart.counted:,}." if apart.method.reduction == "mean" else ""
    return (
        "How the loss changes with each output cell: the prediction ŷ minus the target y, as the loss weighs "
        f"it. Red where the prediction is too high, blue where it is too low, white where nothing counts.{n}"
    )


# --- ∂L/∂w ---


def weight_formula(apart: StepApart) -> str:
    """Return the gradient of the kernel in symbols."""
    if isinstance(apart.layer, ConvTranspose):
        formula = "∂L/∂w = ∂L/∂y ⋆ x"
    elif isinstance(apart.layer, CircularConv):
        formula = "∂L/∂w = B·(x ⋆ ∂L/∂y)"
    elif isinstance(apart.layer, Conv):
        formula = "∂L/∂w = x ⋆ ∂L/∂y"
    else:
        return f"∂L/∂{apart.array}"
    return formula if apart.copies == 1 else f"{formula},  summed over {apart.copies} channels"


def weight_help(apart: StepApart) -> str:
    """Return the rule behind it."""
    if isinstance(apart.layer, ConvTranspose):
        return (
            "Correlation of the error with the input: a weight stamped pixel x into each cell that many "
            "times, so each pixel counts by the error where its stamp lay."
        )
    if isinstance(apart.layer, CircularConv):
        return (
            "Correlation of input and error gives the slope of each tap on the circles; the bilinear "
            "reading B brings it back to the square grid of weights."
        )
    if isinstance(apart.layer, Conv):
        return (
            "Correlation of input and error: a weight was multiplied by one shifted copy of the input, so "
            "its slope is that copy times the error, cell by cell, all summed."
        )
    return "The chain rule through what makes this layer's kernels."


def entry_formula(apart: StepApart, cell: Cell) -> str:
    """Return the sum behind one entry of ∂L/∂w, with its number."""
    value = number(float(apart.by_weight[cell]))
    shift, name = apart.shift(cell), f"∂L/∂w{at(cell)}"
    layer = apart.layer
    if shift is None or not isinstance(layer, Conv | ConvTranspose):
        return f"{name} = {value}"
    moved = ", ".join(_moved(n, step, by) for n, step, by in zip("ij", layer.stride, shift, strict=True))
    one, other = ("∂L/∂y", "x") if isinstance(layer, ConvTranspose) else ("x", "∂L/∂y")
    channel = "" if apart.copies == 1 else "c, "  # a kernel for all channels: the sum is over them, too
    return f"{name} = Σ {one}[{channel}{moved}]·{other}[{channel}i, j] = {value}"


def shift_words(apart: StepApart, cell: Cell) -> str:
    """Return which shifted copy an entry of ∂L/∂w is made from."""
    shift = apart.shift(cell)
    if shift is None:
        return ""
    by = ", ".join(signed(n) for n in shift)
    return (
        f"the error shifted by ({by})" if isinstance(apart.layer, ConvTranspose) else f"x shifted by ({by})"
    )


def _moved(name: str, step: int, by: int) -> str:
    start = name if step == 1 else f"{step}{name}"
    return f"{start} {'+' if by > 0 else '−'} {abs(by)}" if by else start


def after_title(apart: StepApart) -> str:
    """Return the formula of the kernel after a step of plain gradient descent."""
    gradient = "(∂L/∂w + λ·w)" if apart.method.l2 else "∂L/∂w"
    return f"w − {apart.rate:.3g}·{gradient}"


def after_help(apart: StepApart) -> str:
    """Return what that step is."""
    pull = (
        f" Weight decay adds λ = {apart.method.l2:g} times each weight to its slope."
        if apart.method.l2
        else ""
    )
    rate = f"{apart.rate:.3g}"
    return f"The kernel after one step of gradient descent: against the slope, {rate} times as far.{pull}"


def why_no_step(apart: StepApart) -> str:
    """Return why the next weights are not w − η·∂L/∂w."""
    if apart.array not in apart.learned:
        return "This kernel is not learned: it stays as it is."
    if apart.method.data != "whole":
        return "A step sees patches only, and goes by their gradient, which scatters around this one."
    name = _OPTIMIZERS.get(apart.method.optimizer, apart.method.optimizer)
    return (
        f"{name} makes its own step of this gradient and of those before; plain descent would be w − η·∂L/∂w."
    )


# --- ∂L/∂x ---


def input_formula(apart: StepApart) -> str:
    """Return the gradient of the input in symbols."""
    layer = apart.layer
    if isinstance(layer, ConvTranspose):
        return "∂L/∂x = ∂L/∂y ⋆ w"
    if isinstance(layer, Conv):
        return "∂L/∂x = ∂L/∂y ⋆ w" if layer.flips else "∂L/∂x = ∂L/∂y ∗ w"
    return "∂L/∂x"


def slid_title(apart: StepApart) -> str:
    """Return what the grid is that slides over the error."""
    layer = apart.layer
    if isinstance(layer, ConvTranspose):
        return "w, as stamped"
    turned = "w" if layer.flips else "w rotated 180°"  # type: ignore[attr-defined]
    return f"{turned}, on circles" if isinstance(layer, CircularConv) else turned


def input_help(apart: StepApart) -> str:
    """Return the rule behind it."""
    layer = apart.layer
    if isinstance(layer, ConvTranspose):
        return "Correlation of the error with the kernel: each pixel gathers the errors under its stamp."
    if isinstance(layer, Conv) and layer.flips:
        return (
            "Full correlation of the error with the kernel: the layer rotates its kernel, and the way back "
            "rotates it again, which leaves it as it is written."
        )
    if isinstance(layer, Conv):
        return (
            "Full convolution of the error with the kernel: a pixel gathers the errors of all windows that "
            "read it, each times the weight that it had there, which is the kernel rotated by 180°."
        )
    return "The chain rule through the kernels and through what makes them."


def input_notes(apart: StepApart) -> dict[str, str]:
    """Return what else happens on the way back: sentences, by what they are about in a word or two."""
    layer, said = apart.layer, {}
    if not isinstance(layer, Conv):
        return {}
    if layer.stride != (1, 1):
        apart_by = "×".join(map(str, layer.stride))
        said[f"stride {apart_by}"] = (
            f"The error is spread {apart_by} apart first, as the stride skipped pixels."
        )
    if layer.dilation != (1, 1):
        said["dilation"] = "The weights keep the distance of the dilation."
    if any(n for pair in layer.amounts(apart.in_shape[1:]) for n in pair):
        if layer.padding_mode in ("zeros", "constant"):
            said["border"] = "What would fall on the padding is cut off."
        else:
            said["border"] = "What falls on the padding is added where the border copied it from."
    filters = _filters_that_read(apart)
    if filters > 1:
        said[f"{filters} filters"] = f"Summed over the {filters} filters that read the channel."
    return said


def _filters_that_read(apart: StepApart) -> int:
    layer = apart.layer
    assert isinstance(layer, Conv)
    channels = apart.in_shape[0]
    return sum(apart.channels[0] in layer.filter_at(k, channels)[1] for k in range(apart.out_shape[0]))


def pixel_formula(apart: StepApart, cell: Cell, value: float) -> str:
    """Return the sum behind one pixel of ∂L/∂x, with its number."""
    name = f"∂L/∂x{at(cell)}"
    if apart.errors_of(cell) is None:
        return f"{name} = {number(value)}"
    return f"{name} = Σ w·∂L/∂y = {number(value)}"


# --- ∂L/∂b ---


def bias_formula(apart: StepApart) -> str:
    """Return the gradient of the bias in symbols."""
    name = "b" if apart.array == "weight" else f"{apart.array}_bias"
    if not isinstance(apart.layer, Conv | ConvTranspose):
        return f"∂L/∂{name}"
    return f"∂L/∂{name} = Σ ∂L/∂y"


def bias_help(apart: StepApart) -> str:
    """Return the rule behind it."""
    if not isinstance(apart.layer, Conv | ConvTranspose):
        return "The chain rule through what makes this layer's kernels."
    return (
        "The bias was added to every cell, so its slope is the sum of the error over the channel: what is "
        "too high minus what is too low."
    )


def bias_total(apart: StepApart) -> str:
    """Return ∂L/∂b; what rounding leaves of terms that cancel out is no number to show."""
    if apart.by_bias is None:
        return ""
    above, below = apart.summed
    cancels = 0.0 < abs(apart.by_bias) < 1e-12 * (above - below)
    return "≈ 0" if cancels else number(apart.by_bias)


def bias_sum(apart: StepApart) -> str:
    """Return the sum with its numbers: what is too high, what is too low, what is left."""
    if apart.by_bias is None:
        return ""
    if not isinstance(apart.layer, Conv | ConvTranspose):
        return ""
    if apart.bias_copies > 1:
        return f"over the {apart.bias_copies} channels that share it"
    above, below = apart.summed
    equals = "" if bias_total(apart).startswith("≈") else "= "
    return f"{number(above)} − {number(-below)} {equals}{bias_total(apart)}"


def bias_step(apart: StepApart) -> str:
    """Return what a step makes of the bias."""
    if apart.bias is None:
        return ""
    if "bias" not in apart.learned and f"{apart.array}_bias" not in apart.learned:
        return f"b = {number(apart.bias)} is not learned: it stays."
    if apart.bias_after is None or apart.by_bias is None:
        return f"b = {number(apart.bias)}"
    moved = number(apart.bias_after)
    gradient = f"({number(apart.by_bias)})" if apart.by_bias < 0 else number(apart.by_bias)
    return f"b: {number(apart.bias)} − {apart.rate:.3g}·{gradient} = {moved}"
