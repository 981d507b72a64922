"""What a training is set up to do: the pair of pictures, the student, and the method. All frozen.

The declarations give the form, the file and the command's options, as a layer's do.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Self

from convstudio.kernels import Kernel, preset
from convstudio.layers import Conv
from convstudio.layers.conv import MOST_PADDING
from convstudio.model.training_method import MethodSetup, Setup
from convstudio.spec.params import (
    BoolParam,
    Choice,
    ChoiceParam,
    FloatParam,
    IntParam,
    Padding,
    PaddingParam,
    Pair,
    ParamError,
    PerAxisParam,
)

LARGEST_STUDENT = 31
"""Rows and columns that a learned kernel has at most."""

_OF_CONV = {each.name: each.param for each in Conv.parameters()}
"""What a student has as every convolution has it."""

Mark = tuple[str, str]
"""A layer's id and the name of one of its trainable arrays, such as "weight" or "bias"."""


def _kernel(what: str, value: object) -> None:
    if not isinstance(value, Kernel):
        raise ParamError(f"{what} must be a kernel, got {value!r}")


@dataclass(frozen=True)
class PairSetup(Setup):
    """Which picture before and which after.

    Attributes:
        teacher: the kernel that makes the picture after, where ``source`` is "kernel".
        before, after: paths of image files, "" for none, where ``source`` is "files".
    """

    source: Annotated[
        str,
        ChoiceParam(
            label="Pair",
            help="Where the picture after comes from: made of the present picture by a filter that the "
            "student does not see, or from a file.",
            choices=(
                Choice("kernel", "hidden kernel", "The present picture and what a kernel makes of it."),
                Choice("stack", "this stack", "The present picture and what the layers make of it."),
                Choice("files", "two files", "A picture before and after: which filter made it?"),
                Choice("edge", "textbook", "6×8 pixels with a vertical edge, and the 1×2 kernel (1, −1)."),
            ),
        ),
    ] = "kernel"
    teacher: Kernel = dataclasses.field(default_factory=lambda: preset("sobel-x").make())
    before: str = ""
    after: str = ""
    grey: Annotated[
        bool,
        BoolParam(label="Grey", help="Turns both pictures into their luminance first."),
    ] = False
    noise: Annotated[
        float,
        FloatParam(
            label="Noise",
            help="The standard deviation of normal noise that is added to one of the pictures; 1 is white.",
            minimum=0.0,
            maximum=0.5,
            step=0.01,
            decimals=3,
        ),
    ] = 0.0
    noise_on: Annotated[
        str,
        ChoiceParam(
            label="Noise on",
            help="Which picture is noisy. Noise before teaches to remove it, noise after only disturbs.",
            choices=(
                Choice("before", "before", "The student learns to remove it."),
                Choice("after", "after", "The answers to learn are noisy."),
            ),
        ),
    ] = "after"
    clipped: Annotated[
        str,
        ChoiceParam(
            label="Clipped",
            help="What becomes of pixels that are black or white in the picture after: a file cannot hold "
            "values beyond, so a filter's answer may have been cut off there.",
            choices=(
                Choice("count", "count", "They count as any other pixel."),
                Choice("leave out", "leave out", "Nothing is learned from them."),
            ),
        ),
    ] = "count"
    validation: Annotated[
        float,
        FloatParam(
            label="Validation",
            help="The share of the picture, at its lower edge, that is not learned from: the loss there "
            "tells whether what was learned holds elsewhere too.",
            minimum=0.0,
            maximum=0.5,
            step=0.05,
            decimals=2,
        ),
    ] = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        _kernel("the teacher", self.teacher)
        for path in (self.before, self.after):
            if not isinstance(path, str):
                raise ParamError(f"a picture's path must be text, got {path!r}")


