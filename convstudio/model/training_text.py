"""The setup of a training in the project's document: the values of its three parts by name.

What a newer program wrote and this one cannot use is kept as the text that it was, as with layers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from convstudio.model.json_text import Verbatim, clipped, listed, members
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup, Setup
from convstudio.model.values import NotKnownError, decode, encode, unknown_in_kernel
from convstudio.spec.params import ParamError

_PARTS: dict[str, type[Setup]] = {"pair": PairSetup, "student": StudentSetup, "method": MethodSetup}


@dataclass(frozen=True, eq=False)
class KeptTraining:
    """What a file's training held that this program has no use for, as JSON text; it is written again.

    Attributes:
        whole: all of it, where it cannot be used here; written again as long as no other is set up.
        fields: unknown fields by the part they stand in ("" for the training itself) and their name.
    """

    whole: str | None = None
    fields: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.whole is not None or bool(self.fields)

    def of(self, part: str) -> dict[str, Any]:
        """Return the unknown fields of a part as they are to be written."""
        return {name: Verbatim(text) for (place, name), text in self.fields.items() if place == part}


@dataclass(frozen=True, eq=False)
class ReadTraining:
    """A training that was read.

    Attributes:
        setup: the default where what was read cannot be used.
        kept: to be handed back when it is saved again.
        notes: whole sentences about what this program does not know.
    """

    setup: TrainingSetup
    kept: KeptTraining = field(default_factory=KeptTraining)
    notes: tuple[str, ...] = ()


def kept_note(what: str) -> str:
    """Return the sentence about something that this program does not know but writes again."""
    return f"{what}; it is kept in the file and has no effect here."


def training_entry(setup: TrainingSetup, kept: KeptTraining) -> dict[str, Any]:
    """Return the document's entry for a training, by its name; none for the default setup."""
    if setup == TrainingSetup():
        if kept.whole is not None:
            return {"training": Verbatim(kept.whole)}
        if not kept.fields:
            return {}
    parts = {part: values | kept.of(part) for part, values in setup_entry(setup).items()}
    return {"training": parts | kept.of("")}


def setup_entry(setup: TrainingSetup) -> dict[str, dict[str, Any]]:
    """Return every value of a setup as JSON, by part and name."""
    return {part: _values(getattr(setup, part)) for part in _PARTS}


def _values(part: Setup) -> dict[str, Any]:
    return {each: encode(getattr(part, each), each, {}) for each in _names(type(part))}


def _names(kind: type[Setup]) -> list[str]:
    return [each.name for each in dataclasses.fields(kind)]


def read_training(data: Any, raw: Callable[[], str]) -> ReadTraining:
    """Return the training that an entry of a document describes.

    Args:
        data: the entry as JSON.
        raw: returns the entry as the text that it is.

    Raises:
        ParamError: it is damaged or wrong; the message says which value, and why.
    """
    if not isinstance(data, dict):
        raise ParamError(f"it must be an object, got {clipped(repr(data))}")
    try:
        parts = {part: _part(data.get(part, {}), part, kind) for part, kind in _PARTS.items()}
    except NotKnownError as error:
        note = kept_note(f"The training cannot be used: {clipped(str(error), 300)}")
        return ReadTraining(TrainingSetup(), KeptTraining(whole=raw()), (note,))
    unknown = [("", name) for name in data if name not in _PARTS]
    lost: set[str] = set()
    for part, kind in _PARTS.items():
        values = data.get(part, {})
        known = _names(kind)
        unknown += [(part, name) for name in values if name not in known]
        lost |= {name for key in known for name in unknown_in_kernel(values.get(key))}
    notes = []
    if unknown:
        names = listed([name for _, name in unknown])
        notes.append(kept_note(f"The training holds {names}, which this program does not know"))
    if lost:
        notes.append(
            f"The training holds {listed(sorted(lost))} in its kernels, which this program does not know: "
            "saving the project leaves it out."
        )
    kept = _kept(unknown, raw()) if unknown else KeptTraining()
    return ReadTraining(TrainingSetup(**parts), kept, tuple(notes))


def _part(data: Any, part: str, kind: type[Setup]) -> Any:
    if not isinstance(data, dict):
        raise ParamError(f"the {part} must be an object, got {clipped(repr(data))}")
    values = {}
    for name in _names(kind):
        if name in data:
            try:
                values[name] = decode(data[name], _no_part)
            except ParamError as error:
                raise type(error)(f"the {part}'s {name}: {error}") from None
    return kind(**values)


def _no_part(name: str) -> NoReturn:
    raise ParamError(f"numbers of a training stand in its text, not in a part “{clipped(name)}”")


def _kept(unknown: list[tuple[str, str]], text: str) -> KeptTraining:
    texts = {"": members(text)}
    for part in {place for place, _ in unknown if place}:
        texts[part] = members(texts[""][part])
    return KeptTraining(fields={(place, name): texts[place][name] for place, name in unknown})
