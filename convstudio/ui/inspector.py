"""The right panel: kernel editor, the parameters of the selected layer, its sizes, cost and proof."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QScrollBar, QVBoxLayout, QWidget

from convstudio.engine.evaluate import LayerResult
from convstudio.layers.base import Layer, Shape
from convstudio.layers.conv import Conv, ConvGeometry
from convstudio.ui.conv_limits import Limits, conv_limits
from convstudio.ui.fact_cards import CostCard, FormulaCard, ResultCard
from convstudio.ui.fields.padding_field import PaddingField
from convstudio.ui.fields.per_axis_field import PerAxisField
from convstudio.ui.formula import AxisFacts, Facts
from convstudio.ui.param_form import ParamForm

MINIMUM_WIDTH = 290
USUAL_WIDTH = 320
_MARGIN = 10
_BESIDE_BAR = 4  # px between the cards and the place of the scroll bar


def facts_of(geometry: ConvGeometry) -> Facts:
    """Return a convolution's numbers in the inspector's form."""
    rows, columns = (
        AxisFacts(
            n=geometry.spatial[axis],
            before=geometry.amounts[axis][0],
            after=geometry.amounts[axis][1],
            kernel=geometry.kernel[axis],
            stride=geometry.stride[axis],
            dilation=geometry.dilation[axis],
            out=geometry.out[axis],
            unread=geometry.unread[axis],
        )
        for axis in (0, 1)
    )
    cost = geometry.cost
    return Facts((rows, columns), cost.multiply_adds, cost.parameters, cost.fully_connected)


class _ScrollBar(QScrollBar):
    """A scroll bar that shows nothing while there is nothing to scroll."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.maximum() > self.minimum():
            super().paintEvent(event)


class Inspector(QScrollArea):
    """What can be set on a layer and what follows from it.

    ``edited(name, value)`` asks for a change of a parameter, ``edit_ended(name)`` says that the user is
    done with it. The ``show_*`` methods emit nothing.
    """

    edited = Signal(str, object)
    edit_ended = Signal(str)

    def __init__(self, top: QWidget | None = None, parent: QWidget | None = None) -> None:
        """``top`` is what stands above the parameters: the kernel editor."""
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Its place is always kept: the kernel's grid grows with the width, so that a bar that comes makes
        # the panel low enough to go again, and Qt would lay both out in turn until the stack is used up.
        self.setVerticalScrollBar(_ScrollBar(Qt.Orientation.Vertical, self))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMinimumWidth(MINIMUM_WIDTH)
        self._layer: Layer | None = None
        self._form: ParamForm | None = None
        self._applied: tuple[Limits, dict[str, object]] | None = None  # what the form shows

        panel = QWidget(self)
        panel.setObjectName("inspector-panel")
        panel.setProperty("role", "panel")
        self._title = QLabel(panel)
        self._title.setObjectName("inspector-title")
        self._title.setProperty("role", "section")
        self._problem = QLabel(panel)
        self._problem.setObjectName("inspector-problem")
        self._problem.setProperty("role", "problem")
        self._problem.setWordWrap(True)
        self._problem.hide()
        self._formula = FormulaCard(panel)
        self._cost = CostCard(panel)
        self._result = ResultCard(panel)

        self._column = QVBoxLayout(panel)
        self._column.setContentsMargins(_MARGIN, _MARGIN, _BESIDE_BAR, _MARGIN)
        self._column.setSpacing(6)
        self._column.addWidget(self._title)
        if top is not None:
            self._column.addWidget(top)
        self._form_place = self._column.count()
        # Under the form and in place of the cards that have nothing to say then: no control moves.
        for card in (self._problem, self._formula, self._cost, self._result):
            self._column.addWidget(card)
        self._column.addStretch(1)
        self.setWidget(panel)
        self.viewport().setAutoFillBackground(False)
        self._formula.hide()
        self._cost.hide()

    def sizeHint(self) -> QSize:
        return QSize(USUAL_WIDTH, 700)

    @property
    def form(self) -> ParamForm:
        """The form of the layer that is shown. Only after ``show_layer``."""
        assert self._form is not None
        return self._form

    def show_layer(
        self, layer: Layer, in_shape: Shape, problem: tuple[str | None, str] | None = None
    ) -> None:
        """Show a layer's parameters on an input of shape ``(C, H, W)``.

        ``problem`` is why the layer could not be computed: the parameter it belongs to, if one, and the
        sentence. Sizes and cost follow at once; what was measured follows with ``show_result``.
        """
        if self._form is None or type(layer) is not type(self._layer):
            self._make_form(layer)
        self._layer = layer
        values = {name: getattr(layer, name) for name in self.form.names()}
        self.form.show_values(values)
        problems = {}
        if isinstance(layer, Conv):
            limits = conv_limits(layer, in_shape)
            applied = (limits, values)
            if applied != self._applied:  # most edits are of weights and leave the form as it is
                self._applied = applied
                self._apply(limits)
            problems = dict(limits.problems)
            if problems:
                self._show_sizes(None)
            else:
                self._show_sizes(facts_of(layer.geometry(in_shape)))
        general = ""
        if problem is not None:
            name, text = problem
            if name in self.form.names():
                problems[str(name)] = text
            elif not problems:
                general = text
        for name in self.form.names():
            self.form.mark_problem(name, problems.get(name))
        said = general or "\n".join(problems.values())
        if said:
            self._result.clear()
        self._problem.setText(said)
        self._problem.setVisible(bool(said))

    def show_result(self, result: LayerResult) -> None:
        """Show the numbers of a finished result, the algorithm and its time included."""
        self.show_numbers(replace(facts_of(result.geometry), plan=result.plan, seconds=result.seconds))

    def show_numbers(self, facts: Facts) -> None:
        """Show sizes, cost, and what is known about the computation."""
        self._show_sizes(facts)
        self._result.show_facts(facts)

    def show_proof(self, text: str, state: str) -> None:
        """Show what the check against SciPy says; ``state`` is none, checking, good or bad."""
        self._result.show_proof(text, state)

    def _show_sizes(self, facts: Facts | None) -> None:
        # Numbers of another geometry would be worse than none.
        self._formula.setVisible(facts is not None)
        self._cost.setVisible(facts is not None)
        if facts is not None:
            self._formula.show_facts(facts)
            self._cost.show_facts(facts)

    def _make_form(self, layer: Layer) -> None:
        if self._form is not None:
            self._column.removeWidget(self._form)
            self._form.hide()
            self._form.deleteLater()
        self._form = ParamForm(layer.parameters(), self.widget())
        self._applied = None
        self._form.edited.connect(self.edited)
        self._form.merge_key_ended.connect(self.edit_ended)
        self._column.insertWidget(self._form_place, self._form)
        self._form.show()
        self._title.setText(f"{layer.title} layer".upper())

    def _apply(self, limits: Limits) -> None:
        form = self.form
        for name in form.names():
            form.set_visible(name, name not in limits.hidden)
            form.set_enabled_reason(name, limits.off.get(name))
        for name, ranges in limits.ranges.items():
            field = form.field(name)
            assert isinstance(field, PerAxisField)
            for axis, (low, high) in enumerate(ranges):
                field.set_axis_range(axis, low, high, limits.reasons[name])
        for name, reasons in limits.choices_off.items():
            form.field(name).set_choice_reasons(reasons)
        padding = form.field("padding")
        assert isinstance(padding, PaddingField)
        padding.set_amount_limits(limits.needed, limits.most)
        padding.show_resolved(limits.amounts)
