"""Edits of a training's setup, and what was learned on its way into the stack: each one step for undo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluator
from convstudio.kernels import Bank, Filter, Kernel, preset
from convstudio.layers import Activation, Conv, ConvTranspose, MaxPool
from convstudio.model import PHOTO, Found, Learned, PairSetup, TrainingSetup
from convstudio.session.session import Session
from convstudio.session.training_edits import TrainingEdits
from tests.session.session_hands import LAYER, Ear, conv_of, let_a_second_pass, settle


@pytest.fixture
def edits(session: Session) -> TrainingEdits:
    return TrainingEdits(session)


def learned(channels: str = "each", filters: int = 1, value: float = 2.0) -> Conv:
    kernels = [Kernel(np.full((2, 3), value + n), "Custom (from Mean)") for n in range(filters)]
    return Conv(Bank.of(*kernels, bias=0.5), channels=channels, padding="valid", stride=(2, 1))


# --- the setup ---


def test_a_value_is_an_edit_that_can_be_undone(session: Session, edits: TrainingEdits) -> None:
    edits.set_value("method", "rate", 0.5)
    assert session.project.training.method.rate == 0.5
    assert session.undo_text == "training: rate"
    session.undo()
    assert session.project.training == TrainingSetup()
    session.redo()
    assert session.project.training.method.rate == 0.5


@pytest.mark.parametrize(
    ("part", "name", "value", "text"),
    [
        ("pair", "teacher", preset("mean").make(), "training: hidden kernel"),
        ("pair", "before", "/a.png", "training: picture before"),
        ("pair", "after", "/a.png", "training: picture after"),
        ("student", "first", preset("sobel-x").make(), "training: first kernel"),
        ("student", "marks", ((LAYER, "bias"),), "training: what is learned"),
        ("student", "size", (5, 7), "training: size"),
    ],
)
def test_undo_says_what_was_edited(
    part: str, name: str, value: object, text: str, session: Session, edits: TrainingEdits
) -> None:
    edits.set_value(part, name, value)
    assert getattr(getattr(session.project.training, part), name) == value
    assert session.undo_text == text


def test_edits_of_one_value_merge_and_of_others_do_not(session: Session, edits: TrainingEdits) -> None:
    for rate in (0.1, 0.2, 0.3):
        edits.set_value("method", "rate", rate)
    edits.set_value("method", "momentum", 0.5)
    session.undo()
    assert session.project.training.method.rate == 0.3
    session.undo()
    assert session.project.training == TrainingSetup()


def test_gestures_of_their_own_do_not_merge(session: Session, edits: TrainingEdits) -> None:
    edits.set_value("method", "rate", 0.1, merge_key=1)
    edits.set_value("method", "rate", 0.2, merge_key=2)
    session.undo()
    assert session.project.training.method.rate == 0.1


def test_a_second_later_an_edit_is_a_step_of_its_own(session: Session, edits: TrainingEdits) -> None:
    edits.set_value("method", "rate", 0.1)
    let_a_second_pass(session)
    edits.set_value("method", "rate", 0.2)
    session.undo()
    assert session.project.training.method.rate == 0.1


def test_what_is_not_allowed_changes_nothing_and_is_told(
    session: Session, edits: TrainingEdits, ear: Ear
) -> None:
    edits.set_value("method", "rate", -1)
    edits.set_value("student", "first", "blur")
    assert session.project.training == TrainingSetup()
    assert session.undo_text is None
    assert [level for _, level, _ in ear.messages] == ["error", "error"]
    assert "Rate must be" in ear.messages[0][0]


def test_an_experiment_is_one_step(session: Session, edits: TrainingEdits) -> None:
    edits.set_value("method", "steps", 7)
    setup = TrainingSetup(PairSetup(source="edge"))
    edits.set_setup(setup, "experiment: textbook edge")
    assert session.project.training == setup
    assert session.undo_text == "experiment: textbook edge"
    session.undo()
    assert session.project.training.method.steps == 7


def test_files_are_chosen_and_taken_away_each_in_a_step(session: Session, edits: TrainingEdits) -> None:
    edits.set_files("/a.png", "/b.png")
    pair = session.project.training.pair
    assert (pair.source, pair.before, pair.after) == ("files", "/a.png", "/b.png")
    edits.set_files("", "/c.png")
    pair = session.project.training.pair
    assert (pair.source, pair.before, pair.after) == ("files", "", "/c.png")
    assert session.undo_text == "training: files"
    session.undo()
    pair = session.project.training.pair
    assert (pair.before, pair.after) == ("/a.png", "/b.png")
    session.undo()
    assert session.project.training == TrainingSetup()


def test_marks_come_and_go_and_those_of_lost_layers_are_dropped(
    session: Session, edits: TrainingEdits
) -> None:
    edits.mark(LAYER, "weight", True)
    edits.mark(LAYER, "bias", True)
    assert session.undo_text == "training: learn the bias of Sobel x"
    edits.mark(LAYER, "weight", False)
    assert session.project.training.student.marks == ((LAYER, "bias"),)
    session.undo()
    assert session.project.training.student.marks == ((LAYER, "weight"), (LAYER, "bias"))
    session.push(session.project.with_layers([Conv()], LAYER).without(LAYER), "another layer")
    edits.mark("conv-2", "weight", True)
    assert session.project.training.student.marks == (("conv-2", "weight"),)


def test_a_new_seed_is_another_one_each_time(session: Session, edits: TrainingEdits) -> None:
    seen = [session.project.training.student.seed]
    for _ in range(3):
        edits.new_seed()
        seen.append(session.project.training.student.seed)
    assert len(set(seen)) == 4
    session.undo()
    assert session.project.training.student.seed == seen[-2]
    edits.set_value("student", "seed", 2**31 - 1)
    edits.new_seed()
    assert session.project.training.student.seed == 0


def test_the_training_has_no_part_in_the_result(
    session: Session, edits: TrainingEdits, ear: Ear, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is computed and proven again, and yet the result there is counts as the present one."""
    runs: list[object] = []
    monkeypatch.setattr(Evaluator, "evaluate", lambda *_, **__: runs.append(None))
    edits.set_value("method", "rate", 0.1)
    session.undo()
    session.redo()
    session.keep_learned(Learned("k", (), Found((learned(),), 0.5)))
    assert session.is_computed()
    assert not session.busy
    assert session.result_pixels() is not None
    assert (runs, ear.results, ear.proofs) == ([], [], [])
    monkeypatch.undo()
    session.prove()
    settle(qtbot, session)
    assert [proof.ok for proof in ear.proofs] == [True]
    session.set_bias(LAYER, 0.5)
    settle(qtbot, session)
    assert len(ear.results) == 1