@dataclass(frozen=True)
class StudentSetup(Setup):
    """What is learned, and from where it starts.

    Attributes:
        first: the kernel that a start "preset" begins with.
        marks: what is learned of the stack's layers, where ``kind`` is "stack".
    """

    kind: Annotated[
        str,
        ChoiceParam(
            label="Student",
            help="What is learned: one kernel, or the marked weights of the layers in the stack.",
            choices=(
                Choice("kernel", "one kernel", "A single convolution."),
                Choice("stack", "this stack", "The weights marked in its layers."),
            ),
        ),
    ] = "kernel"
    size: Annotated[
        Pair,
        PerAxisParam(
            label="Size",
            help="Rows and columns of the kernel that is learned.",
            each=IntParam(label="Size", help="Taps.", minimum=1, maximum=LARGEST_STUDENT),
        ),
    ] = (3, 3)
    channels: Annotated[
        str,
        ChoiceParam(
            label="Channels",
            help="Whether all channels share one kernel, each has its own, or all are mixed.",
            choices=(
                Choice("shared", "one for all", "The same kernel on each channel alone."),
                Choice("each", "one each", "A kernel of its own for each channel."),
                Choice("all", "all to all", "Each output channel from all input channels."),
                Choice("grouped", "groups", "Each output channel from the input channels of its group."),
            ),
        ),
    ] = "shared"
    groups: Annotated[int, _OF_CONV["groups"]] = 1
    padding: Annotated[
        Padding,
        PaddingParam(
            label="Padding",
            help="How many pixels are added around the picture. Valid learns from real pixels alone.",
            maximum=MOST_PADDING,
        ),
    ] = "valid"
    padding_mode: Annotated[str, _OF_CONV["padding_mode"]] = "reflect"
    stride: Annotated[Pair, _OF_CONV["stride"]] = (1, 1)
    dilation: Annotated[Pair, _OF_CONV["dilation"]] = (1, 1)
    bias: Annotated[
        bool,
        BoolParam(label="Bias", help="Whether a number that is added to every cell is learned too."),
    ] = False
    start: Annotated[
        str,
        ChoiceParam(
            label="Start",
            help="The weights before the first step.",
            choices=(
                Choice("zeros", "zeros", "All weights are 0."),
                Choice("random", "random", "Normal numbers with standard deviation 0.1."),
                Choice(
                    "xavier", "Xavier", "Uniform, for equal variance both ways (Glorot and Bengio, 2010)."
                ),
                Choice("he", "He", "Normal, for layers with ReLU (He et al., 2015)."),
                Choice("preset", "kernel", "The weights of a kernel that you choose."),
                Choice("present", "as it is", "The weights that the stack's layers have now."),
            ),
        ),
    ] = "zeros"
    first: Kernel = dataclasses.field(default_factory=lambda: preset("mean").make())
    seed: Annotated[
        int,
        IntParam(
            label="Seed",
            help="Which random numbers are drawn: the same seed gives the same run.",
            minimum=0,
            maximum=2**31 - 1,
        ),
    ] = 0
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _kernel("the first kernel", self.first)
        fine = isinstance(self.marks, tuple) and all(
            isinstance(mark, tuple) and len(mark) == 2 and all(isinstance(word, str) for word in mark)
            for mark in self.marks
        )
        if not fine:
            raise ParamError(f"marks must be pairs of a layer and one of its arrays, got {self.marks!r}")
        object.__setattr__(self, "marks", tuple(dict.fromkeys(self.marks)))


@dataclass(frozen=True)
class TrainingSetup:
    """The pair, the student and the method of one training."""

    pair: PairSetup = dataclasses.field(default_factory=PairSetup)
    student: StudentSetup = dataclasses.field(default_factory=StudentSetup)
    method: MethodSetup = dataclasses.field(default_factory=MethodSetup)

    def with_value(self, part: str, name: str, value: Any) -> Self:
        """Return a setup with another value of "pair", "student" or "method".

        Raises:
            ParamError: the value is not allowed.
        """
        return dataclasses.replace(self, **{part: dataclasses.replace(getattr(self, part), **{name: value})})

    def applies(self, part: str, name: str) -> bool:
        """Whether a value has a part in the training as the others are set; a form hides those without."""
        pair, student, method = self.pair, self.student, self.method
        alone = student.kind == "kernel"
        rules: dict[tuple[str, str], bool] = {
            ("pair", "grey"): pair.source != "edge",
            ("pair", "noise"): pair.source in ("kernel", "stack"),
            ("pair", "noise_on"): pair.source in ("kernel", "stack") and pair.noise > 0,
            ("pair", "clipped"): pair.source == "files",
            ("student", "groups"): student.channels == "grouped",
            ("student", "padding_mode"): student.padding != "valid",
            ("student", "seed"): student.start in ("random", "xavier", "he") or method.data != "whole",
            ("method", "momentum"): method.optimizer in ("momentum", "nesterov"),
            ("method", "period"): method.schedule in ("step", "exponential", "warmup"),
            ("method", "factor"): method.schedule != "constant",
            ("method", "delta"): method.loss == "huber",
            ("method", "patch"): method.data != "whole",
            ("method", "batch"): method.data == "batch",
        }
        of_kernel = {"size", "channels", "groups", "padding", "padding_mode", "stride", "dilation", "bias"}
        if part == "student" and name in of_kernel and not alone:
            return False
        return rules.get((part, name), True)
