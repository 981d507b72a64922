"""One step taken apart beside a running training: the numbers, what gives way, and what is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot
from scipy.signal import correlate2d

from convstudio.core import Control
from convstudio.kernels import Bank
from convstudio.layers import Activation, Conv, ConvTranspose, Involution, Layer
from convstudio.learn.anatomy import Anatomy, take_apart
from convstudio.learn.errors import LearnError
from convstudio.learn.experiments import experiment
from convstudio.learn.lab import open_lab
from convstudio.learn.objectives import Objective
from convstudio.model import Picture, Project
from convstudio.session import gradient_reader as reader_module
from convstudio.session.gradient_reader import GradientReader
from convstudio.session.step_apart import StepApart
from convstudio.session.training import Training
from tests.session.gradient_hands import anatomy_of, apart, custom, lab_of
from tests.session.training_hands import Gate, nothing_comes, project, run, settle, with_value


@pytest.fixture
def training(qtbot: QtBot) -> Iterator[Training]:
    made = Training()
    yield made
    made.close()


class Heard(QObject):
    def __init__(self, reader: GradientReader) -> None:
        super().__init__()
        self.found: list[StepApart] = []
        self.failed: list[str] = []
        self.ends = 0
        reader.apart_ready.connect(self._ready)
        reader.apart_failed.connect(self._failed)
        reader.ended.connect(self._ended)

    @Slot(object)
    def _ready(self, found: StepApart) -> None:
        self.found.append(found)

    @Slot(str)
    def _failed(self, why: str) -> None:
        self.failed.append(why)

    @Slot()
    def _ended(self) -> None:
        self.ends += 1


@pytest.fixture
def reader(training: Training) -> GradientReader:
    return GradientReader(training)


@pytest.fixture
def heard(reader: GradientReader) -> Heard:
    return Heard(reader)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Holds up taking a step apart; open at first."""
    made = Gate()

    def slow(*given: Any) -> Anatomy:
        made.pass_through(given[-1])
        return take_apart(*given)

    monkeypatch.setattr(reader_module, "take_apart", slow)
    return made


def opened(qtbot: QtBot, training: Training, of: Project) -> None:
    training.open(of)
    settle(qtbot, training)


# --- the numbers ---


def test_the_textbooks_step_has_the_numbers_of_numpy(
    qtbot: QtBot, training: Training, reader: GradientReader, heard: Heard
) -> None:
    of = experiment("edge").onto(project(), lambda _: Picture(np.zeros((1, 4, 4), np.float32), ""))
    opened(qtbot, training, of)
    values: list[np.ndarray] = []
    training.frame.connect(lambda frame: values.append(frame.values[0][0, 0]))
    for _ in range(3):
        training.step_once()
    settle(qtbot, training)
    reader.take_apart()
    qtbot.waitUntil(lambda: bool(heard.found))
    (found,) = heard.found
    x, target = np.ones((6, 8)), np.zeros((6, 7))
    x[:, 2:6] = 0.0
    target[:, 1], target[:, 5] = 1.0, -1.0
    assert found.step == 3
    assert found.x.cells is not None
    assert found.by_output.cells is not None
    assert found.by_input.cells is not None
    w = found.weight
    np.testing.assert_array_equal(w, values[-1])
    error = 2 * (correlate2d(x, w, "valid") - target)
    np.testing.assert_allclose(found.x.cells, x, atol=0)
    np.testing.assert_allclose(found.by_output.cells, error, atol=1e-12)
    np.testing.assert_allclose(found.by_weight, correlate2d(x, error, "valid"), atol=1e-11)
    assert found.slid is not None
    np.testing.assert_array_equal(found.slid, w[::-1, ::-1])
    np.testing.assert_allclose(found.by_input.cells, correlate2d(error, found.slid, "full"), atol=1e-11)
    assert found.by_bias is not None
    np.testing.assert_allclose(found.by_bias, error.sum(), atol=1e-11)
    np.testing.assert_allclose(found.summed, [error[error > 0].sum(), error[error < 0].sum()], atol=1e-11)
    assert found.by_output.picture.pixels.shape[:2] == (6, 7)
    assert set(found.weight_checks) == {(0, 0), (0, 1)}
    assert found.bias_check is not None
    assert found.agrees
    assert found.counted == 42
    training.step_once()
    settle(qtbot, training)
    assert found.weight_after is not None
    np.testing.assert_allclose(values[-1], found.weight_after, atol=1e-6)


def test_every_step_of_the_textbook_agrees_also_where_slopes_cancel_out() -> None:
    of = experiment("edge").onto(project(), lambda _: Picture(np.zeros((1, 4, 4), np.float32), ""))
    lab = open_lab(of.training, of)
    for _ in range(10):
        found = apart(lab)
        assert found.agrees
        assert found.by_bias == pytest.approx(0.0, abs=1e-13)
        lab.trainer.advance()


