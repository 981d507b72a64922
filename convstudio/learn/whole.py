"""The loss on the whole picture, and its gradient with respect to what is learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.layers.base import FloatArray
from convstudio.learn.bands import bands
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network, Tape, Values
from convstudio.learn.objectives import Keep, Objective, count
from convstudio.learn.pairs import Pair
from convstudio.learn.penalty import Penalty


@dataclass(frozen=True, eq=False)
class Seen:
    """What the whole picture shows for some values.

    Attributes:
        tape: of the run, with the prediction.
        loss: over the training rows, with the penalty.
        validation: over the other rows, without it; None where there are none.
        slope: the loss's gradient with respect to the prediction; None where it was not asked for.
    """

    tape: Tape
    loss: float
    validation: float | None
    slope: FloatArray | None


class WholePicture:
    """A pair as a function of the network's values.

    Raises:
        LearnError: no cell to learn from, or numbers in the pictures that are none.
        Cancelled: by the control.
    """

    def __init__(
        self,
        network: Network,
        pair: Pair,
        objective: Objective,
        penalty: Penalty,
        control: Control | None = None,
    ) -> None:
        self.network, self.objective, self.penalty = network, objective, penalty
        self.x = np.ascontiguousarray(pair.before, np.float32)
        self.target = np.ascontiguousarray(pair.target, np.float32)
        if self.target.shape != network.out_shape:
            made, wanted = ("×".join(map(str, shape)) for shape in (network.out_shape, self.target.shape))
            raise LearnError(f"The student makes {made} cells, but the target has {wanted}; open it again.")
        self.keep, self.validation = kept_cells(pair)
        if not count(self.keep, self.target.shape):
            raise LearnError(
                "No pixel is left to learn from: validate on a smaller share, or count clipped pixels too."
            )
        _check_finite(self.x, self.target, pair, control)
        self._base: Tape | None = None
        self._blank: float | None = None

    def see(self, values: Values, control: Control | None = None, *, slope: bool = True) -> Seen:
        """Run the network on the whole picture.

        Raises:
            Cancelled: by the control.
        """
        tape = self.network.forward(self.x, values, share(control, 0.0, 0.8), reuse=self._base)
        self._remember(tape)
        prediction, listener = tape.output, share(control, 0.8, 0.95)
        gradient = None
        if slope:
            loss, gradient = self.objective.evaluate(prediction, self.target, self.keep, control=listener)
        else:
            loss = self.objective.loss(prediction, self.target, self.keep, listener)
        beside = None
        if self.validation is not None:
            last = share(control, 0.95, 1.0)
            beside = self.objective.loss(prediction, self.target, self.validation, last)
        return Seen(tape, loss + self.penalty.value(values), beside, gradient)

    def gradient(self, seen: Seen, values: Values, control: Control | None = None) -> Values:
        """Return the gradient of what was seen with the same values, penalty included.

        Raises:
            Cancelled: by the control.
        """
        assert seen.slope is not None
        return self.penalty.added(self.network.backward(seen.slope, seen.tape, values, control), values)

    def blank_loss(self, control: Control | None = None) -> float:
        """Return the loss of a prediction that is 0 everywhere: what the size of the target makes of it.

        Raises:
            Cancelled: by the control.
        """
        if self._blank is None:
            nothing = np.broadcast_to(np.float32(0), self.target.shape)
            self._blank = self.objective.loss(nothing, self.target, self.keep, control)
        return self._blank

    def _remember(self, tape: Tape) -> None:
        """Keep what the layers below the lowest learned one make of the picture: it stays the same."""
        lowest = self.network.parameters[0].layer
        if self._base is None and lowest:
            known = tape.inputs[lowest]
            assert known is not None
            rest = (None,) * (len(tape.inputs) - lowest - 1)
            self._base = Tape(tape.x, known, (*tape.inputs[: lowest + 1], *rest))


def kept_cells(pair: Pair) -> tuple[Keep, Keep]:
    """Return the cells that are learned from, and those that validate (None where no rows do)."""
    rows = pair.target.shape[1]
    if pair.keep is None:
        return (0, pair.split), ((pair.split, rows) if pair.split < rows else None)
    training = np.array(np.broadcast_to(pair.keep, pair.target.shape))
    validation = training.copy()
    training[:, pair.split :] = False
    validation[:, : pair.split] = False
    return training, (validation if validation.any() else None)


def _check_finite(x: FloatArray, target: FloatArray, pair: Pair, control: Control | None) -> None:
    """LearnError where the pictures hold numbers that are none; what does not count of the target may."""
    keep = None if pair.keep is None else np.broadcast_to(pair.keep, target.shape)
    for which, values in (("before", x), ("after", target)):
        number = 0
        for band in bands(values.shape, control):
            wrong = ~np.isfinite(values[band])
            if which == "after" and keep is not None:
                wrong &= keep[band]
            number += int(np.count_nonzero(wrong))
        if number:
            raise LearnError(
                f"The picture {which} has NaN or infinity in {number} of its values, from which nothing can "
                "be learned; take another picture."
            )
