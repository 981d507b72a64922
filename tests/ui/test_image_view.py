"""The image view: which cell is under the cursor, what is drawn where, and what it says."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.engine.display import render
from convstudio.ui.image_view import ImageView
from convstudio.ui.theme import DARK, LIGHT, Theme, apply_theme
from convstudio.ui.view_picture import Axis, ViewPicture, output_axis, padded_border
from convstudio.ui.viewport import Viewport

WIDTH, HEIGHT = 400, 300
LEFT = Qt.MouseButton.LeftButton


def cells(rows: int = 30, columns: int = 40, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(5).random((channels, rows, columns), dtype=np.float32)


def picture(values: np.ndarray, view: str = "clamped", **more: object) -> ViewPicture:
    return ViewPicture.of(render(values, view), values, **more)  # type: ignore[arg-type]


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return apply_theme(qapp, "dark")


@pytest.fixture
def view(qtbot: QtBot, theme: Theme) -> ImageView:
    made = ImageView(Viewport())
    made.viewport.setParent(made)
    made.resize(WIDTH, HEIGHT)
    qtbot.addWidget(made)
    made.show()
    return made


def show(view: ImageView, shown: ViewPicture, scale: float | None = None, at: QPointF | None = None) -> None:
    view.viewport.set_content(shown.padded_extent)
    view.show_picture(shown)
    if scale is not None:
        view.viewport.zoom_to(scale)
        view.viewport.centre_on(at or QPointF(20.0, 15.0))


def grab(view: ImageView) -> np.ndarray:
    """The pixels of the view as (H, W, 3) red, green, blue."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    words = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return np.stack([words >> 16 & 255, words >> 8 & 255, words & 255], axis=-1).astype(np.uint8)


def colour_of(shown: ViewPicture, row: int, column: int) -> tuple[int, int, int]:
    blue, green, red, _ = (int(level) for level in shown.pixels[row, column])
    return red, green, blue


def rgb(name: str) -> tuple[int, int, int]:
    colour = QColor(name)
    return colour.red(), colour.green(), colour.blue()


# --- geometry ---


@pytest.mark.parametrize("scale", [1.0, 2.5, 7.0, 20.0])
@pytest.mark.parametrize("axes", [(Axis(), Axis()), (Axis(0.5, 2.0), Axis(-1.0, 3.0))])
def test_each_cell_is_drawn_where_the_cursor_finds_it(
    view: ImageView, scale: float, axes: tuple[Axis, Axis]
) -> None:
    shown = picture(cells(12, 12), rows=axes[0], columns=axes[1])
    show(view, shown, scale, shown.extent.center())
    pixels = grab(view)
    plain = scale * max(axes[0].pitch, axes[1].pitch) < 8  # neither grid nor numbers
    step = 3 if scale < 5 else 17
    found = set()
    for y in range(1, HEIGHT, step):
        for x in range(1, WIDTH, step):
            middle = QPointF(x + 0.5, y + 0.5)  # of a screen pixel
            cell = view.cell_at(middle)
            if cell is None:
                assert tuple(pixels[y, x]) == rgb(DARK.canvas)
                continue
            found.add(cell)
            assert view.cell_rect(*cell).contains(middle)
            if plain:
                assert tuple(pixels[y, x]) == colour_of(shown, *cell)
    assert len(found) > 10


def test_cells_below_a_pixel_are_averaged_and_not_picked(view: ImageView) -> None:
    checkers = (np.indices((600, 800)).sum(axis=0) % 2).astype(np.float32)[None]
    show(view, picture(checkers))
    middle = grab(view)[100:200, 100:300]
    assert middle.min() >= 126
    assert middle.max() <= 129


def test_a_new_picture_in_the_same_memory_is_drawn_anew(view: ImageView) -> None:
    values = np.zeros((1, 600, 800), np.float32)
    first = render(values, "clamped")
    show(view, ViewPicture.of(first, values))
    assert tuple(grab(view)[150, 200]) == (0, 0, 0)
    again = render(values + 1.0, "clamped", out=first.pixels)
    view.show_picture(ViewPicture.of(again, values + 1.0))
    assert tuple(grab(view)[150, 200]) == (255, 255, 255)


