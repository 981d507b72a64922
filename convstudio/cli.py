"""The command line: ``apply`` a kernel, ``run`` a project, ``learn`` a kernel, and what there is besides."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convstudio import cli_learn, cli_run
from convstudio.cli_options import (
    add_layer_parameters,
    add_preset_parameters,
    option_name,
    read_count,
    read_kernel,
    read_layer,
)
from convstudio.spec.params import ChoiceParam
from convstudio.terminal import EXIT_CODES, CommandError, Parser, Progress, complain, guard, tell

# NumPy and what needs it are imported where they are used: --version and --help of the window are quick so.
if TYPE_CHECKING:
    from convstudio.engine.display import Rendered
    from convstudio.kernels import Kernel
    from convstudio.layers import Conv
    from convstudio.layers.base import FloatArray

COMMANDS = {
    "apply": "filter an image file with a kernel",
    "run": "apply the layers of a saved project to many pictures",
    "learn": "find the kernel that made one picture of another",
    "kernels": "list the preset kernels, or show one with its weights",
    "prove": "check the numeric core against SciPy on random jobs",
}
_DESCRIPTIONS = {
    "apply": "Filter an image file with a kernel and write the result: a .png as the window shows it, or a\n"
    ".tif or .npy with the float values (those of 8-bit and 16-bit pictures count from 0 to 1).",
    "run": cli_run.DESCRIPTION,
    "learn": cli_learn.DESCRIPTION,
    "kernels": "List the preset kernels with their parameters, or show one: what it does, its source, its\n"
    "weights. They are written as cross-correlation uses them.",
    "prove": "Convolve random signals, pictures and volumes by every algorithm of the core and by SciPy,\n"
    "and compare.",
}
_EXAMPLES = {
    "apply": "convstudio apply photo.jpg --kernel gaussian --size 9 --sigma 2 -o blurred.png\n"
    "  convstudio apply photo.jpg --kernel sobel-x --view signed -o edges.png\n"
    '  convstudio apply photo.jpg --weights "0 -1 0; -1 5 -1; 0 -1 0" --padding 1 -o sharp.tif',
    "run": cli_run.EXAMPLES,
    "learn": cli_learn.EXAMPLES,
    "kernels": "convstudio kernels gabor --angle 45",
    "prove": "convstudio prove --count 1000 --seed 7",
}


def run(arguments: Sequence[str]) -> int:
    """Run the command that is named first and return the exit code (``EXIT_CODES``)."""
    return guard(lambda: dispatch(arguments))


def dispatch(arguments: Sequence[str]) -> int:
    """Do the same, unguarded.

    Raises:
        CommandError: what was asked cannot be done.
    """
    name = arguments[0]
    parser = Parser(
        prog=f"convstudio {name}",
        description=_DESCRIPTIONS[name],
        epilog=f"examples:\n  {_EXAMPLES[name]}\n\n{EXIT_CODES}",
    )
    add, work = {
        "apply": (_add_apply, _apply),
        "run": (cli_run.add_options, cli_run.work),
        "learn": (cli_learn.add_options, cli_learn.work),
        "kernels": (_add_kernels, _kernels),
        "prove": (_add_prove, _prove),
    }[name]
    add(parser)
    return work(parser.read(arguments[1:]))


# --- options ---


def _add_apply(parser: Parser) -> None:
    from convstudio.engine.display import VIEWS

    parser.usage = "convstudio apply IN (--kernel NAME | --weights ROWS) [options] -o OUT"
    parser.add_argument("image", metavar="IN", help="the picture to filter")
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="what to write: .png, .tif or .npy"
    )
    kernel = parser.add_argument_group("the kernel")
    which = kernel.add_mutually_exclusive_group(required=True)
    which.add_argument("--kernel", metavar="NAME", help="a preset; 'convstudio kernels' lists them")
    which.add_argument("--weights", metavar="ROWS", help='the weights themselves: "0 -1 0; -1 5 -1; 0 -1 0"')
    add_preset_parameters(parser)
    add_layer_parameters(parser)
    shown = parser.add_argument_group("how a .png shows the values")
    views = ", ".join(view.id for view in VIEWS)
    shown.add_argument("--view", metavar="VIEW", help=f"{views} (default: clamped)")
    shown.add_argument("--bits", metavar="8|16", help="bits per channel (default: 8)")
    parser.add_argument("--prove", action="store_true", help="check a random crop of the result with SciPy")


def _add_kernels(parser: Parser) -> None:
    parser.usage = "convstudio kernels [NAME [its parameters]]"
    parser.add_argument("kernel", nargs="?", metavar="NAME", help="a preset to show in full")
    parser.set_defaults(weights=None)
    add_preset_parameters(parser)


def _add_prove(parser: Parser) -> None:
    parser.add_argument("--count", default="200", metavar="N", help="how many jobs (default: 200)")
    parser.add_argument("--seed", default="0", metavar="N", help="which jobs (default: 0)")


def _showing(options: argparse.Namespace) -> tuple[str, int]:
    """Return the view and the bits of a PNG, after a look at the target: before the work, not after."""
    from convstudio.engine.display import VIEWS
    from convstudio.io.save import WRITABLE

    suffix = Path(options.output).suffix.lower()
    if suffix not in WRITABLE:
        raise CommandError(
            f"the output must end in .png (as shown) or in .tif or .npy (the values), got {options.output!r}"
        )
    view = options.view or "clamped"
    views = [each.id for each in VIEWS]
    if view not in views:
        raise CommandError(f"--view must be one of {', '.join(views)}, got {view!r}")
    if options.bits not in (None, "8", "16"):
        raise CommandError(f"--bits must be 8 or 16, got {options.bits!r}")
    for option in ("view", "bits"):
        if suffix != ".png" and getattr(options, option) is not None:
            complain(f"--{option} makes no difference: a {suffix} file holds the float values themselves")
    return view, int(options.bits or 8)


# --- the commands ---


def _apply(options: argparse.Namespace) -> int:
    from convstudio.core import Control
    from convstudio.engine.display import render, render_rgb
    from convstudio.io.images import PictureError, load_picture
    from convstudio.io.save import save_result

    grey, layer = read_layer(options, read_kernel(options))
    view, bits = _showing(options)
    try:
        picture = load_picture(options.image)
        source: FloatArray = picture.values
        if grey is not None and source.shape[0] == 3:
            source = grey.forward(source)
        algorithm = layer.plan(source).algorithm  # first: it measures the machine
        start = time.perf_counter()
        with Progress() as progress:
            output = layer.forward(source, control=Control(progress))
        seconds = time.perf_counter() - start
        save_result(options.output, output, rendered=lambda: render_rgb(output, view, bits=bits), bits=bits)
        shown = render(output, view) if options.output.lower().endswith(".png") else None
    except PictureError as error:
        raise CommandError(str(error)) from error
    except ValueError as error:  # the shapes do not work out
        raise CommandError(str(error)) from error
    except MemoryError:
        raise CommandError("there is not enough memory for this result") from None
    for note in picture.notes:
        complain(f"{picture.name}: {note}")
    rows, columns = layer.bank.shape
    tell(
        f"{options.output}: {_sum_up(output, shown)} ({layer.name()} {rows}×{columns}, "
        f"{algorithm}, {_duration(seconds)})"
    )
    return _prove_result(layer, source, output) if options.prove else 0


def _sum_up(output: FloatArray, shown: Rendered | None) -> str:
    """Return a result's size and range in words, and complain of what its file does not hold."""
    import numpy as np

    channels, height, width = output.shape
    words = [f"{width}×{height} pixels", "1 channel" if channels == 1 else f"{channels} channels"]
    finite = output[np.isfinite(output)]
    if finite.size:
        words.append(f"values {finite.min():.6g} to {finite.max():.6g}")
    if finite.size < output.size:
        words.append(f"{output.size - finite.size} values not finite")
    if shown is not None:
        words.append(f"shown {shown.view} from {shown.low:.6g} to {shown.high:.6g}")
        if shown.clipped:
            hint = "--view signed shows negative values, " if shown.view == "clamped" and shown.below else ""
            complain(
                f"{shown.clipped} of {shown.total} values ({shown.clipped_share:.1%}) lie outside "
                f"{shown.low:.6g} to {shown.high:.6g} and were clipped; {hint}a .tif or .npy file keeps all"
            )
    return ", ".join(words)


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _prove_result(layer: Conv, source: FloatArray, output: FloatArray) -> int:
    from convstudio.engine.layer_proof import prove

    proof = prove(layer, source, output)
    assert proof is not None
    verdict = "matches SciPy" if proof.ok else "DIFFERS from SciPy"
    tell(f"{verdict}, max error {proof.max_error:.2g} over {proof.cells} cells")
    return 0 if proof.ok else 1


