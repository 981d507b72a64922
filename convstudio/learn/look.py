"""What a training shows of one of its steps."""

from __future__ import annotations

from dataclasses import dataclass

from convstudio.layers.base import FloatArray
from convstudio.learn.network import Values


@dataclass(frozen=True, eq=False)
class Look:
    """Everything about the present step.

    Attributes:
        step: steps behind it.
        values: the weights, float64, one array for each parameter of the network.
        prediction: what the network makes of the picture before, ``(C, H, W)`` float32; not to be written to.
        loss: over the training rows of the whole picture, with the penalty.
        validation_loss: over the other rows, without it; None where there are none.
        penalty: what L2 adds to the loss.
        rate: that of the step to come.
        gradient_norm: the length of the gradient that the last step followed; None at the start.
    """

    step: int
    values: Values
    prediction: FloatArray
    loss: float
    validation_loss: float | None
    rate: float
    gradient_norm: float | None
    penalty: float = 0.0
