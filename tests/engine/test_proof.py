"""The proof: it agrees with right results, and says no to wrong ones, however small or out of the way."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.engine.proof import Proof, ProofJob, peak_of, prove_crop
from tests.oracles import per_axis, scipy_conv
from tests.strategies import Job, jobs

ALL_CELLS = 10**6
ORDINARY = settings(deadline=None, max_examples=60)


def proof_job(job: Job, example: int = 0) -> ProofJob:
    a = job.arguments
    return ProofJob(
        x=job.x[example],
        weight=job.weight,
        bias=job.bias,
        amounts=job.amounts,
        stride=per_axis(a["stride"], job.rank),
        dilation=per_axis(a["dilation"], job.rank),
        groups=a["groups"],
        padding_mode=a["padding_mode"],
        padding_value=a["padding_value"],
        flip=a["flip"],
    )


def prove_all(job: ProofJob, shown: np.ndarray, seed: int = 0) -> Proof:
    return prove_crop(job, shown, rng=np.random.default_rng(seed), cells=ALL_CELLS)


def picture(
    shape: tuple[int, int, int] = (1, 60, 70), kernel: tuple[int, int] = (3, 3), **changes: Any
) -> tuple[ProofJob, np.ndarray]:
    """Return a depthwise job on a picture and its right result, from the tests' own oracle."""
    rng = np.random.default_rng(1)
    x = rng.random((1, *shape)).astype(np.float32)
    weight = rng.standard_normal((shape[0], 1, *kernel)).astype(np.float32)
    arguments: dict[str, Any] = {
        "stride": (1, 1),
        "padding": "same",
        "dilation": (1, 1),
        "groups": shape[0],
        "padding_mode": "reflect",
        "padding_value": 0.0,
        "flip": False,
    }
    job = Job(x, weight, None, arguments | changes)
    return proof_job(job), scipy_conv(job)[0].astype(np.float32)


@ORDINARY
@given(job=jobs(batches=(1,)), seed=st.integers(0, 99))
def test_right_results_are_proved(job: Job, seed: int) -> None:
    """SciPy over NumPy's pad on the whole picture against the proof's own gathering on the crop."""
    shown = scipy_conv(job)[0].astype(job.x.dtype)
    proof = prove_all(proof_job(job), shown, seed)
    assert proof.ok, proof
    assert proof.max_error <= proof.tolerance
    assert proof.cells == shown.size or len(proof.channels) < len(shown)


@ORDINARY
@given(job=jobs(batches=(1,)), seed=st.integers(0, 99), data=st.data())
def test_one_wrong_cell_is_found(job: Job, seed: int, data: st.DataObject) -> None:
    shown = scipy_conv(job)[0].astype(job.x.dtype)
    cell = tuple(data.draw(st.integers(0, n - 1)) for n in shown.shape)
    tolerance = prove_all(proof_job(job), shown, seed).tolerance
    shown[cell] += 4 * tolerance + 1e-30
    proof = prove_all(proof_job(job), shown, seed)
    assert not proof.ok
    assert proof.max_error > proof.tolerance


@pytest.mark.parametrize(
    "change",
    [
        {"flip": True},
        {"padding_mode": "symmetric"},
        {"padding_mode": "replicate"},
        {"padding_mode": "circular"},
        {"padding_mode": "zeros"},
        {"padding_mode": "constant", "padding_value": 0.5},
        {"amounts": ((2, 0), (1, 1))},
        {"bias": np.array([1e-3], np.float32)},
        {"weight": np.zeros((1, 1, 3, 3), np.float32)},
    ],
    ids=str,
)
def test_another_job_is_refuted(change: dict[str, Any]) -> None:
    """A result that belongs to slightly different settings must not carry the badge."""
    job, shown = picture()
    assert prove_all(job, shown).ok
    assert not prove_all(replace(job, **change), shown).ok


def test_a_shift_by_one_pixel_is_refuted_by_any_crop() -> None:
    job, shown = picture((3, 200, 300), (5, 5))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert prove_crop(job, shown, rng=rng, cells=64).ok
        assert not prove_crop(job, np.roll(shown, 1, axis=2), rng=rng, cells=64).ok


