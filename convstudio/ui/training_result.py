"""What there is of the training that is open, and what of it can be put into the stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convstudio.layers import Layer

if TYPE_CHECKING:
    from convstudio.learn.least_squares import LeastSquares
    from convstudio.session.training_frame import TrainingFrame, TrainingReport

DESCENT, CLOSED = "descent", "closed"
NOT_OPEN = "No training is open: press Train, and choose a pair that can be learned from."


@dataclass
class TrainingResult:
    """Its report, the newest frame, and the answer of the closed form; None for what is not there yet."""

    report: TrainingReport | None = None
    frame: TrainingFrame | None = None
    solved: LeastSquares | None = None

    def why_not_run(self) -> str:
        """Return why no step can be made now, "" where one can."""
        return "" if self.report is not None else NOT_OPEN

    def why_not_take(self) -> str:
        """Return why there is nothing to put into the stack, "" where there is."""
        return "" if self.frame is not None else NOT_OPEN

    def layers(self, which: str) -> Sequence[Layer] | None:
        """Return the layers with the weights of the "descent" or of the "closed" form, None without any."""
        if which != CLOSED:
            return None if self.frame is None else self.frame.layers
        if self.report is None or self.solved is None:
            return None
        layer, channels = self.report.layers[0], self.report.in_shape[0]
        arrays = dict(layer.weights(channels))
        arrays["weight"] = self.solved.weights
        if self.solved.bias is not None:
            arrays["bias"] = self.solved.bias
        return (layer.with_weights(arrays, channels),)
