"""The command line: ``apply`` a kernel to a file, list the ``kernels``, ``prove`` the core."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from convstudio.spec.params import Padding, Pair, ParamError

COMMANDS = ("apply", "kernels", "prove")


class CommandError(Exception):
    """What was asked cannot be done; the message is the one line that the user reads."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (convstudio {self.prog.split()[-1]} --help tells more)")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code: 0, 1 if a proof failed, 2 for bad input."""
    try:
        options = _parser().parse_args(arguments)
        code: int = options.command(options)
        return code
    except CommandError as error:
        print(f"convstudio: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("convstudio: interrupted", file=sys.stderr)
        return 130


def _parser() -> _Parser:
    parser = _Parser(prog="convstudio", description="Filter images with convolution kernels.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    apply = commands.add_parser("apply", help="filter an image file with a kernel")
    apply.set_defaults(command=_apply)
    apply.add_argument("image", metavar="IN", type=Path, help="the picture to filter")
    apply.add_argument("-o", "--output", metavar="OUT", type=Path, required=True)
    kernel = apply.add_argument_group("the kernel")
    which = kernel.add_mutually_exclusive_group(required=True)
    which.add_argument("--kernel", metavar="NAME", help="a preset; 'convstudio kernels' lists them")
    which.add_argument("--weights", metavar="ROWS", help='the weights themselves: "0 -1 0; -1 5 -1; 0 -1 0"')
    _add_preset_parameters(kernel)
    how = apply.add_argument_group("how it is applied")
    how.add_argument("--convolution", action="store_true", help="rotate the kernel by 180° first")
    how.add_argument(
        "--padding", default="same", help="valid, same, same_lower, full, or N or T,B,L,R pixels"
    )
    how.add_argument("--padding-mode", default="reflect", metavar="MODE")
    how.add_argument("--padding-value", default="0", metavar="V", help="for --padding-mode constant")
    how.add_argument("--stride", default="1", metavar="N[,N]", help="one for both axes, or rows,columns")
    how.add_argument("--dilation", default="1", metavar="N[,N]")
    how.add_argument("--bias", default="0", metavar="V")
    how.add_argument("--channels", default="each", metavar="each|luminance")
    shown = apply.add_argument_group("what is written: .png as shown, .tif and .npy as float values")
    shown.add_argument("--view", default="clamped", metavar="VIEW", help="signed, absolute, clamped, minmax")
    shown.add_argument("--bits", type=int, choices=(8, 16), default=8, help="of a PNG")
    apply.add_argument("--prove", action="store_true", help="check a random crop against SciPy")

    kernels = commands.add_parser("kernels", help="list the preset kernels, or show one")
    kernels.set_defaults(command=_kernels)
    kernels.add_argument("name", nargs="?", metavar="NAME", help="a preset to show in full")

    prove = commands.add_parser("prove", help="check the numeric core against SciPy on random jobs")
    prove.set_defaults(command=_prove)
    prove.add_argument("--count", type=int, default=200, metavar="N", help="how many jobs (200)")
    prove.add_argument("--seed", type=int, default=0, metavar="N", help="which jobs (0)")
    return parser


def _add_preset_parameters(group: argparse._ArgumentGroup) -> None:
    """Offer every preset's parameters as options; which preset has which is checked later."""
    from convstudio.kernels import PRESETS

    users: dict[str, list[str]] = {}
    for name, preset in PRESETS.items():
        for each in preset.params:
            users.setdefault(each.name, []).append(name)
    for name, presets in users.items():
        some = ", ".join(presets[:4]) + (", …" if len(presets) > 4 else "")
        group.add_argument(f"--{name.replace('_', '-')}", dest=f"param_{name}", metavar="V", help=some)


