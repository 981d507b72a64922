"""The status bar's words for a proof and for how a result was computed."""

from __future__ import annotations

import math

import pytest
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluator, LayerResult
from convstudio.layers import Activation, Conv, Layer
from convstudio.model import LayerItem, Project
from convstudio.ui.formula import duration
from convstudio.ui.readout import Readout, error_number
from tests.ui.window_hands import random_picture, text_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.4e-7, "2.4e−7"),
        (1.96e-12, "2.0e−12"),
        (0.37, "3.7e−1"),
        (0.0, "0"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_an_error_has_two_digits_and_no_idle_zeros(value: float, text: str) -> None:
    assert error_number(value) == text


def result_of(layer: Layer, enabled: bool = True) -> LayerResult:
    project = Project(random_picture(), (LayerItem("a", layer, enabled=enabled),), "a")
    return Evaluator().evaluate(project).last


def test_how_it_was_computed_is_said_as_far_as_something_was(qtbot: QtBot) -> None:
    readout = Readout()
    qtbot.addWidget(readout)
    readout.show()
    conv, activation = result_of(Conv()), result_of(Activation())
    for result, text in (
        (conv, f"{conv.algorithm} · {duration(conv.seconds)}"),
        (activation, duration(activation.seconds)),
        (result_of(Conv(), enabled=False), ""),
        (conv, f"{conv.algorithm} · {duration(conv.seconds)}"),
        (None, ""),
    ):
        readout.show_algorithm(result)
        assert text_of(readout, "readout-algorithm") == text
