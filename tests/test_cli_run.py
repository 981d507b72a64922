"""``run``: every picture as the engine computes it, bad ones passed over, nothing overwritten unasked."""

from __future__ import annotations

import gc
import os
import stat
import weakref
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convstudio import app
from convstudio.cli import run
from convstudio.engine.display import render_rgb
from convstudio.engine.run_stack import run_stack
from convstudio.io.images import load_picture
from convstudio.io.project_file import save_project
from convstudio.io.samples import load_sample
from convstudio.kernels import Bank, preset
from convstudio.layers import Activation, Conv, Luminance, MaxPool
from convstudio.layers.unknown import UnknownLayer
from convstudio.model import LayerItem, Look, Project

BANK = Bank.of(preset("sobel-x").make(), preset("sobel-y").make())
STACK = (
    LayerItem("luminance-1", Luminance(), look=Look("clamped")),
    LayerItem("conv-1", Conv(bank=BANK), "Edges", look=Look("absolute", 1)),
    LayerItem("max_pool-1", MaxPool(), look=Look("absolute")),
    LayerItem("conv-2", Conv.of(preset("mean").make(), channels="all"), look=Look("minmax")),
    LayerItem("conv-3", Conv(), "Off", enabled=False),
)
PROJECT = Project(load_sample("impulse"), STACK)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project, three pictures and a bad one in ``photos``."""
    monkeypatch.chdir(tmp_path)
    save_project("stack.convstudio", PROJECT, {}, embed=True)
    os.mkdir("photos")
    piece = load_sample("still-life").values[:, 200:290, 300:421].transpose(1, 2, 0)
    for name, part in {"a.png": piece, "b.jpg": piece[:50], "C.TIFF": piece[:, :40]}.items():
        assert cv2.imwrite(f"photos/{name}", np.rint(part * 255).astype(np.uint8))
    Path("photos", "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    Path("photos", "notes.txt").write_text("not a picture")
    return tmp_path


def expected(image: str, layer: str | None = None) -> np.ndarray[Any, Any]:
    return run_stack(PROJECT, load_picture(image).values, until=layer or "conv-2")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert all(line.startswith("convstudio: ") for line in err.splitlines())
    return [line.removeprefix("convstudio: ") for line in err.splitlines()]


def names(folder: str = "out") -> list[str]:
    return sorted(os.listdir(folder))


# --- right ---


def test_a_folder_of_pictures_is_done_and_the_bad_one_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "stack.convstudio", "photos", "-o", "out", "--format", "npy"]) == 2
    said = capsys.readouterr()
    assert names() == ["C.npy", "a.npy", "b.npy"]
    for image in ("a.png", "b.jpg", "C.TIFF"):
        assert_array_equal(np.load(Path("out", image).with_suffix(".npy")), expected(f"photos/{image}"))
    assert "photos/a.png: a.npy, 60×45 pixels, 1 channel" in said.out.splitlines()
    assert said.err.splitlines()[0].startswith("convstudio: bad.png is a damaged PNG")
    assert said.err.splitlines()[1] == "convstudio: 1 of 4 pictures could not be done"


def test_a_png_is_what_the_window_shows() -> None:
    assert run(["run", "stack.convstudio", "photos/a.png", "-o", "out"]) == 0
    stored = cv2.imread("out/a.png", cv2.IMREAD_UNCHANGED)
    shown = render_rgb(expected("photos/a.png"), "minmax")
    assert_array_equal(stored, shown[:, :, 0])
    assert (
        run(["run", "stack.convstudio", "photos/a.png", "-o", "out", "--view", "signed", "--bits", "16"]) == 0
    )
    stored = cv2.imread("out/a.png", cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert_array_equal(stored[:, :, ::-1], render_rgb(expected("photos/a.png"), "signed", bits=16))


@pytest.mark.parametrize("layer", ["edges", "conv-1", "2", "Edges"])
def test_a_layer_is_named_or_counted_and_its_channels_are_files(layer: str) -> None:
    assert run(["run", "stack.convstudio", "photos/a.png", "-o", "out", "--layer", layer]) == 0
    assert names() == ["a_ch00.png", "a_ch01.png"]
    maps = expected("photos/a.png", "conv-1")
    for channel in (0, 1):
        stored = cv2.imread(f"out/a_ch0{channel}.png", cv2.IMREAD_UNCHANGED)
        assert_array_equal(stored, render_rgb(maps, "absolute", channel=channel)[:, :, 0])


def test_many_channels_are_one_array_or_a_float_picture_each() -> None:
    assert (
        run(["run", "stack.convstudio", "photos/a.png", "-o", "out", "--layer", "3", "--format", "npy"]) == 0
    )
    assert (
        run(["run", "stack.convstudio", "photos/a.png", "-o", "out", "--layer", "3", "--format", "tif"]) == 0
    )
    assert names() == ["a.npy", "a_ch00.tif", "a_ch01.tif"]
    maps = np.load("out/a.npy")
    assert maps.shape == (2, 45, 60)
    assert_array_equal(load_picture("out/a_ch01.tif").values[0], maps[1])


def test_it_stands_among_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["run", "--help"]) == 0
    assert "convstudio run edges.convstudio photos -o results" in capsys.readouterr().out
    assert app.main(["--help"]) == 0
    assert "run       apply the layers of a saved project" in capsys.readouterr().out
    assert app.main(["run", "stack.convstudio", "photos/b.jpg", "-o", "deep/er"]) == 0
    assert names("deep/er") == ["b.png"]


def test_the_pictures_of_the_project_are_not_needed() -> None:
    save_project("lost.convstudio", PROJECT.with_picture(load_picture("photos/a.png")), {}, embed=False)
    os.rename("photos/a.png", "other.png")
    assert run(["run", "lost.convstudio", "other.png", "-o", "out"]) == 0


# --- picture by picture ---


def test_a_picture_that_a_layer_does_not_fit_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    np.save("dot.npy", np.ones((1, 1, 1), np.float32))
    layers = (LayerItem("c", Conv(padding="valid")),)
    save_project("valid.convstudio", Project(PROJECT.picture, layers), {}, embed=True)
    assert run(["run", "valid.convstudio", "dot.npy", "photos/a.png", "-o", "out"]) == 2
    first, last = lines(capsys)
    assert first.startswith("dot.npy: layer 1 (Sobel x): ")
    assert last == "1 of 2 pictures could not be done"
    assert names() == ["a.png"]


def test_only_one_picture_is_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Any] = []
    counts = []
    original = Luminance.forward

    def spy(self: Luminance, x: Any, **how: Any) -> Any:
        gc.collect()
        counts.append(sum(ref() is not None for ref in held))
        held.append(weakref.ref(x))
        return original(self, x, **how)

    monkeypatch.setattr(Luminance, "forward", spy)
    assert run(["run", "stack.convstudio", "photos/a.png", "photos/b.jpg", "photos/C.TIFF", "-o", "out"]) == 0
    assert counts == [0, 0, 0]


def test_a_channel_and_a_picture_do_not_overwrite_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    three = Bank.of(*[preset("sobel-x").make()] * 3)  # of each channel: 3 maps of grey, 9 of colours
    save_project(
        "three.convstudio", Project(PROJECT.picture, (LayerItem("c", Conv(bank=three)),)), {}, embed=True
    )
    np.save("a_ch01.npy", np.ones((1, 9, 9), np.float32))
    assert run(["run", "three.convstudio", "photos/a.png", "a_ch01.npy", "-o", "out"]) == 2
    assert names() == [f"a_ch0{n}.png" for n in range(9)]
    assert lines(capsys) == [
        "a_ch01.npy: its result a_ch01.png would overwrite another file",
        "1 of 2 pictures could not be done",
    ]


def test_damaged_and_partial_pictures_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    data = Path("photos/a.png").read_bytes()
    Path("half.png").write_bytes(data[: len(data) // 2])
    assert run(["run", "stack.convstudio", "half.png", "-o", "out"]) == 0
    assert lines(capsys) == ["half.png: Opened partially: the file is damaged."]


# --- told before the work ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("none.convstudio photos -o out", "none.convstudio cannot be opened: there is no such file"),
        ("photos/a.png photos -o out", "a.png cannot be opened: it is a picture (PNG) and not a project"),
        ("stack.convstudio photos", "-o"),
        ("stack.convstudio -o out", "IMAGE"),
        ("stack.convstudio photos -o out --format gif", "--format must be one of png, tif, npy, got 'gif'"),
        ("stack.convstudio photos -o out --bits 12", "--bits must be 8 or 16"),
        ("stack.convstudio photos -o out --view nice", "--view must be one of signed"),
        ("stack.convstudio photos -o out --layer 9", "there is no layer '9'; give its place: 1 Luminance"),
        ("stack.convstudio photos -o out --layer Off", "the layer Off is switched off"),
        ("stack.convstudio photos -o stack.convstudio", "stack.convstudio is a file, not a folder"),
        ("stack.convstudio photos -o stack.convstudio/x", "the folder stack.convstudio/x cannot be written"),
        ("stack.convstudio photos -o /proc/x", "the folder /proc/x cannot be written"),
        ("stack.convstudio photos/a.png -o photos", "photos/a.png would be overwritten by a result"),
        ("stack.convstudio photos empty -o out", "there are no pictures in the folder empty"),
        ("stack.convstudio photos twin -o out", "would both be written as"),
        ("off.convstudio photos -o out", "the project has no layer that is switched on"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkdir("empty")
    os.mkdir("twin")
    Path("twin", "A.bmp").write_bytes(b"BM")
    off = tuple(LayerItem("c", Conv(), enabled=False) for _ in range(1))
    save_project("off.convstudio", Project(PROJECT.picture, off), {}, embed=True)
    assert run(["run", *arguments.split()]) == 2
    assert words in lines(capsys)[-1]
    assert not os.path.exists("out")


def test_two_layers_of_one_name_are_told_apart_by_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    twice = (LayerItem("a", Activation()), LayerItem("b", Activation()))
    save_project("twice.convstudio", Project(PROJECT.picture, twice), {}, embed=True)
    title = twice[0].title
    assert run(["run", "twice.convstudio", "photos/a.png", "-o", "out", "--layer", title]) == 2
    assert lines(capsys)[0].startswith(
        f"several layers have the name {title!r}; give its place: 1 {title}, 2"
    )
    assert run(["run", "twice.convstudio", "photos/a.png", "-o", "out", "--layer", "2"]) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkdir("locked")
    os.chmod("locked", stat.S_IRUSR | stat.S_IXUSR)
    assert run(["run", "stack.convstudio", "photos/a.png", "-o", "locked"]) == 2
    assert "cannot be written" in lines(capsys)[0]


def test_unknown_layers_are_told_and_stop_what_needs_them(capsys: pytest.CaptureFixture[str]) -> None:
    layers = (STACK[0], LayerItem("u", UnknownLayer("fancy", '{"id": "u", "kind": "fancy"}')))
    save_project("newer.convstudio", Project(PROJECT.picture, layers), {}, embed=True)
    assert run(["run", "newer.convstudio", "photos/a.png", "-o", "out"]) == 2
    said = lines(capsys)
    assert said[0].startswith("Layer 2 is of the kind “fancy”")
    assert "layer 2 (fancy (unknown))" in said[1]
    assert run(["run", "newer.convstudio", "photos/a.png", "-o", "out", "--layer", "1"]) == 0
