"""The pair that is learned from: the picture before, and what it should become."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control, GeometryError
from convstudio.kernels import Kernel
from convstudio.layers import Conv
from convstudio.layers.base import FloatArray
from convstudio.layers.common import counted
from convstudio.learn import teachers
from convstudio.learn.alignment import Grid, Mask, centres, reach, steps
from convstudio.learn.bands import bands, contiguous
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network, Values
from convstudio.learn.shifts import beyond, found_shift, shift_text
from convstudio.learn.sources import Sources, check_numbers, spatial_of
from convstudio.learn.teachers import Known
from convstudio.learn.verdict import percent
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup

_NOISE_SEED = 20150611
"""Of the noise on the pair: the same for every seed of the student, so that runs can be compared."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture before, and the target of the same shape as what the student makes of it.

    Attributes:
        before: ``(C, H, W)`` float32, what the student sees.
        target: float32, exactly of the student's output shape.
        keep: the cells of the target that count, bool of its shape; None for all.
        split: output rows above it are learned from, the others validate; the number of rows where none do.
        after: the picture after as it came, for showing.
        teacher: what each of the student's arrays should become, where it is known and comparable.
        clean: without the noise that was added: the picture before where that is noisy, else the target.
        noise_on: "before" or "after" where noise was added there, empty for none.
        noise: its standard deviation.
        limits: the cells whose pixels are cut off in a file, black or white, bool of the target's shape; None
            for none, or where only the target's values tell.
        notes: what was cropped, turned grey or left out, in whole sentences.
    """

    before: FloatArray
    target: FloatArray
    keep: Mask | None
    split: int
    after: FloatArray
    teacher: tuple[NDArray[np.float64], ...] | None = None
    clean: FloatArray | None = None
    notes: tuple[str, ...] = ()
    noise_on: str = ""
    noise: float = 0.0
    limits: Mask | None = None

    @property
    def validates(self) -> bool:
        """Whether some rows are kept for validation."""
        rows: int = self.target.shape[-2]
        return self.split < rows

    @property
    def judged(self) -> slice:
        """The output rows that quality is measured on: those that were not learned from, if there are any."""
        return slice(self.split, None) if self.validates else slice(None)


def make_pair(
    setup: TrainingSetup, sources: Sources, network: Network, control: Control | None = None
) -> Pair:
    """Return the pair for a student: pixels that belong together, noise, and where validation begins.

    A picture after of the output's shape is the target as it is; one of the size of the picture before is
    read in the middle of the windows that the student's cells read.

    Args:
        setup: noise, validation, and the student's border and dilation, with which a kernel is applied.
        sources: pictures that fit the student (``Sources.fit``).
        network: the student.
        control: may cancel.

    Raises:
        LearnError: the pictures do not go with the student.
        Cancelled: by the control.
    """
    before, after, known = sources.before, sources.after, sources.known
    if after is None:
        assert sources.kernel is not None
        layer = _teaching_layer(sources.kernel, setup.student, network)
        after = _taught(layer, before, control)
        known = teachers.of_kernel(layer, len(before))
    if len(after) != network.out_shape[0]:
        raise LearnError(
            f"The student makes {counted(network.out_shape[0], 'channel')}, but the picture after has "
            f"{len(after)}: end the stack with a convolution of {counted(len(after), 'filter')} over all "
            "channels, or switch on “Grey”."
        )
    grid = _grid(after, sources, network)
    clean = None
    if _noisy(setup.pair) and setup.pair.noise_on == "before":
        clean, before = before, _with_noise(before, setup.pair.noise, control)
    elif _noisy(setup.pair):
        clean, after = grid.read(after, control), _with_noise(after, setup.pair.noise, control)
    target = grid.read(after, control)
    split = _split(setup.pair, target.shape[1])
    limits = _limits(sources, grid, control)
    noisy = _noisy(setup.pair)
    return Pair(
        before=contiguous(before, control),
        target=target,
        keep=_kept(sources, grid, target, split, control),
        split=split,
        after=after,
        clean=clean,
        notes=(
            *sources.notes,
            *_shift_notes(sources, network, control),
            *_clipped_notes(sources, limits, target),
            *_flat_notes(before, target, network, control),
        ),
        teacher=_teacher(setup, sources, known, network, grid),
        noise_on=setup.pair.noise_on if noisy else "",
        noise=setup.pair.noise if noisy else 0.0,
        limits=limits,
    )


def _teaching_layer(kernel: Kernel, student: StudentSetup, network: Network) -> Conv:
    """The convolution that makes the picture after, with the student's border and dilation."""
    if student.kind == "kernel":
        framed = teachers.framed(kernel, student.size)
        return Conv.of(framed, padding_mode=student.padding_mode, dilation=student.dilation)
    first = network.layers[0]
    if isinstance(first, Conv):
        return Conv.of(kernel, padding_mode=first.padding_mode, padding_value=first.padding_value)
    return Conv.of(kernel)


def _taught(layer: Conv, before: FloatArray, control: Control | None) -> FloatArray:
    try:
        made = layer.forward(before, control=control)
    except GeometryError as error:
        raise LearnError(f"The hidden kernel does not fit the picture: {str(error).rstrip('.')}.") from error
    check_numbers(made, "What the hidden kernel makes of the picture", control)
    return made


