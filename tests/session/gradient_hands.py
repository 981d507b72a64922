"""Hands for tests of one step taken apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convstudio.kernels import Kernel
from convstudio.layers import Layer
from convstudio.learn.anatomy import Anatomy, take_apart
from convstudio.learn.lab import Lab, open_lab
from convstudio.learn.objectives import Objective
from convstudio.model import LayerItem
from convstudio.session.step_apart import StepApart, step_apart
from tests.session.training_hands import project, with_value


def lab_of(layers: list[Layer], channels: int = 1, *, marks: str = "weight", **method: Any) -> Lab:
    """A training of the whole stack, all of whose weights are marked."""
    of = project(16, channels, **method)
    items = tuple(LayerItem(f"layer-{n}", layer) for n, layer in enumerate(layers))
    marked = tuple((item.id, marks) for item in items if item.layer.weights(channels))
    of = replace(of, layers=items, selected=items[-1].id)
    of = with_value(of, "pair", "source", "stack")
    of = with_value(with_value(of, "student", "kind", "stack"), "student", "start", "random")
    setup = replace(of.training, student=replace(of.training.student, marks=marked))
    return open_lab(setup, of)


def anatomy_of(lab: Lab, place: int | None = None) -> Anatomy:
    """The step that a training stands at, taken apart."""
    return take_apart(lab.network, lab.trainer.values, lab.pair, Objective.of(lab.setup.method), place)


def apart(lab: Lab, place: int | None = None, kernel: tuple[int, ...] = ()) -> StepApart:
    """The same as it is shown."""
    return step_apart(lab, anatomy_of(lab, place), kernel=kernel)


def custom(*shape: int, seed: int = 0) -> list[Kernel]:
    """Random kernels: how many, and their rows and columns."""
    values = np.random.default_rng(seed).standard_normal(shape)
    return [Kernel.custom(each) for each in values.reshape(-1, *shape[-2:])]
