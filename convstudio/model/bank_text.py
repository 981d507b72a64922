"""Kernels and banks as other programs take them: JSON, CSV, plain arrays."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.kernels import LARGEST_BANK, LARGEST_SIDE, Bank, Filter, Kernel
from convstudio.kernels.bank import LARGEST_INPUTS
from convstudio.kernels.text import parse_grid, parse_number
from convstudio.model.json_text import clipped, read_json, write_json
from convstudio.model.values import decode_bank, encode_bank, is_number
from convstudio.spec.params import ParamError

__all__ = [
    "Bank",
    "Kernel",
    "bank_from_array",
    "bank_from_csv",
    "bank_from_json",
    "bank_from_text",
    "bank_to_array",
    "bank_to_csv",
    "bank_to_json",
    "is_single",
]

FORMAT = "convstudio-kernels"
VERSION = 1


def is_single(bank: Bank) -> bool:
    """Whether a bank is one kernel and nothing else."""
    only = bank.filters[0]
    return len(bank.filters) == 1 and only.shared and only.bias == 0.0 and not only.name


def bank_from_text(text: str, title: str) -> Bank:
    """Return the bank of a text of any of these forms; ``title`` is for kernels that it does not name.

    Raises:
        ValueError: it holds no kernels; the message is part of a sentence.
    """
    start = text.lstrip()[:1]
    if start == "{" or (start == "[" and _is_json(text)):
        return bank_from_json(text, title)
    return bank_from_csv(text, title)


def _is_json(text: str) -> bool:
    """Whether brackets are JSON's: those of MATLAB and NumPy have no commas, or something around them."""
    try:
        read_json(text)
    except ValueError:
        return False
    return True


# --- JSON ---


def bank_to_json(bank: Bank) -> str:
    """Return a bank with all there is to it, presets by their names."""
    document = {"format": FORMAT, "version": VERSION} | encode_bank(bank, "", {}, math.inf)
    return write_json(document)


def bank_from_json(text: str, title: str) -> Bank:
    """Return the bank of a text by ``bank_to_json``, or of nested lists of numbers; ``title`` is for these.

    Raises:
        ValueError: it is neither; the message is part of a sentence.
    """
    data = read_json(text)
    if isinstance(data, list):
        return bank_from_array(_array(data), title)
    if not isinstance(data, dict) or data.get("format") != FORMAT or "filters" not in data:
        raise ParamError("it holds no kernels of ConvStudio, nor lists of numbers")
    if type(data.get("version")) is not int or not 1 <= data["version"] <= VERSION:
        raise ParamError("a newer ConvStudio saved it; update ConvStudio to open it")
    return decode_bank({"filters": data["filters"]}, _nothing_apart)


def _nothing_apart(name: str) -> NDArray[Any]:
    raise ParamError(f"the array “{clipped(name)}” is missing")


def _array(data: list[Any]) -> NDArray[np.float64]:
    level: list[Any] = data
    while level and all(isinstance(each, list) for each in level):
        level = [one for each in level for one in each]
    if not all(map(is_number, level)):
        raise ParamError("the lists must hold numbers, all equally deep")
    try:
        return np.array(data, np.float64)
    except ValueError:
        raise ParamError("the lists must be of the same length in each direction") from None


# --- arrays ---


