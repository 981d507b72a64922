"""The options of the command ``learn``, and which of them go together."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

from convstudio.cli_options import add_declared, option_name, read_declared
from convstudio.spec.params import ChoiceParam, Declared
from convstudio.terminal import CommandError, Parser

# NumPy and what needs it are imported where they are used, as in cli.py.
if TYPE_CHECKING:
    from convstudio.model import TrainingSetup

_GOES_WITH = {
    "groups": "--channels grouped",
    "padding_mode": "a --padding other than valid",
    "seed": "--start random, xavier or he, or with --data patch or batch",
    "momentum": "--optimizer momentum or nesterov",
    "period": "--schedule step, exponential or warmup",
    "factor": "a --schedule other than constant",
    "delta": "--loss huber",
    "patch": "--data patch or batch",
    "batch": "--data batch",
}
"""What makes a parameter apply, as ``TrainingSetup.applies`` has it."""


def add_options(parser: Parser) -> None:
    """Add the options of the command."""
    parser.usage = "convstudio learn BEFORE AFTER [options] [-o KERNEL]"
    parser.add_argument("before", metavar="BEFORE", help="the picture without the filter")
    parser.add_argument("after", metavar="AFTER", help="the same picture with it; a border may be cut off")
    parser.add_argument(
        "-o", "--output", metavar="KERNEL", help="the file for the kernel: .json, .csv or .npy"
    )
    parser.add_argument(
        "--closed-form", action="store_true", help="least squares alone, no descent; -o writes its kernel"
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
    """A parameter as the command has it, with what is to be said of it besides."""
    param, more = each.param, ""
    if each.name in _GOES_WITH:
        more = f" Goes with {_GOES_WITH[each.name]} only."
    elif each.name == "rate":
        more = " Without it gd, momentum and nesterov take one that suits the pictures."
    elif each.name == "start" and isinstance(param, ChoiceParam):
        # A kernel of its own has no weights that it could start from as it is.
        choices = tuple(choice for choice in param.choices if choice.value != "present")
        param = dataclasses.replace(param, choices=choices)
    return dataclasses.replace(each, param=dataclasses.replace(param, help=param.help + more))


def read_setup(options: argparse.Namespace) -> TrainingSetup:
    """Return what the options ask for.

    Raises:
        CommandError: a value that is not allowed, or one that would change nothing.
    """
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
    setup = TrainingSetup(
        PairSetup(source="files", **read_declared(options, _offered("pair"), "pair")),
        StudentSetup(**student),
        MethodSetup(**read_declared(options, _offered("method"), "method")),
    )
    _check_applies(options, setup)
    return setup


def _check_applies(options: argparse.Namespace, setup: TrainingSetup) -> None:
    """Refuse what was given and would change nothing."""
    # The closed form weighs L2 against the mean or the sum.
    shared = {"l2", "reduction"} if setup.method.l2 > 0 else {"l2"}
    for part in ("pair", "student", "method"):
        for name in (each.name for each in _offered(part)):
            if getattr(options, f"{part}_{name}") in (None, False):
                continue
            option = option_name(name)
            of_descent = (part == "method" and name not in shared) or name in ("start", "seed")
            if options.closed_form and name == "reduction" and of_descent:
                raise CommandError("with --closed-form, --reduction goes with --l2 only")
            if options.closed_form and of_descent:
                raise CommandError(f"{option} is for the descent, which --closed-form leaves out")
            if not setup.applies(part, name):
                raise CommandError(f"{option} goes with {_GOES_WITH[name]} only")
    if options.closed_form and options.first is not None:
        raise CommandError("--first is for the descent, which --closed-form leaves out")
