"""The command ``learn``: which filter made this picture? By descent and in closed form."""

from __future__ import annotations

import argparse
import math
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convstudio.cli_learn_options import add_options, read_setup
from convstudio.cli_progress import Bar, on_terminal, progress
from convstudio.terminal import CommandError, complain, tell

# NumPy and what needs it are imported where they are used, as in cli.py.
if TYPE_CHECKING:
    from convstudio.kernels import Bank, Kernel
    from convstudio.layers.base import FloatArray
    from convstudio.learn.lab import Lab
    from convstudio.learn.least_squares import LeastSquares
    from convstudio.model import Picture, TrainingSetup
    from convstudio.model.training_method import MethodSetup

__all__ = ["DESCRIPTION", "EXAMPLES", "add_options", "work"]

DESCRIPTION = (
    "Learn the kernel that makes the picture AFTER out of the picture BEFORE: by gradient descent, and in\n"
    "closed form by least squares, which also tells whether the pictures determine it. The kernel is the\n"
    "one that cross-correlation uses.\n\n"
    "-o writes the descent's kernel, with --closed-form that of least squares; never one for the other. A\n"
    "descent that diverged is not written (exit code 2), nor is one that is off by more than 10 times as\n"
    "much as least squares and as what 8 bits can tell (exit code 1): take --closed-form, another --rate or\n"
    "more --steps then."
)
EXAMPLES = (
    "convstudio learn photo.jpg blurred.png --size 5 -o kernel.json\n"
    "  convstudio learn photo.jpg blurred.png --size 5 --closed-form --grey -o kernel.csv\n"
    "  convstudio learn a.png b.png --size 3 --channels each --bias --optimizer nesterov --steps 500"
)

_WIDEST = 15
"""Columns of a kernel that are printed."""
_ARRIVED = 0.02
"""The difference from the closed form, as a share of the largest weight, up to which a descent is done."""
_MEASURED = 3
"""Steps whose time is taken."""
_LONG = 90.0
"""Seconds that a descent may take, as they say, before quicker ways are told."""
_POOR = 10
"""How many times as far off as the closed form a descent may be to be written."""
_EXACT = 0.01
"""The share of the picture after that is no error to speak of, where the closed form leaves none."""
_ADAPTIVE = ("adam", "rmsprop")
_FAR = 50
"""How many times the usual rate of a method that scales its steps is worth a word."""


def work(options: argparse.Namespace) -> int:
    """Do the command and return its exit code.

    Raises:
        CommandError: an option or a picture is wrong, the pictures do not go together, or the descent
            diverged; nothing was written. A descent that ends far from the best is not written either, and
            the code is 1.
    """
    from convstudio.learn.errors import LearnError

    setup = read_setup(options)
    _check_output(options)
    unwritten = " Nothing was written." if options.output else ""
    before, after = (_load(name) for name in (options.before, options.after))
    try:
        lab = _opened(setup, before, after)
        if options.closed_form:
            solved = _solve(lab)
            bank, poor = _bank(lab, _values(lab, solved)), ""
            _tell_solved(solved, bank)
        else:
            lab = _with_rate(lab, before, after, given=options.method_rate is not None)
            bank = _tell_descent(lab, _descend(lab, unwritten))
            _tell_wild(lab)
            poor = _tell_beside(lab)
    except LearnError as error:
        raise CommandError(_in_options(str(error))) from error
    except MemoryError:
        raise CommandError("there is not enough memory for these pictures") from None
    if poor:
        complain(f"{poor}{unwritten}")
        return 1 if options.output else 0
    if options.output:
        _save(options.output, bank, "least squares" if options.closed_form else "the descent")
    return 0


# --- before the work ---


def _check_output(options: argparse.Namespace) -> None:
    """Tell what is wrong with the target before the work, not after."""
    from convstudio.io.kernel_file import WRITABLE

    if options.output is None:
        return
    path = Path(options.output)
    if path.suffix.lower() not in WRITABLE:
        raise CommandError(f"the output must end in {', '.join(WRITABLE)}, got {options.output!r}")
    if os.path.realpath(path) in [os.path.realpath(each) for each in (options.before, options.after)]:
        raise CommandError(f"{options.output} would overwrite a picture; choose another name")
    if path.is_dir():
        raise CommandError(f"{options.output} is a folder; choose another name")
    if not path.parent.is_dir():
        raise CommandError(f"{options.output} cannot be written: there is no folder {path.parent}")


def _load(name: str) -> Picture:
    from convstudio.io.images import PictureError, load_picture

    try:
        return load_picture(name)
    except PictureError as error:
        raise CommandError(str(error)) from error


