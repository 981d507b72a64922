"""The right panel: kernel editor, the parameters of the selected layer, its sizes, cost and proof."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from convstudio.engine.evaluate import LayerResult
from convstudio.layers import BankLayer, Layer
from convstudio.layers.bank_layer import BIAS
from convstudio.layers.base import Mate, Repair, Shape
from convstudio.model import Picture
from convstudio.spec.params import Declared
from convstudio.ui.conv_limits import Limits
from convstudio.ui.fact_cards import CostCard, FormulaCard, ResultCard
from convstudio.ui.fields.padding_field import PaddingField
from convstudio.ui.fields.per_axis_field import PerAxisField
from convstudio.ui.formula import Facts
from convstudio.ui.layer_facts import facts_of, result_facts
from convstudio.ui.layer_limits import layer_limits, misfit
from convstudio.ui.param_form import ParamForm
from convstudio.ui.photo_card import PhotoCard
from convstudio.ui.side_panel import SidePanel


def form_parameters(layer: Layer) -> tuple[Declared, ...]:
    """Return what the form of a layer offers: its parameters, and a filter's bias where it has filters."""
    return (*layer.parameters(), BIAS) if isinstance(layer, BankLayer) else layer.parameters()


class Inspector(SidePanel):
    """What can be set on a layer and what follows from it.

    ``edited(name, value)`` asks for a change of a parameter, ``edit_ended(name)`` says that the user is
    done with it, ``repair_requested(repair)`` that the layer is to be made to fit. The ``show_*`` methods
    emit nothing.
    """

    edited = Signal(str, object)
    edit_ended = Signal(str)
    repair_requested = Signal(object)

    def __init__(self, top: QWidget | None = None, parent: QWidget | None = None) -> None:
        """``top`` is what stands above the parameters: the kernel editor."""
        super().__init__("inspector", parent)
        self._layer: Layer | None = None
        self._form: ParamForm | None = None
        self._applied: tuple[Limits, dict[str, object]] | None = None  # what the form shows

        panel = self.panel
        self._title = QLabel(panel)
        self._title.setObjectName("inspector-title")
        self._title.setProperty("role", "section")
        self._problem = QLabel(panel)
        self._problem.setObjectName("inspector-problem")
        self._problem.setProperty("role", "problem")
        self._problem.setWordWrap(True)
        self._problem.hide()
        self._repair: Repair | None = None
        self._repair_button = QPushButton(panel)
        self._repair_button.setObjectName("inspector-repair")
        self._repair_button.clicked.connect(self._on_repair)
        self._repair_button.hide()
        self._photo = PhotoCard(panel)
        self._photo.hide()
        self._top = top
        self._formula = FormulaCard(panel)
        self._cost = CostCard(panel)
        self._result = ResultCard(panel)

        self.column.addWidget(self._title)
        if top is not None:
            self.column.addWidget(top)
        self._form_place = self.column.count()
        # Under the form and in place of the cards that have nothing to say then: no control moves.
        for card in (
            self._photo,
            self._problem,
            self._repair_button,
            self._formula,
            self._cost,
            self._result,
        ):
            self.column.addWidget(card)
        self.column.addStretch(1)
        self.show_panel()
        self._formula.hide()
        self._cost.hide()

    @property
    def form(self) -> ParamForm:
        """The form of the layer that is shown. Only after ``show_layer``."""
        assert self._form is not None
        return self._form

    def show_photo(self, picture: Picture) -> None:
        """Show what is known of the photo in the place of a layer."""
        self._layer = None
        self._drop_form()
        if self._top is not None:
            self._top.hide()
        self._title.setText("PHOTO")
        self._photo.show_picture(picture)
        self._photo.show()
        self._say("", None)
        self._show_sizes(None)
        self._result.clear()

    def show_layer(
        self,
        layer: Layer,
        in_shape: Shape | None,
        problem: tuple[str | None, str] | None = None,
        *,
        mate: Mate | None = None,
        bias: float = 0.0,
        enabled: bool = True,
    ) -> None:
        """Show a layer's parameters on an input of shape ``(C, H, W)``, None where nothing comes in.

        ``problem`` is why the layer could not be computed: the parameter it belongs to, if one, and the
        sentence. ``bias`` is that of the filter that is shown. A layer that is not ``enabled`` cannot be
        wrong and costs nothing. Sizes and cost follow at once; what was measured follows with
        ``show_result``.
        """
        if self._form is None or type(layer) is not type(self._layer):
            self._make_form(layer)
        if self._top is not None:
            self._top.setVisible(isinstance(layer, BankLayer))
        self._photo.hide()
        self._layer = layer
        values = {name: getattr(layer, name) for name in self.form.names() if name != BIAS.name}
        if isinstance(layer, BankLayer):
            values[BIAS.name] = bias
        self.form.show_values(values)
        problems: dict[str, str] = {}
        wrong = "Nothing comes in: a layer above does not fit." if enabled else ""
        if in_shape is not None:
            limits = layer_limits(layer, in_shape)
            applied = (limits, values)
            if applied != self._applied:  # most edits are of weights and leave the form as it is
                self._applied = applied
                self._apply(limits)
            if enabled:
                problems, wrong = dict(limits.problems), misfit(layer, in_shape, mate)
        fits = enabled and in_shape is not None and not wrong
        self._show_sizes(facts_of(layer, in_shape, mate) if fits and in_shape is not None else None)
        if not enabled:
            self._result.clear()
        if problem is not None:
            name, text = problem
            if name in self.form.names():
                problems[str(name)] = text
            elif not problems and not wrong:
                wrong = text
        for name in self.form.names():
            self.form.mark_problem(name, problems.get(name))
        repair = layer.repair(in_shape, mate) if wrong and in_shape is not None else None
        self._say("\n".join(problems.values()) or wrong, repair)

    def _say(self, text: str, repair: Repair | None) -> None:
        """Say why there is no result, and offer what would make one."""
        self._repair = repair
        if text:
            self._result.clear()
        self._problem.setText(text)
        self._problem.setVisible(bool(text))
        self._repair_button.setText("" if repair is None else repair.text)
        self._repair_button.setVisible(repair is not None)

    def _on_repair(self) -> None:
        if self._repair is not None:
            self.repair_requested.emit(self._repair)

    def show_failure(self, text: str) -> None:
        """Say why there is no result, where the parameters do not say so already."""
        if self._problem.isHidden():
            self._say(text, None)

    def show_result(self, result: LayerResult) -> None:
        """Show the numbers of a finished result, the algorithm and its time included."""
        if result.item.enabled:
            self.show_numbers(result_facts(result))

    def show_numbers(self, facts: Facts) -> None:
        """Show sizes, cost, and what is known about the computation."""
        self._show_sizes(facts)
        self._result.show_facts(facts)

    def show_proof(self, text: str, state: str) -> None:
        """Show what the check against SciPy says; ``state`` is none, checking, good or bad."""
        self._result.show_proof(text, state)

    def _show_sizes(self, facts: Facts | None) -> None:
        # Numbers of another geometry would be worse than none.
        slides = facts is not None and facts.axes is not None
        self._formula.setVisible(slides)
        self._cost.setVisible(facts is not None)
        if facts is not None:
            self._cost.show_facts(facts)
        if facts is not None and slides:
            self._formula.show_facts(facts)

    def _drop_form(self) -> None:
        if self._form is not None:
            self.column.removeWidget(self._form)
            self._form.hide()
            self._form.deleteLater()
            self._form = None

    def _make_form(self, layer: Layer) -> None:
        self._drop_form()
        self._form = ParamForm(form_parameters(layer), self.widget())
        self._applied = None
        self._form.edited.connect(self.edited)
        self._form.merge_key_ended.connect(self.edit_ended)
        self.column.insertWidget(self._form_place, self._form)
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
        padding = form.field("padding") if "padding" in form.names() else None
        if isinstance(padding, PaddingField) and limits.amounts is not None:
            padding.set_amount_limits(limits.needed, limits.most)
            padding.show_resolved(limits.amounts)
