"""The feature-map panel: what it asks for, shows, and says that the user wants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QAction, QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QToolButton
from pytestqt.qtbot import QtBot

from convstudio.engine.channel_statistics import order
from convstudio.engine.evaluate import Evaluation
from convstudio.model import Look
from convstudio.session.map_reader import MapRequest, MapSource
from convstudio.ui.feature_maps import FeatureMapsPanel
from convstudio.ui.map_cells import picture_size
from convstudio.ui.map_model import IMAGE_ROLE, MapModel, MapWords, percent
from convstudio.ui.map_view import MapView
from convstudio.ui.theme import apply_theme, theme_of
from tests.ui.map_hands import evaluated, maps_of

KEY = Qt.Key
ROLE = Qt.ItemDataRole


class Desk:
    """The panel with a reader that answers at once, and everything that the panel said."""

    def __init__(self, panel: FeatureMapsPanel) -> None:
        self.panel = panel
        self.source = MapSource()
        self.wanted: list[MapRequest] = []
        self.chosen: list[int | None] = []
        self.compared: list[tuple[str, int | None]] = []
        self.exports: list[str] = []
        panel.maps_wanted.connect(self.answer)
        panel.channel_chosen.connect(self.chosen.append)
        panel.compare_requested.connect(lambda layer, channel: self.compared.append((layer, channel)))
        panel.export_requested.connect(self.exports.append)

    def answer(self, request: MapRequest) -> None:
        self.wanted.append(request)
        self.panel.show_maps(self.source.read(request))

    @property
    def view(self) -> MapView:
        view = self.panel.findChild(MapView)
        assert view is not None
        return view

    @property
    def model(self) -> MapModel:
        model = self.panel.findChild(MapModel)
        assert model is not None
        return model

    def button(self, name: str) -> QToolButton:
        button = self.panel.findChild(QToolButton, name)
        assert button is not None
        return button

    def pick(self, name: str, value: str) -> None:
        """Choose a line of a button's menu."""
        action = self.button(name).menu().findChild(QAction, f"{name}-{value}")
        assert action is not None
        action.trigger()

    def text(self, name: str) -> str:
        label = self.panel.findChild(QLabel, name)
        assert label is not None
        return label.text()

    def place(self, channel: int | None) -> QPoint:
        return self.view.cell_rect(channel).center().toPoint()

    def click(self, channel: int | None, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.mouseClick(
            self.view.viewport(), Qt.MouseButton.LeftButton, modifiers, self.place(channel), delay=1
        )

    def labels(self) -> list[str]:
        return [self.model.index(row, 0).data() for row in range(self.model.rowCount())]


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    panel = FeatureMapsPanel()
    qtbot.addWidget(panel)
    panel.resize(836, panel.height())
    made = Desk(panel)
    panel.show()
    qtbot.waitExposed(panel)
    panel.activateWindow()
    return made


def show(desk: Desk, evaluation: Evaluation) -> Evaluation:
    desk.panel.show_result(evaluation)
    QApplication.processEvents()
    return evaluation


# --- what is shown ---


def test_before_the_first_result_it_says_so_and_offers_nothing(desk: Desk) -> None:
    assert desk.text("maps-nothing")
    assert not desk.view.isVisible()
    assert not desk.button("maps-export").isEnabled()
    assert desk.panel.request is None
    assert desk.wanted == []


def test_every_channel_has_a_cell_with_its_number_and_name(desk: Desk) -> None:
    show(desk, evaluated(4))
    assert desk.labels() == ["0 Sobel x", "1 Sobel y", "2 Mean", "3 Gaussian"]
    assert desk.text("maps-title") == "FEATURE MAPS · 4 CHANNELS"
    assert desk.view.isVisible()
    assert desk.view.currentIndex().data() == "0 Sobel x"
    assert 118 <= desk.panel.height() <= 134


def test_three_channels_also_have_a_cell_for_all(desk: Desk) -> None:
    show(desk, evaluated(3, look=Look("signed", None)))
    assert desk.labels()[0] == "all"
    assert desk.view.currentIndex().row() == 0
    desk.click(2)
    desk.click(None)
    assert desk.chosen == [2, None]


def test_one_channel_is_one_cell_that_is_no_channel_picked(desk: Desk) -> None:
    show(desk, evaluated(1, look=Look("signed", None)))
    assert desk.labels() == ["0 Sobel x"]
    assert desk.text("maps-title") == "FEATURE MAPS · 1 CHANNEL"
    assert desk.view.currentIndex().row() == 0
    assert desk.panel.order == (0,)


def test_the_pixels_are_those_that_were_read(desk: Desk) -> None:
    show(desk, evaluated(4))
    maps = desk.panel.maps
    assert maps is not None
    image = desk.model.index(2, 0).data(IMAGE_ROLE)
    height, width, _ = maps.pixels[2].shape
    assert (image.width(), image.height()) == (width, height)
    assert image.pixel(5, 7) == int(maps.pixels[2].view(np.uint32)[7, 5, 0])


def test_another_channel_is_framed_when_the_project_says_so(desk: Desk) -> None:
    show(desk, evaluated(4))
    show(desk, evaluated(4, look=Look("signed", 3)))
    assert desk.view.currentIndex().data() == "3 Gaussian"
    assert desk.chosen == []  # showing is no choosing


def test_maps_of_a_layer_that_is_no_longer_selected_are_not_shown(desk: Desk) -> None:
    show(desk, evaluated(4))
    old = desk.panel.maps
    assert old is not None
    show(desk, evaluated(2, layer_id="conv-2"))
    desk.panel.show_maps(old)
    assert desk.labels() == ["0 Sobel x", "1 Sobel y"]


def test_a_click_on_maps_that_are_about_to_go_chooses_nothing(desk: Desk) -> None:
    show(desk, evaluated(4))
    desk.panel.maps_wanted.disconnect(desk.answer)
    show(desk, evaluated(2, layer_id="conv-2"))
    desk.click(3)
    desk.click(3, Qt.KeyboardModifier.ControlModifier)
    assert (desk.chosen, desk.compared) == ([], [])


def test_where_there_is_no_result_a_sentence_says_why(desk: Desk) -> None:
    show(desk, evaluated(4))
    desk.panel.show_nothing("The kernel is larger than what is left.")
    assert desk.text("maps-nothing") == "The kernel is larger than what is left."
    assert desk.labels() == []
    assert not desk.button("maps-scale").isEnabled()


def test_a_hidden_panel_asks_for_nothing_until_it_is_seen(desk: Desk) -> None:
    desk.panel.hide()
    show(desk, evaluated(4))
    assert desk.wanted == []
    desk.panel.show()
    assert len(desk.wanted) == 1
    desk.panel.hide()
    desk.panel.set_watched(True)
    assert len(desk.wanted) == 2


# --- choosing ---


def test_a_click_chooses_a_channel(desk: Desk) -> None:
    show(desk, evaluated(4))
    desk.click(2)
    assert desk.chosen == [2]


def test_arrows_and_enter_choose_by_keyboard(desk: Desk) -> None:
    show(desk, evaluated(4))
    desk.panel.focus_maps()
    for key in (KEY.Key_Right, KEY.Key_Right, KEY.Key_Left, KEY.Key_Return, KEY.Key_End):
        QTest.keyClick(desk.view, key)
    assert desk.chosen == [1, 2, 1, 1, 3]


def test_arrows_go_up_and_down_in_the_grid(desk: Desk, qtbot: QtBot) -> None:
    show(desk, evaluated(8))
    desk.button("maps-grid").click()
    desk.panel.resize(620, 560)
    qtbot.wait(10)
    desk.panel.focus_maps()
    across = sum(desk.view.cell_rect(c).top() == desk.view.cell_rect(0).top() for c in range(8))
    assert 1 < across < 8
    QTest.keyClick(desk.view, KEY.Key_Down)
    QTest.keyClick(desk.view, KEY.Key_Up)
    assert desk.chosen == [across, 0]


def test_ctrl_and_a_click_or_enter_ask_to_compare(desk: Desk) -> None:
    show(desk, evaluated(4))
    desk.click(2, Qt.KeyboardModifier.ControlModifier)
    desk.panel.focus_maps()
    QTest.keyClick(desk.view, KEY.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert desk.compared == [("conv-1", 2), ("conv-1", 0)]
    assert desk.chosen == []


def test_the_menu_of_a_map_shows_it_or_compares_with_it(desk: Desk, qtbot: QtBot) -> None:
    show(desk, evaluated(4))
    place = desk.place(3)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, desk.view.viewport().mapToGlobal(place))
    QApplication.sendEvent(desk.view.viewport(), event)
    menu = desk.view.findChild(QMenu, "map-menu")
    assert menu is not None
    show_it, compare = menu.actions()
    compare.trigger()
    show_it.trigger()
    menu.close()
    assert desk.compared == [("conv-1", 3)]
    assert desk.chosen == [3]
    qtbot.waitUntil(lambda: desk.view.findChild(QMenu, "map-menu") is None)


def test_a_press_beside_the_maps_or_with_another_button_chooses_nothing(desk: Desk) -> None:
    show(desk, evaluated(4))
    viewport = desk.view.viewport()
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=QPoint(viewport.width() - 5, 20))
    QTest.mouseClick(viewport, Qt.MouseButton.RightButton, pos=desk.place(3))
    assert desk.chosen == []
    assert desk.view.currentIndex().row() == 0
    assert desk.view.selectionModel().isSelected(desk.model.index(0, 0))


