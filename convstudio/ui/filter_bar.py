"""Which kernel of a filter bank is edited: the filter, the input channel, and how many filters there are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from convstudio.kernels import LARGEST_BANK
from convstudio.ui.fields.quiet import FIELD_STYLE, ROW_HEIGHT, QuietComboBox, QuietSpinBox
from convstudio.ui.param_form import LABEL_WIDTH
from convstudio.ui.tips import tip

ALL = -1
"""The place of "all channels" among the input channels."""


class FilterBar(QWidget):
    """Two lists, a number and a button; ``show_filters`` emits nothing."""

    filter_chosen = Signal(int)
    input_chosen = Signal(int)  # the place among the channels that the filter reads, or ALL
    count_chosen = Signal(int)
    bank_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filter-bar")
        self.setStyleSheet(FIELD_STYLE)
        self._shown: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._filter = self._combo("filter-choice", "Filter", "Which filter is shown and edited below.")
        self._input = self._combo(
            "filter-input",
            "Input channel",
            "Over which input channel the kernel below is laid. What is edited under all channels "
            "becomes the kernel of every one.",
        )
        self._count = QuietSpinBox(self)
        self._count.setObjectName("filter-count")
        self._count.setAccessibleName("Number of filters")
        self._count.setRange(1, LARGEST_BANK)
        self._count.setKeyboardTracking(False)  # typing 16 must not pass through 1
        self._count.setToolTip(tip("How many filters the layer has: each makes an output of its own."))
        self._bank = QPushButton("Banks…", self)
        self._bank.setObjectName("filter-bank")
        self._bank.setFixedHeight(ROW_HEIGHT)
        self._bank.setToolTip(
            tip("Fill the layer with a ready-made set of filters, such as a fan of Gabor filters.")
        )
        self._filter.currentIndexChanged.connect(self.filter_chosen)
        self._input.currentIndexChanged.connect(lambda row: self.input_chosen.emit(row - 1))
        self._count.valueChanged.connect(self.count_chosen)
        self._bank.clicked.connect(self.bank_requested)
        self._arrange()

    def _combo(self, name: str, label: str, help_text: str) -> QuietComboBox:
        combo = QuietComboBox(self)
        combo.setObjectName(name)
        combo.setAccessibleName(label)
        combo.setToolTip(tip(help_text))
        return combo

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(5)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        number = QHBoxLayout()
        number.setSpacing(6)
        number.addWidget(self._count, 1)
        number.addWidget(self._bank, 1)
        self._labels = []
        for row, (text, buddy) in enumerate(
            (("Filters", self._count), ("Filter", self._filter), ("Over input", self._input))
        ):
            label = QLabel(text, self)
            label.setBuddy(buddy)
            label.setToolTip(buddy.toolTip())
            grid.addWidget(label, row, 0)
            self._labels.append(label)
        grid.addLayout(number, 0, 1)
        grid.addWidget(self._filter, 1, 1)
        grid.addWidget(self._input, 2, 1)

    def show_filters(
        self, titles: Sequence[str], index: int, inputs: Sequence[str], place: int = ALL
    ) -> None:
        """Show the filters by title with the chosen one, and the channels it reads with the chosen one.

        Lists with nothing to choose are left out.
        """
        shown = tuple(titles), tuple(inputs)
        with QSignalBlocker(self._filter), QSignalBlocker(self._input), QSignalBlocker(self._count):
            if shown != self._shown:
                self._shown = shown
                self._filter.clear()
                self._filter.addItems([f"{number}  {title}" for number, title in enumerate(titles)])
                self._input.clear()
                self._input.addItems(["all channels", *inputs])
            self._filter.setCurrentIndex(index)
            self._input.setCurrentIndex(place + 1)
            self._count.setValue(len(titles))
        for row, some in ((1, len(titles) > 1), (2, len(inputs) > 1)):
            self._labels[row].setVisible(some)
            (self._filter, self._input)[row - 1].setVisible(some)

    def bank_button(self) -> QPushButton:
        """Return the button that a window of banks opens under."""
        return self._bank
