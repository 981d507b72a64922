"""The project document: frozen states, validated edits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstudio.kernels import PRESETS, Bank, Filter, Kernel
from convstudio.layers import Activation, Conv, Layer, Luminance, MaxPool, MaxUnpool
from convstudio.model import PHOTO, LayerItem, Look, Picture, Project, suiting_view
from convstudio.model.project import MOST_LAYERS
from convstudio.spec.params import ParamError


@pytest.fixture
def project() -> Project:
    return Project.first(black())


def black(height: int = 8, width: int = 10) -> Picture:
    return Picture(np.zeros((3, height, width), np.float32), "black")


def stack(*layers: Layer, selected: str = PHOTO) -> Project:
    """A project whose layers are called a, b, c…"""
    names = "abcdefghijklmnopqrstuvwxyz"[: len(layers)]
    items = tuple(LayerItem(name, layer) for name, layer in zip(names, layers, strict=True))
    return Project(black(), items, selected)


def ids(project: Project) -> list[str]:
    return [item.id for item in project.layers]


def test_it_opens_with_a_sobel_kernel_on_the_picture(project: Project) -> None:
    layer = project.layer("conv-1")
    assert isinstance(layer, Conv)
    (only,) = layer.bank.filters
    assert only.shared
    assert only.kernels[0].values.tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert project.look == Look("signed")
    assert project.selected == "conv-1"
    assert project.shown is project.layers[0]


def test_an_edit_makes_a_new_project_and_leaves_the_old(project: Project) -> None:
    changed = project.with_param("conv-1", "stride", 2)
    assert changed.layer("conv-1").stride == (2, 2)
    assert project.layer("conv-1").stride == (1, 1)
    assert changed != project
    assert changed.with_param("conv-1", "stride", (1, 1)) == project


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("stride", 0, "Stride must be a whole number from 1"),
        ("stride", (1, 2, 3), "Stride"),
        ("dilation", -1, "Dilation"),
        ("padding", "some", "one of valid, same"),
        ("padding", ((1, 2), (3, -4)), "Padding"),
        ("padding_mode", "mirror", "Border must be one of"),
        ("padding_value", float("nan"), "Border value must be a number"),
        ("padding_value", "much", "Border value"),
        ("channels", "red", "Channels"),
        ("groups", 0, "Groups"),
        ("bank", Kernel.custom([[1.0]]), "Filters must be a filter bank"),
    ],
)
def test_a_wrong_value_is_refused_in_words(project: Project, name: str, value: object, words: str) -> None:
    with pytest.raises(ParamError, match=words):
        project.with_param("conv-1", name, value)


def test_a_filter_is_replaced_and_the_others_stay() -> None:
    first, second = Filter((Kernel.custom([[1.0]]),)), Filter((Kernel.custom([[2.0]]),), 0.5, "mine")
    project = stack(Conv(Bank((first, second))), Activation())
    new = Filter((Kernel.custom([[3.0]]),))
    assert project.with_filter("a", 0, new).bank_layer("a").bank.filters == (new, second)
    assert project.with_filter("a", 1, new).bank_layer("a").bank.filters == (first, new)
    assert project.bank_layer("a").bank.filters == (first, second)


def test_looks_names_and_switches_belong_to_their_layer() -> None:
    project = stack(Conv(), Conv(), selected="b")
    looked = project.with_look(view="minmax", channel=2)
    assert [item.look for item in looked.layers] == [Look(), Look("minmax", 2)]
    assert looked.look == Look("minmax", 2)
    assert looked.with_selected("a").look == Look()
    assert looked.with_selected(PHOTO).look == Look("clamped")
    photo = looked.with_selected(PHOTO).with_look(view="minmax", channel=1)
    assert photo.look == Look("minmax", 1)
    assert photo.with_selected("b").look == Look("minmax", 2)
    assert photo.with_selected("a").look == Look()
    named = project.with_item("a", name="edges", enabled=False)
    assert [(item.title, item.enabled) for item in named.layers] == [
        ("edges", False),
        (Conv().name(), True),
    ]
    assert named.with_item("a", name="").layers[0].title == Conv().name()


def test_layer_ids_are_unique(project: Project) -> None:
    with pytest.raises(ValueError, match="unique"):
        Project(project.picture, (*project.layers, LayerItem("conv-1", Conv())))
    with pytest.raises(ValueError, match="unique"):
        Project(project.picture, (LayerItem(PHOTO, Conv()),))


def test_what_is_not_there_is_neither_found_nor_selected(project: Project) -> None:
    for ask in (project.item, project.layer, project.index, project.duplicated, project.without):
        with pytest.raises(KeyError):
            ask("conv-2")
    with pytest.raises(ValueError, match="no layer 'conv-2'"):
        project.with_selected("conv-2")


def test_a_picture_cannot_be_written_to(project: Project) -> None:
    with pytest.raises(ValueError, match="read-only"):
        project.picture.values[0, 0, 0] = 1.0


@pytest.mark.parametrize(
    ("preset", "view"),
    [
        ("sobel-x", "signed"),
        ("laplacian-4", "signed"),
        ("gaussian", "clamped"),
        ("identity", "clamped"),
        ("sharpen", "clamped"),
    ],
)
def test_the_view_suits_the_kernel(preset: str, view: str) -> None:
    assert suiting_view(PRESETS[preset].make()) == view


def test_a_zero_kernel_is_shown_as_a_picture() -> None:
    assert suiting_view(Kernel(np.zeros((3, 3)), title="zero")) == "clamped"


# --- edits of the stack ---


def test_new_layers_come_below_one_and_the_last_is_selected(project: Project) -> None:
    below = project.with_layers([Activation(), MaxPool()], "conv-1")
    assert ids(below) == ["conv-1", "activation-1", "max_pool-1"]
    assert below.selected == "max_pool-1"
    between = below.with_layers([Conv()], "activation-1")
    assert ids(between) == ["conv-1", "activation-1", "conv-2", "max_pool-1"]
    assert between.selected == "conv-2"
    top = between.with_layers([Luminance()], PHOTO)
    assert ids(top) == ["luminance-1", "conv-1", "activation-1", "conv-2", "max_pool-1"]
    assert project.with_layers([], "conv-1") == project
    with pytest.raises(KeyError):
        project.with_layers([Conv()], "conv-7")


def test_an_id_is_not_given_to_a_layer_above_it_again() -> None:
    """The number after the highest: ids that are gone at the end come back, those in the middle do not."""
    project = Project(black(), ()).with_layers([Conv(), Conv(), Conv()], PHOTO)
    assert ids(project) == ["conv-1", "conv-2", "conv-3"]
    assert ids(project.without("conv-1").with_layers([Conv()], PHOTO)) == ["conv-4", "conv-2", "conv-3"]
    odd = Project(black(), (LayerItem("conv-x", Conv()), LayerItem("conv-07", Conv())))
    assert ids(odd.with_layers([Conv()], PHOTO))[0] == "conv-8"


def test_a_new_layer_is_shown_the_way_that_suits_it() -> None:
    blur, edges = Conv.of(PRESETS["gaussian"].make()), Conv.of(PRESETS["sobel-x"].make())
    views = [i.look.view for i in Project(black(), ()).with_layers([blur, edges, Activation()], PHOTO).layers]
    assert views == ["clamped", "signed", "signed"], "what has no kernels is shown as what it is made of"
    absolute = stack(edges, selected="a").with_look(view="absolute").with_layers([MaxPool()], "a")
    assert absolute.look.view == "absolute"
    assert Project(black(), ()).with_layers([MaxPool()], PHOTO).look.view == "clamped"


def test_a_copy_comes_below_with_all_that_belongs_to_it() -> None:
    project = stack(Conv(), MaxPool(), selected="b")
    project = project.with_item("a", name="edges", enabled=False, look=Look("minmax", 1))
    copied = project.duplicated("a")
    assert ids(copied) == ["a", "conv-1", "b"]
    assert copied.selected == "conv-1"
    assert replace(copied.layers[1], id="a") == copied.layers[0]


@pytest.mark.parametrize(
    ("selected", "gone", "then"),
    [("a", "a", "b"), ("b", "b", "c"), ("c", "c", "b"), ("c", "a", "c"), (PHOTO, "b", PHOTO)],
)
def test_without_the_selected_layer_the_one_in_its_place_is(selected: str, gone: str, then: str) -> None:
    project = stack(Conv(), MaxPool(), Conv(), selected=selected).without(gone)
    assert ids(project) == [each for each in "abc" if each != gone]
    assert project.selected == then


def test_without_any_layer_the_photo_is_selected(project: Project) -> None:
    empty = project.without("conv-1")
    assert empty.layers == ()
    assert empty.selected == PHOTO
    assert empty.shown is None


@given(st.integers(0, 4), st.integers(-3, 9))
def test_a_layer_is_moved_to_a_place(start: int, place: int) -> None:
    project = stack(*[Conv()] * 5, selected="c")
    name = "abcde"[start]
    rest = [each for each in "abcde" if each != name]
    moved = project.moved(name, place)
    there = min(max(place, 0), 4)
    assert ids(moved) == [*rest[:there], name, *rest[there:]]
    assert moved.selected == "c"
    assert moved.item(name) is project.item(name)


def test_a_stack_has_an_end() -> None:
    full = Project(black(), ()).with_layers([Activation()] * MOST_LAYERS, PHOTO)
    for edit in (
        lambda: full.with_layers([Activation()], PHOTO),
        lambda: full.duplicated("activation-1"),
        lambda: full.without("activation-1").with_layers([Activation()] * 2, PHOTO),
    ):
        with pytest.raises(ParamError, match=f"at most {MOST_LAYERS} layers, this one would have 65"):
            edit()
    assert len(full.without("activation-1").duplicated("activation-2").layers) == MOST_LAYERS


# --- which layer undoes which, and what comes in ---


def test_unpoolings_belong_to_poolings_as_brackets_do() -> None:
    pool, unpool = MaxPool(), MaxUnpool()
    project = stack(pool, Conv(), pool, unpool, unpool, unpool, pool)
    assert project.mates() == {"d": "c", "e": "a"}, "the third has nothing left to undo"
    assert project.with_item("c", enabled=False).mates() == {"d": "a"}
    assert project.with_item("d", enabled=False).mates() == {"e": "c", "f": "a"}
    assert stack(unpool, pool).mates() == {}


def test_the_shapes_that_come_in_follow_from_the_rules() -> None:
    bank = Bank.of(*[Kernel.custom(np.ones((3, 3)))] * 4)
    project = stack(Conv(bank, channels="all"), MaxPool(), Conv(bank, padding="valid"), Luminance(), Conv())
    assert project.in_shapes == {"a": (3, 8, 10), "b": (4, 8, 10), "c": (4, 4, 5), "d": (16, 2, 3)}, (
        "16 channels are no colours: nothing is known below"
    )
    off = project.with_item("d", enabled=False)
    assert off.in_shapes["e"] == (16, 2, 3)
    assert project.with_item("b", enabled=False).in_shapes["c"] == (4, 8, 10)


def test_an_unpooling_gives_the_shape_back_that_its_pooling_got() -> None:
    odd = Project(black(9, 11), stack(MaxPool(), Conv(), MaxUnpool(), Conv()).layers)
    assert odd.in_shapes == {"a": (3, 9, 11), "b": (3, 4, 5), "c": (3, 4, 5), "d": (3, 9, 11)}
    alone = stack(MaxUnpool(), Conv())
    assert alone.in_shapes == {"a": (3, 8, 10)}


def test_shapes_are_those_of_this_project_after_an_edit(project: Project) -> None:
    changes: list[tuple[Any, tuple[int, int, int]]] = [
        (project.with_param("conv-1", "stride", 2), (3, 4, 5)),
        (project.with_picture(black(20, 30)), (3, 20, 30)),
    ]
    assert project.with_layers([Conv()], "conv-1").in_shapes["conv-2"] == (3, 8, 10)
    for changed, shape in changes:
        assert changed.with_layers([Conv()], "conv-1").in_shapes["conv-2"] == shape
