"""Pictures in and results out: what is bad changes nothing, and what was asked for is not lost."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.core import Control
from convstudio.engine.display import render_rgb
from convstudio.engine.evaluate import Evaluation, Evaluator
from convstudio.io.images import load_picture
from convstudio.kernels import Bank, Kernel
from convstudio.model import Project
from convstudio.session.session import Session
from convstudio.session.stack_edits import StackEdits
from tests.session.session_hands import LAYER, Ear, bias_of, output, settle


def test_opening_a_file(session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "grün.png"
    pixels = np.random.default_rng(0).integers(0, 256, (11, 13, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    before = session.project
    session.open_path(path)
    settle(qtbot, session)
    assert [each.path for each in ear.opened] == [path]
    np.testing.assert_allclose(
        session.project.picture.values, pixels[:, :, ::-1].transpose(2, 0, 1) / 255.0, atol=1e-6
    )
    assert output(session).shape == (3, 11, 13)
    assert session.undo_text == "opening grün.png"
    session.undo()
    assert session.project == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.png", None, "missing.png"),
        ("empty.png", b"", "empty"),
        ("notes.txt", b"just words, no picture\n" * 20, "notes.txt"),
        ("cut.png", b"\x89PNG\r\n\x1a\n", "cut.png"),
    ],
)
def test_a_bad_file_leaves_everything_as_it_was(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    before, evaluation = session.project, session.evaluation
    session.open_path(path)
    settle(qtbot, session)
    assert session.project is before
    assert session.evaluation is evaluation
    assert session.undo_text is None
    assert ear.opened == []
    (text, level, topic), *more = ear.messages
    assert (level, topic) == ("error", "open")
    assert words in text
    assert not more
    assert ear.load_failures == [text]


def test_of_two_files_the_last_is_opened(session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path) -> None:
    for number in (1, 2):
        np.save(tmp_path / f"{number}.npy", np.full((1, 4, 4), number, np.float32))
    session.open_path(tmp_path / "1.npy")
    session.open_path(tmp_path / "2.npy")
    settle(qtbot, session)
    assert [each.name for each in ear.opened] == ["2.npy"]
    assert session.project.picture.values.max() == 2.0
    assert ear.loads[-2:] == [(True, "2.npy"), (False, "2.npy")], "the strip names the newer one"


def test_cancelled_loading_leaves_the_picture(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 4, 4), np.float32))
    before = session.project
    session.open_path(tmp_path / "a.npy")
    session.cancel_loading()
    qtbot.wait(50)
    assert session.project is before
    assert ear.opened == []
    assert not session.busy


def test_notes_of_the_loader_reach_the_user(session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path) -> None:
    values = np.zeros((1, 4, 4), np.float32)
    values[0, 1, 1] = np.nan
    np.save(tmp_path / "broken.npy", values)
    session.open_path(tmp_path / "broken.npy")
    settle(qtbot, session)
    assert [(level, topic) for _, level, topic in ear.messages] == [("warning", "note")]
    assert "broken.npy" in ear.messages[0][0]


def test_an_edit_made_while_loading_survives(session: Session, qtbot: QtBot, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 4, 4), np.float32))
    session.open_path(tmp_path / "a.npy")
    session.set_bias(LAYER, 0.5)
    settle(qtbot, session)
    assert session.project.picture.name == "a.npy"
    assert bias_of(session) == 0.5


# --- saving ---


def test_what_is_saved_is_the_result(session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path) -> None:
    for name in ("r.npy", "r.tif"):
        session.save(tmp_path / name)
        settle(qtbot, session)
        np.testing.assert_array_equal(load_picture(tmp_path / name).values, output(session))
    assert ear.saved == [tmp_path / "r.npy", tmp_path / "r.tif"]
    assert np.load(tmp_path / "r.npy").dtype == np.float32


@pytest.mark.parametrize(("bits", "white"), [(8, 255.0), (16, 65535.0)])
def test_a_saved_png_is_what_is_shown(
    session: Session, qtbot: QtBot, tmp_path: Path, bits: int, white: float
) -> None:
    session.set_view("absolute")
    settle(qtbot, session)
    session.save(tmp_path / "r.png", bits)
    settle(qtbot, session)
    pixels = session.result_pixels(bits)
    assert pixels is not None
    saved = load_picture(tmp_path / "r.png")
    assert saved.source_depth == f"{bits}-bit"
    np.testing.assert_allclose(saved.values, pixels.transpose(2, 0, 1) / white, atol=1e-6)


def test_a_result_of_many_channels_is_saved_whole_or_as_it_is_shown(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path
) -> None:
    bank = Bank.of(*(Kernel.custom([[float(n)]]) for n in range(1, 6)))
    StackEdits(session).set_bank(LAYER, bank, channels="all")
    session.set_channel(4)
    settle(qtbot, session)
    for name in ("r.npy", "r.png", "r.tif"):
        session.save(tmp_path / name)
        settle(qtbot, session)
    np.testing.assert_array_equal(np.load(tmp_path / "r.npy"), output(session))
    pixels = session.result_pixels()
    assert pixels is not None
    np.testing.assert_array_equal(pixels, render_rgb(output(session), "signed", channel=4))
    saved = load_picture(tmp_path / "r.png").values
    np.testing.assert_allclose(saved, pixels.transpose(2, 0, 1) / 255.0, atol=1e-6)
    assert ear.saved == [tmp_path / "r.npy", tmp_path / "r.png"]
    assert "1 or 3 channels, not 5" in ear.messages[-1][0]
    assert not (tmp_path / "r.tif").exists()


def test_saving_waits_for_the_result_and_saves_what_was_asked(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_bias(LAYER, 10.0)
    session.save(tmp_path / "r.npy")
    session.end_merge()
    session.set_bias(LAYER, 20.0)
    settle(qtbot, session)
    assert ear.saved == [tmp_path / "r.npy"]
    np.testing.assert_allclose(np.load(tmp_path / "r.npy"), output(session) - 10.0, atol=1e-4)


def test_a_save_asked_while_computing_survives_a_cancel(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_bias(LAYER, 10.0)
    session.save(tmp_path / "r.npy")
    session.cancel_computing()
    settle(qtbot, session)
    assert ear.saved == [tmp_path / "r.npy"]
    assert np.load(tmp_path / "r.npy").mean() > 5.0


def test_closing_finishes_a_save(session: Session, tmp_path: Path) -> None:
    session.set_bias(LAYER, 10.0)
    session.save(tmp_path / "r.npy")
    session.close()
    assert np.load(tmp_path / "r.npy").mean() > 5.0


def test_without_a_result_nothing_is_saved(session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "r.npy"
    path.write_bytes(b"mine")
    session.set_kernel(LAYER, Kernel.custom(np.ones((63, 63))))
    session.set_param(LAYER, "padding", "valid")
    session.save(path)
    settle(qtbot, session)
    assert path.read_bytes() == b"mine"
    assert ear.saved == []
    assert [(level, topic) for _, level, topic in ear.messages] == [("error", "save")]
    assert "63" in ear.messages[0][0]
    session.save(path)
    settle(qtbot, session)
    assert len(ear.messages) == 2
    assert path.read_bytes() == b"mine"


def test_a_full_disk_leaves_the_file_that_was_there(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "r.png"
    path.write_bytes(b"mine")
    monkeypatch.setattr(os, "fsync", full)
    session.save(path)
    settle(qtbot, session)
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["r.png"]
    (text, level, topic), *_ = ear.messages
    assert (level, topic) == ("error", "save")
    assert "full" in text


@pytest.mark.parametrize("name", ["nowhere/r.png", "r.xyz", "folder.png"])
def test_a_place_that_cannot_be_written_is_said(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    session.save(tmp_path / name)
    settle(qtbot, session)
    assert ear.saved == []
    assert ear.messages[0][1:] == ("error", "save")


def test_a_second_save_is_not_lost_silently(session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path) -> None:
    session.set_bias(LAYER, 10.0)
    session.save(tmp_path / "1.npy")
    session.save(tmp_path / "2.npy")
    settle(qtbot, session)
    assert ear.saved == [tmp_path / "1.npy"]
    warnings = [text for text, level, _ in ear.messages if level == "warning"]
    assert len(warnings) == 1


def test_closing_twice_is_once(session: Session) -> None:
    session.close()
    session.close()
    mine = ("convstudio-load", "convstudio-save", "convstudio-compute", "convstudio-proof")
    assert not [thread.name for thread in threading.enumerate() if thread.name in mine]
    assert not session.busy


def test_a_save_that_fails_is_told_before_closing(session: Session, ear: Ear, tmp_path: Path) -> None:
    assert session.finish_saving(), "there is none"
    session.save(tmp_path / "nowhere" / "r.png")
    assert not session.finish_saving()
    assert [(level, topic) for _, level, topic in ear.messages] == [("error", "save")]
    assert session.finish_saving(), "told once, it does not hold up closing any more"
    session.save(tmp_path / "r.npy")
    assert session.finish_saving()
    assert ear.saved == [tmp_path / "r.npy"]


def test_a_save_cancelled_at_once_writes_nothing(
    session: Session, ear: Ear, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()
    right = Evaluator.evaluate

    def wait(self: Evaluator, project: Project, control: Control | None = None, **how: bool) -> Evaluation:
        hold.wait(5.0)
        return right(self, project, control, **how)

    monkeypatch.setattr(Evaluator, "evaluate", wait)
    session.set_bias(LAYER, 10.0)
    session.save(tmp_path / "r.npy")
    session.cancel_saving()
    hold.set()
    settle(qtbot, session)
    assert ear.saved == []
    assert os.listdir(tmp_path) == []
    assert any("cancelled" in text for text, _, _ in ear.messages)
