"""What was learned, in the project's document: its layers are written as those of the stack are.

Where a newer program wrote more than this one understands, the text is kept as it was, for as long as no
other run takes its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from numpy.typing import NDArray

from convstudio.layers import LAYER_KINDS, Layer
from convstudio.model.json_text import Verbatim, clipped, listed, read_json, write_json
from convstudio.model.layer_text import layer_of, params_entry
from convstudio.model.learned import Found, Learned
from convstudio.model.project import MOST_LAYERS, Project
from convstudio.model.training_text import kept_note, setup_entry
from convstudio.model.values import Apart, Fetch, NotKnownError, is_number
from convstudio.spec.params import ParamError

_METHODS = ("descent", "closed")


def learned_key(project: Project) -> str:
    """Return what tells whether something was learned with the setup that a project has.

    Pictures count by their names and sizes: the same before and after the project was saved and moved.
    """
    entry = setup_entry(project.training)
    pair = project.training.pair
    for name in ("before", "after"):
        entry["pair"][name] = PurePath(getattr(pair, name)).name
    picture = [project.picture.name, *project.picture.shape] if pair.source in ("kernel", "stack") else []
    return hashlib.sha256(write_json([entry, picture]).encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class KeptLearned:
    """An entry that this program understands in part or not at all; it is written again as it was.

    Attributes:
        text: the entry; None where all of it is understood.
        learned: what was understood; once the project has something else, the text is not written any more.
        arrays: those apart from the text that were read for it, by name.
    """

    text: str | None = None
    learned: Learned | None = None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.text is not None


@dataclass(frozen=True, eq=False)
class ReadLearned:
    """What was read, what of it is to be kept, and whole sentences about that."""

    learned: Learned | None
    kept: KeptLearned = field(default_factory=KeptLearned)
    notes: tuple[str, ...] = ()


# --- writing ---


def learned_entry(
    learned: Learned | None, kept: KeptLearned, apart: Apart, taken: Collection[str] = ()
) -> dict[str, Any]:
    """Return the document's entry, by its name; none where nothing was learned.

    Args:
        learned: what is written.
        kept: from the file that the project was read from.
        apart: gets the arrays that go apart.
        taken: names that these must not have, beside those in ``apart``.
    """
    if kept.text is not None and learned == kept.learned:
        apart.update(kept.arrays)
        return {"learned": Verbatim(kept.text)}
    if learned is None:
        return {}
    stem = "learned"
    while any(name.startswith(f"{stem}-") for name in (*taken, *apart)):
        stem += "_"
    return {"learned": _entry(learned, stem, apart)}


def _entry(learned: Learned, stem: str, apart: Apart) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": learned.key, "ids": list(learned.ids)}
    for method in _METHODS:
        found: Found | None = getattr(learned, method)
        if found is not None:
            layers = [
                {"kind": layer.kind, "params": params_entry(layer, f"{stem}-{method}-{number}", apart)}
                for number, layer in enumerate(found.layers, 1)
            ]
            numbers = {"step": found.step, "loss": found.loss, "distance": found.distance}
            entry[method] = numbers | {"layers": layers}
    return entry


# --- reading ---


def read_learned(data: Any, raw: Callable[[], str], fetch: Fetch) -> ReadLearned:
    """Return what an entry of a document says was learned.

    Args:
        data: the entry as JSON.
        raw: returns the entry as the text that it is.
        fetch: returns an array of those apart from the text.

    Raises:
        ValueError, TypeError, ArithmeticError: it is damaged or wrong; the message says which value, and why.
    """
    if not isinstance(data, dict):
        raise ParamError(f"it must be an object, got {clipped(repr(data))}")
    arrays: dict[str, NDArray[Any]] = {}

    def remembering(name: str) -> NDArray[Any]:
        arrays[name] = fetch(name)
        return arrays[name]

    try:
        learned = _learned(data, remembering)
    except NotKnownError as error:
        note = kept_note(f"What was learned cannot be used: {clipped(str(error), 300)}")
        return ReadLearned(None, KeptLearned(raw(), None, arrays), (note,))
    unknown = _beyond(data, read_json(write_json(_entry(learned, "learned", {}))))
    if not unknown:
        return ReadLearned(learned)
    note = kept_note(f"What was learned holds {listed(sorted(unknown))}, which this program does not know")
    return ReadLearned(learned, KeptLearned(raw(), learned, arrays), (note,))


def _learned(data: dict[str, Any], fetch: Fetch) -> Learned:
    key, ids = data.get("key", ""), data.get("ids", [])
    if not isinstance(ids, list):
        raise ParamError(f"the ids must be a list, got {clipped(repr(ids))}")
    found = {}
    for method in _METHODS:
        if data.get(method) is not None:
            try:
                found[method] = _found(data[method], fetch)
            except ParamError as error:
                raise type(error)(f"{method}: {error}") from None
    return Learned(key, tuple(ids), **found)


def _found(data: Any, fetch: Fetch) -> Found:
    if not isinstance(data, dict) or not isinstance(data.get("layers"), list):
        raise ParamError("it must be an object with a list of layers")
    if len(data["layers"]) > MOST_LAYERS:
        raise ParamError(f"a stack has at most {MOST_LAYERS} layers, this one has {len(data['layers'])}")
    layers = []
    for number, each in enumerate(data["layers"], 1):
        try:
            layers.append(_layer(each, fetch))
        except ParamError as error:
            raise type(error)(f"layer {number}: {error}") from None
    return Found(tuple(layers), _number(data, "loss"), _number(data, "distance"), data.get("step", 0))


def _number(data: dict[str, Any], name: str) -> Any:
    """Return a number as a float, and anything else as it is: ``Found`` says what is wrong with it."""
    value: Any = data.get(name)
    return float(value) if is_number(value) else value


def _layer(data: Any, fetch: Fetch) -> Layer:
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        raise ParamError("it must be an object with a kind")
    params = data.get("params", {})
    if not isinstance(params, dict):
        raise ParamError("the parameters must be an object")
    if data["kind"] not in LAYER_KINDS:
        raise NotKnownError(f"this program does not know the kind “{clipped(data['kind'])}”")
    return layer_of(LAYER_KINDS[data["kind"]], params, fetch)


def _beyond(data: Any, ours: Any) -> set[str]:
    """Return the names, at any depth, that stand in one JSON value and not in the other."""
    if isinstance(data, dict) and isinstance(ours, dict):
        found = set(data) - set(ours)
        return found.union(*(_beyond(data[name], ours[name]) for name in data if name in ours))
    if isinstance(data, list) and isinstance(ours, list):
        return set[str]().union(*(_beyond(*pair) for pair in zip(data, ours, strict=False)))
    return set()
