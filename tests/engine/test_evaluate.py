"""Evaluating a project: what is unchanged is not computed again, what changed never comes from the cache."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from convstudio.core import Cancelled, Control
from convstudio.engine import memory
from convstudio.engine.display import render
from convstudio.engine.evaluate import Evaluator, LayerError, shown_channel
from convstudio.engine.layer_proof import prove
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import Activation, AvgPool, Conv, GlobalPool, Layer, Luminance, MaxPool, MaxUnpool
from convstudio.model import PHOTO, LayerItem, Look, Picture, Project


def random_picture(channels: int = 3, height: int = 20, width: int = 24, seed: int = 0) -> Picture:
    values = np.random.default_rng(seed).random((channels, height, width), dtype=np.float32)
    return Picture(values, f"random {seed}")


@pytest.fixture
def project() -> Project:
    return Project.first(random_picture())


@pytest.fixture
def evaluator() -> Evaluator:
    return Evaluator()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Layer]:
    """Collect every layer that is really computed."""
    seen: list[Layer] = []

    def spy(kind: type[Layer]) -> None:
        right = kind.forward

        def forward(self: Layer, *given: Any, **more: Any) -> Any:
            seen.append(self)
            return right(self, *given, **more)

        monkeypatch.setattr(kind, "forward", forward)

    for kind in (Conv, Activation, MaxPool):
        spy(kind)
    return seen


def with_bias(project: Project, layer_id: str, bias: float) -> Project:
    one = project.bank_layer(layer_id).bank.filters[0]
    return project.with_filter(layer_id, 0, replace(one, bias=bias))


def stack(*layers: Layer, selected: str = PHOTO, picture: Picture | None = None) -> Project:
    """A project whose layers are called a, b, c…"""
    names = "abcdefgh"[: len(layers)]
    items = tuple(LayerItem(name, layer) for name, layer in zip(names, layers, strict=True))
    return Project(picture or random_picture(), items, selected)


def bank(count: int, seed: int = 0) -> Bank:
    rng = np.random.default_rng(seed)
    return Bank.of(*(Kernel.custom(rng.standard_normal((3, 3))) for _ in range(count)))


def test_the_output_is_scipys_and_the_views_show_it(project: Project, evaluator: Evaluator) -> None:
    result = evaluator.evaluate(project)
    kernel = project.bank_layer("conv-1").bank.filters[0].kernels[0].values
    expected = [
        ndimage.correlate(p.astype(np.float64), kernel, mode="mirror") for p in project.picture.values
    ]
    np.testing.assert_allclose(result.last.output, expected, atol=1e-5)
    assert not result.last.output.flags.writeable
    np.testing.assert_array_equal(result.output_view.pixels, render(result.last.output, "signed").pixels)
    np.testing.assert_array_equal(result.source_view.pixels, render(project.picture.values, "clamped").pixels)
    assert result.project is project
    assert result.last.plan is not None
    assert result.last.algorithm == result.last.plan.algorithm != ""
    assert result.shown is result.last
    assert result.complete
    assert result.last.seconds > 0.0


def test_looking_in_another_way_computes_nothing(
    project: Project, evaluator: Evaluator, computed: list[Layer]
) -> None:
    first = evaluator.evaluate(project)
    for look in ({"view": "absolute"}, {"channel": 1}, {"view": "minmax", "channel": 2}):
        seen = evaluator.evaluate(project.with_look(**look))
        assert seen.last.output is first.last.output
        expected = render(seen.last.output, seen.project.look.view, channel=seen.project.look.channel)
        np.testing.assert_array_equal(seen.output_view.pixels, expected.pixels)
    assert len(computed) == 1


def test_going_back_computes_nothing(project: Project, evaluator: Evaluator, computed: list[Layer]) -> None:
    first = evaluator.evaluate(project)
    evaluator.evaluate(with_bias(project, "conv-1", 0.5))
    again = evaluator.evaluate(project)
    assert again.last.output is first.last.output
    assert len(computed) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bank", Bank.of(Kernel.custom(np.ones((3, 3))))),
        ("bank", bank(2)),
        ("bank", Bank.of(*Conv().bank.filters[0].kernels, bias=0.5)),
        ("channels", "all"),
        ("operation", "convolution"),
        ("padding", "valid"),
        ("padding_mode", "zeros"),
        ("stride", (1, 2)),
        ("dilation", (2, 1)),
    ],
)
def test_every_parameter_counts(project: Project, evaluator: Evaluator, name: str, value: object) -> None:
    before = evaluator.evaluate(project).last.output
    changed = project.with_param("conv-1", name, value)
    after = evaluator.evaluate(changed).last.output
    layer = changed.layers[0].layer
    np.testing.assert_array_equal(after, layer.forward(project.picture.values))
    assert after.shape != before.shape or not np.array_equal(after, before)


def test_another_picture_of_the_same_name_counts(project: Project, evaluator: Evaluator) -> None:
    before = evaluator.evaluate(project)
    other = project.with_picture(replace(random_picture(seed=1), name=project.picture.name))
    after = evaluator.evaluate(other)
    assert not np.array_equal(after.last.output, before.last.output)
    assert not np.array_equal(after.source_view.pixels, before.source_view.pixels)


def test_a_luminance_above_gives_a_grey_source(evaluator: Evaluator) -> None:
    project = stack(Luminance(), Conv(), selected="b")
    grey = evaluator.evaluate(project)
    assert grey.source.shape == grey.output.shape == (1, 20, 24)
    np.testing.assert_array_equal(grey.source, Luminance().forward(project.picture.values))
    colour = evaluator.evaluate(project.with_item("a", enabled=False))
    assert colour.source is project.picture.values
    assert not np.array_equal(grey.source_view.pixels, colour.source_view.pixels)
    back = evaluator.evaluate(project)
    np.testing.assert_array_equal(back.source_view.pixels, grey.source_view.pixels)


def test_only_the_layers_after_a_change_are_computed(evaluator: Evaluator, computed: list[Layer]) -> None:
    first, second = Conv(), Conv.of(Kernel.custom(np.ones((3, 3)) / 9.0), bias=0.25)
    project = stack(first, second)
    result = evaluator.evaluate(project)
    np.testing.assert_array_equal(result.last.output, second.forward(first.forward(project.picture.values)))
    assert [each.output.shape for each in result.layers] == [(3, 20, 24)] * 2
    computed.clear()
    changed = with_bias(project, "b", 0.5)
    again = evaluator.evaluate(changed)
    assert computed == [changed.layer("b")]
    assert again.layers[0].output is result.layers[0].output
    computed.clear()
    evaluator.evaluate(project.with_param("a", "stride", (2, 2)))
    assert len(computed) == 2


def test_what_does_not_fit_names_its_layer_and_shows_what_it_was_given(evaluator: Evaluator) -> None:
    good, bad = Conv(), Conv.of(Kernel.custom(np.ones((31, 3))), padding="valid")
    project = stack(good, bad, selected="b")
    with pytest.raises(LayerError) as caught:
        evaluator.evaluate(project)
    assert caught.value.layer_id == "b"
    text = str(caught.value)
    assert text[0].isupper()
    assert text.endswith(".")
    assert "31" in text
    np.testing.assert_array_equal(caught.value.source, good.forward(project.picture.values))
    assert caught.value.source_view is not None
    assert [each.item.id for each in caught.value.layers] == ["a"]
    repair = caught.value.repair
    assert repair is not None
    assert dict(repair.changes) == {"padding": "same"}
    repaired = evaluator.evaluate(project.with_item("b", layer=bad.replace(**repair.changes)))
    assert repaired.output.shape == (3, 20, 24)


def test_a_defect_of_ours_is_no_mistake_of_the_users(
    project: Project, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(Conv, "forward", broken)
    with pytest.raises(ValueError, match="broadcast"):
        evaluator.evaluate(project)


def test_cancelled_work_leaves_the_cache_usable(project: Project, evaluator: Evaluator) -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        evaluator.evaluate(project, control)
    result = evaluator.evaluate(project)
    np.testing.assert_array_equal(result.last.output, Conv().forward(project.picture.values))


def test_a_cache_without_room_is_still_right(project: Project) -> None:
    evaluator = Evaluator(max_bytes=0)
    for bias in (0.0, 0.5, 0.0):
        changed = with_bias(project, "conv-1", bias)
        result = evaluator.evaluate(changed)
        expected = changed.layer("conv-1").forward(project.picture.values)
        np.testing.assert_array_equal(result.last.output, expected)


KERNEL = Kernel.custom(np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "layer",
    [
        Conv.of(KERNEL, stride=(2, 1), bias=0.5),
        Conv.of(KERNEL, operation="convolution"),
        Conv.of(KERNEL, Kernel.custom(np.ones((3, 2))), channels="all", padding_mode="constant", bias=-2.0),
        Conv(Bank((Filter((KERNEL, Kernel.custom([[1.0]]), KERNEL), 0.5),)), padding="full"),
        Conv.of(*[KERNEL] * 3, channels="grouped", groups=3, dilation=(2, 1), padding="valid"),
    ],
)
def test_the_proof_catches_a_wrong_cell(layer: Conv) -> None:
    x = random_picture(3, 12, 12).values
    right = layer.forward(x)
    good = prove(layer, x, right)
    assert good is not None
    assert good.ok
    wrong = right + np.float32(0.01)
    bad = prove(layer, x, wrong)
    assert bad is not None
    assert not bad.ok


def test_pictures_that_are_gone_are_not_kept(project: Project, evaluator: Evaluator) -> None:
    project = project.with_layers([Luminance(), Activation()], PHOTO)
    held = []
    for seed in range(12):
        picture = random_picture(seed=seed)
        held.append(weakref.ref(picture))
        evaluator.evaluate(project.with_picture(picture))
    del picture
    assert sum(each() is not None for each in held) <= 4


# --- a stack, down to the selected layer or whole ---


def test_the_selected_layers_result_comes_first(evaluator: Evaluator, computed: list[Layer]) -> None:
    project = stack(Conv(), Activation(), MaxPool(), Conv.of(KERNEL), selected="b")
    first = evaluator.evaluate(project, whole=False)
    assert [each.item.id for each in first.layers] == ["a", "b"]
    assert not first.complete
    assert len(computed) == 2
    whole = evaluator.evaluate(project)
    assert [each.item.id for each in whole.layers] == ["a", "b", "c", "d"]
    assert whole.complete
    assert len(computed) == 4, "what was there is not computed again"
    for evaluation in (first, whole):
        assert evaluation.shown is not None
        assert evaluation.shown.item.id == "b"
        assert evaluation.output is evaluation.layers[1].output
        assert evaluation.source is evaluation.layers[0].output
        assert evaluation.problem is None
    assert whole.output_view is first.output_view
    assert whole.source_view is first.source_view
    assert whole.last.item.id == "d"


def test_every_layer_gets_what_the_one_above_made(evaluator: Evaluator) -> None:
    layers = (Conv(bank(4), channels="all"), Activation(), AvgPool(), Conv(bank(2)), GlobalPool())
    result = evaluator.evaluate(stack(*layers))
    values = result.project.picture.values
    for each, layer in zip(result.layers, layers, strict=True):
        assert each.source is values
        values = each.output
        np.testing.assert_array_equal(values, layer.forward(each.source))
        assert each.output.shape == layer.out_shape(each.source.shape)  # type: ignore[arg-type]
        assert each.cost == layer.cost(each.source.shape)  # type: ignore[arg-type]
        assert not each.output.flags.writeable
    assert [bool(each.algorithm) for each in result.layers][:2] == [True, False]
    assert [each.plan is not None for each in result.layers] == [True, False, False, True, False]


def test_the_photo_is_shown_as_it_is(evaluator: Evaluator) -> None:
    project = stack(Conv(), Activation())
    result = evaluator.evaluate(project, whole=False)
    assert result.layers == ()
    assert result.shown is None
    assert result.source is result.output is project.picture.values
    np.testing.assert_array_equal(result.output_view.pixels, render(project.picture.values, "clamped").pixels)
    assert result.source_view is result.output_view
    empty = evaluator.evaluate(stack())
    assert empty.complete
    assert empty.layers == ()


def test_a_layer_that_is_switched_off_hands_on(evaluator: Evaluator, computed: list[Layer]) -> None:
    project = stack(Conv(), Activation(), MaxPool(), selected="c")
    on = evaluator.evaluate(project)
    computed.clear()
    off = evaluator.evaluate(project.with_item("b", enabled=False))
    assert [type(each) for each in computed] == [MaxPool], "its input is another one"
    assert off.layers[1].output is off.layers[0].output
    assert off.layers[1].cost.multiply_adds == off.layers[1].cost.parameters == 0
    np.testing.assert_array_equal(off.output, MaxPool().forward(on.layers[0].output))
    computed.clear()
    none = evaluator.evaluate(project.with_item("b", enabled=False).with_item("c", enabled=False))
    assert none.output is none.layers[0].output
    np.testing.assert_array_equal(none.output_view.pixels, render(none.output, "signed").pixels)
    assert computed == []


def test_a_switched_off_layer_may_be_one_that_does_not_fit(evaluator: Evaluator) -> None:
    bad = Conv.of(Kernel.custom(np.ones((31, 3))), padding="valid")
    project = stack(bad, Conv(), selected="b").with_item("a", enabled=False)
    np.testing.assert_array_equal(evaluator.evaluate(project).output, Conv().forward(project.picture.values))


def test_an_unpooling_is_given_its_pooling(evaluator: Evaluator, computed: list[Layer]) -> None:
    pool = MaxPool(window=(2, 3), stride=(2, 3))
    project = stack(Conv(), pool, Activation(), MaxUnpool(), Conv(), selected="d")
    result = evaluator.evaluate(project)
    shown, pooled = result.shown, result.layers[1]
    assert shown is not None
    assert shown.mate is not None
    assert shown.mate.layer is pool
    assert shown.mate.x is pooled.source
    assert shown.output.shape == pooled.source.shape
    kept = shown.output != 0
    np.testing.assert_array_equal(shown.output[kept], pooled.source[kept])
    assert kept.sum() == np.maximum(pooled.output, 0).astype(bool).sum()
    computed.clear()
    evaluator.evaluate(project.with_look(view="minmax"))
    assert computed == []
    alone = stack(MaxUnpool(), selected="a")
    with pytest.raises(LayerError, match="needs the max pooling") as caught:
        evaluator.evaluate(alone)
    assert caught.value.repair is not None
    assert caught.value.repair.insert == "max_pool"


def test_another_pooling_with_the_same_result_is_another_mate(evaluator: Evaluator) -> None:
    """Both poolings make (1, 1), but of ones in other places, where an unpooling puts them back."""
    row = Picture(np.array([[[0, 1, 1, 0, 1]]], np.float32), "row")
    outputs = []
    for shape in ({"window": (1, 3)}, {"window": (1, 2), "dilation": (1, 2)}):
        project = stack(MaxPool(**shape, stride=(1, 2)), MaxUnpool(), selected="b", picture=row)
        result = evaluator.evaluate(project)
        assert result.source.tolist() == [[[1, 1]]]
        outputs.append(result.output.tolist())
    assert outputs == [[[[0, 1, 1, 0, 0]]], [[[0, 0, 1, 0, 0]]]]


BAD = Conv.of(Kernel.custom(np.ones((31, 3))), padding="valid")


def test_a_failing_layer_below_the_selected_one_leaves_that_one_its_result(evaluator: Evaluator) -> None:
    project = stack(Conv(), Activation(), BAD, Conv(), selected="b")
    first = evaluator.evaluate(project, whole=False)
    assert first.problem is None
    result = evaluator.evaluate(project)
    assert [each.item.id for each in result.layers] == ["a", "b"]
    assert result.output_view is first.output_view
    assert result.complete
    problem = result.problem
    assert problem is not None
    assert problem.layer_id == "c"
    assert "31" in str(problem)
    assert problem.repair is not None
    assert problem.source is result.output
    assert result.result("c") is None
    photo = evaluator.evaluate(project.with_selected(PHOTO))
    assert photo.problem is not None
    assert photo.shown is None


def test_a_failing_layer_above_the_selected_one_keeps_those_over_it(evaluator: Evaluator) -> None:
    project = stack(Conv(), Activation(), BAD, Conv(), selected="d")
    for whole in (False, True):
        with pytest.raises(LayerError) as caught:
            evaluator.evaluate(project, whole=whole)
        error = caught.value
        assert error.layer_id == "c"
        assert [each.item.id for each in error.layers] == ["a", "b"]
        assert error.source is error.layers[-1].output
        assert error.source_view is not None
        assert error.source_view.pixels.shape[:2] == (20, 24)


def test_another_look_at_any_layer_computes_nothing(evaluator: Evaluator, computed: list[Layer]) -> None:
    project = stack(Conv(bank(5), channels="all"), Activation(), MaxPool(), selected="c")
    evaluator.evaluate(project)
    computed.clear()
    for layer_id in ("a", "b", "c", PHOTO, "a"):
        project = project.with_selected(layer_id)
        for look in ({"channel": 2}, {"view": "minmax"}):
            project = project.with_look(**look)
            result = evaluator.evaluate(project)
            look_now = project.look
            expected = render(result.output, look_now.view, channel=look_now.channel)
            np.testing.assert_array_equal(result.output_view.pixels, expected.pixels)
    renamed = project.with_item("a", name="edges")
    assert evaluator.evaluate(renamed).layers[0].item.name == "edges"
    assert computed == []


def test_a_step_back_in_a_long_stack_computes_nothing(evaluator: Evaluator, computed: list[Layer]) -> None:
    layers = [Conv.of(Kernel.custom([[1.0 + n]])) for n in range(8)]
    project = stack(*layers, selected="h")
    evaluator.evaluate(project)
    changed = with_bias(project, "h", 1.0)
    evaluator.evaluate(changed)
    computed.clear()
    evaluator.evaluate(project)
    evaluator.evaluate(changed)
    assert computed == []


# --- what is shown ---


@pytest.mark.parametrize(
    ("asked", "channels", "shown"),
    [
        (None, 1, None),
        (2, 1, None),
        (None, 3, None),
        (2, 3, 2),
        (9, 3, 2),
        (None, 8, 0),
        (None, 2, 0),
        (9, 8, 7),
    ],
)
def test_channels_that_are_no_colours_are_shown_one_by_one(
    asked: int | None, channels: int, shown: int | None
) -> None:
    assert shown_channel(Look(channel=asked), channels) == shown


def test_the_channel_that_is_shown_is_said(evaluator: Evaluator) -> None:
    project = stack(Conv(bank(5), channels="all"), selected="a")
    result = evaluator.evaluate(project)
    assert result.channel == 0
    assert result.source_channel is None
    last = evaluator.evaluate(project.with_look(channel=17))
    assert last.channel == 4
    np.testing.assert_array_equal(last.output_view.pixels, render(last.output, "signed", channel=4).pixels)


def test_the_source_is_shown_in_the_channel_that_the_shown_one_is_made_of(evaluator: Evaluator) -> None:
    project = stack(Conv(bank(4), channels="all"), Activation(), Conv(bank(2)), selected="c")
    for channel in range(8):
        result = evaluator.evaluate(project.with_look(channel=channel))
        assert result.source_channel == channel // 2, "each alone: two filters for every channel"
        expected = render(result.source, "signed", channel=channel // 2)
        np.testing.assert_array_equal(result.source_view.pixels, expected.pixels)
    activation = evaluator.evaluate(project.with_selected("b").with_look(channel=3))
    assert activation.source_channel == 3
    added = stack(Conv(bank(4), channels="all"), Conv(bank(3), channels="all"), selected="b")
    added = added.with_item("a", look=Look("minmax", 2))
    result = evaluator.evaluate(added.with_look(channel=1))
    assert result.source_channel == 2, "all channels have a part in it: the one that was looked at last"
    np.testing.assert_array_equal(
        result.source_view.pixels, render(result.source, "minmax", channel=2).pixels
    )


# --- memory ---


def test_what_would_not_fit_in_memory_is_not_tried(
    evaluator: Evaluator, computed: list[Layer], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture_bytes = 3 * 20 * 24 * 4
    monkeypatch.setattr(memory, "physical_memory", lambda: 4 * 2 * picture_bytes)  # room for 4 results
    project = stack(Conv(), Conv(), Conv(bank(3)), Conv(), selected="b")
    result = evaluator.evaluate(project)
    problem = result.problem
    assert problem is not None
    assert problem.layer_id == "c"
    assert str(problem).startswith("9 channels of 20×24 cells need 0.0173 MB beside the 0.0115 MB")
    assert "half of this computer's memory" in str(problem)
    assert len(computed) == 2
    with pytest.raises(LayerError, match="channels of 20×24"):
        evaluator.evaluate(project.with_selected("d"))
    smaller = project.with_param("c", "stride", (2, 2))
    assert evaluator.evaluate(smaller).problem is None


def test_no_memory_after_all_is_said_of_its_layer(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    project = stack(Conv(), Activation(), Conv(), selected="a")
    monkeypatch.setattr(Activation, "forward", full)
    result = evaluator.evaluate(project)
    assert result.problem is not None
    assert result.problem.layer_id == "b"
    assert "not enough memory" in str(result.problem)
    with pytest.raises(LayerError, match="not enough memory"):
        evaluator.evaluate(project.with_selected("c"))


def test_the_progress_of_a_stack_only_grows(evaluator: Evaluator) -> None:
    parts: list[float] = []
    control = Control(parts.append)
    evaluator.evaluate(stack(Conv(bank(4)), Conv(bank(2)), MaxPool(), selected="c"), control)
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
