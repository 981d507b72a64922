"""Reading the maps of a layer: what is in them, what is remembered, and that only the newest counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.engine.display import VIEWS, render
from convstudio.engine.evaluate import Evaluation, Evaluator
from convstudio.kernels import preset
from convstudio.layers import Activation, Conv, Luminance
from convstudio.model import PHOTO, LayerItem, Look, Picture, Project
from convstudio.session import map_reader
from convstudio.session.map_reader import (
    FeatureMaps,
    MapHead,
    MapReader,
    MapRequest,
    MapSource,
    channel_names,
    head_of,
)

KERNELS = tuple(preset(name).make() for name in ("sobel-x", "sobel-y", "mean"))


def values_of(channels: int = 4, height: int = 24, width: int = 32) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(channels)
    return (rng.standard_normal((channels, height, width)) * (1 + np.arange(channels))[:, None, None]).astype(
        np.float32
    )


def request_for(values: np.ndarray[Any, Any], **changes: Any) -> MapRequest:
    shape = (values.shape[0], values.shape[1], values.shape[2])
    head = MapHead("conv-1", "Conv", shape, tuple(f"map {c}" for c in range(shape[0])))
    wanted: dict[str, Any] = {"view": "signed", "channel": 0, "box": (200, 200)} | changes
    return MapRequest(head, values, **wanted)


def evaluated(*layers: LayerItem, channels: int = 3, selected: str | None = None) -> Evaluation:
    picture = Picture(np.random.default_rng(0).random((channels, 12, 16), dtype=np.float32), "photo.png")
    project = Project(picture, layers, selected or (layers[-1].id if layers else PHOTO))
    return Evaluator().evaluate(project)


# --- what is in the maps ---


@pytest.mark.parametrize("view", [kind.id for kind in VIEWS])
def test_a_map_that_is_not_reduced_is_the_main_view(view: str) -> None:
    values = values_of()
    maps = MapSource().read(request_for(values, view=view))
    for channel in range(len(values)):
        shown = render(values, view, channel=channel)
        np.testing.assert_array_equal(maps.picture(channel), shown.pixels)
        assert maps.clipped[channel].sum() == shown.clipped


@pytest.mark.parametrize("view", [kind.id for kind in VIEWS])
def test_three_channels_make_the_colour_picture_of_the_main_view(view: str) -> None:
    values = values_of(3)
    maps = MapSource().read(request_for(values, view=view, channel=None))
    np.testing.assert_array_equal(maps.picture(None), render(values, view).pixels)
    assert maps.histogram.counts.sum() == values.size


def test_a_shared_scale_is_that_of_all_channels_together() -> None:
    values = values_of()
    maps = MapSource().read(request_for(values, view="minmax", shared=True))
    assert {(scale.low, scale.high) for scale in maps.scales} == {(float(values.min()), float(values.max()))}
    own = MapSource().read(request_for(values, view="minmax"))
    assert own.scales[0].low == float(values[0].min())
    assert not np.array_equal(own.picture(0), maps.picture(0))


def test_one_channel_has_its_histogram_without_being_picked() -> None:
    values = values_of(1)
    maps = MapSource().read(request_for(values, channel=None))
    np.testing.assert_array_equal(maps.picture(None), render(values, "signed").pixels)
    assert maps.histogram.counts.shape == (1, map_reader.BINS)
    assert maps.composite is None


def test_the_histogram_is_that_of_the_chosen_channel() -> None:
    values = values_of()
    maps = MapSource().read(request_for(values, channel=2))
    expected, _ = np.histogram(values[2], map_reader.BINS, (values[2].min(), values[2].max()))
    assert abs(maps.histogram.counts[0] - expected).max() <= 1  # a value on the edge of two bars
    assert maps.histogram.ranges[0].tolist() == [values[2].min(), values[2].max()]


def test_values_that_are_not_finite_are_counted() -> None:
    values = values_of()
    values[1, 0, :3] = (math.nan, math.inf, -math.inf)
    maps = MapSource().read(request_for(values))
    assert maps.stats.nonfinite.tolist() == [0, 3, 0, 0]


# --- what is remembered ---


def counting(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    calls: list[int] = []
    real = getattr(map_reader, name)

    def counted(values: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(len(values))
        return real(values, *args, **kwargs)

    monkeypatch.setattr(map_reader, name, counted)
    return calls


def test_another_view_of_the_same_output_reads_no_statistics_again(monkeypatch: pytest.MonkeyPatch) -> None:
    statistics, small = counting(monkeypatch, "channel_statistics"), counting(monkeypatch, "thumbnails")
    source, values = MapSource(), values_of()
    for view in ("signed", "minmax", "clamped", "signed"):
        source.read(request_for(values, view=view))
    assert (len(statistics), len(small)) == (1, 1)
    source.read(request_for(values, view="absolute"))  # that takes the means of magnitudes
    assert (len(statistics), len(small)) == (1, 2)
    source.read(request_for(values, box=(5, 5)))
    assert (len(statistics), len(small)) == (1, 3)


def test_another_array_in_the_same_place_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    statistics = counting(monkeypatch, "channel_statistics")
    monkeypatch.setattr(map_reader, "id", lambda _values: 7, raising=False)
    source = MapSource()
    first = source.read(request_for(values_of()))
    second = source.read(request_for(-values_of()))
    assert len(statistics) == 2
    np.testing.assert_array_equal(second.stats.high, -first.stats.low)


def test_outputs_are_not_kept_alive(qtbot: QtBot) -> None:
    import weakref

    source, values = MapSource(), values_of()
    gone = weakref.ref(values)
    maps = source.read(request_for(values))
    del values
    qtbot.waitUntil(lambda: gone() is None)  # a thread of the core may still be on its way out
    assert len(maps.stats) == 4


# --- names ---


def test_a_filter_bank_names_its_channels_and_the_layers_below_keep_the_names() -> None:
    found = evaluated(LayerItem("a", Conv.of(*KERNELS, channels="all")), LayerItem("b", Activation()))
    head = head_of(found)
    assert head.names == tuple(kernel.title for kernel in KERNELS)
    assert (head.layer_id, head.shape) == ("b", (3, 12, 16))
    assert head.label(1) == f"1 {KERNELS[1].title}"
    assert head.label(None) == "all"


def test_filters_that_read_each_channel_alone_are_named_after_it() -> None:
    found = evaluated(LayerItem("a", Conv.of(*KERNELS[:2])))
    names = head_of(found).names
    x, y = (kernel.title for kernel in KERNELS[:2])
    assert names == (f"{x} red", f"{y} red", f"{x} green", f"{y} green", f"{x} blue", f"{y} blue")


def test_channels_that_come_from_nowhere_have_no_name() -> None:
    found = evaluated(LayerItem("a", Luminance()))
    assert head_of(found).names == ("",)
    assert head_of(found).label(None) == "0"


def test_the_photo_has_colours_and_a_layer_that_is_off_changes_nothing() -> None:
    off = LayerItem("a", Conv.of(*KERNELS[:2]), enabled=False)
    assert head_of(evaluated(off)).names == map_reader.COLOURS
    head = head_of(evaluated(off, selected=PHOTO))
    assert (head.layer_id, head.title, head.names) == (PHOTO, "photo.png", map_reader.COLOURS)
    assert channel_names(1, ()) == ("",)


# --- the worker ---


@pytest.fixture
def reader(qtbot: QtBot) -> Iterator[MapReader]:
    made = MapReader()
    yield made
    made.close()


def test_maps_are_read_off_the_thread_that_asks(qtbot: QtBot, reader: MapReader) -> None:
    got: list[FeatureMaps] = []
    reader.maps_ready.connect(got.append)
    reader.read(request_for(values_of()))
    assert got == []
    assert reader.busy
    qtbot.waitUntil(lambda: not reader.busy)
    assert [maps.head.layer_id for maps in got] == ["conv-1"]


def test_of_many_requests_at_once_only_the_newest_is_read(
    qtbot: QtBot, reader: MapReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistics = counting(monkeypatch, "channel_statistics")
    got: list[FeatureMaps] = []
    reader.maps_ready.connect(got.append)
    for channels in range(1, 9):
        reader.read(request_for(values_of(channels)))
    qtbot.waitUntil(lambda: not reader.busy)
    assert [len(maps.stats) for maps in got] == [8]
    assert statistics == [8]


def test_what_was_cancelled_is_not_delivered(qtbot: QtBot, reader: MapReader) -> None:
    got: list[FeatureMaps] = []
    reader.maps_ready.connect(got.append)
    reader.read(request_for(values_of()))
    reader.cancel()
    qtbot.wait(50)
    assert got == []
    assert not reader.busy


def test_too_little_memory_is_said(qtbot: QtBot, reader: MapReader, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(map_reader, "thumbnails", full)
    with qtbot.waitSignal(reader.failed) as heard:
        reader.read(request_for(values_of()))
    assert "not enough memory" in heard.args[0]


def test_a_request_while_results_keep_coming_waits_a_little(qtbot: QtBot, reader: MapReader) -> None:
    got: list[FeatureMaps] = []
    reader.maps_ready.connect(got.append)
    for _ in range(30):
        reader.read(request_for(values_of()))
        qtbot.wait(5)
    qtbot.waitUntil(lambda: not reader.busy)
    assert 2 <= len(got) <= 12


def test_the_look_of_the_layer_does_not_matter_for_the_names() -> None:
    item = LayerItem("a", Conv.of(*KERNELS, channels="all"), name="Edges", look=Look("minmax", 1))
    assert head_of(evaluated(item)).title == "Edges"
