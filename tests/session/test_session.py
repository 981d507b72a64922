"""The session: every edit can be undone, and every result is of the present project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from scipy import ndimage

from convstudio.kernels import Kernel, preset
from convstudio.layers import Conv
from convstudio.model import Picture
from convstudio.session.session import Session
from tests.session.session_hands import LAYER, Ear, let_a_second_pass, output, picture, settle


def test_the_result_is_what_scipy_computes(session: Session) -> None:
    kernel = preset("sobel-x").make().values
    values = session.project.picture.values.astype(np.float64)
    expected = np.stack([ndimage.correlate(plane, kernel, mode="mirror") for plane in values])
    np.testing.assert_allclose(output(session), expected, atol=1e-5)


# --- undo ---

EDITS: dict[str, Callable[[Session], None]] = {
    "stride": lambda s: s.set_param(LAYER, "stride", (2, 3)),
    "padding": lambda s: s.set_param(LAYER, "padding", ((1, 2), (3, 4))),
    "bias": lambda s: s.set_param(LAYER, "bias", 0.5),
    "operation": lambda s: s.set_param(LAYER, "operation", "convolution"),
    "colour": lambda s: s.set_param(LAYER, "channels", "luminance"),
    "kernel": lambda s: s.set_kernel(LAYER, Kernel.custom(np.ones((2, 3)))),
    "preset": lambda s: s.set_kernel(LAYER, preset("gaussian").make()),
    "view": lambda s: s.set_view("absolute"),
    "channel": lambda s: s.set_channel(1),
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
    session.set_param(LAYER, "bias", 0.5)
    before = session.project
    session.reset_layer(LAYER)
    assert session.conv(LAYER) == Conv(kernel=session.conv(LAYER).kernel)
    assert session.conv(LAYER).kernel.shape == (2, 3)
    session.undo()
    assert session.project == before
    session.redo()
    changed = session.undo_text
    session.reset_layer(LAYER)
    assert session.undo_text == changed, "nothing was left to reset, so there is no new step"


def test_a_drag_is_one_step(session: Session) -> None:
    before = session.project
    for bias in (0.1, 0.2, 0.3):
        session.set_param(LAYER, "bias", bias)
    session.undo()
    assert session.project == before
    assert session.undo_text is None


def test_leaving_the_field_begins_a_new_step(session: Session) -> None:
    session.set_param(LAYER, "bias", 0.1)
    session.end_merge()
    session.set_param(LAYER, "bias", 0.2)
    session.undo()
    assert session.conv(LAYER).bias == 0.1


def test_another_parameter_begins_a_new_step(session: Session) -> None:
    session.set_param(LAYER, "bias", 0.1)
    session.set_param(LAYER, "stride", (2, 2))
    session.set_param(LAYER, "bias", 0.2)
    session.undo()
    assert (session.conv(LAYER).bias, session.conv(LAYER).stride) == (0.1, (2, 2))
    session.undo()
    assert session.conv(LAYER).stride == (1, 1)


def test_a_pause_begins_a_new_step(session: Session) -> None:
    session.set_param(LAYER, "bias", 0.1)
    let_a_second_pass(session)
    session.set_param(LAYER, "bias", 0.2)
    session.undo()
    assert session.conv(LAYER).bias == 0.1


def test_a_drag_that_comes_back_leaves_nothing_to_undo(session: Session) -> None:
    for bias in (0.1, 0.2, 0.0):
        session.set_param(LAYER, "bias", bias)
    assert session.undo_text is None
    session.set_param(LAYER, "bias", 0.3)
    session.undo()
    assert session.conv(LAYER).bias == 0.0


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
    assert session.conv(LAYER).kernel.values.item() == 1.0


def test_undo_is_not_merged_with_what_follows(session: Session) -> None:
    session.set_param(LAYER, "bias", 0.1)
    session.end_merge()
    session.set_param(LAYER, "bias", 0.2)
    session.undo()
    session.set_param(LAYER, "bias", 0.3)
    session.undo()
    assert session.conv(LAYER).bias == 0.1


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
        patch.setattr(Conv, "apply", broken)
        session.set_param(LAYER, "bias", 0.5)
        settle(qtbot, session)
    assert [str(each[1]) for each in caught] == ["a slip"]
    assert len(ear.failures) == 1
    assert "a slip" in ear.failures[0]
    session.set_param(LAYER, "bias", 0.6)
    settle(qtbot, session)
    assert session.failure is None


def test_no_memory_is_said_and_the_last_result_stays(
    session: Session, ear: Ear, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    for name in ("convstudio.layers.Conv.apply", "convstudio.engine.evaluate.render"):
        with monkeypatch.context() as patch:
            patch.setattr(name, full)
            session.set_param(LAYER, "bias", session.conv(LAYER).bias + 0.25)
            settle(qtbot, session)
        assert "memory" in ear.failures[-1], name
    assert len(ear.failures) == 2


def test_a_gesture_that_changes_nothing_merges_nothing(session: Session) -> None:
    session.set_param(LAYER, "bias", 0.1)
    session.set_kernel(LAYER, session.conv(LAYER).kernel, "gesture")
    let_a_second_pass(session)
    session.set_param(LAYER, "bias", 0.2)
    session.undo()
    assert session.conv(LAYER).bias == 0.1


def test_cancelling_keeps_the_last_result(session: Session, ear: Ear, qtbot: QtBot) -> None:
    good = session.evaluation
    session.set_param(LAYER, "bias", 0.25)
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
    session.set_param(LAYER, "bias", 0.25)
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
            session.set_param(LAYER, "bias", left.pop())

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
        {"operation": "convolution", "channels": "luminance"},
        {"stride": (2, 3), "dilation": (2, 1), "padding": "full", "padding_mode": "circular"},
        {"padding": ((0, 3), (4, 0)), "padding_mode": "constant", "padding_value": 0.5, "bias": -1.0},
    ):
        for name, value in changes.items():
            session.set_param(LAYER, name, value)
        settle(qtbot, session)
    assert ear.proof_failures == []
    assert len(ear.proofs) >= 3
    assert all(proof.ok for proof in ear.proofs)


def test_a_proof_that_fails_is_said(
    session: Session, ear: Ear, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Conv.apply

    def wrong(self: Conv, source: Any, **more: Any) -> Any:
        return right(self, source, **more) + np.float32(0.01)

    monkeypatch.setattr(Conv, "apply", wrong)
    session.set_param(LAYER, "bias", 0.5)
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
