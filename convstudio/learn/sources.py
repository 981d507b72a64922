"""The pictures that a pair is made of: the present one, what the stack makes of it, or two files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np

from convstudio.core import Control
from convstudio.engine.run_stack import StackError, run_stack
from convstudio.kernels import Kernel
from convstudio.layers import Luminance
from convstudio.layers.base import FloatArray, Shape
from convstudio.layers.common import counted, shape_of
from convstudio.learn import teachers
from convstudio.learn.alignment import (
    MOST_APART,
    MOST_CUT,
    Mask,
    common,
    croppable,
    cut,
    part,
    reach,
    size_text,
    steps,
)
from convstudio.learn.bands import bands
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network
from convstudio.learn.shifts import beyond, found_shift, shift_text
from convstudio.learn.teachers import Known
from convstudio.model import Picture, Project
from convstudio.model.training import PairSetup
from convstudio.spec.params import Pair as Spatial

TEXTBOOK_EDGE = Kernel(np.array([[1.0, -1.0]]), "Edge")
"""The kernel of the textbook case (Zhang, Lipton, Li and Smola, Dive into Deep Learning, section 7.2)."""


@dataclass(frozen=True, eq=False)
class Sources:
    """The pictures of a pair as they come, before the student is known.

    Attributes:
        before: ``(C, H, W)`` float32, without noise.
        after: the picture after, ``(C', H', W')`` float32; None where a kernel is to make it.
        kernel: that kernel.
        known: the filter that the picture after was made with, where it is known and one.
        usable: the pixels of the picture after that are not cut off at its limits, bool of its shape; None
            for all.
        leave_out: whether the others are left out.
        seek: whether one may lie shifted on the other, as files may.
        cut_before, cut_after: rows and columns that were cut off in front.
        notes: whole sentences.
    """

    before: FloatArray
    after: FloatArray | None
    kernel: Kernel | None = None
    known: Known | None = None
    usable: Mask | None = None
    leave_out: bool = False
    seek: bool = False
    cut_before: Spatial = (0, 0)
    cut_after: Spatial = (0, 0)
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """``(C, H, W)`` of the picture before."""
        return shape_of(self.before)

    @property
    def channels(self) -> int:
        """Channels of the picture after."""
        return len(self.before if self.after is None else self.after)

    def fit(self, network: Network) -> bool:
        """Whether the pictures belong together as they are: of one size, or the one after of the output's."""
        if self.after is None:
            return True
        return self.after.shape[1:] in (network.out_shape[1:], self.before.shape[1:])

    def cropped(self, network: Network, control: Control | None = None) -> Self:
        """Return the parts that both pictures have: the middle ones, or where one file lies in the other.

        Beside a student with a stride, the one after may also be some cells off what the student makes.

        Raises:
            LearnError: the sizes differ by more than a border.
            Cancelled: by the control.
        """
        assert self.after is not None
        before, after, wanted = spatial_of(self.before), spatial_of(self.after), network.out_shape[1:]
        sizes = f"The picture before has {size_text(before)} px and the one after {size_text(after)}"
        strided = max(steps(network)) > 1
        if strided and all(abs(a - w) <= MOST_APART for a, w in zip(after, wanted, strict=True)):
            return self._strided(network, sizes, control)
        if not croppable(before, after):
            also = "" if wanted == before else f" (or {size_text(wanted)} px, what this student makes)"
            close = f"differ by no more than the {MOST_CUT} px that a filter cuts off at the border"
            must = f"they must have one size{also}, or {close}"
            if strided:
                must = (
                    f"the one after must have the {size_text(wanted)} px that this student makes, give or "
                    f"take {MOST_APART}, or as many as the one before, and {close}"
                )
            raise LearnError(f"{sizes}: {must}. Choose pictures that belong together, or scale one of them.")
        size = common(before, after)
        first, second = cut(before, size), cut(after, size)
        note = f"{sizes}; the middle of {size_text(size)} px was taken of both."
        found = None
        if self.seek:
            middles = part(self.before, first, size, control), part(self.after, second, size, control)
            found = found_shift(middles[0], middles[1], control)
        if found is not None and beyond(found, reach(network)):
            at = (first[0] + found[0] - second[0], first[1] + found[1] - second[1])
            first, second = (max(0, at[0]), max(0, at[1])), (max(0, -at[0]), max(0, -at[1]))
            size = common(
                (before[0] - first[0], before[1] - first[1]), (after[0] - second[0], after[1] - second[1])
            )
            note = (
                f"{sizes}; the picture after lies {shift_text(at)} in the one before, and the "
                f"{size_text(size)} px that both have were taken."
            )
        return self._parts(first, second, size, size, note, control)

    def _strided(self, network: Network, sizes: str, control: Control | None) -> Self:
        """The same without the last cells that only one has, and without the pixels under them."""
        assert self.after is not None
        before, after, wanted = spatial_of(self.before), spatial_of(self.after), network.out_shape[1:]
        size = common(after, wanted)
        jumps = steps(network)
        less = ((wanted[0] - size[0]) * jumps[0], (wanted[1] - size[1]) * jumps[1])
        kept = (before[0] - less[0], before[1] - less[1])
        # Without a stride the missing pixels are missing on both sides, as elsewhere.
        first, second = (
            tuple(n // 2 if jump == 1 else 0 for n, jump in zip(missing, jumps, strict=True))
            for missing in (less, (after[0] - size[0], after[1] - size[1]))
        )
        note = (
            f"{sizes}, where this student makes {size_text(wanted)}: {size_text(kept)} px before and "
            f"{size_text(size)} px after were taken, from the top left."
        )
        return self._parts((first[0], first[1]), (second[0], second[1]), kept, size, note, control)

    def _parts(
        self,
        first: Spatial,
        second: Spatial,
        before: Spatial,
        after: Spatial,
        note: str,
        control: Control | None,
    ) -> Self:
        """These parts of the pictures, from ``first`` and ``second`` on."""
        assert self.after is not None
        usable = self.usable
        return dataclasses.replace(
            self,
            before=part(self.before, first, before, control),
            after=part(self.after, second, after, control),
            usable=None if usable is None else part(usable, second, after, control),
            cut_before=first,
            cut_after=second,
            seek=False,
            notes=(*self.notes, note),
        )


def spatial_of(picture: FloatArray) -> Spatial:
    """Return rows and columns."""
    return picture.shape[1], picture.shape[2]


# --- the pictures ---


def read_sources(
    setup: PairSetup,
    project: Project,
    before: Picture | None = None,
    after: Picture | None = None,
    control: Control | None = None,
) -> Sources:
    """Return the pictures that a setup asks for.

    Args:
        setup: where they come from.
        project: its picture and layers make the pair, unless two files do.
        before, after: the pictures of the two files.
        control: may cancel.

    Raises:
        LearnError: a picture is missing or holds values that are no numbers, or the stack cannot be computed.
        Cancelled: by the control.
    """
    if setup.source == "files":
        return _from_files(setup, before, after, control)
    if setup.source == "edge":
        return Sources(textbook_edge(), None, TEXTBOOK_EDGE)
    values, notes = _grey(project.picture.values, setup, "The picture was turned grey.", control)
    check_numbers(values, "The picture", control)
    if setup.source == "kernel":
        return Sources(values, None, setup.teacher, notes=notes)
    if not any(item.enabled for item in project.layers):
        raise LearnError(
            "The stack has no layer that is switched on, so it changes nothing: add one, or choose a hidden "
            "kernel."
        )
    try:
        made = run_stack(project, values, control=control)
    except StackError as error:
        raise LearnError(f"The stack cannot make the picture after: {error}.") from error
    check_numbers(made, "What the stack makes of the picture", control)
    return Sources(values, made, known=teachers.of_stack(project, len(values)), notes=notes)


def textbook_edge() -> FloatArray:
    """Return the textbook's picture ``(1, 6, 8)``: white with four black columns in the middle."""
    picture = np.ones((1, 6, 8), np.float32)
    picture[:, :, 2:6] = 0.0
    return picture


def _from_files(
    setup: PairSetup, before: Picture | None, after: Picture | None, control: Control | None
) -> Sources:
    if before is None or after is None:
        both = before is None and after is None
        which = "two pictures" if both else "the picture before" if before is None else "the picture after"
        raise LearnError(f"Choose {which}: a filter is learned from a picture without it and one with it.")
    notes = [f"{each.name}: {note}" for each in (before, after) for note in each.notes]
    for each in (before, after):
        check_numbers(each.values, each.name, control)
    usable, leave_out = _unclipped(after, control), setup.clipped == "leave out"
    if leave_out and after.source_depth.startswith("float"):
        notes.append(f"{after.name} holds float values, which are not cut off: every pixel counts.")
    first, grey_first = _grey(before.values, setup, "The picture before was turned grey.", control)
    second, grey_second = _grey(after.values, setup, "The picture after was turned grey.", control)
    if usable is not None and len(usable) != len(second):
        usable = np.logical_and.reduce(usable, axis=0, keepdims=True)
    told = (*notes, *grey_first, *grey_second)
    return Sources(first, second, usable=usable, leave_out=leave_out, seek=True, notes=told)


def _grey(
    values: FloatArray, setup: PairSetup, note: str, control: Control | None
) -> tuple[FloatArray, tuple[str, ...]]:
    values = np.ascontiguousarray(values, np.float32)
    if not setup.grey or len(values) == 1:
        return values, ()
    standard = "rec709" if len(values) == 3 else "mean"
    return Luminance(standard=standard).forward(values, control=control), (note,)


def check_numbers(values: FloatArray, name: str, control: Control | None = None) -> None:
    """Raise where values are not finite, or too large to be squared in float32.

    Raises:
        LearnError: there are some.
        Cancelled: by the control.
    """
    bad = 0
    for band in bands(values.shape, control):
        part = values[band]
        bad += part.size - int(np.count_nonzero(np.abs(part) < 1e15))  # so written, NaN is wrong too
    if bad:
        raise LearnError(
            f"{name} has {counted(bad, 'value')} that {'is' if bad == 1 else 'are'} not finite or beyond "
            "1e15, and nothing can be learned from them: choose another picture."
        )


def _unclipped(after: Picture, control: Control | None) -> Mask | None:
    """The values that are neither black nor white; None where all are, or none is cut off."""
    if after.source_depth.startswith("float"):
        return None
    usable: Mask = np.empty(after.values.shape, np.bool_)
    for band in bands(usable.shape, control):
        part = after.values[band]
        usable[band] = (part > 0.0) & (part < 1.0)
    return None if usable.all() else usable
