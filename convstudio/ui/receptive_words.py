"""Receptive fields in words and in table rows: pure text, no widgets."""

from __future__ import annotations

from convstudio.core.geometry import per_axis
from convstudio.engine.stack_facts import Box, LayerFacts, StackFacts, receptive_boxes
from convstudio.model import PHOTO
from convstudio.ui.fact_table import Cell, Column, Row

COLUMNS = (
    Column("Layer", number=False),
    Column("Shape", "Channels × rows × columns of what the layer gives."),
    Column("k", "Window: rows × columns of its own input that each cell reads."),
    Column("s", "Stride: how far the window moves over its input from one cell to the next."),
    Column("d", "Dilation: how far apart the window's taps are; 1 is side by side."),
    Column(
        "r", "Size of the receptive field: rows × columns of the photo that a cell sees, padding included."
    ),
    Column("j", "Jump: how many pixels of the photo the receptive field moves from one cell to the next."),
    Column(
        "start",
        "The row and the column of the photo where the first cell's receptive field begins; below 0 it is in "
        "the padding.",
    ),
    Column(
        "Formula",
        "How r comes about: the size above, plus (k − 1)·d steps of the jump above. (Dumoulin and Visin, A "
        "guide to convolution arithmetic, 2016; Araujo, Norris and Sim, Computing receptive fields, 2019.)",
        number=False,
    ),
)


def rows_of(facts: StackFacts) -> tuple[Row, ...]:
    """Return a row for the photo and for each layer, and one for the first layer that does not fit."""
    photo = ("Photo", _times(facts.photo), "", "", "", "1×1", "1", "0", "r = 1")
    rows = [Row(PHOTO, tuple(Cell(text) for text in photo))]
    rows += [_row(layer) for layer in facts.layers]
    if facts.problem is not None:
        item, reason = facts.problem.item, facts.problem.reason
        texts = (item.title, *[""] * (len(COLUMNS) - 2), f"does not fit: {reason}")
        rows.append(Row(item.id, tuple(Cell(text, tip=reason) for text in texts), dim=True))
    return tuple(rows)


def _row(layer: LayerFacts) -> Row:
    stage, (down, across) = layer.stage, layer.fields
    kernel, dilation = per_axis("kernel", stage.kernel, 2), per_axis("dilation", stage.dilation, 2)
    default = kernel if stage.kind == "pool" else (1, 1)
    stride = default if stage.stride is None else per_axis("stride", stage.stride, 2)
    way = "1/" if stage.kind == "transposed" else ""
    formulas = [each.size for each in layer.recurrences]
    formula = formulas[0] if len(set(formulas)) == 1 else f"rows {formulas[0]}; columns {formulas[1]}"
    cells = (
        Cell(layer.item.title, tip=layer.item.layer.summary()),
        Cell(_times(layer.out_shape)),
        Cell(_times(kernel)),
        Cell(_either(f"{way}{stride[0]}", f"{way}{stride[1]}")),
        Cell(_either(str(dilation[0]), str(dilation[1]))),
        Cell(_times((down.size, across.size))),
        Cell(_either(str(down.jump), str(across.jump)), tip=_both(layer, "jump")),
        Cell(_either(_signed(down.start), _signed(across.start), ", "), tip=_both(layer, "start")),
        Cell(formula, tip="; ".join([_both(layer, "size"), _both(layer, "jump"), _both(layer, "start")])),
    )
    return Row(layer.item.id, cells)


def _both(layer: LayerFacts, name: str) -> str:
    """A formula of both axes, once where they are the same."""
    rows, columns = (str(getattr(each, name)) for each in layer.recurrences)
    return rows if rows == columns else f"rows {rows}, columns {columns}"


def _either(rows: str, columns: str, between: str = "×") -> str:
    return rows if rows == columns else f"{rows}{between}{columns}"


def _times(numbers: tuple[int, ...]) -> str:
    return "×".join(str(number) for number in numbers)


def _signed(number: int) -> str:
    return str(number).replace("-", "−")


# --- sentences ---


def title_of(facts: StackFacts, layer_id: str) -> str:
    """Return what a layer is called in a sentence."""
    place = facts.find(layer_id)
    return "the photo" if layer_id == PHOTO or place is None else facts.layers[place].item.title


def layer_sentence(facts: StackFacts, layer_id: str) -> str:
    """Return what every cell of a layer sees; "" for what is not among the facts."""
    place = facts.find(layer_id)
    if place is None:
        return "A pixel of the photo sees itself." if layer_id == PHOTO else ""
    down, across = facts.layers[place].fields
    size, title = _times((down.size, across.size)), facts.layers[place].item.title
    if down.jump == across.jump:
        apart = f"{down.jump} px"
    else:
        apart = f"{down.jump} px down and {across.jump} px across"
    return f"Each cell of {title} sees {size} px of the photo, its neighbour {apart} further."


def cell_sentence(facts: StackFacts, layer_id: str, row: int, column: int) -> str:
    """Return what one cell sees: "Cell (12, 30) of Max pool sees 10×10 px of the photo, rows 20–29, …".

    Raises:
        KeyError, GeometryError: as ``receptive_boxes``.
    """
    box = receptive_boxes(facts, layer_id, row, column)[0]
    if layer_id == PHOTO:
        return f"Pixel ({row}, {column}) of the photo."
    tall, wide = box.rows[1] - box.rows[0], box.columns[1] - box.columns[0]
    who = f"Cell ({row}, {column}) of {title_of(facts, layer_id)}"
    if not tall or not wide:
        return f"{who} sees nothing of the photo."
    parts = [f"{span_words('row', *box.rows)}, {span_words('column', *box.columns)}"]
    padding = padding_words(box)
    if padding:
        parts.append(padding)
    gaps = _gap_words(box)
    if gaps:
        parts.append(gaps)
    return f"{who} sees {tall}×{wide} px of the photo, {'; '.join(parts)}."


def span_words(noun: str, first: int, stop: int) -> str:
    """Return "rows 20–29" for the rows from 20 up to 30."""
    texts = _signed(first), _signed(stop - 1)
    if stop - first == 1:
        return f"{noun} {texts[0]}"
    between = "–" if first >= 0 else " to "  # after a minus sign a dash reads as another
    return f"{noun}s {texts[0]}{between}{texts[1]}"


def padding_words(box: Box) -> str:
    """Return "2 rows and 1 column lie in the padding", or "" where all of the box is on the picture."""
    counts = [
        (stop - first) - max(0, min(stop, n) - max(first, 0))
        for (first, stop), n in zip((box.rows, box.columns), box.spatial, strict=True)
    ]
    said = [f"{n} {noun}{'s' * (n > 1)}" for n, noun in zip(counts, ("row", "column"), strict=True) if n]
    verb = "lies" if sum(counts) == 1 else "lie"
    return f"{' and '.join(said)} {verb} in the padding" if said else ""


def _gap_words(box: Box) -> str:
    """Say how many of the rows and columns on the picture are read, where it is not all."""
    inside = [
        max(0, min(stop, n) - max(first, 0))
        for (first, stop), n in zip((box.rows, box.columns), box.spatial, strict=True)
    ]
    read = (len(box.read_rows), len(box.read_columns))
    said = [
        f"{some} of {every} {noun}s"
        for some, every, noun in zip(read, inside, ("row", "column"), strict=True)
        if some < every
    ]
    return f"it reads {' and '.join(said)}" if said else ""
