"""The bundled pictures: all there, with the values their notes promise, drawn by the script beside them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from convstudio.io.resources import resource_path
from convstudio.io.samples import SAMPLES, Sample, load_sample, sample_path

SIZES = {  # channels, rows, columns
    "still-life": (3, 720, 960),
    "landscape": (3, 640, 1024),
    "page": (1, 1056, 816),
    "texture": (3, 640, 640),
    "zone-plate": (1, 513, 513),
    "siemens-star": (1, 513, 513),
    "step-wedge": (1, 320, 544),
    "checkerboard": (1, 256, 256),
    "impulse": (1, 65, 65),
    "noise": (1, 512, 512),
}
CHARTS = ["zone-plate", "siemens-star", "step-wedge", "checkerboard", "impulse", "noise"]


def grey(sample_id: str) -> npt.NDArray[np.float32]:
    return load_sample(sample_id).values[0]


@pytest.fixture(scope="module")
def draw() -> Iterator[ModuleType]:
    """The drawing script, imported as if it had been started in its own folder."""
    folder = resource_path("samples")
    spec = importlib.util.spec_from_file_location("draw_samples", folder / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(folder))
        for name in [n for n in sys.modules if n.split(".")[0] == "drawing"]:
            del sys.modules[name]


def test_the_program_knows_each_picture_once_and_the_still_life_first() -> None:
    ids = [sample.id for sample in SAMPLES]
    assert ids == list(SIZES)
    assert {path.stem for path in resource_path("samples").glob("*.png")} == set(ids)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_a_sample_loads_as_declared(sample: Sample) -> None:
    picture = load_sample(sample.id)
    assert picture.values.shape == SIZES[sample.id]
    assert picture.values.dtype == np.float32
    assert picture.notes == ()
    assert float(picture.values.min()) >= 0.0
    assert float(picture.values.max()) <= 1.0


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_a_note_is_a_sentence_or_two_that_end(sample: Sample) -> None:
    note = sample.note
    assert 60 < len(note) < 240
    assert note[0].isupper()
    assert note[-1] in ".?"


def test_all_together_stay_small() -> None:
    assert sum(sample.path.stat().st_size for sample in SAMPLES) < 6_000_000


def test_an_unknown_sample_names_the_closest() -> None:
    with pytest.raises(KeyError, match="zone-plate"):
        sample_path("zoneplate")


def test_a_missing_resource_says_where_it_was_looked_for() -> None:
    with pytest.raises(FileNotFoundError, match=r"no-such-file.*looked in"):
        resource_path("samples", "no-such-file")


@pytest.mark.parametrize("sample_id", ["still-life", "landscape", "texture"])
def test_the_colour_channels_differ(sample_id: str) -> None:
    red, green, blue = load_sample(sample_id).values
    assert min(np.abs(red - green).mean(), np.abs(green - blue).mean(), np.abs(red - blue).mean()) > 0.02


def test_the_still_life_has_edges_at_every_angle() -> None:
    down, along = np.gradient(load_sample("still-life").values.mean(axis=0))
    strong = np.hypot(down, along) > 0.08
    counts, _ = np.histogram(np.arctan2(down, along)[strong], bins=12, range=(-np.pi, np.pi))
    assert counts.min() > 0.02 * counts.sum()


def test_the_impulse_is_exactly_one_pixel_of_one() -> None:
    values = grey("impulse")
    assert values[32, 32] == 1.0
    assert np.count_nonzero(values) == 1


def test_the_wedge_climbs_in_equal_steps() -> None:
    top = np.round(grey("step-wedge")[:200] * 255).astype(int)
    assert np.array_equal(top, np.broadcast_to(top[0], top.shape))
    plateaus = top[0].reshape(17, 32)
    assert np.array_equal(plateaus, np.broadcast_to(plateaus[:, :1], plateaus.shape))
    assert set(np.diff(plateaus[:, 0])) == {15}


def test_the_wedge_falls_in_an_even_ramp() -> None:
    ramp = np.round(grey("step-wedge")[250] * 255).astype(int)
    assert (ramp[0], ramp[-1]) == (255, 0)
    assert set(np.diff(ramp)) == {0, -1}


def test_the_zone_plate_sweeps_from_zero_to_the_highest_frequency() -> None:
    values = grey("zone-plate").astype(np.float64)
    row = values[256]
    assert row[256] == 1.0
    # At distance r from the middle a step of one pixel turns the phase by pi (2 r + 1) / 512.
    for r in (16, 64, 128, 200, 255):
        phase = np.pi * np.array([r - 1, r, r + 1]) ** 2 / 512
        assert np.allclose(row[256 + r - 1 : 256 + r + 2], 0.5 + 0.5 * np.cos(phase), atol=1 / 255)
    near_the_edge = row[-17:] - 0.5
    assert np.all(np.sign(near_the_edge[1:]) != np.sign(near_the_edge[:-1])), "half a cycle a pixel"


@pytest.mark.parametrize("sample_id", ["zone-plate", "siemens-star"])
def test_round_charts_look_the_same_from_both_sides(sample_id: str) -> None:
    values = grey(sample_id)
    assert np.abs(values - values[::-1, ::-1]).max() < 0.01
    if sample_id == "zone-plate":
        assert np.array_equal(values, values.T)
        assert np.array_equal(values, values[::-1])


def test_the_star_has_36_white_spokes_and_fades_to_grey_in_the_middle() -> None:
    values = grey("siemens-star")
    angle = np.arange(3600) * 2 * np.pi / 3600 + 1e-3
    ring = values[
        np.round(256 + 200 * np.sin(angle)).astype(int), np.round(256 + 200 * np.cos(angle)).astype(int)
    ]
    turns = np.count_nonzero(np.diff((np.append(ring, ring[0]) > 0.5).astype(int)) == 1)
    assert turns == 36
    assert 0.3 < values[256, 256] < 0.7
    assert abs(float(values[250:263, 250:263].mean()) - 0.5) < 0.02


def test_the_checkerboard_halves_down_to_single_pixels() -> None:
    values = grey("checkerboard")
    assert set(np.unique(values)) == {0.0, 1.0}
    finest = values[-30:, -60:]
    assert np.all(finest[1:] != finest[:-1])
    assert np.all(finest[:, 1:] != finest[:, :-1])
    assert np.all(values[:32, :32] == values[0, 0])
    assert values[0, 32] != values[0, 0]


def test_the_noise_is_gaussian_as_declared() -> None:
    values = grey("noise").astype(np.float64)
    border = np.concatenate([values[:40].ravel(), values[-40:].ravel()])
    assert abs(border.mean() - 0.5) < 0.003
    assert abs(border.std() - 0.1) < 0.003
    centred = border - border.mean()
    assert abs((centred**4).mean() / border.var() ** 2 - 3) < 0.12, "the kurtosis of a normal distribution"


@pytest.mark.parametrize("sample_id", CHARTS)
def test_drawing_a_chart_again_gives_the_very_same_pixels(draw: ModuleType, sample_id: str) -> None:
    kept = cv2.imread(str(sample_path(sample_id)), cv2.IMREAD_UNCHANGED)
    assert kept.ndim == 2, "a grey picture is stored with one channel"
    drawing: Callable[[], npt.NDArray[np.uint8]] = draw.drawing(sample_id)
    assert np.array_equal(drawing(), kept)


def test_the_script_can_draw_every_sample_and_refuses_others(
    draw: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert list(draw.DRAWINGS) == [sample.id for sample in SAMPLES]
    assert all(callable(draw.drawing(sample.id)) for sample in SAMPLES)
    monkeypatch.setattr(draw, "HERE", tmp_path)
    assert draw.main(["impulse"]) == 0
    written = cv2.imread(str(tmp_path / "impulse.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written, cv2.imread(str(sample_path("impulse")), cv2.IMREAD_UNCHANGED))
    assert draw.main(["mona-lisa"]) == 2
    assert "mona-lisa" in capsys.readouterr().err
