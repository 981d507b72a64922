"""What a shift experiment shows, in sentences: pure text, no widgets."""

from __future__ import annotations

from fractions import Fraction

from convstudio.engine.shift_test import Change, Comparison, ShiftOutcome, ShiftResult
from convstudio.ui.formula import long_count
from convstudio.ui.shift_chart import Bar, percent

SOURCES = (
    "Goodfellow, Bengio and Courville, Deep Learning, 2016, sec. 9.3; Zhang, Making convolutional networks "
    "shift-invariant again, 2019."
)
_FIRST, _SECOND = "Goodfellow et al. 2016, sec. 9.3", "Zhang 2019"
_SAME = 1e-5  # a change below it is rounding


def change_of(compared: Comparison) -> Change:
    """Return the change clear of borders and seam, which padding would blur; where there is none, all."""
    return compared.everywhere if compared.inside is None else compared.inside


def settled(change: float) -> float:
    """Return a change, 0 where it is nothing but rounding."""
    return 0.0 if change < _SAME else change


def bars_of(result: ShiftResult) -> tuple[Bar, ...]:
    """Return how much changes with pooling, without it, and after moving the output back."""
    whole, bare = result.with_pooling, result.without_pooling
    bars = [Bar("with pooling" if bare else "as it comes out", _tolerance(whole))]
    if bare is not None:
        bars.append(Bar("with the pooling left out", _tolerance(bare), "without"))
    back = whole.equivariance
    known = None if back is None else settled(change_of(back).relative)
    bars.append(Bar(f"moved back by {moved_words(whole)}", known))
    return tuple(bars)


def points_of(result: ShiftResult) -> dict[str, float]:
    """Return the change of each series that there is."""
    points = {"with": _tolerance(result.with_pooling)}
    if result.without_pooling is not None:
        points["without"] = _tolerance(result.without_pooling)
    return points


def _tolerance(outcome: ShiftOutcome) -> float:
    return settled(change_of(outcome.tolerance).relative)


def moved_words(outcome: ShiftOutcome) -> str:
    """Return "1 cell", "1/2 cell", "2 cells", and of both axes "1 row and 2 columns"."""
    rows, columns = outcome.moved
    if rows and columns:
        return f"{_counted(rows, 'row')} and {_counted(columns, 'column')}"
    return _counted(rows or columns, "cell")


def _counted(number: Fraction, noun: str) -> str:
    size = abs(number)
    return f"{size} {noun}{'' if 0 < size <= 1 else 's'}"


def equivariance_sentence(result: ShiftResult) -> str:
    """Return whether the output moves along with the input."""
    outcome = result.with_pooling
    rows, columns = outcome.jump
    jump = str(rows) if rows == columns else f"{rows}×{columns}"
    if result.shift == (0, 0):
        return "Nothing is moved yet: drag the sliders, or play the sweep from 0 to 8 px."
    lead = f"One cell is {jump} px wide, the shift is {moved_words(outcome)}"
    back = outcome.equivariance
    if back is None:
        return f"{lead}: no whole number, so that the output cannot just move along ({_FIRST})."
    left = settled(change_of(back).relative)
    if left == 0.0:
        return f"{lead}: moved back, the output is the same (translation equivariance; {_FIRST})."
    return f"{lead}: even moved back, the output differs by {percent(left)} ({_SECOND})."


def tolerance_sentence(result: ShiftResult) -> str:
    """Return what pooling has to do with it."""
    if result.without_pooling is None:
        return (
            "No layer pools down to here. With a pooling layer less of the output would change at a small "
            "shift (tolerance): add one and compare."
        )
    whole, bare = _tolerance(result.with_pooling), _tolerance(result.without_pooling)
    lead = "Pooling keeps one value of each window, wherever it stands"
    if result.shift == (0, 0):
        return f"{lead}, so that a small shift changes less of the output (tolerance; {_SECOND})."
    if whole < bare:
        numbers = f"{percent(whole)} changes instead of {percent(bare)}"
        return f"{lead}: {numbers} (tolerance; {_SECOND})."
    return f"{lead}, which does not help here: the output changes by {percent(whole)}, not {percent(bare)}."


def detail_tip(result: ShiftResult) -> tuple[str, ...]:
    """Return the numbers behind the bars."""
    lines = []
    outcomes = (("With pooling", result.with_pooling), ("Without pooling", result.without_pooling))
    for name, outcome in outcomes:
        if outcome is not None:
            change = change_of(outcome.tolerance)
            cells = long_count(change.cells)
            lines.append(f"{name}: {percent(change.share)} of {cells} cells differ at all")
    return tuple(lines)
