"""Which input cells won a max or min pooling's window, in the channels that are shown."""

from __future__ import annotations

from convstudio.engine.evaluate import Evaluation, shown_channel
from convstudio.engine.winners import winning_window
from convstudio.layers import MaxPool, MinPool


def winners_of(evaluation: Evaluation, layer_id: str, row: int, column: int) -> list[tuple[int, int]]:
    """Return (row, column) of the cells that won the window of an output cell, each once.

    One for each channel that the layer's look shows; none for a layer of another kind, one that is switched
    off or not computed, or a cell that it has not.
    """
    result = evaluation.result(layer_id)
    if result is None or not result.item.enabled or not isinstance(result.item.layer, MaxPool | MinPool):
        return []
    channels, height, width = result.output.shape
    if not (0 <= row < height and 0 <= column < width):
        return []
    shown = shown_channel(result.item.look, channels)
    some = range(channels) if shown is None else (shown,)
    found = (winning_window(result.item.layer, result.source, c, row, column).winner for c in some)
    return list(dict.fromkeys(found))


def winner_sentence(level: str, winners: list[tuple[int, int]]) -> str:
    """Return " Row 10, column 14 of ReLU won." for a single winner, else nothing."""
    if len(winners) != 1:
        return ""
    return f" Row {winners[0][0]}, column {winners[0][1]} of {level} won."
