"""What `rows` can know from shapes alone: its tiles, the parts of each, and where these read and write.

Finding it out takes as long as computing some parts does, and threads that want the interpreter wait for one
another meanwhile: so it is remembered for the next job of the same shapes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from convstudio.core.algorithms import gemm
from convstudio.core.algorithms.row_copies import EdgeLayout, Layout
from convstudio.core.algorithms.row_input import (
    Place,
    direct_rows,
    input_of,
    packed,
    phases_of,
    reads_directly,
)
from convstudio.core.geometry import Pair
from convstudio.core.job import ConvJob, Tile, pieces, whole, whole_bands
from convstudio.core.threads import thread_count

Shape: TypeAlias = tuple[int, ...]

# Copies that are made and multiplied at a time, in bytes; the fewest rows, which share what they copy, with
# few output channels and more; and bytes from which columns are cut, too.
_PART_BYTES = 800 << 10
_FEWEST_ROWS = (16, 8)
_FEW_OUTPUTS = 4
_MOST_BYTES = 2 << 20
# Tiles are several parts, of so many bytes together, if each core then has so many tiles.
_TILE_BYTES = 8 << 20
_TILES_EACH = 8
_MOST_PLANS = 64
_MOST_TILES = 4096  # of a plan whose steps are remembered
_plans: dict[tuple[Any, ...], Plan] = {}


class Step(NamedTuple):
    """A part of a tile: how its copies are laid out, and the byte of its place from which they are read.

    results: the shape and strides of its cells of the output, (examples, groups, depth, phases, height,
    output channels, width), of which the first is at the byte `write`.
    """

    groups: slice
    layout: Layout
    read: int
    results: tuple[Shape, Shape]
    write: int


class Plan:
    """The tiles of jobs of the same shapes, and the steps that compute each.

    The methods take a job of these shapes; what they find out of it is remembered.
    """

    def __init__(self, job: ConvJob) -> None:
        self._inside = direct_rows(job) if reads_directly(job) else (0, 0)
        self._origin = input_of(job)[1:3]
        self.tiles = _tiles(job, self._inside)
        self._direct: dict[Tile, list[Step]] = {}
        self._steps: dict[tuple[Tile, Shape], list[Step]] = {}
        self._layouts: dict[tuple[Any, ...], tuple[Layout, tuple[Shape, Shape]]] = {}

    def input_of(self, job: ConvJob) -> Place:
        """The input as it is, for a job that `reads_directly`."""
        return Place(job.source.array, *self._origin, False, job.source.value)

    def direct_steps(self, job: ConvJob, tile: Tile) -> list[Step]:
        """What computes the tile from the input as it is, for a job that `reads_directly`."""
        found = self._direct.get(tile)
        if found is None:
            _make_room(self._direct, _MOST_TILES)
            place = self.input_of(job)
            inside, edges = _cut(tile, self._inside)
            found = [] if inside is None else [self._step(job, part, place) for part in _parts(job, inside)]
            for edge in edges:
                found += [self._step(job, part, place, EdgeLayout) for part in _parts(job, edge)]
            self._direct[tile] = found
        return found

    def steps(self, job: ConvJob, tile: Tile, block: Place) -> list[Step]:
        """What computes the tile from a padded block."""
        key = (tile, block.strides)
        found = self._steps.get(key)
        if found is None:
            _make_room(self._steps, _MOST_TILES)
            found = self._steps[key] = [self._step(job, part, block) for part in _parts(job, tile)]
        return found

    def _step(self, job: ConvJob, part: Tile, place: Place, kind: type[Layout] = Layout) -> Step:
        (e0, e1), (g0, g1), (d, h, w) = part.examples, part.groups, part.low
        column = -1 if place.padded or _columns_inside(job, part) else w  # which decides where padding is
        key = (e1 - e0, g1 - g0, part.extent, place.strides, column)
        known = self._layouts.get(key) if kind is Layout else None
        if known is None:
            layout = kind(job, place, part)
            known = (layout, _results(job, layout, part))
            if kind is Layout:  # others hold for one part only
                _make_room(self._layouts, _MOST_TILES)
                self._layouts[key] = known
        of_example, of_channel, of_plane, of_row, of_cell = packed(job.out.shape, job.dtype.itemsize)
        write = e0 * of_example + g0 * of_channel * job.outputs + d * of_plane + h * of_row + w * of_cell
        return Step(slice(g0, g1), known[0], known[0].start(part), known[1], write)


def _columns_inside(job: ConvJob, part: Tile) -> bool:
    """Whether the columns that a part reads are all of the input."""
    before, cells = job.source.pads[2][0], job.source.array.shape[4]
    first = part.low[2] * job.stride[2]
    return before <= first and first + job.reach(part.extent)[2] <= before + cells


def _results(job: ConvJob, layout: Layout, part: Tile) -> tuple[Shape, Shape]:
    """The shape and the strides of a part's cells of the output (`Step`)."""
    of_example, of_channel, of_plane, of_row, of_cell = packed(job.out.shape, job.dtype.itemsize)
    examples, groups, depth, phases = layout.shape[:4]
    _, height, width = part.extent
    shape = (examples, groups, depth, phases, height // phases, job.outputs, width)
    of_group = of_channel * job.outputs
    return shape, (of_example, of_group, of_plane, of_row, of_row * phases, of_channel, of_cell)


def plan_of(job: ConvJob) -> Plan:
    """The plan for all jobs of the same shapes."""
    source = job.source
    shapes = (source.array.shape, source.pads, source.mode, source.in_place, job.weight.shape, job.out.shape)
    key = (*shapes, job.stride, job.dilation, job.dtype)
    plan = _plans.get(key)
    if plan is None:
        _make_room(_plans, _MOST_PLANS)
        plan = _plans[key] = Plan(job)
    return plan


def _make_room(known: dict[Any, Any], most: int) -> None:
    if len(known) >= most:
        known.clear()


def _cut(tile: Tile, rows: Pair) -> tuple[Tile | None, tuple[Tile, ...]]:
    """The tile's rows within the given ones, and those above and below."""
    low, high = tile.low, tile.high
    first, stop = (min(max(row, low[1]), high[1]) for row in rows)
    if first >= stop:
        return None, (tile,)
    ranges = ((low[1], first), (first, stop), (stop, high[1]))
    above, inside, below = (
        tile._replace(low=(low[0], a, low[2]), high=(high[0], b, high[2])) if a < b else None
        for a, b in ranges
    )
    return inside, tuple(edge for edge in (above, below) if edge is not None)


def _tiles(job: ConvJob, direct: Pair) -> list[Tile]:
    """Tiles that cover the job; those along the edges, if they are computed apart, last."""
    full = whole(job)
    region = Tile((0, full[0]), (0, full[1]), (0, 0, 0), job.cells)
    inside, edges = _cut(region, direct)
    if inside is None:
        return pieces(region, _extents(job, full))
    return [*pieces(inside, _extents(job, (*full[:2], *inside.extent))), *edges]


def _parts(job: ConvJob, tile: Tile) -> list[Tile]:
    """What is copied and multiplied at a time."""
    full = (tile.examples[1] - tile.examples[0], tile.groups[1] - tile.groups[0], *tile.extent)
    return whole_bands(pieces(tile, _part(job, full)), _band(job))


def _extents(job: ConvJob, full: Sequence[int]) -> list[int]:
    extents = _part(job, full)
    parts = math.prod(-(-n // part) for n, part in zip(full, extents, strict=True))
    cores = thread_count() if gemm.worth_cutting(job) else 1
    many = min(parts // (cores * _TILES_EACH), _TILE_BYTES // _copied_bytes(job, extents))
    if many < 2:
        return _for_each(cores, job, full, extents)
    for axis in reversed(range(4)):  # columns are cut where their copies are large already
        more = max(min(many, full[axis] // extents[axis]), 1)
        extents[axis], many = min(extents[axis] * more, full[axis]), many // more
    return extents


def _for_each(cores: int, job: ConvJob, full: Sequence[int], extents: list[int]) -> list[int]:
    """The extents made less, so that there are equally many tiles for each core."""
    for axis, n in enumerate(full):
        count = -(-n // extents[axis])
        even = -(-count // cores) * cores
        if even <= n and (count > 1 or axis == 3):
            extents[axis] = -(-n // even)
            break
    extents[3] = _in_bands(job, extents[3], full[3])
    return extents


def _part(job: ConvJob, full: Sequence[int]) -> list[int]:
    """Extents (examples, groups, then space) of what is copied and multiplied at a time."""
    part = list(full)
    for axis in range(3):
        part[axis] = max(min(_PART_BYTES * part[axis] // _copied_bytes(job, part), part[axis]), 1)
    if _copied_bytes(job, part) > _PART_BYTES:
        kh, stride = job.kernel[1], job.stride[1]
        one = _copied_bytes(job, (*part[:3], 1, part[4])) // kh
        overlap = job.dilation[1] == 1 or stride == 1
        fitting = (_PART_BYTES // one - kh) // stride + 1 if overlap else _PART_BYTES // (one * kh)
        fewest = _FEWEST_ROWS[0 if job.outputs < _FEW_OUTPUTS else 1]
        part[3] = _in_bands(job, max(fitting, fewest, kh), full[3])
    over = _copied_bytes(job, part) / _MOST_BYTES
    if over > 1:
        part[4] = -(-full[4] // math.ceil(over))
    return part


def _in_bands(job: ConvJob, height: int, full: int) -> int:
    """The height in whole bands, or all of it."""
    band = _band(job)
    return min(max(height - height % band, band), full) if height < full else full


def _band(job: ConvJob) -> int:
    """Heights to be a multiple of: with gaps between the rows read, every so many output rows share them."""
    return job.dilation[1] if job.stride[1] == 1 else 1


def _copied_bytes(job: ConvJob, part: Sequence[int]) -> int:
    examples, groups, depth, height, width = part
    rows = math.prod(phases_of(job, height)) * depth * job.kernel[0]
    return job.dtype.itemsize * examples * groups * rows * job.inputs * job.kernel[2] * width
