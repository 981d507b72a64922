"""The whole kernel editor, through real events."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QLabel,
    QLineEdit,
    QScrollBar,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from convstudio.kernels import Kernel, preset, transform
from convstudio.ui.kernel_editor import KernelEditor
from convstudio.ui.kernel_header import PresetButton
from convstudio.ui.kernel_library import KernelLibrary
from convstudio.ui.kernel_surface import KernelSurface
from convstudio.ui.param_form import ParamForm
from tests.ui.kernel_hands import Ear, click, drag, focused, put_on_clipboard, spot, type_into

KEY = Qt.Key
ASYMMETRIC = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 0.5]])


@pytest.fixture
def editor(qtbot: QtBot) -> KernelEditor:
    editor = KernelEditor()
    qtbot.addWidget(editor)
    editor.show_kernel(preset("sobel-x").make())
    editor.resize(290, 560)
    editor.show()
    qtbot.waitExposed(editor)
    editor.activateWindow()
    return editor


def custom(values: np.ndarray) -> Kernel:
    return preset("identity").make().custom(np.asarray(values, dtype=float))


def child(editor: KernelEditor, kind: type, name: str):
    found = editor.findChild(kind, name)
    assert found is not None, name
    return found


class TestShowing:
    def test_it_emits_nothing(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        for kernel in (
            preset("gaussian").make(),
            custom(ASYMMETRIC),
            custom(np.ones((20, 20))),
            custom([[3.0]]),
            preset("mean").make(),
        ):
            editor.show_kernel(kernel)
            assert editor.kernel() == kernel
            np.testing.assert_array_equal(editor.surface().values(), kernel.values)
        assert not ear.edits
        assert not ear.problems

    def test_the_title_is_on_the_button(self, editor: KernelEditor) -> None:
        editor.show_kernel(preset("gaussian").make())
        assert preset("gaussian").title in child(editor, PresetButton, "kernel-preset").accessibleName()

    def test_the_same_kernel_does_not_disturb_typing(self, editor: KernelEditor) -> None:
        click(editor.surface(), (0, 0))
        type_into(editor, "1/")
        editor.show_kernel(preset("sobel-x").make())
        field = focused(editor)
        assert isinstance(field, QLineEdit)
        assert field.text() == "1/"

    def test_numbers_up_to_nine_then_a_picture(self, editor: KernelEditor) -> None:
        editor.show_kernel(custom(np.ones((9, 9))))
        small = editor.surface()
        editor.show_kernel(custom(np.ones((10, 9))))
        big = editor.surface()
        assert small is not big
        assert big.isVisible()
        assert not small.isVisible()

    def test_the_card_follows(self, editor: KernelEditor, qtbot: QtBot) -> None:
        editor.show_kernel(custom(np.full((5, 5), 0.04)))
        line = child(editor, QLabel, "kernel-insight-facts")
        qtbot.waitUntil(lambda: "25 → 10" in line.text())


class TestEditing:
    def test_a_typed_cell_forks_the_preset(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        click(editor.surface(), (1, 1))
        type_into(editor, "1/9", KEY.Key_Return)
        kernel, key = ear.edits[-1]
        assert isinstance(kernel, Kernel)
        assert kernel.preset is None
        assert kernel.title.startswith("Custom")
        assert kernel.values[1, 1] == 1 / 9
        assert key == ""
        assert editor.kernel() == kernel

    def test_a_scrub_is_one_undo_step(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        start = spot(editor.surface(), (1, 1))
        drag(editor.surface(), [start, start + QPoint(0, -8), start + QPoint(0, -16), start + QPoint(0, -24)])
        assert len(ear.edits) == 3
        assert len(ear.keys()) == 1
        assert ear.keys() != {""}

    def test_an_owner_that_shows_it_back_changes_nothing(self, editor: KernelEditor) -> None:
        editor.edited.connect(lambda kernel, _key: editor.show_kernel(kernel))
        ear = Ear(editor)
        start = spot(editor.surface(), (0, 0))
        drag(editor.surface(), [start, start + QPoint(0, -8), start + QPoint(0, -16)])
        assert [round(float(e[0].values[0, 0]), 6) for e in ear.edits] == [-0.8, -0.6]

    def test_a_bad_text_is_explained_under_the_grid(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        click(editor.surface(), (0, 0))
        type_into(editor, "1a", KEY.Key_Return)
        line = child(editor, QLabel, "kernel-problem")
        assert line.isVisible()
        assert line.text()
        type_into(editor, "", KEY.Key_Escape)
        assert not line.isVisible()
        assert not ear.edits

    def test_a_bad_paste_is_passed_on(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        editor.surface().setFocus()
        put_on_clipboard("not a kernel")
        QTest.keyClick(editor.surface(), KEY.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert len(ear.problems) == 1
        assert not ear.edits

    def test_a_big_paste_opens_the_picture(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        grid = editor.surface()
        grid.setFocus()
        put_on_clipboard("\n".join("\t".join("1" for _ in range(12)) for _ in range(11)))
        QTest.keyClick(grid, KEY.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert ear.last().shape == (11, 12)
        assert editor.surface() is not grid
        assert editor.surface().hasFocus()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("flip-horizontal", transform.flip_horizontal),
        ("flip-vertical", transform.flip_vertical),
        ("rotate", transform.rotate_90),
        ("transpose", transform.transpose),
        ("negate", transform.negate),
        ("normalize", transform.normalize),
        ("centre", transform.centre),
    ],
)
def test_transforms(editor: KernelEditor, name: str, change) -> None:
    values = np.zeros((4, 3))
    values[:2, :2] = [[2.0, 1.0], [0.5, -0.25]]
    editor.show_kernel(custom(values))
    ear = Ear(editor)
    button = child(editor, QToolButton, f"kernel-tool-{name}")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    np.testing.assert_array_equal(ear.last(), change(values))
    assert ear.keys() == {""}


def test_a_transform_that_changes_nothing_keeps_the_preset(editor: KernelEditor) -> None:
    editor.show_kernel(preset("gaussian").make())
    ear = Ear(editor)
    QTest.mouseClick(child(editor, QToolButton, "kernel-tool-transpose"), Qt.MouseButton.LeftButton)
    assert not ear.edits
    assert editor.kernel().preset == "gaussian"


class TestSize:
    def test_linked_it_stays_square_and_keeps_what_was_entered(self, editor: KernelEditor) -> None:
        before = np.arange(1.0, 10.0).reshape(3, 3)
        editor.show_kernel(custom(before))
        ear = Ear(editor)
        QTest.keyClick(child(editor, QSpinBox, "kernel-rows"), KEY.Key_Up)
        assert ear.last().shape == (4, 4)
        np.testing.assert_array_equal(ear.last(), transform.resize(before, 4, 4))
        assert ear.last().sum() == before.sum()
        assert np.abs(ear.last()).sum() == np.abs(before).sum()

    def test_unlinked_it_may_be_oblong(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        QTest.mouseClick(child(editor, QAbstractButton, "kernel-square"), Qt.MouseButton.LeftButton)
        QTest.keyClick(child(editor, QSpinBox, "kernel-columns"), KEY.Key_Down)
        assert ear.last().shape == (3, 2)
        assert not ear.problems

    def test_a_square_preset_is_made_anew_at_the_size(self, editor: KernelEditor) -> None:
        editor.show_kernel(preset("gaussian").make(sigma=1.5, size=10))
        ear = Ear(editor)
        QTest.keyClick(child(editor, QSpinBox, "kernel-rows"), KEY.Key_Up)
        assert ear.edits == [(preset("gaussian").make(sigma=1.5, size=11), "")]

    def test_an_oblong_preset_is_the_users_own(self, editor: KernelEditor) -> None:
        editor.show_kernel(preset("gaussian").make(size=5))
        ear = Ear(editor)
        QTest.mouseClick(child(editor, QAbstractButton, "kernel-square"), Qt.MouseButton.LeftButton)
        QTest.keyClick(child(editor, QSpinBox, "kernel-rows"), KEY.Key_Up)
        kernel = ear.edits[-1][0]
        assert isinstance(kernel, Kernel)
        assert kernel.preset is None
        assert kernel.shape == (6, 5)
        assert kernel.title == f"Custom (from {preset('gaussian').title})"

    def test_the_size_stands_in_one_place(self, editor: KernelEditor) -> None:
        editor.show_kernel(preset("gaussian").make())
        assert "size" not in child(editor, ParamForm, "kernel-params").names()

    def test_arrows_go_in_the_presets_steps(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        QTest.keyClick(child(editor, QSpinBox, "kernel-rows"), KEY.Key_Up)
        assert ear.edits == [(preset("sobel-x").make(size=5), "")]

    def test_a_size_that_the_preset_has_not_can_be_typed(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        spin = child(editor, QSpinBox, "kernel-rows")
        spin.setFocus()
        spin.selectAll()
        type_into(editor, "16", KEY.Key_Return)
        assert len(ear.edits) == 1
        np.testing.assert_array_equal(ear.last(), transform.resize(preset("sobel-x").make().values, 16, 16))

    def test_growing_again_brings_back_what_shrinking_cut(self, editor: KernelEditor) -> None:
        before = np.arange(1.0, 10.0).reshape(3, 3)
        editor.show_kernel(custom(before))
        ear = Ear(editor)
        rows = child(editor, QSpinBox, "kernel-rows")
        for key in (KEY.Key_Down, KEY.Key_Down, KEY.Key_Up, KEY.Key_Up):
            QTest.keyClick(rows, key)
        np.testing.assert_array_equal(ear.last(), before)
        QTest.keyClick(rows, KEY.Key_Down)
        click(editor.surface(), (0, 0))
        type_into(editor, "7", KEY.Key_Return)
        edited = ear.last()
        assert edited.shape == (2, 2)
        QTest.keyClick(rows, KEY.Key_Up)
        np.testing.assert_array_equal(ear.last(), transform.resize(edited, 3, 3))

    def test_the_range_is_one_to_63(self, editor: KernelEditor) -> None:
        for name in ("kernel-rows", "kernel-columns"):
            spin = child(editor, QSpinBox, name)
            assert (spin.minimum(), spin.maximum()) == (1, 63)


class TestPresets:
    def test_parameters_appear_and_make_that_preset_anew(self, editor: KernelEditor) -> None:
        editor.show_kernel(preset("gaussian").make())
        ear = Ear(editor)
        form = child(editor, ParamForm, "kernel-params")
        field = form.field("sigma")
        spin = next(c for c in field.controls() if isinstance(c, QAbstractSpinBox))
        spin.setFocus()
        for _ in range(3):
            QTest.keyClick(spin, KEY.Key_Up)
        assert len(ear.edits) == 3
        assert len(ear.keys()) == 1
        assert ear.keys() != {""}
        kernel = ear.edits[-1][0]
        assert isinstance(kernel, Kernel)
        assert kernel.preset == "gaussian"
        default = dict(preset("gaussian").make().params)["sigma"]
        sigma = dict(kernel.params)["sigma"]
        assert sigma > default
        assert kernel == preset("gaussian").make(**dict(kernel.params))

    def test_parameters_vanish_with_the_first_own_cell(self, editor: KernelEditor, qtbot: QtBot) -> None:
        editor.show_kernel(preset("gaussian").make())
        editor.surface().setFocus()
        QTest.keyClick(editor.surface(), KEY.Key_Delete)
        qtbot.waitUntil(lambda: editor.findChild(ParamForm, "kernel-params") is None)
        assert editor.kernel().preset is None

    def test_the_library_opens_and_its_choice_is_an_edit(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        QTest.mouseClick(child(editor, PresetButton, "kernel-preset"), Qt.MouseButton.LeftButton)
        library = child(editor, KernelLibrary, "kernel-library")
        assert library.isVisible()
        field = child(library, QLineEdit, "kernel-library-search")
        QTest.keyClicks(field, "gauss")
        QTest.keyClick(field, KEY.Key_Return)
        assert not library.isVisible()
        assert ear.edits == [(preset("gaussian").make(), "")]

    def test_escape_closes_the_library_without_an_edit(self, editor: KernelEditor) -> None:
        ear = Ear(editor)
        editor.open_library()
        library = child(editor, KernelLibrary, "kernel-library")
        field = child(library, QLineEdit, "kernel-library-search")
        QTest.keyClick(field, KEY.Key_Escape)
        assert not library.isVisible()
        assert not ear.edits


class TestPicture:
    def test_the_cells_field_and_the_brush(self, editor: KernelEditor) -> None:
        editor.show_kernel(custom(np.zeros((15, 15))))
        canvas: KernelSurface = editor.surface()
        ear = Ear(editor)
        canvas.set_current((2, 3))
        canvas.setFocus()
        type_into(editor, "1/4", KEY.Key_Return)
        assert ear.last()[2, 3] == 0.25
        brush = child(editor, QLineEdit, "kernel-brush-value")
        brush.setFocus()
        brush.selectAll()
        type_into(editor, "-2", KEY.Key_Return)
        click(canvas, (0, 0))
        assert ear.last()[0, 0] == -2.0
        assert child(editor, QLineEdit, "kernel-cell-value").text() == "−2"


def controls(editor: KernelEditor) -> list[QWidget]:
    """Return what takes the user's input, without the parts that Qt puts into a spin box or a list."""
    kinds = (QAbstractButton, QAbstractSpinBox, QAbstractSlider, QLineEdit, KernelSurface)
    found = [widget for widget in editor.findChildren(QWidget) if isinstance(widget, kinds)]
    compound = (QAbstractSpinBox, QLineEdit, QScrollBar)
    return [w for w in found if not isinstance(w, QScrollBar) and not isinstance(w.parentWidget(), compound)]


def test_every_control_has_a_name_and_a_tooltip(editor: KernelEditor) -> None:
    editor.show_kernel(preset("gaussian").make())
    editor.open_library()
    found = controls(editor)
    assert len(found) >= 16
    for widget in found:
        label = f"{type(widget).__name__} {widget.objectName()!r}"
        assert widget.objectName(), label
        assert widget.accessibleName(), label
        assert widget.toolTip(), label
    child(editor, KernelLibrary, "kernel-library").close()
