"""What was learned in the document: exact both ways, nothing unknown lost, wrong values told in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.io.project_file import load_project, save_project
from convstudio.kernels import Bank, Kernel
from convstudio.layers import Activation, Conv
from convstudio.model import Found, LayerItem, Learned, Picture, Project, TrainingSetup
from convstudio.model.learned_text import learned_key
from convstudio.model.serialize import (
    Document,
    Kept,
    ProjectError,
    holds_unknown,
    read_project,
    write_project,
)
from convstudio.spec.params import ParamError
from tests.model.random_projects import learneds

PICTURE = Picture(np.zeros((1, 4, 5), np.float32), "black")
CONV = Conv.of(Kernel.custom([[0.125, -1.0 / 3.0]]))
LARGE = Conv(bank=Bank.from_weights(np.random.default_rng(0).standard_normal((9, 32, 5, 5))))
LEARNED = Learned("a key", (), Found((CONV,), 1e-9, 2e-5, 300), Found((CONV,), 0.0, None))


def project(learned: Learned | None = LEARNED) -> Project:
    return Project(PICTURE, (LayerItem("conv-1", Conv()),), learned=learned)


def written(of: Project, kept: Kept | None = None) -> tuple[str, dict[str, Any]]:
    return write_project(of, {}, {"name": "black"}, kept)


def read(text: str, arrays: Any = None) -> Document:
    return read_project(text, lambda _entry: PICTURE, (arrays or {}).__getitem__)


def entry_of(learned: Learned = LEARNED) -> Any:
    return json.loads(written(project(learned))[0])["learned"]


def with_entry(entry: Any) -> str:
    return json.dumps(json.loads(written(project(None))[0]) | {"learned": entry})


@settings(max_examples=60)
@given(learned=learneds())
def test_it_comes_back_and_goes_out_as_the_same_text(learned: Learned) -> None:
    text, arrays = written(project(learned))
    found = read(text, arrays)
    assert found.project.learned == learned
    assert found.notes == ()
    assert not holds_unknown(found.project, found.kept)
    again, arrays_again = written(found.project, found.kept)
    assert again == text
    assert list(arrays_again) == list(arrays)


def test_a_project_without_any_has_no_entry() -> None:
    text, _ = written(project(None))
    assert "learned" not in json.loads(text)
    assert read(text).project.learned is None


def test_it_reads_as_a_person_would_write_it() -> None:
    entry = entry_of()
    assert list(entry) == ["key", "ids", "descent", "closed"]
    descent = entry["descent"]
    assert (descent["step"], descent["loss"], descent["distance"]) == (300, 1e-9, 2e-5)
    (layer,) = descent["layers"]
    assert layer["kind"] == "conv"
    (kernel,) = layer["params"]["bank"]["filters"][0]["kernels"]
    assert kernel["values"] == [[0.125, -1 / 3]]


def test_many_weights_go_apart_under_names_of_their_own() -> None:
    """Even where a layer of the stack has the very name that they would have."""
    item = LayerItem("learned-descent-1", LARGE)
    learned = Learned("k", (), Found((LARGE,), 0.5))
    text, arrays = written(Project(PICTURE, (item,), learned=learned))
    assert len(arrays) == 2
    found = read(text, arrays).project
    assert found.learned == learned
    assert found.layers[0].layer == LARGE


def test_a_project_with_many_learned_weights_is_the_same_file_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one.convstudio", tmp_path / "two.convstudio"
    save_project(one, project(Learned("k", (), Found((LARGE,), 0.5))), {}, embed=True)
    loaded = load_project(one)
    assert loaded.project.learned == Learned("k", (), Found((LARGE,), 0.5))
    save_project(two, loaded.project, loaded.view, embed=True, origin=loaded.origin)
    assert one.read_bytes() == two.read_bytes()


# --- what it belongs to ---


def test_the_key_tells_setups_and_pictures_apart_and_survives_the_file(tmp_path: Path) -> None:
    here = project()
    key = learned_key(here)
    assert key == learned_key(replace(here, learned=None, layers=()))
    assert key != learned_key(replace(here, training=TrainingSetup().with_value("method", "rate", 0.5)))
    assert key != learned_key(replace(here, picture=replace(PICTURE, name="white")))
    files = TrainingSetup().with_value("pair", "source", "files")
    files = files.with_value("pair", "before", str(tmp_path / "a.png"))
    before = replace(here, training=files)
    save_project(tmp_path / "p.convstudio", before, {}, embed=True)
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "p.convstudio").rename(moved / "p.convstudio")
    after = load_project(moved / "p.convstudio").project
    assert after.training != before.training
    assert learned_key(after) == learned_key(before)


# --- nothing unknown is lost ---


@pytest.mark.parametrize("conv", [CONV, LARGE], ids=["inline", "apart"])
def test_unknown_fields_survive_until_another_run_takes_their_place(conv: Conv) -> None:
    text, arrays = written(project(Learned("k", (), Found((conv,), 0.5))))
    document = json.loads(text)
    entry = document["learned"]
    entry["optimizer"] = {"momentum": [1.50]}
    entry["descent"]["curve"] = [3, 2, 1]
    entry["descent"]["layers"][0]["params"]["warp"] = 2
    text = json.dumps(document, indent=3)
    found = read(text, arrays)
    assert found.project.learned == Learned("k", (), Found((conv,), 0.5))
    (note,) = found.notes
    assert all(word in note for word in ("“curve”", "“optimizer”", "“warp”"))
    assert holds_unknown(found.project, found.kept)
    saved, saved_arrays = written(found.project, found.kept)
    assert json.loads(saved)["learned"] == entry
    assert list(saved_arrays) == list(arrays)
    again = read(saved, saved_arrays)
    assert written(again.project, again.kept)[0] == saved
    other = replace(found.project, learned=LEARNED)
    assert json.loads(written(other, found.kept)[0])["learned"] == entry_of()


LATER = (
    ("kind", "lambda-conv"),
    ("params", {"bank": {"filters": [{"kernels": [{"preset": "later"}]}]}}),
)


@pytest.mark.parametrize(("name", "value"), LATER)
def test_what_cannot_be_used_is_kept(name: str, value: Any) -> None:
    entry = entry_of()
    entry["descent"]["layers"][0][name] = value
    found = read(with_entry(entry))
    assert found.project.learned is None
    (note,) = found.notes
    assert note.startswith("What was learned cannot be used: descent: layer 1: ")
    text, arrays = written(found.project, found.kept)
    assert json.loads(text)["learned"] == entry
    again = read(text, arrays)
    assert written(again.project, again.kept)[0] == text


# --- wrong ones ---

WRONG = [
    ([], "it must be an object, got []"),
    ({}, "neither descent nor closed form found anything"),
    ({"key": 3, "descent": {"layers": [], "loss": 1}}, "there must be layers"),
    ({"descent": 3}, "descent: it must be an object with a list of layers"),
    ({"ids": "conv"}, "the ids must be a list, got 'conv'"),
    ({"descent": {"layers": [3], "loss": 1}}, "descent: layer 1: it must be an object with a kind"),
    ({"closed": {"layers": [{"kind": "conv"}]}}, "closed: the loss must be a number, got None"),
    ({"closed": {"layers": [{"kind": "conv"}], "loss": True}}, "the loss must be a number, got True"),
    ({"closed": {"layers": [{"kind": "conv"}], "loss": 1, "distance": "x"}}, "the distance must be a number"),
    ({"closed": {"layers": [{"kind": "conv"}], "loss": 1, "step": -1}}, "the step must be a whole number"),
    ({"closed": {"layers": [{"kind": "conv"}], "loss": 1, "step": 1.5}}, "the step must be a whole number"),
    ({"key": 3, "closed": {"layers": [{"kind": "conv"}], "loss": 1}}, "the key must be text, got 3"),
    ({"ids": [3], "closed": {"layers": [{"kind": "conv"}], "loss": 1}}, "the ids must be texts"),
    ({"ids": ["a", "b"], "closed": {"layers": [{"kind": "conv"}], "loss": 1}}, "as many layers as ids"),
    (
        {"closed": {"layers": [{"kind": "conv", "params": {"stride": [0, 1]}}], "loss": 1}},
        "closed: layer 1: ",
    ),
    ({"closed": {"layers": [{"kind": "conv", "params": 2}], "loss": 1}}, "the parameters must be an object"),
]


@pytest.mark.parametrize(("entry", "said"), WRONG)
def test_wrong_values_are_told_by_place_and_reason(entry: Any, said: str) -> None:
    with pytest.raises(ProjectError) as caught:
        read(with_entry(entry))
    assert str(caught.value).startswith("what was learned: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_result_has_layers_and_numbers() -> None:
    with pytest.raises(ParamError, match="the loss must be a number"):
        Found((CONV,), float("nan"))
    with pytest.raises(ParamError, match="neither descent nor closed"):
        Learned("k")
    with pytest.raises(ParamError, match="as many layers as ids"):
        Learned("k", ("a", "b"), Found((CONV, Activation(), CONV), 0.0))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(data=st.data(), junk=JUNK)
def test_nonsense_anywhere_is_one_sentence_or_a_project(data: st.DataObject, junk: Any) -> None:
    entry = entry_of()
    place = entry
    for _ in range(data.draw(st.integers(0, 3))):
        names = [name for name, value in place.items() if isinstance(value, dict)]
        if not names:
            break
        place = place[data.draw(st.sampled_from(names))]
    place[data.draw(st.sampled_from(list(place)))] = junk
    said = ""
    try:
        found = read(with_entry(entry))
    except ProjectError as error:
        said = str(error)
    if said:
        assert said.startswith("what was learned: ")
        assert "\n" not in said
        return
    text, arrays = written(found.project, found.kept)
    again = read(text, arrays)
    assert again.project.learned == found.project.learned
    assert written(again.project, again.kept)[0] == text