def test_an_edit_of_the_training_leaves_what_is_being_computed(
    session: Session, edits: TrainingEdits, ear: Ear, qtbot: QtBot
) -> None:
    session.set_bias(LAYER, 0.5)
    edits.set_value("method", "rate", 0.1)
    settle(qtbot, session)
    assert session.is_computed()
    assert (len(ear.results), len(ear.stacks), len(ear.proofs)) == (1, 1, 1)


def test_what_was_learned_is_kept_without_a_step(session: Session, edits: TrainingEdits) -> None:
    """Undo and redo leave it, as they leave which layer is selected."""
    edits.set_value("method", "rate", 0.1)
    session.set_bias(LAYER, 0.5)
    session.undo()
    before = session.undo_text, session.redo_text
    found = Learned("k", (), Found((learned(),), 0.5))
    session.keep_learned(found)
    assert (session.undo_text, session.redo_text) == before
    session.undo()
    assert session.project.learned == found
    assert session.project.training == TrainingSetup()
    session.redo()
    session.redo()
    assert session.project.learned == found
    assert session.undo_text == "bias"


# --- the stack ---


def test_a_learned_kernel_is_the_first_layer_as_it_was_learned_on_the_photo(
    session: Session, edits: TrainingEdits
) -> None:
    before = session.project
    edits.put_into_stack([learned()])
    project = session.project
    assert [item.layer.kind for item in project.layers] == ["conv", "conv"]
    assert project.selected == project.layers[0].id
    assert project.item(project.selected).title == "Learned 2×3"
    layer = conv_of(session, project.selected)
    assert layer.name() == "Learned"
    assert layer.bank.filters[0].bias == 0.5
    assert (layer.padding, layer.stride, layer.channels) == ("valid", (2, 1), "each")
    assert np.array_equal(layer.bank.filters[0].kernels[0].values, np.full((2, 3), 2.0))
    assert session.undo_text == "learned kernel"
    session.undo()
    assert session.project == before