def _numbers(text: str, what: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise CommandError(f"{what} must be whole numbers, got {text!r}") from None


def _pair(text: str, what: str) -> Pair:
    numbers = _numbers(text, what)
    if len(numbers) not in (1, 2):
        raise CommandError(f"{what} takes one number or rows,columns, got {text!r}")
    return numbers[0], numbers[-1]


def _padding(text: str) -> Padding:
    if text[:1].isalpha():
        return text
    numbers = _numbers(text, "--padding")
    if len(numbers) == 1:
        numbers *= 4
    if len(numbers) != 4:
        raise CommandError(f"--padding takes a word, N, or TOP,BOTTOM,LEFT,RIGHT, got {text!r}")
    top, bottom, left, right = numbers
    return (top, bottom), (left, right)


def _number(text: str, what: str) -> float:
    from convstudio.kernels.text import parse_number

    try:
        return parse_number(text)
    except ParamError as error:
        raise CommandError(f"{what}: {error}") from error


def _kernel(options: argparse.Namespace) -> Any:
    from convstudio.kernels import Kernel, preset
    from convstudio.kernels.text import parse_grid
    from convstudio.spec.params import ChoiceParam
    from convstudio.spec.registry import UnknownKindError

    given = {
        key.removeprefix("param_"): value
        for key, value in vars(options).items()
        if key.startswith("param_") and value is not None
    }
    try:
        if options.weights is not None:
            if given:
                raise CommandError(f"--{next(iter(given))} belongs to a preset, not to --weights")
            return Kernel(parse_grid(options.weights), title="Custom")
        chosen = preset(options.kernel)
        kinds = {each.name: each.param for each in chosen.params}
        for name in given:
            if name not in kinds:
                has = ", ".join(f"--{n}" for n in kinds) or "none"
                raise CommandError(f"{options.kernel} has no parameter --{name} (it has: {has})")
        values = {
            name: text if isinstance(kinds[name], ChoiceParam) else _number(text, f"--{name}")
            for name, text in given.items()
        }
        return chosen.make(**values)
    except (ParamError, UnknownKindError) as error:
        raise CommandError(str(error)) from error


def _apply(options: argparse.Namespace) -> int:
    from convstudio.engine.display import VIEWS, render_rgb
    from convstudio.io.images import PictureError, load_picture
    from convstudio.io.save import save_result
    from convstudio.layers import Conv

    views = [view.id for view in VIEWS]
    if options.view not in views:
        raise CommandError(f"--view must be one of {', '.join(views)}, got {options.view!r}")
    kernel = _kernel(options)
    try:
        layer = Conv(
            kernel=kernel,
            channels=options.channels,
            operation="convolution" if options.convolution else "correlation",
            padding=_padding(options.padding),
            padding_mode=options.padding_mode,
            padding_value=_number(options.padding_value, "--padding-value"),
            stride=_pair(options.stride, "--stride"),
            dilation=_pair(options.dilation, "--dilation"),
            bias=_number(options.bias, "--bias"),
        )
        picture = load_picture(options.image)
        for note in picture.notes:
            print(f"convstudio: {picture.name}: {note}", file=sys.stderr)
        output = layer.forward(picture.values)
        save_result(
            options.output,
            output,
            rendered=lambda: render_rgb(output, options.view, options.bits),
            bits=options.bits,
        )
    except (ParamError, PictureError) as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise CommandError(f"the kernel cannot be applied: {error}") from error
    except MemoryError:
        raise CommandError("there is not enough memory for this result") from None
    shape = "×".join(str(n) for n in output.shape)
    print(f"{options.output}: {shape}, values {output.min():.6g} to {output.max():.6g}")
    _tell_clipped(options, output)
    return _prove_apply(layer, picture.values, output) if options.prove else 0


def _tell_clipped(options: argparse.Namespace, output: Any) -> None:
    if options.output.suffix.lower() != ".png" or options.view != "clamped":
        return
    clipped = int(((output < 0) | (output > 1)).sum())
    if clipped:
        print(
            f"convstudio: {clipped} of {output.size} values lie outside 0–1 and were clipped; "
            "--view signed or a .tif keeps them",
            file=sys.stderr,
        )


def _prove_apply(layer: Any, values: Any, output: Any) -> int:
    from convstudio.engine.evaluate import prove_layer

    proof = prove_layer(layer, layer.source(values), output)
    verdict = "matches SciPy" if proof.ok else "DIFFERS from SciPy"
    print(f"{verdict}, max error {proof.max_error:.2g} over {proof.cells} cells")
    return 0 if proof.ok else 1


def _kernels(options: argparse.Namespace) -> int:
    from convstudio.kernels import PRESETS, preset
    from convstudio.kernels.text import format_number
    from convstudio.spec.registry import UnknownKindError

    if options.name is None:
        family = ""
        for name, each in PRESETS.items():
            if each.family != family:
                family = each.family
                print(f"{family}:")
            parameters = " ".join(f"--{p.name.replace('_', '-')} {p.default}" for p in each.params)
            print(f"  {name:26} {each.title}{'  (' + parameters + ')' if parameters else ''}")
        return 0
    try:
        chosen = preset(options.name)
    except UnknownKindError as error:
        raise CommandError(str(error)) from error
    print(f"{chosen.title} ({chosen.id}), {chosen.family}\n{chosen.summary}\nSource: {chosen.source}")
    for p in chosen.params:
        print(f"  --{p.name.replace('_', '-')}  {p.param.help} Default: {p.default}.")
    rows = [[format_number(float(v)) for v in row] for row in chosen.make().values]
    width = max(len(cell) for row in rows for cell in row)
    for row in rows:
        print("  " + "  ".join(cell.rjust(width) for cell in row))
    return 0


def _prove(options: argparse.Namespace) -> int:
    from convstudio.engine.random_jobs import prove

    if options.count < 1:
        raise CommandError(f"--count must be at least 1, got {options.count}")
    run = prove(options.count, options.seed, on_job=_count_jobs if sys.stderr.isatty() else None)
    print(f"{len(run.results)} random jobs, seed {run.seed}, {run.cells} output cells against SciPy")
    print(f"{'algorithm':12}{'precision':12}{'jobs':>6}{'largest error':>16}{'of tolerance':>14}")
    for row in run.table:
        print(
            f"{row.algorithm:12}{row.dtype:12}{row.jobs:6}{row.max_error:16.2e}{row.max_share:14.1%}"
            + (f"  {row.failures} FAILED" if row.failures else "")
        )
    print(f"largest error {run.worst.proof.max_error:.2e}: {run.worst.job}")
    for failure in run.failures:
        print(f"DIFFERS by {failure.proof.max_error:.2e}: {failure.job}")
    print("all agree with SciPy" if run.ok else f"{len(run.failures)} jobs differ from SciPy")
    return 0 if run.ok else 1


def _count_jobs(done: int, count: int) -> None:
    print(f"\r{done} of {count}", end="" if done < count else "\r\033[K", file=sys.stderr, flush=True)
