"""The sum behind an output channel: its parts, what they add up to, and where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.core import conv
from convstudio.engine.evaluate import Evaluation, Evaluator
from convstudio.kernels import Bank, Filter, preset
from convstudio.layers import Activation, Conv
from convstudio.model import PHOTO, LayerItem, Look, Picture, Project
from convstudio.session import sums_reader
from convstudio.session.sums_reader import SumPictures, SumRequest, SumsReader, read_sum, sum_request

SX, BLUR, LAPLACE = (preset(name).make() for name in ("sobel-x", "mean", "laplacian-8"))
MIXED = Bank((Filter((SX, BLUR, LAPLACE), 0.25, "mixed"), Filter((BLUR, BLUR, BLUR), -1.0, "grey")))
BOX = (20, 30)


def evaluated(
    layer: Any, *, channel: int | None = 0, view: str = "signed", channels: int = 3, **more: Any
) -> Evaluation:
    picture = Picture(np.random.default_rng(2).random((channels, 20, 30), dtype=np.float32), "noise.png")
    item = LayerItem("conv-1", layer, look=Look(view, channel), **more)
    return Evaluator().evaluate(Project(picture, (item,), "conv-1"))


def wanted(found: Evaluation) -> SumRequest:
    request = sum_request(found, BOX)
    assert isinstance(request, SumRequest), request
    return request


def test_parts_are_the_results_of_each_channel_alone_and_add_up() -> None:
    found = evaluated(Conv(bank=MIXED, channels="all", padding_mode="zeros"), channel=0)
    sums = read_sum(wanted(found))
    assert [term.name for term in sums.terms] == ["0 red", "1 green", "2 blue"]
    assert (sums.bias, sums.name) == (0.25, "0 mixed")
    assert sums.apart < 1e-5
    source = found.source
    energies = []
    for i, kernel in enumerate((SX, BLUR, LAPLACE)):
        alone = conv(
            source[None, i : i + 1], MIXED.weights(3)[0][i][None, None].astype(np.float32), padding="same"
        )[0, 0]
        assert sums.terms[i].mean == pytest.approx(float(alone.mean()), abs=1e-6)
        assert sums.terms[i].high == pytest.approx(float(alone.max()), rel=1e-5)
        energies.append(float((alone.astype(np.float64) ** 2).mean()))
        assert kernel.values.any()
    assert [term.share for term in sums.terms] == pytest.approx(
        [e / sum(energies) for e in energies], rel=1e-4
    )
    assert sum(term.mean for term in sums.terms) + sums.bias == pytest.approx(sums.mean, abs=1e-6)


def test_all_pictures_are_on_one_scale_and_the_last_running_sum_lacks_only_the_bias() -> None:
    bank = Bank((Filter((SX, BLUR, LAPLACE), 0.0),))
    sums = read_sum(wanted(evaluated(Conv(bank=bank, channels="all"))))
    apart = np.abs(sums.terms[-1].running.astype(int) - sums.total.astype(int))
    assert apart.max() <= 2
    np.testing.assert_array_equal(sums.terms[0].running, sums.terms[0].pixels)


def test_magnitudes_do_not_add_up_so_the_parts_are_signed() -> None:
    found = evaluated(Conv(bank=MIXED, channels="all"), view="absolute")
    assert read_sum(wanted(found)).view == "signed"
    assert read_sum(wanted(evaluated(Conv(bank=MIXED, channels="all"), view="minmax"))).view == "minmax"


def test_where_nothing_adds_up_it_says_why() -> None:
    each = sum_request(evaluated(Conv.of(SX)), BOX)
    assert each == sums_reader.ONE_INPUT
    assert sum_request(evaluated(Conv.of(SX, channels="all"), channels=1), BOX) == sums_reader.ONE_CHANNEL
    assert sum_request(evaluated(Activation()), BOX) == sums_reader.NO_SUM
    off = evaluated(Conv(bank=MIXED, channels="all"), enabled=False)
    assert sum_request(off, BOX) == sums_reader.OFF
    three = Conv.of(SX, BLUR, LAPLACE, channels="all")
    assert sum_request(evaluated(three, channel=None), BOX) == sums_reader.PICK_ONE
    photo = Evaluator().evaluate(Project(off.project.picture, (), PHOTO))
    assert sum_request(photo, BOX) == sums_reader.NO_SUM


def test_the_only_output_channel_needs_no_picking() -> None:
    assert wanted(evaluated(Conv.of(SX, channels="all"), channel=None)).channel == 0


def test_shares_of_a_sum_of_zeros() -> None:
    picture = Picture(np.zeros((3, 8, 8), np.float32), "black")
    item = LayerItem("conv-1", Conv.of(SX, channels="all"))
    sums = read_sum(wanted(Evaluator().evaluate(Project(picture, (item,), "conv-1"))))
    assert [term.share for term in sums.terms] == [0.0, 0.0, 0.0]


@pytest.fixture
def reader(qtbot: QtBot) -> Iterator[SumsReader]:
    made = SumsReader()
    yield made
    made.close()


def test_only_the_newest_sum_is_delivered(qtbot: QtBot, reader: SumsReader) -> None:
    got: list[SumPictures] = []
    reader.sums_ready.connect(got.append)
    for channel in (0, 1, 0, 1):
        reader.read(wanted(evaluated(Conv(bank=MIXED, channels="all"), channel=channel)))
    qtbot.waitUntil(lambda: not reader.busy)
    assert got[-1].name == "1 grey"


def test_a_layer_that_does_not_fit_is_said(qtbot: QtBot, reader: SumsReader) -> None:
    request = wanted(evaluated(Conv(bank=MIXED, channels="all")))
    from dataclasses import replace

    with qtbot.waitSignal(reader.failed) as heard:
        reader.read(replace(request, channel=7))
    assert "cannot be shown" in heard.args[0]
