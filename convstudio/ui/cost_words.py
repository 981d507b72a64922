"""What a stack costs, in words and in table rows: pure text, no widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from convstudio.engine.alternatives import Alternative, alternatives
from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import LayerFacts, StackFacts
from convstudio.layers import Conv
from convstudio.model import PHOTO
from convstudio.ui.fact_table import Cell, Column, Row
from convstudio.ui.formula import duration, long_count, short_count

COLUMNS = (
    Column("Layer", number=False),
    Column("Params", "Parameters: weights and biases that training could change."),
    Column(
        "Mult-adds",
        "Multiply-adds: one weight times one value, added to the sum of an output cell. The bar is the "
        "layer's part of the whole stack.",
    ),
    Column("Memory", "Of the layer's output, as 32-bit numbers."),
    Column(
        "Time",
        "How long the layer took when it was last computed; a result that is still known is not computed "
        "again. The bar is its part of the whole stack.",
    ),
    Column("GMAC/s", "Billion multiply-adds a second: those of the plain sum over the time it took."),
    Column(
        "Algorithm", "How it was computed: the fastest of several ways to the same numbers.", number=False
    ),
)
TOTAL = "total"

_UNITS = ((10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@dataclass(frozen=True)
class Measured:
    """How a layer was last computed."""

    seconds: float
    algorithm: str


def measured_of(evaluation: Evaluation | None, facts: StackFacts) -> dict[str, Measured]:
    """Return the times that belong to these facts: not those of a layer that has changed since."""
    found: dict[str, Measured] = {}
    for layer in facts.layers:
        result = None if evaluation is None else evaluation.result(layer.item.id)
        if result is None or not result.item.enabled:
            continue
        if result.item.layer == layer.item.layer and result.output.shape == layer.out_shape:
            found[layer.item.id] = Measured(result.seconds, result.algorithm)
    return found


def rows_of(facts: StackFacts, measured: Mapping[str, Measured]) -> tuple[Row, ...]:
    """Return a row for each layer and the total; a time that is not known yet is "…"."""
    seconds = sum(each.seconds for each in measured.values())
    rows = [
        _row(layer, facts.total.multiply_adds, measured.get(layer.item.id), seconds) for layer in facts.layers
    ]
    if facts.problem is not None:
        item, reason = facts.problem.item, facts.problem.reason
        texts = (item.title, "", "", "", "", "", f"does not fit: {reason}")
        rows.append(Row(item.id, tuple(Cell(text, tip=reason) for text in texts), dim=True))
    if facts.layers:
        known = len(measured) == len(facts.layers)
        rows.append(_total(facts, seconds if known else None))
    return tuple(rows)


def _row(layer: LayerFacts, adds_of_all: int, measured: Measured | None, seconds_of_all: float) -> Row:
    cost = layer.cost
    seconds = None if measured is None else measured.seconds
    part = None if seconds is None or not seconds_of_all else seconds / seconds_of_all
    cells = (
        Cell(layer.item.title, tip=layer.item.layer.summary()),
        _count(cost.parameters),
        _count(cost.multiply_adds, share=cost.multiply_adds / adds_of_all if adds_of_all else None),
        Cell(size_words(layer.output_bytes), str(layer.output_bytes)),
        _time(seconds, part),
        _speed(cost.multiply_adds, seconds),
        Cell("" if measured is None else measured.algorithm),
    )
    return Row(layer.item.id, cells)


def _total(facts: StackFacts, seconds: float | None) -> Row:
    cost = facts.total
    cells = (
        Cell("Total"),
        _count(cost.parameters),
        _count(cost.multiply_adds),
        Cell(size_words(facts.output_bytes), str(facts.output_bytes)),
        _time(seconds),
        _speed(cost.multiply_adds, seconds),
        Cell(""),
    )
    return Row(TOTAL, cells, total=True)


def _count(number: int, share: float | None = None) -> Cell:
    return Cell(short_count(number), str(number), tip=f"{number:,}".replace(",", " "), share=share)


def _time(seconds: float | None, share: float | None = None) -> Cell:
    if seconds is None:
        return Cell("…", "")
    return Cell(duration(seconds), f"{seconds:.9f}", share=share)


def _speed(multiply_adds: int, seconds: float | None) -> Cell:
    if not multiply_adds or not seconds:
        return Cell("")
    speed = multiply_adds / seconds / 1e9
    return Cell(f"{speed:.3g}" if speed < 1000 else f"{speed:.0f}")


def size_words(count: int) -> str:
    """Return bytes with three digits: "864 bytes", "3.69 MB", "1.75 TB"."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 999.5 * size else f"{count / size:.0f} {unit}"
    return f"{count} bytes"


# --- sentences ---


def fully_connected_sentence(facts: StackFacts, layer_id: str) -> str:
    """Return what a fully connected layer in the place of a layer would need; for the photo, of the stack."""
    place = facts.find(layer_id)
    if place is None and (layer_id != PHOTO or not facts.layers):
        return ""
    cost = facts.total if place is None else facts.layers[place].cost
    where = "from the photo to the last output" if place is None else "between the same shapes"
    weights = cost.fully_connected
    size = size_words(4 * weights)
    return f"A fully connected layer {where} would need {long_count(weights)} weights ({size})."


def alternatives_of(facts: StackFacts, layer_id: str) -> tuple[Alternative, ...]:
    """Return what a layer could be replaced by; nothing for what is no convolution."""
    place = facts.find(layer_id)
    if place is None:
        return ()
    layer = facts.layers[place]
    return alternatives(layer.item.layer, layer.in_shape) if isinstance(layer.item.layer, Conv) else ()


def alternative_line(alternative: Alternative) -> str:
    """Return "4.2 M mult-adds · 136 parameters · 0.24 × the cost"."""
    return (
        f"{short_count(alternative.multiply_adds)} mult-adds · "
        f"{short_count(alternative.parameters)} parameters · {ratio_words(alternative.ratio)}"
    )


def ratio_words(ratio: float) -> str:
    """Return how many times the products of the layer it takes: "0.24×", "1.5×"."""
    return f"{ratio:.2g}×" if ratio < 10 else f"{ratio:.0f}×"