def test_what_is_pinned_is_named_and_marked_and_can_be_let_go(desk: Desk, qtbot: QtBot) -> None:
    show(desk, evaluated(4))
    chip = desk.button("maps-pinned")
    assert not chip.isVisible()
    desk.panel.show_pinned("conv-1", 2, "Conv 3→4 · 2 Mean")
    assert chip.isVisible()
    assert "A: Conv 3→4 · 2 Mean" in chip.text()
    assert "Conv 3→4 · 2 Mean" in chip.toolTip()
    with qtbot.waitSignal(desk.panel.compare_cleared):
        chip.click()
    desk.panel.show_pinned(None)
    assert not chip.isVisible()


def test_a_long_pinned_name_is_cut_where_the_line_is_short(desk: Desk) -> None:
    show(desk, evaluated(4))
    words = "A layer with a very long name that somebody gave it · 123 Laplacian of Gaussian"
    desk.panel.show_pinned("conv-1", 2, words)
    chip, scale = desk.button("maps-pinned"), desk.button("maps-scale")
    QApplication.processEvents()
    assert chip.geometry().right() < scale.geometry().left()
    assert "…" in chip.text()
    assert words in chip.toolTip()


# --- scale, order, grid, export ---


def test_the_scale_is_chosen_and_asked_for(desk: Desk) -> None:
    show(desk, evaluated(4))
    own = desk.panel.maps
    desk.pick("maps-scale", "shared")
    shared = desk.panel.maps
    assert own is not None
    assert shared is not None
    assert (own.shared, shared.shared) == (False, True)
    assert desk.button("maps-scale").text().startswith("shared")
    assert not np.array_equal(own.pixels, shared.pixels)


