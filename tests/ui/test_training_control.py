"""The training lab in the window: opened, set up, played, put into the stack and undone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot
from scipy import ndimage

from convstudio.kernels import Bank, Kernel, preset
from convstudio.layers import Activation, Conv
from convstudio.learn.experiments import EXPERIMENTS
from convstudio.model import TrainingSetup
from convstudio.ui.fields.log_float_field import LogFloatField
from convstudio.ui.main_window import MainWindow
from convstudio.ui.training_form import TrainingForm
from convstudio.ui.training_panel import TrainingPanel
from tests.ui.window_hands import LAYER, conv_of, drop, files, open_window, part, random_picture, text_of

CTRL = Qt.KeyboardModifier.ControlModifier
SHORT = TrainingSetup().with_value("method", "rate", 0.1).with_value("method", "steps", 40)


@pytest.fixture
def lab(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """The window with the lab open on a small grey picture of noise, for a run of forty steps."""
    window.settings.training_pace = "full"
    window.session.set_picture(random_picture(1, 24, 32))
    window.training.edits.set_setup(SHORT, "a short run")
    window.session.end_merge()
    trigger(window, "train")
    settle(qtbot, window)
    return window


def settle(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until nothing but playing goes on."""
    qtbot.waitUntil(lambda: not window.busy, timeout=30_000)
    QApplication.processEvents()
    qtbot.waitUntil(lambda: not window.busy, timeout=30_000)


def trigger(window: MainWindow, name: str) -> None:
    action = window.actions_table[name]
    assert action.isEnabled(), action.property("whyDisabled")
    action.trigger()


def run(qtbot: QtBot, window: MainWindow) -> None:
    """Play to the end."""
    trigger(window, "train-play")
    steps = window.session.project.training.method.steps
    qtbot.waitUntil(lambda: step(window) == steps and not window.training.playing, timeout=60_000)
    settle(qtbot, window)


def step(window: MainWindow) -> int:
    frame = window.training.result.frame
    return -1 if frame is None else frame.step


def openings(window: MainWindow) -> list[object]:
    """Return a list that gets an entry whenever a lab was opened from now on."""
    heard: list[object] = []
    window.training._parts.training.opened.connect(heard.append)
    return heard


def set_value(window: MainWindow, where: str, name: str, value: object) -> None:
    """Edit as the form tells it."""
    part(window, TrainingForm, "training-form").value_edited.emit(where, name, value)


def retype(qtbot: QtBot, control: QWidget, text: str) -> None:
    control.setFocus()
    qtbot.keyClick(control, Qt.Key.Key_A, CTRL)
    qtbot.keyClicks(control, text)


# --- showing the lab ---


def workers() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "convstudio-training"]


def test_nothing_is_made_before_the_lab_is_shown_and_all_ends_with_the_window(
    window: MainWindow, qtbot: QtBot
) -> None:
    assert window.findChild(QWidget, "training-panel") is None
    assert window.findChild(QWidget, "training-form") is None
    assert workers() == []
    assert not window.actions_table["train-step"].isEnabled()
    assert "No training is open" in window.actions_table["train-take"].property("whyDisabled")
    qtbot.keyClick(window, Qt.Key.Key_T, CTRL)
    settle(qtbot, window)
    assert part(window, TrainingPanel, "training-panel").isVisible()
    assert workers() == ["convstudio-training"]
    trigger(window, "train-play")
    qtbot.waitUntil(lambda: step(window) > 0, timeout=30_000)
    window.close()
    assert workers() == []


def test_the_form_stands_in_the_place_of_the_inspector_while_the_lab_is_shown(
    lab: MainWindow, qtbot: QtBot
) -> None:
    right, form = part(lab, QStackedWidget, "right-column"), part(lab, TrainingForm, "training-form")
    assert right.currentWidget() is form
    assert not lab.views.isVisible()
    lab.centre.tools.show_tool("cost")
    assert right.currentWidget() is lab.inspector
    assert lab.views.isVisible()
    before = right.width()
    trigger(lab, "train")
    assert right.currentWidget() is form
    assert right.width() == before


