"""The training form: what it hides, what it tells, its pickers and check boxes, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from convstudio.kernels import Kernel, preset
from convstudio.layers import Activation, Conv
from convstudio.model import Project
from convstudio.model.training import TrainingSetup
from convstudio.spec.params import ChoiceParam
from convstudio.ui.fields.choice_field import ChoiceField
from convstudio.ui.fields.hint_line import HintLine
from convstudio.ui.fields.log_float_field import LogFloatField
from convstudio.ui.param_form import ParamForm
from convstudio.ui.theme import apply_theme
from convstudio.ui.training_form import TrainingForm
from tests.ui.tool_hands import bank, project_of
from tests.ui.window_hands import drop, files, part

WEIGHTS, BIASES = "training-mark-conv-1-weight", "training-mark-conv-1-bias"


class Heard:
    """Everything that a form told."""

    def __init__(self, form: TrainingForm) -> None:
        self.edits: list[tuple[str, str, Any]] = []
        self.ended = 0
        self.files: list[tuple[str, str]] = []
        self.marks: list[tuple[str, str, bool]] = []
        self.rates: list[float] = []
        form.value_edited.connect(lambda *what: self.edits.append(what))
        form.merge_ended.connect(self._end)
        form.files_chosen.connect(lambda *what: self.files.append(what))
        form.mark_toggled.connect(lambda *what: self.marks.append(what))
        form.suggested_rate_taken.connect(self.rates.append)

    def _end(self) -> None:
        self.ended += 1

    def nothing(self) -> bool:
        return not (self.edits or self.ended or self.files or self.marks or self.rates)


@pytest.fixture
def form(qtbot: QtBot) -> Iterator[TrainingForm]:
    made = TrainingForm()
    qtbot.addWidget(made)
    made.resize(320, 1200)
    made.show_project(project(), None)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    yield made
    made.close()


def project(**values: Any) -> Project:
    """Noise under two convolutions with ReLU between, and a training with these values ("pair__grey")."""
    made = project_of([Conv(bank(4), channels="all"), Activation(), Conv(bank(2, seed=1), channels="all")])
    setup = TrainingSetup()
    for name, value in values.items():
        setup = setup.with_value(*name.split("__"), value)
    return replace(made, training=setup)


def field_name(part_name: str, name: str) -> str:
    return f"training-{part_name}-{name}"


def is_shown(form: TrainingForm, part_name: str, name: str) -> bool:
    label = form.findChild(QLabel, f"{field_name(part_name, name)}-label")
    assert label is not None, (part_name, name)
    return label.isVisibleTo(form)


def declared() -> list[tuple[str, str]]:
    setup = TrainingSetup()
    return [
        (part_name, each.name)
        for part_name in ("pair", "student", "method")
        for each in getattr(setup, part_name).parameters()
    ]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"pair__source": "files"},
        {"pair__source": "edge"},
        {"pair__source": "stack", "pair__noise": 0.1},
        {"student__kind": "stack"},
        {"student__channels": "grouped", "student__padding": "same", "student__start": "he"},
        {"method__optimizer": "nesterov", "method__schedule": "cosine", "method__loss": "huber"},
        {"method__data": "batch", "method__schedule": "step"},
    ],
)
def test_every_declared_value_has_a_row_and_those_without_a_part_are_hidden(
    form: TrainingForm, values: dict[str, Any]
) -> None:
    heard, shown = Heard(form), project(**values)
    form.show_project(shown, None)
    for part_name, name in declared():
        assert is_shown(form, part_name, name) == shown.training.applies(part_name, name), (part_name, name)
    assert heard.nothing()


def test_values_are_shown_without_a_word_and_edits_are_told(form: TrainingForm, qtbot: QtBot) -> None:
    heard = Heard(form)
    form.show_project(project(pair__noise=0.25, student__size=(5, 7), method__rate=3e-4), None)
    assert heard.nothing()
    assert form.field_form("student", "size").field("size").value() == (5, 7)
    rate = form.field_form("method", "rate").field("rate")
    assert isinstance(rate, LogFloatField)
    assert rate.spin.text() == "0.0003"
    rate.spin.setFocus()
    qtbot.keyClick(rate.spin, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(rate.spin, "1e-2")
    assert heard.edits[-1] == ("method", "rate", 0.01)
    before = heard.ended
    qtbot.keyClick(rate.spin, Qt.Key.Key_Return)
    assert heard.ended == before + 1
    student = form.field_form("student", "kind").field("kind")
    assert isinstance(student, ChoiceField)
    assert student.segments is not None
    qtbot.mouseClick(student.segments.button("stack"), Qt.MouseButton.LeftButton)
    assert heard.edits[-1] == ("student", "kind", "stack")


def test_the_parts_are_named_apart_from_those_of_the_inspector(form: TrainingForm) -> None:
    names = [each.objectName() for each in form.findChildren(QWidget) if each.objectName()]
    assert not [name for name in names if name.startswith("param-") and name != "param-form"]
    assert part(form, QWidget, "training-student-stride-vertical").accessibleName() == "Stride, vertical"


def test_the_tab_key_goes_from_top_to_bottom(form: TrainingForm, qtbot: QtBot) -> None:
    form.show_project(project(pair__source="files", student__kind="stack", student__start="preset"), None)
    form.show_rate(0.8, 0.4)
    QApplication.processEvents()
    first = form.field_form("pair", "source").field("source").controls()[0]
    first.setFocus()
    rows = []
    while (now := QApplication.focusWidget()) not in (None, form):  # the area that scrolls closes the circle
        assert now is not None
        assert len(rows) < 100
        rows.append(now.mapTo(form.panel, now.rect().center()).y() // 8)
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    assert len(rows) > 20
    assert all(below >= above - 1 for above, below in pairwise(rows))


# --- kernels ---


def choose_preset(form: TrainingForm, qtbot: QtBot, name: str, text: str) -> None:
    button = part(form, QPushButton, f"{name}-choose")
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    search = part(form, QLineEdit, "kernel-library-search")
    qtbot.keyClicks(search, text)
    qtbot.keyClick(search, Qt.Key.Key_Return)


def test_a_teacher_is_chosen_in_the_library_by_keyboard(form: TrainingForm, qtbot: QtBot) -> None:
    heard = Heard(form)
    choose_preset(form, qtbot, "training-teacher", "laplacian")
    (where, name, kernel), *more = heard.edits
    assert (where, name, more) == ("pair", "teacher", [])
    assert "laplacian" in (kernel.preset or "")
    assert part(form, QPushButton, "training-teacher-choose").accessibleName().startswith(kernel.title)


def test_the_numbers_of_a_presets_kernel_stand_under_it(form: TrainingForm, qtbot: QtBot) -> None:
    form.show_project(project(pair__teacher=preset("gaussian").make()), None)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    heard = Heard(form)
    numbers = part(form, ParamForm, "training-teacher-params")
    control = numbers.field("sigma").controls()[1]
    control.setFocus()
    qtbot.keyClick(control, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(control, "2.5")
    where, name, kernel = heard.edits[-1]
    assert (where, name) == ("pair", "teacher")
    assert dict(kernel.params)["sigma"] == 2.5
    form.show_project(project(pair__teacher=Kernel.custom(((1.0, 2.0),))), None)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert form.teacher.findChild(ParamForm, "training-teacher-params") is None


def test_the_kernel_of_the_selected_layer_can_be_taken(form: TrainingForm, qtbot: QtBot) -> None:
    button = part(form, QPushButton, "training-teacher-selected")
    assert not button.isEnabled()
    assert "no kernels" in button.toolTip()
    mine = Kernel.custom(((1.0, 0.0), (0.0, -1.0)))
    heard = Heard(form)
    form.show_project(project(), mine)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard.edits == [("pair", "teacher", mine)]
    assert not button.isEnabled()


def test_a_start_kernel_is_asked_for_only_where_one_is_begun_with(form: TrainingForm, qtbot: QtBot) -> None:
    assert not form.first.isVisible()
    form.show_project(project(student__start="preset"), None)
    assert form.first.isVisible()
    heard = Heard(form)
    choose_preset(form, qtbot, "training-first", "sharpen")
    assert [each[:2] for each in heard.edits] == [("student", "first")]


def test_a_single_kernel_cannot_start_as_it_is(form: TrainingForm) -> None:
    start = form.field_form("student", "start").field("start")
    assert isinstance(start, ChoiceField)
    assert start.combo is not None
    row = start.combo.findData("present")
    assert not start.combo.model().item(row).isEnabled()  # type: ignore[attr-defined]
    form.show_project(project(student__kind="stack"), None)
    assert start.combo.model().item(row).isEnabled()  # type: ignore[attr-defined]


# --- files ---


def test_files_are_chosen_in_a_dialog_shown_by_name_and_taken_away(
    form: TrainingForm, qtbot: QtBot, tmp_path: Path
) -> None:
    form.show_project(project(pair__source="files"), None)
    heard = Heard(form)
    button = part(form, QPushButton, "training-file-before")
    assert button.text() == "Choose a file…"
    path = tmp_path / "salt & pepper.png"
    path.touch()
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    dialog = part(form, QFileDialog, "training-file-dialog")
    dialog.selectFile(str(path))
    dialog.fileSelected.emit(str(path))
    dialog.close()
    assert heard.files == [(str(path), "")]
    assert button.text() == "salt && pepper.png"
    assert str(path.name) in button.accessibleName()
    assert form.files.folder == str(tmp_path)
    qtbot.mouseClick(part(form, QToolButton, "training-file-before-clear"), Qt.MouseButton.LeftButton)
    assert heard.files[-1] == ("", "")
    assert button.text() == "Choose a file…"


def test_files_are_dropped_one_or_both_and_swapped(form: TrainingForm, qtbot: QtBot) -> None:
    form.show_project(project(pair__source="files"), None)
    heard = Heard(form)
    before, after = (part(form, QPushButton, f"training-file-{which}") for which in ("before", "after"))
    assert drop(after, files(Path("/x/two.png")))
    assert heard.files == [("", "/x/two.png")]
    assert drop(before, files(Path("/x/a.png"), Path("/x/b.png")))
    assert heard.files[-1] == ("/x/a.png", "/x/b.png")
    qtbot.mouseClick(part(form, QPushButton, "training-files-swap"), Qt.MouseButton.LeftButton)
    assert heard.files[-1] == ("/x/b.png", "/x/a.png")
    assert (before.text(), after.text()) == ("b.png", "a.png")


def test_a_long_name_is_cut_in_the_middle_and_told_in_full(form: TrainingForm) -> None:
    path = f"/x/{'long ' * 30}name.png"
    form.show_project(project(pair__source="files", pair__before=path), None)
    QApplication.processEvents()
    button = part(form, QPushButton, "training-file-before")
    assert "…" in button.text()
    assert button.fontMetrics().horizontalAdvance(button.text()) < button.width()
    assert path in button.toolTip()


# --- marks ---


def test_the_stacks_arrays_have_check_boxes_with_their_free_numbers(form: TrainingForm, qtbot: QtBot) -> None:
    form.show_project(project(student__kind="stack", student__marks=(("conv-1", "bias"),)), None)
    heard = Heard(form)
    weights, biases = part(form, QCheckBox, WEIGHTS), part(form, QCheckBox, BIASES)
    assert weights.text() == "weights (36)"  # four 3×3 kernels, each laid over all three channels
    assert (biases.text(), biases.isChecked(), weights.isChecked()) == ("bias (4)", True, False)
    assert part(form, QCheckBox, "training-mark-conv-2-weight").text() == "weights (18)"
    assert part(form, QLabel, "training-marks-total").text() == "4 numbers are learned."
    qtbot.mouseClick(weights, Qt.MouseButton.LeftButton)
    biases.setFocus()
    qtbot.keyClick(biases, Qt.Key.Key_Space)
    assert heard.marks == [("conv-1", "weight", True), ("conv-1", "bias", False)]


def test_the_marks_follow_the_stack(form: TrainingForm) -> None:
    shown = project(student__kind="stack", student__marks=(("conv-2", "weight"), ("gone-1", "weight")))
    form.show_project(shown, None)
    assert part(form, QCheckBox, "training-mark-conv-2-weight").isChecked()
    off = shown.with_item("conv-2", enabled=False)
    form.show_project(off, None)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    boxes = [each.objectName() for each in form.findChildren(QCheckBox) if each.isVisibleTo(form)]
    assert boxes == [WEIGHTS, BIASES]
    assert part(form, QLabel, "training-marks-total").text() == "Mark what is to be learned."
    form.show_project(off.without("conv-1"), None)
    assert part(form, QLabel, "training-marks-nothing").isVisible()


def test_a_layer_that_does_not_fit_ends_the_list(form: TrainingForm) -> None:
    wrong = project(student__kind="stack").with_layers([Conv(bank(2, side=63), padding="valid")], "conv-1")
    form.show_project(wrong, None)
    boxes = {
        each.objectName(): each.text() for each in form.findChildren(QCheckBox) if each.isVisibleTo(form)
    }
    assert WEIGHTS in boxes
    assert "training-mark-conv-2-weight" not in boxes
    assert boxes[WEIGHTS] == "weights"  # how many are free is not known without a network


# --- the rate, problems ---


def test_the_suggested_rate_is_taken_as_it_is_shown(form: TrainingForm, qtbot: QtBot) -> None:
    line, button = part(form, QWidget, "training-rate-line"), part(form, QPushButton, "training-rate-use")
    assert not line.isVisible()
    heard = Heard(form)
    form.show_rate(0.8312, 0.41563, "Gradient descent is stable below 0.83.")
    assert part(form, QLabel, "training-rate-limit").text() == "stable below 0.83"
    assert button.text() == "Use 0.42"
    assert heard.nothing()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard.rates == [0.42]
    form.show_rate(None, None)
    assert not line.isVisible()


def test_a_usual_rate_is_told_only_where_the_present_one_is_far_from_it(form: TrainingForm) -> None:
    line = part(form, QWidget, "training-rate-line")
    form.show_project(project(method__rate=0.1), None)
    form.show_rate(None, 0.02, "Adam's steps are about as long as the rate.")
    assert not line.isVisible()
    form.show_project(project(method__rate=0.5), None)
    assert line.isVisible()
    form.show_project(project(method__rate=0.001), None)
    assert line.isVisible()


def test_notes_about_the_pair_stay_under_it_each_once_and_whole(form: TrainingForm, qtbot: QtBot) -> None:
    form.resize(316, 1200)
    line = part(form, QLabel, "training-notes")
    assert not line.isVisible()
    long = (
        "after.png: 12 % of its pixels are black or white, where the filter's answer may have been cut off."
    )
    form.show_problem("", (long, "The picture was turned grey.", long))
    assert line.text() == f"{long}\nThe picture was turned grey."
    qtbot.waitUntil(lambda: line.height() >= line.heightForWidth(line.width()))
    above = part(form, QWidget, "training-pair-validation")
    assert line.mapTo(form, line.rect().topLeft()).y() > above.mapTo(form, above.rect().topLeft()).y()
    form.show_project(project(pair__source="files"), None)
    assert line.isVisible(), "until another pair is opened"
    form.show_problem("")
    assert not line.isVisible()


@pytest.mark.parametrize(
    ("part_name", "name", "choice"),
    [
        (part_name, each.name, choice.value)
        for part_name in ("pair", "student", "method")
        for each in getattr(TrainingSetup(), part_name).parameters()
        if isinstance(each.param, ChoiceParam)
        for choice in each.param.choices
    ],
)
def test_what_a_choice_means_is_told_whole(
    form: TrainingForm, qapp: QApplication, part_name: str, name: str, choice: str
) -> None:
    apply_theme(qapp, "dark")
    form.resize(316, 700)  # with a scroll bar, too
    source = "files" if name == "clipped" else "kernel"
    noise = {"pair__noise": 0.1} if name == "noise_on" else {}
    form.show_project(project(**({"pair__source": source} | noise | {f"{part_name}__{name}": choice})), None)
    QApplication.processEvents()
    hints = [each for each in form.findChildren(HintLine) if each.isVisible()]
    assert hints
    assert [each.shown_text() for each in hints] == [each.text() for each in hints]


def test_a_problem_stands_at_the_top_until_it_is_gone(form: TrainingForm) -> None:
    line = part(form, QLabel, "training-problem")
    assert not line.isVisible()
    form.show_problem("The picture after is missing: choose its file.")
    assert line.isVisible()
    assert "missing" in line.text()
    form.show_problem("")
    assert not line.isVisible()
