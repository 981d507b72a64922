"""What the layer gallery offers, how it is found, and what each entry does to a small picture."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PySide6.QtGui import QImage

from convstudio.engine.display import render
from convstudio.engine.evaluate import Evaluation, Evaluator, LayerError, LayerResult, shown_channel
from convstudio.io.samples import load_sample
from convstudio.layers import LAYER_KINDS, Conv, Layer
from convstudio.layers.base import FAMILIES, FloatArray
from convstudio.layers.recipes import READY_MADE, RECIPES
from convstudio.model import PHOTO, Look, Picture, Project
from convstudio.ui.fuzzy import score
from convstudio.ui.thumbnails import image_of

NOT_OFFERED = {"unknown"}  # what stands for a kind of a newer version

SIDE = 64  # px of the picture that the previews are computed on
_SAMPLE, _CORNER, _STEP = "still-life", (150, 90), 8  # a part of it with colours, edges and soft shades
_MEMORY = 16 << 20
_MUCH_CLIPPED = 0.2
_RECIPES_COUNT = 0.8  # who types "relu" means the layer before a recipe with one


@dataclass(frozen=True)
class Entry:
    """A kind of layer, or a few layers that belong together."""

    id: str
    title: str
    family: str
    summary: str
    keywords: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, eq=False)
class Preview:
    """What goes in and what comes out."""

    before: QImage
    after: QImage


def entries() -> list[Entry]:
    """Return the ready-made stacks and every layer kind, family by family."""
    made = [
        Entry(f"recipe-{each.id}", each.title, READY_MADE, each.summary, each.keywords, each.layers)
        for each in RECIPES
    ]
    kinds = [
        Entry(name, kind.title, kind.family, kind.summary(), kind.keywords, (kind(),))
        for name, kind in LAYER_KINDS.items()
        if name not in NOT_OFFERED
    ]
    families = list(dict.fromkeys((*FAMILIES, *(entry.family for entry in kinds))))
    return made + sorted(kinds, key=lambda entry: families.index(entry.family))


def found(query: str, offered: Iterable[Entry]) -> list[Entry]:
    """Return the entries that answer a query, best first; all of them for an empty one."""
    if not query.strip():
        return list(offered)
    ranked = [(value, entry) for entry in offered if (value := _score(query, entry)) is not None]
    return [entry for _, entry in sorted(ranked, key=lambda each: -each[0])]


def _score(query: str, entry: Entry) -> float | None:
    more = f"{entry.family} {entry.summary}"
    named, known_as = score(query, entry.title, more), score(query, entry.keywords, more)
    if named is None and known_as is None:
        return None
    best = max(-math.inf if named is None else named, -math.inf if known_as is None else 0.9 * known_as)
    return best * (_RECIPES_COUNT if entry.family == READY_MADE else 1.0)


def preview(entry: Entry) -> Preview | None:
    """Compute an entry on a small picture; None where it does not work on that."""
    led = _led(entry)
    project = Project(_small_picture(), ()).with_layers([*led, *entry.layers], PHOTO)
    try:
        evaluation = Evaluator(_MEMORY).evaluate(project)
    except LayerError:
        return None
    before, look = _given(evaluation, len(led))
    last: LayerResult = evaluation.layers[-1]
    return Preview(_image(before, look), _image(last.output, last.item.look))


def _led(entry: Entry) -> tuple[Layer, ...]:
    """What has to stand above so that there is something to see."""
    first = entry.layers[0]
    if first.mate_kind:  # it undoes another one
        return (LAYER_KINDS[first.mate_kind](),)
    if first.family == "Activation":  # a photo has no negative values
        return (Conv(),)
    return ()


def _given(evaluation: Evaluation, above: int) -> tuple[FloatArray, Look]:
    if above == 0:
        return evaluation.project.picture.values, Look("clamped")
    result = evaluation.layers[above - 1]
    return result.output, result.item.look


def _image(values: FloatArray, look: Look) -> QImage:
    channel = shown_channel(look, values.shape[0])
    shown = render(values, look.view, channel=channel)
    if shown.clipped_share > _MUCH_CLIPPED:  # a sum of many pixels, or numbers around zero
        shown = render(values, "signed" if shown.below else "minmax", channel=channel)
    return image_of(shown.pixels)


@lru_cache(maxsize=1)
def _small_picture() -> Picture:
    """A part of a bundled picture: every few pixels' mean, so that nothing shimmers."""
    top, left = _CORNER
    size = SIDE * _STEP
    values = load_sample(_SAMPLE).values[:, top : top + size, left : left + size]
    blocks = values.reshape(values.shape[0], SIDE, _STEP, SIDE, _STEP)
    return Picture(np.ascontiguousarray(blocks.mean(axis=(2, 4), dtype=np.float32)), "small")
