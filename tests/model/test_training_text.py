"""The training's setup in the document: exact both ways, nothing unknown lost, wrong values told in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.kernels import Kernel, preset
from convstudio.layers import Conv
from convstudio.model import LayerItem, MethodSetup, PairSetup, Picture, Project, StudentSetup, TrainingSetup
from convstudio.model.serialize import (
    Document,
    Kept,
    ProjectError,
    holds_unknown,
    read_project,
    write_project,
)
from tests.model.random_projects import trainings

PICTURE = Picture(np.zeros((1, 4, 5), np.float32), "black")
BLUR = preset("gaussian").make(size=5, sigma=1.25)
SETUP = TrainingSetup(
    PairSetup(source="files", before="/photos/a.png", after="b.png", teacher=Kernel.custom([[0.1, -2]])),
    StudentSetup(size=(5, 7), padding=((1, 2), (3, 4)), first=BLUR, marks=(("conv-1", "weight"),)),
    MethodSetup(optimizer="nesterov", rate=1 / 3, steps=12),
)


def project(setup: TrainingSetup = SETUP) -> Project:
    return Project(PICTURE, (LayerItem("conv-1", Conv()),), training=setup)


def written(of: Project, kept: Kept | None = None) -> str:
    text, arrays = write_project(of, {}, {"name": "black"}, kept)
    assert not arrays
    return text


def read(text: str) -> Document:
    return read_project(text, lambda _entry: PICTURE, {}.__getitem__)


def entry_of(setup: TrainingSetup) -> Any:
    return json.loads(written(project(setup))).get("training")


def with_entry(entry: Any) -> str:
    """A document with any training."""
    return json.dumps(json.loads(written(project(TrainingSetup()))) | {"training": entry})


def refused(entry: Any) -> str:
    with pytest.raises(ProjectError) as caught:
        read(with_entry(entry))
    said = str(caught.value)
    assert said.startswith("the training: ")
    assert "\n" not in said
    assert len(said) < 400
    return said


@settings(max_examples=60)
@given(setup=trainings())
def test_every_setup_comes_back_and_goes_out_as_the_same_text(setup: TrainingSetup) -> None:
    text = written(project(setup))
    found = read(text)
    assert found.project.training == setup
    assert found.notes == ()
    assert not holds_unknown(found.project, found.kept)
    assert written(found.project, found.kept) == text


def test_the_default_setup_is_not_written_and_a_project_without_one_has_it() -> None:
    text = written(project(TrainingSetup()))
    assert "training" not in json.loads(text)
    assert read(text).project.training == TrainingSetup()


def test_a_setup_reads_as_a_person_would_write_it() -> None:
    entry = entry_of(SETUP)
    assert list(entry) == ["pair", "student", "method"]
    assert entry["pair"]["teacher"] == {"kernel": {"title": "Custom", "values": [[0.1, -2]]}}
    assert entry["student"]["first"] == {"kernel": {"preset": "gaussian", "params": dict(BLUR.params)}}
    assert entry["student"]["marks"] == [["conv-1", "weight"]]
    assert entry["student"]["padding"] == [[1, 2], [3, 4]]
    assert entry["method"]["rate"] == 1 / 3


def test_every_field_of_the_setup_is_written() -> None:
    """A field that is added later and not written would come back as its default."""
    entry = entry_of(SETUP)
    for part, values in (("pair", SETUP.pair), ("student", SETUP.student), ("method", SETUP.method)):
        assert set(entry[part]) == set(vars(values))


@pytest.mark.parametrize(
    ("part", "name"), [(part, name) for part, values in entry_of(SETUP).items() for name in values]
)
def test_what_is_missing_has_its_default(part: str, name: str) -> None:
    entry = entry_of(SETUP)
    del entry[part][name]
    default = getattr(getattr(TrainingSetup(), part), name)
    assert read(with_entry(entry)).project.training == SETUP.with_value(part, name, default)


# --- nothing unknown is lost ---

NEWER = """{"format": "convstudio", "version": 1, "picture": {}, "layers": [],
"training": {"pair": {"noise": 0.25, "mask":  {"x":[1.50]}}, "goal" : [ 1e0], "method": {"rate": 0.5,
 "warm":true}}}"""


def test_unknown_fields_survive_byte_for_byte_and_are_told() -> None:
    found = read(NEWER)
    assert found.project.training == TrainingSetup(PairSetup(noise=0.25), method=MethodSetup(rate=0.5))
    (note,) = found.notes
    assert all(word in note for word in ("The training holds", "“goal”", "“mask”", "“warm”"))
    assert holds_unknown(found.project, found.kept)
    changed = replace(found.project, training=TrainingSetup())
    for one in (found.project, changed):
        text = written(one, found.kept)
        for piece in ('"goal": [ 1e0]', '"mask": {"x":[1.50]}', '"warm": true'):
            assert piece in text
        again = read(text)
        assert again.project.training == one.training
        assert written(again.project, again.kept) == text


LATER = (
    {"pair": {"teacher": {"kernel": {"preset": "later"}}}},
    {"pair": {"teacher": {"kernel": {"preset": "gaussian", "params": {"tilt": 2}}}}},
    {"student": {"first": {"shape-of": 3}}},
)


@pytest.mark.parametrize("entry", LATER)
def test_a_training_that_cannot_be_used_is_kept_until_another_is_set_up(entry: Any) -> None:
    found = read(with_entry(entry))
    assert found.project.training == TrainingSetup()
    (note,) = found.notes
    assert note.startswith("The training cannot be used: ")
    assert note.endswith("kept in the file and has no effect here.")
    assert holds_unknown(found.project, found.kept)
    text = written(found.project, found.kept)
    assert json.loads(text)["training"] == entry
    again = read(text)
    assert written(again.project, again.kept) == text
    other = replace(found.project, training=SETUP)
    assert read(written(other, found.kept)).project.training == SETUP


def test_what_cannot_be_kept_is_said() -> None:
    entry = entry_of(SETUP)
    entry["pair"]["teacher"]["kernel"]["colour"] = "red"
    entry["student"]["first"]["note"] = 1
    found = read(with_entry(entry))
    assert found.project.training == SETUP
    (note,) = found.notes
    assert "“colour”, “note”" in note
    assert "leaves it out" in note


# --- wrong ones ---

WRONG = [
    ([], "it must be an object, got []"),
    (None, "it must be an object, got None"),
    ({"pair": 3}, "the pair must be an object, got 3"),
    ({"method": {"rate": 0}}, "Rate must be a number from 1e-09 to 1000, got 0"),
    ({"method": {"rate": True}}, "Rate must be a number"),
    ({"method": {"optimizer": "lion"}}, "Method must be one of gd, momentum"),
    ({"method": {"steps": 2.5}}, "Steps must be a whole number from 1"),
    ({"method": {"steps": 10**39}}, "Steps must be a whole number from 1"),
    ({"student": {"size": [3, 3, 3]}}, "Size must be one whole number or two"),
    ({"student": {"size": [3, 32]}}, "must be a whole number from 1 to 31, got 32"),
    ({"student": {"padding": [[1, 2], 3]}}, "Padding must be a word or"),
    ({"student": {"marks": [["conv-1"]]}}, "marks must be pairs of a layer"),
    ({"student": {"marks": "conv-1"}}, "marks must be pairs of a layer"),
    ({"student": {"first": None}}, "the first kernel must be a kernel, got None"),
    ({"student": {"first": {"kernel": {"values": [["1"]]}}}}, "student's first: a weight must be a number"),
    ({"pair": {"teacher": {"kernel": []}}}, "the pair's teacher: it must be an object"),
    ({"pair": {"teacher": {"filters": []}}}, "the pair's teacher: a bank must be a list"),
    ({"pair": {"teacher": {"arrays": {"a": {"part": "b"}}}}}, "not in a part “b”"),
    ({"pair": {"before": 5}}, "a picture's path must be text, got 5"),
    ({"pair": {"grey": 1}}, "Grey must be on or off"),
]


@pytest.mark.parametrize(("entry", "said"), WRONG)
def test_wrong_values_are_told_by_place_and_reason(entry: Any, said: str) -> None:
    assert said in refused(entry)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(data=st.data(), junk=JUNK)
def test_nonsense_anywhere_is_one_sentence_or_a_project(data: st.DataObject, junk: Any) -> None:
    entry = entry_of(SETUP)
    part = data.draw(st.sampled_from(list(entry)))
    name = data.draw(st.sampled_from(list(entry[part])))
    entry[part][name] = junk
    said = ""
    try:
        found = read(with_entry(entry))
    except ProjectError as error:
        said = str(error)
    if said:
        assert said.startswith("the training: ")
        assert "\n" not in said
        return
    text = written(found.project, found.kept)
    again = read(text)
    assert again.project.training == found.project.training
    assert written(again.project, again.kept) == text
