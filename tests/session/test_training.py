"""The training in the background: what is told, what is given up, and that nothing is lost or left over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.core import Control
from convstudio.layers import Activation, Conv
from convstudio.learn.errors import LearnError
from convstudio.learn.lab import Lab, comparisons, distance, open_lab, solve_lab
from convstudio.learn.trainer import Trainer
from convstudio.model import Project
from convstudio.session import training as training_module
from convstudio.session import training_loop
from convstudio.session.training import PictureFiles, Training, training_key
from tests.io.making import png
from tests.session.training_hands import (
    STEPS,
    Ear,
    Gate,
    diverging,
    nothing_comes,
    project,
    run,
    same_bits,
    settle,
    with_value,
    without_delivering,
)


@pytest.fixture
def training(qtbot: QtBot) -> Iterator[Training]:
    made = Training()
    yield made
    made.close()


@pytest.fixture
def ear(training: Training) -> Ear:
    return Ear(training)


@pytest.fixture
def step_gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Holds up every step, as if the picture were very large; it is open at first."""
    gate = Gate()
    advance = Trainer.advance

    def slow(self: Trainer, control: Control | None = None) -> None:
        if threading.current_thread() is not threading.main_thread():
            gate.pass_through(control)
        advance(self, control)

    monkeypatch.setattr(Trainer, "advance", slow)
    return gate


@pytest.fixture
def open_gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Holds up the opening of labs; it is open at first."""
    gate = Gate()

    def slow(*args: Any) -> Lab:
        gate.pass_through(args[-1])
        return open_lab(*args)

    monkeypatch.setattr(training_module, "open_lab", slow)
    return gate


def start(qtbot: QtBot, training: Training, of: Project) -> None:
    """Open a training and wait for its first frame."""
    training.open(of)
    settle(qtbot, training)


@pytest.fixture
def prepare_gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Holds up the making of what steps go by; it is open at first."""
    gate = Gate()
    prepare = Trainer.prepare

    def slow(self: Trainer, control: Control | None = None) -> None:
        gate.pass_through(control)
        prepare(self, control)

    monkeypatch.setattr(Trainer, "prepare", slow)
    return gate


# --- preparing ---


def test_preparing_is_told_and_pausing_does_not_wait_for_it(
    training: Training, ear: Ear, prepare_gate: Gate, qtbot: QtBot
) -> None:
    told: list[bool] = []
    training.preparing_changed.connect(told.append)
    prepare_gate.close()
    training.open(project())
    prepare_gate.wait(qtbot)
    qtbot.waitUntil(lambda: told == [True])
    training.play()
    assert training.busy
    training.pause()
    assert ear.of("playing_changed") == [True, False]
    assert prepare_gate.cancelled == 0, "what is half done goes on: the first look needs it, too"
    prepare_gate.open()
    settle(qtbot, training)
    assert told == [True, False]
    assert ear.frame.step == 0
    training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 1
    assert prepare_gate.passed == 1


def test_a_question_comes_before_preparing_which_goes_on_afterwards(
    training: Training, ear: Ear, prepare_gate: Gate, qtbot: QtBot
) -> None:
    prepare_gate.close()
    training.open(project())
    prepare_gate.wait(qtbot)
    training.solve()
    qtbot.waitUntil(lambda: len(ear.of("solved")) == 1)
    assert prepare_gate.cancelled == 1
    assert not ear.of("frame")
    prepare_gate.open()
    settle(qtbot, training)
    assert ear.frame.step == 0


def test_what_cannot_be_prepared_is_told_once(
    training: Training, ear: Ear, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def fail(self: Trainer, control: Control | None = None) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "prepare", fail)
        training.open(project())
        settle(qtbot, training)
    assert len(ear.of("refused")) == 1
    assert "not enough memory" in ear.of("refused")[0]
    assert ear.frame.step == 0, "a step, and a look, may still find room"


