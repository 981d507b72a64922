"""Up to which learning rate a descent is stable, from the largest curvature of its loss.

Near a minimum the loss is a quadric. Along a direction of curvature λ a step of gradient descent multiplies
the distance from the minimum by 1 − η·λ, which shrinks up to η = 2 / λ; with momentum μ it does up to
2·(1 + μ) / λ (Polyak, 1964), with Nesterov's up to 2·(1 + μ) / ((1 + 2·μ)·λ). The steepest direction decides:
its curvature L is the largest eigenvalue of the loss's Hessian, for one linear layer and squared errors that
of the normal matrix, doubled, over the number of cells.

The Hessian is never made: differences of gradients multiply with it, exactly where the loss is a quadric,
and Arnoldi's iteration finds the eigenvalue from a few of these products (Arnoldi, The principle of minimized
iterations in the solution of the matrix eigenvalue problem, 1951; Pearlmutter, 1994, for the products).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.layers.bank_layer import BankLayer
from convstudio.learn.divergence import plain
from convstudio.learn.network import Network, Values
from convstudio.learn.objectives import Objective
from convstudio.learn.pairs import Pair
from convstudio.learn.penalty import Penalty
from convstudio.learn.whole import WholePicture
from convstudio.model.training_method import MethodSetup

Gradient = Callable[[Values, Control | None], Values]

MOST_PRODUCTS = 16
"""Products with the Hessian at most; pictures with a mean other than 0 need three to five."""
_ENOUGH = 1e-4
_EXACT = 0.5
_CAREFUL = 0.25
ADAPTIVE = 0.02
"""The rate for methods that scale their steps by themselves, and about how far a weight moves in a step."""


@dataclass(frozen=True)
class StableRate:
    """Which rates a method may have.

    Attributes:
        limit: above it, the run diverges; None for a method or loss without such a limit.
        suggested: one to take, rounded down to two digits.
        sentence: says it, with the reason.
        curvature: L, where it was needed.
    """

    limit: float | None
    suggested: float
    sentence: str
    curvature: float | None = None


def stable_rate(
    network: Network,
    pair: Pair,
    method: MethodSetup,
    start: Values,
    control: Control | None = None,
    *,
    gradient: Gradient | None = None,
) -> StableRate:
    """Return up to which rate a method is stable on a pair, and a rate to take.

    ``gradient`` is that of the whole picture's loss, where there is a quick way to it. For Huber's loss the
    curvature is that of errors below δ, the largest that there can be.

    Raises:
        Cancelled: by the control.
        LearnError: the pair cannot be trained on.
    """
    if method.optimizer in ("adam", "rmsprop"):
        name = "Adam" if method.optimizer == "adam" else "RMSProp"
        text = f"{name} scales its steps by itself: the rate is about how far each weight moves in a step."
        return StableRate(None, ADAPTIVE, text)
    if gradient is None:
        gradient = _gradient_of(network, pair, method)
    if method.loss == "absolute":
        size = float(np.linalg.norm(_flat(gradient(start, control))))
        suggested = rounded_down(0.01 / size) if size > 0 and math.isfinite(size) else ADAPTIVE
        text = "The slope of absolute errors does not fall near the minimum: the rate is how near it comes."
        return StableRate(None, suggested, text)
    quadric = _is_quadric(network)
    curvature = largest_curvature(gradient, start, quadric=quadric, control=control)
    if not (math.isfinite(curvature) and curvature > 0):
        return StableRate(None, ADAPTIVE, "The loss is flat here: no rate is too large.")
    limit = _times(method) / curvature
    suggested = rounded_down((_EXACT if quadric and method.data == "whole" else _CAREFUL) * limit)
    where = "" if quadric else " where the run starts"
    text = f"Rates above {plain(limit)} diverge: the loss's largest curvature{where} is {plain(curvature)}."
    return StableRate(limit, suggested, text, curvature)


def largest_curvature(
    gradient: Gradient, start: Values, *, quadric: bool, control: Control | None = None
) -> float:
    """Return the largest eigenvalue of the Hessian at ``start``, in size; 0 where the loss is flat.

    Entries that are the same number move together, so that their gradient, which counts each of them, gives
    the curvature with respect to the number itself.

    Raises:
        Cancelled: by the control.
    """
    total = MOST_PRODUCTS + 2
    here = _flat(gradient(start, share(control, 0.0, 1 / total)))
    # A difference of gradients of float32 pictures has few digits for a small step; a quadric allows a large
    # one.
    length = 1.0 if quadric else 1e-2 * max(1.0, float(np.linalg.norm(_flat(start))))

    def product(direction: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        moved = _like(_flat(start) + length * direction, start)
        listener = share(control, number / total, (number + 1) / total)
        return (_flat(gradient(moved, listener)) - here) / length

    first = np.random.default_rng(0).standard_normal(len(here))
    # The product of any direction moves equal entries alike and leaves alone those that are no numbers.
    image = product(first / np.linalg.norm(first), 1)
    size = float(np.linalg.norm(image))
    if not (size > 0 and math.isfinite(size)):
        return size
    basis, found = [image / size], 0.0
    hessenberg = np.zeros((MOST_PRODUCTS + 1, MOST_PRODUCTS))
    for k in range(MOST_PRODUCTS):
        image = product(basis[k], k + 2)
        if not np.isfinite(image).all():
            return float("inf")
        for _ in range(2):  # twice is enough (Giraud, Langou and Rozložník, 2005)
            for j, known in enumerate(basis):
                part = float(known @ image)
                hessenberg[j, k] += part
                image = image - part * known
        before, found = found, float(np.abs(np.linalg.eigvals(hessenberg[: k + 1, : k + 1])).max())
        rest = float(np.linalg.norm(image))
        if rest <= 1e-5 * found or abs(found - before) <= _ENOUGH * found:
            break
        hessenberg[k + 1, k] = rest
        basis.append(image / rest)
    return found


def rounded_down(number: float) -> float:
    """Return a positive number with two digits, not above it."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.floor(number / unit * (1 + 1e-12)) * unit:.2g}")


