"""The commands: what they write is what SciPy computes, and anything wrong is one line and exit code 2."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import signal

from convstudio.cli import run
from convstudio.core import ALGORITHMS
from convstudio.io.samples import load_sample
from convstudio.kernels import PRESETS
from tests.oracles import amounts_of, numpy_pad, zero_stuffed

SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
LUMA = np.array([0.2126, 0.7152, 0.0722])


def bell(size: int, sigma: float) -> np.ndarray:
    x = np.arange(size) - (size - 1) / 2
    row = np.exp(-(x**2) / (2 * sigma**2))
    return np.outer(row, row) / row.sum() ** 2


def filtered(values: np.ndarray, kernel: np.ndarray, **how: Any) -> np.ndarray:
    """Return what SciPy makes of ``(C, H, W)``, stride taken from the dense result."""
    stride, dilation = how.get("stride", (1, 1)), how.get("dilation", (1, 1))
    kernel = np.flip(kernel) if how.get("flip") else kernel
    amounts = amounts_of(how.get("padding", "same"), values.shape[1:], kernel.shape, stride, dilation)
    padded = numpy_pad(values.astype(np.float64), amounts, how.get("mode", "reflect"), how.get("value", 0.0))
    stuffed = zero_stuffed(kernel, dilation)
    planes = [signal.correlate(plane, stuffed, "valid", "direct") for plane in padded]
    return np.stack(planes)[:, :: stride[0], :: stride[1]] + how.get("bias", 0.0)


def read(path: Path) -> np.ndarray:
    """Return a written file as stored, ``(C, H, W)``, by other code than the program's."""
    if path.suffix == ".npy":
        stored: np.ndarray = np.load(path)
        return stored
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels[:, :, ::-1].transpose(2, 0, 1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a piece of the still life as PNG of 8 and 16 bits, JPEG, TIFF and .npy, and bad files."""
    folder = tmp_path_factory.mktemp("pictures")
    piece = load_sample("still-life").values[:, 200:290, 300:421]  # 90 × 121, colourful
    pixels = np.ascontiguousarray(piece.transpose(1, 2, 0)[:, :, ::-1])
    for name, stored in {
        "photo.png": np.rint(pixels * 255).astype(np.uint8),
        "photo.jpg": np.rint(pixels * 255).astype(np.uint8),
        "deep.png": np.rint(pixels**1.1 * 65535).astype(np.uint16),
        "float.tiff": pixels * 3 - 1,
    }.items():
        assert cv2.imwrite(str(folder / name), stored)
    np.save(folder / "array.npy", piece * 5 - 2)
    np.save(folder / "dot.npy", np.ones((1, 1, 1), np.float32))
    np.save(folder / "holes.npy", np.where(piece > 0.9, np.nan, piece))
    photo = (folder / "photo.png").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(photo[:90])
    (folder / "half.png").write_bytes(photo[: len(photo) // 2])
    (folder / "text.png").write_text("this is no picture\n" * 20)
    # A header that promises 900 million pixels.
    (folder / "huge.bmp").write_bytes(
        b"BM"
        + (26 + 12).to_bytes(4, "little")
        + bytes(8)
        + (40).to_bytes(4, "little")
        + (30000).to_bytes(4, "little") * 2
        + b"\1\0\x18\0"
        + bytes(24)
    )
    (folder / "folder").mkdir()
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


Scale = {"photo.png": 255.0, "photo.jpg": 255.0, "deep.png": 65535.0, "float.tiff": 1.0, "array.npy": 1.0}


def values_of(path: Path) -> np.ndarray:
    return read(path).astype(np.float64) / Scale[path.name]


# --- right ---


@pytest.mark.parametrize("name", list(Scale))
def test_every_kind_of_picture_is_filtered_as_scipy_does(name: str, pictures: Path) -> None:
    code = run(["apply", str(pictures / name), "--kernel", "sobel-x", "-o", "out.npy"])
    assert code == 0
    result = read(Path("out.npy"))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, filtered(values_of(pictures / name), SOBEL), atol=2e-5)


HOW: list[tuple[str, np.ndarray, dict[str, Any]]] = [
    ("--kernel gaussian --size 9 --sigma 2", bell(9, 2), {}),
    (
        "--kernel gaussian --size 9 --sigma 2 --padding same --padding-mode reflect --stride 2 --dilation 1",
        bell(9, 2),
        {"stride": (2, 2)},
    ),
    ("--kernel sobel-x --convolution", SOBEL, {"flip": True}),
    ("--kernel sobel-x --stride 2,3 --dilation 3,2", SOBEL, {"stride": (2, 3), "dilation": (3, 2)}),
    (
        "--kernel gaussian --size 6 --padding same-lower --padding-mode zeros",
        bell(6, 1.5),
        {"padding": "same_lower", "mode": "zeros"},
    ),
    (
        "--kernel sobel-x --padding full --padding-mode symmetric",
        SOBEL,
        {"padding": "full", "mode": "symmetric"},
    ),
    ("--kernel sobel-x --padding valid --bias -1/2", SOBEL, {"padding": "valid", "bias": -0.5}),
    (
        "--kernel sobel-x --padding 3 --padding-mode replicate --bias -1e-1",
        SOBEL,
        {"padding": ((3, 3), (3, 3)), "mode": "replicate", "bias": -0.1},
    ),
    (
        "--kernel sobel-x --padding 0,5 --padding-mode circular",
        SOBEL,
        {"padding": ((0, 0), (5, 5)), "mode": "circular"},
    ),
    (
        "--kernel sobel-x --padding 1,2,3,4 --padding-value -0.25",
        SOBEL,
        {"padding": ((1, 2), (3, 4)), "mode": "constant", "value": -0.25},
    ),
]


@pytest.mark.parametrize(("options", "kernel", "how"), HOW, ids=[row[0] for row in HOW])
def test_every_way_to_apply_a_kernel_agrees_with_scipy(
    options: str, kernel: np.ndarray, how: dict[str, Any], pictures: Path
) -> None:
    photo = pictures / "photo.jpg"
    assert run(["apply", str(photo), *options.split(), "-o", "out.npy"]) == 0
    np.testing.assert_allclose(read(Path("out.npy")), filtered(values_of(photo), kernel, **how), atol=1e-5)


@pytest.mark.parametrize("weights", ["-1 0 1", "-1,0,1", "-1; 0; 1", "[[-1, 0.5], [-1/3, 2]]", "−2"])
def test_weights_may_begin_with_a_minus(weights: str, pictures: Path) -> None:
    kernels = {
        "-1; 0; 1": np.array([[-1.0], [0], [1]]),
        "[[-1, 0.5], [-1/3, 2]]": np.array([[-1, 0.5], [-1 / 3, 2]]),
        "−2": np.array([[-2.0]]),
    }
    kernel = kernels.get(weights, np.array([[-1.0, 0, 1]]))
    photo = pictures / "photo.png"
    assert run(["apply", str(photo), "--weights", weights, "-o", "out.npy"]) == 0
    np.testing.assert_allclose(read(Path("out.npy")), filtered(values_of(photo), kernel), atol=1e-5)


def test_luminance_is_one_channel_of_weighted_colours(pictures: Path) -> None:
    photo = pictures / "photo.png"
    assert run(["apply", str(photo), "--kernel", "sobel-x", "--channels", "luminance", "-o", "out.tif"]) == 0
    luma = np.tensordot(LUMA, values_of(photo), 1)[np.newaxis]
    result = read(Path("out.tif"))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, filtered(luma, SOBEL), atol=1e-5)


def test_a_bias_is_added_to_the_luminance_too(pictures: Path) -> None:
    photo = pictures / "photo.png"
    options = ["--channels", "luminance", "--bias", "0.5"]
    assert run(["apply", str(photo), "--kernel", "sobel-x", *options, "-o", "out.npy"]) == 0
    luma = np.tensordot(LUMA, values_of(photo), 1)[np.newaxis]
    np.testing.assert_allclose(read(Path("out.npy")), filtered(luma, SOBEL) + 0.5, atol=1e-5)


def test_all_channels_are_added_up_into_one(pictures: Path) -> None:
    photo = pictures / "photo.png"
    assert run(["apply", str(photo), "--kernel", "sobel-x", "--channels", "all", "-o", "out.npy"]) == 0
    total = filtered(values_of(photo), SOBEL).sum(axis=0, keepdims=True)
    np.testing.assert_allclose(read(Path("out.npy")), total, atol=1e-5)


@pytest.mark.parametrize("word", ["each", "all", "luminance"])
def test_a_grey_picture_is_itself_however_its_channel_is_taken(word: str, here: Path) -> None:
    grey = np.random.default_rng(0).random((1, 9, 11), dtype=np.float32)
    np.save("grey.npy", grey)
    assert run(["apply", "grey.npy", "--kernel", "sobel-x", "--channels", word, "-o", "out.npy"]) == 0
    np.testing.assert_allclose(read(Path("out.npy")), filtered(grey, SOBEL), atol=1e-5)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_holds_the_clamped_values_to_half_a_step(bits: int, pictures: Path) -> None:
    photo = pictures / "deep.png"
    assert run(["apply", str(photo), "--kernel", "gaussian", "--bits", str(bits), "-o", "out.png"]) == 0
    result, top = read(Path("out.png")), 2**bits - 1
    assert result.dtype == (np.uint8 if bits == 8 else np.uint16)
    exact = np.clip(filtered(values_of(photo), bell(9, 1.5)), 0, 1) * top
    assert np.abs(result - exact).max() <= 0.5 + 1e-6 * top


def test_the_signed_view_is_grey_at_zero_and_bright_where_the_picture_brightens(pictures: Path) -> None:
    photo = pictures / "photo.png"
    assert run(["apply", str(photo), "--kernel", "sobel-x", "--view", "signed", "-o", "out.png"]) == 0
    shown, exact = read(Path("out.png")).astype(float), filtered(values_of(photo), SOBEL)
    assert np.abs(shown[np.abs(exact) < 1e-3] - 127.5).max() <= 1
    assert np.corrcoef(shown.ravel(), exact.ravel())[0, 1] > 0.9


def test_the_result_may_replace_its_picture(pictures: Path, here: Path) -> None:
    own = here / "own.png"
    own.write_bytes((pictures / "photo.png").read_bytes())
    assert run(["apply", "own.png", "--kernel", "mean", "-o", "own.png"]) == 0
    exact = filtered(values_of(pictures / "photo.png"), np.full((3, 3), 1 / 9)) * 255
    assert np.abs(read(own) - exact).max() <= 0.501
    assert os.listdir(here) == ["own.png"]


# --- informative ---


def test_apply_says_in_a_line_what_it_wrote(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["apply", str(pictures / "photo.png"), "--kernel", "gaussian", "--stride", "2", "-o", "out.tif"])
    out, err = capsys.readouterr()
    result = read(Path("out.tif"))
    assert out.startswith("out.tif: 61×45 pixels, 3 channels, ")
    assert f"values {result.min():.6g} to {result.max():.6g}" in out
    assert "Gaussian 9×9" in out
    assert out.count("\n") == 1
    assert not err


def test_what_a_png_cannot_hold_is_counted(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["apply", str(pictures / "photo.png"), "--kernel", "sobel-x", "-o", "out.npy"])
    result = read(Path("out.npy"))
    outside = int(((result < 0) | (result > 1)).sum())
    capsys.readouterr()
    run(["apply", str(pictures / "photo.png"), "--kernel", "sobel-x", "-o", "out.png"])
    assert f"{outside} of {result.size} values" in capsys.readouterr().err


def test_damage_and_holes_are_told_and_the_rest_is_filtered(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", str(pictures / "half.png"), "--kernel", "mean", "-o", "out.npy"]) == 0
    assert "damaged" in capsys.readouterr().err
    assert run(["apply", str(pictures / "holes.npy"), "--kernel", "mean", "-o", "out.npy"]) == 0
    out, err = capsys.readouterr()
    missing = int((~np.isfinite(read(Path("out.npy")))).sum())
    assert f"{missing} values not finite" in out
    assert "NaN" in err


def test_options_that_make_no_difference_are_told(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = str(pictures / "photo.png")
    assert run(["apply", photo, "--kernel", "mean", "--view", "signed", "-o", "out.npy"]) == 0
    assert "--view makes no difference" in capsys.readouterr().err


def test_a_result_is_proven_on_demand(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["apply", str(pictures / "photo.png"), "--kernel", "gabor", "--prove", "-o", "out.npy"]
    assert run(command) == 0
    assert "matches SciPy" in capsys.readouterr().out


def test_a_result_that_differs_from_scipy_ends_with_1(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import convstudio.layers.conv as layer

    right = layer.conv
    monkeypatch.setattr(layer, "conv", lambda *a, **k: right(*a, **k) + np.float32(0.01))
    command = ["apply", str(pictures / "photo.png"), "--kernel", "gabor", "--prove", "-o", "out.npy"]
    assert run(command) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_kernels_lists_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels"]) == 0
    listed = re.findall(r"^  (\S+)", capsys.readouterr().out, re.MULTILINE)
    assert listed == list(PRESETS)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_kernel_is_shown_with_weights_that_can_be_typed_again(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from convstudio.kernels.text import parse_grid

    assert run(["kernels", name]) == 0
    out = capsys.readouterr().out
    kernel = PRESETS[name].make()
    shown = parse_grid("\n".join(out.splitlines()[-kernel.shape[0] :]))
    np.testing.assert_allclose(shown, kernel.values, rtol=1e-5)
    assert PRESETS[name].summary in out
    assert PRESETS[name].source in out


def test_a_kernel_is_shown_with_the_parameters_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "gaussian", "--size", "3", "--sigma", "1/2"]) == 0
    last = capsys.readouterr().out.splitlines()[-3:]
    np.testing.assert_allclose([[float(v) for v in row.split()] for row in last], bell(3, 0.5), rtol=1e-5)


def test_prove_is_repeatable(capsys: pytest.CaptureFixture[str]) -> None:
    def proof() -> str:
        assert run(["prove", "--count", str(len(ALGORITHMS) + 1), "--seed", "3"]) == 0
        return re.sub(r"in [0-9.]+ s", "", capsys.readouterr().out)

    first = proof()
    assert first == proof()
    assert "all agree with SciPy" in first
    assert all(word in first for word in ("auto", *ALGORITHMS))


@pytest.mark.parametrize("command", ["apply", "kernels", "prove"])
def test_help_ends_well_and_gives_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"\n  convstudio {command} " in out
    assert "exit codes" in out


# --- clear about what is wrong ---

# What is typed after `apply PICTURE`, and what the one line must name.
BAD: list[tuple[str, str, list[str]]] = [
    ("nothing.png", "--kernel mean -o out.png", ["nothing.png", "no such file"]),
    ("empty.png", "--kernel mean -o out.png", ["empty.png", "0 bytes"]),
    ("cut.png", "--kernel mean -o out.png", ["cut.png", "damaged"]),
    ("text.png", "--kernel mean -o out.png", ["text.png", "not a picture"]),
    ("huge.bmp", "--kernel mean -o out.png", ["huge.bmp", "too large", "30000"]),
    ("folder", "--kernel mean -o out.png", ["folder"]),
    ("photo.png", "--kernel gausian -o out.png", ["gausian", "did you mean gaussian"]),
    ("photo.png", "--kernel sobel -o out.png", ["sobel-x", "sobel-y"]),
    ("photo.png", "-o out.png", ["--kernel", "--weights"]),
    ("photo.png", "--kernel mean", ["-o"]),
    ("photo.png", "--kernel gaussian --angle 3 -o out.png", ["gaussian has no --angle", "--sigma"]),
    ("photo.png", "--kernel prewitt-x --size 3 -o out.png", ["no parameters"]),
    ("photo.png", "--kernel gaussian --size nine -o out.png", ["--size", "whole number", "nine"]),
    ("photo.png", "--kernel gaussian --size 64 -o out.png", ["--size", "63", "64"]),
    ("photo.png", "--kernel gaussian --size 4.5 -o out.png", ["--size", "4.5"]),
    ("photo.png", "--kernel gaussian --sigma two -o out.png", ["--sigma", "two"]),
    ("photo.png", "--kernel gaussian --sigma inf -o out.png", ["--sigma", "inf"]),
    ("photo.png", "--kernel gaussian --sigma -1 -o out.png", ["--sigma", "-1"]),
    ("photo.png", "--kernel gaussian --size -o out.png", ["--size"]),
    ("photo.png", "--kernel emboss --direction up -o out.png", ["--direction", "NW"]),
    ("photo.png", "--weights 1,inf,1 -o out.png", ["--weights", "column 2", "finite"]),
    ("photo.png", "--weights -inf -o out.png", ["--weights", "finite"]),
    ("photo.png", "--weights nan -o out.png", ["--weights", "finite"]),
    ("photo.png", "--weights a -o out.png", ["--weights", "“a”"]),
    ("photo.png", "--weights 1;2;3 --size 3 -o out.png", ["--size", "--weights"]),
    ("photo.png", "--weights 1 --kernel mean -o out.png", ["--weights", "--kernel"]),
    ("photo.png", "--kernel mean --padding sam -o out.png", ["--padding", "same_lower", "sam"]),
    ("photo.png", "--kernel mean --padding -1 -o out.png", ["--padding", "-1"]),
    ("photo.png", "--kernel mean --padding 1,2,3 -o out.png", ["--padding", "top,bottom,left,right"]),
    ("photo.png", "--kernel mean --padding-mode mirror -o out.png", ["--padding-mode", "reflect", "mirror"]),
    ("photo.png", "--kernel mean --padding-mode zeros --padding-value 1 -o out.png", ["--padding-value"]),
    ("photo.png", "--kernel mean --stride 0 -o out.png", ["--stride", "0"]),
    ("photo.png", "--kernel mean --stride 1,2,3 -o out.png", ["--stride", "1,2,3"]),
    ("photo.png", "--kernel mean --dilation x -o out.png", ["--dilation", "x"]),
    ("photo.png", "--kernel mean --bias nan -o out.png", ["--bias", "nan"]),
    ("photo.png", "--kernel mean --channels red -o out.png", ["--channels", "luminance"]),
    ("photo.png", "--kernel mean --channels grouped -o out.png", ["--channels", "luminance"]),
    ("photo.png", "--kernel mean --size 63 --dilation 4 --padding valid -o out.png", ["249", "90 px high"]),
    ("dot.npy", "--kernel mean -o out.png", ["reflect", "1 px"]),
    ("photo.png", "--kernel mean --view pink -o out.png", ["--view", "signed", "pink"]),
    ("photo.png", "--kernel mean --bits 12 -o out.png", ["--bits", "12"]),
    ("photo.png", "--kernel mean --sgima 2 -o out.png", ["--sgima", "did you mean --sigma"]),
    ("photo.png", "--kernel mean --dil 2 -o out.png", ["--dil", "--dilation"]),
    ("photo.png", "other.png --kernel mean -o out.png", ["other.png"]),
    ("photo.png", "--kernel mean -o out.jpg", ["out.jpg", ".png", ".npy"]),
    ("photo.png", "--kernel mean -o out", [".png"]),
    ("photo.png", "--kernel mean -o nowhere/out.png", ["out.png", "folder does not exist"]),
    ("photo.png", "--kernel mean -o .", [".png"]),
]


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on stderr, after making sure that it is all that was said."""
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("convstudio: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    return err


@pytest.mark.parametrize(("name", "options", "words"), BAD, ids=[f"{row[0]} {row[1]}" for row in BAD])
def test_what_is_wrong_with_apply_is_one_line_and_no_file(
    name: str,
    options: str,
    words: list[str],
    pictures: Path,
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["apply", str(pictures / name), *options.split()]) == 2
    line = complaint(capsys)
    assert all(word in line for word in words), line
    assert os.listdir(here) == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("kernels sobelx", "sobel-x"),
        ("kernels gaussian mean", "mean"),
        ("kernels gaussian --size big", "--size"),
        ("kernels --size 3", "NAME"),
        ("prove --count some", "--count"),
        ("prove --count 0", "--count"),
        ("prove --seed -1", "--seed"),
        ("prove --cuont 3", "--count"),
        ("prove 7", "7"),
    ],
)
def test_what_is_wrong_with_the_others_is_one_line(
    arguments: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments.split()) == 2
    assert word in complaint(capsys)


