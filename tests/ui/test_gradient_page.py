"""The page of one step: its numbers against NumPy, what is pointed at, when it asks, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot
from scipy.signal import correlate2d

from convstudio.kernels import Bank
from convstudio.layers import Activation, Conv, ConvTranspose, Involution, Layer
from convstudio.learn.anatomy import Anatomy, take_apart
from convstudio.learn.lab import Lab
from convstudio.learn.objectives import Objective
from convstudio.session import gradient_reader as reader_module
from convstudio.session.step_apart import StepApart, step_apart
from convstudio.ui import gradient_words as words
from convstudio.ui.gradient_bands import CheckLine
from convstudio.ui.gradient_grid import GradientGrid
from convstudio.ui.gradient_page import CANCELLED, PLAYING, GradientPage
from convstudio.ui.main_window import MainWindow
from convstudio.ui.plane_picture import PlanePicture
from convstudio.ui.theme import apply_theme
from tests.session.gradient_hands import anatomy_of, apart, custom, lab_of
from tests.session.training_hands import Gate
from tests.ui.window_hands import part, random_picture, text_of


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Holds up taking a step apart; open at first."""
    made = Gate()

    def slow(*given: Any) -> Anatomy:
        made.pass_through(given[-1])
        return take_apart(*given)

    monkeypatch.setattr(reader_module, "take_apart", slow)
    return made


