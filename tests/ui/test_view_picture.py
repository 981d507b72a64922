"""Where cells lie on the input, and the padded ones around it."""

from __future__ import annotations

import numpy as np
import pytest

from convstudio.core.geometry import GeometryError
from convstudio.core.padding import PADDING_MODES, pad
from convstudio.engine.display import render
from convstudio.ui.view_picture import Axis, Border, ViewPicture, output_axis, padded_border


def picture(values: np.ndarray, **more: object) -> ViewPicture:
    return ViewPicture.of(render(values, "clamped"), values, **more)  # type: ignore[arg-type]


def rebuilt(values: np.ndarray, border: Border) -> np.ndarray:
    """The padded picture put together from the border's patches and the picture itself."""
    (top, bottom), (left, right) = border.amounts
    channels, height, width = values.shape
    whole = np.full((channels, top + height + bottom, left + width + right), np.nan, values.dtype)
    whole[:, top : top + height, left : left + width] = values
    for patch in border.patches:
        rows, columns = patch.values.shape[1:]
        target = whole[:, patch.row + top :, patch.column + left :][:, :rows, :columns]
        assert np.isnan(target).all(), "patches overlap"
        target[:] = patch.values
    return whole


@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("amounts", [((2, 3), (4, 1)), ((0, 2), (0, 0)), ((0, 0), (3, 3)), ((4, 4), (0, 5))])
def test_the_border_holds_what_the_core_pads_with(
    mode: str, amounts: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    values = np.random.default_rng(1).random((3, 6, 7), dtype=np.float32)
    border = padded_border(values, amounts, mode, 0.3)
    assert border is not None
    wanted = pad(values[None], amounts, padding_mode=mode, padding_value=0.3)[0]
    assert (rebuilt(values, border) == wanted).all()
    for patch in border.patches:
        assert (patch.pixels == render(patch.values, "clamped").pixels).all()


@pytest.mark.parametrize("view", ["signed", "minmax", "absolute"])
@pytest.mark.parametrize(("channels", "channel"), [(3, None), (3, 2), (5, 4)])
def test_the_border_is_coloured_on_the_scale_of_the_picture(
    view: str, channels: int, channel: int | None
) -> None:
    values = np.random.default_rng(1).standard_normal((channels, 6, 7), dtype=np.float32)
    shown = render(values, view, channel=channel)
    border = padded_border(values, ((2, 0), (0, 0)), "reflect", like=shown, channel=channel)
    assert border is not None
    (above,) = border.patches
    assert (above.pixels == shown.pixels[[2, 1]]).all(), "rows that are mirrored look the same"


def test_no_padding_has_no_border_and_too_much_is_refused() -> None:
    values = np.zeros((1, 4, 4), np.float32)
    assert padded_border(values, ((0, 0), (0, 0)), "reflect") is None
    with pytest.raises(GeometryError):
        padded_border(values, ((4, 0), (0, 0)), "reflect")


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "before"), [(3, 1, 1, 1), (4, 2, 1, 0), (5, 3, 2, 4)]
)
def test_an_output_cell_lies_over_the_middle_of_its_window(
    kernel: int, stride: int, dilation: int, before: int
) -> None:
    axis = output_axis(before, kernel, stride, dilation)
    for cell in range(4):
        first = cell * stride - before
        last = first + dilation * (kernel - 1)
        assert axis.origin + cell * axis.pitch == (first + last) / 2
        assert axis.cell(axis.edge(cell) + 1e-9) == cell
        assert axis.cell(axis.edge(cell + 1) - 1e-9) == cell


def test_extents_count_from_the_pixels_edges() -> None:
    values = np.zeros((1, 4, 6), np.float32)
    border = padded_border(values, ((1, 2), (3, 0)), "zeros")
    shown = picture(values, border=border)
    assert shown.extent.getRect() == (-0.5, -0.5, 6.0, 4.0)
    assert shown.padded_extent.getRect() == (-3.5, -1.5, 9.0, 7.0)
    strided = picture(values, rows=Axis(1.0, 2.0), columns=Axis(0.5, 3.0))
    assert strided.extent.getRect() == (-1.0, 0.0, 18.0, 8.0)


def test_numbers_of_cells_of_padded_ones_and_of_none() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    border = padded_border(values, ((1, 0), (0, 0)), "replicate")
    shown = picture(values, border=border)
    assert shown.numbers(1, 0) == [2.0, 6.0, 10.0]
    assert shown.numbers(-1, 1) == [1.0, 5.0, 9.0]
    assert list(shown.numbers(2, 0)) == []
    alone = ViewPicture.of(render(values, "clamped", channel=1), values, channel=1)
    assert alone.numbers(1, 0) == [6.0]


def test_the_cells_that_are_read_end_before_the_unread_ones_padding_included() -> None:
    values = np.zeros((1, 10, 20), np.float32)
    border = padded_border(values, ((1, 2), (3, 4)), "zeros")
    shown = ViewPicture.of(render(values, "clamped"), values, border=border, unread=(1, 5))
    assert shown.read_end == (11, 19)
    assert ViewPicture.of(render(values, "clamped"), values, unread=(0, 2)).read_end == (10, 18)