def test_it_knows_where_nothing_is_learned_from_and_checks_pixels_elsewhere() -> None:
    lab = run(project(40), 2)
    found = apart(lab)
    assert found.by_output.held == lab.pair.split
    assert found.by_input.held == lab.pair.split + 2, "two rows more were read by the last window of three"
    assert all(check.index[1] < lab.pair.split + 2 and check.analytic for check in found.pixel_checks)
    assert apart(run(with_value(project(40), "pair", "validation", 0.0), 2)).by_output.held is None


def test_a_photo_with_noise_is_shown_as_a_photo() -> None:
    noisy = with_value(with_value(project(40), "pair", "noise", 0.3), "pair", "noise_on", "before")
    found = apart(run(noisy, 1))
    assert found.x.picture.view == "clamped"
    assert found.x.picture.below > 0


@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_a_step_of_plain_descent_is_the_one_that_is_shown(l2: float) -> None:
    of = with_value(project(20, optimizer="gd", rate=0.05, l2=l2), "student", "bias", True)
    lab = open_lab(of.training, of)
    for _ in range(2):
        lab.trainer.advance()
    found = apart(lab)
    lab.trainer.advance()
    weight, bias = lab.trainer.values
    assert found.weight_after is not None
    assert found.bias_after is not None
    np.testing.assert_allclose(weight[0, 0], found.weight_after, atol=1e-6)
    np.testing.assert_allclose(bias[0], found.bias_after, atol=1e-6)


@pytest.mark.parametrize(
    "method", [{"optimizer": "adam"}, {"optimizer": "gd", "data": "patch"}, {"optimizer": "momentum"}]
)
def test_where_a_step_is_not_plain_descent_none_is_shown(method: dict[str, Any]) -> None:
    of = project(24, patch=8, **method)
    assert apart(open_lab(of.training, of)).weight_after is None


def test_each_kernel_of_a_bank_shows_its_own_channels() -> None:
    bank = Bank.of(*custom(2, 3, 3))
    lab = lab_of([Conv(bank=bank, channels="each", padding="valid")], 3)
    found = apart(lab, kernel=(4, 0))
    assert found.channels == (2, 4)
    assert found.copies == 3  # one kernel for all channels
    assert found.bias_copies == 3
    x, error = found.x.cells, found.by_output.cells
    assert x is None  # 16×20 pixels are a picture
    anatomy = anatomy_of(lab)
    sums = [
        correlate2d(anatomy.x[c], anatomy.by_output[2 * c], "valid") for c in range(3)
    ]  # outputs 0, 2, 4 are the first filter's
    np.testing.assert_allclose(found.by_weight, np.sum(sums, axis=0), atol=1e-12)
    assert error is None
    assert len(found.weight_checks) >= 1
    here = found.weight_checks.items()
    assert all(check.analytic == pytest.approx(found.by_weight[cell]) for cell, check in here)


@pytest.mark.parametrize(
    "layer",
    [
        Conv.of(*custom(1, 3, 2), channels="all", padding="same", padding_mode="zeros"),
        Conv.of(
            *custom(1, 3, 2), channels="all", operation="convolution", padding="full", padding_mode="zeros"
        ),
        Conv.of(*custom(1, 2, 3), channels="all", stride=(2, 3), dilation=(2, 1), padding="valid"),
        ConvTranspose(bank=Bank.of(*custom(1, 3, 2)), channels="all", stride=(2, 1), padding="valid"),
        ConvTranspose(bank=Bank.of(*custom(1, 3, 3)), channels="all", padding="same"),
    ],
    ids=["same", "flipped", "strided", "transposed", "transposed-same"],
)
def test_the_window_of_a_weight_holds_what_it_multiplied(layer: Layer) -> None:
    lab = lab_of([layer])
    found = apart(lab)
    anatomy = anatomy_of(lab)
    stamped = isinstance(layer, ConvTranspose)
    moving, still = (anatomy.by_output, anatomy.x) if stamped else (anatomy.x, anatomy.by_output)
    framed = np.pad(moving[0], 8)
    step = layer.stride  # type: ignore[attr-defined]
    for cell in np.ndindex(found.by_weight.shape):
        window = found.window((cell[0], cell[1]))
        assert window is not None
        row, column, rows, columns = window
        part = framed[row + 8 : row + 8 + rows : step[0], column + 8 : column + 8 + columns : step[1]]
        np.testing.assert_allclose(found.by_weight[cell], np.sum(part * still[0]), atol=1e-12)


def test_the_errors_of_a_pixel_are_those_that_its_gradient_is_made_of() -> None:
    lab = lab_of([Conv.of(*custom(1, 3, 2), channels="all", padding="same", padding_mode="zeros")])
    found = apart(lab)
    anatomy = anatomy_of(lab)
    framed = np.pad(anatomy.by_output[0], 4)
    assert found.slid is not None
    for cell in [(0, 0), (5, 7), (15, 19)]:
        window = found.errors_of(cell)
        assert window is not None
        row, column, rows, columns = window
        part = framed[row + 4 : row + 4 + rows, column + 4 : column + 4 + columns]
        np.testing.assert_allclose(np.sum(part * found.slid), anatomy.by_input[0][cell], atol=1e-12)