def test_the_progress_of_a_step_that_takes_long_is_told(
    training: Training, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    advance = Trainer.advance

    def slow(self: Trainer, control: Control | None = None) -> None:
        assert control is not None
        for part in range(1, 5):
            time.sleep(0.1)
            control.report(part, 5)
        advance(self, None)

    start(qtbot, training, project())
    monkeypatch.setattr(Trainer, "advance", slow)
    told: list[float] = []
    training.progressed.connect(told.append)
    training.play()
    qtbot.waitUntil(lambda: any(0.5 < part < 1.0 for part in told))
    assert not training.busy
    training.pause()


# --- opening ---


def test_opening_tells_what_it_is_about_and_shows_the_start(
    training: Training, ear: Ear, qtbot: QtBot
) -> None:
    made = project()
    start(qtbot, training, made)
    assert ear.kinds == ["opened", "frame"]
    lab = open_lab(made.training, made)
    assert ear.report.setup == made.training
    assert (ear.report.in_shape, ear.report.out_shape) == ((1, 24, 28), (1, 22, 26))
    assert ear.report.split == lab.pair.split
    assert same_bits(ear.report.start, lab.trainer.values)
    assert ear.report.parameters == lab.network.parameters
    assert ear.report.ids == ()
    look = lab.trainer.look()
    frame = ear.frame
    assert (frame.step, frame.last, frame.loss) == (0, 0, look.loss)
    assert frame.validation_loss == look.validation_loss
    assert frame.distance == distance(lab, look.values)
    assert frame.steps_per_second is None
    assert frame.prediction.pixels.shape == (22, 26, 4)
    assert frame.before.pixels.shape == (24, 28, 4)


def test_a_trained_stack_tells_which_layers_it_is(training: Training, ear: Ear, qtbot: QtBot) -> None:
    made = project().with_layers([Activation(), Conv()], "conv-1").with_item("activation-1", enabled=False)
    made = with_value(with_value(made, "student", "kind", "stack"), "student", "start", "present")
    start(qtbot, training, with_value(made, "student", "marks", (("conv-2", "weight"),)))
    assert ear.report.ids == ("conv-1", "conv-2")
    assert [layer.kind for layer in ear.frame.layers] == ["conv", "conv"]


def test_only_the_last_of_several_that_are_opened_counts(
    training: Training, ear: Ear, open_gate: Gate, qtbot: QtBot
) -> None:
    open_gate.close()
    training.open(project(20))
    open_gate.wait(qtbot)
    training.open(project(22))
    training.open(project(24))
    qtbot.waitUntil(lambda: open_gate.cancelled == 1)
    open_gate.open()
    settle(qtbot, training)
    assert ear.kinds == ["opened", "frame"]
    assert ear.report.in_shape == (1, 24, 28)


def test_what_the_last_one_still_says_is_not_told(training: Training, ear: Ear, qtbot: QtBot) -> None:
    """Everything of the first is done, and waits to be delivered, when the second is asked for."""
    start(qtbot, training, project(20))
    said = len(ear.said)
    training.step_once()
    training.solve()
    outbox = training._loop._outbox
    without_delivering(lambda: outbox.holds("frame") and outbox.holds("answered"))
    training.open(project(24))
    settle(qtbot, training)
    assert ear.kinds[said:] == ["opened", "frame"]
    assert ear.frame.step == 0


def test_what_cannot_be_opened_says_why_and_loses_nothing(training: Training, ear: Ear, qtbot: QtBot) -> None:
    made = project()
    start(qtbot, training, made)
    training.play()
    settle(qtbot, training)
    wrong = with_value(made, "student", "size", (31, 31))
    said = len(ear.said)
    training.open(wrong)
    settle(qtbot, training)
    nothing_comes(training)  # of the one before
    assert ear.kinds[said:] == ["refused"]
    text = ear.of("refused")[0]
    assert text.endswith(".")
    for request in (training.play, training.step_once, training.solve, training.find_rate):
        request()
        settle(qtbot, training)
        assert not training.playing
        assert ear.said[-1] == ("refused", text)
    training.go_to(5)  # what is there can still be looked at
    settle(qtbot, training)
    assert (ear.frame.step, ear.frame.last) == (5, STEPS)
    said = len(ear.said)
    training.open(made)  # the wrong size is undone
    settle(qtbot, training)
    assert ear.kinds[said : said + 2] == ["opened", "frame"]
    assert (ear.frame.step, ear.frame.last) == (5, STEPS)
    assert same_bits(ear.frame.values, run(made, 5).trainer.values)


def test_after_a_refusal_another_training_opens(training: Training, ear: Ear, qtbot: QtBot) -> None:
    start(qtbot, training, with_value(project(), "student", "size", (31, 31)))
    training.play()
    settle(qtbot, training)
    assert ear.kinds == ["refused", "refused"]
    start(qtbot, training, project())
    training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 1


def test_opening_can_be_cancelled(training: Training, ear: Ear, open_gate: Gate, qtbot: QtBot) -> None:
    open_gate.close()
    training.open(project())
    training.play()
    assert training.playing
    open_gate.wait(qtbot)
    training.cancel()
    settle(qtbot, training)
    assert ear.said == [("playing_changed", True), ("playing_changed", False)]
    training.step_once()
    settle(qtbot, training)
    assert ear.said[-1] == ("refused", "The training is not open: opening it was cancelled.")
    open_gate.open()
    start(qtbot, training, project())
    assert ear.frame.step == 0


def test_nothing_happens_before_anything_is_open(training: Training, ear: Ear) -> None:
    for request in (
        training.play,
        training.pause,
        training.step_once,
        training.reset,
        training.solve,
        training.cancel,
    ):
        request()
    training.go_to(3)
    training.set_speed(5)
    training.show_channel(2)
    nothing_comes(training)
    assert ear.said == []
    assert not training.busy


def test_what_is_opened_is_played_when_it_is_there(training: Training, ear: Ear, qtbot: QtBot) -> None:
    training.open(project())
    training.play()
    qtbot.waitUntil(lambda: bool(ear.of("stopped")))
    assert ear.frame.step == STEPS


def test_too_little_memory_is_told_in_words(
    training: Training, ear: Ear, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def fail(*_args: Any) -> None:
        raise MemoryError

    start(qtbot, training, project())
    monkeypatch.setattr(Trainer, "advance", fail)
    training.play()
    settle(qtbot, training)
    assert "not enough memory" in ear.of("refused")[0]
    assert not training.playing


# --- files ---


def picture_file(path: Path, width: int, height: int) -> Path:
    rows = np.random.default_rng(width).integers(0, 256, (height, width + 1), np.uint8)
    rows[:, 0] = 0  # no filter
    path.write_bytes(png(width, height, 8, 0, rows.tobytes()))
    return path


def of_files(before: str, after: str) -> Project:
    made = with_value(project(), "pair", "source", "files")
    return with_value(with_value(made, "pair", "before", before), "pair", "after", after)


def test_a_pair_of_files_is_read_from_the_projects_folder(
    training: Training, ear: Ear, tmp_path: Path, qtbot: QtBot
) -> None:
    picture_file(tmp_path / "a.png", 30, 20)
    after = picture_file(tmp_path / "b.png", 30, 20)
    training.open(of_files("a.png", str(after)), tmp_path)
    settle(qtbot, training)
    assert ear.kinds == ["opened", "frame"]
    assert ear.report.in_shape == (1, 20, 30)


def test_a_file_that_is_missing_is_told_by_name(
    training: Training, ear: Ear, tmp_path: Path, qtbot: QtBot
) -> None:
    picture_file(tmp_path / "a.png", 30, 20)
    for made in (of_files("a.png", "gone.png"), of_files("a.png", ""), of_files("a\0.png", "a.png")):
        training.open(made, tmp_path)
        settle(qtbot, training)
    first, second, third = ear.of("refused")
    assert "gone.png" in first
    assert "after" in second
    assert all(text.endswith(".") and "\n" not in text for text in (first, second, third))
    assert set(ear.kinds) == {"refused"}


def test_files_of_other_sizes_are_refused_with_both(
    training: Training, ear: Ear, tmp_path: Path, qtbot: QtBot
) -> None:
    picture_file(tmp_path / "a.png", 30, 20)
    picture_file(tmp_path / "b.png", 90, 70)
    training.open(of_files("a.png", "b.png"), tmp_path)
    settle(qtbot, training)
    (text,) = ear.of("refused")
    assert "30×20" in text
    assert "90×70" in text


def test_a_file_is_read_again_only_if_it_has_changed(tmp_path: Path) -> None:
    files = PictureFiles()
    path = picture_file(tmp_path / "a.png", 30, 20)
    first = files.read(str(path), None)
    assert files.read("a.png", tmp_path) is first
    assert files.read("", tmp_path) is None
    picture_file(path, 20, 20)
    second = files.read(str(path), None)
    assert second is not None
    assert second.shape == (1, 20, 20)


def test_a_changed_file_opens_another_lab_and_the_same_one_does_not(
    training: Training, ear: Ear, tmp_path: Path, qtbot: QtBot
) -> None:
    for name in ("a.png", "b.png"):
        picture_file(tmp_path / name, 30, 20)
    made = of_files("a.png", "b.png")
    training.open(made, tmp_path)
    training.step_once()
    settle(qtbot, training)
    training.open(made, tmp_path)
    settle(qtbot, training)
    assert ear.frame.step == 1
    picture_file(tmp_path / "b.png", 30, 20)
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes() + b"\0")
    training.open(made, tmp_path)
    settle(qtbot, training)
    assert ear.frame.step == 0


# --- playing ---


def test_playing_goes_on_to_the_end_and_tells_in_order(training: Training, ear: Ear, qtbot: QtBot) -> None:
    made = project()
    start(qtbot, training, made)
    training.play()
    assert training.playing
    qtbot.waitUntil(lambda: bool(ear.of("stopped")))
    assert not training.playing
    assert ear.of("playing_changed") == [True, False]
    place = ear.kinds.index("stopped")
    assert ear.kinds[place - 1] == "playing_changed"
    assert ear.said[place - 2][1].step == STEPS
    assert (ear.stop.kind, ear.stop.kept_step) == ("finished", STEPS)
    lab = run(made, STEPS)
    look = lab.trainer.look()
    assert same_bits(ear.frame.values, look.values)
    assert ear.frame.loss == look.loss
    assert ear.frame.gradient_norm == look.gradient_norm
    assert np.array_equal(ear.frame.losses, lab.trainer.losses()[1])
    assert [layer.weights(1)["weight"].tolist() for layer in ear.frame.layers] == [look.values[0].tolist()]


def test_at_the_end_there_is_no_further_step(training: Training, ear: Ear, qtbot: QtBot) -> None:
    start(qtbot, training, project())
    for request in (training.play, training.play, training.step_once):
        request()
        settle(qtbot, training)
        assert ear.frame.step == STEPS
    assert [stop.kind for stop in ear.of("stopped")] == ["finished"] * 3


def test_pausing_undoes_the_step_that_has_begun(
    training: Training, ear: Ear, step_gate: Gate, qtbot: QtBot
) -> None:
    """The step would take for ever: that it ends at all is the pause's doing."""
    start(qtbot, training, project())
    training.step_once()
    settle(qtbot, training)
    step_gate.close()
    training.play()
    step_gate.wait(qtbot)
    training.pause()
    assert not training.playing
    settle(qtbot, training)
    assert step_gate.cancelled == 1
    assert ear.frame.step == 1
    step_gate.open()
    training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 2
    assert same_bits(ear.frame.values, run(project(), 2).trainer.values)


def test_a_single_step_can_be_given_up_too(
    training: Training, ear: Ear, step_gate: Gate, qtbot: QtBot
) -> None:
    start(qtbot, training, project())
    step_gate.close()
    for _ in range(3):
        training.step_once()
    step_gate.wait(qtbot)
    assert training.busy
    training.pause()
    settle(qtbot, training)
    assert ear.frame.step == 0
    assert step_gate.cancelled == 1


def test_every_single_step_that_was_asked_for_is_taken(training: Training, ear: Ear, qtbot: QtBot) -> None:
    start(qtbot, training, project())
    for _ in range(5):
        training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 5
    assert same_bits(ear.frame.values, run(project(), 5).trainer.values)


def test_a_single_step_while_it_plays_pauses_after_it(
    training: Training, ear: Ear, step_gate: Gate, qtbot: QtBot
) -> None:
    start(qtbot, training, project())
    step_gate.close()
    training.play()
    step_gate.wait(qtbot)
    training.step_once()
    qtbot.waitUntil(lambda: step_gate.cancelled == 1)
    step_gate.open()
    settle(qtbot, training)
    assert ear.frame.step == 1
    assert not training.playing


def test_a_run_that_diverges_stops_where_it_was_best(training: Training, ear: Ear, qtbot: QtBot) -> None:
    made = diverging()
    start(qtbot, training, made)
    training.play()
    qtbot.waitUntil(lambda: bool(ear.of("stopped")))
    assert ear.stop.kind == "diverged"
    assert ear.stop.suggested_rate is not None
    assert ear.stop.suggested_rate < 100
    assert ear.frame.step == ear.stop.kept_step
    assert ear.frame.last > ear.stop.kept_step
    place = ear.kinds.index("stopped")
    assert ear.kinds[place - 2 : place] == ["frame", "playing_changed"]
    assert ear.said[place - 2][1].step == ear.stop.kept_step
    settle(qtbot, training)
    assert same_bits(ear.frame.values, run(made, 0).trainer.values)


def test_a_step_that_cannot_be_taken_pauses_and_says_why(
    training: Training, ear: Ear, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def refuse(self: Trainer, control: Control | None = None) -> None:
        raise LearnError("Use the whole picture.")

    start(qtbot, training, project())
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "advance", refuse)
        training.play()
        settle(qtbot, training)
    assert ear.of("refused") == ["Use the whole picture."]
    training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 1


def test_a_defect_reaches_the_gui_thread_and_the_worker_goes_on(
    training: Training, ear: Ear, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def fail(self: Trainer, control: Control | None = None) -> None:
        raise ZeroDivisionError("a defect")

    start(qtbot, training, project())
    with monkeypatch.context() as patched, qtbot.captureExceptions() as caught:
        patched.setattr(Trainer, "advance", fail)
        training.play()
        settle(qtbot, training)
        nothing_comes(training)
    assert [kind for kind, *_ in caught] == [ZeroDivisionError]
    assert "a defect" in ear.of("refused")[0]
    assert not training.playing
    training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 1


def test_a_frame_that_cannot_be_made_is_told_once(
    training: Training, ear: Ear, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def fail(self: Trainer, control: Control | None = None) -> None:
        raise LearnError("The weights make no kernels.")

    start(qtbot, training, project())
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "look", fail)
        training.step_once()
        settle(qtbot, training)
        nothing_comes(training)
    assert ear.of("refused") == ["The weights make no kernels."]
    training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 2


def test_a_slow_pace_waits_between_steps_and_any_other_ends_the_wait(
    training: Training, ear: Ear, step_gate: Gate, qtbot: QtBot
) -> None:
    start(qtbot, training, project())
    training.set_speed(1e-3)
    training.play()
    qtbot.waitUntil(lambda: ear.frame.step == 1)
    nothing_comes(training)
    assert training.playing
    assert step_gate.passed == 1
    training.step_once()  # does not wait for the pace
    settle(qtbot, training)
    assert ear.frame.step == 2
    training.play()
    qtbot.waitUntil(lambda: ear.frame.step == 3)
    training.set_speed(None)
    qtbot.waitUntil(lambda: bool(ear.of("stopped")))
    with pytest.raises(ValueError, match="positive"):
        training.set_speed(0)


# --- going back ---


def test_reset_is_exactly_the_start_and_the_same_run_again(
    training: Training, ear: Ear, qtbot: QtBot
) -> None:
    made = with_value(with_value(project(), "student", "start", "random"), "method", "data", "patch")
    made = with_value(made, "method", "patch", 12)
    start(qtbot, training, made)
    first = ear.frame
    training.play()
    settle(qtbot, training)
    end = ear.frame
    training.reset()
    settle(qtbot, training)
    again = ear.frame
    assert (again.step, again.last, len(again.steps)) == (0, 0, len(first.steps))
    assert same_bits(again.values, first.values)
    assert same_bits(again.values, ear.report.start)
    assert again.loss == first.loss
    assert np.array_equal(again.prediction.pixels, first.prediction.pixels)
    training.play()
    settle(qtbot, training)
    assert same_bits(ear.frame.values, end.values)
    assert np.array_equal(ear.frame.losses, end.losses)


def test_going_to_a_step_while_it_plays_pauses_there(
    training: Training, ear: Ear, step_gate: Gate, qtbot: QtBot
) -> None:
    start(qtbot, training, project())
    for _ in range(4):
        training.step_once()
    settle(qtbot, training)
    step_gate.close()
    training.play()
    step_gate.wait(qtbot)
    training.go_to(2)
    assert not training.playing
    settle(qtbot, training)
    assert (ear.frame.step, ear.frame.last) == (2, 4)
    assert same_bits(ear.frame.values, run(project(), 2).trainer.values)
    training.go_to(99)
    settle(qtbot, training)
    assert (ear.frame.step, ear.frame.last) == (4, 4)
    training.go_to(-3)
    settle(qtbot, training)
    assert ear.frame.step == 0


def test_playing_from_an_earlier_step_repeats_the_run(training: Training, ear: Ear, qtbot: QtBot) -> None:
    start(qtbot, training, project())
    training.play()
    settle(qtbot, training)
    end = ear.frame
    training.go_to(7)
    training.step_once()
    settle(qtbot, training)
    assert (ear.frame.step, ear.frame.last) == (8, 8)
    training.play()
    settle(qtbot, training)
    assert same_bits(ear.frame.values, end.values)


@pytest.mark.parametrize(("patience", "seen"), [(0.0, [6]), (1000.0, [3, 6])])
def test_scrubbing_shows_steps_on_the_way_if_they_are_soon_there(
    patience: float,
    seen: list[int],
    training: Training,
    ear: Ear,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> None:
    start(qtbot, training, project())
    training.play()
    qtbot.waitUntil(lambda: bool(ear.frame.comparisons))
    monkeypatch.setattr(training_loop, "PATIENCE", patience)
    gate, go_to = Gate(), Trainer.go_to

    def slow(self: Trainer, step: int, control: Control | None = None) -> None:
        gate.pass_through(control)
        go_to(self, step, control)

    monkeypatch.setattr(Trainer, "go_to", slow)
    gate.close()
    said = len(ear.of("frame"))
    training.go_to(3)
    gate.wait(qtbot)
    for step in (4, 5, 6):
        training.go_to(step)
    if patience:
        gate.open_once(qtbot)  # the first gets through, and its frame is delivered
        qtbot.waitUntil(lambda: len(ear.of("frame")) > said)
    gate.open()
    settle(qtbot, training)
    qtbot.waitUntil(lambda: bool(ear.frame.comparisons))
    assert list(dict.fromkeys(frame.step for frame in ear.of("frame")[said:])) == seen


# --- answers ---


def test_the_closed_form_is_told(training: Training, ear: Ear, qtbot: QtBot) -> None:
    made = project()
    start(qtbot, training, made)
    training.solve()
    training.find_rate()
    settle(qtbot, training)
    (solved,) = ear.of("solved")
    lab = open_lab(made.training, made)
    assert np.array_equal(solved.weights, solve_lab(lab).weights)
    assert ear.of("rate_found") == [lab.trainer.stable_rate()]


def test_where_there_is_no_closed_form_it_says_so(training: Training, ear: Ear, qtbot: QtBot) -> None:
    made = project().with_layers([Activation(), Conv()], "conv-1")
    made = with_value(with_value(made, "student", "kind", "stack"), "student", "start", "present")
    start(qtbot, training, with_value(made, "student", "marks", (("conv-2", "weight"),)))
    training.solve()
    settle(qtbot, training)
    (text,) = ear.of("solve_failed")
    assert text.endswith(".")
    assert ear.of("refused") == []


def test_asking_while_it_plays_does_not_stop_it(
    training: Training, ear: Ear, step_gate: Gate, qtbot: QtBot
) -> None:
    start(qtbot, training, project())
    step_gate.close()
    training.play()
    step_gate.wait(qtbot)
    training.solve()
    training.ask("step", lambda lab, _control: lab.trainer.step)
    step_gate.open()
    qtbot.waitUntil(lambda: bool(ear.of("stopped")))
    assert len(ear.of("solved")) == 1
    assert ear.of("answered") == [("step", 1)]
    assert ear.stop.kind == "finished"


def test_another_question_is_answered_or_not_under_its_topic(
    training: Training, ear: Ear, qtbot: QtBot
) -> None:
    def none(_lab: Lab, _control: Control) -> None:
        raise LearnError("There is no answer.")

    start(qtbot, training, project())
    training.ask("shape", lambda lab, _control: lab.network.out_shape)
    training.ask("none", none)
    settle(qtbot, training)
    assert ear.of("answered") == [("shape", (1, 22, 26))]
    assert ear.of("unanswered") == [("none", "There is no answer.")]


def test_an_answer_can_be_cancelled(training: Training, ear: Ear, qtbot: QtBot) -> None:
    gate = Gate()
    gate.close()

    def slow(_lab: Lab, control: Control) -> int:
        gate.pass_through(control)
        return 1

    start(qtbot, training, project())
    training.ask("slow", slow)
    gate.wait(qtbot)
    training.cancel()
    settle(qtbot, training)
    assert ear.kinds == ["opened", "frame"]
    training.step_once()
    settle(qtbot, training)
    assert ear.frame.step == 1


def test_who_reads_the_present_step_is_told_before_it_is_left(training: Training, qtbot: QtBot) -> None:
    told: list[str] = []
    training.moving.connect(lambda: told.append("moving"))
    start(qtbot, training, project())
    for request in (training.step_once, training.play, training.reset, lambda: training.go_to(0)):
        request()
        told.append("asked")
    assert told == ["moving", *["moving", "asked"] * 4]
    for request in (training.pause, training.solve, training.cancel):
        request()
    training.set_speed(3)
    training.show_channel(0)
    settle(qtbot, training)
    assert told[-1] == "asked"


def test_comparisons_come_once_it_rests_and_not_at_the_start(
    training: Training, ear: Ear, qtbot: QtBot
) -> None:
    made = with_value(with_value(project(40), "pair", "noise", 0.1), "pair", "noise_on", "before")
    start(qtbot, training, made)
    nothing_comes(training)
    assert [frame.comparisons for frame in ear.of("frame")] == [()]
    training.play()
    qtbot.waitUntil(lambda: bool(ear.frame.comparisons))
    with_them = [frame for frame in ear.of("frame") if frame.comparisons]
    assert [frame.step for frame in with_them] == [STEPS]
    lab = run(made, STEPS)
    expected = comparisons(lab, lab.trainer.look().prediction)
    assert [each.name for each in with_them[0].comparisons] == [each.name for each in expected]
    for ours, theirs in zip(with_them[0].comparisons, expected, strict=True):
        assert (ours.psnr, ours.ssim) == pytest.approx((theirs.psnr, theirs.ssim), abs=1e-6)


# --- the thread ---


def test_closing_gives_up_whatever_goes_on(step_gate: Gate, open_gate: Gate, qtbot: QtBot) -> None:
    playing, opening = Training(), Training()
    start(qtbot, playing, project())
    step_gate.close()
    playing.play()
    step_gate.wait(qtbot)
    open_gate.close()
    opening.open(project())
    open_gate.wait(qtbot)
    playing.close()
    opening.close()
    assert (step_gate.cancelled, open_gate.cancelled) == (1, 1)
    assert not [t for t in threading.enumerate() if t.name == "convstudio-training"]


def test_closing_while_frames_fly_and_twice(qtbot: QtBot) -> None:
    for _ in range(5):
        made = Training()
        made.open(project(steps=100_000))
        made.play()
        qtbot.waitUntil(lambda made=made: made._loop._is_open)
        made.close()
        made.close()
        for request in (
            lambda made=made: made.open(project()),
            made.play,
            made.step_once,
            made.reset,
            made.solve,
        ):
            request()  # too late
        made.show_channel(3)
        assert not made.playing
        assert not training_is_at_work(made)


def training_is_at_work(training: Training) -> bool:
    """Whether anything is left to be done or told, once what was told before the end has arrived."""
    nothing_comes(training)
    return training.busy


def test_frames_do_not_pile_up_while_nobody_looks(training: Training, ear: Ear, qtbot: QtBot) -> None:
    start(qtbot, training, project(steps=100_000))
    said = len(ear.of("frame"))
    training.play()
    loop = training._loop
    without_delivering(lambda: loop._bench.lab.trainer.step > 50 and loop._outbox.holds("frame"))
    training._deliver()
    assert len(ear.of("frame")) == said + 1
    training.pause()
    settle(qtbot, training)


def test_frames_hold_no_large_arrays(training: Training, ear: Ear, qtbot: QtBot) -> None:
    made = project(1200, channels=3)
    start(qtbot, training, made)
    training.step_once()
    settle(qtbot, training)
    large = 1200 * 1204 * 3 * 4
    seen = 0
    for value in _arrays(ear.frame):
        seen += 1
        assert value.nbytes <= 4 * (1 << 20)
        assert value.base is None or value.base.nbytes < large
    assert seen > 10
    assert ear.frame.prediction.pixels.shape[0] < 1198


def _arrays(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Every array that can be reached from a frame."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _arrays(each)
    elif hasattr(value, "__dict__"):
        for each in vars(value).values():
            yield from _arrays(each)


def test_the_key_says_what_matters() -> None:
    made = project()
    key = training_key(made)
    assert training_key(made.with_param("conv-1", "stride", 2)) == key
    assert training_key(made.with_selected("photo")) == key
    assert training_key(made.with_picture(project().picture)) != key
    assert training_key(with_value(made, "method", "rate", 0.5)) != key
    stack = with_value(made, "pair", "source", "stack")
    assert training_key(stack.with_param("conv-1", "stride", 2)) != training_key(stack)
    assert training_key(stack.with_item("conv-1", name="Edges")) == training_key(stack)
    assert training_key(stack.with_item("conv-1", enabled=False)) != training_key(stack)
    files = with_value(made, "pair", "source", "files")
    assert training_key(files.with_picture(project().picture)) == training_key(files)
    assert training_key(made.without("conv-1")) == key


def test_one_channel_is_shown_if_so_wished(training: Training, ear: Ear, qtbot: QtBot) -> None:
    start(qtbot, training, project(channels=3))
    assert ear.frame.channel is None
    training.show_channel(2)
    settle(qtbot, training)
    assert ear.frame.channel == 2
    assert len(ear.of("frame")) == 2


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_asked_in_whatever_order_the_run_stays_the_same(
    seed: int, training: Training, ear: Ear, qtbot: QtBot
) -> None:
    """Requests at random, with and without time for the worker in between."""
    rng = np.random.default_rng(seed)
    made = [project(), with_value(project(), "student", "size", (5, 5)), project(optimizer="momentum")]
    wrong = with_value(project(), "student", "size", (31, 31))
    last = made[0]
    training.open(last)
    for _ in range(80):
        request = rng.integers(10)
        if request == 0:
            last = made[rng.integers(3)]
            training.open(last)
        elif request == 1:
            training.open(wrong)
            training.open(last)
        elif request == 2:
            training.go_to(int(rng.integers(STEPS + 2)))
        elif request == 3:
            training.set_speed([None, 200.0][rng.integers(2)])
        elif request == 4:
            training.ask("step", lambda lab, _control: lab.trainer.step)
        else:
            calls = (training.play, training.pause, training.step_once, training.reset, training.solve)
            calls[request - 5]()
        if rng.random() < 0.5:
            qtbot.wait(int(rng.integers(1, 8)))
    training.pause()
    settle(qtbot, training)
    assert len(set(ear.of("refused"))) <= 1
    frame = ear.frame
    assert frame.step <= frame.last <= STEPS
    assert same_bits(frame.values, run(last, frame.step).trainer.values)
    assert training._loop._bench.lab.trainer.step == frame.step
