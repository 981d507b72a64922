"""What the card beside the kernel says."""

from __future__ import annotations

import numpy as np
from pytestqt.qtbot import QtBot

from convstudio.kernels.insight import analyse
from convstudio.ui.insight_panel import InsightPanel, response_image

SOBEL = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])


def lines(qtbot: QtBot, values: np.ndarray) -> tuple[str, ...]:
    panel = InsightPanel()
    qtbot.addWidget(panel)
    panel.show_kernel(values)
    return panel.texts()


def test_a_separable_kernel(qtbot: QtBot) -> None:
    rank, facts, symmetry, passband = lines(qtbot, SOBEL)
    assert "Rank 1" in rank
    assert "separable" in rank
    assert facts == "9 → 6 mults · sum 0"
    assert "anti-symmetric" in symmetry
    assert passband


def test_a_kernel_that_separating_does_not_help(qtbot: QtBot) -> None:
    rank, facts, *_ = lines(qtbot, np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]))
    assert "Rank 2" in rank
    assert "separable" not in rank
    assert facts == "9 mults · sum 0"


def test_the_sum_has_no_dust(qtbot: QtBot) -> None:
    assert lines(qtbot, np.array([[0.1, 0.2, -0.3]]))[1].endswith("sum 0")
    assert lines(qtbot, np.full((3, 3), 1 / 9))[1].endswith("sum 1")


def test_nothing_but_zeros(qtbot: QtBot) -> None:
    assert "zero" in lines(qtbot, np.zeros((3, 3)))[0]


def test_the_response_is_bright_where_patterns_pass() -> None:
    mean = response_image(analyse(np.full((9, 9), 1 / 81)).response)
    assert (mean.width(), mean.height()) == (64, 64)
    assert mean.pixelColor(32, 32).lightness() > mean.pixelColor(0, 0).lightness() + 50
    edge = response_image(analyse(SOBEL).response)
    assert edge.pixelColor(48, 32).lightness() > edge.pixelColor(32, 32).lightness() + 50
