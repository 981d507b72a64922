"""Activation functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from convstudio import core
from convstudio.core import Control
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Shape
from convstudio.spec.params import Choice, ChoiceParam, FloatParam


@dataclass(frozen=True)
class Function:
    """One of the core's activation functions.

    Attributes:
        label: what a card calls it.
        help: its formula and where it comes from.
        forward, backward: of the core, ``(x, …)`` and ``(grad, x, …)``.
        takes: the layer's parameters that it has, with the core's names for them.
        fixed: further arguments.
    """

    label: str
    help: str
    forward: Callable[..., FloatArray]
    backward: Callable[..., FloatArray]
    takes: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


FUNCTIONS: dict[str, Function] = {
    "relu": Function(
        "ReLU",
        "max(x, 0): what is negative becomes 0. Nair and Hinton, Rectified linear units, ICML 2010.",
        core.relu,
        core.relu_backward,
    ),
    "leaky_relu": Function(
        "Leaky ReLU",
        "x where x > 0, else slope · x. Maas, Hannun and Ng, Rectifier nonlinearities, ICML 2013.",
        core.leaky_relu,
        core.leaky_relu_backward,
        {"slope": "negative_slope"},
    ),
    "elu": Function(
        "ELU",
        "x where x > 0, else alpha · (eˣ − 1). Clevert, Unterthiner and Hochreiter, ICLR 2016.",
        core.elu,
        core.elu_backward,
        {"alpha": "alpha"},
    ),
    "gelu": Function(
        "GELU",
        "x · Φ(x), with Φ the normal distribution. Hendrycks and Gimpel, 2016.",
        core.gelu,
        core.gelu_backward,
    ),
    "gelu_tanh": Function(
        "GELU (tanh)",
        "x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), the estimate of Hendrycks and Gimpel, 2016.",
        core.gelu,
        core.gelu_backward,
        fixed={"approximate": "tanh"},
    ),
    "sigmoid": Function(
        "Sigmoid",
        "1 / (1 + e⁻ˣ), between 0 and 1. Rumelhart, Hinton and Williams, Nature 323, 1986.",
        core.sigmoid,
        core.sigmoid_backward,
    ),
    "tanh": Function(
        "Tanh",
        "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), between −1 and 1. LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998.",
        core.tanh,
        core.tanh_backward,
    ),
    "softplus": Function(
        "Softplus",
        "ln(1 + e^(beta·x)) / beta, a smooth ReLU; x itself where beta·x exceeds the threshold. "
        "Dugas et al., NIPS 2000.",
        core.softplus,
        core.softplus_backward,
        {"beta": "beta", "threshold": "threshold"},
    ),
    "hardswish": Function(
        "Hard swish",
        "x · min(max(x + 3, 0), 6) / 6. Howard et al., Searching for MobileNetV3, ICCV 2019.",
        core.hardswish,
        core.hardswish_backward,
    ),
    "abs": Function(
        "Absolute value",
        "|x|: a dark and a bright edge count alike. Jarrett, Kavukcuoglu, Ranzato and LeCun, ICCV 2009.",
        core.abs,
        core.abs_backward,
    ),
    "square": Function(
        "Square",
        "x²: the energy of a filter's answer. Adelson and Bergen, JOSA A 2, 1985.",
        core.square,
        core.square_backward,
    ),
    "softmax": Function(
        "Softmax",
        "e^x[c] / Σ e^x[k] over the channels k: each pixel's channels become shares that add up to 1. "
        "Bridle, 1990.",
        core.softmax,
        core.softmax_backward,
        fixed={"axis": 0},
    ),
}
"""The functions by the values of the ``function`` parameter."""

_CHOICES = tuple(Choice(value, each.label, each.help) for value, each in FUNCTIONS.items())


@dataclass(frozen=True)
class Activation(Layer):
    """Applies one function to every number, such as ReLU, which turns everything negative into 0.

    y[c, i, j] = f(x[c, i, j]). Without such a bend between them, two convolutions would be no more than one.
    Softmax alone looks at more than one number: at all channels of a pixel.

    (Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.3; each function names its own paper.)
    """

    kind: ClassVar[str] = "activation"
    title: ClassVar[str] = "Activation"
    family: ClassVar[str] = "Activation"
    keywords: ClassVar[str] = (
        "nonlinearity relu leaky elu gelu sigmoid logistic tanh softplus hardswish swish abs square softmax"
    )

    function: Annotated[
        str,
        ChoiceParam(
            label="Function",
            help="What is done to every number.",
            choices=_CHOICES,
        ),
    ] = "relu"
    slope: Annotated[
        float,
        FloatParam(
            label="Slope",
            help="What negative numbers are multiplied by; 0 makes it ReLU, −1 the absolute value.",
            minimum=-2.0,
            maximum=2.0,
            step=0.01,
        ),
    ] = 0.01
    alpha: Annotated[
        float,
        FloatParam(
            label="Alpha",
            help="How far below 0 very negative numbers end up.",
            minimum=0.0,
            maximum=10.0,
        ),
    ] = 1.0
    beta: Annotated[
        float,
        FloatParam(
            label="Beta",
            help="How sharp the bend at 0 is; the larger, the nearer to ReLU.",
            minimum=0.05,
            maximum=100.0,
        ),
    ] = 1.0
    threshold: Annotated[
        float,
        FloatParam(
            label="Threshold",
            help="Where beta times the number exceeds this, the number is taken as it is.",
            minimum=1.0,
            maximum=100.0,
            step=1.0,
        ),
    ] = 20.0

    @property
    def _function(self) -> Function:
        return FUNCTIONS[self.function]

    def applies(self, name: str) -> bool:
        return name == "function" or name in self._function.takes

    def name(self) -> str:
        number = {"leaky_relu": self.slope, "elu": self.alpha}.get(self.function)
        return self._function.label if number is None else f"{self._function.label} {number:g}"

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        return in_shape

    def _arguments(self) -> dict[str, Any]:
        own = {theirs: getattr(self, ours) for ours, theirs in self._function.takes.items()}
        return {**own, **self._function.fixed}

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        return self._function.forward(x, **self._arguments(), control=control, out=out)

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        return LayerGradients(self._function.backward(grad, x, **self._arguments(), control=control))
