"""The options of kernels and layers: made from their declarations, and what is typed read by them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from convstudio.spec.params import (
    PADDING_WORDS,
    BoolParam,
    Choice,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    Padding,
    PaddingParam,
    ParamError,
    PerAxisParam,
)
from convstudio.spec.registry import UnknownKindError
from convstudio.terminal import CommandError, Parser

# NumPy and what needs it are imported where they are used: cpu.py tunes it before.
if TYPE_CHECKING:
    from convstudio.kernels import Kernel
    from convstudio.layers import Conv, Luminance


def option_name(name: str) -> str:
    """Return a parameter's option: ``padding_mode`` is ``--padding-mode``."""
    return f"--{name.replace('_', '-')}"


def add_preset_parameters(parser: Parser) -> None:
    """Offer every preset's parameters as options; which preset has which is checked later."""
    from convstudio.kernels import PRESETS

    group = parser.add_argument_group("parameters of presets")
    users: dict[str, list[str]] = {}
    for name, preset in PRESETS.items():
        for each in preset.params:
            users.setdefault(each.name, []).append(name)
    for name, presets in users.items():
        some = ", ".join(presets[:4]) + (" and others" if len(presets) > 4 else "")
        group.add_argument(option_name(name), dest=f"preset_{name}", metavar="V", help=f"of {some}")


def add_layer_parameters(parser: Parser) -> None:
    """Offer the convolution's declared parameters as options."""
    group = parser.add_argument_group("how it is applied")
    group.add_argument("--convolution", action="store_true", help="Rotate the kernel by 180° first.")
    add_declared(group, _offered(), "layer")


def add_declared(group: argparse._ArgumentGroup, offered: Iterable[Declared], part: str) -> None:
    """Offer declared parameters as options; ``part`` tells them apart from others of the command."""
    for each in offered:
        if isinstance(each.param, BoolParam):
            group.add_argument(
                option_name(each.name), dest=f"{part}_{each.name}", action="store_true", help=each.param.help
            )
            continue
        metavar, values = _forms(each)
        default = each.default[0] if isinstance(each.default, tuple) else each.default
        group.add_argument(
            option_name(each.name),
            dest=f"{part}_{each.name}",
            metavar=metavar,
            help=f"{each.param.help} {values}(default: {default})",
        )


def _offered() -> tuple[Declared, ...]:
    """The parameters that are options; what one filter is laid over is put in the words of pictures."""
    from convstudio.layers import Conv
    from convstudio.layers.bank_layer import BIAS

    own = ("bank", "channels", "groups", "operation")
    colour = Declared(
        "channels",
        ChoiceParam(
            label="Channels",
            help="Whether the kernel filters red, green and blue each on their own, adds up what it makes of "
            "them, or filters one picture of their brightness.",
            choices=(
                Choice("each", "each", "Each channel on its own."),
                Choice("all", "all", "All channels, added up."),
                Choice("luminance", "luminance", "0.2126 R + 0.7152 G + 0.0722 B."),
            ),
        ),
        "each",
    )
    return (colour, *(each for each in Conv.parameters() if each.name not in own), BIAS)


def _forms(declared: Declared) -> tuple[str, str]:
    """Return an option's place holder, and in words what it takes where that is not plain."""
    param = declared.param
    if isinstance(param, ChoiceParam):
        return "WORD", ", ".join(map(_word, param.choices)) + " "
    if isinstance(param, PerAxisParam):
        return "N[,N]", "One number, or rows,columns; 5x3 is understood, too "
    if isinstance(param, PaddingParam):
        return "P", f"{', '.join(PADDING_WORDS)}, or pixels: N, or rows,columns, or top,bottom,left,right "
    return "V", "Implies --padding-mode constant " if declared.name == "padding_value" else ""


def _word(choice: Choice) -> str:
    """A choice as it is typed: in one word."""
    return choice.value.replace(" ", "-")


def _value(declared: Declared, text: str) -> Any:
    """Return an option's value as its declaration wants it."""
    option, param = option_name(declared.name), declared.param
    value: Any = text
    if isinstance(param, ChoiceParam):
        value = {_word(choice): choice.value for choice in param.choices}.get(text.casefold(), text)
    elif isinstance(param, PaddingParam):
        value = _padding(text)
    elif isinstance(param, PerAxisParam):
        value = _whole_numbers(text, option, (1, 2), "a whole number or rows,columns")
        value = (value[0], value[-1])
    elif isinstance(param, IntParam):
        value = _number(text, option, "a whole number")
    elif isinstance(param, FloatParam):
        value = _number(text, option, "a number such as 2, 0.25 or 1/9")
    try:
        return param.check(value)
    except ParamError as error:
        raise CommandError(str(error).replace(param.label, option, 1)) from error