def test_an_output_with_stride_2_lies_over_its_input(qtbot: QtBot, theme: Theme) -> None:
    viewport = Viewport()
    host = QWidget()
    qtbot.addWidget(host)
    row = QHBoxLayout(host)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(0)
    before, after = ImageView(viewport), ImageView(viewport)
    row.addWidget(before)
    row.addWidget(after)
    host.resize(2 * WIDTH, HEIGHT)
    host.show()
    values = cells(21, 21, channels=1)
    axis = output_axis(1, 3, 2, 1)  # a 3×3 kernel, padding 1, stride 2: over every other pixel
    before.show_picture(picture(values))
    after.show_picture(picture(values[:, ::2, ::2].copy(), rows=axis, columns=axis))
    viewport.set_content(before.picture.extent if before.picture else None)  # type: ignore[arg-type]
    for scale in (2.0, 9.0, 30.0):
        viewport.zoom_to(scale)
        small, large = before.cell_rect(8, 12), after.cell_rect(4, 6)
        assert abs(large.center().x() - small.center().x()) <= 1.0
        assert abs(large.center().y() - small.center().y()) <= 1.0
        assert large.width() == pytest.approx(2 * small.width(), abs=1.0)
    assert after.cell_at(before.cell_rect(8, 12).center()) == (4, 6)
    viewport.setParent(host)


def test_views_with_one_viewport_pan_and_zoom_together(qtbot: QtBot, theme: Theme) -> None:
    viewport = Viewport()
    views = [ImageView(viewport) for _ in range(2)]
    for each in views:
        qtbot.addWidget(each)
        each.resize(WIDTH, HEIGHT)
        each.show()
        show(each, picture(cells()), 20.0)
    qtbot.mousePress(views[0], LEFT, pos=QPoint(200, 150))
    qtbot.mouseMove(views[0], QPoint(210, 150))
    qtbot.mouseMove(views[0], QPoint(240, 130))
    qtbot.mouseRelease(views[0], LEFT, pos=QPoint(240, 130))
    assert viewport.centre == QPointF(18.0, 16.0)
    for each in views:
        assert each.cell_rect(16, 18).contains(QPointF(200, 150))
    viewport.setParent(views[0])