def _grid(after: FloatArray, sources: Sources, network: Network) -> Grid:
    """Where the student's cells lie on the picture after."""
    spatial, wanted = spatial_of(after), (network.out_shape[1], network.out_shape[2])
    if sources.after is not None and spatial == wanted:
        return Grid((0, 0), (1, 1), wanted)
    return centres(network)


def _teacher(
    setup: TrainingSetup, sources: Sources, known: Known | None, network: Network, grid: Grid
) -> Values | None:
    """What the student should find: the stack's own weights where it learns what it does, else the filter.

    Where the student sees noise, that is not the filter: the best answer smooths as well, and none is known.
    """
    if _noisy(setup.pair) and setup.pair.noise_on == "before":
        return None
    same = setup.pair.source == "stack" and setup.student.kind == "stack"
    if same and len({parameter.layer for parameter in network.parameters}) == 1:
        return network.values()  # of two layers, one could be twice and the other half as large
    if known is None:
        return None
    at = (grid.first[0] + sources.cut_after[0], grid.first[1] + sources.cut_after[1])
    return teachers.placed(known, network, at, sources.cut_before)


def _noisy(setup: PairSetup) -> bool:
    return setup.source in ("kernel", "stack") and setup.noise > 0.0


def _with_noise(picture: FloatArray, strength: float, control: Control | None) -> FloatArray:
    """The picture with normal noise, which is the same however it is cut into bands."""
    random = np.random.default_rng(_NOISE_SEED)
    made = np.empty(picture.shape, np.float32)
    for band in bands(made.shape, control):
        part = made[band]
        random.standard_normal(dtype=np.float32, out=part)
        part *= np.float32(strength)
        part += picture[band]
    return made


def _split(setup: PairSetup, rows: int) -> int:
    return max(1, rows - math.floor(setup.validation * rows + 0.5))


def _kept(
    sources: Sources, grid: Grid, target: FloatArray, split: int, control: Control | None
) -> Mask | None:
    """The cells that count: of usable pixels, not beyond the picture after."""
    after = sources.before if sources.after is None else sources.after
    inside = grid.inside(spatial_of(after))
    keep = None
    if sources.leave_out and sources.usable is not None:
        keep = grid.read(sources.usable, control)
    if inside is not None:
        keep = np.broadcast_to(inside, target.shape) if keep is None else keep & inside
    if keep is None or keep.all():
        return None
    if not keep[:, :split].any():
        raise LearnError(
            "No pixel of the picture after is left to learn from: let black and white pixels count, use less "
            "padding, or choose another picture."
        )
    return contiguous(keep, control)


def _shift_notes(sources: Sources, network: Network, control: Control | None) -> tuple[str, ...]:
    """What is to be said where two files lie so far apart that the student cannot see it."""
    if not sources.seek or sources.after is None:
        return ()
    before, after = sources.before, sources.after
    if after.shape[1:] != before.shape[1:]:
        if max(steps(network)) > 1 or min(centres(network).first) < 0:
            return ()
        before = centres(network).view(before)
    found = found_shift(before, after, control)
    if found is None or not beyond(found, reach(network)):
        return ()
    moved = shift_text((-found[0], -found[1]))
    said = (
        f"The picture after seems to be shifted by {moved}, farther than the kernel reaches: enlarge the "
        "kernel, or crop the pictures so that they lie upon each other."
    )
    return (said,)


def _limits(sources: Sources, grid: Grid, control: Control | None) -> Mask | None:
    """The cells at the limits of a file; beyond the picture none is."""
    if sources.usable is None:
        return None
    limits = ~grid.read(sources.usable, control)
    inside = grid.inside((sources.usable.shape[1], sources.usable.shape[2]))
    return limits if inside is None else limits & inside


def _clipped_notes(sources: Sources, limits: Mask | None, target: FloatArray) -> tuple[str, ...]:
    if not sources.leave_out or limits is None or not limits.any():
        return ()
    share = percent(float(np.count_nonzero(limits)) / limits.size)
    what = "pixels" if len(target) == 1 else "values"
    return (f"{share} of the {what} of the picture after are black or white and were left out.",)


def _flat_notes(
    before: FloatArray, target: FloatArray, network: Network, control: Control | None
) -> tuple[str, ...]:
    if _flat(before, control):
        return ("The picture before is the same everywhere: it tells the sum of the weights and no more.",)
    if _flat(target, control):
        flat = "The picture after is the same everywhere: "
        if any(parameter.name == "bias" for parameter in network.parameters):
            return (f"{flat}a bias alone makes it, and what wipes everything else out will be learned.",)
        if not target.any():
            return (f"{flat}what wipes everything out will be learned.",)
        return (f"{flat}only a bias can make that. Switch on “Bias”.",)
    return ()


def _flat(values: FloatArray, control: Control | None) -> bool:
    return all(
        bool((values[channel, rows] == values[channel, 0, 0]).all())
        for channel, rows in bands(values.shape, control)
    )