def _number(text: str, option: str, what: str) -> float:
    from convstudio.kernels.text import parse_number

    try:
        value = parse_number(text)
    except ParamError:
        raise CommandError(f"{option} must be {what}, got {text!r}") from None
    return int(value) if value.is_integer() else value  # messages then say 64 and not 64.0


def _whole_numbers(text: str, option: str, counts: tuple[int, ...], what: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if 2 in counts and len(parts) == 1:  # as sizes are written elsewhere: 5x3, 5×3
        parts = [part.strip() for part in re.split("[x×]", text.lower())]
        parts = parts if len(parts) <= 2 else [text]
    if len(parts) not in counts or not all(re.fullmatch(r"[+-]?[0-9]{1,9}", part) for part in parts):
        raise CommandError(f"{option} must be {what}, got {text!r}")
    return tuple(int(part) for part in parts)


def _padding(text: str) -> Padding:
    word = text.strip().lower().replace("-", "_")
    if word in PADDING_WORDS:
        return word
    if not re.fullmatch(r"[\d+.,\sxX×-]+", text):
        words = ", ".join(PADDING_WORDS)
        raise CommandError(f"--padding must be one of {words}, or a number of pixels, got {text!r}")
    forms = "a word, a whole number, rows,columns or top,bottom,left,right"
    numbers = _whole_numbers(text, "--padding", (1, 2, 4), forms)
    if len(numbers) == 4:
        return (numbers[0], numbers[1]), (numbers[2], numbers[3])
    return (numbers[0], numbers[0]), (numbers[-1], numbers[-1])


def read_count(text: str, option: str, minimum: int) -> int:
    """Return a whole number of at least ``minimum``.

    Raises:
        CommandError: it is not.
    """
    (value,) = _whole_numbers(text, option, (1,), "a whole number")
    if value < minimum:
        raise CommandError(f"{option} must be {minimum} or more, got {value}")
    return value


def read_kernel(options: argparse.Namespace) -> Kernel:
    """Return the kernel that the options describe.

    Raises:
        CommandError: an unknown preset or parameter, or weights that make no kernel.
    """
    from convstudio.kernels import Kernel, preset
    from convstudio.kernels.text import parse_grid

    given = {
        name.removeprefix("preset_"): text
        for name, text in vars(options).items()
        if name.startswith("preset_") and text is not None
    }
    try:
        if options.weights is not None:
            if given:
                raise CommandError(f"{option_name(next(iter(given)))} belongs to a preset, not to --weights")
            return Kernel.custom(parse_grid(options.weights))
        chosen = preset(options.kernel)
    except ParamError as error:
        raise CommandError(f"--weights: {error}") from error
    except UnknownKindError as error:
        raise CommandError(str(error)) from error
    known = {each.name: each for each in chosen.params}
    for name in given:
        if name not in known:
            has = ", ".join(map(option_name, known)) or "no parameters"
            raise CommandError(f"{chosen.id} has no {option_name(name)}; it has {has}")
    values = {name: _value(known[name], text) for name, text in given.items()}
    try:
        return chosen.make(**values)
    except ParamError as error:  # values that do not go together
        raise CommandError(str(error)) from error


def read_declared(options: argparse.Namespace, offered: Iterable[Declared], part: str) -> dict[str, Any]:
    """Return the values of the options that were given, by their parameters' names.

    Raises:
        CommandError: a value that its declaration does not allow.
    """
    found = {}
    for each in offered:
        given = getattr(options, f"{part}_{each.name}")
        if isinstance(each.param, BoolParam):
            found[each.name] = given
        elif given is not None:
            found[each.name] = _value(each, given)
    return found


def read_layer(options: argparse.Namespace, kernel: Kernel) -> tuple[Luminance | None, Conv]:
    """Return the convolution that the options describe, and what reduces the picture to grey before it.

    Raises:
        CommandError: a value that its declaration does not allow.
    """
    from convstudio.layers import Conv, Luminance

    values = read_declared(options, _offered(), "layer")
    if "padding_value" in values and values.setdefault("padding_mode", "constant") != "constant":
        raise CommandError("--padding-value goes with --padding-mode constant only")
    grey = values.get("channels") == "luminance"
    if grey:
        values["channels"] = "each"
    operation = "convolution" if options.convolution else "correlation"
    return Luminance() if grey else None, Conv.of(kernel, operation=operation, **values)
