"""Damaged at random, a file opens or is refused: nothing else may come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convstudio.io.images import Picture, PictureError
from tests.io.making import encoded, exif, jpeg, npy, outcome, png, png_of, ramp, tiff, with_exif

SEEDS = {
    "png": png_of(ramp(7, 9, 4)),
    "palette png": png(3, 1, 2, 3, b"\0\x18", (b"PLTE", bytes(9)), (b"tRNS", b"\1")),
    "jpeg": with_exif(jpeg(ramp(16, 24, 3)), exif(6)),
    "tiff": tiff(ramp(9, 8, 4, np.uint16), 2, extra=[2], pack=8, predictor=2, rows=4, pages=2),
    "tiled tiff": tiff(ramp(9, 8, 3), 2, planar=True, tile=4, pack=32773),
    "float tiff": tiff(ramp(4, 5, 1, np.float32), 1, order=">"),
    "lzw tiff": encoded(".tif", ramp(9, 8, 4), [259, 5]),
    "npy": npy(ramp(3, 4, 5, np.float64)),
    "gif": encoded(".gif", ramp(8, 8, 3)),
    "bmp": encoded(".bmp", ramp(8, 8, 3)),
    "ppm": encoded(".ppm", ramp(8, 8, 3)),
    "webp": encoded(".webp", ramp(8, 8, 3)),
}


@pytest.mark.parametrize("kind", SEEDS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage(kind: str, data: st.DataObject) -> None:
    seed = SEEDS[kind]
    content = bytearray(seed)
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(seed) - 1), st.integers(0, 255)), max_size=6), label="changes"
    ):
        content[at] = value
    cut = data.draw(st.one_of(st.just(len(seed)), st.integers(1, len(seed))), label="cut")
    picture = outcome(bytes(content[:cut]), "damaged")
    if isinstance(picture, PictureError):
        assert str(picture).endswith(".")
        assert "\n" not in str(picture)
        return
    assert picture.values.dtype == np.float32
    assert picture.shape[0] in (1, 3)
    assert all(note.endswith(".") for note in picture.notes)


@given(
    data=st.binary(max_size=300), head=st.sampled_from([seed[:n] for seed in SEEDS.values() for n in (4, 12)])
)
@settings(max_examples=100)
def test_noise(data: bytes, head: bytes) -> None:
    result = outcome(head + data, "noise")
    assert isinstance(result, Picture) or "noise" in str(result)
