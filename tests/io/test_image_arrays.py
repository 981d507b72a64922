"""Arrays saved by NumPy open as pictures, or are refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convstudio.io.images import PictureError, decode_picture
from tests.io.making import npy, planar, ramp, refused, refused_data


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 4, 5), (3, 5, 3), (1, 1, 1)])
def test_an_array_with_channels_first(shape: tuple[int, ...]) -> None:
    values = ramp(shape[0], shape[1], shape[2], np.float32)
    for array in values, np.asfortranarray(values), values.astype(">f4"), values[None]:
        picture = decode_picture(npy(array), "a.npy")
        assert_array_equal(picture.values, values)
        assert picture.notes == ()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
def test_an_array_with_rows_first(shape: tuple[int, ...], dtype: type) -> None:
    values = ramp(4, 5, shape[2] if len(shape) == 3 else 1, dtype).reshape(shape)
    white = 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    picture = decode_picture(npy(values), "a.npy")
    assert_array_equal(picture.values, planar(values.reshape(4, 5, -1), white))


@pytest.mark.parametrize(
    ("shape", "note"),
    [
        ((2, 6, 7), "Of its 2 channels the first was opened."),
        ((5, 6, 7), "Of its 5 channels the first three were opened as red, green and blue."),
        ((7, 6, 5), "Of its 5 channels the first three were opened as red, green and blue."),
    ],
)
def test_an_array_of_other_channels(shape: tuple[int, ...], note: str) -> None:
    values = ramp(*shape, np.float32)
    first = values if shape[0] < shape[2] else np.moveaxis(values, 2, 0)
    picture = decode_picture(npy(values), "a.npy")
    assert picture.notes == (note,)
    assert_array_equal(picture.values, first[: picture.shape[0]])


def test_truth_values_become_black_and_white() -> None:
    assert_array_equal(decode_picture(npy(np.eye(3) > 0), "a.npy").values, np.eye(3)[None])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), r"shape \(5,\); a picture is \(H, W\)"),
        (np.zeros((2, 3, 4, 5)), r"shape \(2, 3, 4, 5\)"),
        (np.float32(3), r"shape \(\)"),
        (np.zeros((0, 4)), "4 × 0 pixels"),
        (np.zeros((2, 2), complex), "type <c16, which is not read"),
        (np.array([["a", "b"]]), "type <U1"),
        (np.zeros((2, 2), [("x", "f4")]), "no array of plain numbers"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        decode_picture(npy(array), "a.npy")


def test_pickled_objects_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    assert "not read" in refused(tmp_path / "a.npy") or "plain numbers" in refused(tmp_path / "a.npy")


def test_an_array_shorter_than_it_says() -> None:
    data = npy(np.zeros((50, 60), np.float32))
    assert "cut short" in refused_data(data[:-1], "a.npy")
    assert "cut short" in refused_data(data.replace(b"(50, 60)", b"(51, 60)"), "a.npy")
    assert "header is damaged" in refused_data(data[:20], "a.npy")
