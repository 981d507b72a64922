"""The contact sheet."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from convstudio.core import Cancelled, Control
from convstudio.ui.contact_sheet import MOST_PIXELS, SHEET_BOX, draw_sheet, sheet_box
from tests.ui.map_hands import maps_of


def random_values(
    channels: int, height: int = 40, width: int = 60
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((channels, height, width)).astype(np.float32)


def find(
    sheet: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> tuple[int, int] | None:
    """Return where a map's pixels (blue, green, red, 255) stand on a sheet, exactly."""
    wanted = np.ascontiguousarray(pixels[:, :, 2::-1])
    apart = cv2.matchTemplate(sheet, wanted, cv2.TM_SQDIFF)
    least, _, (x, y), _ = cv2.minMaxLoc(apart)
    if least > 1e4 or not np.array_equal(sheet[y : y + wanted.shape[0], x : x + wanted.shape[1]], wanted):
        return None
    return y, x


@pytest.mark.parametrize("shared", [False, True])
def test_every_map_stands_on_the_sheet_in_order(qapp: object, shared: bool) -> None:
    maps = maps_of(random_values(5), shared=shared, box=(100, 160))
    order = (3, 0, 4, 1, 2)
    sheet = draw_sheet("Lesson", maps, order)
    places = [find(sheet, maps.pixels[channel]) for channel in order]
    assert None not in places
    assert places == sorted(places, key=lambda at: at or (0, 0))
    assert (sheet[:8] == 255).all()  # a margin


def test_title_and_labels_are_written(qapp: object) -> None:
    maps = maps_of(random_values(2), box=(100, 160))
    one = draw_sheet("Lesson", maps, (0, 1))
    other = draw_sheet("Another lesson", maps, (0, 1))
    y, _ = find(one, maps.pixels[0]) or (0, 0)
    assert (one[: y - 40] != other[: y - 40]).any()
    assert (one[y:] == other[y:]).all()
    assert (one[y + maps.pixels.shape[1] + 2 :] < 128).any()  # dark words under the maps


@pytest.mark.parametrize("shape", [(1, 1, 1), (512, 3, 3), (3, 1, 900), (3, 900, 1)])
def test_maps_of_any_shape_make_a_sheet(qapp: object, shape: tuple[int, int, int]) -> None:
    box = sheet_box(shape)
    maps = maps_of(random_values(*shape), box=box, channel=0 if shape[0] > 1 else None)
    sheet = draw_sheet("Lesson", maps, tuple(range(shape[0])))
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] * sheet.shape[1] <= MOST_PIXELS


def test_a_sheet_of_many_maps_is_bounded(qapp: object) -> None:
    assert sheet_box((8, 1080, 1920)) == SHEET_BOX
    box = sheet_box((512, 240, 320))
    assert box < SHEET_BOX
    maps = maps_of(np.zeros((512, 240, 320), np.float32), box=box)
    sheet = draw_sheet("Lesson", maps, tuple(range(512)))
    assert sheet.shape[0] * sheet.shape[1] <= MOST_PIXELS


def test_drawing_a_sheet_can_be_cancelled(qapp: object) -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        draw_sheet("Lesson", maps_of(random_values(2)), (0, 1), control)
