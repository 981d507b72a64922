"""The kernel as it is learned, large and with its numbers; teacher and closed form small beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from convstudio.kernels.text import format_number
from convstudio.ui.legend_bar import legend_number
from convstudio.ui.tips import tip
from convstudio.ui.training_pictures import FOOT, HEAD
from convstudio.ui.training_planes import Array, Arrays, Plane, biases_of, mosaic, planes_of
from convstudio.ui.training_saved import SavedKernel, SavedResult
from convstudio.ui.weight_colours import weight_limit
from convstudio.ui.weights_view import TILES, Detail, KernelThumb, WeightsView

_TURN_HELP = "Click to turn between what was learned before and the start of this run."
_TITLES = {"learned": "Learned", "teacher": "Teacher", "closed": "Least squares"}


class LearnedKernel(QWidget):
    """Shows the weights of each step; ``take_requested()`` asks to put them into the stack."""

    take_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-kernel")
        self.setAccessibleName("Learned kernel")
        self._shapes: tuple[Array, ...] = ()
        self._planes: tuple[Plane, ...] = ()
        self._values: dict[str, Arrays | None] = dict.fromkeys(_TITLES)
        self._one: int | None = 0  # the plane that is shown alone
        self._page = 0
        self._source = "learned"
        self._errors: Arrays | None = None  # standard errors of the closed form
        self._saved: SavedResult | None = None
        self._turned = 0  # which of the saved kernels is shown, from 1; 0 for this run's
        self._title = QLabel(self)
        self._title.setObjectName("training-kernel-title")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setStyleSheet("font-size: 12px; font-weight: 600;")
        self._back = self._arrow("‹", "training-kernel-back", "The kernel before this one.")
        self._place = QLabel(self)
        self._place.setObjectName("training-kernel-place")
        self._place.setProperty("role", "caption")
        self._next = self._arrow("›", "training-kernel-next", "The next kernel.")
        self._all = self._arrow(
            "▦", "training-kernel-all", "All kernels side by side, on one scale of colours."
        )
        self.view = WeightsView(self)
        self.teacher = KernelThumb(
            "training-teacher",
            "teacher",
            "The kernel that made the target, which the student never sees.",
            self,
        )
        self.closed = KernelThumb(
            "training-closed",
            "least sq.",
            "The kernel with the least squared error, solved in one go instead of step by step.",
            self,
        )
        self._bias = QLabel(self)
        self._bias.setObjectName("training-bias")
        self._bias.setProperty("role", "numbers")
        self._bias.setStyleSheet("font-size: 10px;")
        self._bias.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._bias.setFixedSize(60, 28)
        self._take = QPushButton("Put into the stack", self)
        self._take.setObjectName("training-take")
        self._take.setToolTip(
            tip(
                "Put the weights of the step that is shown into the stack of layers: as its first one, or in "
                "place of those that were trained. Undo takes it back."
            )
        )
        self._take.setStyleSheet("QPushButton { padding: 1px 8px; }")
        self._take.setFixedHeight(FOOT - 4)
        self._turn_saved = QToolButton(self)
        self._turn_saved.setObjectName("training-saved")
        self._turn_saved.setAccessibleName("Show the saved kernel")
        self._turn_saved.setToolTip(tip(_TURN_HELP))
        self._turn_saved.setProperty("role", "flat")
        self._turn_saved.setStyleSheet("QToolButton { padding: 1px 4px; font-size: 11px; }")
        self._turn_saved.setFixedHeight(FOOT - 4)
        self._lay_out()
        self._turn_saved.clicked.connect(self._turn_to_saved)
        self._take.clicked.connect(self.take_requested)
        self._back.clicked.connect(self._go_back)
        self._next.clicked.connect(self._go_on)
        self._all.clicked.connect(self._show_all)
        self.view.picked.connect(self._pick)
        self.teacher.clicked.connect(self._turn)
        self.closed.clicked.connect(self._turn)
        self.show_saved(None)
        self.show_shapes(())

    def _arrow(self, text: str, name: str, help_text: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setObjectName(name)
        button.setAccessibleName(help_text.rstrip("."))
        button.setProperty("role", "flat")
        button.setToolTip(tip(help_text))
        button.setStyleSheet("QToolButton { padding: 0; font-size: 13px; }")
        button.setFixedSize(19, HEAD - 4)
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 4)
        head.setSpacing(1)
        head.addWidget(self._title, 1)
        for widget in (self._back, self._place, self._next, self._all):
            head.addWidget(widget)
        self._title.setFixedHeight(HEAD - 4)
        small = QVBoxLayout()
        small.setSpacing(2)
        small.addWidget(self.teacher)
        small.addWidget(self.closed)
        small.addStretch(1)
        small.addWidget(self._bias, 0, Qt.AlignmentFlag.AlignHCenter)
        body = QHBoxLayout()
        body.setSpacing(4)
        body.addWidget(self.view, 1)
        body.addLayout(small)
        foot = QHBoxLayout()
        foot.setContentsMargins(0, 4, 0, 0)
        foot.addWidget(self._take)
        foot.addStretch(1)
        foot.addWidget(self._turn_saved)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addLayout(body, 1)
        column.addLayout(foot)

    # --- what is shown ---

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The kernels that there are, of this run or of the saved result that is shown."""
        kernel = self._saved_kernel
        return self._planes if kernel is None else planes_of(kernel.arrays)

    @property
    def saved(self) -> str:
        """The name of the saved result that is shown in the place of this run's, "" for none."""
        return "" if self._saved_kernel is None else self._saved_kernel.name

    @property
    def _saved_kernel(self) -> SavedKernel | None:
        return self._saved.kernels[self._turned - 1] if self._saved is not None and self._turned else None

    @property
    def source(self) -> str:
        """Which weights are shown large: "learned", "teacher" or "closed"."""
        return self._source

    @property
    def bias_text(self) -> str:
        """What is said of the biases."""
        return self._bias.text()

    def show_shapes(self, shapes: Sequence[Array], teacher: Arrays | None = None) -> None:
        """Begin with other arrays: their shapes, and what they should become where that is known."""
        self._shapes = tuple(shapes)
        self._planes = planes_of(self._shapes)
        self._values = {"learned": None, "teacher": teacher, "closed": None}
        self._errors, self._source = None, "learned"
        self._begin()

    def _begin(self) -> None:
        """Show the first of other kernels, or all of them."""
        planes, kernel = self.planes, self._saved_kernel
        self._one, self._page = (0 if len(planes) == 1 else None), 0
        for widget in (self._back, self._place, self._next, self._all):
            widget.setVisible(len(planes) > 1)
        shapes = self._shapes if kernel is None else kernel.arrays
        self._bias.setVisible(any(len(each.shape) < 2 for each in shapes))
        self._show()

    def show_saved(self, saved: SavedResult | None) -> None:
        """Offer what an earlier run found, in front or behind a button; None for nothing."""
        self._saved, self._turned = saved, int(saved is not None and saved.in_front)
        self._turn_saved.setVisible(saved is not None)
        self._begin()

    def show_values(self, values: Arrays | None) -> None:
        """Show the weights of a step."""
        self._values["learned"] = values
        self._show()

    def show_closed(self, values: Arrays | None, errors: Arrays | None = None) -> None:
        """Show the closed form's weights beside, or none; cells tell their standard errors."""
        self._values["closed"], self._errors = values, errors
        if values is None and self._source == "closed":
            self._source = "learned"
        self._show()

    def _limit(self, planes: Sequence[Plane], known: Sequence[Arrays | None]) -> float:
        """Return the end of the scale: the teacher's largest weight at least, so that colours stand still."""
        all_of = [plane.of(values) for values in known if values is not None for plane in planes]
        return max((weight_limit(np.nan_to_num(each)) for each in all_of if each.any()), default=1.0)

    def _show(self) -> None:
        shown, kernel = self._shown(), self._saved_kernel
        limit = self._limit(shown, tuple(self._values.values()) if kernel is None else (kernel.values,))
        values = self._values[self._source] if kernel is None else kernel.values
        self._take.setEnabled(kernel is not None or self._values["learned"] is not None)
        if kernel is None:
            self._show_small(shown, limit)
        self.teacher.setChecked(kernel is None and self._source == "teacher")
        self.closed.setChecked(kernel is None and self._source == "closed")
        kernels = tuple(plane.of(values) for plane in shown) if values is not None else ()
        titles = tuple(plane.title for plane in shown)
        self.view.show_kernels(kernels, limit, titles, self._details(shown[0] if shown else None))
        self._write(shown)
        self._show_bias(self._shapes if kernel is None else kernel.arrays, values)

    def _show_small(self, shown: Sequence[Plane], limit: float) -> None:
        for name, thumb in (("teacher", self.teacher), ("closed", self.closed)):
            there = self._values[name]
            thumb.show_kernel(mosaic([p.of(there) for p in shown]) if there and shown else None, limit)

    def _shown(self) -> tuple[Plane, ...]:
        if self._one is not None:
            return self.planes[self._one : self._one + 1]
        return self.planes[self._page * TILES : (self._page + 1) * TILES]

    def _details(self, plane: Plane | None) -> tuple[Detail, ...]:
        """Return what cells are compared with."""
        if plane is None or self._saved_kernel is not None:
            return ()
        errors = None if self._errors is None else plane.of(self._errors)
        found = []
        for name in ("teacher", "closed"):
            there = self._values[name]
            own = name == self._source
            if there is not None and (not own or name == "closed"):
                found.append(
                    Detail(_TITLES[name], plane.of(there), errors if name == "closed" else None, own=own)
                )
        return tuple(found)

    def _write(self, shown: tuple[Plane, ...]) -> None:
        planes, kernel, saved = self.planes, self._saved_kernel, self._saved
        title = _TITLES[self._source] if kernel is None else kernel.title
        if self._one is not None and len(planes) > 1:
            title, place = planes[self._one].title, f"{self._one + 1}/{len(planes)}"
        elif len(planes) > TILES:
            place = f"{self._page * TILES + 1}–{self._page * TILES + len(shown)}/{len(planes)}"
        else:
            place = f"{len(planes)}"
        if saved is not None:
            last = self._turned == len(saved.kernels)
            self._turn_saved.setText("start ⇄" if last else f"{saved.caption} ⇄")
            self._turn_saved.setAccessibleName(
                "Show the start" if last else f"Show the {saved.caption} kernel"
            )
            self._turn_saved.setToolTip(tip(saved.words, _TURN_HELP))
        if title != self._title.text():
            self._title.setText(title)
        if place != self._place.text():
            self._place.setText(place)
        self._back.setEnabled(bool(self._one or (self._one is None and self._page)))
        pages = -(-len(planes) // TILES)
        end = len(planes) - 1 if self._one is not None else pages - 1
        self._next.setEnabled((self._one if self._one is not None else self._page) < end)
        self._all.setEnabled(self._one is not None)

    def _show_bias(self, shapes: Sequence[Array], values: Arrays | None) -> None:
        biases = biases_of(shapes, values) if values is not None else np.empty(0)
        if biases.size == 0:
            text = ""
        elif biases.size == 1:
            text = f"bias\n{biases[0]:+.4f}".replace("-", "−")
        else:
            text = f"{biases.size} biases"
        if text != self._bias.text():
            self._bias.setText(text)
        if biases.size > 1:
            some = ", ".join(legend_number(float(b)) for b in biases[:32])
            self._bias.setToolTip(tip(f"Biases: {some}{', …' if biases.size > 32 else ''}"))
        elif biases.size:
            self._bias.setToolTip(tip(f"The number added to every cell: {format_number(float(biases[0]))}"))

    # --- what the user does ---

    @Slot(int)
    def _pick(self, index: int) -> None:
        self._one = self._page * TILES + index
        self._show()

    @Slot()
    def _show_all(self) -> None:
        self._page, self._one = (self._one or 0) // TILES, None
        self._show()

    @Slot()
    def _go_back(self) -> None:
        self._go(-1)

    @Slot()
    def _go_on(self) -> None:
        self._go(1)

    def _go(self, by: int) -> None:
        if self._one is not None:
            self._one += by
        else:
            self._page += by
        self._show()

    @Slot()
    def _turn(self) -> None:
        name = "teacher" if self.sender() is self.teacher else "closed"
        self._source = "learned" if self._source == name and not self._turned else name
        self._turned = 0
        self._begin()

    @Slot()
    def _turn_to_saved(self) -> None:
        assert self._saved is not None
        self._turned = (self._turned + 1) % (len(self._saved.kernels) + 1)
        self._begin()
