"""The right column while the training lab is shown: the pair, the student, and how it is learned."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from convstudio.kernels import Kernel
from convstudio.model import Project
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup, Setup
from convstudio.ui.fields.hint_line import HintLine
from convstudio.ui.fields.log_float_field import number_text
from convstudio.ui.fields.quiet import ROW_HEIGHT
from convstudio.ui.param_form import ParamForm
from convstudio.ui.side_panel import SidePanel
from convstudio.ui.tips import tip
from convstudio.ui.training_marks import StackMarks, markables
from convstudio.ui.training_sources import FilePair, KernelPicker, labelled, rename_fields

PAIR, STUDENT, METHOD = "pair", "student", "method"
_PARTS: dict[str, type[Setup]] = {PAIR: PairSetup, STUDENT: StudentSetup, METHOD: MethodSetup}
_NEAR = 10.0
"""So many times a usual rate, or a part, is as good."""
_NOT_ALONE = "Only the stack's own layers have weights already; choose zeros, random numbers or a kernel."


class RateLine(QWidget):
    """Under the rate: up to which one gradient descent is stable, and a button that takes a good one.

    ``taken(rate)`` comes from the button.
    """

    taken = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-rate-line")
        self._rate = self._present = 0.0
        self._limit: float | None = None
        self._suggests = False
        self._words = HintLine(self)
        self._words.setObjectName("training-rate-limit")
        self._button = QPushButton(self)
        self._button.setObjectName("training-rate-use")
        self._button.setFixedHeight(ROW_HEIGHT)
        self._button.clicked.connect(lambda: self.taken.emit(self._rate))
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self._words, 1)
        row.addWidget(self._button)
        grid = labelled(self)
        grid.addWidget(QLabel(self), 0, 0)
        grid.addLayout(row, 0, 1)
        self.show_rate(None, None, "")

    def show_rate(self, limit: float | None, suggested: float | None, sentence: str) -> None:
        """Show what is known about stable rates; nothing where that is nothing."""
        self._rate = 0.0 if suggested is None else float(f"{suggested:.2g}")
        usual = "" if suggested is None else "a usual rate"
        short = usual if limit is None else f"stable below {number_text(float(f'{limit:.2g}'), 2)}"
        self._words.setText(short)
        self._words.setToolTip(tip(sentence or short))
        self._button.setText(f"Use {number_text(self._rate, 2)}")
        self._button.setVisible(suggested is not None)
        self._button.setToolTip(tip("Take this learning rate.", sentence))
        self._limit, self._suggests = limit, suggested is not None
        self.show_present(self._present)

    def show_present(self, rate: float) -> None:
        """Show which rate is set: there is nothing to take where it is that one.

        A usual rate, which is no limit, is told only where the present one is far from it.
        """
        self._present = rate
        self._button.setEnabled(rate != self._rate)
        far = self._suggests and not self._rate / _NEAR <= rate <= self._rate * _NEAR
        self.setVisible(self._limit is not None or far)


class TrainingForm(SidePanel):
    """What a training is set up to do, from the declarations; rows without a part in it are hidden.

    All signals come only from the user. ``value_edited(part, name, value)`` carries an allowed value of
    "pair", "student" or "method", while typing and dragging; ``merge_ended()`` says that the user is done
    with it. The ``show_*`` methods emit nothing.
    """

    value_edited = Signal(str, str, object)
    merge_ended = Signal()
    files_chosen = Signal(str, str)
    mark_toggled = Signal(str, str, bool)
    suggested_rate_taken = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("training-form", parent)
        self._forms: dict[str, list[ParamForm]] = {PAIR: [], STUDENT: [], METHOD: []}
        self._project: Project | None = None
        self._problem = QLabel(self.panel)
        self._problem.setObjectName("training-problem")
        self._problem.setProperty("role", "problem")
        self._problem.setWordWrap(True)
        self._problem.setContentsMargins(0, 0, 0, 6)
        self._problem.hide()
        self._notes = QLabel(self.panel)
        self._notes.setObjectName("training-notes")
        self._notes.setProperty("role", "caption")
        self._notes.setTextFormat(Qt.TextFormat.PlainText)
        self._notes.setWordWrap(True)
        self._notes.setAccessibleName("About the pair")
        self._notes.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._notes.hide()
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        """Make everything from top to bottom: the Tab key goes the same way."""
        add, panel = self.column.addWidget, self.panel
        add(self._problem)
        self._heading("PAIR")
        self._fields(PAIR, "source", "source")
        hidden = "The kernel that makes the picture after, hidden from the student."
        self.teacher = KernelPicker("training-teacher", "Kernel", hidden, panel)
        add(self.teacher)
        self.files = FilePair(panel)
        add(self.files)
        self._fields(PAIR, "grey", "validation")
        add(self._notes)
        self._heading("STUDENT")
        self._fields(STUDENT, "kind", "kind")
        kind = self._forms[STUDENT][0].field("kind")
        self.marks = StackMarks(kind.findChildren(QPushButton)[-1], panel)
        add(self.marks)
        self._fields(STUDENT, "size", "start")
        self.first = KernelPicker("training-first", "Kernel", "What the student begins with.", panel)
        add(self.first)
        self._fields(STUDENT, "seed", "seed")
        self._heading("METHOD")
        self._fields(METHOD, "optimizer", "rate")
        self.rate = RateLine(panel)
        add(self.rate)
        self._fields(METHOD, "momentum", "steps")
        self.column.addStretch(1)
        self.show_panel()

    def _heading(self, text: str) -> None:
        label = QLabel(text, self.panel)
        label.setObjectName(f"training-{text.lower()}")
        label.setProperty("role", "section")
        if self.column.count() > 1:
            self.column.addSpacing(8)
        self.column.addWidget(label)

    def _fields(self, part: str, first: str, last: str) -> None:
        """Add a form of a part's parameters from one to another, in the order of the declarations."""
        names = [each.name for each in _PARTS[part].parameters()]
        chosen = names[names.index(first) : names.index(last) + 1]
        form = ParamForm(tuple(each for each in _PARTS[part].parameters() if each.name in chosen), self.panel)
        form.setObjectName(f"training-{part}-{first}")
        rename_fields(form, f"training-{part}")
        form.edited.connect(partial(self._on_edited, part))
        form.merge_key_ended.connect(self._on_ended)
        self._forms[part].append(form)
        self.column.addWidget(form)

    def _connect(self) -> None:
        for part, name, picker in ((PAIR, "teacher", self.teacher), (STUDENT, "first", self.first)):
            picker.chosen.connect(partial(self._on_edited, part, name))
            picker.ended.connect(self.merge_ended)
        self.files.files_chosen.connect(self.files_chosen)
        self.marks.toggled.connect(self.mark_toggled)
        self.rate.taken.connect(self.suggested_rate_taken)

    def _on_edited(self, part: str, name: str, value: object) -> None:
        self.value_edited.emit(part, name, value)

    def _on_ended(self, _name: str) -> None:
        self.merge_ended.emit()

    # --- what is shown ---

    def field_form(self, part: str, name: str) -> ParamForm:
        """Return the form that a parameter stands in. Raises KeyError for one that has none."""
        for form in self._forms[part]:
            if name in form.names():
                return form
        raise KeyError(name)

    def show_project(self, project: Project, selected: Kernel | None) -> None:
        """Show a project's training; ``selected`` is the kernel in the editor of the selected layer."""
        setup, before = project.training, self._project
        self._project = project
        if before is None or setup is not before.training:
            self._show_setup(setup)
        alone = setup.student.kind == "kernel"
        self.marks.setVisible(not alone)
        if not alone and (
            before is None
            or before.training.student.kind == "kernel"
            or (before.layers, before.picture.shape) != (project.layers, project.picture.shape)
            or before.training.student.marks != setup.student.marks
        ):
            self.marks.show_marks(markables(project), setup.student.marks)
        for picker in (self.teacher, self.first):
            picker.show_offer(selected)

    def _show_setup(self, setup: TrainingSetup) -> None:
        for part, forms in self._forms.items():
            values = {
                each.name: getattr(getattr(setup, part), each.name) for each in _PARTS[part].parameters()
            }
            for form in forms:
                form.show_values(values)
                for name in form.names():
                    form.set_visible(name, setup.applies(part, name))
                form.setVisible(any(setup.applies(part, name) for name in form.names()))
        pair, student = setup.pair, setup.student
        self.teacher.show_kernel(pair.teacher)
        self.teacher.setVisible(pair.source == "kernel")
        self.files.show_files(pair.before, pair.after)
        self.files.setVisible(pair.source == "files")
        self.first.show_kernel(student.first)
        self.first.setVisible(student.start == "preset")
        self.rate.show_present(setup.method.rate)
        reasons = {"present": _NOT_ALONE} if student.kind == "kernel" else {}
        self.field_form(STUDENT, "start").field("start").set_choice_reasons(reasons)

    def show_problem(self, text: str, notes: Sequence[str] = ()) -> None:
        """Say why this cannot be trained, "" where it can; ``notes`` tell what became of the pictures."""
        self._problem.setText(text)
        self._problem.setVisible(bool(text))
        self._notes.setText("\n".join(dict.fromkeys(notes)))
        self._notes.setVisible(bool(notes))

    def show_rate(self, limit: float | None, suggested: float | None, sentence: str = "") -> None:
        """Show up to which rate gradient descent is stable, and which one to take."""
        self.rate.show_rate(limit, suggested, sentence)
