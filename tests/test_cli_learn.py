"""The command ``learn``: what it finds is the filter of another program, anything wrong is one line."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from convstudio import app
from convstudio.cli import run
from convstudio.cli_learn_options import _GOES_WITH, _offered
from convstudio.cli_progress import Lines
from convstudio.io.kernel_file import load_bank
from convstudio.io.samples import load_sample
from convstudio.learn.lab import Lab
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup

ROW = np.array([1.0, 2, 1]) / 4
BLUR = np.outer(ROW, ROW)
TILT = np.array([[0.1, 0.4, -0.2], [0.0, 0.5, 0.1], [-0.1, 0.3, -0.1]])


def pixels(values: Any) -> np.ndarray:
    stored: np.ndarray = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return stored


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo and what OpenCV makes of it, in 8 bits."""
    monkeypatch.chdir(tmp_path)
    piece = load_sample("still-life").values[:, 200:330, 300:470].transpose(1, 2, 0)[:, :, ::-1]
    photo = pixels(piece * 255)
    grey = photo[:, :, 1].copy()
    for name, stored in {
        "photo.png": photo,
        "blurred.png": cv2.filter2D(photo, -1, BLUR),
        "lifted.png": pixels(cv2.filter2D(photo.astype(float), -1, BLUR) * 0.8 + 25.5),
        "cut.png": cv2.filter2D(photo, -1, BLUR)[1:-1, 1:-1],
        "grey.png": grey,
        "grey-blurred.png": cv2.filter2D(grey, -1, BLUR),
        "grey-tilted.png": cv2.filter2D(grey, -1, TILT),
        "small.png": photo[:8, :8],
        "narrow.png": photo[:, :60],
        "flat.png": np.full_like(photo, 128),
        "black.png": np.zeros_like(photo),
        "median.png": cv2.medianBlur(photo, 5),
    }.items():
        assert cv2.imwrite(name, stored)
    return tmp_path


def learn(arguments: str) -> int:
    return run(["learn", *arguments.split()])


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert all(line.startswith("convstudio: ") for line in err.splitlines())
    said = [line.removeprefix("convstudio: ") for line in err.splitlines()]
    return [line for line in said if not re.fullmatch(r"learning \d+×\d+ from \d+×\d+ px…", line)]


# --- right ---


@pytest.mark.parametrize("kernel", ["blurred", "tilted"])
@pytest.mark.parametrize("how", ["--optimizer nesterov --momentum 0.99 --steps 6000", "--closed-form"])
def test_both_methods_find_the_kernel_of_another_program(kernel: str, how: str) -> None:
    assert learn(f"grey.png grey-{kernel}.png --size 3 {how} -o kernel.json") == 0
    (found,) = load_bank("kernel.json").filters
    assert found.shared
    assert_allclose(found.kernels[0].values, {"blurred": BLUR, "tilted": TILT}[kernel], atol=1e-2)


def test_both_answers_the_verdict_and_the_difference_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("grey.png grey-blurred.png --steps 150 --rate 0.05") == 0
    said = capsys.readouterr()
    told = said.out.splitlines()
    assert re.fullmatch(
        r"Descent \(adam, rate 0\.05\): 150 steps in [\d.]+ s, loss \S+, off by \S+ \(RMS\), \S+ on the rows "
        r"held back",
        told[0],
    )
    assert re.fullmatch(
        r"Closed form: off by \S+ \(RMS\), \S+ on the rows held back, condition \S+, rank 9 of 9", told[4]
    )
    descent, closed = (
        np.array([[float(word) for word in line.split()] for line in part]) for part in (told[1:4], told[5:8])
    )
    assert_allclose(closed, BLUR, atol=5e-3)
    assert told[8].startswith("Determined. All 9 weights follow from this picture")
    apart = float(told[9].removeprefix("Largest difference between the two: "))
    assert apart == pytest.approx(np.abs(descent - closed).max(), rel=0.06)
    start, late = said.err.splitlines()
    assert start == "convstudio: learning 3×3 from 170×130 px…"
    assert late.startswith("convstudio: the descent has not arrived yet: more --steps bring it nearer,")


def test_a_bias_and_a_kernel_for_each_channel() -> None:
    assert learn("photo.png lifted.png --channels each --bias --closed-form -o kernel.json") == 0
    bank = load_bank("kernel.json")
    assert len(bank.filters) == 3
    for each in bank.filters:
        assert_allclose(each.kernels[0].values, 0.8 * BLUR, atol=1e-2)
        assert each.bias == pytest.approx(0.1, abs=1e-2)