def test_a_learned_kernel_goes_where_it_is_wanted(session: Session, edits: TrainingEdits) -> None:
    edits.put_into_stack([learned()], after=LAYER)
    assert [item.id for item in session.project.layers] == [LAYER, "conv-2"]
    assert session.project.look.view == "signed"  # as the layer above is shown
    session.undo()
    edits.put_into_stack([learned()], after=PHOTO)
    assert [item.id for item in session.project.layers] == ["conv-2", LAYER]
    edits.put_into_layer([learned("all", 2, value=-3.0)], LAYER)
    layer = conv_of(session)
    assert (layer.channels, layer.padding, layer.stride) == ("all", "same", (1, 1))
    assert [each.title for each in layer.bank.filters] == ["Learned", "Learned"]
    assert session.undo_text == "learned kernel"
    session.undo()
    assert conv_of(session) == Conv()


def test_a_layer_that_convolves_takes_a_kernel_as_it_was_learned(
    session: Session, edits: TrainingEdits
) -> None:
    session.set_param(LAYER, "operation", "convolution")
    edits.put_into_layer([learned()], LAYER)
    values = np.random.default_rng(0).random((1, 8, 9), dtype=np.float32)
    ours = conv_of(session).replace(padding="valid", stride=(2, 1)).forward(values)
    assert np.array_equal(ours, learned().forward(values))


@pytest.mark.parametrize("target", [MaxPool(), ConvTranspose()])
def test_what_takes_no_learned_kernel_says_so(
    target: MaxPool | ConvTranspose, session: Session, edits: TrainingEdits, ear: Ear
) -> None:
    session.push(session.project.with_layers([target], LAYER), "a layer")
    before = session.project
    edits.put_into_layer([learned()], before.selected)
    assert session.project is before
    assert "as a new layer" in ear.messages[-1][0]


def test_a_trained_stack_takes_the_places_of_its_layers(session: Session, edits: TrainingEdits) -> None:
    session.push(session.project.with_layers([Activation(), MaxPool(), Conv()], LAYER), "more layers")
    start = session.project.with_item("max_pool-1", enabled=False).with_item(LAYER, name="Edges")
    session.push(start, "as it is trained")
    named = Bank((Filter((Kernel(np.ones((1, 1)), "Custom (from Sobel)"),), 0.25, "mine"),))
    edits.put_into_stack([Conv(named), Activation(), learned()], [LAYER, "activation-1", "conv-2"])
    project = session.project
    assert [item.id for item in project.layers] == [item.id for item in start.layers]
    assert (project.item(LAYER).title, project.item("max_pool-1").enabled) == ("Edges", False)
    assert conv_of(session).bank == named
    assert project.layer("conv-2") == learned()
    assert session.undo_text == "learned weights"
    session.undo()
    assert session.project == start


def test_a_stack_that_is_another_by_now_stays_as_it_is(
    session: Session, edits: TrainingEdits, ear: Ear
) -> None:
    before = session.project
    edits.put_into_stack([Activation()], [LAYER])
    edits.put_into_stack([learned()], ["conv-7"])
    assert session.project is before
    assert [text for text, _, _ in ear.messages] == [
        "The layers are no longer those that were trained; undo that change, or train again."
    ] * 2


def test_more_layers_than_a_stack_has_are_refused(session: Session, edits: TrainingEdits, ear: Ear) -> None:
    session.push(session.project.with_layers([Conv()] * 63, LAYER), "many layers")
    before = session.project
    edits.put_into_stack([learned()])
    assert session.project is before
    assert "at most 64 layers" in ear.messages[-1][0]


def test_what_was_learned_is_saved_as_any_kernel(session: Session, edits: TrainingEdits) -> None:
    edits.put_into_stack([learned(value=1 / 3)])
    kernel = conv_of(session, session.project.selected).bank.filters[0].kernels[0]
    assert kernel == Kernel(np.full((2, 3), 1 / 3), "Learned")
    assert replace(kernel, title="Custom") == Kernel.custom(np.full((2, 3), 1 / 3))