def test_a_layer_below_others_names_their_kinks_and_can_be_chosen() -> None:
    layers = [Conv.of(*custom(1, 3, 3), padding="valid"), Activation(), Conv.of(*custom(1, 2, 2))]
    lab = lab_of(layers, loss="absolute")
    last, first = apart(lab), apart(lab, 0)
    assert (last.place, last.top, last.kinks) == (2, True, ("the absolute error",))
    assert (first.place, first.top, first.kinks) == (0, False, ("ReLU", "the absolute error"))
    assert [place for place, _ in first.places] == [0, 2]
    assert first.weight.shape == (3, 3)


def test_kernels_that_make_kernels_are_shown_without_shifts() -> None:
    found = apart(lab_of([Involution()], 2, marks="span"))
    assert found.array == "span"
    assert [each.name for each in found.arrays] == ["reduce", "span"]
    assert found.shift((0, 0)) is None
    assert found.slid is None
    assert found.agrees


# --- on the worker ---


def test_nothing_is_told_where_nothing_is_open(reader: GradientReader, heard: Heard) -> None:
    reader.take_apart()
    assert not reader.pending
    assert heard.ends == 1


def test_another_kernel_of_the_same_step_costs_no_other_run(
    qtbot: QtBot, training: Training, reader: GradientReader, heard: Heard, gate: Gate
) -> None:
    opened(qtbot, training, with_value(project(channels=3), "student", "kind", "kernel"))
    for kernel in ((0, 0), (2, 0)):
        reader.take_apart(0, "weight", kernel)
        settle(qtbot, training)
    assert [found.kernel for found in heard.found] == [(0, 0), (2, 0)]
    assert [found.channels for found in heard.found] == [(0, 0), (2, 2)]
    assert gate.passed == 1
    training.step_once()
    settle(qtbot, training)
    reader.take_apart()
    settle(qtbot, training)
    assert gate.passed == 2
    reader.forget()
    reader.take_apart()
    settle(qtbot, training)
    assert gate.passed == 3


def waits(reader: GradientReader) -> bool:
    return reader.pending


@pytest.mark.parametrize("what", ["play", "step_once", "reset", "cancel", "open"])
def test_it_gives_way_to_whatever_moves(
    qtbot: QtBot, training: Training, reader: GradientReader, heard: Heard, gate: Gate, what: str
) -> None:
    opened(qtbot, training, project())
    gate.close()
    reader.take_apart()
    gate.wait(qtbot)
    assert waits(reader)
    if what == "open":
        training.open(project(28))
    else:
        getattr(training, what)()
    settle(qtbot, training)
    assert heard.ends == 1
    assert heard.found == []
    assert gate.cancelled >= 1
    assert not reader.pending


def test_the_last_of_several_counts(
    qtbot: QtBot, training: Training, reader: GradientReader, heard: Heard, gate: Gate
) -> None:
    opened(qtbot, training, project(channels=3))
    gate.close()
    reader.take_apart(kernel=(0, 0))
    gate.wait(qtbot)
    reader.take_apart(kernel=(1, 0))
    gate.open()
    settle(qtbot, training)
    nothing_comes(training)
    assert [found.kernel for found in heard.found] == [(1, 0)]
    assert heard.ends == 0


def test_it_runs_on_the_thread_of_the_steps(
    qtbot: QtBot, training: Training, reader: GradientReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []

    def noted(*given: Any) -> Anatomy:
        names.append(threading.current_thread().name)
        return take_apart(*given)

    monkeypatch.setattr(reader_module, "take_apart", noted)
    opened(qtbot, training, project())
    reader.take_apart()
    settle(qtbot, training)
    assert names == ["convstudio-training"]


def test_why_there_is_no_gradient_is_told(
    qtbot: QtBot,
    training: Training,
    reader: GradientReader,
    heard: Heard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(*_given: Any) -> Anatomy:
        raise LearnError("These weights make no kernels.")

    monkeypatch.setattr(reader_module, "take_apart", refuses)
    opened(qtbot, training, project())
    reader.take_apart()
    settle(qtbot, training)
    assert heard.failed == ["These weights make no kernels."]
    assert not reader.pending


def test_progress_rises_from_nothing_to_all() -> None:
    parts: list[float] = []
    of = project()
    lab = open_lab(of.training, of)
    values, objective = lab.trainer.values, Objective.of(lab.setup.method)
    take_apart(lab.network, values, lab.pair, objective, None, Control(parts.append))
    assert parts == sorted(parts)
    assert parts[0] < 0.1
    assert parts[-1] == 1.0