def _kernels(options: argparse.Namespace) -> int:
    from convstudio.kernels import PRESETS

    if options.kernel is not None or any(text for n, text in vars(options).items() if n != "kernel"):
        if options.kernel is None:
            raise CommandError("which kernel? Parameters follow a NAME: convstudio kernels NAME --size 5")
        _show_kernel(read_kernel(options))
        return 0
    width = max(map(len, PRESETS))
    family = ""
    for name, each in PRESETS.items():
        if each.family != family:
            family = each.family
            tell(f"{family}:")
        defaults = " ".join(f"{option_name(p.name)} {_plain(p.default)}" for p in each.params)
        tell(f"  {name:{width}}  {each.title:26}  {defaults}".rstrip())
    return 0


def _show_kernel(kernel: Kernel) -> None:
    from convstudio.kernels import preset
    from convstudio.kernels.insight import analyse

    assert kernel.preset is not None
    chosen, values = preset(kernel.preset), dict(kernel.params)
    tell(f"{chosen.title} ({chosen.id}), {chosen.family}\n{chosen.summary}\nSource: {chosen.source}")
    for p in chosen.params:
        words = [c.value for c in p.param.choices] if isinstance(p.param, ChoiceParam) else []
        told = f"{p.param.help} {'One of ' + ', '.join(words) + '. ' if words else ''}"
        tell(f"  {option_name(p.name)} {_plain(values[p.name])}  {told}(default: {_plain(p.default)})")
    facts = analyse(kernel.values)
    rows, columns = kernel.shape
    tell(
        f"{rows}×{columns}, sum {_plain(facts.total)}, rank {facts.rank}, {facts.symmetry}, {facts.passband}"
    )
    cells = [[_plain(v) for v in row] for row in kernel.values.tolist()]
    width = max(len(cell) for row in cells for cell in row)
    for row in cells:
        tell("  " + "  ".join(cell.rjust(width) for cell in row))


