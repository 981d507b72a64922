"""The two views: what is hovered on one side corresponds to the other, in numbers that add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QLabel, QMenu, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.core import pad
from convstudio.engine.evaluate import Evaluation, Evaluator, LayerError
from convstudio.kernels import Bank, Filter, Kernel, preset
from convstudio.layers import Activation, Conv, ConvTranspose, Layer, MaxPool, MaxUnpool
from convstudio.model import PHOTO, LayerItem, Picture, Project
from convstudio.session.session import Failure
from convstudio.ui.compare_view import CompareView
from convstudio.ui.image_view import ImageView
from convstudio.ui.view_area import ViewArea, channel_names
from tests.ui.window_hands import part, random_picture


def evaluate(picture: Picture, layer: Layer, **look: Any) -> Evaluation:
    return Evaluator().evaluate(Project(picture, (LayerItem("a", layer),), "a").with_look(**look))


def evaluate_stack(
    layers: Sequence[Layer], selected: str, picture: Picture | None = None, **look: Any
) -> Evaluation:
    """The layers are called a, b, c…"""
    items = tuple(LayerItem(name, layer) for name, layer in zip("abcdefgh", layers, strict=False))
    return Evaluator().evaluate(Project(picture or random_picture(), items, selected).with_look(**look))


def with_bias(bias: float) -> Conv:
    return Conv.of(*Conv().bank.filters[0].kernels, bias=bias)


def kernel(rows: int, columns: int) -> Kernel:
    return Kernel.custom(np.random.default_rng(rows * columns).integers(-9, 10, (rows, columns)))


@pytest.fixture
def area(qtbot: QtBot) -> Iterator[ViewArea]:
    made = ViewArea()
    qtbot.addWidget(made)
    made.resize(900, 500)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


@pytest.fixture
def said(area: ViewArea) -> list[str]:
    texts: list[str] = []
    area.cursor_moved.connect(texts.append)
    return texts


def hover(area: ViewArea, name: str, row: int, column: int) -> None:
    view = part(area, ImageView, name)
    view.moved_to(view.cell_rect(row, column).center())


def windows(area: ViewArea, monkeypatch: pytest.MonkeyPatch) -> list[tuple[QRect | None, tuple[int, int]]]:
    """Collect what the input view is told to outline."""
    seen: list[tuple[QRect | None, tuple[int, int]]] = []
    view = part(area, ImageView, "input-view")
    right = view.show_window

    def show(window: QRect | None, dilation: tuple[int, int] = (1, 1)) -> None:
        seen.append((window, dilation))
        right(window, dilation)

    monkeypatch.setattr(view, "show_window", show)
    return seen


LAYERS = [
    Conv(),
    Conv.of(kernel(2, 4)),
    Conv.of(kernel(3, 2), padding="full", padding_mode="circular", stride=(2, 3)),
    Conv.of(kernel(2, 3), padding=((0, 3), (5, 1)), padding_mode="replicate", dilation=(3, 2), bias=0.5),
    Conv.of(kernel(5, 5), padding="valid", stride=(1, 4)),
]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_outlined_window_is_what_the_cell_was_computed_from(
    area: ViewArea, monkeypatch: pytest.MonkeyPatch, layer: Conv
) -> None:
    evaluation = evaluate(random_picture(1, 12, 15), layer)
    area.show_result(evaluation)
    result, geometry = evaluation.last, layer.geometry((1, 12, 15))
    only = layer.bank.filters[0]
    padded = pad(result.source[None], geometry.amounts, padding_mode=layer.padding_mode)[0, 0]
    (top, _), (left, _) = geometry.amounts
    seen = windows(area, monkeypatch)
    for row, column in ((0, 0), (1, 2), (geometry.out[0] - 1, geometry.out[1] - 1)):
        hover(area, "output-view", row, column)
        window, (down, across) = seen[-1]
        assert window is not None
        y, x = window.top() + top, window.left() + left
        taps = padded[y : y + window.height() : down, x : x + window.width() : across]
        assert taps.shape == layer.bank.shape
        total = float((taps * only.kernels[0].values).sum()) + only.bias
        assert total == pytest.approx(float(result.output[0, row, column]), abs=1e-4)


@pytest.mark.parametrize("layer", LAYERS)
def test_both_ends_are_said_with_their_numbers(area: ViewArea, said: list[str], layer: Conv) -> None:
    evaluation = evaluate(random_picture(1, 12, 15), layer)
    area.show_result(evaluation)
    height, width = layer.geometry((1, 12, 15)).out
    for row in range(height):
        hover(area, "output-view", row, width // 2)
    assert len(set(said)) == len(said) == height, "every cell stands over a pixel of its own"
    value = evaluation.last.output[0, height - 1, width // 2]
    assert f"x {width // 2}  y {height - 1} " in said[-1].split("→")[1]
    assert float(said[-1].split()[-1].replace("−", "-")) == pytest.approx(float(value), abs=2e-3, rel=1e-2)


def test_an_input_pixel_leads_to_the_cell_over_it(area: ViewArea, said: list[str]) -> None:
    area.show_result(evaluate(random_picture(1, 12, 15), Conv(stride=(2, 2))))
    hover(area, "input-view", 4, 7)
    ahead, behind = said[-1].split("→")
    assert ahead.startswith("x 7  y 4 ")
    assert behind.strip().startswith(("x 3  y 2 ", "x 4  y 2 "))
    hover(area, "input-view", 11, 14)
    assert said[-1].split("→")[1].strip().startswith("x 7  y 5 ")


def test_padding_is_called_padding(area: ViewArea, said: list[str]) -> None:
    layer = Conv(padding="full", padding_mode="constant", padding_value=0.25)
    area.show_result(evaluate(random_picture(1, 6, 6), layer))
    hover(area, "output-view", 0, 0)
    assert said[-1].startswith("x -1  y -1    0.250  (padding)")


def test_leaving_takes_everything_away(
    area: ViewArea, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    area.show_result(evaluate(random_picture(), Conv()))
    seen = windows(area, monkeypatch)
    hover(area, "output-view", 3, 3)
    part(area, ImageView, "output-view").moved_to(None)
    assert seen[-1][0] is None
    assert said[-1] == ""


def test_a_resting_cursor_sees_the_window_of_the_new_kernel(
    area: ViewArea, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = random_picture(1, 12, 15)
    area.show_result(evaluate(picture, Conv()))
    hover(area, "input-view", 5, 5)
    seen = windows(area, monkeypatch)
    before = said[-1]
    area.show_result(evaluate(picture, Conv.of(kernel(5, 7))))
    window, _ = seen[-1]
    assert window == QRect(2, 3, 7, 5)
    assert said[-1] != before
    assert said[-1].split("→")[0] == before.split("→")[0]


def test_the_border_is_that_of_this_picture(area: ViewArea) -> None:
    view = part(area, ImageView, "input-view")
    first, second = (Picture(np.full((1, 6, 6), value, np.float32), "flat") for value in (0.25, 0.75))
    for picture, mode, expected in (
        (first, "replicate", 0.25),
        (second, "replicate", 0.75),
        (second, "zeros", 0.0),
        (first, "zeros", 0.0),
        (first, "reflect", 0.25),
    ):
        area.show_result(evaluate(picture, Conv(padding_mode=mode)))
        assert view.picture is not None
        assert list(view.picture.numbers(-1, -1)) == [expected]
    area.show_result(evaluate(first, Conv(padding="valid")))
    assert view.picture.numbers(0, 0)
    assert not view.picture.numbers(-1, -1)


def test_a_border_is_made_once_for_many_results(area: ViewArea) -> None:
    view = part(area, ImageView, "input-view")
    evaluator, project = Evaluator(), evaluate(random_picture(), Conv()).project
    for layers in ([Conv()], [Activation(), Conv()]):
        project = project.with_layers(layers, "a")
        bank_id, borders, pictures = project.selected, set(), set()
        for bias in (0.0, 0.5, 1.0):
            area.show_result(evaluator.evaluate(project.with_item(bank_id, layer=with_bias(bias))))
            assert view.picture is not None
            borders.add(id(view.picture.border))
            pictures.add(id(view.picture))
        assert len(pictures) == 1
        assert len(borders) == 1, "a drag does not draw the padding again and again"


def test_channel_and_view_are_those_of_the_project(area: ViewArea, said: list[str]) -> None:
    evaluation = evaluate(random_picture(3), Conv(), view="absolute", channel=1)
    area.show_result(evaluation)
    view = part(area, ImageView, "output-view")
    assert view.picture is not None
    np.testing.assert_array_equal(view.picture.pixels, evaluation.output_view.pixels)
    hover(area, "output-view", 2, 2)
    assert "R " in said[-1].split("→")[0]
    assert "R " not in said[-1].split("→")[1], "one channel is shown, and one number said"


def test_choosing_in_the_header_is_a_request(area: ViewArea) -> None:
    area.show_result(evaluate(random_picture(3), Conv()))
    views: list[str] = []
    channels: list[object] = []
    area.view_chosen.connect(views.append)
    area.channel_chosen.connect(channels.append)
    header = part(area, QWidget, "output-header")
    for name, entry in (("view-button", 1), ("channel-button", 2), ("channel-button", 0)):
        menu = part(header, QToolButton, name).menu()
        assert isinstance(menu, QMenu)
        menu.actions()[entry].trigger()
    assert views == ["absolute"]
    assert channels == [1, None]


def failure_of(picture: Picture, layer: Layer) -> Failure:
    with pytest.raises(LayerError) as caught:
        evaluate(picture, layer)
    error = caught.value
    return Failure(error.layer_id, str(error), error.source, error.source_view)


def test_a_failure_shows_what_was_given_and_dims_the_rest(area: ViewArea, said: list[str]) -> None:
    area.show_result(evaluate(random_picture(3, 12, 15), Conv()))
    hover(area, "output-view", 2, 2)
    small = random_picture(1, 3, 4)
    area.show_failure(failure_of(small, Conv.of(kernel(5, 5), padding="valid")))
    before, after = part(area, ImageView, "input-view"), part(area, ImageView, "output-view")
    assert after.dimmed
    assert not before.dimmed
    assert after.picture is not None
    assert after.picture.size == (12, 15), "the last good one"
    details = [label.text() for label in area.findChildren(QLabel, "view-detail")]
    assert "last good result" in details
    assert before.picture is not None
    np.testing.assert_array_equal(before.picture.values, small.values)
    assert said[-1] == ""
    hover(area, "output-view", 1, 1)
    hover(area, "input-view", 1, 1)
    assert "→" not in said[-1], "nothing corresponds any more"
    area.grab()
    area.show_result(evaluate(small, Conv()))
    assert not after.dimmed
    hover(area, "output-view", 1, 2)
    assert "→" in said[-1]


def test_a_failure_shows_what_was_given_beside_the_divider_too(area: ViewArea) -> None:
    area.set_compare(True)
    area.show_result(evaluate(Picture(np.zeros((1, 12, 15), np.float32), "black"), Conv()))
    white = Picture(np.ones((1, 3, 4), np.float32), "white")
    area.show_failure(failure_of(white, Conv.of(kernel(5, 5), padding="valid")))
    both = part(area, CompareView, "compare-view")
    left = both.grab().toImage().pixelColor(both.width() // 2 - 40, both.height() // 2 + 20)
    assert left.lightness() > 250


def test_in_the_comparison_the_output_is_hovered(area: ViewArea, said: list[str]) -> None:
    area.show_result(evaluate(random_picture(1, 12, 15), Conv()))
    area.set_compare(True)
    both = part(area, CompareView, "compare-view")
    both.moved_to(both.rect().center().toPointF() + both.rect().topRight().toPointF() / 8)
    assert "→" in said[-1]
    area.show_result(evaluate(random_picture(1, 1, 1), Conv(padding_mode="replicate")))
    assert said[-1] == "" or said[-1].split("→")[1].strip().startswith("x 0  y 0")
    area.set_compare(False)
    assert not both.isVisible()


def test_painted_results_are_counted(area: ViewArea, qtbot: QtBot) -> None:
    for number in (1, 2):
        area.show_result(evaluate(random_picture(), with_bias(float(number))))
        qtbot.waitUntil(lambda number=number: area.painted_results == number)
    area.update()
    qtbot.wait(20)
    assert area.painted_results == 2


# --- layers of any kind ---


def headers(area: ViewArea) -> dict[str, str]:
    """What stands over the two views: title and detail."""
    return {
        name: part(area, QWidget, f"{name}-header").accessibleDescription() for name in ("input", "output")
    }


def test_a_pooled_cell_and_its_window(
    area: ViewArea, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = evaluate(random_picture(1, 12, 15), MaxPool(window=(2, 3), stride=(2, 3)))
    area.show_result(evaluation)
    seen = windows(area, monkeypatch)
    hover(area, "output-view", 4, 2)
    assert seen[-1][0] == QRect(6, 8, 3, 2)
    inside = evaluation.source[0, 8:10, 6:9]
    value, winner = said[-1].split("→")[1].split("won by")
    assert float(value.split()[-1]) == pytest.approx(float(inside.max()), abs=2e-3)
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    assert winner.split() == ["x", str(6 + column), "y", str(8 + row)]
    hover(area, "input-view", 9, 8)
    assert said[-1].split("→")[1].strip().startswith("x 2  y 4 ")


def test_a_cell_that_reads_nothing_outlines_nothing(area: ViewArea, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = ConvTranspose.of(Kernel.custom([[1.0]]), stride=(3, 3), padding="valid")
    area.show_result(evaluate(random_picture(1, 6, 7), layer))
    seen = windows(area, monkeypatch)
    hover(area, "output-view", 3, 6)
    assert seen[-1][0] == QRect(2, 1, 1, 1)
    hover(area, "output-view", 1, 1)
    window = seen[-1][0]
    assert window is None or window.isEmpty()
    area.grab()


def test_an_unpooling_is_hovered(area: ViewArea, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    area.show_result(evaluate_stack([MaxPool(), MaxUnpool()], "b"))
    seen = windows(area, monkeypatch)
    hover(area, "output-view", 5, 9)
    assert seen[-1][0] == QRect(4, 2, 1, 1)
    assert said[-1].startswith("x 4  y 2 ")


def test_the_photo_is_shown_on_both_sides(area: ViewArea, said: list[str]) -> None:
    picture = random_picture(name="mine.png")
    area.show_result(evaluate_stack([Conv()], PHOTO, picture))
    assert headers(area) == {"input": "Input, 24×32", "output": "mine.png, 24×32"}
    hover(area, "output-view", 3, 4)
    ahead, behind = said[-1].split("→")
    assert ahead.split() == behind.split()
    for name in ("input-view", "output-view"):
        shown = part(area, ImageView, name).picture
        assert shown is not None
        assert shown.values is picture.values


def test_the_headers_name_the_layer_and_the_one_above(area: ViewArea) -> None:
    layers = [Conv(padding="valid"), Activation(), MaxPool()]
    area.show_result(evaluate_stack(layers, "a"))
    assert headers(area) == {"input": "Input, 24×32", "output": f"{Conv().name()}, 22×30"}
    area.show_result(evaluate_stack(layers, "c"))
    assert headers(area) == {
        "input": f"Input · {Activation().name()}, 22×30",
        "output": f"{MaxPool().name()}, 11×15",
    }
    off = evaluate_stack(layers, "c").project.with_item("b", enabled=False)
    area.show_result(Evaluator().evaluate(off))
    assert headers(area)["input"] == f"Input · {Conv().name()}, 22×30", "what is off made nothing"
    area.show_result(Evaluator().evaluate(off.with_item("a", enabled=False)))
    assert headers(area)["input"] == "Input, 24×32"


def test_many_channels_are_named_after_their_filters(area: ViewArea) -> None:
    sobel, gaussian = preset("sobel-x").make(), preset("gaussian").make()
    layer = Conv(Bank((Filter((sobel,), name="edges"), Filter((gaussian,)))), channels="all")
    evaluation = evaluate(random_picture(), layer, channel=1)
    area.show_result(evaluation)
    header = part(area, QWidget, "output-header")
    button = part(header, QToolButton, "channel-button")
    assert [each.text() for each in button.menu().actions()] == ["0 edges", f"1 {gaussian.title}"]
    assert button.text().startswith(f"1 {gaussian.title}"[:6])
    shown = part(area, ImageView, "output-view").picture
    assert shown is not None
    assert shown.channel == 1


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (Conv(), ()),
        (MaxPool(), ()),
        (Conv.of(*[Kernel.custom([[1.0]])] * 2), ("Custom", "Custom") * 3),
        (Conv.of(*[Kernel.custom([[1.0]])] * 2, channels="all"), ("Custom", "Custom")),
    ],
)
def test_names_of_channels(layer: Layer, names: tuple[str, ...]) -> None:
    assert channel_names(layer, 3, layer.out_shape((3, 9, 9))[0]) == names
    assert channel_names(layer, 3, 77) == (), "of another result"


def test_the_input_is_shown_in_the_channel_that_is_read(area: ViewArea, said: list[str]) -> None:
    layers = [Conv.of(*[kernel(3, 3)] * 4, channels="all"), Conv.of(kernel(3, 3), kernel(1, 1))]
    evaluation = evaluate_stack(layers, "b", channel=5)
    area.show_result(evaluation)
    shown = part(area, ImageView, "input-view").picture
    assert shown is not None
    assert shown.channel == 2
    assert headers(area)["input"].startswith(f"Input · {layers[0].name()} 2,")
    hover(area, "output-view", 3, 3)
    value = float(evaluation.source[2, 3, 3])
    assert float(said[-1].split("→")[0].split()[-1].replace("−", "-")) == pytest.approx(
        value, abs=2e-2, rel=1e-2
    )


def test_what_a_failing_layer_was_given_may_have_many_channels(area: ViewArea) -> None:
    bad = Conv.of(kernel(5, 50), padding="valid")
    with pytest.raises(LayerError) as caught:
        evaluate_stack([Conv.of(*[kernel(3, 3)] * 5, channels="all"), bad], "b")
    error = caught.value
    area.show_failure(Failure(error.layer_id, str(error), error.source, error.source_view))
    shown = part(area, ImageView, "input-view").picture
    assert shown is not None
    assert shown.channel == 0
    assert shown.values.shape[0] == 5
    area.grab()
