"""The page of the training lab on which a run is watched: pictures, kernel, loss, numbers, closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from convstudio.learn.lab import Comparison
from convstudio.ui.learned_kernel import LearnedKernel
from convstudio.ui.loss_chart import LossChart
from convstudio.ui.training_facts import TrainingFacts
from convstudio.ui.training_pictures import PictureRow
from convstudio.ui.training_planes import Array, Arrays, Numbers
from convstudio.ui.verdict_card import VerdictCard

if TYPE_CHECKING:
    from convstudio.learn.least_squares import LeastSquares
    from convstudio.session.training_frame import TrainingFrame, TrainingReport

_PICTURES_SHARE = 0.39, 0.44  # of the height, where it is low and where it is high
_ROOMY = 700  # px of height from which on there is room for larger letters
_FACTS_SHARE = 0.42  # of the width of the lower row
_LEAST_FACTS, _MOST_FACTS = 300, 440  # px
_GAP = 10


class TrainingRun(QWidget):
    """Lays the views of a run out; ``show_*`` emits nothing."""

    scrubbed = Signal(int)
    take_requested = Signal(str)  # "descent" or "closed", or those of an earlier run
    channel_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-run")
        self.pictures = PictureRow(self)
        self.kernel = LearnedKernel(self)
        self.chart = LossChart(self)
        self.facts = TrainingFacts(self)
        self.verdict = VerdictCard(self)
        self._report: TrainingReport | None = None
        self._comparisons: tuple[Comparison, ...] = ()
        self._roomy = False
        self._lay_out()
        self.chart.scrubbed.connect(self.scrubbed)
        self.kernel.take_requested.connect(self._take_shown)
        self.pictures.channel_chosen.connect(self.channel_chosen)
        self.verdict.take_requested.connect(self._take_closed)

    def _lay_out(self) -> None:
        self._upper, self._right = QWidget(self), QWidget(self)
        upper = QHBoxLayout(self._upper)
        upper.setContentsMargins(0, 0, 0, 0)
        upper.setSpacing(_GAP)
        upper.addWidget(self.pictures, 25)
        upper.addWidget(self.kernel, 10)
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(_GAP)
        right.addWidget(self.facts)
        right.addWidget(self.verdict, 1)
        lower = QHBoxLayout()
        lower.setSpacing(_GAP)
        lower.addWidget(self.chart, 1)
        lower.addWidget(self._right)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_GAP)
        column.addWidget(self._upper)
        column.addLayout(lower, 1)
        self._upper.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._share()

    def _share(self) -> None:
        """Give pictures and facts their share: it depends on the size alone, never on what is shown."""
        roomy = self.height() >= _ROOMY
        self._upper.setFixedHeight(max(150, round(_PICTURES_SHARE[roomy] * self.height())))
        if roomy != self._roomy:
            self._roomy = roomy
            self.facts.set_roomy(roomy)
            self.verdict.set_roomy(roomy)
        wide = min(max(round(_FACTS_SHARE * self.width()), _LEAST_FACTS), _MOST_FACTS)
        self._right.setFixedWidth(wide)

    def resizeEvent(self, event: object) -> None:  # noqa: ARG002  the size is asked for
        self._share()

    def sizeHint(self) -> QSize:
        return QSize(826, 500)

    # --- what is shown ---

    def show_opened(self, report: TrainingReport) -> None:
        """Begin with another training: nothing is known of the one before any more."""
        self._report = report
        several = len({p.layer for p in report.parameters}) > 1
        shapes = [
            Array(_array_name(report, p.layer) if several else p.name, p.shape, p.count)
            for p in report.parameters
        ]
        self.kernel.show_saved(None)
        self.kernel.show_shapes(shapes, report.teacher)
        self.pictures.show_channels(report.out_shape[0])
        self.kernel.show_values(report.start)
        self.pictures.show_pictures(None, None, None, None)
        self.chart.show_planned(report.setup.method.steps)
        self.chart.show_floor(None)
        self.chart.show_losses((), (), (), 0)
        self._comparisons = ()
        self.facts.show_comparisons(())
        self.facts.show_decay(report.setup.method.l2 > 0.0)
        self.facts.show_numbers(loss=None, validation=None, distance=None, rate=None)
        self.verdict.show_nothing()

    def show_frame(self, frame: TrainingFrame) -> None:
        """Show a step."""
        self.pictures.show_pictures(frame.target, frame.before, frame.prediction, frame.residual)
        self.pictures.show_channel(frame.channel)
        self.kernel.show_values(frame.values)
        held = self.chart.dragging  # then the cursor is in the user's hand
        step = self.chart.step if held else frame.step
        self._show_losses(frame, step)
        self.facts.show_numbers(
            loss=frame.loss,
            validation=frame.validation_loss,
            distance=frame.distance,
            rate=frame.rate,
            penalty=frame.penalty,
        )
        self._show_comparisons(frame)

    def _show_losses(self, frame: TrainingFrame, step: int) -> None:
        """Show the curve; one that has no point yet begins with what this step's loss is."""
        if frame.steps.size or frame.step:
            self.chart.show_losses(frame.steps, frame.losses, frame.validation_losses, step)
        else:
            validation = math.nan if frame.validation_loss is None else frame.validation_loss
            self.chart.show_losses([0], [frame.loss], [validation], 0)

    def _show_comparisons(self, frame: TrainingFrame) -> None:
        """Keep the other filters' lines while it plays, where only the prediction is measured."""
        lines = frame.comparisons or self._comparisons
        if not frame.comparisons and frame.psnr is not None:
            here = Comparison("prediction", frame.psnr, frame.ssim)
            known = any(line.name == "prediction" for line in lines)
            lines = tuple(here if line.name == "prediction" else line for line in lines) if known else (here,)
        if lines != self._comparisons:
            self._comparisons = lines
            self.facts.show_comparisons(lines, denoised=frame.denoised)

    def show_solved(self, solved: LeastSquares) -> None:
        """Show the closed form's kernel, loss and verdict."""
        self.verdict.show_solved(solved)
        self.chart.show_floor(solved.loss)
        errors = None if solved.bias is None else np.full(solved.bias.shape, np.nan)  # not told of biases
        self.kernel.show_closed(
            self._arrays_of(solved.weights, solved.bias), self._arrays_of(solved.uncertainty, errors)
        )

    def _arrays_of(self, weights: Numbers, bias: Numbers | None) -> Arrays | None:
        """Return the closed form's weights and bias in the order of what is learned."""
        if self._report is None:
            return None
        found = {"weight": weights, "bias": bias}
        arrays = []
        for parameter in self._report.parameters:
            values = found.get(parameter.name)
            if values is None or values.size != math.prod(parameter.shape):
                return None
            arrays.append(np.asarray(values, np.float64).reshape(parameter.shape))
        return tuple(arrays)

    # --- what the user asks for ---

    @property
    def result(self) -> str:
        """Which result is shown large, as ``TrainingResult`` names it."""
        return self.kernel.saved or "descent"

    @Slot()
    def _take_shown(self) -> None:
        self.take_requested.emit(self.result)

    @Slot()
    def _take_closed(self) -> None:
        self.take_requested.emit("closed")


def _array_name(report: TrainingReport, place: int) -> str:
    return report.ids[place] if place < len(report.ids) else f"layer {place + 1}"