@pytest.mark.parametrize("sort", ["energy", "mean", "zeros"])
def test_maps_are_sorted_and_the_chosen_one_stays(desk: Desk, sort: str) -> None:
    show(desk, evaluated(4, look=Look("signed", 1)))
    desk.pick("maps-sort", sort)
    maps = desk.panel.maps
    assert maps is not None
    assert desk.panel.order == order(maps.stats, sort)
    assert desk.view.currentIndex().data() == "1 Sobel y"
    assert desk.chosen == []
    desk.pick("maps-sort", "index")
    assert desk.panel.order == (0, 1, 2, 3)


def test_the_strip_grows_into_a_grid_with_larger_pictures(desk: Desk, qtbot: QtBot) -> None:
    show(desk, evaluated(8, size=(240, 360)))
    small, toggled = desk.view.box, []
    desk.panel.grid_toggled.connect(toggled.append)
    desk.button("maps-grid").click()
    desk.panel.resize(836, 500)
    before = len(desk.wanted)
    qtbot.waitUntil(lambda: len(desk.wanted) > before)
    assert toggled == [True]
    assert desk.panel.is_grid
    assert desk.view.box.width() > small.width()
    assert desk.wanted[-1].box == (desk.view.box.height(), desk.view.box.width())
    bottom = max(desk.view.cell_rect(c).bottom() for c in range(8))
    assert bottom <= desk.view.viewport().height()  # eight fit without scrolling
    desk.button("maps-grid").click()
    assert desk.view.box == small
    assert desk.panel.height() < 140