def test_turning_to_another_tool_pauses(lab: MainWindow, qtbot: QtBot) -> None:
    set_value(lab, "method", "steps", 1_000_000)
    settle(qtbot, lab)
    trigger(lab, "train-play")
    qtbot.waitUntil(lambda: step(lab) > 1)
    assert lab.actions_table["train-play"].text() == "Pause"
    lab.centre.tools.show_tool("cost")
    qtbot.waitUntil(lambda: not lab.training.playing)
    reached = openings(lab)
    trigger(lab, "train")
    settle(qtbot, lab)
    assert step(lab) > 1
    assert reached == []  # the run is still there


def test_a_project_that_was_saved_in_the_lab_comes_back_to_it(
    lab: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    lab.projects.files.save(tmp_path / "lesson.convstudio")
    settle(qtbot, lab)
    other = open_window(qtbot, tmp_path / "other.ini")
    other.projects.open(tmp_path / "lesson.convstudio")
    settle(qtbot, other)
    assert other.session.project.training == SHORT
    assert other.training.shown
    assert part(other, TrainingPanel, "training-panel").opened
    assert (
        part(other, TrainingForm, "training-form").field_form("method", "steps").field("steps").value() == 40
    )
    other.close()


# --- what was learned is saved along ---


def saved_and_opened(
    qtbot: QtBot, window: MainWindow, path: Path, change: Callable[[], None] = lambda: None
) -> MainWindow:
    """Return another window on what a window saves."""
    change()
    window.projects.files.save(path)
    settle(qtbot, window)
    other = open_window(qtbot, path.with_suffix(".ini"))
    other.settings.training_pace = "full"
    other.projects.open(path)
    settle(qtbot, other)
    return other


def test_opening_the_lab_and_playing_are_no_steps_and_only_what_was_learned_is_a_change(
    lab: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    lab.projects.files.save(tmp_path / "a.convstudio")
    settle(qtbot, lab)
    lab.centre.tools.show_tool("receptive")
    trigger(lab, "train")
    settle(qtbot, lab)
    assert not lab.projects.files.dirty
    before = lab.session.undo_text
    run(qtbot, lab)
    assert lab.projects.files.dirty
    assert lab.session.undo_text == before
    learned, frame = lab.session.project.learned, lab.training.result.frame
    assert learned is not None
    assert learned.descent is not None
    assert frame is not None
    assert learned.closed is None
    assert (learned.descent.step, learned.descent.loss) == (40, frame.loss)
    assert learned.descent.distance == frame.distance
    assert learned.descent.layers == tuple(frame.layers)
    trigger(lab, "train-solve")
    settle(qtbot, lab)
    both = lab.session.project.learned
    assert both is not None
    assert both.descent == learned.descent
    assert both.closed is not None
    assert both.closed.distance is not None
    assert both.closed.distance < 1e-6
    part(lab, TrainingPanel, "training-panel").scrubbed.emit(7)
    settle(qtbot, lab)
    back = lab.session.project.learned
    assert back is not None
    assert back.descent is not None
    assert back.descent.step == 7


def test_a_learned_kernel_comes_back_with_the_project_and_goes_into_the_stack(
    lab: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    run(qtbot, lab)
    trigger(lab, "train-solve")
    settle(qtbot, lab)
    learned = lab.session.project.learned
    other = saved_and_opened(qtbot, lab, tmp_path / "lesson.convstudio")
    assert other.session.project.learned == learned
    assert learned is not None
    assert learned.descent is not None
    panel = part(other, TrainingPanel, "training-panel")
    kernel = panel.run.kernel
    assert text_of(other, "training-kernel-title") == "Saved: step 40"
    assert panel.status.text.startswith("Learned before: 40 steps, loss ")
    assert not other.projects.files.dirty
    wanted = conv(learned.descent.layers[0]).bank.filters[0].kernel(None).values
    assert np.array_equal(kernel.view.kernels[0], wanted)
    trigger(other, "train-take")
    assert np.array_equal(conv_of(other, "conv-2").bank.filters[0].kernel(None).values, wanted)
    assert panel.status.text.startswith("The learned kernel is the first layer now")
    other.session.undo()
    assert panel.status.text.startswith("Learned before: ")
    turn = part(other, QToolButton, "training-saved")
    qtbot.mouseClick(turn, Qt.MouseButton.LeftButton)
    assert text_of(other, "training-kernel-title") == "Saved: least squares"
    assert kernel.saved == "saved closed"
    qtbot.mouseClick(turn, Qt.MouseButton.LeftButton)
    assert text_of(other, "training-kernel-title") == "Learned"
    assert not kernel.view.kernels[0].any()
    qtbot.mouseClick(turn, Qt.MouseButton.LeftButton)
    assert kernel.saved == "saved"
    run(qtbot, other)  # another run takes its place
    assert not turn.isVisible()
    assert text_of(other, "training-kernel-title") == "Learned"
    assert other.training.result.saved is None
    trigger(other, "train-reset")
    settle(qtbot, other)
    assert step(other) == 0
    assert text_of(other, "training-kernel-title") == "Learned"  # it is the start that was asked for
    assert turn.isVisible()
    other.close()


def conv(layer: object) -> Conv:
    assert isinstance(layer, Conv)
    return layer


def test_what_an_earlier_setup_found_is_still_offered(lab: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    run(qtbot, lab)
    learned = lab.session.project.learned
    other = saved_and_opened(
        qtbot, lab, tmp_path / "p.convstudio", lambda: set_value(lab, "student", "size", (5, 5))
    )
    panel = part(other, TrainingPanel, "training-panel")
    assert other.session.project.learned == learned
    assert text_of(other, "training-kernel-title") == "Learned"
    assert "From an earlier setup: 40 steps, loss " in panel.status.text
    qtbot.mouseClick(part(other, QToolButton, "training-saved"), Qt.MouseButton.LeftButton)
    assert text_of(other, "training-kernel-title") == "Earlier: step 40"
    assert panel.run.kernel.view.kernels[0].shape == (3, 3)
    qtbot.mouseClick(part(other, QPushButton, "training-take"), Qt.MouseButton.LeftButton)
    assert conv_of(other, "conv-2").bank.filters[0].shape == (3, 3)
    other.close()


def test_what_was_saved_goes_into_the_stack_even_where_nothing_can_be_trained(
    lab: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    run(qtbot, lab)
    other = saved_and_opened(
        qtbot, lab, tmp_path / "p.convstudio", lambda: set_value(lab, "student", "size", (31, 31))
    )
    panel = part(other, TrainingPanel, "training-panel")
    assert not panel.opened
    assert "F9 puts into the stack what was learned before: 40 steps, loss " in panel.status.text
    trigger(other, "train-take")
    assert conv_of(other, "conv-2").bank.filters[0].shape == (3, 3)
    other.close()


def test_saving_keeps_what_a_run_has_found_so_far(lab: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    set_value(lab, "method", "steps", 100_000)
    lab.projects.files.save(tmp_path / "p.convstudio")
    settle(qtbot, lab)
    trigger(lab, "train-play")
    qtbot.waitUntil(lambda: step(lab) > 3, timeout=30_000)
    trigger(lab, "save-project")
    learned = lab.session.project.learned
    assert lab.training.playing
    assert learned is not None
    assert learned.descent is not None
    assert learned.descent.step > 3
    trigger(lab, "train-play")
    settle(qtbot, lab)


def test_that_it_is_in_the_stack_is_said_until_it_is_not(lab: MainWindow, qtbot: QtBot) -> None:
    run(qtbot, lab)
    panel = part(lab, TrainingPanel, "training-panel")
    before = panel.status.text
    trigger(lab, "train-take")
    assert panel.status.text == "The learned kernel is the first layer now; undo takes it back."
    lab.session.select(LAYER)
    assert panel.status.text.startswith("The learned kernel is the first layer now")
    lab.session.undo()
    assert panel.status.text == before


def test_the_pace_is_remembered(lab: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    panel = part(lab, TrainingPanel, "training-panel")
    assert panel.transport.pace == "full"
    box = part(panel, QComboBox, "training-speed")
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Home)
    assert lab.settings.training_pace == "run"
    other = open_window(qtbot, tmp_path / "other.ini")
    other.settings.training_pace = "20"
    trigger(other, "train")
    settle(qtbot, other)
    assert part(other, TrainingPanel, "training-panel").transport.speed == 20.0
    other.close()


def test_one_of_many_channels_is_chosen(lab: MainWindow, qtbot: QtBot) -> None:
    box = part(lab, QComboBox, "training-channel")
    assert not box.isVisible()
    lab.session.set_picture(random_picture(3, 24, 32))
    filters = Bank.of(*(Kernel.custom([[n + 1.0, 0.0, 1.0]]) for n in range(4)))
    lab.session.push(
        lab.session.project.with_item(LAYER, layer=Conv(bank=filters, channels="all")), "four filters"
    )
    mark = lab.training.edits
    mark.set_value("pair", "source", "stack")
    mark.set_value("student", "kind", "stack")
    mark.mark(LAYER, "weight", True)
    settle(qtbot, lab)
    assert box.isVisible()
    assert [box.itemText(n) for n in range(box.count())] == [f"channel {n}" for n in range(4)]
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: channel(lab) == 3)
    assert box.currentIndex() == 3
    prediction = part(lab, QWidget, "training-prediction")
    here = QRect(box.mapTo(lab, QPoint(0, 0)), box.size())
    assert QRect(prediction.mapTo(lab, QPoint(0, 0)), prediction.size()).contains(here)
    lab.session.undo()  # the mark: another lab, with all its channels
    settle(qtbot, lab)
    lab.session.redo()
    settle(qtbot, lab)
    assert channel(lab) == 0
    assert box.currentIndex() == 0


def channel(window: MainWindow) -> int | None:
    frame = window.training.result.frame
    return None if frame is None else frame.channel


# --- playing ---


def test_a_run_by_keyboard_alone_goes_into_the_stack_and_out_again(lab: MainWindow, qtbot: QtBot) -> None:
    focus = QApplication.focusWidget()
    assert focus is part(lab, TrainingPanel, "training-panel")
    qtbot.keyClick(focus, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: step(lab) == 40 and not lab.training.playing, timeout=30_000)
    settle(qtbot, lab)
    frame, reopened = lab.training.result.frame, openings(lab)
    assert frame is not None
    before = lab.session.project
    qtbot.keyClick(focus, Qt.Key.Key_F9)
    project = lab.session.project
    assert [item.id for item in project.layers] == ["conv-2", LAYER]
    assert project.selected == "conv-2"
    assert np.array_equal(conv_of(lab, "conv-2").bank.filters[0].kernel(None).values, frame.values[0][0, 0])
    assert lab.session.undo_text == "learned kernel"
    settle(qtbot, lab)
    qtbot.keyClick(focus, Qt.Key.Key_Z, CTRL)
    assert lab.session.project == before
    settle(qtbot, lab)
    assert step(lab) == 40
    assert reopened == []


def test_the_selected_convolution_takes_the_learned_kernel(lab: MainWindow, qtbot: QtBot) -> None:
    lab.control.edits.add([Activation()])
    assert not lab.actions_table["train-take-layer"].isEnabled()
    lab.session.select(LAYER)
    lab.session.set_param(LAYER, "stride", (2, 2))
    run(qtbot, lab)
    frame = lab.training.result.frame
    assert frame is not None
    trigger(lab, "train-take-layer")
    layer = conv_of(lab)
    assert layer.stride == (2, 2)
    assert np.array_equal(layer.bank.filters[0].kernel(None).values, frame.values[0][0, 0])
    lab.session.undo()
    assert conv_of(lab).bank.filters[0].kernel(None).preset == "sobel-x"


def test_step_scrub_and_reset_lead_to_the_run(lab: MainWindow, qtbot: QtBot) -> None:
    panel = part(lab, TrainingPanel, "training-panel")
    for wanted in (1, 2, 3):
        trigger(lab, "train-step")
        qtbot.waitUntil(lambda wanted=wanted: step(lab) == wanted)
    third = lab.training.result.frame
    panel.scrubbed.emit(1)
    qtbot.waitUntil(lambda: step(lab) == 1)
    panel.scrubbed.emit(3)
    qtbot.waitUntil(lambda: step(lab) == 3)
    again = lab.training.result.frame
    assert third is not None
    assert again is not None
    assert np.array_equal(third.values[0], again.values[0])
    trigger(lab, "train-reset")
    qtbot.waitUntil(lambda: step(lab) == 0)


def test_the_closed_form_is_solved_and_taken(lab: MainWindow, qtbot: QtBot) -> None:
    trigger(lab, "train-solve")
    settle(qtbot, lab)
    solved = lab.training.result.solved
    assert solved is not None
    part(lab, TrainingPanel, "training-panel").take_requested.emit("closed")
    learned = conv_of(lab, "conv-2").bank.filters[0].kernel(None).values
    assert np.allclose(learned, preset("sobel-x").make().values, atol=1e-6)


def test_solving_can_be_given_up(lab: MainWindow, qtbot: QtBot) -> None:
    trigger(lab, "train-solve")
    part(lab, TrainingPanel, "training-panel").solve_cancelled.emit()
    settle(qtbot, lab)
    trigger(lab, "train-step")
    qtbot.waitUntil(lambda: step(lab) == 1)


# --- the setup ---


def test_a_running_training_stops_when_its_setup_changes_and_says_so(lab: MainWindow, qtbot: QtBot) -> None:
    set_value(lab, "method", "steps", 1_000_000)
    settle(qtbot, lab)
    trigger(lab, "train-play")
    qtbot.waitUntil(lambda: step(lab) > 1)
    opened = openings(lab)
    set_value(lab, "student", "size", (5, 5))
    qtbot.waitUntil(lambda: not lab.training.playing)
    assert "stopped" in text_of(lab, "message-text")
    settle(qtbot, lab)
    assert len(opened) == 1
    assert step(lab) == 0
    frame = lab.training.result.frame
    assert frame is not None
    assert frame.values[0].shape[-2:] == (5, 5)


def test_typing_opens_the_lab_once_and_is_one_step_for_undo(lab: MainWindow, qtbot: QtBot) -> None:
    rate = part(lab, TrainingForm, "training-form").field_form("method", "rate").field("rate")
    assert isinstance(rate, LogFloatField)
    opened = openings(lab)
    retype(qtbot, rate.spin, "0.0312")
    assert lab.session.project.training.method.rate == 0.0312
    assert opened == []
    settle(qtbot, lab)
    assert len(opened) == 1
    qtbot.keyClick(rate.spin, Qt.Key.Key_Z, CTRL)
    assert lab.session.project.training == SHORT
    assert rate.spin.text() == "0.1"
    settle(qtbot, lab)
    assert len(opened) == 2


def test_a_change_that_is_taken_back_at_once_opens_nothing(lab: MainWindow, qtbot: QtBot) -> None:
    opened = openings(lab)
    set_value(lab, "student", "bias", True)
    lab.session.undo()
    qtbot.wait(400)
    settle(qtbot, lab)
    assert opened == []


def test_another_picture_is_learned_from_and_layers_only_where_they_have_a_part(
    lab: MainWindow, qtbot: QtBot
) -> None:
    opened = openings(lab)
    lab.session.set_param(LAYER, "stride", (2, 2))
    lab.control.edits.add([Activation()])
    qtbot.wait(400)
    settle(qtbot, lab)
    assert opened == []
    lab.session.set_picture(random_picture(3, 20, 20))
    settle(qtbot, lab)
    assert [report.in_shape for report in opened] == [(3, 20, 20)]  # type: ignore[attr-defined]
    set_value(lab, "pair", "source", "stack")
    settle(qtbot, lab)
    lab.session.set_param(LAYER, "stride", (1, 1))
    settle(qtbot, lab)
    assert len(opened) == 3


def test_what_cannot_be_trained_is_said_and_tried_again(lab: MainWindow, qtbot: QtBot) -> None:
    set_value(lab, "student", "size", (31, 31))
    settle(qtbot, lab)
    problem = text_of(lab, "training-problem")
    assert problem
    assert not part(lab, TrainingPanel, "training-panel").opened
    assert not lab.actions_table["train-step"].isEnabled()
    assert not lab.actions_table["train-play"].isEnabled(), "the same would come of it"
    assert lab.actions_table["train-play"].property("whyDisabled") == problem
    set_value(lab, "student", "size", (3, 3))
    trigger(lab, "train-play")
    qtbot.waitUntil(lambda: step(lab) == 40, timeout=30_000)
    assert text_of(lab, "training-problem") == ""


def test_a_late_look_at_the_lab_before_is_not_shown_after_a_refusal(lab: MainWindow, qtbot: QtBot) -> None:
    frame = lab.training.result.frame
    assert frame is not None
    set_value(lab, "student", "size", (31, 31))
    settle(qtbot, lab)
    lab.training._parts.training.frame.emit(frame)
    assert not part(lab, TrainingPanel, "training-panel").opened
    assert not lab.actions_table["train-take"].isEnabled()


def test_the_suggested_rate_is_found_shown_and_taken(lab: MainWindow, qtbot: QtBot) -> None:
    set_value(lab, "method", "optimizer", "gd")
    settle(qtbot, lab)
    limit, button = text_of(lab, "training-rate-limit"), part(lab, QPushButton, "training-rate-use")
    assert limit.startswith("stable below ")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    rate = lab.session.project.training.method.rate
    assert button.text() == f"Use {rate:g}"
    assert rate < float(limit.removeprefix("stable below "))
    settle(qtbot, lab)
    assert not button.isEnabled()  # it is that one now
    lab.session.undo()
    assert lab.session.project.training.method.rate == 0.1


def test_a_new_seed_is_drawn_only_where_something_is_random(lab: MainWindow, qtbot: QtBot) -> None:
    assert "random" in lab.actions_table["train-seed"].property("whyDisabled")
    set_value(lab, "student", "start", "random")
    settle(qtbot, lab)
    first = lab.training.result.frame
    trigger(lab, "train-seed")
    assert lab.session.project.training.student.seed == 1
    settle(qtbot, lab)
    second = lab.training.result.frame
    assert first is not None
    assert second is not None
    assert not np.array_equal(first.values[0], second.values[0])


def test_the_marked_layers_of_the_stack_learn_and_take_their_weights(lab: MainWindow, qtbot: QtBot) -> None:
    set_value(lab, "pair", "teacher", Kernel.custom(((0.0, 1.0), (2.0, 0.0))))
    set_value(lab, "student", "kind", "stack")
    lab.session.set_kernel(LAYER, Kernel.custom(((0.1, 0.0), (0.0, 0.0))))
    settle(qtbot, lab)
    assert "mark" in text_of(lab, "training-problem").lower()
    box = part(lab, QCheckBox, f"training-mark-{LAYER}-weight")
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    settle(qtbot, lab)
    assert lab.session.project.training.student.marks == ((LAYER, "weight"),)
    run(qtbot, lab)
    frame, opened = lab.training.result.frame, openings(lab)
    assert frame is not None
    trigger(lab, "train-take")
    assert len(lab.session.project.layers) == 1
    assert np.array_equal(conv_of(lab).bank.filters[0].kernel(None).values, frame.values[0][0, 0])
    settle(qtbot, lab)
    lab.session.undo()
    settle(qtbot, lab)
    assert conv_of(lab).bank.filters[0].kernel(None).values[0, 0] == 0.1
    assert opened == []  # its own result does not end the run
    assert step(lab) == 40


# --- two files ---

BLUR = np.array([[0.0, 0.1, 0.0], [0.1, 0.5, 0.2], [0.0, 0.1, 0.0]])


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A picture of 8 bits before a blur and after it."""
    before = np.rint(random_picture(1, 40, 40).values[0] * 255)
    after = np.rint(ndimage.correlate(before, BLUR))
    paths = tmp_path / "before.png", tmp_path / "after.png"
    for path, values in zip(paths, (before, after), strict=True):
        assert cv2.imwrite(str(path), values.astype(np.uint8))
    return paths


def test_which_filter_made_this_from_two_files_by_the_dialog(
    lab: MainWindow, qtbot: QtBot, pair: tuple[Path, Path], choose: Callable[[MainWindow, Path], None]
) -> None:
    trigger(lab, "train-files")
    settle(qtbot, lab)
    assert "Choose two pictures" in text_of(lab, "training-welcome-words")
    assert text_of(lab, "training-problem") == "", "nothing is wrong yet"
    assert not lab.actions_table["train-play"].isEnabled()
    choose(lab, pair[0])
    settle(qtbot, lab)
    assert "the picture after" in text_of(lab, "training-welcome-words")
    qtbot.mouseClick(part(lab, QPushButton, "training-file-after"), Qt.MouseButton.LeftButton)
    choose(lab, pair[1])
    settle(qtbot, lab)
    assert text_of(lab, "training-problem") == ""
    assert lab.settings.last_folder == str(pair[0].parent)
    trigger(lab, "train-solve")
    settle(qtbot, lab)
    solved = lab.training.result.solved
    assert solved is not None
    assert np.abs(solved.weights[0, 0] - BLUR).max() < 1e-2
    take = part(lab, QPushButton, "verdict-take")
    qtbot.mouseClick(take, Qt.MouseButton.LeftButton)
    assert "learned from before.png → after.png" in part(lab, TrainingPanel, "training-panel").status.text
    lab.session.undo()
    lab.session.undo()
    assert lab.session.project.training.pair.after == ""


@pytest.fixture
def choose() -> Callable[[MainWindow, Path], None]:
    """Choose a file in the dialog that is open."""

    def work(window: MainWindow, path: Path) -> None:
        dialog = next(each for each in window.findChildren(QFileDialog) if each.isVisible())
        dialog.fileSelected.emit(str(path))
        dialog.close()
        QApplication.processEvents()

    return work


def test_two_files_are_dropped_on_the_form(lab: MainWindow, qtbot: QtBot, pair: tuple[Path, Path]) -> None:
    set_value(lab, "pair", "source", "files")
    assert drop(part(lab, QPushButton, "training-file-before"), files(*pair))
    settle(qtbot, lab)
    assert part(lab, TrainingPanel, "training-panel").opened
    chosen = lab.session.project.training.pair
    assert (chosen.before, chosen.after) == (str(pair[0]), str(pair[1]))
    pair[1].unlink()
    qtbot.mouseClick(part(lab, QPushButton, "training-files-swap"), Qt.MouseButton.LeftButton)
    settle(qtbot, lab)
    assert "after.png" in text_of(lab, "training-problem")  # it is not there any more


# --- experiments ---


def test_an_experiment_is_one_step_and_opens(window: MainWindow, qtbot: QtBot) -> None:
    before = window.session.project
    for each in EXPERIMENTS:
        trigger(window, f"experiment-{each.id}")
        assert window.session.undo_text == f"experiment: {each.title}"
        settle(qtbot, window)
        assert text_of(window, "training-problem") == ""
        assert part(window, TrainingPanel, "training-panel").opened
        window.session.undo()
        assert window.session.project == before


def test_experiments_stand_in_the_menu_with_what_they_show(window: MainWindow) -> None:
    actions = window.actions_table.menu("Train/Experiments").actions()
    assert [each.text() for each in actions] == [each.title for each in EXPERIMENTS]
    assert [each.statusTip() for each in actions] == [each.text for each in EXPERIMENTS]


def test_the_kernel_of_the_selected_layer_is_offered(lab: MainWindow, qtbot: QtBot) -> None:
    mine = Kernel.custom(((1.0, 2.0), (3.0, 4.0)))
    lab.session.set_kernel(LAYER, mine)
    button = part(lab, QPushButton, "training-teacher-selected")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert lab.session.project.training.pair.teacher == mine
    lab.session.select("photo")
    assert not button.isEnabled()
    label = part(lab, QLabel, "training-pair")
    assert label.isVisible()
    assert isinstance(lab.session.project.layer(LAYER), Conv)


def test_at_the_last_step_play_is_off_until_there_are_more_steps(lab: MainWindow, qtbot: QtBot) -> None:
    run(qtbot, lab)
    for name in ("train-play", "train-step"):
        action = lab.actions_table[name]
        assert not action.isEnabled()
        assert "raise “Steps”" in action.property("whyDisabled")
    trigger(lab, "train-reset")
    settle(qtbot, lab)
    assert lab.actions_table["train-play"].isEnabled()
    run(qtbot, lab)
    set_value(lab, "method", "steps", 60)
    trigger(lab, "train-play")  # at once, before the lab is opened anew
    qtbot.waitUntil(lambda: step(lab) == 60, timeout=30_000)


def test_where_there_is_no_closed_form_it_is_not_asked_for_twice(lab: MainWindow, qtbot: QtBot) -> None:
    stack = SHORT.with_value("student", "kind", "stack").with_value("student", "start", "random")
    lab.training.edits.set_setup(stack, "a stack")
    two = lab.session.project.with_layers([Activation()], LAYER)
    lab.session.push(two, "a layer more")
    lab.training.edits.mark(LAYER, "weight", True)
    settle(qtbot, lab)
    trigger(lab, "train-solve")
    settle(qtbot, lab)
    action = lab.actions_table["train-solve"]
    assert not action.isEnabled()
    assert action.property("whyDisabled") == part(lab, TrainingPanel, "training-panel").run.verdict.words()[1]
    lab.training.edits.set_setup(SHORT, "one kernel")
    settle(qtbot, lab)
    assert action.isEnabled()


def test_the_window_opens_without_loading_what_trains() -> None:
    code = (
        "import sys, convstudio.ui.main_window;"
        "late = {'convstudio.learn.trainer', 'convstudio.learn.lab', 'convstudio.ui.training_panel'};"
        "found = late & set(sys.modules);"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