@pytest.fixture
def edge(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """The window with the textbook's pair, at the page of one step."""
    window.training.begin_experiment("edge")
    settle(qtbot, window)
    qtbot.mouseClick(part(window, QPushButton, "training-page-One step"), Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    return window


@pytest.fixture
def page(qtbot: QtBot, undressed: None, qapp: QApplication) -> GradientPage:
    """A page of its own, as large as the smallest window leaves it."""
    apply_theme(qapp, "dark")
    made = GradientPage()
    qtbot.addWidget(made)
    made.resize(792, 554)
    made.show()
    qtbot.waitExposed(made)
    return made


def settle(qtbot: QtBot, window: MainWindow) -> None:
    for _ in range(2):
        qtbot.waitUntil(lambda: not window.busy, timeout=30_000)
        QApplication.processEvents()


def trigger(window: MainWindow, name: str) -> None:
    window.actions_table[name].trigger()


def page_of(window: QWidget) -> GradientPage:
    return part(window, GradientPage, "gradient-page")


def grid(where: QWidget, name: str) -> GradientGrid:
    return part(where, GradientGrid, f"gradient-{name}-grid")


def picture(where: QWidget, name: str) -> PlanePicture:
    return part(where, PlanePicture, f"gradient-{name}")


def check(where: QWidget, name: str) -> str:
    return part(where, CheckLine, f"gradient-{name}-check").plain.replace("\u00a0", " ")


def point(qtbot: QtBot, of: GradientGrid, cell: tuple[int, int]) -> None:
    qtbot.mouseMove(of, of.cells().rect(cell).center().toPoint())


def textbook(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture of the textbook's edge, and the gradient of the summed squared error at the output."""
    x, target = np.ones((6, 8)), np.zeros((6, 7))
    x[:, 2:6] = 0.0
    target[:, 1], target[:, 5] = 1.0, -1.0
    return x, 2 * (correlate2d(x, weight, "valid") - target)


# --- in the window ---


def test_the_shown_grids_are_the_correlations_of_numpy_step_by_step(edge: MainWindow, qtbot: QtBot) -> None:
    shown = page_of(edge)
    for step in range(4):
        assert text_of(edge, "gradient-headline").startswith(f"Step {step} → {step + 1} ")
        x, error = textbook(grid(edge, "kernel").values)
        for name, wanted in (("x", x), ("error", error)):
            plane = picture(edge, name).plane
            assert plane is not None
            assert plane.cells is not None
            np.testing.assert_allclose(plane.cells, wanted, atol=1e-12)
        np.testing.assert_allclose(grid(edge, "weight").values, correlate2d(x, error, "valid"), atol=1e-11)
        turned = grid(edge, "slid").values
        np.testing.assert_array_equal(turned, grid(edge, "kernel").values[::-1, ::-1])
        back = picture(edge, "input-picture").plane
        assert back is not None
        assert back.cells is not None
        np.testing.assert_allclose(back.cells, correlate2d(error, turned, "full"), atol=1e-11)
        assert "Σ ∂L/∂y" in text_of(edge, "gradient-bias-formula")
        assert text_of(edge, "gradient-bias-total") in ("0", "≈ 0")
        assert re.match("✓ [67] slopes checked, worst error ", text_of(edge, "gradient-verdict"))
        after = grid(edge, "after").values.copy()
        trigger(edge, "train-step")
        settle(qtbot, edge)
        np.testing.assert_allclose(grid(edge, "kernel").values, after, atol=1e-6)
    assert shown.notice == ""


def test_pointing_at_an_entry_shows_its_shift_its_sum_and_its_check(edge: MainWindow, qtbot: QtBot) -> None:
    gradient = grid(edge, "weight")
    assert gradient.marks == {(0, 0): "good", (0, 1): "good"}
    point(qtbot, gradient, (0, 1))
    assert text_of(edge, "gradient-weight-sum") == "∂L/∂w[0, 1] = Σ x[i, j + 1]·∂L/∂y[i, j] = 12"
    assert text_of(edge, "gradient-weight-shift") == "x shifted by (0, +1)"
    assert check(edge, "weight").startswith("finite differences: 12 against 12, error ")
    assert check(edge, "weight").endswith("✓")
    assert picture(edge, "x").window_shown == (0, 1, 6, 7)
    assert grid(edge, "kernel").cell == grid(edge, "after").cell == (0, 1)
    point(qtbot, grid(edge, "kernel"), (0, 0))
    assert text_of(edge, "gradient-weight-shift").startswith("x shifted by (0, 0)")
    assert picture(edge, "x").window_shown == (0, 0, 6, 7)
    qtbot.mouseMove(gradient, QPoint(1, 1))
    assert grid(edge, "kernel").cell is None
    assert picture(edge, "x").window_shown is None


def test_the_arrow_keys_point_too(edge: MainWindow, qtbot: QtBot) -> None:
    gradient = grid(edge, "weight")
    gradient.setFocus()
    for key, cell in ((Qt.Key.Key_Down, (0, 0)), (Qt.Key.Key_Right, (0, 1)), (Qt.Key.Key_Right, (0, 1))):
        qtbot.keyClick(gradient, key)
        assert gradient.cell == cell
    assert text_of(edge, "gradient-weight-shift").startswith("x shifted by (0, +1)")
    assert text_of(edge, "gradient-headline").startswith("Step 0 ")  # they do not move the run


def test_pointing_at_a_pixel_frames_the_errors_it_is_made_of(edge: MainWindow, qtbot: QtBot) -> None:
    trigger(edge, "train-step")
    settle(qtbot, edge)
    back = picture(edge, "input-picture")
    qtbot.mouseMove(back, back.cell_box((2, 5)).center().toPoint())
    assert picture(edge, "error").window_shown == (2, 4, 1, 2)
    assert back.plane is not None
    assert back.plane.cells is not None
    wanted = words.number(float(back.plane.cells[2, 5]))
    assert text_of(edge, "gradient-input-sum") == f"∂L/∂x[2, 5] = Σ w·∂L/∂y = {wanted}"
    assert wanted in back.words_at(back.cell_box((2, 5)).center())


def test_while_it_plays_there_is_no_step_to_see(edge: MainWindow, qtbot: QtBot) -> None:
    edge.training.edits.set_value("method", "steps", 1_000_000)
    settle(qtbot, edge)
    trigger(edge, "train-play")
    assert page_of(edge).notice == PLAYING
    qtbot.waitUntil(lambda: edge.training.result.frame.step > 1)  # type: ignore[union-attr]
    trigger(edge, "train-play")
    settle(qtbot, edge)
    frame, shown = edge.training.result.frame, page_of(edge).apart
    assert frame is not None
    assert shown is not None
    assert shown.step == frame.step
    assert page_of(edge).notice == ""


def test_nothing_is_taken_apart_while_the_page_is_not_looked_at(
    window: MainWindow, qtbot: QtBot, gate: Gate
) -> None:
    window.training.begin_experiment("edge")
    settle(qtbot, window)
    trigger(window, "train-step")
    settle(qtbot, window)
    assert gate.passed == 0
    one, run = (part(window, QPushButton, f"training-page-{name}") for name in ("One step", "Run"))
    qtbot.mouseClick(one, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert gate.passed == 1
    for button in (run, one):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        settle(qtbot, window)
    assert gate.passed == 1  # it is still that step


def test_a_slow_step_can_be_cancelled_and_asked_for_again(
    window: MainWindow, qtbot: QtBot, gate: Gate
) -> None:
    window.training.begin_experiment("edge")
    settle(qtbot, window)
    gate.close()
    qtbot.mouseClick(part(window, QPushButton, "training-page-One step"), Qt.MouseButton.LeftButton)
    button = part(window, QPushButton, "gradient-button")
    qtbot.waitUntil(button.isVisible)
    assert button.text() == "Cancel"
    assert part(window, QWidget, "gradient-progress").isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert page_of(window).notice == CANCELLED
    settle(qtbot, window)
    assert page_of(window).notice == CANCELLED  # not again by itself
    gate.open()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert page_of(window).apart is not None
    assert page_of(window).notice == ""
    gate.close()
    trigger(window, "train-step")
    stop = part(window, QPushButton, "gradient-busy-cancel")
    qtbot.waitUntil(stop.isVisible)
    assert page_of(window).notice == ""  # the step before stays until then
    trigger(window, "train-step")
    gate.open()
    settle(qtbot, window)
    assert text_of(window, "gradient-headline").startswith("Step 2 ")


def test_each_layer_that_is_learned_can_be_chosen(window: MainWindow, qtbot: QtBot) -> None:
    window.training.begin_experiment("two")
    settle(qtbot, window)
    qtbot.mouseClick(part(window, QPushButton, "training-page-One step"), Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    box = part(window, QComboBox, "gradient-layer")
    assert box.isVisible()
    assert [box.itemText(n) for n in range(box.count())] == ["1 · Mean", "2 · Mean"]
    assert box.currentIndex() == 1
    assert picture(window, "error").note == "2·(ŷ − y)/N"
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Up)
    settle(qtbot, window)
    shown = page_of(window).apart
    assert shown is not None
    assert shown.place == 0
    assert picture(window, "error").note == "from the layers above"
    assert "Adam makes its own step" in text_of(window, "gradient-no-step")
    assert not grid(window, "after").isVisible()


def test_each_kernel_of_a_layer_can_be_seen(window: MainWindow, qtbot: QtBot, gate: Gate) -> None:
    window.session.set_picture(random_picture(3, 24, 32))
    setup = window.session.project.training.with_value("student", "channels", "each")
    window.training.edits.set_setup(setup, "own kernels")
    window.session.end_merge()
    trigger(window, "train")
    settle(qtbot, window)
    qtbot.mouseClick(part(window, QPushButton, "training-page-One step"), Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    shown = page_of(window).apart
    assert shown is not None
    assert shown.weight_checks
    count = text_of(window, "gradient-kernel").split("/")[1]
    onward, back = (part(window, QToolButton, f"gradient-{name}") for name in ("next", "back"))
    assert int(count) > 1
    assert not back.isEnabled()
    for _ in range(int(count) - 1):
        qtbot.mouseClick(onward, Qt.MouseButton.LeftButton)
        settle(qtbot, window)
    assert text_of(window, "gradient-kernel").endswith(f"{count}/{count}")
    assert not onward.isEnabled()
    assert back.isEnabled()
    assert gate.passed == 1
    last = page_of(window).apart
    assert last is not None
    assert last.channels[0] == 2
    assert picture(window, "x").note == "channel 2 of 3, 32×24"


# --- the page alone ---


def kinked() -> StepApart:
    """Sobel on a flat picture under a ReLU: 0 everywhere, which is the kink."""
    lab = lab_of([Conv(), Activation()])
    flat = np.full_like(lab.pair.before, 0.5)
    pair = replace(lab.pair, before=flat, target=np.ones_like(lab.pair.target))
    found = take_apart(lab.network, lab.network.values(), pair, Objective(), 0)
    return step_apart(lab, found)


def test_a_kink_is_told_as_what_it_is(page: GradientPage) -> None:
    page.show_apart(kinked())
    assert "at a kink ◇" in check(page, "weight")
    assert "kink" in set(grid(page, "weight").marks.values())
    tooltip = part(page, CheckLine, "gradient-weight-check").toolTip()
    assert "At a kink of ReLU the slopes of both sides differ" in tooltip
    verdict = part(page, QLabel, "gradient-verdict")
    assert "at a kink ◇" in verdict.text()
    assert "✗" not in verdict.text()


def test_a_wrong_slope_is_not_hidden(page: GradientPage) -> None:
    found = apart(lab_of([Conv.of(*custom(1, 3, 3), padding="valid")]))
    cell = max(found.weight_checks, key=lambda at: abs(found.weight_checks[at].analytic))
    wrong = replace(found.weight_checks[cell], numeric=0.25, error=0.5)
    found = replace(found, weight_checks={**found.weight_checks, cell: wrong}, worst=0.5, agrees=False)
    page.show_apart(found)
    assert check(page, "weight").endswith("error 5e−1 ✗")
    assert grid(page, "weight").marks[cell] == "bad"
    assert part(page, QLabel, "gradient-verdict").text() == "✗ a finite difference disagrees by 5e−1"


def test_an_entry_that_was_not_checked_says_so(page: GradientPage, qtbot: QtBot) -> None:
    found = apart(lab_of([Conv.of(*custom(1, 5, 5), padding="valid")]))
    page.show_apart(found)
    gradient = grid(page, "weight")
    free = next(cell for cell in np.ndindex(5, 5) if cell not in found.weight_checks)
    point(qtbot, gradient, (free[0], free[1]))
    assert check(page, "weight") == f"not among the {len(found.weight_checks)} entries that were checked"
    assert "not among" in gradient.words_at(gradient.cells().rect((free[0], free[1])).center())
    assert len(found.weight_checks) in (8, 9)


def test_tiny_gradients_are_told_in_powers_of_ten(page: GradientPage) -> None:
    found = apart(lab_of([Conv.of(*custom(1, 3, 3), padding="valid")]))
    page.show_apart(replace(found, by_weight=np.full((3, 3), -2.5e-7)))
    gradient = grid(page, "weight")
    assert gradient.title == "∂L/∂w  ·10⁻⁷"
    np.testing.assert_allclose(gradient.kernels[0], -2.5)
    assert "−2.5e−7" in gradient.words_at(gradient.cells().rect((1, 1)).center())
    assert "−2.5e−7" in gradient.accessibleDescription()


@pytest.mark.parametrize("size", [(792, 554), (1346, 866)])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut_off(
    page: GradientPage, qapp: QApplication, size: tuple[int, int], theme: str
) -> None:
    apply_theme(qapp, theme)  # type: ignore[arg-type]
    page.resize(*size)
    for show in shown_in_turn(page):
        show()
        QApplication.processEvents()
        assert (page.width(), page.height()) == size
        for label in page.findChildren(QLabel):
            if not label.isVisible() or not label.text():
                continue
            needs = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
            assert label.height() >= needs, label.objectName()
            if not label.wordWrap():
                assert label.width() >= label.sizeHint().width(), (label.objectName(), label.text())
        for each in page.findChildren(GradientGrid):
            if each.isVisible():
                assert each.rect().toRectF().contains(each.cells().bounds())


def shown_in_turn(page: GradientPage) -> list[Callable[[], None]]:
    return [
        page.show_playing,
        page.show_computing,
        page.show_cancelled,
        *(partial(page.show_apart, apart(lab)) for lab in every_kind()),
    ]


def every_kind() -> list[Lab]:
    plain = Conv.of(*custom(1, 7, 7), padding="same", padding_mode="reflect")
    strided = Conv(bank=Bank.of(*custom(3, 3, 3)), channels="all", stride=(2, 2), dilation=(2, 1))
    stamped = ConvTranspose(bank=Bank.of(*custom(1, 3, 3)), channels="all")
    return [
        lab_of([plain], optimizer="gd", l2=0.125, rate=0.0123),
        lab_of([strided], 3),
        lab_of([stamped], optimizer="rmsprop"),
        lab_of([Involution()], 2, marks="span"),
    ]


def test_everything_with_a_name_explains_itself(page: GradientPage) -> None:
    page.show_apart(apart(lab_of([strided_bank(), Conv.of(*custom(1, 3, 3), channels="all")], 1)))
    for kind in (QPushButton, QToolButton, QComboBox, GradientGrid, PlanePicture):
        for each in page.findChildren(kind):
            assert each.toolTip() or each.objectName() == "gradient-button", each.objectName()
            assert each.accessibleName() or isinstance(each, QPushButton), each.objectName()
            assert each.objectName().startswith("gradient-")


def strided_bank() -> Layer:
    return Conv(bank=Bank.of(*custom(2, 3, 3)), channels="all", padding="same")


def test_showing_asks_for_nothing(page: GradientPage) -> None:
    spies = [QSignalSpy(signal) for signal in (page.chosen, page.compute_requested, page.cancel_requested)]
    page.show_computing()
    page.show_progress(0.5)
    page.show_apart(apart(lab_of([strided_bank()])))
    page.show_failed("Why not.")
    assert page.notice == "Why not."
    page.show_playing()
    page.show_cancelled()
    page.show_nothing()
    assert [spy.count() for spy in spies] == [0, 0, 0]


# --- words ---


@pytest.mark.parametrize(
    ("layer", "formula", "shift"),
    [
        (
            Conv.of(*custom(1, 3, 3), channels="all", padding="same", stride=(2, 1)),
            "∂L/∂w[2, 0] = Σ x[2i + 2, j − 1]·∂L/∂y[i, j] = ",
            "x shifted by (+2, −1)",
        ),
        (
            Conv.of(*custom(1, 3, 3), channels="all", padding="same", operation="convolution"),
            "∂L/∂w[2, 0] = Σ x[i − 1, j + 1]·∂L/∂y[i, j] = ",
            "x shifted by (−1, +1)",
        ),
        (
            ConvTranspose(bank=Bank.of(*custom(1, 3, 3)), channels="all", padding="valid"),
            "∂L/∂w[2, 0] = Σ ∂L/∂y[2i + 2, 2j]·x[i, j] = ",
            "the error shifted by (+2, 0)",
        ),
    ],
)
def test_a_sum_names_the_pixels_that_it_reads(layer: Layer, formula: str, shift: str) -> None:
    found = apart(lab_of([layer]))
    assert words.entry_formula(found, (2, 0)) == formula + words.number(found.by_weight[2, 0])
    assert words.shift_words(found, (2, 0)) == shift


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"loss": "squared"}, "2·(ŷ − y)/N"),
        ({"loss": "squared", "reduction": "sum"}, "2·(ŷ − y)"),
        ({"loss": "absolute"}, "sign(ŷ − y)/N"),
        ({"loss": "huber"}, "(ŷ − y within ±δ)/N"),
    ],
)
def test_the_error_is_told_by_the_loss_in_use(changes: dict[str, Any], wanted: str) -> None:
    lab = lab_of([Conv.of(*custom(1, 3, 3))], **changes)
    found = apart(lab)
    assert words.error_formula(found) == wanted
    prediction = lab.trainer.look().prediction.astype(float)
    error = prediction - lab.pair.target
    rule = {"squared": 2 * error, "absolute": np.sign(error), "huber": np.clip(error, -0.1, 0.1)}
    count = 1 if changes.get("reduction") == "sum" else found.counted
    anatomy = anatomy_of(lab)
    kept = slice(0, lab.pair.split)
    by_rule = rule[changes["loss"]][0, kept] / count
    np.testing.assert_allclose(anatomy.by_output[0, kept], by_rule, atol=1e-6)


def test_the_rotated_kernel_is_the_one_that_slides_back(page: GradientPage) -> None:
    for operation, title in (("correlation", "w rotated 180°"), ("convolution", "w")):
        layer = Conv.of(*custom(1, 3, 2), channels="all", operation=operation, padding="valid")
        lab = lab_of([layer])
        page.show_apart(apart(lab))
        slid = grid(page, "slid")
        assert slid.title == title
        anatomy = anatomy_of(lab)
        wanted = correlate2d(anatomy.by_output[0], slid.values, "full")
        np.testing.assert_allclose(anatomy.by_input[0], wanted, atol=1e-12)


def test_what_happens_at_the_border_and_on_the_way_is_said() -> None:
    layer = Conv(bank=Bank.of(*custom(2, 3, 3)), channels="all", stride=(2, 2), dilation=(2, 2))
    notes = " ".join(words.input_notes(apart(lab_of([layer]))).values())
    for wanted in ("spread 2×2 apart", "dilation", "where the border copied it from", "the 2 filters"):
        assert wanted in notes
    zeros = Conv.of(*custom(1, 3, 3), padding="same", padding_mode="zeros")
    assert list(words.input_notes(apart(lab_of([zeros])))) == ["border"]
    assert words.input_notes(apart(lab_of([Conv.of(*custom(1, 3, 3), padding="valid")]))) == {}


def test_a_kernel_for_all_channels_has_a_sum_over_them() -> None:
    alone, shared = (apart(lab_of([Conv(padding="valid")], channels)) for channels in (1, 3))
    assert words.entry_formula(alone, (0, 1)).startswith("∂L/∂w[0, 1] = Σ x[i, j + 1]·∂L/∂y[i, j] = ")
    said = words.entry_formula(shared, (0, 1))
    assert said.startswith("∂L/∂w[0, 1] = Σ x[c, i, j + 1]·∂L/∂y[c, i, j] = ")
    assert words.weight_formula(shared).endswith("summed over 3 channels")
