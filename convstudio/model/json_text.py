"""JSON as project files have it: strict to read, laid out so that a small change is a small difference.

Numbers are finite, names stand once in an object, nesting has a bound. Rows of numbers are written one a
line. What a reader does not understand it can keep as the text that it was (`members`) and write again
(`Verbatim`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

MOST_DEPTH = 40
"""How deeply lists and objects may be nested."""

_WIDTH = 100
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """A text is not the JSON that is wanted; the message is part of a sentence, such as "it ends early"."""


@dataclass(frozen=True)
class Verbatim:
    """JSON text that is written as it stands."""

    text: str


# --- reading ---


def read_json(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        JsonError: it is damaged, has a name twice, a number that is not finite, or is nested too deeply.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        raise JsonError(f"its text is damaged in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise JsonError("its text is nested too deeply") from None
    _check_depth(value, MOST_DEPTH)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"“{clipped(twice)}” stands twice in one place")
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise JsonError(f"it holds {word}, which is not a finite number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonError(f"the number {clipped(text)} is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 40:
        raise JsonError(f"the number {clipped(text)} is too large")
    return int(text)


def _check_depth(value: Any, left: int) -> None:
    if isinstance(value, dict | list):
        if not left:
            raise JsonError("its text is nested too deeply")
        for each in value.values() if isinstance(value, dict) else value:
            if isinstance(each, dict | list):
                _check_depth(each, left - 1)


def clipped(text: str, most: int = 60) -> str:
    """Return a text short enough to stand in a message."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def listed(names: Sequence[str]) -> str:
    """Return a few names, quoted, and how many more there are."""
    some = ", ".join(f"“{clipped(name, 30)}”" for name in names[:3])
    return some + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# --- writing ---


def write_json(value: Any) -> str:
    """Return a value as JSON text; every float comes back as the very same.

    Raises:
        ValueError: a number that is not finite.
        TypeError: something that JSON has no form for.
    """
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", _written(value, "")) + "\n"


def _written(value: Any, indent: str) -> str:
    if isinstance(value, Verbatim):
        return value.text
    if not isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if _flat(value) or not _has_rows(value):
        line = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if len(indent) + len(line) <= _WIDTH or (isinstance(value, list | tuple) and _flat(value)):
            return line
    deeper = indent + "  "
    if isinstance(value, dict):
        lines = [f"{json.dumps(str(k), ensure_ascii=False)}: {_written(v, deeper)}" for k, v in value.items()]
    else:
        lines = [_written(each, deeper) for each in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(lines) + f"\n{indent}{closing}"


def _inner(value: Any) -> list[Any]:
    each = value.values() if isinstance(value, dict) else value
    return [one for one in each if isinstance(one, dict | list | tuple | Verbatim)]


def _flat(value: Any) -> bool:
    """Whether a list or an object holds plain values only."""
    return not _inner(value)


def _has_rows(value: Any) -> bool:
    """Whether there is something inside that wants lines of its own: lists of lists, or text as it stands."""
    if isinstance(value, Verbatim):
        return True
    inner = _inner(value)
    return (bool(inner) and isinstance(value, list | tuple)) or any(map(_has_rows, inner))


# --- keeping ---


def spans(text: str) -> list[tuple[str, int, int]]:
    """Return where the values of a JSON object or list stand: name (of lists ""), start, end.

    The text must be sound JSON, as ``read_json`` has found it.
    """
    found: list[tuple[str, int, int]] = []
    depth, end = 0, 0
    key: str | None = None
    start: int | None = None
    named = text.lstrip("\ufeff \t\r\n").startswith("{")
    for token in _TOKEN.finditer(text):
        word = token[0]
        if depth == 1 and word in (",", "}", "]"):
            if start is not None:
                found.append((key or "", start, end))
            key = start = None
        elif depth == 1 and named and key is None:
            key = json.loads(word)
        elif depth >= 1 and start is None and not (named and depth == 1 and word == ":"):
            start = token.start()
        end = token.end()
        depth += (word in ("{", "[")) - (word in ("}", "]"))
    return found


def members(text: str) -> dict[str, str]:
    """Return the values of a JSON object as the text that they are."""
    return {name: text[start:end] for name, start, end in spans(text)}


def elements(text: str) -> list[str]:
    """Return the values of a JSON list as the text that they are."""
    return [text[start:end] for _, start, end in spans(text)]


def with_members(text: str, changes: dict[str, Any]) -> str:
    """Return the text of a JSON object with some values changed or added, all else as it stands."""
    places = {name: (start, end) for name, start, end in spans(text)}
    present = sorted((name for name in changes if name in places), key=lambda name: -places[name][0])
    for name in present:  # from the end, so that the places before stay true
        start, end = places[name]
        text = text[:start] + _written(changes[name], "") + text[end:]
    added = [f'"{name}": {_written(value, "")}' for name, value in changes.items() if name not in places]
    if added:
        at = text.index("{") + 1
        text = text[:at] + ", ".join(added) + (", " if places else "") + text[at:]
    return text
