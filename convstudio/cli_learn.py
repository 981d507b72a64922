"""The command ``learn``: which filter made this picture? By descent and in closed form."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from convstudio.cli_options import add_declared, read_declared
from convstudio.spec.params import ChoiceParam, Declared
from convstudio.terminal import CommandError, Parser, complain, tell

# NumPy and what needs it are imported where they are used, as in cli.py.
if TYPE_CHECKING:
    from convstudio.kernels import Bank, Kernel
    from convstudio.learn.lab import Lab
    from convstudio.learn.least_squares import LeastSquares
    from convstudio.model import Picture, TrainingSetup
    from convstudio.model.training_method import MethodSetup

DESCRIPTION = (
    "Learn the kernel that makes the picture AFTER out of the picture BEFORE: by gradient descent, and in\n"
    "closed form by least squares, which also tells whether the pictures determine it. The kernel is the\n"
    "one that cross-correlation uses; -o writes the descent's, or with --closed-form the other."
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
_FAR = 50
"""How many times the usual rate of a method that scales its steps is worth a word."""


def add_options(parser: Parser) -> None:
    """Add the options of the command."""
    parser.usage = "convstudio learn BEFORE AFTER [options] [-o KERNEL]"
    parser.add_argument("before", metavar="BEFORE", help="the picture without the filter")
    parser.add_argument("after", metavar="AFTER", help="the same picture with it; a border may be cut off")
    parser.add_argument("-o", "--output", metavar="KERNEL", help="what to write: .json, .csv or .npy")
    parser.add_argument(
        "--closed-form", action="store_true", help="least squares alone; -o writes its kernel"
    )
    for part, title in (("pair", "the pictures"), ("student", "the kernel"), ("method", "the descent")):
        group = parser.add_argument_group(title)
        add_declared(group, _offered(part), part)
        if part == "student":
            group.add_argument("--first", metavar="NAME", help="the preset that --start preset begins with")


def _offered(part: str) -> tuple[Declared, ...]:
    """The parameters of a part of the setup that apply to two files and a kernel."""
    from convstudio.model.training import PairSetup, StudentSetup
    from convstudio.model.training_method import MethodSetup

    own = {"pair": ("source", "noise", "noise_on"), "student": ("kind",), "method": ()}[part]
    kinds: dict[str, Any] = {"pair": PairSetup, "student": StudentSetup, "method": MethodSetup}
    return tuple(_fitting(each) for each in kinds[part].parameters() if each.name not in own)


def _fitting(each: Declared) -> Declared:
    """A kernel of its own has no weights that it could start from as it is."""
    if each.name != "start" or not isinstance(each.param, ChoiceParam):
        return each
    choices = tuple(choice for choice in each.param.choices if choice.value != "present")
    return dataclasses.replace(each, param=dataclasses.replace(each.param, choices=choices))


def work(options: argparse.Namespace) -> int:
    """Do the command and return its exit code.

    Raises:
        CommandError: an option or a picture is wrong, the pictures do not go together, or the descent
            diverged; nothing was written.
    """
    from convstudio.learn.errors import LearnError

    setup = _setup(options)
    _check_output(options)
    before, after = (_load(name) for name in (options.before, options.after))
    try:
        lab = _opened(setup, before, after, given=options.method_rate is not None)
        for note in lab.pair.notes:
            complain(note)
        if options.closed_form:
            solved = _solve(lab)
            bank = _bank(lab, _values(lab, solved))
            _tell_solved(solved, bank)
        else:
            bank = _descend(lab)
            _tell_beside(lab)
        reason = _reason(lab)
    except LearnError as error:
        raise CommandError(_in_options(str(error))) from error
    except MemoryError:
        raise CommandError("there is not enough memory for these pictures") from None
    if reason:
        raise CommandError(f"{reason} Nothing was written." if options.output else reason)
    if options.output:
        _save(options.output, bank)
    return 0


# --- before the work ---


def _setup(options: argparse.Namespace) -> TrainingSetup:
    from convstudio.kernels import preset
    from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
    from convstudio.model.training_method import MethodSetup
    from convstudio.spec.registry import UnknownKindError

    student = read_declared(options, _offered("student"), "student")
    if options.first is not None:
        if student.setdefault("start", "preset") != "preset":
            raise CommandError("--first goes with --start preset only")
        try:
            student["first"] = preset(options.first).make()
        except UnknownKindError as error:
            raise CommandError(str(error)) from error
    return TrainingSetup(
        PairSetup(source="files", **read_declared(options, _offered("pair"), "pair")),
        StudentSetup(**student),
        MethodSetup(**read_declared(options, _offered("method"), "method")),
    )


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


def _opened(setup: TrainingSetup, before: Picture, after: Picture, *, given: bool) -> Lab:
    """The lab; a rate that was not given is one that suits the pictures, a wild one is told of."""
    from convstudio.learn.lab import open_lab
    from convstudio.model import Project

    project = Project(before, ())
    lab = open_lab(setup, project, before, after)
    stable, adaptive = lab.trainer.stable_rate(), setup.method.optimizer in ("adam", "rmsprop")
    if not given and not adaptive:
        setup = setup.with_value("method", "rate", min(max(stable.suggested, 1e-9), 1000.0))
        return open_lab(setup, project, before, after)
    limit = _FAR * stable.suggested if adaptive else stable.limit
    if limit is not None and setup.method.rate > limit:
        complain(f"{stable.sentence} A rate of {stable.suggested:g} would do.")
    return lab


# --- the work ---


def _descend(lab: Lab) -> Bank:
    """Run the descent and tell of it."""
    method, trainer = lab.setup.method, lab.trainer
    start = first = time.perf_counter()
    with _Bar(method.steps) as bar:
        while trainer.stopped is None:
            trainer.advance()
            bar(trainer.last, trainer.losses)
            if trainer.last == 1:
                first = time.perf_counter()  # it prepares what the others use
            elif trainer.last == 1 + _MEASURED:
                _tell_long(method, (time.perf_counter() - first) / _MEASURED, bar)
    seconds = time.perf_counter() - start
    look = trainer.look()
    bank = _bank(lab, look.values)
    held = "" if look.validation_loss is None else f", {look.validation_loss:.3g} on the rows held back"
    tell(
        f"Descent ({method.optimizer}, rate {method.rate:.3g}): {trainer.step} steps in {seconds:.1f} s, "
        f"loss {look.loss:.3g}{held}"
    )
    _tell_kernels(bank)
    return bank


def _tell_long(method: MethodSetup, seconds: float, bar: _Bar) -> None:
    """Tell of what is quicker, if the whole takes long at so many seconds a step."""
    if seconds * method.steps <= _LONG:
        return
    bar.clear()
    ways = "--closed-form needs no steps"
    if method.data == "whole":
        ways = f"--data patch sees a part of the picture at a time, {ways}"
    complain(f"this takes about {seconds * method.steps / 60:.0f} minutes: {ways}")


def _solve(lab: Lab) -> LeastSquares:
    from convstudio.core import Control
    from convstudio.learn.lab import solve_lab
    from convstudio.terminal import Progress

    with Progress() as progress:
        return solve_lab(lab, Control(progress))


def _tell_beside(lab: Lab) -> None:
    """Tell the closed form's answer beside the descent's; where there is none, why."""
    import numpy as np

    from convstudio.learn.errors import LearnError

    try:
        solved = _solve(lab)
    except LearnError as error:
        complain(_in_options(str(error)))
        return
    found, exact = lab.trainer.look().values, _values(lab, solved)
    _tell_solved(solved, _bank(lab, exact))
    apart = max(float(np.abs(a - b).max()) for a, b in zip(found, exact, strict=True))
    tell(f"Largest difference between the two: {apart:.2g}")
    largest = max(float(np.abs(value).max()) for value in exact)
    if apart > _ARRIVED * largest and solved.rank == solved.unknowns and not _reason(lab):
        complain(
            "the descent has not arrived yet: more --steps bring it nearer, --closed-form takes the other"
        )


def _reason(lab: Lab) -> str:
    """Why the descent did not come to its end, empty if it did or was not asked for."""
    stopped = lab.trainer.stopped
    return stopped.reason if stopped is not None and stopped.kind == "diverged" else ""


def _values(lab: Lab, solved: LeastSquares) -> tuple[Any, ...]:
    both = {"weight": solved.weights, "bias": solved.bias}
    return tuple(both[parameter.name] for parameter in lab.network.parameters)


def _bank(lab: Lab, values: tuple[Any, ...]) -> Bank:
    from convstudio.layers import BankLayer

    (layer,) = lab.network.with_values(values)
    assert isinstance(layer, BankLayer)
    return layer.bank


def _save(output: str, bank: Bank) -> None:
    from convstudio.io.kernel_file import KernelFileError, save_bank

    try:
        notes = save_bank(output, bank)
    except KernelFileError as error:
        raise CommandError(str(error)) from error
    for note in notes:
        complain(note)
    tell(f"{output} written")


# --- telling ---


def _in_options(text: str) -> str:
    """What the window's form calls by its labels, by the command's options."""
    for label, option in (
        ("“Grey”", "--grey"),
        ("(“all to all”)", "(--channels all)"),
        ("“Clipped”", "--clipped leave-out"),
    ):
        text = text.replace(label, option)
    return text


def _tell_solved(solved: LeastSquares, bank: Bank) -> None:
    held = solved.validation_residual
    rows = "" if held is None else f", {held:.3g} on the rows held back"
    tell(
        f"Closed form: off by {solved.residual:.3g} (RMS){rows}, condition {solved.condition:.3g}, "
        f"rank {solved.rank} of {solved.unknowns}"
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
        tell("  " + " ".join(f"{weight:{form}}" for weight in row))


class _Bar:
    """A bar on the terminal: the steps that are done, and the loss."""

    WIDTH = 24

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._seen = sys.stderr is not None and sys.stderr.isatty()
        self._last = time.monotonic()
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the bar away, so that a line can be told."""
        if self._drawn:
            self._put("\r\033[K")
            self._drawn = False

    def __call__(self, step: int, losses: Any) -> None:
        """Tell how far it is; ``losses`` is asked only when the bar is drawn."""
        if not self._seen or time.monotonic() - self._last < 0.05:
            return
        filled = self.WIDTH * step // self._steps
        loss = losses()[1][-1]
        bar = "#" * filled + "." * (self.WIDTH - filled)
        self._put(f"\r\033[K[{bar}] {step}/{self._steps} steps, loss {loss:.3g}")
        self._last, self._drawn = time.monotonic(), True

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()
