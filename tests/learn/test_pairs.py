"""Pairs: pixels that belong together, and in whole sentences whatever does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import signal

from convstudio.kernels import Bank, Kernel, preset
from convstudio.layers import Activation, Conv, Layer, Luminance, MaxPool, Upsample
from convstudio.learn.alignment import centres
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network
from convstudio.learn.pairs import Pair, make_pair
from convstudio.learn.sources import read_sources, textbook_edge
from convstudio.learn.students import make_student
from convstudio.model import LayerItem, Picture, Project
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from tests.oracles import numpy_pad, zero_stuffed

BEFORE = np.random.default_rng(5).random((3, 24, 31)).astype(np.float32)


def picture(values: np.ndarray, name: str = "photo", depth: str = "8-bit") -> Picture:
    return Picture(np.array(values, np.float32), name, source_depth=depth)


def project(*layers: Layer, values: np.ndarray = BEFORE) -> Project:
    items = tuple(LayerItem(f"layer-{n}", layer) for n, layer in enumerate(layers, 1))
    return Project(picture(values), items)


def setup(source: str = "kernel", pair: dict[str, Any] | None = None, **student: Any) -> TrainingSetup:
    return TrainingSetup(PairSetup(source=source, **(pair or {})), StudentSetup(**student))


def made(
    given: TrainingSetup,
    of: Project | None = None,
    before: Picture | None = None,
    after: Picture | None = None,
) -> tuple[Pair, Network]:
    of = project() if of is None else of
    sources = read_sources(given.pair, of, before, after)
    network, _ = make_student(given.student, sources.shape, sources.channels, of)
    if not sources.fit(network):
        sources = sources.cropped(network)
        network, _ = make_student(given.student, sources.shape, sources.channels, of)
    return make_pair(given, sources, network), network


def counted_cells(pair: Pair) -> np.ndarray:
    return np.ones(pair.target.shape, bool) if pair.keep is None else pair.keep


# --- a hidden kernel ---

GEOMETRIES: tuple[dict[str, Any], ...] = (
    {},
    {"size": (5, 4)},
    {"size": (2, 1)},
    {"size": (5, 5), "padding": "same"},
    {"size": (4, 6), "padding": "same", "padding_mode": "zeros"},
    {"size": (3, 5), "padding": "full", "padding_mode": "replicate"},
    {"size": (5, 3), "padding": ((1, 2), (0, 3)), "padding_mode": "symmetric"},
    {"size": (3, 3), "padding": "same_lower", "stride": (2, 3), "padding_mode": "circular"},
    {"size": (4, 3), "stride": (3, 1)},
    {"size": (3, 4), "dilation": (2, 3), "padding": "same"},
    {"size": (4, 4), "dilation": (2, 2)},
)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (1, 2), (2, 3), (5, 5)])
def test_the_target_is_what_scipy_makes_in_the_middle_of_the_windows(
    geometry: dict[str, Any], shape: tuple[int, int]
) -> None:
    kernel = Kernel.custom(np.random.default_rng(shape[0] * 7 + shape[1]).normal(size=shape))
    pair, network = made(setup(pair={"teacher": kernel}, **geometry))
    dilation = geometry.get("dilation", (1, 1))
    # Apart from the program: the teacher in the middle of the student's window, with the pixel before the
    # middle where a side is even, over the picture as its border continues it.
    size = tuple(max(k, t) for k, t in zip(geometry.get("size", (3, 3)), shape, strict=True))
    frame = np.zeros(size)
    at = [(s - 1) // 2 - (t - 1) // 2 for s, t in zip(size, shape, strict=True)]
    frame[at[0] : at[0] + shape[0], at[1] : at[1] + shape[1]] = kernel.values
    stuffed = zero_stuffed(frame, dilation)
    before = [(n - 1) // 2 for n in stuffed.shape]
    amounts = tuple((b, n - 1 - b) for b, n in zip(before, stuffed.shape, strict=True))
    padded = numpy_pad(BEFORE.astype(np.float64), amounts, geometry.get("padding_mode", "reflect"), 0.0)
    whole = np.stack([signal.correlate(plane.astype(float), stuffed, "valid", "direct") for plane in padded])
    assert_allclose(pair.after, whole, atol=2e-6)
    grid = centres(network)
    keep = counted_cells(pair)
    for index in np.ndindex(pair.target.shape):
        row = grid.first[0] + grid.step[0] * index[1]
        column = grid.first[1] + grid.step[1] * index[2]
        on_picture = 0 <= row < 24 and 0 <= column < 31
        assert keep[index] == on_picture
        if on_picture:
            assert pair.target[index] == pair.after[index[0], row, column]


@pytest.mark.parametrize("channels", ["shared", "each", "all", "grouped"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (1, 2), (2, 3), (5, 5)])
def test_the_known_weights_make_the_target(
    channels: str, geometry: dict[str, Any], shape: tuple[int, int]
) -> None:
    kernel = Kernel.custom(np.random.default_rng(3).normal(size=shape))
    given = setup(pair={"teacher": kernel}, channels=channels, groups=3, bias=True, **geometry)
    pair, network = made(given)
    fits = all(t <= s for t, s in zip(shape, given.student.size, strict=True))
    assert (pair.teacher is not None) == fits
    if pair.teacher is None:
        return
    assert [each.shape for each in pair.teacher] == [each.shape for each in network.parameters]
    output = network.forward(pair.before, pair.teacher).output
    keep = counted_cells(pair)
    assert keep.any()
    assert_allclose(output[keep], pair.target[keep], atol=3e-6)


def test_zeros_around_a_large_teacher_do_not_hide_it() -> None:
    values = np.zeros((7, 7))
    values[2:5, 2:5] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    pair, _ = made(setup(pair={"teacher": Kernel.custom(values), "grey": True}))
    assert pair.teacher is not None
    assert_array_equal(pair.teacher[0][0, 0], values[2:5, 2:5])


def test_a_hidden_kernel_that_no_border_can_serve_is_told() -> None:
    small = project(values=BEFORE[:, :6, :6])
    with pytest.raises(LearnError, match="The hidden kernel does not fit the picture: Reflection can fill"):
        made(setup(pair={"teacher": preset("mean").make(size=31)}), small)


def test_the_textbook_edge() -> None:
    pair, _ = made(setup("edge", {"validation": 0.0}, size=(1, 2)))
    assert_array_equal(pair.before, textbook_edge())
    expected = np.zeros((1, 6, 7))
    expected[0, :, 1], expected[0, :, 5] = 1, -1
    assert_array_equal(pair.target, expected)
    assert pair.teacher is not None
    assert_array_equal(pair.teacher[0], [[[[1, -1]]]])
    assert (pair.split, pair.validates) == (6, False)


# --- the stack as the teacher ---

SOBEL, BLUR = preset("sobel-x").make(), preset("gaussian").make(size=3, sigma=0.8)


@pytest.mark.parametrize(
    "stack",
    [
        (Conv.of(BLUR), Conv.of(SOBEL)),
        (Conv.of(BLUR, padding="valid"), Conv.of(SOBEL, padding="full", padding_mode="zeros")),
        (Conv.of(BLUR, operation="convolution"), Conv.of(SOBEL, padding="valid", operation="convolution")),
        (Conv.of(Kernel.custom([[1.0, 2.0], [3.0, 5.0]])), Conv.of(SOBEL, padding_mode="zeros")),
        (Luminance(), Conv.of(BLUR, bias=0.3), Conv.of(SOBEL, bias=-0.25, dilation=(1, 2))),
        (Conv(bank=Bank.of(SOBEL, BLUR), channels="all"),),
    ],
    ids=lambda stack: " → ".join(layer.name() for layer in stack),
)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_linear_stack_is_known_as_one_kernel(stack: tuple[Layer, ...], padding: str) -> None:
    apart = all(isinstance(layer, Conv) and layer.channels == "each" for layer in stack)
    channels = "shared" if apart else "all"
    given = setup("stack", size=(7, 7), bias=True, padding=padding, channels=channels)
    pair, network = made(given, project(*stack))
    assert pair.teacher is not None
    output = network.forward(pair.before, pair.teacher).output
    rim = (slice(None), slice(5, -5), slice(5, -5))  # borders are padded by other rules
    assert_allclose(output[rim], pair.target[rim], atol=5e-6)


def test_a_bias_that_the_student_lacks_makes_it_unknown() -> None:
    pair, _ = made(setup("stack", size=(5, 5)), project(Conv.of(SOBEL, bias=0.5)))
    assert pair.teacher is None


def test_different_kernels_are_unknown_to_a_student_that_shares_one() -> None:
    bank = Bank.from_weights(np.random.default_rng(0).normal(size=(1, 3, 3, 3)))
    stack = project(Conv(bank=bank, channels="each"))
    assert made(setup("stack"), stack)[0].teacher is None
    own = made(setup("stack", channels="each"), stack)[0].teacher
    assert own is not None
    assert_allclose(own[0][:, 0], [each.values for each in bank.filters[0].kernels], atol=1e-12)


@pytest.mark.parametrize("layer", [Activation(), Conv.of(SOBEL, stride=(2, 2)), MaxPool(stride=(1, 1))])
def test_a_stack_that_is_no_single_filter_is_unknown(layer: Layer) -> None:
    of = project(Conv.of(BLUR), layer)
    stride = (2, 2) if isinstance(layer, Conv) else (1, 1)
    given = setup("stack", padding="same", stride=stride)
    assert made(given, of)[0].teacher is None


def test_a_stack_that_learns_itself_knows_what_it_should_find() -> None:
    of = project(Conv.of(SOBEL), Activation())
    given = setup("stack", kind="stack", marks=(("layer-1", "weight"),))
    pair, network = made(given, of)
    assert pair.teacher is not None
    assert_array_equal(pair.teacher[0], network.values()[0])
    two = project(Conv.of(SOBEL), Conv.of(BLUR))
    given = setup("stack", kind="stack", marks=(("layer-1", "weight"), ("layer-2", "weight")))
    assert made(given, two)[0].teacher is None


def test_a_stack_without_layers_is_told() -> None:
    with pytest.raises(LearnError, match="no layer that is switched on"):
        made(setup("stack"))
    tall = project(Conv.of(preset("mean").make(size=29), padding="valid"), values=BEFORE)
    with pytest.raises(LearnError, match=r"The stack cannot make the picture after: layer 1 \(Mean\)"):
        made(setup("stack"), tall)


def test_the_target_of_a_stack_with_other_channels_is_told() -> None:
    of = project(Conv(bank=Bank.of(SOBEL, BLUR), channels="all"))
    given = setup(kind="stack", marks=(("layer-1", "weight"),))
    with pytest.raises(LearnError, match="The student makes 2 channels, but the picture after has 3: end"):
        made(given, of)


def test_a_student_that_enlarges_the_picture_is_told() -> None:
    of = project(Conv.of(SOBEL), Upsample())
    given = setup(kind="stack", marks=(("layer-1", "weight"),))
    with pytest.raises(LearnError, match="62×48 of 31×24 px, and its cells lie between the pixels"):
        made(given, of)


# --- two files ---


def files(after: np.ndarray, before: np.ndarray = BEFORE, **more: Any) -> tuple[Picture, Picture]:
    return picture(before, "before.png"), picture(after, "after.png", **more)


def test_files_of_one_size_are_read_in_the_middle_of_the_windows() -> None:
    after = np.random.default_rng(1).random(BEFORE.shape).astype(np.float32)
    pair, _ = made(setup("files", size=(5, 4)), None, *files(after))
    assert_array_equal(pair.target, after[:, 2:22, 1:29])
    assert_array_equal(pair.before, BEFORE)
    assert pair.notes == ()


def test_a_file_of_the_size_of_the_output_is_taken_as_it_is() -> None:
    after = np.random.default_rng(1).random((3, 20, 28)).astype(np.float32)
    pair, _ = made(setup("files", size=(5, 4)), None, *files(after))
    assert_array_equal(pair.target, after)
    assert_array_equal(pair.before, BEFORE)
    strided = np.random.default_rng(1).random((3, 10, 28)).astype(np.float32)
    pair, _ = made(setup("files", size=(5, 4), stride=(2, 1)), None, *files(strided))
    assert_array_equal(pair.target, strided)


@pytest.mark.parametrize("rows", [3, 4])
def test_a_border_that_another_program_cut_off_is_cut_off_both(rows: int) -> None:
    """A 7×5 filter without padding against students of another size: the middles still meet."""
    kernel = np.random.default_rng(2).normal(size=(rows, 5))
    # In double precision: SciPy casts what its memory held before to another, and NaN there warns.
    after = np.stack([signal.correlate(plane.astype(float), kernel, "valid", "direct") for plane in BEFORE])
    pair, network = made(setup("files", size=(rows + 2, 7)), None, *files(after))
    assert pair.before.shape == (3, 24 - rows + 1, 27)
    assert "31×24 px and the one after 27×" in pair.notes[0]
    assert "was taken of both" in pair.notes[0]
    framed = np.zeros((3, 1, rows + 2, 7))
    framed[:, 0, 1 : rows + 1, 1:6] = kernel
    assert_allclose(network.forward(pair.before, (framed,)).output, pair.target, atol=1e-5)


def test_one_size_larger_and_the_other_smaller_are_cropped_to_what_both_have() -> None:
    after = np.zeros((3, 26, 29), np.float32)
    after[:] = np.arange(26)[:, np.newaxis]
    pair, _ = made(setup("files", size=(1, 1)), None, *files(after))
    assert pair.target.shape == (3, 24, 29)
    assert_array_equal(pair.target[0, :, 0], np.arange(1, 25))
    assert_array_equal(pair.before, BEFORE[:, :, 1:30])


@pytest.mark.parametrize(
    ("after", "student", "words"),
    [
        (np.ones((3, 60, 31)), {}, "31×24 px and the one after 31×60: they must have one size (or 29×22"),
        (np.ones((3, 24, 90)), {"padding": "same"}, "one size, or differ by no more than the 30 px"),
        (np.ones((1, 24, 31)), {}, "before has 3 channels and the one after 1, but this student keeps"),
        (np.ones((1, 24, 31)), {"channels": "each"}, "switch on “Grey”, or let it mix them"),
        (np.ones((1, 24, 31)), {"channels": "grouped", "groups": 3}, "1 channel of the picture after does"),
        (np.ones((3, 24, 31)), {"channels": "grouped", "groups": 2}, "The 3 channels of the picture before"),
        (np.ones((3, 24, 31)), {"size": (25, 3)}, "31×24 px and is smaller than the 25×3 kernel (rows"),
        (np.ones((3, 24, 31)), {"dilation": (1, 20)}, "3×3 kernel that spans 41×3 px"),
        (np.full((3, 24, 31), np.nan), {}, "after.png has 2232 values that are not finite"),
        (np.ones((3, 24, 31)), {"start": "present"}, "A single kernel has no weights yet"),
        (
            np.ones((3, 24, 31)),
            {"start": "preset", "size": (2, 3)},
            "has 3×3 weights and does not fit into 2×3",
        ),
        (np.ones((3, 24, 31)), {"kind": "stack"}, "The stack has no layer that is switched on"),
    ],
)
def test_pictures_that_do_not_go_together_are_told(
    after: np.ndarray, student: dict[str, Any], words: str
) -> None:
    with pytest.raises(LearnError) as caught:
        made(setup("files", **student), None, *files(after))
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


def test_missing_files_are_told() -> None:
    one, _ = files(BEFORE)
    for given, words in (
        ((), "two pictures"),
        ((one,), "the picture after"),
        ((None, one), "the picture before"),
    ):
        with pytest.raises(LearnError, match=f"Choose {words}: a filter is learned from"):
            made(setup("files"), None, *given)


def test_colours_can_become_one_grey() -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    grey = np.tensordot(weights, BEFORE.astype(np.float64), 1)[np.newaxis]
    pair, _ = made(setup("files", {"grey": True}), None, *files(grey))
    assert_allclose(pair.before, grey, atol=1e-6)
    assert_allclose(pair.target, grey[:, 1:-1, 1:-1], atol=1e-6)
    assert pair.notes == ("The picture before was turned grey.",)
    mixing, network = made(setup("files", channels="all", size=(1, 1)), None, *files(grey))
    assert network.parameters[0].shape == (1, 3, 1, 1)
    assert_allclose(
        network.forward(mixing.before, (weights.reshape(1, 3, 1, 1),)).output, mixing.target, atol=1e-6
    )


def test_clipped_pixels_can_be_left_out() -> None:
    after = BEFORE.copy()
    after[0, 5, 5], after[1, 7, 8] = 0.0, 1.0
    given = setup("files", {"clipped": "leave out"})
    pair, _ = made(given, None, *files(after))
    assert pair.keep is not None
    assert [tuple(place) for place in np.argwhere(~pair.keep)] == [(0, 4, 4), (1, 6, 7)]
    assert pair.notes == ("0.1 % of the values of the picture after are black or white and were left out.",)
    assert made(setup("files"), None, *files(after))[0].keep is None
    grey, _ = made(given.with_value("pair", "grey", True), None, *files(after))
    assert grey.keep is not None
    assert [tuple(place) for place in np.argwhere(~grey.keep)] == [(0, 4, 4), (0, 6, 7)]
    floats, _ = made(given, None, *files(after, depth="float32"))
    assert floats.keep is None
    assert "holds float values, which are not cut off" in floats.notes[0]
    with pytest.raises(LearnError, match="No pixel of the picture after is left to learn from"):
        made(given, None, *files(np.ones_like(BEFORE)))


def test_notes_of_the_files_are_passed_on() -> None:
    before, after = files(BEFORE)
    before = dataclasses.replace(before, notes=("Transparency was laid over white.",), path=Path("x"))
    pair, _ = made(setup("files"), None, before, after)
    assert pair.notes == ("before.png: Transparency was laid over white.",)


def test_flat_pictures_are_noted() -> None:
    flat = np.full_like(BEFORE, 0.5)
    before, _ = made(setup("files"), None, *files(BEFORE, flat))
    assert before.notes == (
        "The picture before is the same everywhere: it tells the sum of the weights and no more.",
    )
    after, _ = made(setup("files"), None, *files(flat))
    assert after.notes == (
        "The picture after is the same everywhere: only a bias can make that. Switch on “Bias”.",
    )
    after, _ = made(setup("files", bias=True), None, *files(flat))
    assert "a bias alone makes it" in after.notes[0]
    after, _ = made(setup("files"), None, *files(0 * flat))
    assert "what wipes everything out will be learned" in after.notes[0]


# --- noise and validation ---


def test_noise_before_is_to_be_removed() -> None:
    plain, _ = made(setup(pair={"teacher": SOBEL}))
    pair, _ = made(setup(pair={"teacher": SOBEL, "noise": 0.1, "noise_on": "before"}))
    assert pair.clean is not None
    assert_array_equal(pair.clean, BEFORE)
    assert_array_equal(pair.target, plain.target)
    noise = pair.before - BEFORE
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    assert abs(noise.mean()) < 0.01
    assert pair.before.dtype == np.float32
    assert plain.teacher is not None
    assert pair.teacher is None  # the best kernel smooths the noise away as well


def test_noise_after_disturbs_the_answers() -> None:
    plain, _ = made(setup(pair={"teacher": SOBEL}))
    pair, _ = made(setup(pair={"teacher": SOBEL, "noise": 0.05}))
    assert pair.clean is not None
    assert_array_equal(pair.clean, plain.target)
    assert_array_equal(pair.before, BEFORE)
    assert_array_equal(pair.target, pair.after[:, 1:-1, 1:-1])
    assert (pair.target - pair.clean).std() == pytest.approx(0.05, rel=0.05)
    again, _ = made(setup(pair={"teacher": SOBEL, "noise": 0.05}, seed=9))
    assert_array_equal(again.target, pair.target)  # a new seed is another start, not another pair


@pytest.mark.parametrize(("share", "split"), [(0.0, 22), (0.2, 18), (0.5, 11)])
def test_the_lower_edge_validates(share: float, split: int) -> None:
    pair, _ = made(setup(pair={"validation": share}))
    assert (pair.split, pair.validates) == (split, share > 0)
    assert pair.target[:, pair.judged].shape[1] == (22 - split or 22)


def test_a_single_row_is_learned_from() -> None:
    pair, _ = made(setup(pair={"validation": 0.5}, size=(24, 1)))
    assert (pair.split, pair.validates) == (1, False)
