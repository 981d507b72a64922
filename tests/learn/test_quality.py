"""PSNR and SSIM against the definition in plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convstudio.core import Cancelled, Control
from convstudio.learn import bands, quality
from convstudio.learn.quality import psnr, ssim


def loop_ssim(a: np.ndarray, b: np.ndarray, peak: float, keep: np.ndarray | None = None) -> float:
    """The formula of Wang et al. (2004), equations 13 to 17, window by window, without E[x²] − μ²."""
    x = np.arange(11) - 5.0
    weights = np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    found = []
    counts = np.ones(a.shape, bool) if keep is None else keep
    for one, other, kept in zip(a.astype(np.float64), b.astype(np.float64), counts, strict=True):
        for i in range(one.shape[0] - 10):
            for j in range(one.shape[1] - 10):
                if not kept[i : i + 11, j : j + 11].all():
                    continue
                p, q = one[i : i + 11, j : j + 11], other[i : i + 11, j : j + 11]
                mp, mq = (weights * p).sum(), (weights * q).sum()
                vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
                both = (weights * (p - mp) * (q - mq)).sum()
                c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
                found.append((2 * mp * mq + c1) * (2 * both + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return float(np.mean(found))


def pictures(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    a = random.random(shape).astype(np.float32)
    return a, np.clip(a + random.normal(0, 0.2, shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 11, 11), (1, 30, 17), (3, 14, 26)])
@pytest.mark.parametrize("peak", [1.0, 255.0])
def test_ssim_is_the_formula(shape: tuple[int, ...], peak: float) -> None:
    a, b = pictures(shape)
    a, b = a * np.float32(peak), b * np.float32(peak)
    assert ssim(a, b, peak) == pytest.approx(loop_ssim(a, b, peak), abs=1e-9)


def test_bands_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pictures((2, 61, 40))
    whole = ssim(a, b), psnr(a, b)
    for module in (quality, bands):
        monkeypatch.setattr(module, "BAND_CELLS", 40 * 7)
    assert (ssim(a, b), psnr(a, b)) == pytest.approx(whole, rel=1e-12)


def test_cells_that_are_left_out_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pictures((2, 40, 33))
    keep = np.random.default_rng(1).random(a.shape) > 0.004
    keep[1, 20:] = False
    monkeypatch.setattr(quality, "BAND_CELLS", 33 * 7)
    assert ssim(a, b, keep=keep) == pytest.approx(loop_ssim(a, b, 1.0, keep), abs=1e-9)
    errors = (a.astype(np.float64) - b)[keep]
    assert psnr(a, b, keep=keep) == pytest.approx(-10 * math.log10((errors**2).mean()), rel=1e-12)
    b[~keep] = np.float32(99.0)  # whatever stands there
    assert psnr(a, b, keep=keep) == pytest.approx(-10 * math.log10((errors**2).mean()), rel=1e-12)
    assert ssim(a, b, keep=keep) == pytest.approx(loop_ssim(a, b, 1.0, keep), abs=1e-9)
    assert math.isnan(psnr(a, b, keep=np.zeros(a.shape, bool)))
    keep[:, ::8, ::8] = False  # cells are left, whole windows are not
    assert math.isnan(ssim(a, b, keep=keep))
    assert psnr(a, b, keep=keep) > 0


def test_equal_pictures() -> None:
    a, _ = pictures((3, 20, 20))
    assert ssim(a, a) == pytest.approx(1.0, abs=1e-12)
    assert psnr(a, a) == math.inf


def test_psnr_of_known_errors() -> None:
    a = np.zeros((1, 4, 5), np.float32)
    assert psnr(a, a + np.float32(0.125)) == pytest.approx(20 * math.log10(8), rel=1e-12)
    assert psnr(a, a + np.float32(16), 255.0) == pytest.approx(20 * math.log10(255 / 16), rel=1e-12)
    b = a.copy()
    b[0, 1, 2] = 0.5  # one of 20 pixels: the mean square is 1/80
    assert psnr(a, b) == pytest.approx(10 * math.log10(80), rel=1e-12)


def test_what_cannot_be_compared() -> None:
    a, b = pictures((1, 10, 30))
    with pytest.raises(ValueError, match="at least 11×11 pixels"):
        ssim(a, b)
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match="same shape"):
            measure(a, b[:, 1:])


def test_it_can_be_cancelled() -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        ssim(*pictures((1, 20, 20)), control=control)
