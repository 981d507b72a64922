"""Max unpooling: values go back where its pooling found them; what does not belong together says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError, Stage, receptive_fields
from convstudio.layers import AvgPool, MaxPool, MaxUnpool
from convstudio.layers.base import Mate, Repair
from tests.pool_oracles import PoolJob, extremes, pool_jobs


@given(
    job=pool_jobs(dtypes=(np.float64,), kinds=("normal", "few")).filter(lambda job: job.rank == 2),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_values_and_gradients_are_those_of_plain_loops(job: PoolJob, seed: int) -> None:
    x = job.x[0]
    padding: Any = job.padding if isinstance(job.padding, str) else job.pads
    pool = MaxPool(
        window=job.kernel, stride=job.steps, padding=padding, dilation=job.gaps, ceil_mode=job.ceil_mode
    )
    _, (places, *_) = extremes(PoolJob(job.x[:1], **job.arguments), 1)
    numbers = np.random.default_rng(seed)
    values, grad = numbers.standard_normal(places.shape), numbers.standard_normal(x.shape)
    expected, owner = np.zeros((len(x), x[0].size)), np.full((len(x), x[0].size), -1)
    flat_values = values.reshape(len(x), -1)
    for channel, each in enumerate(places.reshape(len(x), -1)):
        for index, place in enumerate(each):
            expected[channel, place] = flat_values[channel, index]
            owner[channel, place] = index
    slopes = np.zeros(flat_values.shape)
    for channel, place in np.argwhere(owner >= 0):
        slopes[channel, owner[channel, place]] = grad.reshape(len(x), -1)[channel, place]
    mate = Mate(pool, x.shape, x)
    layer = MaxUnpool()
    assert layer.out_shape(values.shape, mate) == x.shape
    np.testing.assert_array_equal(layer.forward(values, mate=mate), expected.reshape(x.shape))
    np.testing.assert_array_equal(layer.backward(grad, values, mate=mate).x, slopes.reshape(values.shape))
    stage = layer.stage(values.shape, mate)
    assert receptive_fields([stage], values.shape[1:])[-1].spatial == x.shape[1:]


def test_pooling_and_unpooling_keep_the_greatest_values_where_they_were() -> None:
    x = np.array([[[1.0, 3, 2, 1], [4, 2, 0, 1], [5, 1, 7, 2], [0, 2, 3, 8]]])
    mate = Mate(MaxPool(), x.shape, x)
    back = MaxUnpool().forward(MaxPool().forward(x), mate=mate)
    assert back.tolist() == [[[0, 0, 2, 0], [4, 0, 0, 0], [5, 0, 0, 0], [0, 0, 0, 8]]]


def test_without_its_pool_it_says_so_and_offers_one() -> None:
    with pytest.raises(GeometryError, match="needs the max pooling that it undoes above it"):
        MaxUnpool().out_shape((3, 4, 4))
    with pytest.raises(GeometryError, match="needs the max pooling"):
        MaxUnpool().forward(np.zeros((3, 4, 4)))
    assert MaxUnpool().repair((3, 4, 4)) == Repair("Add a max pooling above", insert="max_pool")
    assert MaxUnpool().repair((3, 1, 4)) is None, "the pooling would not fit either"


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((8, 4, 4), ["8 channels", "made 3"]),
        ((1, 4, 4), ["1 channel come", "made 3"]),
        ((3, 3, 4), ["3×4 px", "4×4 px"]),
    ],
)
def test_another_shape_than_the_pool_made_is_refused(shape: tuple[int, int, int], words: list[str]) -> None:
    mate = Mate(MaxPool(), (3, 9, 8))
    with pytest.raises(GeometryError) as caught:
        MaxUnpool().out_shape(shape, mate)
    for word in words:
        assert word in str(caught.value)
    repair = MaxUnpool().repair(shape, mate)
    assert repair is not None
    assert repair.switch_off
    assert MaxUnpool().repair((3, 4, 4), mate) is None


def test_only_a_max_pooling_can_be_undone() -> None:
    with pytest.raises(GeometryError, match="not Average pool 2×2 /2"):
        MaxUnpool().out_shape((3, 4, 4), Mate(AvgPool(), (3, 8, 8)))


def test_a_mate_without_its_input_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="input of the max pooling"):
        MaxUnpool().forward(np.zeros((3, 4, 4)), mate=Mate(MaxPool(), (3, 8, 8)))


def test_the_stage_is_that_of_the_pool_turned_round() -> None:
    mate = Mate(MaxPool(window=(3, 2)), (3, 8, 9))
    assert MaxUnpool().stage((3, 3, 4), mate) == Stage(
        (3, 2),
        stride=(2, 2),
        padding=((0, 0), (0, 0)),
        kind="transposed",
        output_padding=(1, 1),
        dilation=(1, 1),
    )
