"""The sums of the normal equations against a matrix of all windows, made pixel by pixel."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control
from convstudio.learn.lagged_sums import lagged_sums
from convstudio.learn.normal_equations import normal_sums, right_sums, window_sums
from convstudio.learn.windows import Planes, Windows
from tests.learn.training_pairs import CancelAt
from tests.oracles import numpy_pad, per_axis
from tests.strategies import Job, jobs


def windows_of(job: Job) -> Windows:
    """The windows of all output cells of a job."""
    stride, dilation = (per_axis(job.arguments[name], 2) for name in ("stride", "dilation"))
    rows, columns = (
        (n + sum(pads) - d * (k - 1) - 1) // s + 1
        for n, pads, k, d, s in zip(job.spatial, job.amounts, job.kernel, dilation, stride, strict=True)
    )
    return Windows(
        x=job.x[0],
        kernel=(job.kernel[0], job.kernel[1]),
        stride=(stride[0], stride[1]),
        dilation=(dilation[0], dilation[1]),
        amounts=(job.amounts[0], job.amounts[1]),
        mode=job.arguments["padding_mode"],
        value=job.arguments["padding_value"],
        rows=rows,
        columns=columns,
    )


def explicit(windows: Windows, planes: Planes, keep: np.ndarray) -> np.ndarray:
    """One row for each cell that counts, one column for each tap."""
    x = windows.x.astype(np.float64)
    padded = numpy_pad(x[np.newaxis], windows.amounts, windows.mode, windows.value)[0]
    summed = np.stack([padded[list(channels)].sum(axis=0) for channels in planes])
    found = []
    for i, j in zip(*np.nonzero(keep), strict=True):
        rows = i * windows.stride[0] + windows.dilation[0] * np.arange(windows.kernel[0])
        columns = j * windows.stride[1] + windows.dilation[1] * np.arange(windows.kernel[1])
        found.append(summed[:, rows][:, :, columns].reshape(-1))
    taps = len(planes) * windows.kernel[0] * windows.kernel[1]
    return np.array(found, np.float64).reshape(-1, taps)


def assert_close(found: np.ndarray, expected: np.ndarray, magnitudes: np.ndarray) -> None:
    """Up to the rounding of some thousand float64 sums of products."""
    assert found.shape == expected.shape
    assert (np.abs(found - expected) <= 1e-13 * magnitudes + 1e-300).all()


@settings(max_examples=60)
@given(jobs(ranks=(2,), batches=(1,)), st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.data())
def test_sums_are_those_of_the_explicit_matrix(job: Job, tied: bool, left_out: float, data: st.DataObject):
    windows = windows_of(job)
    rows = data.draw(st.integers(1, windows.rows))
    windows = Windows(**{**vars(windows), "rows": rows})
    channels = range(len(windows.x))
    planes = [list(channels)] if tied else [[c] for c in channels]
    rng = np.random.default_rng(job.x.size)
    keep = rng.random((windows.rows, windows.columns)) >= left_out
    targets = rng.standard_normal((2, windows.rows, windows.columns)) * keep
    design = explicit(windows, planes, keep)
    expected, magnitudes = design.T @ design, np.abs(design).T @ np.abs(design)
    assert_close(window_sums(windows, planes, keep), expected, magnitudes)
    everything = explicit(windows, planes, np.ones_like(keep))
    most = np.abs(everything).T @ np.abs(everything)
    assert_close(normal_sums(windows, planes, keep), expected, most)  # what is left out may be subtracted
    if windows.stride == (1, 1):
        assert_close(lagged_sums(windows, planes), everything.T @ everything, most)
    right = right_sums(windows, planes, 2, lambda top, bottom: targets[:, top:bottom])
    at = targets[:, keep]
    assert_close(right, at @ design, np.abs(at) @ np.abs(design))


def big(size: tuple[int, int, int], kernel: int, **others: object) -> Windows:
    x = np.random.default_rng(1).random(size, dtype=np.float32)
    values = {
        "x": x,
        "kernel": (kernel, kernel),
        "stride": (1, 1),
        "dilation": (1, 1),
        "amounts": ((0, 0), (0, 0)),
        "mode": "zeros",
        "value": 0.0,
        "rows": size[1] - kernel + 1,
        "columns": size[2] - kernel + 1,
    }
    return Windows(**{**values, **others})


@pytest.mark.parametrize("method", [lagged_sums, window_sums])
def test_many_tiles_give_what_one_gives(method: Callable[..., np.ndarray]):
    windows = big((2, 130, 700), 7)
    planes = [[0], [1]]
    design = np.lib.stride_tricks.sliding_window_view(windows.x.astype(float), (7, 7), axis=(1, 2))
    design = design.transpose(1, 2, 0, 3, 4).reshape(-1, 98)
    expected = design.T @ design
    assert_close(method(windows, planes), expected, expected)


def test_a_few_cells_left_out_are_taken_away_again():
    windows = big((1, 200, 300), 9)
    keep = np.ones((192, 292), bool)
    keep[50:60, 7:90] = False
    found = normal_sums(windows, [[0]], keep)
    np.testing.assert_allclose(found, window_sums(windows, [[0]], keep), rtol=1e-12)


@pytest.mark.parametrize(
    ("windows", "keep"),
    [
        (big((3, 600, 900), 5), None),
        (big((1, 600, 900), 21), None),
        (big((3, 600, 900), 9, stride=(2, 1), rows=296), None),
        (big((1, 900, 1300), 9), np.random.default_rng(2).random((892, 1292)) < 0.5),
        (big((1, 700, 900), 15, dilation=(9, 20), rows=574, columns=620), None),
    ],
    ids=["colour", "large kernel", "stride", "mask", "dilation"],
)
def test_memory_stays_small_beside_the_picture(windows: Windows, keep: np.ndarray | None):
    planes = [[c] for c in range(len(windows.x))]
    tracemalloc.start()
    try:
        sums = normal_sums(windows, planes, keep)
        target = windows.x[:1, : windows.rows, : windows.columns].astype(np.float64)
        before = tracemalloc.get_traced_memory()[0]
        right_sums(windows, planes, 1, lambda top, bottom: target[:, top:bottom])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.isfinite(sums).all()
    assert peak - target.nbytes <= 40 << 20
    assert before >= target.nbytes


@pytest.mark.parametrize("method", [normal_sums, window_sums])
@pytest.mark.parametrize("asked", [0, 2, 5])
def test_it_stops_when_cancelled(method: Callable[..., np.ndarray], asked: int):
    windows = big((3, 300, 500), 9)
    control = CancelAt(asked)
    with pytest.raises(Cancelled):
        method(windows, [[0], [1], [2]], None, control)
    assert control.left >= -3  # nobody goes on: each thread hears of it at most once more


def test_progress_runs_from_nothing_to_the_whole():
    heard: list[float] = []
    normal_sums(big((1, 300, 900), 5), [[0]], None, Control(heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)
    assert len(heard) > 3
