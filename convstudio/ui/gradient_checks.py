"""What is said of finite differences: one check, all of them, and kinks."""

from __future__ import annotations

from collections.abc import Iterable

from convstudio.learn.anatomy import Check
from convstudio.session.step_apart import StepApart
from convstudio.ui.gradient_words import at, number, small

GOOD, KINK, BAD = "good", "kink", "bad"
MARKS = {GOOD: "✓", KINK: "◇", BAD: "✗"}


def state_of(check: Check, apart: StepApart) -> str:
    """Return whether a check holds: ``GOOD``, ``KINK`` or ``BAD``."""
    if check.kink:
        return KINK
    return GOOD if check.error <= apart.tolerance else BAD


def check_text(check: Check, apart: StepApart) -> str:
    """Return a check in a line."""
    both = f"{number(check.numeric)} against {number(check.analytic)}"
    state = state_of(check, apart)
    if state == KINK:
        return f"finite differences: {both}, at a kink {MARKS[KINK]}"
    return f"finite differences: {both}, error\u00a0{small(check.error)} {MARKS[state]}"


def check_help(apart: StepApart) -> str:
    """Return how a check is made."""
    h = small(apart.moved)
    return (
        f"A number was moved by {h} up and down, the whole network run twice, and the difference of the two "
        f"losses divided by twice {h}: a slope that knows nothing of the chain rule. The error is relative "
        f"to the largest entry, if rounding leaves it to be seen; up to {small(apart.tolerance)} is rounding "
        "and curvature."
    )


def kink_help(apart: StepApart) -> str:
    """Return what a kink does."""
    of = f" of {' or '.join(apart.kinks)}" if apart.kinks else ""
    return (
        f"{MARKS[KINK]} At a kink{of} the slopes of both sides differ: the chain rule takes one of them, the "
        "difference their middle. Neither is wrong."
    )


def check_lines(checks: Iterable[Check], apart: StepApart) -> tuple[str, ...]:
    """Return checks one by one."""
    return tuple(
        f"{at(check.index)}: {number(check.numeric)} against {number(check.analytic)}, "
        f"{small(check.error)} {MARKS[state_of(check, apart)]}"
        for check in checks
    )


def verdict(apart: StepApart) -> tuple[str, str]:
    """Return what all checks together say, and whether that is ``GOOD`` or ``BAD``."""
    usual = apart.checked - apart.at_kinks
    kinks = f", {apart.at_kinks} at a kink {MARKS[KINK]}" if apart.at_kinks else ""
    if not usual:
        return f"{MARKS[KINK]} all {apart.checked} checks are at a kink", GOOD
    if apart.agrees:
        return f"✓ {usual} slopes checked, worst error {small(apart.worst)}{kinks}", GOOD
    return f"✗ a finite difference disagrees by {small(apart.worst)}{kinks}", BAD


def largest(checks: Iterable[Check]) -> Check | None:
    """Return the check of the largest entry, None of none."""
    return max(checks, key=lambda check: abs(check.analytic), default=None)


def not_checked(count: int, what: str = "entries") -> str:
    """Return why one has no check."""
    return (
        f"not among the {count} {what} that were checked"
        if count
        else f"no {what} of this kernel were checked"
    )
