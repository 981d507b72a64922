"""From the panels to the session: which layer and kernel is edited, and what was asked of the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from convstudio.core import GeometryError
from convstudio.engine.evaluate import shown_channel
from convstudio.kernels import Bank, Kernel
from convstudio.layers import BankLayer, Layer
from convstudio.layers.base import Mate, Repair, Shape
from convstudio.model import PHOTO, LayerItem, Project
from convstudio.session.stack_edits import StackEdits
from convstudio.ui.bank_picker import BankPicker
from convstudio.ui.filter_bar import ALL

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

_COLOURS = ("red", "green", "blue")


class StackControl(QObject):
    """Leads what layer list, inspector and kernel editor ask for to the session, for the selected layer."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self.edits = StackEdits(window.session)
        self._input: tuple[str, int, int] = ("", 0, ALL)  # layer, filter, input channel that is edited
        self._banks: BankPicker | None = None
        self._all = ("", 0)  # layer, filter that is edited while all channels are shown
        self._connect()

    def _connect(self) -> None:
        window, edits, layers = self._window, self.edits, self._window.sidebar.layers
        window.editor.edited.connect(self._kernel_edited)
        window.inspector.edited.connect(self._param_edited)
        window.inspector.repair_requested.connect(self._repair_selected)
        window.filters.filter_chosen.connect(self._filter_chosen)
        window.filters.input_chosen.connect(self._input_chosen)
        window.filters.count_chosen.connect(self._count_chosen)
        window.filters.bank_requested.connect(self.open_banks)
        layers.selected.connect(self._session.select)
        layers.rename_requested.connect(edits.rename)
        layers.duplicate_requested.connect(edits.duplicate)
        layers.delete_requested.connect(edits.delete)
        layers.move_requested.connect(edits.move)
        layers.switch_requested.connect(edits.switch)
        layers.repair_requested.connect(edits.repair)
        window.sidebar.layers_requested.connect(self._layers_chosen)

    @Slot(list, str, str)
    def _layers_chosen(self, layers: list[Layer], after: str, title: str) -> None:
        known = after in {item.id for item in self._session.project.layers}
        self.edits.add(layers, after if known else PHOTO, title)

    @Slot()
    def open_banks(self) -> None:
        """Let a ready-made filter bank be chosen for the selected layer."""
        item = self.bank_item()
        if item is None:
            return
        if self._banks is None:
            self._banks = BankPicker(self._window)
            self._banks.chosen.connect(self._bank_chosen)
        shape = self.in_shape(item.id)
        self._banks.open_under(self._window.filters.bank_button(), 3 if shape is None else shape[0])

    @Slot(object, str)
    def _bank_chosen(self, bank: Bank, title: str) -> None:
        item = self.bank_item()
        if item is not None:  # several filters are a layer of a network: they add the channels up
            changes = {"channels": "all"} if len(bank.filters) > 1 or bank.inputs is not None else {}
            self.edits.set_bank(item.id, bank, f"filter bank {title}", **changes)

    # --- what is edited ---

    def selected(self) -> str:
        """Return the id of the selected layer, or ``PHOTO``."""
        return self._session.project.selected

    def bank_item(self) -> LayerItem | None:
        """Return the selected layer if it has filters."""
        item = self._session.project.shown
        return item if item is not None and isinstance(item.layer, BankLayer) else None

    def target(self) -> tuple[int, int | None]:
        """Return the filter, and the input channel among those it reads (None for all), that are edited."""
        item = self.bank_item()
        if item is None:
            return 0, None
        index, shown_channel = self._filter_of(item)
        layer_id, last_index, place = self._input
        each = item.layer.bank.filters[index]  # type: ignore[attr-defined]
        if layer_id == item.id and last_index == index and place < self._session.channels_read(item.id):
            return index, None if place == ALL else place
        return index, None if each.shared else min(shown_channel, len(each.kernels) - 1)

    def _filter_of(self, item: LayerItem) -> tuple[int, int]:
        """The filter that makes the shown channel, and the place of the input that it is made of."""
        layer = item.layer
        assert isinstance(layer, BankLayer)
        count, shape = len(layer.bank.filters), self.in_shape(item.id)
        channel = self._shown_channel(item)
        if channel is None:
            layer_id, index = self._all
            return min(index, count - 1) if layer_id == item.id else 0, 0
        if shape is None:
            return min(channel, count - 1), 0
        index, read = layer.filter_at(channel, shape[0])
        return min(index, count - 1), read[0] if layer.channels == "each" else 0

    def _shown_channel(self, item: LayerItem) -> int | None:
        """The channel of a layer's result that is shown, None for all of them or the only one."""
        layer, shape = item.layer, self.in_shape(item.id)
        assert isinstance(layer, BankLayer)
        if shape is None:
            return item.look.channel
        try:
            return shown_channel(item.look, layer.out_channels(shape[0]))
        except GeometryError:
            return item.look.channel

    def in_shape(self, layer_id: str) -> Shape | None:
        """Return what comes into a layer by the shape rules, None where a layer above does not fit."""
        return self._session.project.in_shapes.get(layer_id)

    def mate(self, project: Project, layer_id: str) -> Mate | None:
        """Return the layer that this one undoes, if it does and there is one, without its input."""
        partner = project.mates().get(layer_id)
        shapes = project.in_shapes
        return Mate(project.layer(partner), shapes[partner]) if partner in shapes else None

    # --- what is shown ---

    def show_project(self, project: Project) -> None:
        """Show the selected layer in inspector and editor."""
        window, item = self._window, project.shown
        if item is None:
            window.inspector.show_photo(project.picture)
            return
        layer, index = item.layer, 0
        if isinstance(layer, BankLayer):
            index, place = self.target()
            each = layer.bank.filters[index]
            titles = [one.title for one in layer.bank.filters]
            window.filters.show_filters(titles, index, self._inputs(item), ALL if place is None else place)
            window.editor.show_kernel(each.kernel(place))
        window.inspector.show_layer(
            layer,
            self.in_shape(item.id),
            mate=self.mate(project, item.id),
            bias=layer.bank.filters[index].bias if isinstance(layer, BankLayer) else 0.0,
            enabled=item.enabled,
        )

    def _inputs(self, item: LayerItem) -> tuple[str, ...]:
        layer, shape = item.layer, self.in_shape(item.id)
        assert isinstance(layer, BankLayer)
        if shape is None:
            return ()
        channels = shape[0]
        if layer.channels == "grouped":
            try:
                return tuple(f"channel {n} of the group" for n in range(layer.inputs_read(channels)))
            except GeometryError:
                return ()
        first = self._session.project.layers[0].id == item.id
        if channels == 3 and first:
            return _COLOURS
        return tuple(f"channel {n}" for n in range(channels))

    # --- requests ---

    @Slot(object, str)
    def _kernel_edited(self, kernel: Kernel, merge_key: str) -> None:
        item = self.bank_item()
        if item is not None:
            index, channel = self.target()
            self._session.set_kernel(item.id, kernel, merge_key, index=index, channel=channel)

    @Slot(str, object)
    def _param_edited(self, name: str, value: object) -> None:
        layer_id = self.selected()
        if layer_id == PHOTO:
            return
        if name == "bias" and self.bank_item() is not None:
            assert isinstance(value, float | int)
            self._session.set_bias(layer_id, value, self.target()[0])
        else:
            self._session.set_param(layer_id, name, value)

    @Slot(object)
    def _repair_selected(self, repair: Repair) -> None:
        self.edits.repair(self.selected(), repair)

    @Slot(int)
    def _filter_chosen(self, index: int) -> None:
        item = self.bank_item()
        if item is None or index < 0:
            return
        self._all = (item.id, index)
        layer, channel = item.layer, index
        assert isinstance(layer, BankLayer)
        if layer.channels == "each":
            count = len(layer.bank.filters)
            channel += (self._shown_channel(item) or 0) // count * count
        self._session.set_channel(channel)
        self.show_project(self._session.project)

    @Slot(int)
    def _input_chosen(self, place: int) -> None:
        item = self.bank_item()
        if item is not None:
            self._input = (item.id, self.target()[0], place)
            self.show_project(self._session.project)

    @Slot(int)
    def _count_chosen(self, count: int) -> None:
        item = self.bank_item()
        if item is not None:
            self.edits.resize_bank(item.id, count)
