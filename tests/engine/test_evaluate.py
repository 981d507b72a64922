"""Evaluating a project: what is unchanged is not computed again, what changed never comes from the cache."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from convstudio.core import Cancelled, Control
from convstudio.engine.display import render
from convstudio.engine.evaluate import Evaluator, LayerError, prove_layer
from convstudio.kernels import Kernel
from convstudio.layers import Conv
from convstudio.model import LayerItem, Picture, Project


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
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Conv]:
    """Collect every layer that is really computed."""
    seen: list[Conv] = []
    right = Conv.apply

    def apply(self: Conv, *given: Any, **more: Any) -> Any:
        seen.append(self)
        return right(self, *given, **more)

    monkeypatch.setattr(Conv, "apply", apply)
    return seen


def test_the_output_is_scipys_and_the_views_show_it(project: Project, evaluator: Evaluator) -> None:
    result = evaluator.evaluate(project)
    kernel = project.layers[0].layer.kernel.values  # type: ignore[attr-defined]
    expected = [
        ndimage.correlate(p.astype(np.float64), kernel, mode="mirror") for p in project.picture.values
    ]
    np.testing.assert_allclose(result.last.output, expected, atol=1e-5)
    assert not result.last.output.flags.writeable
    np.testing.assert_array_equal(result.output_view.pixels, render(result.last.output, "signed").pixels)
    np.testing.assert_array_equal(result.source_view.pixels, render(project.picture.values, "clamped").pixels)
    assert result.project is project
    assert result.last.plan.algorithm
    assert result.last.seconds > 0.0


def test_looking_in_another_way_computes_nothing(
    project: Project, evaluator: Evaluator, computed: list[Conv]
) -> None:
    first = evaluator.evaluate(project)
    for look in ({"view": "absolute"}, {"channel": 1}, {"view": "minmax", "channel": 2}):
        seen = evaluator.evaluate(project.with_look(**look))
        assert seen.last.output is first.last.output
        expected = render(seen.last.output, seen.project.look.view, channel=seen.project.look.channel)
        np.testing.assert_array_equal(seen.output_view.pixels, expected.pixels)
    assert len(computed) == 1


def test_going_back_computes_nothing(project: Project, evaluator: Evaluator, computed: list[Conv]) -> None:
    first = evaluator.evaluate(project)
    evaluator.evaluate(project.with_param("conv-1", "bias", 0.5))
    again = evaluator.evaluate(project)
    assert again.last.output is first.last.output
    assert len(computed) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel", Kernel.custom(np.ones((3, 3)))),
        ("channels", "luminance"),
        ("operation", "convolution"),
        ("padding", "valid"),
        ("padding_mode", "zeros"),
        ("stride", (1, 2)),
        ("dilation", (2, 1)),
        ("bias", 0.5),
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


def test_the_source_is_the_luminance_when_that_is_filtered(project: Project, evaluator: Evaluator) -> None:
    colour = evaluator.evaluate(project)
    grey = evaluator.evaluate(project.with_param("conv-1", "channels", "luminance"))
    assert grey.last.source.shape == (1, 20, 24)
    assert not np.array_equal(grey.source_view.pixels, colour.source_view.pixels)
    back = evaluator.evaluate(project)
    np.testing.assert_array_equal(back.source_view.pixels, colour.source_view.pixels)


def test_only_the_layers_after_a_change_are_computed(evaluator: Evaluator, computed: list[Conv]) -> None:
    first, second = Conv(), Conv(kernel=Kernel.custom(np.ones((3, 3)) / 9.0), bias=0.25)
    project = Project(random_picture(), (LayerItem("a", first), LayerItem("b", second)))
    result = evaluator.evaluate(project)
    np.testing.assert_array_equal(result.last.output, second.forward(first.forward(project.picture.values)))
    assert [each.output.shape for each in result.layers] == [(3, 20, 24)] * 2
    computed.clear()
    evaluator.evaluate(project.with_param("b", "bias", 0.5))
    assert [layer.bias for layer in computed] == [0.5]
    computed.clear()
    evaluator.evaluate(project.with_param("a", "stride", (2, 2)))
    assert len(computed) == 2


def test_what_does_not_fit_names_its_layer_and_shows_what_it_was_given(evaluator: Evaluator) -> None:
    good, bad = Conv(), Conv(kernel=Kernel.custom(np.ones((31, 3))), padding="valid")
    project = Project(random_picture(), (LayerItem("a", good), LayerItem("b", bad)))
    with pytest.raises(LayerError) as caught:
        evaluator.evaluate(project)
    assert caught.value.layer_id == "b"
    text = str(caught.value)
    assert text[0].isupper()
    assert text.endswith(".")
    assert "31" in text
    np.testing.assert_array_equal(caught.value.source, good.forward(project.picture.values))
    assert caught.value.source_view is not None


def test_a_defect_of_ours_is_no_mistake_of_the_users(
    project: Project, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(Conv, "apply", broken)
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
        result = evaluator.evaluate(project.with_param("conv-1", "bias", bias))
        np.testing.assert_array_equal(result.last.output, Conv(bias=bias).forward(project.picture.values))


def test_the_proof_catches_a_wrong_cell() -> None:
    x = random_picture(3, 12, 12).values
    layer = Conv(kernel=Kernel.custom(np.arange(6.0).reshape(2, 3)), stride=(2, 1), bias=0.5)
    right = layer.apply(x)
    assert prove_layer(layer, x, right).ok
    wrong = right + np.float32(0.01)
    assert not prove_layer(layer, x, wrong).ok


def test_pictures_that_are_gone_are_not_kept(project: Project, evaluator: Evaluator) -> None:
    project = project.with_param("conv-1", "channels", "luminance")
    held = []
    for seed in range(12):
        picture = random_picture(seed=seed)
        held.append(weakref.ref(picture))
        evaluator.evaluate(project.with_picture(picture))
    del picture
    assert sum(each() is not None for each in held) <= 4
