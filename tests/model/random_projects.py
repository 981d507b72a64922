"""Random projects for hypothesis: every registered kind of layer, its parameters after their declarations."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from convstudio.kernels import PRESETS, Bank, Filter, Kernel
from convstudio.layers import LAYER_KINDS, Involution, Layer
from convstudio.layers.unknown import UnknownLayer
from convstudio.model import (
    PHOTO,
    Found,
    LayerItem,
    Learned,
    Look,
    MethodSetup,
    PairSetup,
    Picture,
    Project,
    StudentSetup,
    TrainingSetup,
)
from convstudio.model.project import Side
from convstudio.spec.params import (
    PADDING_WORDS,
    BankParam,
    BoolParam,
    ChoiceParam,
    FloatParam,
    IntParam,
    PaddingParam,
    Param,
    ParamError,
    PerAxisParam,
)

WORDS = st.text(max_size=12)  # any character there is


def value_of(param: Param) -> st.SearchStrategy[Any]:
    """What a declaration allows."""
    if isinstance(param, IntParam):
        most = (param.maximum - param.minimum) // param.step
        return st.integers(0, most).map(lambda n: param.minimum + n * param.step)
    if isinstance(param, FloatParam):
        return st.floats(param.minimum, param.maximum)
    if isinstance(param, ChoiceParam):
        return st.sampled_from([choice.value for choice in param.choices])
    if isinstance(param, BoolParam):
        return st.booleans()
    if isinstance(param, PerAxisParam):
        return st.tuples(value_of(param.each), value_of(param.each))
    if isinstance(param, PaddingParam):
        amounts = st.integers(0, param.maximum)
        return st.sampled_from(PADDING_WORDS) | st.tuples(
            st.tuples(amounts, amounts), st.tuples(amounts, amounts)
        )
    assert isinstance(param, BankParam), f"how does a {type(param).__name__} look?"
    return banks()


@st.composite
def kernels(draw: st.DrawFn) -> Kernel:
    """A preset with random parameters, or weights of every size of number."""
    if draw(st.booleans()):
        preset = PRESETS[draw(st.sampled_from(list(PRESETS)))]
        values = {each.name: draw(value_of(each.param)) for each in preset.params}
        try:
            return preset.make(**values)
        except ParamError:  # values that do not go together
            return preset.make()
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    cell = st.floats(-1e30, 1e30)
    grid = draw(st.lists(st.lists(cell, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    return Kernel(np.array(grid), draw(WORDS))


@st.composite
def banks(draw: st.DrawFn) -> Bank:
    """A few filters, now and then so many weights that they go apart."""
    if draw(st.integers(0, 5)) == 0:
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        return Bank.from_weights(rng.standard_normal((5, 17, 7, 7)), rng.standard_normal(5))
    filters = st.builds(
        Filter,
        st.lists(kernels(), min_size=1, max_size=3).map(tuple),
        st.floats(-1e3, 1e3),
        WORDS,
    )
    return Bank(tuple(draw(st.lists(filters, min_size=1, max_size=3))))


@st.composite
def layers(draw: st.DrawFn, kind: str | None = None) -> Layer:
    """A layer of a kind, or of any."""
    cls = LAYER_KINDS[kind or draw(st.sampled_from(list(LAYER_KINDS)))]
    layer = cls()
    for each in cls.parameters():
        try:
            layer = layer.replace(**{each.name: draw(value_of(each.param))})
        except ParamError:  # it does not go with the others
            continue
    if isinstance(layer, Involution) and draw(st.booleans()):
        layer = Involution(groups=1, reduction=layer.reduction)
        layer = layer.with_weights(layer.weights(channels := draw(st.sampled_from([3, 90]))), channels)
    return layer


UNKNOWN = '{"id": "?", "kind": "plug-in/fancy",  "rows": [[1.50, 2e0],\n[3, "\\u00e9"]], "look": {"zoom": 2}}'


@st.composite
def trainings(draw: st.DrawFn) -> TrainingSetup:
    """A training with a random value in every field of each part, or in none of it."""
    pair, student, method = (
        {each.name: draw(value_of(each.param)) for each in part.parameters()} if draw(st.booleans()) else {}
        for part in (PairSetup, StudentSetup, MethodSetup)
    )
    if pair:
        pair |= {"teacher": draw(kernels()), "before": draw(WORDS), "after": draw(WORDS)}
    if student:
        student |= {"first": draw(kernels()), "marks": tuple(draw(st.lists(st.tuples(WORDS, WORDS))))}
    return TrainingSetup(PairSetup(**pair), StudentSetup(**student), MethodSetup(**method))


@st.composite
def learneds(draw: st.DrawFn) -> Learned:
    """What a run found by one method or both, of one layer or of a stack."""
    count = draw(st.integers(1, 2))
    numbers = st.floats(0.0, 1e300)

    def found() -> Found:
        some = tuple(draw(layers()) for _ in range(count))
        return Found(some, draw(numbers), draw(st.none() | numbers), draw(st.integers(0, 10**6)))

    which = draw(st.sampled_from(["descent", "closed", "both"]))
    ids = tuple(draw(WORDS) for _ in range(count)) if draw(st.booleans()) else ()
    return Learned(
        draw(WORDS),
        ids,
        descent=found() if which != "closed" else None,
        closed=found() if which != "descent" else None,
    )


@st.composite
def projects(draw: st.DrawFn, picture: Picture | None = None) -> Project:
    """A stack of up to five layers on a small picture."""
    stack = draw(st.lists(layers() | st.just(UnknownLayer("plug-in/fancy", UNKNOWN)), max_size=5))
    looks = st.builds(Look, st.sampled_from(["signed", "clamped"]), st.none() | st.integers(0, 9))
    items = tuple(
        LayerItem(f"{layer.kind}-{number}", layer, draw(WORDS), draw(st.booleans()), draw(looks))
        for number, layer in enumerate(stack, 1)
    )
    ids = st.sampled_from([PHOTO, *(item.id for item in items)])
    compared = draw(st.none() | st.builds(Side, ids, st.none() | st.integers(0, 9)))
    black = Picture(np.zeros((1, 4, 5), np.float32), "black")
    learned = draw(learneds()) if draw(st.integers(0, 2)) == 0 else None
    return Project(picture or black, items, draw(ids), compared, training=draw(trainings()), learned=learned)