def _plain(value: Any) -> str:
    """Return a number as it can be typed again, with a plain hyphen; a word as it is."""
    from convstudio.kernels.text import format_number

    return value if isinstance(value, str) else format_number(value).replace("−", "-")


def _prove(options: argparse.Namespace) -> int:
    from convstudio.engine.random_jobs import prove

    count, seed = read_count(options.count, "--count", 1), read_count(options.seed, "--seed", 0)
    with Progress() as progress:
        done = prove(count, seed, on_job=lambda job, jobs: progress(job / jobs))
    tell(f"{count} random jobs, seed {seed}: {done.cells} output cells against SciPy in {done.seconds:.1f} s")
    tell(f"{'algorithm':12}{'precision':12}{'jobs':>6}{'largest error':>16}{'of tolerance':>14}")
    for row in sorted(done.table, key=lambda row: (row.algorithm, row.dtype)):
        failures = f"  {row.failures} FAILED" if row.failures else ""
        tell(
            f"{row.algorithm:12}{row.dtype:12}{row.jobs:6}{row.max_error:16.2e}{row.max_share:14.1%}{failures}"
        )
    tell(f"largest error {done.worst.proof.max_error:.2e}: {done.worst.job}")
    for failure in done.failures:
        tell(f"DIFFERS by {failure.proof.max_error:.2e}: {failure.job}")
    tell("all agree with SciPy" if done.ok else f"{len(done.failures)} jobs differ from SciPy")
    return 0 if done.ok else 1