@pytest.mark.parametrize("size", [3, 15, 31])
def test_a_flat_picture_summed_term_by_term_is_right(size: int) -> None:
    """Rounding adds up in one direction when equal terms are added one after another in float32."""
    for weight in np.random.default_rng(0).random(50).astype(np.float32):
        terms = np.full(size * size, weight, np.float32)
        total = np.add.accumulate(terms)[-1]
        x = np.ones((1, size, size), np.float32)
        job = ProofJob(x, terms.reshape(1, 1, size, size), ((0, 0), (0, 0)), (1, 1), (1, 1))
        assert prove_all(job, np.full((1, 1, 1), total)).ok
        assert not prove_all(job, np.full((1, 1, 1), total * np.float32(1 + 3e-4))).ok


def test_the_tolerance_is_far_below_what_an_eye_sees() -> None:
    """A picture of 0 to 1 under a kernel of gain 1: an 8-bit step is 4e-3."""
    x = np.random.default_rng(0).random((1, 40, 40)).astype(np.float32)
    weight = np.full((1, 1, 15, 15), 1 / 225, np.float32)
    job = ProofJob(x, weight, amounts=((7, 7), (7, 7)), stride=(1, 1), dilation=(1, 1))
    shown = scipy_conv(
        Job(
            x[None],
            weight,
            None,
            {
                "stride": 1,
                "padding": 7,
                "dilation": 1,
                "groups": 1,
                "padding_mode": "zeros",
                "padding_value": 0.0,
                "flip": False,
            },
        )
    )[0]
    assert prove_crop(job, shown.astype(np.float32)).tolerance < 1e-5
    assert prove_crop(job, shown).tolerance < 1e-13, "float64 is held to float64"


def test_nan_and_infinity_must_be_where_they_belong() -> None:
    job, shown = picture(kernel=(3, 3))
    x = job.x.copy()
    x[0, 20, 30], x[0, 40, 10] = np.nan, np.inf
    job = replace(job, x=x)
    weight = job.weight[0, 0]
    right = shown.copy()
    right[0, 19:22, 29:32] = np.nan
    right[0, 39:42, 9:12] = np.where(weight[::-1, ::-1] > 0, np.inf, -np.inf)
    assert prove_all(job, right).ok
    assert not prove_all(job, shown).ok, "a bad pixel was lost"
    leaked = right.copy()
    leaked[0, 5, 5] = np.nan
    assert not prove_all(job, leaked).ok
    signs = right.copy()
    signs[0, 40, 10] *= -1
    assert not prove_all(job, signs).ok
    finite = right.copy()
    finite[0, 20, 30] = 0
    assert prove_all(job, finite).max_error == np.inf


def test_a_zero_tap_on_infinity_is_nan() -> None:
    x = np.zeros((1, 1, 7), np.float32)
    x[0, 0, 3] = np.inf
    weight = np.array([[[[1, 0, -1]]]], np.float32)
    job = ProofJob(x, weight, amounts=((0, 0), (0, 0)), stride=(1, 1), dilation=(1, 1))
    right = np.array([[[0, -np.inf, np.nan, np.inf, 0]]], np.float32)
    assert prove_all(job, right).ok
    assert not prove_all(job, np.nan_to_num(right, nan=0.0, posinf=np.inf, neginf=-np.inf)).ok


def test_overflow_of_float32_is_not_a_mistake() -> None:
    x = np.full((1, 1, 8), 3e38, np.float32)
    weight = np.full((1, 1, 1, 3), 10, np.float32)
    job = ProofJob(x, weight, amounts=((0, 0), (0, 0)), stride=(1, 1), dilation=(1, 1))
    assert prove_all(job, np.full((1, 1, 6), np.inf, np.float32)).ok
    assert not prove_all(job, np.full((1, 1, 6), 1e38, np.float32)).ok


def test_tiny_weights_count() -> None:
    """ndimage itself would leave out every tap below 2.2e-16."""
    x = np.ones((1, 4, 4))
    job = ProofJob(x, np.full((1, 1, 2, 2), 1e-20), ((0, 0), (0, 0)), (1, 1), (1, 1))
    assert prove_all(job, np.full((1, 3, 3), 4e-20)).ok
    assert not prove_all(job, np.zeros((1, 3, 3))).ok