def _gradient_of(network: Network, pair: Pair, method: MethodSetup) -> Gradient:
    """The gradient of the whole picture's loss, with ½·e² in the place of Huber's."""
    objective, half = Objective.of(method), method.loss == "huber"
    if half:
        objective = replace(objective, kind="squared")
    # Both halved, it is the penalty that it was.
    whole = WholePicture(network, pair, objective, Penalty(network, method.l2 * (2 if half else 1)))

    def gradient(values: Values, control: Control | None) -> Values:
        seen = whole.see(values, share(control, 0.0, 0.5))
        grads = whole.gradient(seen, values, share(control, 0.5, 1.0))
        return tuple(0.5 * grad for grad in grads) if half else grads

    return gradient


def _is_quadric(network: Network) -> bool:
    """Whether the prediction is an affine function of the values: all of them are in the last layer."""
    last = len(network.layers) - 1
    return {each.layer for each in network.parameters} == {last} and isinstance(
        network.layers[last], BankLayer
    )


def _times(method: MethodSetup) -> float:
    """The limit of the rate times the curvature."""
    if method.optimizer == "momentum":
        return 2 * (1 + method.momentum)
    if method.optimizer == "nesterov":
        return 2 * (1 + method.momentum) / (1 + 2 * method.momentum)
    return 2.0


def _flat(values: Values) -> NDArray[np.float64]:
    return np.concatenate([value.reshape(-1) for value in values])


def _like(flat: NDArray[np.float64], values: Values) -> Values:
    result, start = [], 0
    for value in values:
        result.append(flat[start : start + value.size].reshape(value.shape))
        start += value.size
    return tuple(result)
