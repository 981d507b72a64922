"""The output-size formula, the cost and the plan in words: pure text, no widgets.

The formula is the one every framework documents, per axis:
``out = ⌊(n + before + after − d·(k − 1) − 1) / s⌋ + 1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convstudio.core.planner import Plan

AXES = ("height", "width")


_RULES = {
    "floor": "⌊(n + p − d·(k−1) − 1)/s⌋ + 1",
    "ceil": "⌈(n + p − d·(k−1) − 1)/s⌉ + 1",
    "transposed": "(n−1)·s − p + d·(k−1) + added cells + 1",
}
_STRIDES = {
    "floor": "stride: px from one output cell to the next",
    "ceil": "stride: px from one output cell to the next",
    "transposed": "stride: output cells from one stamp to the next",
}
_ROUNDED = {
    "floor": ("⌊ ⌋", "", "rounded down: a window that sticks out is dropped"),
    "ceil": (
        "⌈ ⌉",
        "",
        "rounded up: a last window may stick out, unless it starts in the padding at the end",
    ),
}


@dataclass(frozen=True)
class AxisFacts:
    """The numbers of one axis.

    Attributes:
        n: pixels of the input.
        before, after: pixels of padding.
        kernel: taps.
        stride, dilation: pixels.
        out: cells of the output.
        unread: trailing pixels of the padded input that no window reads.
        rule: ``"floor"``, ``"ceil"`` of pooling that rounds up, or ``"transposed"``.
        extra: cells that a transposed convolution adds after its output.
    """

    n: int
    before: int
    after: int
    kernel: int
    stride: int
    dilation: int
    out: int
    unread: int = 0
    rule: str = "floor"
    extra: int = 0


@dataclass(frozen=True)
class Facts:
    """What the inspector says about a result: sizes per axis (rows first), cost, plan and time.

    Attributes:
        axes: of a layer whose windows slide; None for the others.
        multiply_adds: products summed for the whole output.
        parameters: weights and biases of the layer.
        fully_connected: weights a dense layer between the same shapes would need.
        plan: which algorithm runs and what else was considered, where known.
        algorithm: the name of the method, where there are several.
        seconds: how long it took, where measured.
    """

    axes: tuple[AxisFacts, AxisFacts] | None
    multiply_adds: int
    parameters: int
    fully_connected: int
    plan: Plan | None = None
    algorithm: str = ""
    seconds: float | None = None


def padding_term(before: int, after: int) -> str:
    """Return ``2·1`` for the same amount on both sides, else ``1+2``."""
    return f"2·{before}" if before == after else f"{before}+{after}"


def size_formula(axis: AxisFacts) -> tuple[str, str]:
    """Return the formula with its numbers, up to the equals sign, and the result."""
    pads = padding_term(axis.before, axis.after)
    if axis.rule == "transposed":
        extra = f" + {axis.extra}" if axis.extra else ""
        reach = f"{axis.dilation}·({axis.kernel}−1)"
        return f"({axis.n}−1)·{axis.stride} − {pads} + {reach}{extra} + 1 =", str(axis.out)
    inside = f"{axis.n} + {pads} − {axis.dilation}·({axis.kernel}−1) − 1"
    left, right = "⌈⌉" if axis.rule == "ceil" else "⌊⌋"
    return f"{left}({inside})/{axis.stride}{right} + 1 =", str(axis.out)


def size_formula_text(axis: AxisFacts) -> str:
    """Return the whole formula as plain text: ``⌊(300 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 300``."""
    return " ".join(size_formula(axis))


def explain_formula(axis: AxisFacts, name: str) -> str:
    """Return rich text that says what each number of an axis's formula is."""
    word = "rows" if name == "height" else "columns"
    sides = ("top", "bottom") if name == "height" else ("left", "right")
    span = axis.dilation * (axis.kernel - 1) + 1
    symbols = [
        ("n", axis.n, f"{name} of the input, px"),
        ("p", f"{axis.before}+{axis.after}", f"padding at the {sides[0]} and {sides[1]}, px"),
        ("d", axis.dilation, "dilation: px from one tap to the next"),
        ("k", axis.kernel, f"{word} of the window; it spans d·(k−1)+1 = {span} px"),
        ("s", axis.stride, _STRIDES[axis.rule]),
    ]
    if axis.rule in _ROUNDED:
        symbols.append((*_ROUNDED[axis.rule],))
    lines = "".join(
        f"<tr><td><b>{symbol}</b>&nbsp;</td><td align='right'>{number}&nbsp;&nbsp;</td><td>{text}</td></tr>"
        for symbol, number, text in symbols
    )
    title = f"<p><b>Output {name}</b> = {_RULES[axis.rule]} = {axis.out}</p>"
    return f"{title}<table>{lines}</table>{_unread_note(axis, word)}"


def _unread_note(axis: AxisFacts, word: str) -> str:
    if not axis.unread:
        return ""
    return f"<p>The stride does not divide evenly: {axis.unread} of the padded {word} are never read.</p>"


def sizes_line(facts: Facts) -> str:
    """Return one line about what an uneven stride never reads, or an empty string."""
    missed = [
        counted(axis.unread, word)
        for axis, word in zip(facts.axes or (), ("row", "column"), strict=False)
        if axis.unread
    ]
    return f"the last {' and '.join(missed)} never read" if missed else ""


def counted(number: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short_count(number: int) -> str:
    """Return a count with three significant digits: ``864``, ``9.6 k``, ``29.2 M``, ``437 G``."""
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            # 999,950 would round to 1000 k: from there on the next unit is the honest one.
            return f"{_three_digits(number / (size if unit != 'k' else 1000))} {unit}"
    return f"{number:,}".replace(",", " ")


def long_count(number: int) -> str:
    """Return a count in words: ``864``, ``9 600``, ``29.2 million``, ``437 billion``, ``1.2 trillion``."""
    for size, word in ((10**15, "quadrillion"), (10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{_three_digits(number / size)}\N{NO-BREAK SPACE}{word}"
    return f"{number:,}".replace(",", " ")


def _three_digits(value: float) -> str:
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cost_line(facts: Facts) -> str:
    """Return ``29.2 M mult-adds · 224 parameters``."""
    if not facts.parameters and not facts.multiply_adds:
        return "no parameters, nothing to multiply"
    count = "1 parameter" if facts.parameters == 1 else f"{short_count(facts.parameters)} parameters"
    return f"{short_count(facts.multiply_adds)} mult-adds · {count}"


def fully_connected_line(facts: Facts) -> str:
    """Return what a dense layer between the same shapes would need."""
    return f"a fully connected layer would need {long_count(facts.fully_connected)}"


def duration(seconds: float) -> str:
    """Return a time with two digits: ``0.42 ms``, ``1.9 ms``, ``230 ms``, ``1.4 s``."""
    if seconds >= 0.9995:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    milliseconds = seconds * 1000
    if milliseconds >= 9.95:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds:.1f} ms" if milliseconds >= 0.995 else f"{milliseconds:.2f} ms"


def algorithm_line(facts: Facts) -> str:
    """Return ``separable · 1.9 ms``, as far as it is known."""
    parts = [facts.algorithm] if facts.algorithm else []
    if facts.seconds is not None:
        parts.append(duration(facts.seconds))
    return " · ".join(parts)


def explain_plan(plan: Plan) -> str:
    """Return rich text with the planner's candidates: estimate and reason of each, the chosen one bold."""
    lines = []
    for each in plan.candidates:
        name = f"<b>{each.name}</b>" if each.name == plan.algorithm else each.name
        known = each.milliseconds < float("inf")
        estimate = f"≈ {duration(each.milliseconds / 1000)}" if known else "—"
        lines.append(
            f"<tr><td>{name}&nbsp;&nbsp;</td><td align='right'>{estimate}&nbsp;&nbsp;</td>"
            f"<td>{each.reason}</td></tr>"
        )
    return f"<p>The ways to compute this, with the planner's estimates:</p><table>{''.join(lines)}</table>"