@pytest.mark.parametrize(("stride", "dilation"), [((1, 1), (7, 7)), ((64, 64), (1, 1)), ((6, 4), (4, 6))])
def test_large_strides_and_dilations(stride: tuple[int, int], dilation: tuple[int, int]) -> None:
    job, shown = picture((1, 200, 210), (3, 5), stride=stride, dilation=dilation, padding_mode="circular")
    for seed in range(5):
        assert prove_crop(job, shown, rng=np.random.default_rng(seed)).ok
        assert not prove_crop(job, shown + 1e-3, rng=np.random.default_rng(seed)).ok


@pytest.mark.parametrize("kernel", [(3, 3), (63, 63)])
@pytest.mark.parametrize("stride", [(1, 1), (64, 64)])
@pytest.mark.parametrize("dilation", [(1, 1), (16, 16)])
def test_a_large_picture_is_never_padded_or_copied(
    kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> None:
    """12 megapixels of float32 are 48 MB; the proof's own memory stays a small part of that."""
    plane = np.zeros((1, 3000, 4000), np.float32)
    weight = np.ones((1, 1, *kernel), np.float32)
    reach = [(d * (k - 1) // 2,) * 2 for k, d in zip(kernel, dilation, strict=True)]
    job = ProofJob(plane, weight, (reach[0], reach[1]), stride, dilation)
    shown = np.broadcast_to(np.zeros((), np.float32), job.out_shape())
    prove_crop(job, shown, rng=np.random.default_rng(0))  # SciPy's import is not the proof's memory
    tracemalloc.start()
    try:
        proof = prove_crop(job, shown, rng=np.random.default_rng(0))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert proof.ok
    assert proof.cells >= 1
    assert peak < 8e6


def test_the_crop_says_where_it_looked() -> None:
    job, shown = picture((3, 90, 120))
    seen = set()
    for seed in range(40):
        proof = prove_crop(job, shown, rng=np.random.default_rng(seed), cells=400)
        top, left, height, width = proof.crop
        assert (height, width) == (20, 20)
        assert 0 <= top <= 90 - height
        assert 0 <= left <= 120 - width
        assert proof.cells == 3 * 400
        assert proof.channels == (0, 1, 2)
        assert proof.seconds > 0
        spoiled = shown.copy()
        spoiled[2, top + height - 1, left + width - 1] += 1
        assert not prove_crop(job, spoiled, rng=np.random.default_rng(seed), cells=400).ok
        seen.add((top, left))
    assert len(seen) > 20
    assert {top for top, _ in seen} >= {0, 70}, "borders are where mistakes like to be"


def test_a_result_of_another_shape_is_not_compared() -> None:
    job, shown = picture()
    with pytest.raises(ValueError, match=r"\(1, 60, 70\).*\(1, 59, 70\)"):
        prove_crop(job, shown[:, 1:])
    with pytest.raises(ValueError, match="int64"):
        prove_crop(job, shown.astype(np.int64))
    with pytest.raises(ValueError, match="finite"):
        prove_crop(replace(job, weight=job.weight * np.float32(np.nan)), shown)


@given(seed=st.integers(0, 99), bad=st.sampled_from([None, np.nan, np.inf, -np.inf]))
@settings(deadline=None, max_examples=30)
def test_peak_is_the_largest_finite_magnitude(seed: int, bad: float | None) -> None:
    x = np.random.default_rng(seed).standard_normal((2, 7, 9))
    expected = float(np.abs(x).max())
    if bad is not None:
        x[0, 3, 4] = 0 if abs(x[0, 3, 4]) == expected else x[0, 3, 4]
        expected = float(np.abs(x).max())
        x[1, 0, 0] = bad if abs(x[1, 0, 0]) < expected else x[1, 0, 0]
    assert peak_of(x) == expected
    assert peak_of(x.transpose(2, 0, 1)) == expected


def test_importing_the_proof_does_not_import_scipy() -> None:
    code = (
        "import sys, convstudio.engine.proof, convstudio.engine.random_jobs; sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
