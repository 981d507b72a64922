"""Feature maps as files: what is in them, what they are called, and that nothing is left in part."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.core import Control
from convstudio.engine.channel_statistics import channel_statistics
from convstudio.engine.display import VIEWS, render_rgb
from convstudio.engine.feature_maps import channel_scale
from convstudio.io.errors import PictureError
from convstudio.session import map_export
from convstudio.session.map_export import (
    Done,
    ExportJob,
    MapExporter,
    export_job,
    map_pixels,
    overwrite_question,
    picture_names,
    write_maps,
)
from convstudio.session.map_reader import MapHead, MapRequest


def values_of(channels: int = 4) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(channels)
    values = rng.standard_normal((channels, 20, 30)) * (1 + np.arange(channels))[:, None, None]
    return values.astype(np.float32)


def job_for(folder: Path, kind: Any = "pictures", channels: int = 4, **changes: Any) -> ExportJob:
    values = values_of(channels)
    names = tuple(f"Map {chr(97 + c % 26)}" for c in range(channels))
    wanted: dict[str, Any] = {"view": "signed", "channel": 0, "box": (10, 15)} | changes
    request = MapRequest(MapHead("conv-1", "Conv", (channels, 20, 30), names), values, **wanted)
    target = folder if kind == "pictures" else folder / {"values": "all.npy", "sheet": "all.png"}[kind]

    def draw(maps: Any, order: Any, control: Any) -> np.ndarray[Any, Any]:
        return np.full((4, 5, 3), len(order), np.uint8)

    return ExportJob(kind, target, request, "photo", draw=draw)


def read(path: Path) -> np.ndarray[Any, Any]:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels if pixels.ndim == 2 else pixels[:, :, ::-1]


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# --- names ---


def test_names_tell_the_picture_the_number_and_the_channel() -> None:
    head = MapHead("a", "Conv", (3, 1, 1), ("Sobel x", "Gaussian σ 2", ""))
    names = picture_names(head, "My Photo (1).old")
    assert names == (
        "My-Photo-1-old_00_sobel-x.png",
        "My-Photo-1-old_01_gaussian-σ-2.png",
        "My-Photo-1-old_02.png",
    )


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", 'a/b\\c:d*?<>|"', "\x00\n", "..", "x" * 500, "漢" * 300, "\ud800"]
)
def test_no_name_leaves_the_folder_or_is_too_long(name: str) -> None:
    for made in picture_names(MapHead("a", "Conv", (1, 1, 1), (name,)), name):
        assert Path(made).name == made
        assert not made.startswith(".")
        assert len(made.encode()) <= 120
        assert not set(made) & set('/\\:*?<>|"\0\n ')


def test_many_channels_sort_by_name() -> None:
    names = picture_names(MapHead("a", "Conv", (256, 1, 1), ("",) * 256), "x")
    assert list(names) == sorted(names)
    assert len(set(names)) == 256


# --- what is written ---


@pytest.mark.parametrize("view", [kind.id for kind in VIEWS])
def test_pictures_are_what_the_main_view_shows(tmp_path: Path, view: str) -> None:
    job = job_for(tmp_path, view=view)
    done = write_maps(job, Control())
    assert [path.name for path in done.written] == [f"photo_{c:02d}_map-{chr(97 + c)}.png" for c in range(4)]
    for channel, path in enumerate(done.written):
        shown = render_rgb(job.request.values, view, channel=channel)
        pixels = read(path)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        np.testing.assert_array_equal(pixels, shown)
    assert left(tmp_path) == [path.name for path in done.written]


def test_a_shared_scale_is_that_of_all_channels(tmp_path: Path) -> None:
    job = job_for(tmp_path, shared=True)
    values = job.request.values
    limit = channel_scale(channel_statistics(values), "signed", None).high
    for channel, path in enumerate(write_maps(job, Control()).written):
        np.testing.assert_array_equal(read(path), render_rgb(values, "signed", channel=channel, limit=limit))


def test_grey_views_make_grey_files_unless_a_value_is_not_finite() -> None:
    values = values_of()
    values[1, 0, 0] = np.nan
    stats = channel_statistics(values)
    assert map_pixels(values, stats, "minmax", 0, shared=False).ndim == 2
    broken = map_pixels(values, stats, "minmax", 1, shared=False)
    assert broken[0, 0].tolist() == [255, 0, 255]


def test_values_are_the_numbers_themselves(tmp_path: Path) -> None:
    job = job_for(tmp_path, "values")
    assert write_maps(job, Control()).written == (tmp_path / "all.npy",)
    loaded = np.load(tmp_path / "all.npy", allow_pickle=False)
    np.testing.assert_array_equal(loaded, job.request.values)
    assert loaded.dtype == np.float32


def test_a_sheet_is_drawn_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    orders = []

    def draw(maps: Any, order: tuple[int, ...], control: Any) -> np.ndarray[Any, Any]:
        orders.append(order)
        return np.full((4, 5, 3), 7, np.uint8)

    job = replace(job_for(tmp_path, "sheet"), order=(2, 0, 1, 3), draw=draw)
    write_maps(job, Control())
    assert orders == [(2, 0, 1, 3)]
    assert (read(tmp_path / "all.png") == 7).all()


def test_a_file_gets_the_ending_of_its_kind(tmp_path: Path) -> None:
    request = job_for(tmp_path).request
    assert export_job("sheet", tmp_path / "a.b", request).target.name == "a.b.png"
    assert export_job("values", tmp_path / "a.NPY", request).target.name == "a.NPY"
    assert export_job("pictures", tmp_path, request).target == tmp_path


# --- what is there already ---


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    job = job_for(tmp_path)
    kept = job.paths[2]
    kept.write_text("precious")
    done = write_maps(job, Control())
    assert (done.asks, done.written) == ((kept,), ())
    assert kept.read_text() == "precious"
    assert left(tmp_path) == [kept.name]
    assert len(write_maps(job, Control(), overwrite=True).written) == 4
    assert read(kept).shape == (20, 30, 3)


def test_the_question_names_what_would_be_replaced() -> None:
    paths = tuple(Path(f"/x/{c}.png") for c in "abcdef")
    assert overwrite_question(paths[:1]) == "Replace a.png, which is there already?"
    assert overwrite_question(paths).endswith("a.png, b.png, c.png, d.png and 2 more?")


# --- what goes wrong ---


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"Cannot write to nowhere: the folder does not exist"):
        write_maps(job_for(tmp_path / "nowhere"), Control())


def test_a_full_disk_leaves_whole_files_and_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = map_export.atomic_write

    def full(path: Path, data: Any) -> None:
        if "_02_" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, data)

    monkeypatch.setattr(map_export, "atomic_write", full)
    with pytest.raises(PictureError, match=r"the disk is full.* 2 of 4 files were written"):
        write_maps(job_for(tmp_path), Control())
    assert len(left(tmp_path)) == 2
    assert all(read(tmp_path / name).shape == (20, 30, 3) for name in left(tmp_path))


def test_too_little_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(map_export, "map_pixels", full)
    with pytest.raises(PictureError, match="not enough memory"):
        write_maps(job_for(tmp_path), Control())
    assert left(tmp_path) == []


def test_cancelling_leaves_whole_files_only(tmp_path: Path) -> None:
    parts: list[float] = []

    def hear(part: float) -> None:
        parts.append(part)
        if part == 0.5 and len(left(tmp_path)) == 2:
            control.cancel()

    control = Control(hear)
    done = write_maps(job_for(tmp_path), control)
    assert done.cancelled
    assert len(done.written) == 2
    assert left(tmp_path) == [path.name for path in done.written]


# --- the worker ---


class Ear:
    def __init__(self, exporter: MapExporter) -> None:
        self.done: list[Done] = []
        self.messages: list[tuple[str, str]] = []
        self.asked: list[tuple[Path, ...]] = []
        self.jobs: list[ExportJob] = []
        self.busy: list[tuple[bool, str]] = []
        exporter.finished.connect(self.done.append)
        exporter.message.connect(lambda text, level: self.messages.append((text, level)))
        exporter.overwrite_asked.connect(lambda job, paths: (self.jobs.append(job), self.asked.append(paths)))
        exporter.busy_changed.connect(lambda busy, what: self.busy.append((busy, what)))


@pytest.fixture
def exporter(qtbot: QtBot) -> Iterator[MapExporter]:
    made = MapExporter()
    yield made
    made.close()


def test_it_writes_on_a_worker_and_says_so(qtbot: QtBot, exporter: MapExporter, tmp_path: Path) -> None:
    ear = Ear(exporter)
    exporter.export(job_for(tmp_path))
    assert exporter.busy
    qtbot.waitUntil(lambda: not exporter.busy)
    assert [len(done.written) for done in ear.done] == [4]
    assert ear.messages == [(f"Saved 4 maps to {tmp_path.name}.", "info")]
    assert ear.busy == [(True, tmp_path.name), (False, tmp_path.name)]


def test_it_asks_before_it_replaces_and_goes_on_after_a_yes(
    qtbot: QtBot, exporter: MapExporter, tmp_path: Path
) -> None:
    ear = Ear(exporter)
    (tmp_path / "all.npy").write_text("precious")
    exporter.export(job_for(tmp_path, "values"))
    qtbot.waitUntil(lambda: not exporter.busy)
    assert ear.asked == [(tmp_path / "all.npy",)]
    assert (ear.done, ear.messages) == ([], [])
    exporter.export(ear.jobs[0], overwrite=True)
    qtbot.waitUntil(lambda: bool(ear.done))
    assert ear.messages == [("Saved all.npy.", "info")]


def test_a_failure_is_a_message(qtbot: QtBot, exporter: MapExporter, tmp_path: Path) -> None:
    ear = Ear(exporter)
    exporter.export(job_for(tmp_path / "nowhere"))
    qtbot.waitUntil(lambda: not exporter.busy)
    assert [level for _, level in ear.messages] == ["error"]
    assert "Cannot write to nowhere" in ear.messages[0][0]


def test_cancelling_says_what_is_there_and_a_second_job_waits(
    qtbot: QtBot, exporter: MapExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear, gate, reached = Ear(exporter), threading.Event(), threading.Event()
    real = map_export.map_pixels

    def slow(*args: Any, **kwargs: Any) -> Any:
        if args[3] == 1:
            reached.set()
            gate.wait(5.0)
        return real(*args, **kwargs)

    monkeypatch.setattr(map_export, "map_pixels", slow)
    exporter.export(job_for(tmp_path))
    assert reached.wait(5.0)
    exporter.export(job_for(tmp_path))
    assert ear.messages == [("The maps before these are still being written; try again soon.", "warning")]
    exporter.cancel()
    gate.set()
    qtbot.waitUntil(lambda: not exporter.busy)
    assert ear.messages[-1] == (f"{tmp_path.name}: cancelled, 1 of 4 files are there.", "warning")
    assert len(left(tmp_path)) == 1
