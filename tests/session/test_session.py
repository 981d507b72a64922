"""The session: every edit can be undone, and every result is of the present project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from scipy import ndimage

from convstudio.engine.evaluate import Evaluator
from convstudio.kernels import Kernel, preset
from convstudio.layers import Activation, Conv, Luminance, MaxPool, MaxUnpool
from convstudio.model import PHOTO, Picture
from convstudio.session.session import Session
from convstudio.session.stack_edits import StackEdits
from tests.session.session_hands import (
    LAYER,
    Ear,
    bias_of,
    conv_of,
    kernel_of,
    let_a_second_pass,
    output,
    picture,
    settle,
)


def test_the_result_is_what_scipy_computes(session: Session) -> None:
    kernel = preset("sobel-x").make().values
    values = session.project.picture.values.astype(np.float64)
    expected = np.stack([ndimage.correlate(plane, kernel, mode="mirror") for plane in values])
    np.testing.assert_allclose(output(session), expected, atol=1e-5)


# --- undo ---

EDITS: dict[str, Callable[[Session], None]] = {
    "stride": lambda s: s.set_param(LAYER, "stride", (2, 3)),
    "padding": lambda s: s.set_param(LAYER, "padding", ((1, 2), (3, 4))),
    "bias": lambda s: s.set_bias(LAYER, 0.5),
    "operation": lambda s: s.set_param(LAYER, "operation", "convolution"),
    "channels read": lambda s: s.set_param(LAYER, "channels", "all"),
    "kernel": lambda s: s.set_kernel(LAYER, Kernel.custom(np.ones((2, 3)))),
    "preset": lambda s: s.set_kernel(LAYER, preset("gaussian").make()),
    "view": lambda s: s.set_view("absolute"),
    "second filter": lambda s: StackEdits(s).resize_bank(LAYER, 2),
    "added layer": lambda s: StackEdits(s).add([Activation()]),
    "picture": lambda s: s.set_picture(picture(1, 9, 7, "other.png")),
}


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_is_undone_and_done_again(session: Session, ear: Ear, qtbot: QtBot, name: str) -> None:
    before, values = session.project, output(session).copy()
    assert session.undo_text is None
    EDITS[name](session)
    after = session.project
    assert after != before
    assert session.undo_text
    settle(qtbot, session)
    changed = output(session).copy()
    session.undo()
    assert session.project == before
    assert session.undo_text is None
    assert session.redo_text
    settle(qtbot, session)
    np.testing.assert_array_equal(output(session), values)
    session.redo()
    assert session.project == after
    settle(qtbot, session)
    np.testing.assert_array_equal(output(session), changed)
    assert ear.failures == []


def test_a_reset_is_one_step_and_keeps_the_kernel(session: Session) -> None:
    session.set_kernel(LAYER, Kernel.custom(np.ones((2, 3))))
    session.set_param(LAYER, "stride", (2, 2))
    session.set_bias(LAYER, 0.5)
    before = session.project
    session.reset_layer(LAYER)
    assert conv_of(session) == Conv.of(kernel_of(session))
    assert kernel_of(session).shape == (2, 3)
    session.undo()
    assert session.project == before
    session.redo()
    changed = session.undo_text
    session.reset_layer(LAYER)
    assert session.undo_text == changed, "nothing was left to reset, so there is no new step"


def test_a_drag_is_one_step(session: Session) -> None:
    before = session.project
    for bias in (0.1, 0.2, 0.3):
        session.set_bias(LAYER, bias)
    session.undo()
    assert session.project == before
    assert session.undo_text is None


def test_leaving_the_field_begins_a_new_step(session: Session) -> None:
    session.set_bias(LAYER, 0.1)
    session.end_merge()
    session.set_bias(LAYER, 0.2)
    session.undo()
    assert bias_of(session) == 0.1


def test_another_parameter_begins_a_new_step(session: Session) -> None:
    session.set_bias(LAYER, 0.1)
    session.set_param(LAYER, "stride", (2, 2))
    session.set_bias(LAYER, 0.2)
    session.undo()
    assert (bias_of(session), conv_of(session).stride) == (0.1, (2, 2))
    session.undo()
    assert conv_of(session).stride == (1, 1)


def test_a_pause_begins_a_new_step(session: Session) -> None:
    session.set_bias(LAYER, 0.1)
    let_a_second_pass(session)
    session.set_bias(LAYER, 0.2)
    session.undo()
    assert bias_of(session) == 0.1


def test_a_drag_that_comes_back_leaves_nothing_to_undo(session: Session) -> None:
    for bias in (0.1, 0.2, 0.0):
        session.set_bias(LAYER, bias)
    assert session.undo_text is None
    session.set_bias(LAYER, 0.3)
    session.undo()
    assert bias_of(session) == 0.0


def test_painting_is_one_step_and_two_strokes_are_two(session: Session) -> None:
    first = session.project
    for number in range(4):
        session.set_kernel(LAYER, Kernel.custom(np.full((3, 3), number + 1.0)), "paint-1")
    second = session.project
    for number in range(4):
        session.set_kernel(LAYER, Kernel.custom(np.full((3, 3), number + 10.0)), "paint-2")
    session.undo()
    assert session.project == second
    session.undo()
    assert session.project == first


def test_a_gesture_may_rest(session: Session) -> None:
    first = session.project
    session.set_kernel(LAYER, Kernel.custom([[1.0]]), "scrub-1")
    let_a_second_pass(session)
    session.set_kernel(LAYER, Kernel.custom([[2.0]]), "scrub-1")
    session.undo()
    assert session.project == first


def test_discrete_kernel_edits_are_steps_of_their_own(session: Session) -> None:
    session.set_kernel(LAYER, Kernel.custom([[1.0]]))
    session.set_kernel(LAYER, Kernel.custom([[2.0]]))
    session.undo()
    assert kernel_of(session).values.item() == 1.0


def test_undo_is_not_merged_with_what_follows(session: Session) -> None:
    session.set_bias(LAYER, 0.1)
    session.end_merge()
    session.set_bias(LAYER, 0.2)
    session.undo()
    session.set_bias(LAYER, 0.3)
    session.undo()
    assert bias_of(session) == 0.1


def test_what_a_parameter_does_not_allow_changes_nothing(session: Session, ear: Ear) -> None:
    before = session.project
    session.set_param(LAYER, "stride", (0, 1))
    assert session.project is before
    assert session.undo_text is None
    (text, level, _topic), *more = ear.messages
    assert level == "error"
    assert "whole number from 1" in text
    assert not more


# --- views ---


def test_a_preset_brings_the_view_that_suits_it(session: Session) -> None:
    assert session.project.look.view == "signed"
    session.set_kernel(LAYER, preset("gaussian").make())
    assert session.project.look.view == "clamped"
    session.set_kernel(LAYER, preset("laplacian-4").make())
    assert session.project.look.view == "signed"
    session.undo()
    assert session.project.look.view == "clamped"


def test_editing_keeps_the_view_that_was_chosen(session: Session) -> None:
    session.set_view("minmax")
    session.set_kernel(LAYER, Kernel.custom(np.ones((3, 3)) / 9.0))
    assert session.project.look.view == "minmax"
    session.set_kernel(LAYER, preset("gaussian").make(sigma=1.0))
    session.set_view("minmax")
    session.set_kernel(LAYER, preset("gaussian").make(sigma=2.0))
    assert session.project.look.view == "minmax", "another parameter of the same preset"


def test_one_channel_of_a_grey_picture_is_all_of_it(session: Session, ear: Ear, qtbot: QtBot) -> None:
    session.set_channel(2)
    session.set_picture(picture(1))
    settle(qtbot, session)
    assert ear.failures == []
    assert output(session).shape == (1, 24, 32)


# --- looking around ---


def test_looking_around_is_no_step(session: Session, ear: Ear, qtbot: QtBot) -> None:
    edits = StackEdits(session)
    edits.add([Activation()])
    edits.add([MaxPool()])
    session.undo()
    before = session.undo_text, session.redo_text
    for look in (
        lambda: session.select(LAYER),
        lambda: session.set_channel(2),
        lambda: session.set_channel(None),
        lambda: session.select(PHOTO),
        lambda: session.set_channel(1),
        lambda: session.select("activation-1"),
    ):
        look()
        assert (session.undo_text, session.redo_text) == before
    settle(qtbot, session)
    assert ear.failures == []
    session.redo()
    assert [item.id for item in session.project.layers] == [LAYER, "activation-1", "max_pool-1"]


def test_choosing_a_channel_shows_it_at_once(session: Session, ear: Ear, qtbot: QtBot) -> None:
    session.set_channel(1)
    settle(qtbot, session)
    assert ear.results[-1].channel == 1
    session.set_channel(None)
    settle(qtbot, session)
    assert ear.results[-1].channel is None


def test_looking_elsewhere_ends_a_drag(session: Session) -> None:
    session.set_bias(LAYER, 0.1)
    session.select(PHOTO)
    session.select(LAYER)
    session.set_bias(LAYER, 0.2)
    session.undo()
    assert bias_of(session) == 0.1


def test_every_layers_result_can_be_shown(session: Session, ear: Ear, qtbot: QtBot) -> None:
    StackEdits(session).add([Activation(), MaxPool()])
    settle(qtbot, session)
    values = session.project.picture.values
    shown = {PHOTO: values, LAYER: Conv().forward(values)}
    shown["activation-1"] = Activation().forward(shown[LAYER])
    shown["max_pool-1"] = MaxPool().forward(shown["activation-1"])
    for layer_id, expected in shown.items():
        session.select(layer_id)
        settle(qtbot, session)
        np.testing.assert_array_equal(output(session), expected)
        assert ear.stacks[-1].project == session.project
        assert ear.stacks[-1].complete


def test_every_layer_is_proven_but_what_is_handed_on_is_not(session: Session, ear: Ear, qtbot: QtBot) -> None:
    edits = StackEdits(session)
    edits.add([Activation()])
    settle(qtbot, session)
    assert ear.proofs[-1].ok
    session.select(PHOTO)
    settle(qtbot, session)
    assert ear.proofs[-1] is None
    session.select(LAYER)
    settle(qtbot, session)
    assert ear.proofs[-1].ok
    edits.switch(LAYER, False)
    settle(qtbot, session)
    assert ear.proofs[-1] is None
    assert ear.proof_failures == []


# --- the selected layer first, the others after it ---


def test_the_selected_result_comes_first_and_the_stack_after_it(
    session: Session, ear: Ear, qtbot: QtBot
) -> None:
    StackEdits(session).add([Activation(), MaxPool()])
    session.select(LAYER)
    settle(qtbot, session)
    told: list[tuple[str, int]] = []
    session.result_ready.connect(lambda e: told.append(("result", len(e.layers))))
    session.stack_ready.connect(lambda e: told.append(("stack", len(e.layers))))
    session.set_bias(LAYER, 0.5)
    settle(qtbot, session)
    assert told == [("result", 1), ("stack", 3)]
    told.clear()
    session.select("max_pool-1")
    settle(qtbot, session)
    assert told == [("result", 3), ("stack", 3)]


def test_one_layer_is_computed_once_and_proven_once(
    session: Session, ear: Ear, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[bool] = []
    right = Evaluator.evaluate

    def evaluate(self: Evaluator, *what: Any, **how: Any) -> Any:
        runs.append(how["whole"])
        return right(self, *what, **how)

    monkeypatch.setattr(Evaluator, "evaluate", evaluate)
    session.set_bias(LAYER, 0.5)
    settle(qtbot, session)
    assert runs == [False]
    assert len(ear.results) == len(ear.stacks) == len(ear.proofs) == 1


def test_a_stack_is_proven_once(session: Session, ear: Ear, qtbot: QtBot) -> None:
    StackEdits(session).add([Activation()])
    session.select(LAYER)
    settle(qtbot, session)
    ear.proofs.clear()
    session.set_bias(LAYER, 0.5)
    settle(qtbot, session)
    assert [proof.ok for proof in ear.proofs] == [True]


def test_what_fails_below_the_selected_layer_is_no_failure(session: Session, ear: Ear, qtbot: QtBot) -> None:
    edits = StackEdits(session)
    edits.add([MaxPool(), Luminance()])
    edits.add([Conv.of(*[Kernel.custom([[1.0]])] * 2, channels="all")], LAYER)
    session.select(LAYER)
    settle(qtbot, session)
    assert ear.failures == []
    assert session.failure is None
    problem = ear.stacks[-1].problem
    assert problem is not None
    assert problem.layer_id == "luminance-1", "two channels are no colours"
    session.select("luminance-1")
    settle(qtbot, session)
    failure = session.failure
    assert failure is not None
    assert failure.layer_id == "luminance-1"
    assert [result.item.id for result in failure.layers] == [LAYER, "conv-2", "max_pool-1"]
    assert failure.repair is not None
    edits.repair("luminance-1", failure.repair)
    settle(qtbot, session)
    assert session.failure is None
    assert output(session).shape == (1, 12, 16)
    assert session.undo_text == "repair: take the mean of all channels"


def test_a_cancelled_second_half_leaves_the_first(session: Session, ear: Ear, qtbot: QtBot) -> None:
    StackEdits(session).add([Activation()])
    session.select(LAYER)
    settle(qtbot, session)
    session.set_bias(LAYER, 0.5)
    qtbot.waitUntil(lambda: bool(ear.results) and ear.results[-1].project == session.project)
    session.cancel_computing()
    settle(qtbot, session)
    assert session.failure is None
    assert output(session) is not None


# --- edits of the stack and of its filters ---


def test_what_a_stack_does_not_allow_changes_nothing(session: Session, ear: Ear) -> None:
    edits = StackEdits(session)
    edits.add([Activation()] * 63)
    before = session.project
    edits.duplicate(LAYER)
    edits.add([Activation()])
    assert session.project is before
    assert [(level, topic) for _, level, topic in ear.messages] == [("error", "edit")] * 2
    assert "at most 64 layers" in ear.messages[0][0]


def test_edits_of_the_stack_are_steps_with_words(session: Session, ear: Ear, qtbot: QtBot) -> None:
    edits = StackEdits(session)
    first = session.project
    for edit, words in (
        (lambda: edits.add([MaxPool()]), "adding max pooling"),
        (lambda: edits.add([Activation(), Conv()]), "adding 2 layers"),
        (lambda: edits.duplicate("max_pool-1"), "duplicating a layer"),
        (lambda: edits.rename("max_pool-2", "  my \n pool "), "renaming a layer"),
        (lambda: edits.move("max_pool-2", 0), "moving a layer"),
        (lambda: edits.move_by("max_pool-2", 1), "moving a layer"),
        (lambda: edits.switch("max_pool-2", False), "switching a layer off"),
        (lambda: edits.switch("max_pool-2", True), "switching a layer on"),
        (lambda: edits.delete("max_pool-2"), "deleting my pool"),
    ):
        before = session.project
        edit()
        assert session.undo_text == words
        session.undo()
        assert session.project == before
        session.redo()
    assert [item.id for item in session.project.layers] == [LAYER, "max_pool-1", "activation-1", "conv-2"]
    edits.move_by(LAYER, -1)
    assert session.undo_text == "deleting my pool", "there is nothing above: no step"
    settle(qtbot, session)
    assert ear.failures == []
    while session.undo_text:
        session.undo()
    assert session.project == first


def test_a_repair_may_add_a_layer_or_switch_one_off(session: Session, ear: Ear, qtbot: QtBot) -> None:
    edits = StackEdits(session)
    edits.add([MaxUnpool()])
    settle(qtbot, session)
    for _ in range(2):  # a pooling right above changes nothing between, so that the unpooling fits
        failure = session.failure
        if failure is None:
            break
        assert failure.repair is not None
        assert failure.layer_id == "max_unpool-1"
        edits.repair(failure.layer_id, failure.repair)
        settle(qtbot, session)
    assert session.failure is None
    assert [item.id for item in session.project.layers] == [LAYER, "max_pool-1", "max_unpool-1"]
    assert session.project.selected == "max_unpool-1"
    edits.add([MaxPool()], "max_pool-1")
    edits.move("max_pool-2", 1)
    edits.add([Conv.of(Kernel.custom([[1.0]]), padding="valid", stride=(2, 2))], "max_pool-1")
    session.select("max_unpool-1")
    settle(qtbot, session)
    failure = session.failure
    assert failure is not None
    assert failure.repair is not None
    assert failure.repair.switch_off
    edits.repair("max_unpool-1", failure.repair)
    settle(qtbot, session)
    assert session.failure is None
    assert not session.project.item("max_unpool-1").enabled


def test_one_filter_is_edited_and_the_others_stay(session: Session, qtbot: QtBot) -> None:
    edits, mine = StackEdits(session), Kernel.custom([[1.0, 2.0]])
    edits.resize_bank(LAYER, 3)
    session.set_kernel(LAYER, mine, index=1)
    session.set_bias(LAYER, 0.5, 2)
    sobel = preset("sobel-x").make()
    assert [kernel_of(session, index) for index in range(3)] == [sobel, mine, sobel]
    assert [bias_of(session, index) for index in range(3)] == [0.0, 0.0, 0.5]
    settle(qtbot, session)
    assert output(session).shape == (9, 24, 32)
    edits.resize_bank(LAYER, 1)
    session.undo()
    assert kernel_of(session, 1) == mine


def test_biases_of_two_filters_are_two_steps(session: Session) -> None:
    StackEdits(session).resize_bank(LAYER, 2)
    session.set_bias(LAYER, 0.5, 0)
    session.set_bias(LAYER, 0.5, 1)
    session.undo()
    assert (bias_of(session, 0), bias_of(session, 1)) == (0.5, 0.0)


def test_the_number_of_filters_is_one_step(session: Session) -> None:
    before = session.project
    for count in (2, 5, 9):
        StackEdits(session).resize_bank(LAYER, count)
    assert len(conv_of(session).bank.filters) == 9
    session.undo()
    assert session.project == before


def test_one_channel_gets_a_kernel_of_its_own(session: Session, ear: Ear, qtbot: QtBot) -> None:
    mine, sobel = Kernel.custom([[1.0]]), preset("sobel-x").make()
    assert session.channels_read(LAYER) == 3
    session.set_kernel(LAYER, mine, channel=1)
    assert [kernel_of(session, channel=c) for c in range(3)] == [sobel, mine, sobel]
    settle(qtbot, session)
    values = session.project.picture.values
    np.testing.assert_allclose(output(session)[1], values[1], atol=1e-6)
    np.testing.assert_allclose(output(session)[[0, 2]], Conv().forward(values)[[0, 2]], atol=1e-6)
    StackEdits(session).share_kernel(LAYER, 0, True)
    assert conv_of(session).bank.filters[0].kernels == (sobel,)
    StackEdits(session).share_kernel(LAYER, 0, False)
    assert conv_of(session).bank.filters[0].kernels == (sobel,) * 3
    session.set_kernel(LAYER, mine)
    assert conv_of(session).bank.filters[0].kernels == (mine,)
    settle(qtbot, session)
    assert ear.failures == []


def test_strokes_over_two_channels_are_two_steps(session: Session) -> None:
    session.set_kernel(LAYER, Kernel.custom([[1.0]]), "stroke", channel=0)
    before = session.project
    session.set_kernel(LAYER, Kernel.custom([[2.0]]), "stroke", channel=1)
    session.undo()
    assert session.project == before


def test_a_group_of_channels_is_read_as_wide_as_it_is(session: Session, qtbot: QtBot) -> None:
    edits = StackEdits(session)
    edits.add([Conv.of(*[Kernel.custom([[1.0]])] * 4, channels="all")])
    edits.add([Conv.of(*[Kernel.custom([[1.0]])] * 2, channels="grouped", groups=2)])
    settle(qtbot, session)
    assert session.channels_read("conv-2") == 3
    assert session.channels_read("conv-3") == 2
    session.set_kernel("conv-3", Kernel.custom([[2.0]]), index=1, channel=0)
    assert len(conv_of(session, "conv-3").bank.filters[1].kernels) == 2
    settle(qtbot, session)
    assert session.failure is None


def test_a_channel_can_be_edited_before_the_first_result_of_a_new_layer(
    session: Session, ear: Ear, qtbot: QtBot
) -> None:
    """What comes in is known by the shape rules, whatever was computed."""
    StackEdits(session).add([Conv.of(Kernel.custom([[1.0]]), channels="all")])
    assert session.channels_read("conv-2") == 3
    session.set_kernel("conv-2", Kernel.custom([[2.0]]), channel=2)
    settle(qtbot, session)
    assert ear.failures == []
    assert [k.values.item() for k in conv_of(session, "conv-2").bank.filters[0].kernels] == [1, 1, 2]


@pytest.mark.parametrize("bias", [float("nan"), "much", 1e300])
def test_a_bias_that_is_no_number_changes_nothing(session: Session, ear: Ear, bias: Any) -> None:
    before = session.project
    session.set_bias(LAYER, bias)
    assert session.project is before
    (text, level, topic), *more = ear.messages
    assert "bias must be a finite number" in text
    assert (level, topic, more) == ("error", "edit", [])


# --- failing and recovering ---


def test_what_does_not_fit_keeps_the_last_result_and_recovers(
    session: Session, ear: Ear, qtbot: QtBot
) -> None:
    good = session.evaluation
    session.set_kernel(LAYER, Kernel.custom(np.ones((31, 3))))
    settle(qtbot, session)
    session.set_param(LAYER, "padding", "valid")
    settle(qtbot, session)
    assert session.failure is not None
    assert session.failure.layer_id == LAYER
    assert "31" in session.failure.message
    assert "24" in session.failure.message
    assert session.evaluation is not good, "the 31 × 3 kernel with padding did work"
    last = session.evaluation
    session.undo()
    settle(qtbot, session)
    assert session.failure is None
    assert len(ear.failures) == 1
    assert last is not None
    assert session.evaluation is not None
    assert session.evaluation.project == session.project == last.project


def test_a_defect_of_ours_is_reported_and_not_swallowed(
    session: Session, ear: Ear, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a slip")

    with monkeypatch.context() as patch, qtbot.captureExceptions() as caught:
        patch.setattr(Conv, "forward", broken)
        session.set_bias(LAYER, 0.5)
        settle(qtbot, session)
    assert [str(each[1]) for each in caught] == ["a slip"]
    assert len(ear.failures) == 1
    assert "a slip" in ear.failures[0]
    session.set_bias(LAYER, 0.6)
    settle(qtbot, session)
    assert session.failure is None


def test_no_memory_is_said_and_the_last_result_stays(
    session: Session, ear: Ear, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    for name in ("convstudio.layers.Conv.forward", "convstudio.engine.evaluate.render"):
        with monkeypatch.context() as patch:
            patch.setattr(name, full)
            session.set_bias(LAYER, bias_of(session) + 0.25)
            settle(qtbot, session)
        assert "memory" in ear.failures[-1], name
    assert len(ear.failures) == 2


def test_a_gesture_that_changes_nothing_merges_nothing(session: Session) -> None:
    session.set_bias(LAYER, 0.1)
    session.set_kernel(LAYER, kernel_of(session), "gesture")
    let_a_second_pass(session)
    session.set_bias(LAYER, 0.2)
    session.undo()
    assert bias_of(session) == 0.1


def test_cancelling_keeps_the_last_result(session: Session, ear: Ear, qtbot: QtBot) -> None:
    good = session.evaluation
    session.set_bias(LAYER, 0.25)
    session.cancel_computing()
    assert not session.busy
    qtbot.wait(50)
    assert session.evaluation is good
    assert ear.results == []
    assert session.failure is not None
    assert session.failure.cancelled
    session.compute()
    settle(qtbot, session)
    assert session.failure is None
    assert output(session) is not None


def test_cancelling_after_an_edit_was_taken_back(session: Session, ear: Ear, qtbot: QtBot) -> None:
    good = session.evaluation
    session.set_bias(LAYER, 0.25)
    session.cancel_computing()
    session.undo()
    session.cancel_computing()  # before the result, which is there already, was looked up
    settle(qtbot, session)
    assert ear.results == [good]
    assert session.failure is None
    assert len(ear.proofs) == 1, "the proof that the edit called off"


def test_cancelling_when_nothing_runs_does_nothing(session: Session, ear: Ear) -> None:
    session.cancel_computing()
    assert session.failure is None
    assert ear.failures == []


# --- results and proofs are of the present ---


def test_results_and_proofs_are_of_the_present_project(session: Session, ear: Ear, qtbot: QtBot) -> None:
    wrong: list[str] = []
    left = [0.1, 0.2, 0.3, 0.4]

    def next_edit() -> None:
        if left:
            session.set_bias(LAYER, left.pop())

    def check(_proof: object) -> None:
        if session.evaluation is None or session.evaluation.project != session.project:
            wrong.append("proof")

    session.proof_ready.connect(check)
    session.result_ready.connect(next_edit)
    next_edit()
    qtbot.waitUntil(lambda: not left and not session.busy)
    assert wrong == []
    assert ear.results[-1].project == session.project
    assert len(ear.proofs) == 1, "only the last result stood long enough to be proven"
    assert ear.proofs[0].ok


def test_the_proof_passes_for_every_kind_of_job(session: Session, ear: Ear, qtbot: QtBot) -> None:
    session.set_picture(picture(3, 40, 30))
    session.set_kernel(LAYER, Kernel.custom(np.arange(20.0).reshape(4, 5) - 7.0))
    for changes in (
        {"operation": "convolution", "channels": "all"},
        {"stride": (2, 3), "dilation": (2, 1), "padding": "full", "padding_mode": "circular"},
        {"padding": ((0, 3), (4, 0)), "padding_mode": "constant", "padding_value": 0.5},
    ):
        session.set_bias(LAYER, bias_of(session) - 0.25)
        for name, value in changes.items():
            session.set_param(LAYER, name, value)
        settle(qtbot, session)
    assert ear.proof_failures == []
    assert len(ear.proofs) >= 3
    assert all(proof.ok for proof in ear.proofs)


def test_a_proof_that_fails_is_said(
    session: Session, ear: Ear, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Conv.forward

    def wrong(self: Conv, source: Any, **more: Any) -> Any:
        return right(self, source, **more) + np.float32(0.01)

    monkeypatch.setattr(Conv, "forward", wrong)
    session.set_bias(LAYER, 0.5)
    settle(qtbot, session)
    assert not ear.proofs[-1].ok


def test_broken_pixels_stay_in_their_windows(session: Session, ear: Ear, qtbot: QtBot) -> None:
    values = picture().values.copy()
    values[1, 10, 10] = np.nan
    session.set_picture(Picture(values, "broken"))
    settle(qtbot, session)
    broken = np.isnan(output(session))
    # The middle column of a Sobel kernel is zero, and zero times NaN is NaN.
    assert broken.sum() == 9
    assert broken[1, 9:12, 9:12].all()
    assert session.evaluation is not None
    assert session.evaluation.output_view.nonfinite == 9
    assert ear.proofs[-1].ok


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_one_pixel_works(session: Session, ear: Ear, qtbot: QtBot, channels: int) -> None:
    session.set_param(LAYER, "padding_mode", "replicate")
    session.set_picture(Picture(np.full((channels, 1, 1), 0.5, np.float32), "dot"))
    settle(qtbot, session)
    assert ear.failures == []
    assert output(session).shape == (channels, 1, 1)
    assert abs(output(session)).max() < 1e-6
    assert ear.proofs[-1].ok