def _opened(setup: TrainingSetup, before: Picture, after: Picture) -> Lab:
    """The lab, told of where no bar will show that it is at work."""
    from convstudio.learn.lab import open_lab
    from convstudio.model import Project

    lab = open_lab(setup, Project(before, ()), before, after)
    for note in lab.pair.notes:
        complain(_in_options(note))
    if not on_terminal():
        (rows, columns), (_, height, width) = setup.student.size, lab.pair.before.shape
        complain(f"learning {rows}×{columns} from {width}×{height} px…")
    return lab


def _with_rate(lab: Lab, before: Picture, after: Picture, *, given: bool) -> Lab:
    """The lab with a rate that suits the pictures, if none was given."""
    from convstudio.core import Control
    from convstudio.learn.lab import open_lab
    from convstudio.model import Project

    if given or lab.setup.method.optimizer in _ADAPTIVE:
        return lab
    with progress("looking for a rate") as told:
        stable = lab.trainer.stable_rate(Control(told))
    setup = lab.setup.with_value("method", "rate", min(max(stable.suggested, 1e-9), 1000.0))
    return open_lab(setup, Project(before, ()), before, after)


# --- the work ---


def _descend(lab: Lab, unwritten: str) -> float:
    """Run the descent, and return how many seconds it took.

    Raises:
        CommandError: it diverged.
    """
    from convstudio.core import Control

    method, trainer = lab.setup.method, lab.trainer
    start = time.perf_counter()
    with progress("preparing") as told:
        trainer.prepare(Control(told))
    first = time.perf_counter()
    with Bar(method.steps) as bar:
        while trainer.stopped is None:
            trainer.advance()
            bar(trainer.last, trainer.losses)
            if trainer.last == 1:
                first = time.perf_counter()  # it prepares what the others use
            elif trainer.last == 1 + _MEASURED:
                _tell_long(method, (time.perf_counter() - first) / _MEASURED, bar)
    if trainer.stopped.kind == "diverged":
        raise CommandError(f"{_in_options(trainer.stopped.reason)}{unwritten}")
    return time.perf_counter() - start


def _tell_descent(lab: Lab, seconds: float) -> Bank:
    """Tell of a descent that came to its end."""
    from convstudio.learn.divergence import plain

    method, look = lab.setup.method, lab.trainer.look()
    off, held = _errors(lab, look.prediction)
    rows = "" if held is None else f", {held:.3g} on the rows held back"
    steps = "1 step" if lab.trainer.step == 1 else f"{lab.trainer.step:,} steps"
    tell(
        f"Descent ({method.optimizer}, rate {plain(method.rate)}): {steps} in {seconds:.1f} s, "
        f"loss {look.loss:.3g}, off by {off:.3g} (RMS){rows}"
    )
    bank = _bank(lab, look.values)
    _tell_kernels(bank)
    return bank


def _tell_wild(lab: Lab) -> None:
    """Tell of a rate that is too large, though the descent did not diverge in so few steps."""
    from convstudio.learn.divergence import plain

    method, stable = lab.setup.method, lab.trainer.stable_rate()
    limit = _FAR * stable.suggested if method.optimizer in _ADAPTIVE else stable.limit
    if limit is not None and method.rate > limit:
        complain(f"{stable.sentence} A rate of {plain(stable.suggested)} would do.")


def _errors(lab: Lab, prediction: FloatArray) -> tuple[float, float | None]:
    """The RMS error over the cells that were learned from, and over those held back, whatever the loss."""
    from convstudio.learn.objectives import Objective
    from convstudio.learn.whole import kept_cells
    from convstudio.model.training_method import MethodSetup

    squared = Objective.of(MethodSetup(loss="squared", reduction="mean"))
    learned, held = kept_cells(lab.pair)
    off = math.sqrt(squared.loss(prediction, lab.pair.target, learned))
    return off, None if held is None else math.sqrt(squared.loss(prediction, lab.pair.target, held))


def _tell_long(method: MethodSetup, seconds: float, bar: Bar) -> None:
    """Tell of what is quicker, if the whole takes long at so many seconds a step."""
    if seconds * method.steps <= _LONG:
        return
    bar.clear()
    ways = "--closed-form needs no steps"
    if method.data == "whole":
        ways = f"--data patch sees a part of the picture at a time, {ways}"
    complain(f"this takes about {seconds * method.steps / 60:,.0f} minutes: {ways}")


def _solve(lab: Lab) -> LeastSquares:
    from convstudio.core import Control
    from convstudio.learn.lab import solve_lab

    with progress("least squares") as told:
        return solve_lab(lab, Control(told))