def test_256_maps_scroll_and_only_what_comes_into_sight_is_painted(desk: Desk, qtbot: QtBot) -> None:
    show(desk, evaluated(256))
    desk.button("maps-grid").click()
    desk.panel.resize(836, 500)
    qtbot.wait(10)
    bar = desk.view.verticalScrollBar()
    assert bar.maximum() > 1000
    bar.setValue(500)
    QApplication.processEvents()
    rows: list[int] = []
    whole = desk.view.channel_at
    desk.view.channel_at = lambda row: rows.append(row) or whole(row)  # type: ignore[method-assign,func-returns-value]
    bar.setValue(520)
    QApplication.processEvents()
    across = sum(desk.view.cell_rect(c).top() == desk.view.cell_rect(0).top() for c in range(20))
    assert 1 <= len(rows) <= 2 * across


def test_the_wheel_scrolls_the_strip_sideways(desk: Desk) -> None:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent

    show(desk, evaluated(40))
    viewport = desk.view.viewport()
    place = QPointF(50.0, 20.0)
    event = QWheelEvent(
        place,
        QPointF(viewport.mapToGlobal(place.toPoint())),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)
    assert desk.view.horizontalScrollBar().value() > 0


def test_exports_are_asked_for(desk: Desk) -> None:
    show(desk, evaluated(4))
    for kind in ("pictures", "sheet", "values"):
        desk.pick("maps-export", kind)
    assert desk.exports == ["pictures", "sheet", "values"]


# --- words and looks ---


def test_a_map_says_its_numbers_and_what_the_view_clips(desk: Desk) -> None:
    show(desk, evaluated(4, look=Look("clamped", 0)))
    index = desk.model.index(0, 0)
    said = index.data(ROLE.ToolTipRole)
    for word in ("0 Sobel x", "Minimum −", "maximum", "mean", "standard deviation", "zero", "are clipped"):
        assert word in said
    assert index.data(ROLE.AccessibleTextRole) == "map-0 Sobel x"
    assert "Minimum" in index.data(ROLE.AccessibleDescriptionRole)
    assert desk.model.index(99, 0).data() is None
    assert desk.model.data(QModelIndex()) is None


def test_the_numbers_of_all_channels_are_those_of_all_values() -> None:
    values = np.random.default_rng(0).standard_normal((3, 20, 30)).astype(np.float32)
    values[0] += 2.0
    values[1, :, 0] = 0.0
    values[2, 3, :4] = (math.nan, math.inf, -math.inf, math.nan)
    words = MapWords(maps_of(values, channel=None), None)
    finite = values[np.isfinite(values)].astype(np.float64)
    numbers = words.numbers()
    assert numbers["low"] == pytest.approx(finite.min())
    assert numbers["high"] == pytest.approx(finite.max())
    assert numbers["mean"] == pytest.approx(finite.mean(), rel=1e-5)
    assert numbers["deviation"] == pytest.approx(finite.std(), rel=1e-5)
    assert numbers["zeros"] == pytest.approx((values == 0).mean())
    assert (words.nonfinite, words.cells) == (4, values.size)


