"""Reading a grid of numbers off the clipboard, whoever wrote it."""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np

from convstudio.kernels.kernel import LARGEST_SIDE, Values
from convstudio.kernels.number_text import DECIMAL_COMMA, parse_number, plain_signs, quoted, with_point
from convstudio.spec.params import ParamError

_LONGEST = 200_000  # characters; 63×63 weights with every digit take half of it

Rows: TypeAlias = list[list[str]]
Tree: TypeAlias = "list[str | Tree]"


def parse_grid(text: str) -> Values:
    """Return the weights ``(rows, columns)``, float64, that a text holds.

    - Spreadsheets: tabs between cells; a decimal comma is understood.
    - CSV: commas between cells, or semicolons where rows are lines and commas are decimal.
    - Python, NumPy, C, Mathematica: nested brackets, ``[[1, 2], [3, 4]]``, with what stands around them.
    - MATLAB: ``[1 2; 3 4]``, with or without the brackets.
    - Plain: spaces between cells, a line or a semicolon between rows.

    A cell is what ``parse_number`` reads. Text that can be read in two ways, such as ``0,5``, is refused.

    Raises:
        ParamError: no numbers, a cell that is none, rows of different lengths, more than 63 a side, brackets
            that do not match, commas of unclear meaning; in the user's words.
    """
    if len(text) > _LONGEST:
        raise ParamError(f"the text is too long for a kernel of up to {LARGEST_SIDE}×{LARGEST_SIDE} numbers")
    body = plain_signs(text).replace("\r\n", "\n").replace("\r", "\n")
    # Runs of blanks would cost the patterns below the square of their length.
    body = "\n".join(line.strip(" ") for line in re.sub(" {2,}", " ", body).split("\n") if line.strip())
    if not body:
        raise ParamError("the text is empty; copy a grid of numbers, one row a line")
    if re.search(r"[\[({]", body):
        rows = _bracketed(re.sub("[ \t]+", " ", body))
    elif "\t" in body.strip():
        rows = _points([line.split("\t") for line in body.split("\n")])
    elif ";" in body:
        rows = _semicolons(body.split("\n"))
    else:
        rows = _plain(body.split("\n"))
    return _grid(rows)


def _plain(lines: list[str]) -> Rows:
    """Rows whose cells stand between commas or spaces."""
    tokens = [token for line in lines for token in line.split()]
    commas = [token for token in tokens if "," in token]
    if commas and all(DECIMAL_COMMA.fullmatch(token) for token in commas):
        spaced = len(tokens) > len(lines)
        if spaced or len(commas) == len(tokens):
            raise _unclear(commas[0])
    return [_cells(line) for line in lines]


def _cells(line: str) -> list[str]:
    line = re.sub(r"\s*/\s*", "/", line.strip())
    if "," not in line:
        return line.split()
    return [cell.strip() for cell in line.removesuffix(",").split(",")]


def _semicolons(lines: list[str]) -> Rows:
    """Semicolons end rows, as in MATLAB, or separate the cells of lines, as where commas are decimal."""
    lines = [kept for line in lines if (kept := line.strip().removesuffix(";").rstrip())]
    parts = [[part.strip() for part in line.split(";")] for line in lines]
    flat = [part for row in parts for part in row]
    lone = all(len(_cells(part)) == 1 or DECIMAL_COMMA.fullmatch(part) for part in flat if part)
    if not lone or all(len(row) == 1 for row in parts):
        return _plain([part for part in flat if part])
    commas = [part for part in flat if "," in part]
    if len(parts) > 1:
        return _points(parts)
    if not commas:
        return [[part] for part in flat]
    if len(commas) == len(flat):
        raise _unclear(commas[0])
    return _points(parts)