def _tell_beside(lab: Lab) -> str:
    """Tell the closed form's answer beside the descent's; where there is none, why.

    Returns:
        why the descent's is not to be taken, empty if it may be.
    """
    import numpy as np

    from convstudio.learn.divergence import plain
    from convstudio.learn.errors import LearnError
    from convstudio.learn.verdict import EIGHT_BIT

    try:
        solved = _solve(lab)
    except LearnError as error:
        complain(_in_options(str(error)))
        return ""
    look, exact = lab.trainer.look(), _values(lab, solved)
    _tell_solved(solved, _bank(lab, exact))
    apart = max(float(np.abs(a - b).max()) for a, b in zip(look.values, exact, strict=True))
    tell(f"Largest difference between the two: {apart:.2g}")
    (off, _), (blank, _) = _errors(lab, look.prediction), _errors(lab, np.zeros_like(look.prediction))
    # Where the fit is exact, any descent is many times as far off: small errors are told by the picture's
    # own size, and by what an 8-bit file can hold.
    if off > _POOR * max(solved.residual, min(EIGHT_BIT, _EXACT * blank)):
        best = solved.residual
        times = f"{plain(off / best)} times as much as" if best > 0 else "far more than"
        return (
            f"the descent is off by {off:.3g} (RMS), {times} least squares ({best:.3g}): take --closed-form, "
            "another --rate or more --steps."
        )
    largest = max(float(np.abs(value).max()) for value in exact)
    if apart > _ARRIVED * largest and solved.rank == solved.unknowns:
        complain(
            "the descent has not arrived yet: more --steps bring it nearer, --closed-form takes the other"
        )
    return ""


def _values(lab: Lab, solved: LeastSquares) -> tuple[Any, ...]:
    both = {"weight": solved.weights, "bias": solved.bias}
    return tuple(both[parameter.name] for parameter in lab.network.parameters)


def _bank(lab: Lab, values: tuple[Any, ...]) -> Bank:
    from convstudio.layers import BankLayer

    (layer,) = lab.network.with_values(values)
    assert isinstance(layer, BankLayer)
    return layer.bank


def _save(output: str, bank: Bank, how: str) -> None:
    from convstudio.io.kernel_file import KernelFileError, save_bank

    try:
        notes = save_bank(output, bank)
    except KernelFileError as error:
        raise CommandError(str(error)) from error
    for note in notes:
        complain(note)
    tell(f"{output} written: the kernel that {how} found")


# --- telling ---


def _in_options(text: str) -> str:
    """What the window's form calls by its labels, by the command's options."""
    for label, option in (
        ("“Grey”", "--grey"),
        ("(“all to all”)", "(--channels all)"),
        ("“Clipped”", "--clipped leave-out"),
        ("“Bias”", "--bias"),
    ):
        text = text.replace(label, option)
    return re.sub(r"The run is back [^;]*; try a rate of (\S+)\.$", r"Try --rate \1.", text)


def _tell_solved(solved: LeastSquares, bank: Bank) -> None:
    from convstudio.learn.divergence import plain

    held = solved.validation_residual
    rows = "" if held is None else f", {held:.3g} on the rows held back"
    tell(
        f"Closed form: off by {solved.residual:.3g} (RMS){rows}, condition {plain(solved.condition)}, "
        f"rank {solved.rank:,} of {solved.unknowns:,}"
    )
    _tell_kernels(bank)
    tell(_in_options(f"{solved.verdict.title}. {' '.join(solved.verdict.sentences)}"))


def _tell_kernels(bank: Bank) -> None:
    several = len(bank.filters) > 1
    for place, each in enumerate(bank.filters, 1):
        for channel, kernel in enumerate(each.kernels, 1):
            words = [f"filter {place}"] if several else []
            words += [f"channel {channel}"] if len(each.kernels) > 1 else []
            if words:
                tell(f"  {', '.join(words)}:")
            _tell_kernel(kernel)
        if each.bias:
            tell(f"  bias {each.bias:.6g}")


def _tell_kernel(kernel: Kernel) -> None:
    rows, columns = kernel.shape
    if columns > _WIDEST:
        tell(f"  {rows}×{columns} weights that sum to {kernel.values.sum():.6g}; -o writes them")
        return
    large = abs(kernel.values).max()
    form = "9.5f" if 1e-3 <= large < 1000 or large == 0 else "11.3e"
    for row in kernel.values.tolist():
        tell("  " + " ".join(f"{weight:z{form}}" for weight in row))
