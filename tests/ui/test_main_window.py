"""The whole window: what it shows agrees with SciPy, is of the present, and survives what goes wrong."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot
from scipy import ndimage

from convstudio.core import Control
from convstudio.engine.proof import Proof
from convstudio.kernels import PRESETS, Kernel
from convstudio.layers import Conv, Luminance
from convstudio.layers.luminance import LUMINANCE_WEIGHTS
from convstudio.model import PHOTO, Picture
from convstudio.session import computing
from convstudio.ui.compare_view import CompareView
from convstudio.ui.image_view import ImageView
from convstudio.ui.main_window import DEFAULT_SIZE, MainWindow
from tests.ui.window_hands import (
    LAYER,
    drop,
    files,
    kernel_of,
    open_window,
    part,
    proofs,
    random_picture,
    settle,
    shown_values,
    text_of,
)


def fail(window: MainWindow, qtbot: QtBot) -> None:
    """Ask for something that cannot be: a kernel larger than the picture, without padding."""
    window.session.set_picture(random_picture(3, 5, 6))
    settle(qtbot, window)
    window.session.set_param(LAYER, "padding", "valid")
    settle(qtbot, window)
    window.session.set_kernel(LAYER, Kernel.custom(np.ones((7, 3))))
    settle(qtbot, window)


# --- what it shows ---


def test_it_opens_on_a_picture_with_an_edge_filter(window: MainWindow) -> None:
    assert kernel_of(window).preset == "sobel-x"
    values = window.session.project.picture.values
    assert values.shape[0] == 3
    assert min(values.shape[1:]) > 200
    kernel = PRESETS["sobel-x"].make().values
    for channel, shown in enumerate(shown_values(window)):
        expected = ndimage.correlate(values[channel].astype(np.float64), kernel, mode="mirror")
        np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert window.views.painted_results >= 1
    assert "matches SciPy" in proofs(window)[0]
    assert "matches SciPy" in proofs(window)[1]
    assert proofs(window)[2] == "✓"
    assert not window.message_bar.isVisible()
    assert window.session.project.picture.name in window.windowTitle()


def test_what_is_set_in_the_window_is_what_scipy_computes(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_picture(random_picture(3, 40, 50))
    weights = np.random.default_rng(3).standard_normal((4, 3))
    window.editor.edited.emit(Kernel.custom(weights), "")
    window.control.edits.add([Luminance()], PHOTO)
    window.session.select(LAYER)
    for name, value in (
        ("channels", "all"),
        ("operation", "convolution"),
        ("padding", ((2, 3), (1, 4))),
        ("padding_mode", "constant"),
        ("padding_value", 0.25),
        ("stride", (2, 3)),
        ("dilation", (2, 1)),
        ("bias", 0.125),
    ):
        window.inspector.edited.emit(name, value)
    settle(qtbot, window)
    picture = window.session.project.picture.values.astype(np.float64)
    grey = np.tensordot(np.array(LUMINANCE_WEIGHTS), picture, 1)
    padded = np.pad(grey, ((2, 3), (1, 4)), constant_values=0.25)
    stuffed = np.zeros((7, 3))
    stuffed[::2] = weights[::-1, ::-1]
    # correlate gives the cell of the window's middle: 3 rows and 1 column from its corner.
    dense = ndimage.correlate(padded, stuffed, mode="constant")[3:-3, 1:-1]
    np.testing.assert_allclose(shown_values(window)[0], dense[::2, ::3] + 0.125, atol=1e-5)
    assert proofs(window)[2] == "✓"


def test_the_card_and_headers_follow(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_picture(random_picture(3, 40, 50, "mine.png"))
    window.session.set_kernel(LAYER, PRESETS["mean"].make())
    window.session.set_param(LAYER, "stride", (2, 2))
    settle(qtbot, window)
    assert "mine.png" in window.windowTitle()
    assert text_of(window, "card-photo-shape") == "3×40×50"
    assert text_of(window, f"card-{LAYER}-shape") == "3×20×25"
    header = part(window, QWidget, "output-header")
    assert header.accessibleDescription() == f"{PRESETS['mean'].make().title}, 20×25"


def test_a_new_picture_is_shown_whole(window: MainWindow, qtbot: QtBot) -> None:
    for _ in range(4):
        window.views.zoom_in()
    zoom = part(window, QToolButton, "zoom-button")
    assert not zoom.text().startswith("fit")
    window.session.set_bias(LAYER, 0.5)
    settle(qtbot, window)
    assert not zoom.text().startswith("fit"), "an edit leaves the place that is looked at"
    window.session.set_picture(random_picture())
    settle(qtbot, window)
    assert zoom.text().startswith("fit")


def test_comparing_lays_the_output_over_the_input(window: MainWindow) -> None:
    both = part(window, CompareView, "compare-view")
    assert not both.isVisible()
    window.actions_table["compare"].trigger()
    assert both.isVisible()
    assert not part(window, ImageView, "output-view").isVisible()
    window.actions_table["compare"].trigger()
    assert part(window, ImageView, "input-view").isVisible()


def test_pictures_of_odd_shapes(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_param(LAYER, "padding_mode", "replicate")
    for shape in ((1, 1, 1), (3, 1, 1), (1, 1, 4000), (3, 4000, 2)):
        window.session.set_picture(random_picture(*shape))
        settle(qtbot, window)
        window.grab()
        assert shown_values(window).shape == shape
        assert proofs(window)[2] == "✓", shape
        assert not window.message_bar.isVisible(), shape


def test_pixels_that_are_no_numbers_are_counted(window: MainWindow, qtbot: QtBot) -> None:
    values = np.full((3, 20, 20), 0.5, np.float32)
    values[:, 4, 4] = np.nan
    values[:, 14, 14] = np.inf
    window.session.set_picture(Picture(values, "broken.npy"))
    settle(qtbot, window)
    window.grab()
    notes = [each for each in window.findChildren(QLabel, "nonfinite-note") if each.isVisible()]
    assert notes
    assert any("18" in each.text() for each in notes)
    assert proofs(window)[2] == "✓"


def test_a_grey_picture_has_no_channels_to_choose(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_channel(2)
    window.session.set_picture(random_picture(1))
    settle(qtbot, window)
    buttons = window.findChildren(QToolButton, "channel-button")
    assert buttons
    assert not any(button.isVisible() for button in buttons)
    assert not any(control.isEnabled() for control in window.inspector.form.field("channels").controls())
    window.session.set_picture(random_picture(3))
    settle(qtbot, window)
    assert any(button.isVisible() for button in buttons)


# --- what is not up to date ---


def test_no_proof_is_claimed_for_what_is_not_computed_yet(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove, hold = computing.prove, threading.Event()

    def prove_slowly(*what: Any) -> Proof:
        hold.wait(10.0)
        return prove(*what)

    monkeypatch.setattr(computing, "prove", prove_slowly)
    window.session.set_bias(LAYER, 0.5)
    qtbot.waitUntil(lambda: not any("matches" in text or "✓" in text for text in proofs(window)))
    qtbot.waitUntil(lambda: any("checking" in text for text in proofs(window)))
    assert not any("matches" in text or "✓" in text for text in proofs(window))
    hold.set()
    settle(qtbot, window)
    assert proofs(window)[2] == "✓"
    window.session.set_view("minmax")
    assert proofs(window)[2] == "✓", "looking at it in another way leaves the result as it is"
    settle(qtbot, window)


def test_the_read_out_follows_the_result(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_picture(Picture(np.full((1, 8, 8), 0.5, np.float32), "flat"))
    window.session.set_kernel(LAYER, Kernel.custom([[1.0]]))
    settle(qtbot, window)
    view = part(window, ImageView, "output-view")
    view.moved_to(view.cell_rect(3, 4).center())
    assert "x 4  y 3" in text_of(window, "readout-cursor")
    assert text_of(window, "readout-cursor").endswith("0.500")
    window.session.set_kernel(LAYER, Kernel.custom([[3.0]]))
    settle(qtbot, window)
    assert text_of(window, "readout-cursor").endswith("1.500")
    window.session.set_picture(Picture(np.full((1, 2, 2), 0.5, np.float32), "small"))
    settle(qtbot, window)
    assert text_of(window, "readout-cursor") == "", "there is no such cell any more"


def test_on_a_screen_smaller_than_the_window_it_starts_maximized(
    undressed: None, qtbot: QtBot, tmp_path: Path
) -> None:
    window = open_window(qtbot, tmp_path / "fresh.ini", None)
    assert window.screen().availableSize().width() < DEFAULT_SIZE[0], "what this test stands on"
    assert window.isMaximized()
    window.close()


def test_what_does_not_fit_is_said_with_what_to_do(window: MainWindow, qtbot: QtBot) -> None:
    assert "ms" in text_of(window, "readout-algorithm")
    window.session.set_picture(Picture(np.full((1, 1, 1), 0.5, np.float32), "dot"))
    settle(qtbot, window)
    assert window.message_bar.text() == (
        "Reflection can fill 0 px beside 1 px, but 1 px are padded. Choose another border, or less padding."
    )
    assert text_of(window, "readout-algorithm") == "", "nothing was computed"


def test_tab_reaches_every_control_from_left_to_right(window: MainWindow) -> None:
    met: list[str] = []
    window.sidebar.setFocus()
    for _ in range(90):
        QTest.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        name = (window.focusWidget() or window).objectName()
        if name in met and name != "kernel-grid":
            break
        met.append(name)
    wanted = [
        "sample-still-life",
        "input-view",
        "view-button",
        "kernel-preset",
        "kernel-rows",
        "kernel-columns",
        "kernel-square",
        "kernel-grid",
        "kernel-tool-flip-horizontal",
        "param-channels-each",
        "param-padding_mode-control",
        "param-bias-control",
    ]
    assert [name for name in met if name in wanted] == sorted(
        [name for name in met if name in wanted], key=wanted.index
    )
    assert set(wanted) <= set(met)
    assert "button-pictures" not in met


def test_focus_given_to_the_editor_goes_to_the_weights(window: MainWindow) -> None:
    window.sidebar.setFocus()
    window.editor.setFocus()
    assert (window.focusWidget() or window).objectName() == "kernel-grid"


def test_a_failed_parameter_keeps_the_last_picture_dimmed(window: MainWindow, qtbot: QtBot) -> None:
    fail(window, qtbot)
    view = part(window, ImageView, "output-view")
    assert view.dimmed
    assert view.picture is not None
    assert window.message_bar.level() == "error"
    assert "7" in window.message_bar.text()
    assert not any("matches" in text or "✓" in text for text in proofs(window))
    problems = [
        each
        for each in window.inspector.findChildren(QLabel)
        if each.isVisible() and each.property("role") == "problem" and each.text()
    ]
    assert problems, "the layer carries the error inline"
    window.session.undo()
    settle(qtbot, window)
    assert not view.dimmed
    assert not window.message_bar.isVisible()
    assert shown_values(window).shape == (3, 3, 4)
    assert proofs(window)[2] == "✓"


def test_the_comparison_is_dimmed_too_and_recovers(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["compare"].trigger()
    fail(window, qtbot)
    window.grab()
    window.session.undo()
    settle(qtbot, window)
    window.grab()
    assert not window.message_bar.isVisible()


def test_cancelling_offers_to_compute_again(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_bias(LAYER, 0.5)
    window.session.cancel_computing()
    assert part(window, ImageView, "output-view").dimmed
    assert window.message_bar.level() == "warning"
    part(window, QPushButton, "message-action").click()
    settle(qtbot, window)
    assert not part(window, ImageView, "output-view").dimmed
    assert not window.message_bar.isVisible()
    assert proofs(window)[2] == "✓"


# --- pictures in ---


def write_picture(path: Path, shape: tuple[int, int] = (11, 13)) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


def test_a_file_can_be_dropped_anywhere(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    for target in ("input-view", "output-view", "sidebar", "inspector", "readout", "tool-bar"):
        path = write_picture(tmp_path / f"{target}.png")
        assert drop(part(window, QWidget, target), files(path)), target
        settle(qtbot, window)
        assert window.session.project.picture.name == path.name
        assert shown_values(window).shape == (3, 11, 13)


def test_of_several_files_the_first_is_opened_and_that_is_said(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    paths = [write_picture(tmp_path / f"{name}.png") for name in "abc"]
    drop(part(window, QWidget, "input-view"), files(*paths))
    settle(qtbot, window)
    assert window.session.project.picture.name == "a.png"
    assert "first" in window.message_bar.text()
    assert window.message_bar.isVisible()


def test_a_picture_can_be_dropped_on_the_panels(window: MainWindow, qtbot: QtBot) -> None:
    data = QMimeData()
    image = QImage(6, 5, QImage.Format.Format_RGB32)
    image.fill(0xFF804020)
    data.setImageData(image)
    assert drop(part(window, QWidget, "sidebar"), data)
    settle(qtbot, window)
    assert window.session.project.picture.shape == (3, 5, 6)


def test_what_is_no_picture_is_not_taken(window: MainWindow) -> None:
    data = QMimeData()
    data.setText("words")
    assert not drop(part(window, QWidget, "sidebar"), data)
    assert not drop(part(window, QWidget, "input-view"), data)


def test_a_bad_file_leaves_the_window_as_it_was(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no picture at all\n" * 30)
    before, values = window.session.project, shown_values(window)
    drop(part(window, QWidget, "input-view"), files(path))
    settle(qtbot, window)
    assert window.session.project is before
    assert shown_values(window) is values
    assert not part(window, ImageView, "output-view").dimmed
    assert window.message_bar.level() == "error"
    assert "notes.txt" in window.message_bar.text()
    drop(part(window, QWidget, "input-view"), files(write_picture(tmp_path / "good.png")))
    settle(qtbot, window)
    assert not window.message_bar.isVisible(), "a picture that opens ends the complaint about the last one"


# --- remembered ---


def test_the_layout_is_remembered(undressed: None, qtbot: QtBot, tmp_path: Path) -> None:
    store = tmp_path / "layout.ini"
    first = open_window(qtbot, store, None)
    first.resize(790, 640)
    QGuiApplication.processEvents()
    for name, sizes in (("main-splitter", [234, 240, 316]), ("view-splitter", [130, 200])):
        part(first, QSplitter, name).setSizes(sizes)
    QGuiApplication.processEvents()
    left = {name: part(first, QSplitter, name).sizes() for name in ("main-splitter", "view-splitter")}
    first.close()
    second = open_window(qtbot, store, None)
    assert (second.width(), second.height()) == (790, 640)
    for name, sizes in left.items():
        assert part(second, QSplitter, name).sizes() == sizes, name
    second.close()


def test_the_theme_is_remembered(undressed: None, qtbot: QtBot, tmp_path: Path) -> None:
    first = open_window(qtbot, tmp_path / "theme.ini")
    first.actions_table["theme-light"].trigger()
    light = first.palette().window().color().lightnessF()
    first.actions_table["theme-dark"].trigger()
    assert first.palette().window().color().lightnessF() < 0.3 < light
    first.actions_table["theme-light"].trigger()
    first.close()
    second = open_window(qtbot, tmp_path / "theme.ini")
    assert second.actions_table["theme-light"].isChecked()
    assert second.palette().window().color().lightnessF() == light
    second.close()


def test_a_theme_for_one_run_is_not_remembered(undressed: None, qtbot: QtBot, tmp_path: Path) -> None:
    from PySide6.QtCore import QSettings

    from convstudio.session.settings import Settings

    settings = Settings(QSettings(str(tmp_path / "one.ini"), QSettings.Format.IniFormat))
    window = MainWindow(settings, theme="light", size=(1000, 700))
    qtbot.addWidget(window)
    assert window.actions_table["theme-light"].isChecked()
    assert settings.theme == "system"
    window.close()


def test_a_switch_of_theme_redraws_the_icons(window: MainWindow) -> None:
    def ink() -> int:
        """Return the lightness of the darkest-drawn pixel: the colour that icons are drawn in."""
        image = window.actions_table["undo"].icon().pixmap(16, 16).toImage()
        pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        return max(pixels, key=lambda colour: colour.alpha()).lightness()

    window.session.set_bias(LAYER, 0.5)  # switched on, its icon has its full colour
    window.actions_table["theme-light"].trigger()
    on_light = ink()
    window.actions_table["theme-dark"].trigger()
    assert ink() > on_light + 80
    assert not window.message_bar.isVisible()


# --- long work ---


def test_a_long_job_can_be_cancelled_from_the_strip(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def endless(self: Conv, source: object, *, control: Control, **_: object) -> None:
        began.set()
        done = 0
        while True:
            done += 1
            control.report(min(done, 400), 1000)
            time.sleep(0.002)

    values = shown_values(window)
    strip = part(window, QWidget, "progress-strip")
    with monkeypatch.context() as patch:
        patch.setattr(Conv, "forward", endless)
        window.session.set_bias(LAYER, 0.5)
        qtbot.waitUntil(began.is_set)
        assert not strip.isVisible(), "the first moment shows nothing"
        qtbot.waitUntil(strip.isVisible)
        bar = part(strip, QProgressBar, "progress-bar")
        qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == 0.4 * bar.maximum())
        window.session.set_view("absolute")  # the window answers, and the newer request waits its turn
        part(strip, QPushButton, "progress-cancel").click()
        qtbot.waitUntil(lambda: not strip.isVisible())
    assert not window.session.busy
    assert shown_values(window) is values
    assert part(window, ImageView, "output-view").dimmed
    window.session.undo()
    window.session.undo()
    settle(qtbot, window)
    assert not part(window, ImageView, "output-view").dimmed
    assert shown_values(window) is values, "from the cache"


def test_saving_shows_in_the_message_bar_and_loading_on_the_strip(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strip = part(window, QWidget, "progress-strip")
    hold = threading.Event()

    def wait(*_: object, **__: object) -> None:
        hold.wait(10.0)

    with monkeypatch.context() as patch:
        patch.setattr("convstudio.session.saver.save_result", wait)
        window.session.save(tmp_path / "r.npy")
        qtbot.waitUntil(strip.isVisible)
        assert text_of(window, "progress-text") == "Saving r.npy…"
        hold.set()
        settle(qtbot, window)
    assert not strip.isVisible()
    assert window.message_bar.text() == "Saved r.npy."