def bank_to_array(bank: Bank) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return a single kernel's ``(rows, columns)``, a bank's ``(filters, inputs, rows, columns)``.

    Filters that lay one kernel over all channels have a single input. Beside the weights: sentences about
    what the array does not hold.

    Raises:
        ParamError: filters that read different numbers of channels.
    """
    if is_single(bank):
        return bank.filters[0].kernels[0].values, ()
    notes: tuple[str, ...] = ()
    sizes = {kernel.shape for each in bank.filters for kernel in each.kernels}
    if len(sizes) > 1:
        notes += ("The smaller kernels were framed with zeros, so that all have the same size.",)
    if bank.biases().any():
        notes += ("The biases are not in the file: an array holds the weights alone.",)
    return bank.weights(bank.inputs or 1), notes


def bank_from_array(values: NDArray[Any], title: str) -> Bank:
    """Return the bank of ``(rows, columns)``, ``(filters, rows, columns)`` or ``(filters, inputs, …)``.

    Raises:
        ParamError: other axes, or too many; the message is part of a sentence.
    """
    axes = values.ndim
    if axes not in (2, 3, 4):
        raise ParamError(
            "kernels are arrays of (rows, columns), (filters, rows, columns) or (filters, inputs, rows, "
            f"columns), this one has {axes} {'axis' if axes == 1 else 'axes'}"
        )
    filters = {2: values[np.newaxis, np.newaxis], 3: values[:, np.newaxis], 4: values}[axes]
    count, inputs, rows, columns = filters.shape
    if not (1 <= count <= LARGEST_BANK and 1 <= inputs <= LARGEST_INPUTS):
        raise ParamError(
            f"a bank has 1 to {LARGEST_BANK} filters of 1 to {LARGEST_INPUTS} inputs, this one has {count} "
            f"of {inputs}"
        )
    if not (1 <= rows <= LARGEST_SIDE and 1 <= columns <= LARGEST_SIDE):
        raise ParamError(f"a kernel has 1 to {LARGEST_SIDE} rows and columns, these are {rows}×{columns}")
    names = [title] if count == 1 else [f"{title} {number}" for number in range(1, count + 1)]
    return Bank(
        tuple(
            Filter(tuple(Kernel(plane, name) for plane in planes))
            for planes, name in zip(filters, names, strict=True)
        )
    )


# --- CSV ---

_FILTER = re.compile(r"#\s*filter\s+([0-9]{1,4})\b(.*)", re.IGNORECASE)
_FIELD = re.compile(r',\s*(input|bias|kernel|name)\s+("(?:[^"\\]|\\.)*"|[^,"\s]+)')


@dataclass(frozen=True)
class _Block:
    """Rows of a kernel, and what the comment above says: of which filter, over which channel."""

    text: str
    number: int | None
    fields: dict[str, str]


def bank_to_csv(bank: Bank) -> str:
    """Return a single kernel as rows; of a bank each kernel under a line that says what it is."""
    if is_single(bank):
        return _rows(bank.filters[0].kernels[0])
    blocks = []
    for number, each in enumerate(bank.filters):
        for channel, kernel in enumerate(each.kernels):
            words = [f"# filter {number}", f"input {'all' if each.shared else channel}"]
            if channel == 0 and each.bias:
                words.append(f"bias {each.bias!r}")
            if channel == 0 and each.name:
                words.append(f"name {write_json(each.name).rstrip()}")
            words.append(f"kernel {write_json(kernel.title).rstrip()}")
            blocks.append(", ".join(words) + "\n" + _rows(kernel))
    return "\n".join(blocks)


def _rows(kernel: Kernel) -> str:
    lines = (",".join(_number(value) for value in row) for row in kernel.values.tolist())
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def bank_from_csv(text: str, title: str) -> Bank:
    """Return the kernels of rows of numbers: one a block, blocks apart by empty lines or comments.

    Commas, semicolons, tabs and blanks separate, as ``parse_grid`` reads them; a comma between digits
    separates, unless semicolons or tabs do. ``title`` is for kernels that no comment names.

    Raises:
        ValueError: it holds no kernels; the message is part of a sentence.
    """
    blocks = _blocks(text)
    if not blocks:
        raise ParamError("it holds no numbers")
    members: dict[object, list[tuple[_Block, Kernel]]] = {}
    for place, block in enumerate(blocks, 1):
        try:
            values = parse_grid(_spaced(block.text))
            name = _word(block.fields.get("kernel"), title if len(blocks) == 1 else f"{title} {place}")
            kernel = Kernel(values, name)
        except ParamError as error:
            raise ParamError(str(error) if len(blocks) == 1 else f"kernel {place}: {error}") from None
        key = f"alone {place}" if block.number is None else block.number
        members.setdefault(key, []).append((block, kernel))
    if len(members) > LARGEST_BANK:
        raise ParamError(f"a bank has at most {LARGEST_BANK} filters, these are {len(members)}")
    return Bank(tuple(_filter(key, each) for key, each in members.items()))


def _filter(key: object, members: list[tuple[_Block, Kernel]]) -> Filter:
    for place, (block, _) in enumerate(members):
        channel = block.fields.get("input", "all" if len(members) == 1 else str(place))
        if channel != str(place) and not (channel == "all" and len(members) == 1):
            raise ParamError(f"filter {key}: the kernel of input {place} is missing or out of its place")
    first = members[0][0].fields
    bias = parse_number(first["bias"]) if "bias" in first else 0.0
    return Filter(tuple(kernel for _, kernel in members), bias, _word(first.get("name"), ""))


def _word(quoted: str | None, default: str) -> str:
    """Return what stands in quotes."""
    if quoted is None:
        return default
    try:
        word = json.loads(quoted)
    except ValueError:
        return quoted
    return word if isinstance(word, str) else quoted


def _blocks(text: str) -> list[_Block]:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if re.search(r"[\[({]", "\n".join(line for line in lines if not line.lstrip().startswith("#"))):
        return [_Block(text, None, {})]  # brackets may span empty lines
    found: list[_Block] = []
    rows: list[str] = []
    number: int | None = None
    fields: dict[str, str] = {}
    for line in [*lines, ""]:
        plain = line.strip()
        if plain.strip(",;\t \"'") and not plain.startswith("#"):
            rows.append(line)
            continue
        if rows:  # an empty line or a comment ends a block
            found.append(_Block("\n".join(rows), number, fields))
            rows, number, fields = [], None, {}
        match = _FILTER.match(plain)
        if match is not None:
            number, fields = int(match[1]), dict(_FIELD.findall(match[2]))
    return found


def _spaced(block: str) -> str:
    """Let the commas of a block in which nothing else separates stand between numbers, not in them."""
    block = block.replace('"', "")
    inside = [line.strip() for line in block.split("\n")]
    if ";" in block or any(re.search(r"\s", line) for line in inside):
        return block
    return block.replace(",", ", ")
