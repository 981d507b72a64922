"""Feature maps as files: a picture for each, one labelled sheet of all, or the numbers themselves."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from convstudio.core import Cancelled, Control
from convstudio.engine import rasterize
from convstudio.engine.channel_statistics import ChannelStatistics, channel_statistics
from convstudio.engine.feature_maps import channel_scale
from convstudio.io.atomic import Bytes, atomic_write
from convstudio.io.errors import PictureError, cannot_save, shown
from convstudio.io.npy import npy_pieces
from convstudio.layers.base import FloatArray
from convstudio.session.map_reader import FeatureMaps, MapHead, MapRequest, MapSource
from convstudio.session.runner import LatestWins

Kind = Literal["pictures", "sheet", "values"]
Draw = Callable[[FeatureMaps, tuple[int, ...], Control], NDArray[np.uint8]]
"""Makes a contact sheet, uint8 ``(H, W, 3)``, of maps in an order."""

_STEM, _NAME = 48, 40  # bytes of a file's name for the project and for the channel, in UTF-8


@dataclass(frozen=True, eq=False)
class ExportJob:
    """What is to be written where.

    Attributes:
        kind: "pictures" into a folder, or a "sheet" or the "values" into a file.
        target: that folder or file.
        request: which maps, in which view and on which scale; its box is a sheet's thumbnails'.
        stem: what the names of the pictures begin with.
        order: of the maps on a sheet; none for that of the channels.
        draw: makes the sheet.
    """

    kind: Kind
    target: Path
    request: MapRequest
    stem: str = "maps"
    order: tuple[int, ...] = ()
    draw: Draw | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are written."""
        if self.kind != "pictures":
            return (self.target,)
        return tuple(self.target / name for name in picture_names(self.request.head, self.stem))


@dataclass(frozen=True)
class Done:
    """What came of a job.

    Attributes:
        written: the files that are whole and in place.
        total: how many there were to be.
        asks: files that are there already and may not be replaced unasked; nothing was written then.
        cancelled: by the user.
    """

    written: tuple[Path, ...]
    total: int
    asks: tuple[Path, ...] = ()
    cancelled: bool = False


# --- names ---


def picture_names(head: MapHead, stem: str) -> tuple[str, ...]:
    """Return a file name for each map: "photo_00_sobel-x.png".

    >>> picture_names(MapHead("a", "Conv", (2, 4, 4), ("Sobel x", "")), "my photo")
    ('my-photo_00_sobel-x.png', 'my-photo_01.png')
    """
    digits = max(2, len(str(head.shape[0] - 1)))
    start = _plain(stem, _STEM) or "maps"
    names = []
    for channel, name in enumerate(head.names):
        plain = _plain(name.lower(), _NAME)
        names.append(f"{start}_{channel:0{digits}d}{'_' if plain else ''}{plain}.png")
    return tuple(names)


def _plain(text: str, most: int) -> str:
    """Return letters and digits with hyphens between: what any file system takes, cut to so many bytes."""
    words = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFKC", text)).split()
    cut = "-".join(words).encode("utf-8", "ignore")[:most]
    return cut.decode("utf-8", "ignore").strip("-")


# --- writing, on any thread ---


def write_maps(job: ExportJob, control: Control, *, overwrite: bool = False) -> Done:
    """Carry out a job; every file is written in one step, so that none is ever there in part.

    Raises:
        PictureError: it cannot be written; the text says why and what was written before.
    """
    paths = job.paths
    if not overwrite:
        taken = tuple(path for path in paths if os.path.lexists(path))
        if taken:
            return Done((), len(paths), taken)
    written: list[Path] = []
    try:
        for path, data in zip(paths, _contents(job, control), strict=True):
            control.check()
            atomic_write(path, data)
            written.append(path)
            control.report(len(written), len(paths))
    except Cancelled:
        return Done(tuple(written), len(paths), cancelled=len(written) < len(paths))
    except MemoryError:
        text = "The maps were not written: there is not enough memory. Close something first."
        raise PictureError(text + _so_far(written, paths)) from None
    except OSError as error:
        name = shown(paths[len(written)])
        reason = str(cannot_save(name, error)).removeprefix(f"{name} was not saved: ")
        folder = shown(paths[0].parent.absolute())
        raise PictureError(f"Cannot write to {folder}: {reason}{_so_far(written, paths)}") from error
    return Done(tuple(written), len(paths))


def _so_far(written: list[Path], paths: tuple[Path, ...]) -> str:
    return f" {len(written)} of {len(paths)} files were written." if written else ""