def test_a_cut_border_and_other_channels(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("photo.png cut.png --padding same --closed-form -o cut.csv") == 0
    assert "170×130 px and the one after 168×128; the middle of 168×128 px" in lines(capsys)[0]
    assert_allclose(load_bank("cut.csv").filters[0].kernels[0].values, BLUR, atol=1e-2)
    assert learn("photo.png grey-blurred.png --channels all --closed-form -o mixed.npy") == 0
    mixed = np.load("mixed.npy")
    assert mixed.shape == (1, 3, 3, 3)
    assert_allclose(mixed[0], [np.zeros((3, 3)), BLUR, np.zeros((3, 3))], atol=2e-2)


def test_what_the_pictures_do_not_determine_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("flat.png flat.png --steps 20") == 0
    said = capsys.readouterr()
    assert "rank 1 of 9" in said.out
    assert "Not determined by this picture." in said.out
    assert "The picture before is the same everywhere" in said.err
    assert learn("photo.png median.png --closed-form") == 0
    assert "More than a linear filter of this size." in capsys.readouterr().out


def test_a_missing_bias_is_told_by_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("photo.png lifted.png --closed-form") == 0
    assert "A bias is missing: switch on --bias." in capsys.readouterr().out


def test_quicker_ways_are_told_where_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn("grey.png grey-blurred.png --steps 5") == 0  # though the first step takes much longer
    assert not any("minutes" in line for line in lines(capsys))
    monkeypatch.setattr("convstudio.cli_learn._LONG", 0.0)
    assert learn("grey.png grey-blurred.png --steps 5") == 0
    assert re.fullmatch(
        r"this takes about \d+ minutes: --data patch sees a part of the picture at a time, --closed-form "
        r"needs no steps",
        lines(capsys)[0],
    )
    assert learn("grey.png grey-blurred.png --steps 5 --data patch") == 0
    assert re.fullmatch(r"this takes about \d+ minutes: --closed-form needs no steps", lines(capsys)[0])


def test_every_declared_value_that_applies_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    class Seen(Exception):  # noqa: N818  not an error
        pass

    def spy(setup: Any, *_: Any) -> Lab:
        opened.append(setup)
        raise Seen

    monkeypatch.setattr("convstudio.learn.lab.open_lab", spy)
    with pytest.raises(Seen):
        learn(
            "photo.png blurred.png --grey --clipped leave-out --validation 1/4 --size 5,7 --channels grouped "
            "--groups 3 --padding 1,2,3,4 --padding-mode circular --stride 2 --dilation 1,3 --bias "
            "--start preset --first binomial --seed 7 --optimizer momentum --rate 0.5 --momentum 0.7 "
            "--schedule warmup --period 5 --factor 0.25 --loss huber --delta 0.3 --reduction sum --l2 0.01 "
            "--data batch --patch 32 --batch 4 --steps 12"
        )
    (setup,) = opened
    assert setup.pair == PairSetup(source="files", grey=True, clipped="leave out", validation=0.25)
    assert dataclass_without(setup.student, "first") == dataclass_without(
        StudentSetup(
            size=(5, 7),
            channels="grouped",
            groups=3,
            padding=((1, 2), (3, 4)),
            padding_mode="circular",
            stride=(2, 2),
            dilation=(1, 3),
            bias=True,
            start="preset",
            seed=7,
        ),
        "first",
    )
    assert setup.student.first.preset == "binomial"
    assert setup.method == MethodSetup(
        optimizer="momentum",
        rate=0.5,
        momentum=0.7,
        schedule="warmup",
        period=5,
        factor=0.25,
        loss="huber",
        delta=0.3,
        reduction="sum",
        l2=0.01,
        data="batch",
        patch=32,
        batch=4,
        steps=12,
    )


def dataclass_without(setup: Any, name: str) -> dict[str, Any]:
    return {each: value for each, value in vars(setup).items() if each != name}


def test_descents_that_need_a_rate_get_one_that_suits(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("grey.png grey-blurred.png --optimizer gd --steps 30") == 0
    rate = float(capsys.readouterr().out.split("rate ")[1].split(")")[0])
    values = load_sample("still-life").values[1, 200:330, 300:470].astype(np.float64)
    assert 0.1 < rate * 2 * (values**2).mean() * 9 < 2  # about 1 / L, of pictures that vary slowly


def test_it_stands_among_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["learn", "--help"]) == 0
    out = capsys.readouterr().out
    assert "convstudio learn photo.jpg blurred.png --size 5 -o kernel.json" in out
    assert "off by more than 10 times" in out
    assert "Goes with --loss huber only." in " ".join(out.split())
    assert app.main(["--help"]) == 0
    assert "learn     find the kernel that made one picture of another" in capsys.readouterr().out


# --- wrong ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("photo.png", "AFTER"),
        ("photo.png none.png", "none.png cannot be opened: there is no such file"),
        ("none.png photo.png", "none.png cannot be opened: there is no such file"),
        ("photo.png grey.png", "switch on --grey, or let it mix them (--channels all)."),
        ("photo.png narrow.png", "before has 170×130 px and the one after 60×130: they must have one size"),
        ("small.png small.png --size 9", "8×8 px and is smaller than the 9×9 kernel"),
        ("black.png photo.png", "The picture before is black everywhere"),
        ("photo.png blurred.png --size 32", "--size must be a whole number from 1 to 31, got 32"),
        ("photo.png blurred.png --rate 0", "--rate must be a number from 1e-09 to 1000, got 0"),
        ("photo.png blurred.png --rate nan", "--rate must be"),
        ("photo.png blurred.png --steps 1.5", "--steps must be a whole number"),
        ("photo.png blurred.png --optimizer sgd", "--optimizer must be one of gd, momentum, nesterov"),
        ("photo.png blurred.png --start present", "--start must be one of zeros, random, xavier, he, preset"),
        ("photo.png blurred.png --first sobel", "there is no kernel 'sobel'; did you mean"),
        ("photo.png blurred.png --first mean --start he", "--first goes with --start preset only"),
        ("photo.png blurred.png --groups 2", "--groups goes with --channels grouped only"),
        ("photo.png blurred.png --closed-form --rate 1", "--rate is for the descent, which"),
        ("photo.png blurred.png --closed-form --start he", "--start is for the descent"),
        ("photo.png blurred.png --closed-form --first mean", "--first is for the descent"),
        ("photo.png blurred.png --closed-form --reduction sum", "--reduction goes with --l2 only"),
        ("photo.png blurred.png --size 3x3x3", "--size must be a whole number or rows,columns, got '3x3x3'"),
        ("photo.png blurred.png --size 3x", "--size must be a whole number or rows,columns, got '3x'"),
        ("photo.png blurred.png --padding 1x2x3x4", "--padding must be a word, a whole number, rows,columns"),
        ("photo.png blurred.png --channels grouped --groups 2", "do not fall into 2 equal groups"),
        ("photo.png blurred.png --optimiser adam", "no option --optimiser; did you mean --optimizer?"),
        ("photo.png blurred.png --data patch --patch 4 --size 9", "more than fit into a patch of 4"),
        ("photo.png blurred.png -o kernel.txt", "the output must end in .json, .csv, .npy, got 'kernel.txt'"),
        ("photo.png blurred.png -o none/kernel.json", "cannot be written: there is no folder none"),
        ("photo.png blurred.png -o folder.json", "folder.json is a folder; choose another name"),
        ("array.npy photo.png -o ./array.npy", "would overwrite a picture"),
        ("photo.png blurred.png --optimizer gd --rate 900 --steps 60 -o kernel.json", "Nothing was written."),
        ("photo.png blurred.png --closed-form --channels all --size 31", "use gradient descent"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    arguments: str, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("array.npy", np.ones((1, 20, 20), np.float32))
    os.mkdir("folder.json")
    before = sorted(os.listdir(here))
    assert learn(arguments) == 2
    said = lines(capsys)
    assert words in said[-1]
    assert sorted(os.listdir(here)) == before


@pytest.mark.parametrize("output", ["", " -o kernel.json"])
@pytest.mark.parametrize(("method", "suggested"), [("gd", r"0\.\d+"), ("adam", r"0\.02")])
def test_a_descent_that_diverges_says_why_and_nothing_else(
    method: str, suggested: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn(f"grey.png grey-blurred.png --optimizer {method} --rate 1000{output}") == 2
    said = capsys.readouterr()
    assert said.out == ""
    _, why = said.err.splitlines()
    grew = r"The loss grew from \S+ to \S+ in (1 step|\d+ steps): the rate 1,000 is too large\."
    unwritten = r" Nothing was written\." if output else ""
    assert re.fullmatch(rf"convstudio: {grew} Try --rate {suggested}\.{unwritten}", why)
    assert "in 1 steps" not in why
    assert not os.path.exists("kernel.json")


def test_a_wild_rate_that_did_not_diverge_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("grey.png grey-blurred.png --rate 2 --steps 3") == 0
    wild = lines(capsys)[0]
    assert wild.startswith("Adam scales its steps by itself")
    assert wild.endswith("A rate of 0.02 would do.")


def test_a_descent_far_from_the_best_is_not_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(os.listdir(here))
    poor = "grey.png grey-blurred.png --rate 0.0001 --steps 5"
    assert learn(f"{poor} -o kernel.json") == 1
    said = capsys.readouterr()
    assert said.out.startswith("Descent (adam, rate 0.0001): 5 steps in")
    assert re.fullmatch(
        r"convstudio: the descent is off by \S+ \(RMS\), \S+ times as much as least squares \(\S+\): take "
        r"--closed-form, another --rate or more --steps\. Nothing was written\.",
        said.err.splitlines()[-1],
    )
    assert sorted(os.listdir(here)) == before
    assert learn(poor) == 0  # nothing was to be written
    assert lines(capsys)[-1].endswith("another --rate or more --steps.")


def test_beside_an_exact_fit_a_good_descent_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("grey.png grey.png --steps 2000 -o kernel.json") == 0
    told = capsys.readouterr().out
    descent, exact = (float(found) for found in re.findall(r"off by (\S+) \(RMS\)", told))
    assert descent > 10 * exact
    assert told.splitlines()[-1] == "kernel.json written: the kernel that the descent found"


def test_it_is_told_whose_kernel_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("grey.png grey-blurred.png --closed-form -o kernel.json") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "kernel.json written: the kernel that least squares found"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--groups 1", "--groups goes with --channels grouped only"),
        ("--padding-mode circular", "--padding-mode goes with a --padding other than valid only"),
        ("--seed 3", "--seed goes with --start random, xavier or he, or with --data patch or batch only"),
        ("--momentum 0.5", "--momentum goes with --optimizer momentum or nesterov only"),
        ("--period 3", "--period goes with --schedule step, exponential or warmup only"),
        ("--schedule constant --factor 0.5", "--factor goes with a --schedule other than constant only"),
        ("--delta 0.1", "--delta goes with --loss huber only"),
        ("--patch 32", "--patch goes with --data patch or batch only"),
        ("--data patch --batch 2", "--batch goes with --data batch only"),
    ],
)
def test_what_would_change_nothing_is_refused(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn(f"photo.png blurred.png {arguments}") == 2
    assert lines(capsys) == [words]


def test_every_rule_of_what_applies_has_its_words() -> None:
    plain = TrainingSetup(pair=PairSetup(source="files"))
    plain = plain.with_value("method", "schedule", "constant")
    off = {
        each.name
        for part in ("pair", "student", "method")
        for each in _offered(part)
        if not plain.applies(part, each.name)
    }
    assert off == set(_GOES_WITH)


@pytest.mark.parametrize("size", ["5,3", "5x3", "5X3", "5×3", "5 × 3"])
def test_sizes_are_read_as_people_write_them(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["learn", "grey.png", "grey-blurred.png", "--closed-form", "--size", size]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in told[1:6]] == [3] * 5
    assert run(["learn", "grey.png", "grey.png", "--closed-form", "--padding", size.replace("5", "1")]) == 0


def test_a_log_hears_of_long_work_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = "grey.png grey-blurred.png --data patch --patch 8 --steps 1100"
    assert learn(arguments) == 0
    assert not any("% done" in line for line in lines(capsys))  # it is quick
    monkeypatch.setattr("convstudio.cli_progress._QUIET", 0.0)
    assert learn(arguments) == 0
    done = [line for line in lines(capsys) if line.startswith("1,100 steps: ")]
    assert [line.split(",")[1] for line in done] == [f"100 steps: {tenth}0 % done" for tenth in range(1, 10)]
    assert all(re.search(r"% done, loss [\d.e-]+$", line) for line in done)
    now = iter(range(10_000))
    monkeypatch.setattr("convstudio.cli_progress._QUIET", 30.0)
    monkeypatch.setattr("convstudio.cli_progress.time", SimpleNamespace(monotonic=lambda: float(next(now))))
    told = Lines("work")
    for percent in range(100):  # with a second from one to the next
        told(percent / 100)
    assert lines(capsys) == [f"work: {percent} % done" for percent in (39, 69, 99)]


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert learn("grey.png grey-blurred.png --data patch --patch 64 --steps 10000 --size 9") == 0
    drawn = terminal.getvalue()
    assert re.search(r"\r\x1b\[K\[[#.]{24}\] [\d,]+/10,000 steps, loss \S+", drawn)
    assert "learning" not in drawn
    assert "% done" not in drawn


def test_an_interrupt_leaves_nothing_behind(here: Path) -> None:
    before = sorted(os.listdir(here))
    command = "learn photo.png blurred.png --size 9 --loss absolute --steps 1000000 -o kernel.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "convstudio", *command.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert b"learning" in process.stderr.readline()
    assert b"this takes about" in process.stderr.readline()  # so it is under way
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == b""
    assert err.decode().splitlines() == ["convstudio: interrupted"]
    assert sorted(os.listdir(here)) == before