def _points(rows: Rows) -> Rows:
    """Cells whose commas can only be decimal, with points in their place; empty last columns dropped."""
    rows = [[cell.strip() for cell in row] for row in rows]
    while len({len(row) for row in rows}) == 1 and len(rows[0]) > 1 and not any(row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
    flat = [cell for row in rows for cell in row]
    commas = [cell for cell in flat if DECIMAL_COMMA.fullmatch(cell)]
    if not commas:
        return rows
    if any("." in cell for cell in flat):
        raise _unclear(commas[0])
    proof = None
    for cell in commas:  # one comma that cannot separate thousands speaks for all
        try:
            proof = with_point(cell)
            break
        except ParamError as error:
            unclear = error
    if proof is None:
        raise unclear
    return [[c.replace(",", ".") if DECIMAL_COMMA.fullmatch(c) else c for c in row] for row in rows]


def _unclear(token: str) -> ParamError:
    return ParamError(
        f"the comma in “{quoted(token)}” may be a decimal one or stand between two numbers; "
        "write decimals with a point and a space after each number"
    )


# Brackets


def _bracketed(body: str) -> Rows:
    node = _peeled(_tree(_payload(body)))
    if not any(isinstance(child, list) for child in node):
        inner = re.sub(r"(,|\.\.\.)[ \t]*\n", r"\1 ", "".join(str(child) for child in node))
        return [_cells(row) for row in re.split(r"[;\n]", inner.replace("...", " ")) if row.strip()]
    rows = []
    for child in node:
        if isinstance(child, str):
            _only_separators(child)
        elif any(isinstance(part, list) for part in child):
            raise ParamError("the brackets hold more than one kernel; copy a single one")
        else:
            rows.append(_cells(" ".join("".join(map(str, child)).split())))
    return rows


def _payload(body: str) -> str:
    """Return the brackets without an assignment before and the words that NumPy and PyTorch write."""
    body = re.sub(r",?\s*\b(?:dtype|device|requires_grad)\s*=\s*[\w.:'\"]+", "", body)
    body = body.rpartition("=")[2].strip().removesuffix(";")
    return re.sub(r"\b(?:\w+\.)?(?:array|asarray|matrix|tensor|Tensor)\s*(?=\()", "", body)


def _tree(body: str) -> Tree:
    root: Tree = []
    stack = [root]
    opened: list[str] = []
    for piece in re.split(r"([\[\](){}])", body):
        if piece and piece in "[({":
            child: Tree = []
            stack[-1].append(child)
            stack.append(child)
            opened.append(piece)
        elif piece and piece in "])}":
            if not opened or "[({".index(opened.pop()) != "])}".index(piece):
                raise ParamError("the brackets do not match; copy the whole kernel")
            stack.pop()
        elif piece:
            stack[-1].append(piece)
    if opened:
        raise ParamError("the brackets do not match; copy the whole kernel")
    return root


def _peeled(node: Tree) -> Tree:
    """Return the innermost brackets that hold everything: ``((([1, 2])))`` is ``[1, 2]``."""
    while True:
        inner = [child for child in node if isinstance(child, list)]
        if len(inner) != 1:
            return node
        for child in node:
            if isinstance(child, str):
                _only_separators(child)
        node = inner[0]


def _only_separators(text: str) -> None:
    if text.strip(" \t\n,;"):
        raise ParamError(
            f"“{quoted(text)}” does not belong to a kernel; copy the numbers with their brackets"
        )


def _grid(rows: Rows) -> Values:
    if not rows:
        raise ParamError("there are no numbers in the text")
    for at, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ParamError(
                f"all rows must be of the same length, but row 1 has {_count(rows[0])} "
                f"and row {at} has {_count(row)}"
            )
    if max(len(rows), len(rows[0])) > LARGEST_SIDE:
        shape = f"{len(rows)}×{len(rows[0])}"
        raise ParamError(f"a kernel has at most {LARGEST_SIDE} rows and columns, this one is {shape}")
    return np.array([[_weight(c, i, j) for j, c in enumerate(row, 1)] for i, row in enumerate(rows, 1)])


def _weight(cell: str, row: int, column: int) -> float:
    if not cell:
        raise ParamError(f"row {row}, column {column} is empty; write 0 where there is no weight")
    try:
        return parse_number(cell)
    except ParamError as error:
        raise ParamError(f"row {row}, column {column}: {error}") from None


def _count(row: list[str]) -> str:
    return "1 number" if len(row) == 1 else f"{len(row)} numbers"
