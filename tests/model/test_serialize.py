"""Projects as documents: exact round trips, nothing unknown lost, wrong ones told by place and reason."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.kernels import Bank, Filter, Kernel, preset
from convstudio.layers import LAYER_KINDS, Conv, Involution
from convstudio.layers.unknown import UnknownLayer
from convstudio.model import MOST_LAYERS, LayerItem, Look, Picture, Project
from convstudio.model.json_text import MOST_DEPTH, JsonError, read_json, write_json
from convstudio.model.serialize import Document, Kept, ProjectError, read_project, write_project
from tests.model.random_projects import layers, projects

PICTURE = Picture(np.zeros((1, 4, 5), np.float32), "black")
ENTRY = {"name": "black"}


def written(project: Project, view: Any = None, kept: Kept | None = None) -> tuple[str, dict[str, Any]]:
    return write_project(project, view or {}, ENTRY, kept)


def read(text: str, arrays: Any = None) -> Document:
    return read_project(text, lambda _entry: PICTURE, (arrays or {}).__getitem__)


def stack(*layers: Any) -> Project:
    return Project(PICTURE, tuple(LayerItem(f"{each.kind}-{n}", each) for n, each in enumerate(layers, 1)))


def changed(change: Any, project: Project | None = None) -> str:
    """A sound document after a change of its JSON."""
    document = json.loads(written(project or stack(Conv()))[0])
    change(document)
    return json.dumps(document)


def refused(text: str) -> str:
    with pytest.raises(ProjectError) as caught:
        read(text)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    return said


# --- what goes out comes back ---


@pytest.mark.parametrize("kind", list(LAYER_KINDS))
@settings(max_examples=25)
@given(data=st.data())
def test_every_kind_comes_back_with_every_parameter(kind: str, data: st.DataObject) -> None:
    layer = data.draw(layers(kind))
    text, arrays = written(stack(layer))
    assert read(text, arrays).project.layers[0].layer == layer


@settings(max_examples=60)
@given(project=projects())
def test_projects_come_back_and_go_out_as_the_same_text(project: Project) -> None:
    text, arrays = written(project, {"zoom": [1.5, None], "seen": {"é\ud800": True}})
    found = read(text, arrays)
    assert found.project.selected == project.selected
    assert found.project.compared == project.compared
    assert found.project.training == project.training
    assert found.project.learned == project.learned
    for ours, theirs in zip(found.project.layers, project.layers, strict=True):
        assert (ours.id, ours.name, ours.enabled, ours.look) == (
            theirs.id,
            theirs.name,
            theirs.enabled,
            theirs.look,
        )
        if not isinstance(theirs.layer, UnknownLayer):
            assert ours.layer == theirs.layer
    assert found.view == {"zoom": [1.5, None], "seen": {"é\ud800": True}}
    again, arrays_again = written(found.project, found.view, found.kept)
    assert again == text
    assert list(arrays_again) == list(arrays)
    assert all(np.array_equal(arrays_again[name], arrays[name]) for name in arrays)


@given(value=st.floats(-1e30, 1e30))
def test_weights_are_exact(value: float) -> None:
    bank = Bank.of(Kernel.custom([[value, -value]]), bias=value)
    text, _ = written(stack(Conv(bank=bank)))
    layer = read(text).project.layers[0].layer
    assert isinstance(layer, Conv)
    assert layer.bank == bank


def test_a_change_of_one_weight_is_a_change_of_one_line() -> None:
    weights = np.arange(9.0).reshape(3, 3)
    before = written(stack(Conv.of(Kernel.custom(weights))))[0].splitlines()
    weights[1, 1] = 0.25
    after = written(stack(Conv.of(Kernel.custom(weights))))[0].splitlines()
    different = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert [(a.strip(), b.strip()) for a, b in different] == [("[3, 4, 5],", "[3, 0.25, 5],")]


def test_presets_are_stored_by_name_and_edited_ones_by_their_weights() -> None:
    made = preset("gaussian").make(size=5, sigma=1.25)
    edited = made.edited(made.values + 1)
    lying = Kernel(made.values + 1, made.title, made.preset, made.params)
    text, _ = written(stack(Conv.of(made, edited, lying)))
    kernels = [f["kernels"][0] for f in json.loads(text)["layers"][0]["params"]["bank"]["filters"]]
    assert kernels[0] == {"preset": "gaussian", "params": {"size": 5, "sigma": 1.25}}
    assert [kernel["title"] for kernel in kernels[1:]] == ["Custom (from Gaussian)", "Gaussian"]
    layer = read(text).project.layers[0].layer
    assert isinstance(layer, Conv)
    assert np.array_equal(layer.bank.filters[2].kernels[0].values, lying.values)


def test_equal_neighbours_are_written_once() -> None:
    kernel = preset("sobel-x").make()
    bank = Bank((Filter((kernel,) * 64), Filter((kernel, Kernel.custom([[1]]), kernel))))
    text, arrays = written(stack(Conv(bank=bank)))
    assert text.count("sobel-x") == 3
    assert '"count": 64' in text
    layer = read(text, arrays).project.layers[0].layer
    assert isinstance(layer, Conv)
    assert layer.bank == bank


def test_many_weights_go_apart_and_their_titles_do_not() -> None:
    odd = [Kernel(np.full((n, 63), n / 7.0), f"row {n}") for n in range(1, 64, 2)]
    bank = Bank((Filter((*odd, preset("sobel-x").make())), Filter(tuple(reversed(odd)), 0.5, "last")))
    text, arrays = written(stack(Conv(bank=bank), Conv(bank=bank)))
    assert list(arrays) == ["conv-1-bank", "conv-2-bank"]
    assert "row 63" in text
    assert len(text) < 20_000
    layer = read(text, arrays).project.layers[0].layer
    assert isinstance(layer, Conv)
    assert layer.bank == bank


def test_trained_arrays_come_back_and_untrained_layers_have_none() -> None:
    layer = Involution(groups=3)
    trained = layer.with_weights({k: v + 0.1 for k, v in layer.weights(3).items()}, 3)
    text, arrays = written(stack(trained, layer))
    assert not arrays
    found = read(text, arrays).project
    assert [item.layer for item in found.layers] == [trained, layer]
    assert "trained" not in json.loads(text)["layers"][1]["params"]


def test_numbers_of_a_view_that_are_not_finite_become_null() -> None:
    text, _ = written(stack(), {"zoom": float("nan"), "range": (1.0, float("inf"))})
    assert read(text).view == {"zoom": None, "range": [1.0, None]}


def test_a_view_that_could_not_be_read_again_is_refused() -> None:
    view: dict[str, Any] = {}
    for _ in range(MOST_DEPTH):
        view = {"deeper": view}
    with pytest.raises(TypeError, match="nested"):
        written(stack(), view)
    with pytest.raises(TypeError, match="plain values"):
        written(stack(), {"layer": Conv()})


def test_what_is_missing_has_its_default() -> None:
    text = '{"format": "convstudio", "version": 1, "picture": {}, "layers": [{"id": "a", "kind": "conv"}]}'
    assert read(text).project.layers == (LayerItem("a", Conv()),)


# --- nothing unknown is lost ---

NEWER = """{
\t"format": "convstudio", "version": 1, "picture": {}, "selected": "b",
  "theme" : {"colour": [1.50, "}{"], "deep": {"x":[ ]}},
  "layers": [
    {"id": "a", "kind": "conv", "tags": ["one",  "two"], "params": {"stride": [2, 2], "momentum": 1e-1}},
    { "id":"b", "params": {"n": 007e0, "text": "a \\"quoted\\" , } thing"} , "kind": "spline",
      "enabled": false,"name":"Curve", "look": {"view": "signed", "channel": null, "gamma": 2.20}},
    {"id": "c", "kind": "conv", "params": {"bank": {"filters": [{"kernels": [{"preset":"later"}]}]}}}
  ]
}""".replace("007e0", "7e0")


def test_unknown_layers_and_fields_survive_byte_for_byte() -> None:
    found = read(NEWER)
    text, arrays = written(found.project, found.view, found.kept)
    for piece in (
        '"theme": {"colour": [1.50, "}{"], "deep": {"x":[ ]}}',
        '"tags": ["one",  "two"]',
        '"momentum": 1e-1',
        re.search(r"\{ \"id\":\"b\".*?2\.20\}\}", NEWER, re.DOTALL)[0],  # type: ignore[index]
        '{"id": "c", "kind": "conv", "params": {"bank": {"filters": [{"kernels": [{"preset":"later"}]}]}}}',
    ):
        assert piece in text
    again = read(text, arrays)
    assert written(again.project, again.view, again.kept)[0] == text
    said = " ".join(found.notes)
    assert len(found.notes) == 4
    for word in ("“theme”", "“tags”", "“momentum”", "“spline”", "no preset “later”"):
        assert word in said


def test_an_unknown_layer_is_a_placeholder_that_can_be_switched_off() -> None:
    item = read(NEWER).project.layers[1]
    assert isinstance(item.layer, UnknownLayer)
    assert (item.name, item.enabled, item.layer.original) == ("Curve", False, "spline")
    assert item.layer.kind not in LAYER_KINDS
    for refusing in (
        lambda: item.layer.out_shape((1, 4, 5)),
        lambda: item.layer.forward(PICTURE.values),
        lambda: item.layer.cost((1, 4, 5)),
        lambda: item.layer.stage((1, 4, 5)),
    ):
        with pytest.raises(GeometryError, match="does not know this kind"):
            refusing()
    repair = item.layer.repair((1, 4, 5))
    assert repair is not None
    assert repair.switch_off


def test_what_is_edited_of_an_unknown_layer_is_written_and_the_rest_stays() -> None:
    found = read(NEWER)
    edited = found.project.with_item("b", name="Bow", enabled=True, look=Look("clamped", 3))
    edited = edited.duplicated("b")
    text, _ = written(edited, found.view, found.kept)
    entries = json.loads(text)["layers"]
    assert entries[1] == json.loads(NEWER)["layers"][1] | {
        "name": "Bow",
        "enabled": True,
        "look": {"view": "clamped", "channel": 3, "gamma": 2.2},
    }
    assert entries[2] == entries[1] | {"id": edited.layers[2].id}
    assert '"n": 7e0' in text


def test_what_belongs_to_a_layer_goes_with_it() -> None:
    found = read(NEWER)
    text, _ = written(found.project.without("a"), found.view, found.kept)
    assert "momentum" not in text
    text, _ = written(found.project.moved("a", 2), found.view, found.kept)
    assert json.loads(text)["layers"][2]["params"]["momentum"] == 0.1


def test_what_cannot_be_kept_is_said() -> None:
    def change(document: Any) -> None:
        document["layers"][0]["look"]["gamma"] = 2
        document["layers"][0]["params"]["bank"]["filters"][0]["colour"] = "red"

    (note,) = read(changed(change)).notes
    assert "“colour”, “gamma”" in note
    assert "leaves it out" in note


def test_a_selected_layer_that_is_gone_is_no_reason_to_refuse() -> None:
    found = read(changed(lambda d: d.update(selected="conv-9")))
    assert found.project.selected == "photo"
    assert len(found.notes) == 1
    found = read(changed(lambda d: d.update(compared={"layer": "conv-9", "channel": 1})))
    assert found.project.compared is None
    assert len(found.notes) == 1


# --- wrong documents ---


def test_other_and_newer_documents_are_told_apart() -> None:
    assert "not a ConvStudio project" in refused("{}")
    assert "not a ConvStudio project" in refused('["convstudio"]')
    assert "not a ConvStudio project" in refused(changed(lambda d: d.update(format="other")))
    assert "newer ConvStudio" in refused(changed(lambda d: d.update(version=2)))
    for version in (0, -1, "1", True, None, 1.0):
        assert "version must be a whole number" in refused(
            changed(lambda d, version=version: d.update(version=version))
        )


def layer(**fields: Any) -> Any:
    return lambda document: document["layers"][0].update(fields)


def param(**values: Any) -> Any:
    return lambda document: document["layers"][0]["params"].update(values)


def filters(value: Any) -> Any:
    return param(bank={"filters": value})


def kernel(value: Any) -> Any:
    return filters([{"kernels": [value]}])


WRONG = [
    (lambda d: d.update(layers={}), "the layers must be a list"),
    (lambda d: d.pop("layers"), "the layers must be a list"),
    (lambda d: d.update(view=[]), "the view must be an object"),
    (lambda d: d.pop("picture"), "the picture must be an object"),
    (lambda d: d.update(layers=d["layers"] * 2), "layer 2 (Convolution): the id “conv-1” stands twice"),
    (lambda d: d.update(layers=[5]), "layer 1 must be an object"),
    (lambda d: d.update(compared=[]), "what is compared must be an object"),
    (lambda d: d.update(compared={"layer": "photo", "channel": True}), "the channel must be a whole number"),
    (layer(kind=3), "layer 1: the kind must be text"),
    (layer(id=None), "layer 1 (Convolution): the id must be text"),
    (layer(id="photo"), "“photo” cannot be the id"),
    (layer(name=["x"]), "layer 1 (Convolution): the name must be text"),
    (layer(enabled=1), "enabled must be true or false"),
    (layer(look=None), "the look must be an object"),
    (layer(look={"channel": -1}), "(Convolution): the look: the channel must be a whole number"),
    (layer(params=[]), "the parameters must be an object"),
    (param(stride=[0, 1]), "layer 1 (Convolution): Stride must be a whole number from 1 to 64, got 0"),
    (param(stride="2"), "Stride must be"),
    (param(stride=[True, 1]), "Stride must be"),
    (param(stride=10**39), "Stride must be"),
    (param(stride={"filters": []}), "Stride: a bank must be a list"),
    (param(padding=[[1, 2], [3]]), "Padding must be"),
    (param(padding_mode="zero"), "Border must be one of zeros"),
    (param(padding_value=None), "Border value must be a number"),
    (param(groups=2.5), "Groups must be a whole number"),
    (param(bank=None), "Filters must be a filter bank"),
    (param(bank=[1]), "Filters must be a filter bank"),
    (filters([]), "Filters: a bank must be a list of 1 to 512 filters"),
    (filters([{}] * 513), "1 to 512 filters"),
    (filters([3]), "Filters: filter 1: it must be an object"),
    (filters([{"kernels": []}]), "filter 1: a filter has 1 to 512 kernels"),
    (filters([{"kernels": [{"preset": "sobel-x"}], "bias": "0"}]), "the bias must be a number"),
    (filters([{"kernels": [{"preset": "sobel-x"}], "bias": 1e31}]), "a bias must be a finite number"),
    (filters([{"kernels": [{"preset": "sobel-x", "count": 513}]}]), "count must be a whole number"),
    (filters([{"kernels": [{"preset": "sobel-x", "count": 512}] * 2}]), "at most 512 kernels"),
    (kernel(None), "filter 1: kernel 1: it must be an object"),
    (kernel({}), "neither a preset nor values"),
    (kernel({"shape": [1, 1, 1]}), "neither a preset nor values"),
    (kernel({"preset": 5}), "the preset must be text"),
    (kernel({"preset": "gaussian", "params": {"size": 4000}}), "Size must be"),
    (kernel({"preset": "gaussian", "params": 3}), "parameters must be an object"),
    (kernel({"values": []}), "1 to 63 rows"),
    (kernel({"values": [[1]] * 64}), "1 to 63 rows"),
    (kernel({"values": [[1], [1, 2]]}), "rows of the values must be of the same length"),
    (kernel({"values": [["1"]]}), "a weight must be a number, got '1'"),
    (kernel({"values": [[True]]}), "a weight must be a number"),
    (kernel({"values": [[1e31]]}), "the weight in row 1, column 1 is too large"),
    (kernel({"values": [[1]], "title": 7}), "the title must be text"),
    (param(bank={"filters": [{"kernels": []}], "weights": 3}), "weights must be text"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[words[:50] for _, words in WRONG])
def test_what_is_wrong_is_said_with_its_place(change: Any, words: str) -> None:
    assert words in refused(changed(change))


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([[80, 9, 9], [1, 9, 9]], "Filters: 81 weights are left over"),
        ([[82, 9, 9], [1, 9, 9]], "filter 2: kernel 1: there are too few weights"),
        ([[0, 9, 9], [1, 9, 9]], "the shape must be"),
        ([[10**9, 9, 9], [1, 9, 9]], "the shape must be"),
        ([[9, 9], [1, 9, 9]], "the shape must be"),
        ([[81, 1, 64], [1, 9, 9]], "the shape must be"),
    ],
)
def test_weights_that_do_not_fit_their_kernels_are_refused(shapes: Any, words: str) -> None:
    weights = np.arange(82 * 81.0).reshape(82, 9, 9)
    bank = Bank((Filter(tuple(map(Kernel.custom, weights[:81]))), Filter((Kernel.custom(weights[81]),))))
    text, arrays = written(stack(Conv(bank=bank)))
    document = json.loads(text)
    for each, shape in zip(document["layers"][0]["params"]["bank"]["filters"], shapes, strict=True):
        each["kernels"][0]["shape"] = shape
    with pytest.raises(ProjectError, match=re.escape(words)):
        read(json.dumps(document), arrays)


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        (3, "trained must be arrays or null"),
        ({"arrays": {"reduce": [[1]]}}, "an array must have a shape and rows"),
        ({"arrays": {"reduce": {"shape": [2], "rows": [[1]]}}}, "does not fit its rows"),
        ({"arrays": {"reduce": {"shape": [-1], "rows": [[1]]}}}, "does not fit its rows"),
        ({"arrays": {"reduce": {"shape": [1] * 9, "rows": [[1]]}}}, "does not fit its rows"),
        ({"arrays": {"reduce": {"shape": [2], "rows": [[1], [2, 3]]}}}, "of the same length"),
        ({"arrays": {"reduce": {"part": 3}}}, "the name of an array must be text"),
    ],
)
def test_arrays_are_checked_before_a_layer_has_them(trained: Any, words: str) -> None:
    text = changed(param(trained=trained), stack(Involution()))
    assert words in refused(text)


def test_ten_thousand_layers_are_refused_at_once() -> None:
    start = time.perf_counter()
    said = refused(changed(lambda d: d.update(layers=d["layers"] * 10_000)))
    assert said == f"a stack has at most {MOST_LAYERS} layers, this one has 10000"
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "damaged in line 1, column 1"),
        ('{"a": [1,\n 2', "damaged in line 2"),
        ('{"a": NaN}', "NaN, which is not a finite number"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1e999}', "the number 1e999 is too large"),
        ('{"a": ' + "9" * 5000 + "}", "is too large"),
        ('{"a": 1, "b": {"x": 1, "x": 1}}', "“x” stands twice"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a": "\x01"}', "damaged"),
        ('{"a": 1} {"b": 2}', "damaged"),
    ],
)
def test_json_is_read_strictly(text: str, words: str) -> None:
    with pytest.raises(JsonError, match=re.escape(words)):
        read_json(text)
    assert words in refused(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON)
def test_json_is_written_as_it_is_read(value: Any) -> None:
    if "inf" in repr(value):
        with pytest.raises(ValueError, match="JSON compliant"):
            write_json(value)
        return
    text = write_json(value)
    assert read_json(text) == json.loads(text) == value
    text.encode()


@settings(max_examples=200)
@given(data=st.data(), junk=JSON)
def test_nonsense_anywhere_is_one_sentence_or_a_project(data: st.DataObject, junk: Any) -> None:
    """Any value of a sound document is replaced by any other: no other exception comes out."""
    bank = Bank.from_weights(np.ones((2, 3, 2, 2)))
    document = json.loads(written(stack(Conv(bank=bank), LAYER_KINDS["max_pool"](), Conv()))[0])
    at: Any = document
    while True:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 3)) == 0:
            break
        at = at[key]
    at[key] = junk
    try:
        found = read(json.dumps(document))
    except ProjectError as error:
        said = str(error)
    else:
        said = " ".join(found.notes)
        written(found.project, found.view, found.kept)
    assert "\n" not in said