def wheel(view: ImageView, at: QPointF, turn: int) -> None:
    event = QWheelEvent(
        at,
        view.mapToGlobal(at),
        QPoint(),
        QPoint(0, turn),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def test_the_wheel_zooms_about_the_cursor(view: ImageView) -> None:
    show(view, picture(cells()), 20.0)
    at = QPointF(130, 220)
    before = view.input_at(at)
    wheel(view, at, 360)
    assert view.viewport.scale == pytest.approx(40.0)
    after = view.input_at(at)
    assert (after - before).manhattanLength() < 1e-9
    wheel(view, at, -720)
    assert view.viewport.scale == pytest.approx(10.0)


def test_the_keyboard_navigates(qtbot: QtBot, view: ImageView) -> None:
    show(view, picture(cells()), 20.0)
    for key, done in (
        (Qt.Key.Key_Plus, lambda: view.viewport.scale == 24.0),
        (Qt.Key.Key_Minus, lambda: view.viewport.scale == 16.0),
        (Qt.Key.Key_Right, lambda: view.viewport.centre.x() > 20.0),
        (Qt.Key.Key_1, lambda: view.viewport.scale == 1.0),
        (Qt.Key.Key_0, lambda: view.viewport.fitting),
    ):
        view.viewport.zoom_to(20.0) if key != Qt.Key.Key_0 else None
        qtbot.keyClick(view, key)
        assert done(), key


def test_a_double_click_goes_to_actual_size_and_back(qtbot: QtBot, view: ImageView) -> None:
    show(view, picture(cells(300, 900)))
    qtbot.mouseDClick(view, LEFT, pos=QPoint(200, 150))
    assert view.viewport.scale == 1.0
    qtbot.mouseDClick(view, LEFT, pos=QPoint(200, 150))
    assert view.viewport.fitting


# --- looking and clicking ---


def test_moving_over_cells_tells_which_and_leaving_tells_too(qtbot: QtBot, view: ImageView) -> None:
    show(view, picture(cells()), 20.0)
    told: list[tuple[int, int]] = []
    view.cell_hovered.connect(lambda row, column: told.append((row, column)))
    for point in (QPoint(200, 150), QPoint(203, 152), QPoint(221, 150), QPoint(221, 171)):
        qtbot.mouseMove(view, point)
    assert told == [(15, 20), (15, 21), (16, 21)]
    with qtbot.waitSignal(view.hover_left):
        view.viewport.fit()  # the margin comes under the cursor
        qtbot.mouseMove(view, QPoint(2, 2))
    assert view.hovered is None


def test_the_cell_under_a_still_cursor_changes_when_the_picture_moves(qtbot: QtBot, view: ImageView) -> None:
    show(view, picture(cells()), 20.0)
    qtbot.mouseMove(view, QPoint(200, 150))
    with qtbot.waitSignal(view.cell_hovered) as moved:
        view.viewport.pan_by(-40, 0)
    assert moved.args == [15, 22]


def test_a_click_is_told_and_a_drag_is_not(qtbot: QtBot, view: ImageView) -> None:
    show(view, picture(cells()), 20.0)
    with qtbot.waitSignal(view.cell_clicked) as clicked:
        qtbot.mouseClick(view, LEFT, pos=QPoint(200, 150))
    assert clicked.args == [15, 20]
    with qtbot.assertNotEmitted(view.cell_clicked):
        qtbot.mousePress(view, LEFT, pos=QPoint(200, 150))
        qtbot.mouseMove(view, QPoint(230, 150))
        qtbot.mouseRelease(view, LEFT, pos=QPoint(230, 150))
        qtbot.mouseClick(view, Qt.MouseButton.MiddleButton, pos=QPoint(200, 150))


def test_showing_says_nothing(qtbot: QtBot, view: ImageView) -> None:
    show(view, picture(cells()), 20.0)
    qtbot.mouseMove(view, QPoint(200, 150))
    signals = (view.cell_hovered, view.hover_left, view.cell_clicked, view.viewport.changed)
    said: list[object] = []
    for signal in signals:
        signal.connect(lambda *args: said.append(args))
    view.show_cell(3, 4)
    view.show_window(QRect(1, 2, 3, 3), (2, 2))
    view.show_dimmed(True)
    view.show_picture(picture(cells(2, 2)))
    view.show_message("Open a picture.")
    grab(view)
    assert not said


def test_read_out() -> None:
    values = np.array([0.5654, 0.5211, -0.443], np.float32).reshape(3, 1, 1)
    view = ImageView(Viewport())
    assert view.value_text(0, 0) == ""
    view.show_picture(picture(values, border=padded_border(values, ((1, 0), (0, 0)), "constant", 0.25)))
    assert view.value_text(0, 0) == "R 0.565  G 0.521  B −0.443"
    assert view.value_text(-1, 0) == "R 0.250  G 0.250  B 0.250  (padding)"
    assert view.value_text(0, 1) == ""
    view.show_picture(ViewPicture.of(render(values, "signed", channel=2), values, channel=2))
    assert view.value_text(0, 0) == "−0.443"
    view.viewport.deleteLater()
    view.deleteLater()


# --- what is drawn ---


@pytest.mark.parametrize(("scale", "some"), [(27.0, False), (29.0, True), (60.0, True)])
def test_numbers_appear_once_a_cell_is_wide_enough(view: ImageView, scale: float, some: bool) -> None:
    show(view, picture(np.full((1, 30, 40), 0.5, np.float32)), scale)
    inside = view.cell_rect(15, 20).toRect().adjusted(2, 2, -2, -2)
    part = grab(view)[inside.top() : inside.bottom(), inside.left() : inside.right()]
    assert bool(part.min() < 64) is some


def test_what_is_left_of_a_zero_by_rounding_is_written_without_an_exponent(view: ImageView) -> None:
    def drawn(value: float) -> np.ndarray:
        values = np.zeros((1, 30, 40), np.float32)
        values[0, :10] = -1.0  # the scale
        values[0, 15, 20] = value
        show(view, picture(values, "signed"), 60.0)
        inside = view.cell_rect(15, 20).toRect().adjusted(2, 2, -2, -2)
        return grab(view)[inside.top() : inside.bottom(), inside.left() : inside.right()]

    np.testing.assert_array_equal(drawn(6e-8), drawn(3e-7))
    assert (drawn(6e-8) != drawn(0.0)).any(), "it is no exact zero"
    assert (drawn(6e-8) != drawn(6e-5)).any()


@pytest.mark.parametrize(("scale", "some"), [(7.9, False), (16.0, True)])
@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_the_grid_fades_in_on_any_colour(view: ImageView, scale: float, some: bool, grey: float) -> None:
    show(view, picture(np.full((1, 30, 40), grey, np.float32)), scale)
    rect = view.cell_rect(15, 20).toRect()
    row = grab(view)[rect.center().y(), rect.left() - 3 : rect.right() + 4].astype(int)
    assert bool(np.ptp(row) > 12) is some


def test_padded_cells_have_their_values_and_are_darker(view: ImageView) -> None:
    values = np.full((1, 30, 40), 0.8, np.float32)
    values[:, 0] = 0.4
    shown = picture(values, border=padded_border(values, ((3, 3), (3, 3)), "replicate"))
    show(view, shown, 6.0, QPointF(2.0, 2.0))
    pixels = grab(view)

    def at(row: int, column: int) -> int:
        point = view.cell_rect(row, column).center().toPoint()
        return int(pixels[point.y(), point.x(), 0])

    assert at(0, 5) == 102
    assert at(5, 5) == 204
    assert 0 < at(-2, 5) < 80
    assert at(-2, 5) < at(5, -2) < 160


def test_unread_cells_are_hatched_and_others_are_not(view: ImageView) -> None:
    values = np.full((1, 30, 40), 0.5, np.float32)
    shown = picture(values, unread=(2, 3))
    show(view, shown, 6.0, QPointF(35.0, 25.0))
    pixels = grab(view)

    def spread(row: int, column: int) -> int:
        rect = view.cell_rect(row, column).toRect()
        return int(np.ptp(pixels[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1]))

    for row, column in ((29, 10), (28, 25), (10, 37), (29, 39)):
        assert spread(row, column) > 40
    for row, column in ((27, 36), (20, 20)):
        assert spread(row, column) == 0


@pytest.mark.parametrize("name", ["dark", "light"])
def test_a_cell_and_a_window_are_outlined(qapp: QApplication, view: ImageView, name: str) -> None:
    own = apply_theme(qapp, "dark" if name == "dark" else "light")
    assert own == (DARK if name == "dark" else LIGHT)
    show(view, picture(np.full((1, 30, 40), 0.5, np.float32)), 12.0)

    def highlighted(where: QRect) -> int:
        pixels = grab(view)[where.top() : where.bottom() + 1, where.left() : where.right() + 1]
        return int((pixels == rgb(own.highlight)).all(axis=-1).sum())

    cell, window = view.cell_rect(15, 20), view.cell_rect(15, 20).united(view.cell_rect(17, 22))
    near, wide = cell.toRect().adjusted(-4, -4, 4, 4), window.toRect().adjusted(-4, -4, 4, 4)
    assert highlighted(wide) == 0
    view.show_cell(15, 20)
    solid = highlighted(near)
    assert solid > 40
    view.show_cell(None)
    assert highlighted(near) == 0
    view.show_window(QRect(20, 15, 3, 3))
    dashed = highlighted(wide)
    assert 0 < dashed < 3 * 4 * 3 * 12
    view.show_window(None)
    assert highlighted(wide) == 0


def test_a_dimmed_picture_is_nearer_to_the_canvas_until_the_next(view: ImageView) -> None:
    shown = picture(np.ones((1, 30, 40), np.float32))
    show(view, shown)
    bright = int(grab(view)[150, 200, 0])
    view.show_dimmed(True)
    assert view.dimmed
    assert int(grab(view)[150, 200, 0]) < bright - 60
    view.show_picture(shown)
    assert int(grab(view)[150, 200, 0]) == bright


def test_words_instead_of_a_picture(view: ImageView) -> None:
    view.show_message("Open a picture.")
    pixels = grab(view)
    assert tuple(pixels[5, 5]) == rgb(DARK.canvas)
    assert np.ptp(pixels[130:170].astype(int)) > 60
    assert view.cell_at(QPointF(200, 150)) is None


def test_focus_is_seen_when_it_came_by_the_keyboard(view: ImageView) -> None:
    show(view, picture(cells()))
    view.setFocus(Qt.FocusReason.MouseFocusReason)
    assert tuple(grab(view)[1, 50]) == rgb(DARK.canvas)
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    if view.hasFocus():
        assert tuple(grab(view)[1, 50]) == rgb(DARK.accent)


def test_hidden_views_do_not_count_and_keep_nothing(view: ImageView) -> None:
    show(view, picture(cells()))
    scale = view.viewport.scale
    view.viewport.set_view_size("other", 900, 900)
    view.hide()
    assert view.viewport.scale > scale
    view.show()
    assert view.viewport.scale == scale