def _contents(job: ExportJob, control: Control) -> Iterator[Bytes | Iterable[Bytes]]:
    values = job.request.values
    if job.kind == "values":
        yield npy_pieces(np.asarray(values, np.float32))
    elif job.kind == "sheet":
        assert job.draw is not None
        maps = MapSource(max_bytes=0).read(job.request, control)
        order = job.order or tuple(range(len(values)))
        yield _packed(job.draw(maps, order, control))
    else:
        stats = channel_statistics(values, control)
        for channel in range(len(values)):
            yield _packed(map_pixels(values, stats, job.request.view, channel, shared=job.request.shared))


def map_pixels(
    values: FloatArray, stats: ChannelStatistics, view: str, channel: int, *, shared: bool
) -> NDArray[np.uint8]:
    """Return one map as it is shown, uint8 ``(H, W, 3)``, or ``(H, W)`` where the view is grey."""
    scale = channel_scale(stats, view, None if shared else channel)
    pixels = np.empty((*values.shape[1:], 4), np.uint8)
    rasterize.fill(values[channel : channel + 1], scale, pixels.view(np.uint32)[..., 0])
    colours = rasterize.red_green_blue(pixels)
    if scale.coloured or stats.nonfinite[channel]:  # what is not finite is magenta in every view
        return colours
    return np.ascontiguousarray(colours[:, :, 0])


def _packed(pixels: NDArray[np.uint8]) -> bytes:
    from convstudio.io.cv import encode_png  # OpenCV is loaded only where it is needed

    return encode_png(np.ascontiguousarray(pixels))


# --- the worker ---


class MapExporter(QObject):
    """Writes one job at a time on a worker of its own.

    Files that are there already are not replaced unasked: ``overwrite_asked`` names them, and
    ``export(job, overwrite=True)`` is the answer yes.
    """

    overwrite_asked = Signal(object, object)  # ExportJob, the paths
    finished = Signal(object)  # Done
    progressed = Signal(float)  # 0–1
    busy_changed = Signal(bool, str)  # busy, what is being written
    message = Signal(str, str)  # text; level: info, warning, error

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: ExportJob | None = None
        self._worker = LatestWins("convstudio-map-export", self)
        self._worker.done.connect(self._done)
        self._worker.failed.connect(self._failed)
        self._worker.progressed.connect(self.progressed)
        self._worker.busy_changed.connect(self._tell_busy)

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._worker.busy

    def export(self, job: ExportJob, *, overwrite: bool = False) -> None:
        """Write the maps, unless something else is still being written."""
        if self._worker.busy:
            self.message.emit("The maps before these are still being written; try again soon.", "warning")
            return
        self._job = job

        def work(control: Control) -> Done:
            return write_maps(job, control, overwrite=overwrite)

        self._worker.submit(work)

    @Slot()
    def cancel(self) -> None:
        """Stop after the file that is being written."""
        self._worker.stop()

    def finish(self) -> None:
        """Wait for what is being written."""
        if self._worker.busy:
            self._worker.finish()

    def close(self) -> None:
        """Finish the file that is being written, leave the others, and end the worker."""
        self._worker.stop()
        self._worker.close(finish=True)

    @Slot(bool)
    def _tell_busy(self, busy: bool) -> None:
        self.busy_changed.emit(busy, "" if self._job is None else shown(self._job.target))

    @Slot(object)
    def _done(self, done: Done) -> None:
        job = self._job
        assert job is not None
        if done.asks:
            self.overwrite_asked.emit(job, done.asks)
            return
        where, count = shown(job.target), len(done.written)
        if done.cancelled:
            so_far = f"{count} of {done.total} files are there" if count else "nothing was written"
            self.message.emit(f"{where}: cancelled, {so_far}.", "warning")
        elif job.kind == "pictures":
            self.message.emit(f"Saved {count} map{'s' if count != 1 else ''} to {where}.", "info")
        else:
            self.message.emit(f"Saved {where}.", "info")
        self.finished.emit(done)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if isinstance(error, PictureError):
            self.message.emit(str(error), "error")
            return
        self.message.emit(f"The maps could not be written: {error}", "error")
        raise error  # a defect of ours: the exception hook logs it with its traceback


def overwrite_question(paths: tuple[Path, ...]) -> str:
    """Return the question whether these files may be replaced.

    >>> overwrite_question((Path("a.png"), Path("b.png")))
    'Replace the 2 files that are there already: a.png, b.png?'
    """
    names = [shown(path) for path in paths]
    if len(names) == 1:
        return f"Replace {names[0]}, which is there already?"
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"Replace the {len(names)} files that are there already: {listed}?"


def export_job(kind: Kind, target: Path, request: MapRequest, **more: Any) -> ExportJob:
    """Return a job; a file's name gets the ending that its kind has.

    Args:
        more: as of ``ExportJob``.
    """
    ending = {"sheet": ".png", "values": ".npy"}.get(kind, "")
    if ending and target.suffix.lower() != ending:
        target = target.with_name(target.name + ending)
    return ExportJob(kind, target, request, **more)
