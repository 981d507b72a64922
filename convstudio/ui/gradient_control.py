"""Leads the page “One step” to the training and back: asks when it is looked at and the run rests."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from convstudio.session.gradient_reader import GradientReader
from convstudio.session.training import Training
from convstudio.session.training_frame import TrainingFrame
from convstudio.ui.gradient_page import TITLE, GradientPage
from convstudio.ui.training_panel import TrainingPanel


class GradientControl(QObject):
    """Adds the page to a panel, and takes each step apart that the training rests at while it is shown."""

    def __init__(self, training: Training, panel: TrainingPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self.page = GradientPage()
        self.reader = GradientReader(training, self)
        self._visible = False
        self._run = 0  # which of the trainings that were opened
        self._step: int | None = None  # that the newest frame is of; None before there is one
        self._asked: object = None
        self._place: int | None = None
        self._array = ""
        self._kernel: tuple[int, ...] = ()
        panel.add_page(TITLE, self.page)
        training.opened.connect(self._opened)
        training.frame.connect(self._framed)
        training.playing_changed.connect(self._playing_changed)
        training.busy_changed.connect(self._busy_changed)
        self.reader.apart_ready.connect(self.page.show_apart)
        self.reader.apart_failed.connect(self.page.show_failed)
        self.reader.progressed.connect(self.page.show_progress)
        self.reader.ended.connect(self._ended)
        self.page.visible_changed.connect(self._visible_changed)
        self.page.chosen.connect(self._choose)
        self.page.cancel_requested.connect(self._cancel)
        self.page.compute_requested.connect(self._ask)

    # --- what the training tells ---

    @Slot()
    def _opened(self) -> None:
        self._run += 1
        self._step = self._asked = self._place = None
        self._array, self._kernel = "", ()
        self.reader.forget()
        self.page.show_nothing()

    @Slot(object)
    def _framed(self, frame: TrainingFrame) -> None:
        self._step = frame.step
        self._refresh()

    @Slot(bool)
    def _playing_changed(self, playing: bool) -> None:
        if playing:
            self.page.show_playing()
            self._asked = None
        self._refresh()

    @Slot(bool)
    def _busy_changed(self, busy: bool) -> None:
        if not busy:
            self._refresh()

    @Slot(bool)
    def _visible_changed(self, visible: bool) -> None:
        self._visible = visible
        if visible:
            self._refresh()
        else:
            self.reader.cancel()
            self.reader.forget()

    # --- asking ---

    def _refresh(self) -> None:
        """Ask, if the step that the training rests at was not asked for yet."""
        if self._visible and self._step is not None and not self._training.playing:
            wanted = (self._run, self._step, self._place, self._array, self._kernel)
            if wanted != self._asked:
                self._ask()

    @Slot()
    def _ask(self) -> None:
        self._asked = (self._run, self._step, self._place, self._array, self._kernel)
        self.page.show_computing()
        self.reader.take_apart(self._place, self._array, self._kernel)

    @Slot(int, str, tuple)
    def _choose(self, place: int, array: str, kernel: tuple[int, ...]) -> None:
        self._place, self._array, self._kernel = place, array, kernel
        self._refresh()

    @Slot()
    def _cancel(self) -> None:
        asked = self._asked
        self.reader.cancel()
        self._asked = asked  # not again by itself
        self.page.show_cancelled()

    @Slot()
    def _ended(self) -> None:
        """Something else went before: the frame that it leads to asks again, or that nothing goes on."""
        self._asked = None