def test_a_map_without_a_finite_value_says_so() -> None:
    values = np.zeros((2, 4, 5), np.float32)
    values[1] = math.nan
    words = MapWords(maps_of(values), 1)
    assert "None of the 20 values" in " ".join(words.sentences())
    assert words.range_text() == "not finite"


def test_magnitudes_are_clipped_at_one_end_only() -> None:
    values = np.linspace(-1.0, 1.0, 24, dtype=np.float32).reshape(1, 4, 6)
    maps = maps_of(values, view="absolute")
    assert MapWords(maps, None).clipped == (0, 0)


def test_shares_that_are_tiny_or_nearly_all_are_not_rounded_away() -> None:
    assert [percent(share) for share in (0.0, 1e-9, 0.012, 0.5, 0.9999, 1.0)] == [
        "0 %",
        "<0.1 %",
        "1.2 %",
        "50 %",
        ">99.9 %",
        "100 %",
    ]


def test_a_picture_keeps_its_proportions_and_is_never_nothing() -> None:
    from PySide6.QtCore import QSize

    box = QSize(100, 50)
    assert picture_size((100, 200), box) == QSize(100, 50)
    assert picture_size((1, 1), box) == QSize(50, 50)
    assert picture_size((1, 4000), box) == QSize(100, 2)
    assert picture_size((4000, 1), box) == QSize(2, 50)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
@pytest.mark.parametrize("grid", [False, True])
def test_maps_of_any_shape_are_painted(desk: Desk, size: tuple[int, int], grid: bool) -> None:
    desk.panel.set_grid(grid)
    show(desk, evaluated(4, size=size))
    assert not desk.panel.grab().isNull()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_frame_of_the_chosen_map_is_the_accent(
    undressed: None, desk: Desk, theme: Any, qapp: Any
) -> None:
    apply_theme(qapp, theme)
    show(desk, evaluated(4))
    image = desk.view.viewport().grab().toImage()
    corner = desk.view.cell_rect(0).topLeft().toPoint()
    accent = theme_of(desk.panel).accent
    found = {image.pixelColor(corner + QPoint(x, y)).name() for x in range(8) for y in range(20, 30)}
    assert accent in found
    other = desk.view.cell_rect(1).topLeft().toPoint() + QPoint(0, 0)
    assert accent not in {
        image.pixelColor(other + QPoint(x, y)).name() for x in range(2, 8) for y in range(20, 30)
    }


def test_controls_have_names_and_tooltips_and_take_the_keyboard(desk: Desk) -> None:
    for name in ("maps-scale", "maps-sort", "maps-export", "maps-grid"):
        button = desk.button(name)
        assert button.accessibleName()
        assert button.toolTip()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_pictures_that_would_be_too_small_to_see_are_scrolled_to(desk: Desk, qtbot: QtBot) -> None:
    show(desk, evaluated(8, size=(240, 320)))
    desk.panel.set_grid(True)
    desk.panel.resize(816, 255)
    qtbot.waitUntil(lambda: desk.view.viewport().height() < 240)
    QApplication.processEvents()
    assert picture_size((240, 320), desk.view.box).width() >= 110
    assert desk.view.verticalScrollBar().maximum() > 0
    assert desk.view.horizontalScrollBar().maximum() == 0


def test_pictures_of_another_size_are_shown_until_the_new_ones_are_read(desk: Desk, qtbot: QtBot) -> None:
    show(desk, evaluated(4, size=(240, 320)))
    desk.panel.maps_wanted.disconnect(desk.answer)
    desk.panel.set_grid(True)
    desk.panel.resize(816, 500)
    QApplication.processEvents()
    assert not desk.panel.grab().isNull()
    desk.panel.maps_wanted.connect(desk.answer)
    qtbot.waitUntil(lambda: bool(desk.wanted) and desk.wanted[-1].box[0] > 100)
    maps = desk.panel.maps
    assert maps is not None
    assert maps.pixels.shape[1] > 100
