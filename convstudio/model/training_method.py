"""How a training is done: objective, optimizer, schedule and what a step sees; with what all setups share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from convstudio.spec.params import (
    Choice,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    LogFloatParam,
    declared,
)


@dataclass(frozen=True)
class Setup:
    """A frozen dataclass whose annotated fields are checked by their declarations."""

    def __post_init__(self) -> None:
        for each in self.parameters():
            object.__setattr__(self, each.name, each.param.check(getattr(self, each.name)))

    @classmethod
    def parameters(cls) -> tuple[Declared, ...]:
        """Return the declared parameters in field order."""
        kind: type = cls
        return declared(kind)


@dataclass(frozen=True)
class MethodSetup(Setup):
    """How it is learned."""

    optimizer: Annotated[
        str,
        ChoiceParam(
            label="Method",
            help="How a step follows from the gradient.",
            choices=(
                Choice("gd", "gradient descent", "Straight down the slope: −rate · gradient."),
                Choice("momentum", "momentum", "Keeps a part of the last step (Polyak, 1964)."),
                Choice("nesterov", "Nesterov", "Momentum that looks ahead (Nesterov, 1983)."),
                Choice("rmsprop", "RMSProp", "Divides by the gradient's recent size (Hinton, 2012)."),
                Choice("adam", "Adam", "Momentum and size together (Kingma and Ba, 2015)."),
            ),
        ),
    ] = "adam"
    rate: Annotated[
        float,
        LogFloatParam(
            label="Rate",
            help="The learning rate: how far a step goes.",
            minimum=1e-9,
            maximum=1000.0,
        ),
    ] = 0.05
    momentum: Annotated[
        float,
        FloatParam(
            label="Momentum",
            help="The part of the last step that is kept.",
            minimum=0.0,
            maximum=0.999,
            step=0.01,
            decimals=3,
        ),
    ] = 0.9
    schedule: Annotated[
        str,
        ChoiceParam(
            label="Schedule",
            help="How the rate changes on the way.",
            choices=(
                Choice("constant", "constant", "The same rate always."),
                Choice("step", "in steps", "Multiplied by the factor every period."),
                Choice("exponential", "exponential", "Falls evenly, by the factor in a period."),
                Choice("cosine", "cosine", "Falls as a cosine to the factor's share at the last step."),
                Choice("warmup", "warm-up", "Rises for one period, then falls as a cosine."),
            ),
        ),
    ] = "cosine"
    period: Annotated[
        int,
        IntParam(label="Period", help="Steps of one period of the schedule.", minimum=1, maximum=1_000_000),
    ] = 100
    factor: Annotated[
        float,
        FloatParam(
            label="Factor",
            help="What the rate is multiplied by.",
            minimum=0.0,
            maximum=1.0,
            step=0.05,
            decimals=3,
        ),
    ] = 0.05
    loss: Annotated[
        str,
        ChoiceParam(
            label="Loss",
            help="How an error of a pixel counts. Huber's loss (1964) is squared for small errors and "
            "absolute for large ones.",
            choices=(
                Choice("squared", "squared", "The square: large errors count most."),
                Choice("absolute", "absolute", "The size: outliers count no more."),
                Choice("huber", "Huber", "Squared if small, else absolute."),
            ),
        ),
    ] = "squared"
    delta: Annotated[
        float,
        LogFloatParam(
            label="Delta",
            help="The error where Huber's loss turns from squared to absolute.",
            minimum=1e-6,
            maximum=100.0,
        ),
    ] = 0.1
    reduction: Annotated[
        str,
        ChoiceParam(
            label="Over pixels",
            help="Whether the loss is the mean or the sum over all pixels: the sum's gradient, and with it a "
            "step, grows with the picture.",
            choices=(
                Choice("mean", "mean", "Independent of the picture's size."),
                Choice("sum", "sum", "As some textbooks have it."),
            ),
        ),
    ] = "mean"
    l2: Annotated[
        float,
        FloatParam(
            label="L2",
            help="Weight decay: ½ · this · Σ weight² is added to the loss and draws the weights to 0.",
            minimum=0.0,
            maximum=10.0,
            step=0.001,
            decimals=6,
        ),
    ] = 0.0
    data: Annotated[
        str,
        ChoiceParam(
            label="A step sees",
            help="How much of the picture a step learns from.",
            choices=(
                Choice("whole", "whole picture", "Every pixel, at every step."),
                Choice("patch", "a patch", "A square at a random place."),
                Choice("batch", "patches", "A mini-batch of several squares at random places."),
            ),
        ),
    ] = "whole"
    patch: Annotated[
        int,
        IntParam(label="Patch", help="Side of a patch.", minimum=4, maximum=1024, unit="px"),
    ] = 64
    batch: Annotated[
        int,
        IntParam(label="Batch", help="Patches a step.", minimum=1, maximum=256),
    ] = 8
    steps: Annotated[
        int,
        IntParam(label="Steps", help="After how many steps the run stops.", minimum=1, maximum=1_000_000),
    ] = 10_000
