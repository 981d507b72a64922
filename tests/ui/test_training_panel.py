"""The training lab's panel: its states, what it asks for, keys and pages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QAction, QFontMetricsF
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QProgressBar,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from convstudio.engine.display import render
from convstudio.kernels import Bank, Kernel
from convstudio.layers import Conv
from convstudio.learn.divergence import Stop
from convstudio.learn.experiments import EXPERIMENTS
from convstudio.learn.lab import comparisons, solve_lab
from convstudio.ui.training_panel import TrainingPanel
from convstudio.ui.training_pictures import legend_ends
from convstudio.ui.training_transport import SLOW_MILLISECONDS, ScrubSlider
from convstudio.ui.training_welcome import Entry
from convstudio.ui.weights_view import TILES
from tests.ui.lab_hands import TEACHER, Run
from tests.ui.window_hands import part

ENTRIES = [Entry(each.id, each.title, each.text) for each in EXPERIMENTS]


@pytest.fixture
def panel(qtbot: QtBot) -> TrainingPanel:
    made = TrainingPanel(ENTRIES)
    qtbot.addWidget(made)
    made.resize(816, 640)
    made.show()
    qtbot.waitExposed(made)
    return made


def listen(panel: TrainingPanel) -> list[tuple[object, ...]]:
    """Return what the panel asks for, as it asks."""
    said: list[tuple[object, ...]] = []
    for name in (
        "play_requested", "pause_requested", "step_requested", "reset_requested", "new_seed_requested",
        "speed_chosen", "scrubbed", "solve_requested", "solve_cancelled", "take_requested", "rate_chosen",
        "experiment_chosen",
    ):  # fmt: skip
        getattr(panel, name).connect(lambda *values, name=name: said.append((name, *values)))
    return said


def press(qtbot: QtBot, panel: QWidget, name: str) -> None:
    button = part(panel, QAbstractButton, name)
    assert button.isEnabled(), name
    assert button.isVisible(), name
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def open_run(panel: TrainingPanel, run: Run, step: int = 0) -> None:
    panel.show_opened(run.report)
    panel.show_frame(run.frame(step))


# --- nothing opened, refused ---


def test_before_anything_is_opened_it_explains_and_offers(panel: TrainingPanel, qtbot: QtBot) -> None:
    said = listen(panel)
    assert not panel.opened
    assert panel.welcome.isVisible()
    assert "which kernel" in panel.welcome.words()[1]
    press(qtbot, panel, "training-start")
    press(qtbot, panel, "experiment-sobel")
    action = part(panel, QAction, "experiment-action-relu")
    action.trigger()
    assert said == [("play_requested",), ("experiment_chosen", "sobel"), ("experiment_chosen", "relu")]
    assert not part(panel, QPushButton, "training-one-step").isEnabled()


@pytest.mark.parametrize("size", [(816, 640), (826, 600), (1370, 952)])
def test_experiments_are_told_whole(qtbot: QtBot, size: tuple[int, int]) -> None:
    """At the sizes that the lab has in windows of 1366×768 and 1920×1080 pixels."""
    panel = TrainingPanel([Entry(each.id, each.title, each.text) for each in EXPERIMENTS])
    qtbot.addWidget(panel)
    panel.resize(*size)
    panel.show()
    qtbot.waitExposed(panel)
    assert [card.shown_text() for card in panel.welcome.cards] == [each.text for each in EXPERIMENTS]
    panel.resize(600, 420)
    qtbot.waitUntil(lambda: any(card.shown_text().endswith(" …") for card in panel.welcome.cards))


def test_a_refusal_is_told_and_can_be_tried_again(panel: TrainingPanel, qtbot: QtBot) -> None:
    open_run(panel, Run())
    said = listen(panel)
    panel.show_refused("The pictures have no pixel in common.")
    assert not panel.opened
    assert panel.welcome.words() == ("This cannot be trained yet", "The pictures have no pixel in common.")
    press(qtbot, panel, "training-start")
    assert said == [("play_requested",)]


def test_where_trying_again_cannot_help_nothing_offers_it(panel: TrainingPanel, qtbot: QtBot) -> None:
    said = listen(panel)
    start, play = (part(panel, QPushButton, f"training-{name}") for name in ("start", "play"))
    words = part(panel, QLabel, "training-welcome-words")
    panel.show_refused("Choose two pictures.", waiting=True, again=False)
    assert words.text() == "Choose two pictures."
    assert words.property("role") != "problem", "nothing is wrong yet"
    assert not start.isVisible()
    assert not play.isEnabled()
    assert "Choose two pictures." in play.toolTip()
    qtbot.keyClick(panel, Qt.Key.Key_Space)
    assert said == []
    panel.show_refused("The file cannot be read.")
    assert words.property("role") == "problem"
    assert start.isVisible()
    assert play.isEnabled()
    open_run(panel, Run())
    assert play.isEnabled()


# --- opened, playing, paused, scrubbed back, stopped ---


def test_an_opened_training_says_what_it_is_about(panel: TrainingPanel) -> None:
    run = Run(size=(5, 3), bias=True)
    open_run(panel, run)
    assert panel.opened
    assert panel.run.isVisible()
    rows, columns = 36, 46
    kept = run.lab.pair.split
    assert panel.status.text == (
        f"Ready: 16 numbers to learn from {kept * columns:,} pixels, "
        f"{(rows - kept) * columns:,} kept aside to validate."
    )
    assert panel.transport.words() == ("step 0 of 50", "")


def test_a_curve_without_points_begins_with_the_starts_loss(panel: TrainingPanel) -> None:
    run = Run()
    frame = run.frame(0)
    empty = np.empty(0)
    panel.show_opened(run.report)
    panel.show_frame(replace(frame, steps=empty.astype(np.int64), losses=empty, validation_losses=empty))
    assert panel.run.chart.at(0) == (frame.loss, frame.validation_loss)


def test_at_its_last_step_a_run_cannot_go_on_and_says_so(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    last = run.report.setup.method.steps
    open_run(panel, run, last)
    said = listen(panel)
    play, step = (part(panel, QPushButton, f"training-{name}") for name in ("play", "one-step"))
    assert not play.isEnabled()
    assert not step.isEnabled()
    for button in (play, step):
        assert "raise “Steps”" in button.toolTip()
    assert "raise “Steps”" in panel.status.text
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Right, Qt.Key.Key_Period):
        qtbot.keyClick(panel, key)
    assert said == []
    panel.show_stopped(run.lab.trainer.stopped)
    assert panel.status.text == "All 50 steps are done. Raise “Steps” for a longer run, or reset."
    panel.show_frame(run.frame(last - 1))
    assert play.isEnabled()
    assert step.isEnabled()
    assert "raise “Steps”" not in play.toolTip()


def test_a_step_that_takes_long_shows_its_progress(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    open_run(panel, run)
    strip = part(panel, QProgressBar, "training-strip")
    panel.show_playing(True)
    panel.show_progress(0.1)
    assert not strip.isVisible(), "not before it has taken a while"
    qtbot.wait(SLOW_MILLISECONDS + 20)
    panel.show_progress(0.25)
    assert strip.isVisible()
    assert strip.value() == 250
    panel.show_frame(run.frame(1, speed=0.244))
    assert not strip.isVisible()
    assert panel.transport.words()[1] == "4.1 s a step"
    panel.show_playing(False)
    qtbot.wait(SLOW_MILLISECONDS + 20)
    panel.show_progress(0.5)
    assert not strip.isVisible()
    panel.show_busy(True)
    qtbot.wait(SLOW_MILLISECONDS + 20)
    panel.show_progress(0.5)
    assert strip.isVisible()


def test_what_l2_adds_stands_under_the_loss_and_is_not_in_it(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run, 3)
    assert panel.run.facts.penalty == ""
    decaying = replace(run.report, setup=run.report.setup.with_value("method", "l2", 0.1))
    panel.show_opened(decaying)
    panel.show_frame(replace(run.frame(3), penalty=0.00123))
    assert panel.run.facts.penalty == "+ 0.00123 from L2"
    assert panel.run.facts.texts()["loss"] == f"{run.frame(3).loss:.3g}"


def test_the_table_names_what_it_compares_with(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run, 3)
    assert panel.run.facts.heading == "Compared with the target"
    panel.show_opened(run.report)
    panel.show_frame(replace(run.frame(3), denoised=True))
    assert panel.run.facts.heading == "Compared with the target without noise"


def test_the_transport_asks(panel: TrainingPanel, qtbot: QtBot) -> None:
    open_run(panel, Run(start="random"), 3)
    said = listen(panel)
    for name in ("training-play", "training-one-step", "training-reset", "training-new-seed"):
        press(qtbot, panel, name)
    panel.show_playing(True)
    press(qtbot, panel, "training-play")
    assert [name for name, *_ in said] == [
        "play_requested", "step_requested", "reset_requested", "new_seed_requested", "pause_requested",
    ]  # fmt: skip


def test_a_new_seed_only_where_something_is_random(panel: TrainingPanel, qtbot: QtBot) -> None:
    open_run(panel, Run(start="zeros"))
    button = part(panel, QPushButton, "training-new-seed")
    assert not button.isEnabled()
    assert "Nothing is random" in button.toolTip()
    said = listen(panel)
    qtbot.keyClick(panel, Qt.Key.Key_N)
    assert said == []
    open_run(panel, Run(start="random"))
    assert button.isEnabled()


def test_speeds(panel: TrainingPanel, qtbot: QtBot) -> None:
    said = listen(panel)
    box = part(panel, QComboBox, "training-speed")
    box.setFocus()
    assert (box.currentText(), panel.transport.pace) == ("run in 4 s", "run")
    panel.transport.show_planned(300)
    assert panel.transport.speed == 75.0
    qtbot.keyClick(box, Qt.Key.Key_Down)
    qtbot.keyClick(box, Qt.Key.Key_End)
    qtbot.keyClick(box, Qt.Key.Key_Home)
    assert said == [("speed_chosen", 1.0), ("speed_chosen", None), ("speed_chosen", 75.0)]
    said.clear()
    for pace, speed in (("5", 5.0), ("20", 20.0), ("60", 60.0), ("200", 200.0), ("full", None), ("?", 75.0)):
        panel.transport.show_pace(pace)
        assert panel.transport.speed == speed
    assert said == []


def test_a_frame_shows_its_step(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run)
    frame = run.frame(7, speed=321.0)
    panel.show_playing(True)
    panel.show_frame(frame)
    assert panel.transport.words() == ("step 7 of 50", "321 steps/s")
    assert panel.run.pictures.prediction.picture is frame.prediction
    assert panel.run.pictures.residual.picture is frame.residual
    assert panel.run.pictures.target.picture is frame.target
    np.testing.assert_array_equal(panel.run.kernel.view.kernels[0], frame.values[0][0, 0])
    assert panel.run.chart.step == panel.run.chart.last == 7
    texts = panel.run.facts.texts()
    assert texts["loss"] == f"{frame.loss:.3g}"
    assert texts["distance"] == f"{frame.distance:.3g}"


def test_looking_back_is_said(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run, 20)
    assert panel.status.text == "Paused after 20 steps."
    panel.show_frame(run.frame(5))
    assert panel.status.text.startswith("Looking back at step 5")
    assert panel.transport.slider.value() == 5
    assert panel.transport.slider.reached == 20
    assert panel.run.chart.step == 5
    panel.show_frame(run.frame(0))
    assert panel.status.text.startswith("Looking back at step 0")


def test_why_a_run_ended_stays_until_it_goes_on(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    open_run(panel, run, 30)
    panel.show_playing(True)
    stop = Stop("diverged", "The rate 9 is too large; try a rate of 0.41.", 0.41, 30)
    panel.show_stopped(stop)
    panel.show_playing(False)
    panel.show_frame(run.frame(30))
    assert panel.status.text == stop.reason
    said = listen(panel)
    button = part(panel, QPushButton, "training-use-rate")
    assert button.text() == "Use rate 0.41"
    press(qtbot, panel, "training-use-rate")
    assert said == [("rate_chosen", 0.41)]
    panel.show_frame(run.frame(4))
    assert panel.status.text.startswith("Looking back")
    assert not button.isVisible()
    panel.show_stopped(Stop("finished", "All 50 steps are done.", None, 30))
    assert panel.status.text == "All 50 steps are done."
    assert not button.isVisible()
    panel.show_playing(True)
    assert panel.status.text != "All 50 steps are done."


def test_showing_asks_for_nothing(panel: TrainingPanel) -> None:
    said = listen(panel)
    run = Run(bias=True)
    panel.show_closed()
    open_run(panel, run, 12)
    panel.show_playing(True)
    panel.show_frame(run.frame(13, speed=10.0))
    panel.show_stopped(Stop("finished", "Done.", None, 13))
    panel.show_solving(True)
    panel.show_progress(0.5)
    panel.show_solved(solve_lab(run.lab))
    panel.show_solve_failed("There is none.")
    panel.show_refused("No.")
    assert said == []


# --- scrubbing ---


def test_slider_and_chart_scrub_together(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    open_run(panel, run, 30)
    said = listen(panel)
    slider, chart = panel.transport.slider, panel.run.chart
    where = QPoint(round(slider.position_x(12)), slider.height() // 2)
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=where)
    assert chart.step == 12
    place = QPoint(round(chart.x_of(25)), 60)
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=place)
    assert slider.value() == 25
    assert panel.transport.words()[0] == "step 25 of 50"
    assert said == [("scrubbed", 12), ("scrubbed", 25)]


def test_the_slider_goes_no_further_than_the_run(panel: TrainingPanel, qtbot: QtBot) -> None:
    open_run(panel, Run(), 30)
    said = listen(panel)
    slider = panel.transport.slider
    assert slider.maximum() == 50
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 3, 10))
    assert slider.value() == 30
    slider.setValue(49)
    assert slider.value() == 30
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Left)
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert slider.value() == 30
    qtbot.keyClick(slider, Qt.Key.Key_Right)  # one more has to be made
    assert said == [("scrubbed", 29), ("scrubbed", 30), ("step_requested",)]


def test_a_handle_in_the_hand_stays_there(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    open_run(panel, run, 30)
    slider: ScrubSlider = panel.transport.slider
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.position_x(9)), 10))
    panel.show_frame(run.frame(11))
    assert slider.value() == 9
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton)
    panel.show_frame(run.frame(11))
    assert slider.value() == 11


# --- keys ---


def test_keys(panel: TrainingPanel, qtbot: QtBot) -> None:
    open_run(panel, Run(start="random"), 2)
    said = listen(panel)
    panel.setFocus()
    for key in (
        Qt.Key.Key_Space, Qt.Key.Key_Period, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Right,
        Qt.Key.Key_Home, Qt.Key.Key_N,
    ):  # fmt: skip
        qtbot.keyClick(panel, key)
    assert said == [
        ("play_requested",), ("step_requested",), ("step_requested",), ("scrubbed", 1), ("scrubbed", 2),
        ("reset_requested",), ("new_seed_requested",),
    ]  # fmt: skip


def test_arrows_step_from_a_button_too(panel: TrainingPanel, qtbot: QtBot) -> None:
    open_run(panel, Run(), 2)
    said = listen(panel)
    play = part(panel, QPushButton, "training-play")
    play.setFocus()
    qtbot.keyClick(play, Qt.Key.Key_Right)
    qtbot.keyClick(play, Qt.Key.Key_Home)
    qtbot.keyClick(play, Qt.Key.Key_Space)
    assert [name for name, *_ in said] == ["step_requested", "reset_requested", "play_requested"]


def test_only_play_has_a_key_before_there_is_a_training(panel: TrainingPanel, qtbot: QtBot) -> None:
    said = listen(panel)
    for key in (Qt.Key.Key_Period, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_Space):
        qtbot.keyClick(panel, key)
    assert said == [("play_requested",)]


# --- numbers ---


def test_while_nothing_moves_yet_it_says_what_is_prepared(panel: TrainingPanel) -> None:
    open_run(panel, Run())
    panel.show_playing(True)
    panel.show_preparing(True)
    assert panel.status.text.startswith("Preparing")
    panel.show_preparing(False)
    assert panel.status.text.startswith("Each step moves")
    panel.show_playing(False)
    rest = panel.status.text
    panel.show_preparing(True)
    assert panel.status.text != rest
    panel.show_preparing(False)
    assert panel.status.text == rest


def test_while_it_plays_only_the_predictions_line_changes(panel: TrainingPanel) -> None:
    run = Run()
    panel.show_opened(run.report)
    resting = run.frame(1)
    resting = replace(resting, comparisons=comparisons(run.lab, run.lab.trainer.look().prediction))
    panel.show_frame(resting)
    before = panel.run.facts.lines
    assert [line.name for line in before] == ["input", "prediction"]
    height = panel.run.facts.height()
    playing = replace(run.frame(20, speed=5.0), psnr=33.5, ssim=0.75)
    panel.show_frame(playing)
    after = panel.run.facts.lines
    assert after[0] == before[0]
    assert (after[1].psnr, after[1].ssim) == (33.5, 0.75)
    assert panel.run.facts.height() == height


def test_what_is_not_known_has_a_dash(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run)
    panel.show_frame(replace(run.frame(3), distance=None, validation_loss=None, loss=float("inf")))
    texts = panel.run.facts.texts()
    assert (texts["loss"], texts["validation"], texts["distance"]) == ("∞", "—", "—")


def test_a_new_training_forgets_the_one_before(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run, 20)
    panel.show_solved(solve_lab(run.lab))
    panel.show_opened(run.report)
    assert panel.run.chart.floor is None
    assert panel.run.chart.last == 0
    assert panel.run.facts.lines == ()
    assert panel.run.pictures.prediction.picture is None
    assert panel.run.kernel.closed.isHidden()
    assert panel.run.verdict.words()[0] == "Closed form"
    assert panel.transport.words()[0] == "step 0 of 50"


# --- the kernel ---


def test_teacher_and_closed_form_can_be_looked_at(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    open_run(panel, run, 5)
    kernel = panel.run.kernel
    assert kernel.teacher.isVisible()
    assert kernel.closed.isHidden()
    press(qtbot, panel, "training-teacher")
    assert kernel.source == "teacher"
    np.testing.assert_array_equal(kernel.view.kernels[0], TEACHER.values)
    press(qtbot, panel, "training-teacher")
    assert kernel.source == "learned"
    solved = solve_lab(run.lab)
    panel.show_solved(solved)
    press(qtbot, panel, "training-closed")
    np.testing.assert_array_equal(kernel.view.kernels[0], solved.weights[0, 0])
    panel.show_frame(run.frame(6))
    assert kernel.source == "closed"


def test_the_bias_is_told(panel: TrainingPanel) -> None:
    run = Run(bias=True)
    open_run(panel, run, 9)
    bias = float(run.frame().values[1][0])
    assert panel.run.kernel.bias_text == f"bias\n{bias:+.4f}".replace("-", "−")


def test_many_kernels_are_shown_side_by_side_and_one_by_one(panel: TrainingPanel, qtbot: QtBot) -> None:
    bank = Bank.from_weights(np.random.default_rng(1).normal(size=(3, 3, 3, 3)))
    run = Run(channels=3, stack=(Conv(bank, channels="all"),), start="present")
    values = run.report.start[0]
    open_run(panel, run)
    kernel, view = panel.run.kernel, panel.run.kernel.view
    assert len(kernel.planes) == len(view.kernels) == values.shape[0] * values.shape[1]
    spot = view.tile(2).center().toPoint()
    assert "out 0 · in 2" in view.words_at(QPointF(spot))
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=spot)
    np.testing.assert_array_equal(view.kernels[0], values[0, 2])
    press(qtbot, panel, "training-kernel-next")
    np.testing.assert_array_equal(view.kernels[0], values[1, 0])
    press(qtbot, panel, "training-kernel-back")
    press(qtbot, panel, "training-kernel-all")
    assert len(view.kernels) > 1


def test_very_many_kernels_come_on_pages(panel: TrainingPanel, qtbot: QtBot) -> None:
    kernels = [Kernel.custom(np.full((3, 3), float(n))) for n in range(TILES + 5)]
    stack = (Conv(Bank.of(*kernels), channels="all"), Conv(Bank.of(TEACHER), channels="all"))
    open_run(panel, Run(stack=stack, start="present"))
    view = panel.run.kernel.view
    assert len(view.kernels) == TILES
    press(qtbot, panel, "training-kernel-next")
    assert len(view.kernels) == 5 + 1
    assert not part(panel, QToolButton, "training-kernel-next").isEnabled()
    assert view.kernels[0][0, 0] == TILES


def test_a_kernel_for_all_channels_is_shown_once(panel: TrainingPanel) -> None:
    open_run(panel, Run(channels=3, channels_of_student="shared"))
    assert len(panel.run.kernel.planes) == 1
    open_run(panel, Run(channels=3, channels_of_student="each"))
    assert len(panel.run.kernel.planes) == 3


def test_a_cell_tells_its_weight_and_the_teachers(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run, 3)
    view = panel.run.kernel.view
    words = view.words_at(view.cells().rect((1, 1)).center())
    assert words.startswith("<p>Row 1, column 1: ")
    assert "Teacher: 1, difference" in words
    assert view.words_at(QPointF(0, 0)) == ""


def test_a_cell_tells_the_closed_forms_weight_and_its_standard_error(
    panel: TrainingPanel, qtbot: QtBot
) -> None:
    run = Run()
    open_run(panel, run, 3)
    solved = replace(solve_lab(run.lab), uncertainty=np.full((1, 1, 3, 3), 0.0125))
    panel.show_solved(solved)
    view = panel.run.kernel.view
    centre = view.cells().rect((1, 1)).center()
    assert "Teacher: 1, difference" in view.words_at(centre)
    assert "Least squares: 1 (±0.0125), difference" in view.words_at(centre)
    press(qtbot, panel, "training-closed")
    assert "Standard error: ±0.0125" in view.words_at(centre)
    assert "Teacher: 1" in view.words_at(centre)
    press(qtbot, panel, "training-teacher")
    assert "Least squares: 1 (±0.0125)" in view.words_at(centre)
    panel.show_solved(replace(solved, uncertainty=np.full((1, 1, 3, 3), np.inf)))
    assert "(not determined)" in view.words_at(centre)


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize("size", [(816, 640), (1370, 952)])
def test_numbers_in_cells_fit_and_only_nothing_is_0(
    panel: TrainingPanel, qtbot: QtBot, side: int, size: tuple[int, int]
) -> None:
    values = np.linspace(-1.0, 1.0, side * side).reshape(side, side)
    values[0, 1], values[1, 0] = 0.004, 0.0
    panel.resize(*size)
    open_run(panel, Run())
    qtbot.waitUntil(lambda: panel.size().toTuple() == size)
    view = panel.run.kernel.view
    view.show_kernels((values,), 1.0)
    cell = view.cells().width
    texts, font = view._texts(values, cell)
    if texts is None:
        assert (side, size) == (7, (816, 640))  # cells too small for any number
        return
    assert texts[1][0] == "0"
    assert texts[0][1] == texts[0][1].strip("−") != "0"
    assert float(texts[0][1]) <= 0.01
    metrics = QFontMetricsF(font)
    assert all(metrics.horizontalAdvance(text) <= cell for row in texts for text in row)
    if side == 3:
        assert (texts[0][0], texts[0][1], texts[2][2]) == ("−1.00", "0.00", "1.00")


def test_weights_that_are_no_numbers_are_drawn_too(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run, 3)
    broken = np.full((1, 1, 3, 3), np.nan)
    broken[0, 0, 0, :2] = np.inf, -1e300
    panel.show_frame(replace(run.frame(), values=(broken,), loss=float("nan")))
    panel.grab()
    panel.resize(500, 400)  # too small for numbers
    panel.grab()


# --- the closed form ---


def test_the_closed_form_is_asked_for_given_up_and_taken(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    open_run(panel, run, 5)
    said = listen(panel)
    press(qtbot, panel, "verdict-solve")
    panel.show_solving(True)
    assert panel.run.verdict.is_solving
    press(qtbot, panel, "verdict-cancel")
    assert not part(panel, QPushButton, "verdict-cancel").isEnabled()
    panel.show_solving(False)
    assert not panel.run.verdict.is_solving
    assert panel.run.verdict.words()[0] == "Closed form"
    panel.show_solving(True)
    solved = solve_lab(run.lab)
    panel.show_solved(solved)
    assert panel.run.verdict.words()[0] == solved.verdict.title
    assert panel.run.chart.floor == solved.loss
    press(qtbot, panel, "verdict-take")
    press(qtbot, panel, "training-take")
    assert said[:2] == [("solve_requested",), ("solve_cancelled",)]
    assert said[2:] == [("take_requested", "closed"), ("take_requested", "descent")]


def test_what_a_flat_picture_leaves_open_is_drawn(panel: TrainingPanel) -> None:
    run = Run(flat=True, start="random")
    open_run(panel, run)
    solved = solve_lab(run.lab)
    panel.show_solved(solved)
    directions = panel.run.verdict.directions
    assert directions.isVisible()
    assert len(directions.kernels) == len(solved.undetermined) == 8
    assert "rank 1 of 9" in panel.run.verdict.words()[2]


def test_why_there_is_no_closed_form(panel: TrainingPanel) -> None:
    open_run(panel, Run())
    panel.show_solving(True)
    panel.show_solve_failed("The closed form knows one linear layer.")
    assert panel.run.verdict.words()[:2] == ("No closed form", "The closed form knows one linear layer.")
    assert not panel.run.verdict.is_solving
    solve = part(panel, QPushButton, "verdict-solve")
    assert not solve.isEnabled()
    assert "one linear layer" in solve.toolTip()
    open_run(panel, Run())
    assert solve.isEnabled()


def test_a_picture_says_when_it_has_values_beyond_black_and_white() -> None:
    inside, beyond = (render(np.array([[[0.2, top]]], np.float32), "clamped") for top in (1.0, 1.3))
    assert legend_ends(inside, "0", "1") == ("0", "1")
    assert legend_ends(beyond, "0", "1") == ("0", "≥ 1")
    below = render(np.array([[[-0.2, 0.5]]], np.float32), "clamped")
    assert legend_ends(below, "0", "1") == ("≤ 0", "1")


# --- pictures ---


def test_the_target_turns_into_the_picture_before(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run()
    open_run(panel, run)
    frame = run.frame()
    target = panel.run.pictures.target
    qtbot.mouseClick(target, Qt.MouseButton.LeftButton)
    assert (target.picture, target.title) == (frame.before, "Before")
    panel.show_frame(frame)
    assert target.picture is frame.before
    qtbot.keyClick(target, Qt.Key.Key_Return)
    assert (target.picture, target.title) == (frame.target, "Target")


def test_a_picture_is_drawn_whole(panel: TrainingPanel) -> None:
    run = Run()
    open_run(panel, run)
    target = panel.run.pictures.target
    image = target.grab().toImage()
    middle = image.copy(QRect(0, 40, image.width(), image.height() - 80))
    greys = {
        middle.pixelColor(x, y).lightness()
        for x in range(0, middle.width(), 3)
        for y in range(0, middle.height(), 3)
    }
    assert len(greys) > 100  # the noise that is the picture


# --- pages ---


def test_a_second_page_brings_the_switch(panel: TrainingPanel, qtbot: QtBot) -> None:
    assert panel.findChild(QPushButton, "training-page-Run") is None
    page = QLabel("gradients")
    panel.add_page("One step", page)
    open_run(panel, Run())
    assert panel.run.isVisible()
    press(qtbot, panel, "training-page-One step")
    assert panel.page == "One step"
    assert page.isVisible()
    assert not panel.run.isVisible()
    panel.show_page("Run")
    assert part(panel, QPushButton, "training-page-Run").isChecked()
    with pytest.raises(ValueError, match="Nothing"):
        panel.show_page("Nothing")


# --- looks ---


@pytest.mark.parametrize("size", [(816, 600), (816, 640), (1370, 900)])
def test_nothing_lies_on_anything_else(panel: TrainingPanel, qtbot: QtBot, size: tuple[int, int]) -> None:
    run = Run(bias=True)
    panel.resize(*size)
    panel.add_page("One step", QLabel("later"))
    open_run(panel, run, 20)
    panel.show_solved(solve_lab(run.lab))
    qtbot.waitUntil(lambda: panel.size().toTuple() == size)
    shown = [
        part(panel, QWidget, name)
        for name in (
            "training-play", "training-speed", "training-scrub", "training-step-text", "training-target",
            "training-steps-per-second", "training-status-words", "training-experiments", "training-bias",
            "training-prediction", "training-residual", "training-weights", "training-teacher",
            "training-closed", "training-take", "loss-chart", "training-facts", "verdict-card",
        )
    ]  # fmt: skip
    boxes = {each.objectName(): QRect(each.mapTo(panel, QPoint(0, 0)), each.size()) for each in shown}
    for name, box in boxes.items():
        assert panel.rect().contains(box), name
        assert box.width() > 20, name
        for other, there in boxes.items():
            assert name == other or not box.intersects(there), (name, other)


def test_nothing_moves_from_frame_to_frame(panel: TrainingPanel, qtbot: QtBot) -> None:
    run = Run(bias=True)
    open_run(panel, run, 1)
    panel.show_playing(True)
    panel.show_frame(run.frame(2, speed=9.0))

    def places() -> dict[str, QRect]:
        return {w.objectName(): w.geometry() for w in panel.findChildren(QWidget) if w.objectName()}

    qtbot.wait(20)
    before = places()
    for step, speed in ((3, 10.0), (20, 999.0), (50, 12_345.0)):
        panel.show_frame(run.frame(step, speed=speed))
        qtbot.wait(5)
        assert places() == before


def test_every_control_has_a_name_and_a_tooltip(panel: TrainingPanel) -> None:
    run = Run(bias=True)
    panel.add_page("One step", QLabel("later"))
    open_run(panel, run, 4)
    panel.show_solved(solve_lab(run.lab))
    kinds = (QAbstractButton, QComboBox, ScrubSlider)
    controls = [w for w in panel.findChildren(QWidget) if isinstance(w, kinds)]
    assert len(controls) > 20
    for control in controls:
        assert control.objectName(), control
        assert control.toolTip(), control.objectName()
        said = control.accessibleName() or (control.text() if isinstance(control, QAbstractButton) else "")
        assert said, control.objectName()
