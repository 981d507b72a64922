"""What earlier runs found, as it is shown in the lab until another run takes its place."""

from __future__ import annotations

from dataclasses import dataclass

from convstudio.layers import BankLayer
from convstudio.model import Found, Learned
from convstudio.ui.legend_bar import legend_number
from convstudio.ui.training_planes import Array, Arrays

SAVED, SAVED_CLOSED = "saved", "saved closed"


@dataclass(frozen=True, eq=False)
class SavedKernel:
    """The weights that one of the two methods found.

    Attributes:
        name: ``SAVED`` for the descent's, ``SAVED_CLOSED`` for the closed form's.
        title: what is written over them.
        words: when and how well, part of a sentence.
        arrays, values: the filter banks of the layers; other trained numbers are not shown.
    """

    name: str
    title: str
    words: str
    arrays: tuple[Array, ...]
    values: Arrays


@dataclass(frozen=True, eq=False)
class SavedResult:
    """What is offered beside a training that is at its start.

    Attributes:
        kernels: one or two.
        caption: what it is called: "saved", or "earlier" where the setup is another one by now.
        words: a sentence about it.
        in_front: whether it is shown first, in the place of the start's weights.
    """

    kernels: tuple[SavedKernel, ...]
    caption: str
    words: str
    in_front: bool


def saved_result(learned: Learned, *, matches: bool, own: bool) -> SavedResult:
    """Return how something learned before is offered.

    Args:
        learned: from the project.
        matches: whether it was learned with the setup that there is now.
        own: whether that was since the project was opened: then it is known, and does not stand in front.
    """
    caption = "saved" if matches else "earlier"
    ways = ((SAVED, learned.descent), (SAVED_CLOSED, learned.closed))
    kernels = tuple(_kernel(name, found, caption, learned.ids) for name, found in ways if found is not None)
    where = "Learned before" if matches else "From an earlier setup"
    said = "; ".join(each.words for each in kernels)
    words = f"{where}: {said}." + (" Play begins a new run." if matches else "")
    return SavedResult(kernels, caption, words, matches and not own)


def _kernel(name: str, found: Found, caption: str, ids: tuple[str, ...]) -> SavedKernel:
    steps = "1 step" if found.step == 1 else f"{found.step:,} steps"
    method = steps if name == SAVED else "least squares"
    words = f"{method}, loss {legend_number(found.loss)}"
    if found.distance is not None:
        words += f", {legend_number(found.distance)} from the teacher"
    short = f"step {found.step:,}" if name == SAVED else "least squares"
    arrays, values = _arrays(found, ids)
    return SavedKernel(name, f"{caption.capitalize()}: {short}", words, arrays, values)


def _arrays(found: Found, ids: tuple[str, ...]) -> tuple[tuple[Array, ...], Arrays]:
    """Return what there is to be shown of the layers: weights, and biases where there are some."""
    banks = [(n, layer.bank) for n, layer in enumerate(found.layers) if isinstance(layer, BankLayer)]
    arrays, values = [], []
    for place, bank in banks:
        layer = ids[place] if place < len(ids) else f"layer {place + 1}"
        weights, biases = bank.weights(bank.inputs or 1), bank.biases()
        arrays.append(Array(layer if len(banks) > 1 else "weight", weights.shape, weights.size))
        values.append(weights)
        if biases.any():
            arrays.append(Array("bias", biases.shape, biases.size))
            values.append(biases)
    return tuple(arrays), tuple(values)
