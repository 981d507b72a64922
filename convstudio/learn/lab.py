"""A training that is ready to run: everything is checked before the first step."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from convstudio.core import Control
from convstudio.core.speeds import steady_plans
from convstudio.kernels import preset
from convstudio.layers import Conv
from convstudio.layers.base import FloatArray
from convstudio.learn.alignment import centres
from convstudio.learn.errors import LearnError
from convstudio.learn.least_squares import LeastSquares, solve
from convstudio.learn.network import Network, Values
from convstudio.learn.objectives import Objective, count
from convstudio.learn.pairs import Pair, make_pair
from convstudio.learn.quality import SSIM_WINDOW, psnr, ssim
from convstudio.learn.sources import read_sources
from convstudio.learn.students import make_student
from convstudio.learn.trainer import Trainer
from convstudio.learn.whole import kept_cells
from convstudio.model import Picture, Project
from convstudio.model.training import TrainingSetup

_RIVALS = (
    ("mean 3×3", "mean", {"size": 3}),
    ("Gaussian 3×3", "gaussian", {"size": 3, "sigma": 0.8}),
    ("Gaussian 5×5", "gaussian", {"size": 5, "sigma": 1.1}),
)
"""Filters against noise that a learned one is compared with; σ follows from the size by the rule in OpenCV's
documentation, 0.3·((size − 1)/2 − 1) + 0.8."""


@dataclass(frozen=True, eq=False)
class Lab:
    """A pair, a student and the trainer that brings them together."""

    setup: TrainingSetup
    network: Network
    pair: Pair
    trainer: Trainer


@dataclass(frozen=True)
class Comparison:
    """How near a picture is to what it should be.

    Attributes:
        name: "input", "prediction", or the filter that made it.
        psnr: in dB, infinite where they are equal; NaN where no cell counts.
        ssim: up to 1; None for pictures smaller than its window of 11×11 pixels, and where no window lies on
            cells that count alone.
    """

    name: str
    psnr: float
    ssim: float | None


@steady_plans()
def open_lab(
    setup: TrainingSetup,
    project: Project,
    before: Picture | None = None,
    after: Picture | None = None,
    control: Control | None = None,
) -> Lab:
    """Return the training of a setup, at its start.

    Args:
        setup: the pair, the student and the method.
        project: its picture and its layers, where the setup asks for them.
        before, after: the pictures of the two files, where the pair comes from files.
        control: may cancel.

    Raises:
        LearnError: it cannot be trained; the text says why and what to do.
        Cancelled: by the control.
    """
    sources = read_sources(setup.pair, project, before, after, control)
    try:
        network, start = make_student(setup.student, sources.shape, sources.channels, project)
        if not sources.fit(network):
            sources = sources.cropped(network, control)
            network, start = make_student(setup.student, sources.shape, sources.channels, project)
        pair = make_pair(setup, sources, network, control)
        pair = _with_start_checked(setup, network, pair, start, control)
        seed = setup.student.seed
        trainer = Trainer(network, pair, setup.method, start=start, seed=seed, control=control)
    except MemoryError:
        raise LearnError("There is not enough memory for this training: take a smaller picture.") from None
    return Lab(setup, network, pair, trainer)


def _with_start_checked(
    setup: TrainingSetup, network: Network, pair: Pair, start: Values, control: Control | None
) -> Pair:
    """Return the pair, with a note if the start is perfect already.

    Raises:
        LearnError: no step would ever change anything.
    """
    alone = setup.student.kind == "kernel"
    if alone and pair.before.any():  # a kernel of its own has a slope wherever there is something to see
        return pair
    tape = network.forward(pair.before, start, control)
    keep, _ = kept_cells(pair)
    loss, grad = Objective.of(setup.method).evaluate(tape.output, pair.target, keep, control=control)
    slopes = network.backward(grad, tape, start, control)
    if any(each.any() for each in slopes):
        return pair
    if loss == 0.0:
        note = "The start makes the picture after already: there is nothing left to learn."
        return dataclasses.replace(pair, notes=(*pair.notes, note))
    if alone:
        raise LearnError(
            "The picture before is black everywhere, and every kernel makes the same of it: choose another "
            "picture, or learn a bias."
        )
    raise LearnError(
        "From this start no step leads anywhere: no marked weight changes what the last layer answers, as "
        "happens where all weights are 0 or a ReLU lets nothing pass. Choose another start or a new seed."
    )


def distance(lab: Lab, values: Values) -> float | None:
    """Return the largest difference of a weight or bias from the teacher's, None where that is not known."""
    if lab.pair.teacher is None:
        return None
    return max(
        float(np.abs(value - wanted).max()) for value, wanted in zip(values, lab.pair.teacher, strict=True)
    )


@steady_plans()
def solve_lab(lab: Lab, control: Control | None = None) -> LeastSquares:
    """Return the closed form's answer for the same pair, student and L2.

    Raises:
        LearnError: the student is not one linear layer.
        Cancelled: by the control.
    """
    method, (keep, _) = lab.setup.method, kept_cells(lab.pair)
    # The closed form counts the mean over the cells: beside a sum, the same L2 weighs less.
    cells = count(keep, lab.pair.target.shape) if method.reduction == "sum" else 1
    return solve(lab.network, lab.pair, l2=method.l2 / max(1, cells), control=control)


# --- how good it is ---


def reference(lab: Lab) -> FloatArray:
    """Return what pictures are compared with: the target, without the noise that was added to it."""
    pair = lab.pair
    if pair.clean is None or lab.setup.pair.noise_on == "before":
        return pair.target
    return pair.clean


@steady_plans()
def comparisons(lab: Lab, prediction: FloatArray, control: Control | None = None) -> tuple[Comparison, ...]:
    """Return how near the input, the prediction and, against noise, known filters come to the target.

    They are measured on the rows that were not learned from, if there are any, and against the target
    without noise where noise was added to it. Cells that were left out do not count.

    Args:
        lab: the training.
        prediction: of the whole picture, of the target's shape.
        control: may cancel.

    Raises:
        Cancelled: by the control.
    """
    wanted, rows = reference(lab), lab.pair.judged
    keep = None if lab.pair.keep is None else lab.pair.keep[:, rows]
    noisy_before = lab.pair.clean is not None and lab.setup.pair.noise_on == "before"
    found = []
    for name, picture in _contestants(lab, prediction, noisy_before, control):
        one, other = picture[:, rows], wanted[:, rows]
        large = min(one.shape[1:]) >= SSIM_WINDOW
        similar = ssim(one, other, control=control, keep=keep) if large else math.nan
        known = None if math.isnan(similar) else similar
        found.append(Comparison(name, psnr(one, other, control=control, keep=keep), known))
    return tuple(found)


def _contestants(
    lab: Lab, prediction: FloatArray, noisy: bool, control: Control | None
) -> Iterator[tuple[str, FloatArray]]:
    """The pictures to compare, each at the pixels that the student's cells lie on."""
    pair, network = lab.pair, lab.network
    comparable = len(pair.before) == len(pair.target)
    grid = None
    if comparable:
        try:
            grid = centres(network)
        except LearnError:  # the student enlarges the picture
            grid = None
    if grid is not None:
        yield "input", grid.view(pair.before, control)
    yield "prediction", prediction
    if grid is None or not noisy:
        return
    for name, kernel, values in _RIVALS:
        layer = Conv.of(preset(kernel).make(**values), padding_mode="symmetric")
        yield name, grid.view(layer.forward(pair.before, control=control), control)