def test_an_unwritable_kind_of_file_is_refused_before_the_work(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The picture is missing as well; the cheaper check comes first.
    assert run(["apply", str(pictures / "nothing.png"), "--kernel", "mean", "-o", "out.gif"]) == 2
    assert "out.gif" in complaint(capsys)


def test_a_name_with_line_ends_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "a\nb\x1b[2J\udcff.png", "--kernel", "mean", "-o", "out.png"]) == 2
    assert "\x1b" not in complaint(capsys)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    pictures: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    (here / "out.npy").write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        code = run(["apply", str(pictures / "photo.png"), "--kernel", "mean", "-o", "out.npy"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 2
    assert "out.npy was not saved" in complaint(capsys)
    assert os.listdir(here) == ["out.npy"]
    assert (here / "out.npy").read_bytes() == b"old"


def test_a_file_that_may_not_be_written_is_kept(
    pictures: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "out.npy").write_bytes(b"old")
    (here / "out.npy").chmod(0o444)
    access: Callable[..., bool] = os.access  # the superuser may write it all the same
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    assert run(["apply", str(pictures / "photo.png"), "--kernel", "mean", "-o", "out.npy"]) == 2
    assert "may not write" in complaint(capsys)
    assert (here / "out.npy").read_bytes() == b"old"


def test_too_little_memory_is_said(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("convstudio.layers.conv.conv", fail)
    assert run(["apply", str(pictures / "photo.png"), "--kernel", "mean", "-o", "out.npy"]) == 2
    assert "memory" in complaint(capsys)


def test_ctrl_c_is_130_and_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("convstudio.engine.random_jobs.prove", interrupt)
    assert run(["prove"]) == 130
    assert "interrupted" in complaint(capsys)


# --- in the hands of a shell ---


def start(*arguments: str, stdout: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "convstudio", *arguments]
    root = Path(__file__).resolve().parents[1]
    return subprocess.run(
        command, cwd=root, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=120
    )


@pytest.mark.skipif(os.name != "posix", reason="pipes break otherwise elsewhere")
def test_a_reader_that_has_had_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = start("kernels", stdout=writer)
    finally:
        os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = start("kernels", stdout=full)
    finally:
        os.close(full)
    assert done.stderr.count("\n") == 1
    assert "standard output" in done.stderr
    assert done.returncode == 2
