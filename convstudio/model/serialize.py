"""The project as a document: versioned JSON text, and beside it the arrays that are too large for text.

Layers are written and read by their declarations. What a file holds that this program does not understand
is kept (`Kept`) and written again: layers of unknown kinds as placeholders, unknown fields as the text that
they were. The picture is the business of whoever knows files: here it is an entry in the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from convstudio.layers import LAYER_KINDS, Layer
from convstudio.layers.unknown import UnknownLayer
from convstudio.model.json_text import (
    MOST_DEPTH,
    JsonError,
    Verbatim,
    clipped,
    elements,
    listed,
    members,
    read_json,
    with_members,
    write_json,
)
from convstudio.model.layer_text import layer_of, params_entry, settings
from convstudio.model.learned import Learned
from convstudio.model.learned_text import KeptLearned, learned_entry, read_learned
from convstudio.model.picture import Picture
from convstudio.model.project import MOST_LAYERS, PHOTO, LayerItem, Look, Project, Side
from convstudio.model.training import TrainingSetup
from convstudio.model.training_text import KeptTraining, kept_note, read_training, training_entry
from convstudio.model.values import Apart, Fetch, NotKnownError, unknown_in_bank

FORMAT = "convstudio"
VERSION = 1

_DOCUMENT = ("format", "version", "picture", "layers", "selected", "compared", "training", "learned", "view")
_GENERAL = ("id", "kind", "name", "enabled", "look")
_LAYER = (*_GENERAL, "params")
_LOOK = ("view", "channel")
_PLAIN_ID = re.compile("[A-Za-z0-9_][A-Za-z0-9_-]{0,60}")


class ProjectError(Exception):
    """A project cannot be read or written; the text says what is wrong and where."""


@dataclass(frozen=True, eq=False)
class Kept:
    """What a file held that this program has no use for, as JSON text by name; it is written again.

    Attributes:
        document: unknown fields of the whole.
        layers: unknown fields of layers, by the layer's id and kind.
        params: unknown parameters of layers, by the same.
        training: what is unknown of the training's setup.
        learned: what is unknown of what was learned.
    """

    document: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    params: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    training: KeptTraining = field(default_factory=KeptTraining)
    learned: KeptLearned = field(default_factory=KeptLearned)


@dataclass(frozen=True, eq=False)
class Document:
    """A project that was read.

    Attributes:
        project: with the picture that was made of the document's entry.
        view: what the window handed over when it was saved.
        kept: to be handed back when it is saved again.
        notes: whole sentences about what this program does not know or passed over.
    """

    project: Project
    view: dict[str, Any]
    kept: Kept
    notes: tuple[str, ...]


# --- writing ---


def write_project(
    project: Project,
    view: Mapping[str, Any],
    picture: Mapping[str, Any],
    kept: Kept | None = None,
    taken: Collection[str] = (),
) -> tuple[str, Apart]:
    """Return the document's text, and the arrays that belong to it by name.

    Args:
        project: what is written.
        view: JSON-able, for the window; numbers that are not finite are written as null.
        picture: the entry that stands for the picture.
        kept: from the file that the project was read from.
        taken: names that the arrays must not have.

    Raises:
        TypeError: the view or the picture's entry holds something that JSON has no form for.
    """
    kept = kept or Kept()
    taken = {*taken, *kept.learned.arrays}
    apart: Apart = {}
    layers = []
    for number, item in enumerate(project.layers, 1):
        stem = item.id if _PLAIN_ID.fullmatch(item.id) else f"layer-{number}"
        while any(name.startswith(f"{stem}-") for name in (*taken, *apart)):
            stem += "_"
        layers.append(_layer_entry(item, stem, kept, apart))
    compared = project.compared
    document = {
        "format": FORMAT,
        "version": VERSION,
        "picture": dict(picture),
        "layers": layers,
        "selected": project.selected,
        "compared": compared and {"layer": compared.layer_id, "channel": compared.channel},
        **training_entry(project.training, kept.training),
        **learned_entry(project.learned, kept.learned, apart, taken),
        "view": plain(view),
    }
    return write_json(document | _verbatim(kept.document)), apart


def plain(value: Any, depth: int = MOST_DEPTH - 2) -> Any:
    """Return a value as JSON has it: lists for tuples, null for what is not finite, a copy throughout.

    Raises:
        TypeError: something that JSON has no form for, or nested more deeply than is read again.
    """
    if isinstance(value, Mapping | list | tuple):
        if depth == 0:
            raise TypeError("a view must not be nested so deeply")
        if isinstance(value, Mapping):
            return {str(name): plain(each, depth - 1) for name, each in value.items()}
        return [plain(each, depth - 1) for each in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a view must hold plain values, got {type(value).__name__}")


def _verbatim(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: Verbatim(text) for name, text in texts.items()}


def _layer_entry(item: LayerItem, stem: str, kept: Kept, apart: Apart) -> Any:
    general = {
        "id": item.id,
        "kind": item.layer.kind,
        "name": item.name,
        "enabled": item.enabled,
        "look": {"view": item.look.view, "channel": item.look.channel},
    }
    if isinstance(item.layer, UnknownLayer):
        return Verbatim(_unknown_text(item.layer, general))
    key = (item.id, item.layer.kind)
    params = params_entry(item.layer, stem, apart) | _verbatim(kept.params.get(key, {}))
    return general | {"params": params} | _verbatim(kept.layers.get(key, {}))


def _unknown_text(layer: UnknownLayer, general: dict[str, Any]) -> str:
    """Return the layer's own text with what was edited here in its place, all else byte for byte."""
    stored = read_json(layer.text)
    wanted = general | {"kind": layer.original}
    look = {"view": Look().view, "channel": None} | stored.get("look", {})
    wanted["look"] = look | general["look"]  # a look may have more to it than is known here
    present = {"name": "", "enabled": True} | stored | {"look": look}
    changes = {name: value for name, value in wanted.items() if present.get(name) != value}
    return with_members(layer.text, changes) if changes else layer.text


def holds_unknown(project: Project, kept: Kept) -> bool:
    """Whether there is anything in a project that this program does not understand."""
    placeholders = any(isinstance(item.layer, UnknownLayer) for item in project.layers)
    return placeholders or bool(kept.document or kept.layers or kept.params or kept.training or kept.learned)


# --- reading ---


def read_project(text: str, picture: Callable[[dict[str, Any]], Picture], fetch: Fetch) -> Document:
    """Return the project that a document's text describes.

    Args:
        text: the document.
        picture: makes the picture of its entry.
        fetch: returns an array of those beside the text, or raises ProjectError.

    Raises:
        ProjectError: the document is damaged, too new or wrong; one sentence without its full stop.
    """
    return _Reader(text, fetch).read(picture)


def check_header(document: Any) -> None:
    """Tell whether a JSON value is a project of a version that can be read.

    Raises:
        ProjectError: it is not.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProjectError("it is not a ConvStudio project")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise ProjectError(f"its version must be a whole number from 1, got {clipped(repr(version))}")
    if version > VERSION:
        raise ProjectError(
            f"a newer ConvStudio saved it (version {version} of the format, this program reads up to "
            f"{VERSION}); update ConvStudio to open it"
        )


class _Reader:
    def __init__(self, text: str, fetch: Fetch) -> None:
        try:
            self._document = read_json(text)
        except JsonError as error:
            raise ProjectError(str(error)) from None
        check_header(self._document)
        self._text = text
        self._fetch = fetch
        self._raw_layers: list[str] | None = None
        self._notes: list[str] = []
        self._layer_fields: dict[tuple[str, str], dict[str, str]] = {}
        self._layer_params: dict[tuple[str, str], dict[str, str]] = {}

    def read(self, picture: Callable[[dict[str, Any]], Picture]) -> Document:
        document = self._document
        entries = _typed(document.get("layers"), list, "the layers must be a list")
        if len(entries) > MOST_LAYERS:
            raise ProjectError(f"a stack has at most {MOST_LAYERS} layers, this one has {len(entries)}")
        view = _typed(document.get("view", {}), dict, "the view must be an object")
        entry = _typed(document.get("picture"), dict, "the picture must be an object")
        items: list[LayerItem] = []
        for number, each in enumerate(entries, 1):
            items.append(self._item(each, number, {item.id for item in items}))
        known = (PHOTO, *(item.id for item in items))
        selected = document.get("selected", PHOTO)
        if selected not in known:
            self._notes.append("The layer that was selected is not there; the photo is selected instead.")
            selected = PHOTO
        compared = self._compared(document.get("compared"), known)
        training, kept_training = self._training()
        learned, kept_learned = self._learned()
        project = Project(
            picture(entry), tuple(items), selected, compared, training=training, learned=learned
        )
        kept = Kept(
            self._kept_of_document(), self._layer_fields, self._layer_params, kept_training, kept_learned
        )
        return Document(project, view, kept, tuple(self._notes))

    def _compared(self, data: Any, known: tuple[str, ...]) -> Side | None:
        if data is None:
            return None
        _typed(data, dict, "what is compared must be an object or null")
        if data.get("layer") not in known:
            self._notes.append("The map that others were compared with is not there any more.")
            return None
        return Side(data["layer"], _channel(data.get("channel"), "what is compared"))

    def _training(self) -> tuple[TrainingSetup, KeptTraining]:
        if "training" not in self._document:
            return TrainingSetup(), KeptTraining()
        try:
            found = read_training(self._document["training"], lambda: members(self._text)["training"])
        except (ValueError, TypeError, ArithmeticError) as error:
            raise ProjectError(f"the training: {clipped(str(error), 300)}") from None
        self._notes += found.notes
        return found.setup, found.kept

    def _learned(self) -> tuple[Learned | None, KeptLearned]:
        if "learned" not in self._document:
            return None, KeptLearned()
        try:
            found = read_learned(
                self._document["learned"], lambda: members(self._text)["learned"], self._fetch
            )
        except (ValueError, TypeError, ArithmeticError, ProjectError) as error:
            raise ProjectError(f"what was learned: {clipped(str(error), 300)}") from None
        self._notes += found.notes
        return found.learned, found.kept

    def _kept_of_document(self) -> dict[str, str]:
        unknown = [name for name in self._document if name not in _DOCUMENT]
        if not unknown:
            return {}
        self._note(f"The project holds {listed(unknown)}, which this program does not know")
        texts = members(self._text)
        return {name: texts[name] for name in unknown}

    def _note(self, what: str) -> None:
        self._notes.append(kept_note(what))

    def _raw(self, number: int) -> str:
        """Return a layer's entry as it stands in the file."""
        if self._raw_layers is None:
            self._raw_layers = elements(members(self._text)["layers"])
        return self._raw_layers[number - 1]

    # --- layers ---

    def _item(self, entry: Any, number: int, taken: set[str]) -> LayerItem:
        where = f"layer {number}"
        _typed(entry, dict, f"{where} must be an object")
        kind = _typed(entry.get("kind"), str, f"{where}: the kind must be text")
        where = f"{where} ({LAYER_KINDS[kind].title if kind in LAYER_KINDS else clipped(kind)})"
        layer_id = _typed(entry.get("id"), str, f"{where}: the id must be text")
        if not layer_id or layer_id == PHOTO:
            raise ProjectError(f"{where}: “{layer_id}” cannot be the id of a layer")
        if layer_id in taken:
            raise ProjectError(f"{where}: the id “{clipped(layer_id)}” stands twice")
        name = _typed(entry.get("name", ""), str, f"{where}: the name must be text")
        enabled = _typed(entry.get("enabled", True), bool, f"{where}: enabled must be true or false")
        look = self._look(entry.get("look", {}), where)
        return LayerItem(layer_id, self._layer(entry, kind, layer_id, number, where), name, enabled, look)

    def _look(self, data: Any, where: str) -> Look:
        _typed(data, dict, f"{where}: the look must be an object")
        view = _typed(data.get("view", Look().view), str, f"{where}: the look's view must be text")
        return Look(view, _channel(data.get("channel"), f"{where}: the look"))

    def _layer(self, entry: dict[str, Any], kind: str, layer_id: str, number: int, where: str) -> Layer:
        if kind not in LAYER_KINDS:
            self._note(f"Layer {number} is of the kind “{clipped(kind)}”, which this program does not know")
            return UnknownLayer(kind, self._raw(number))
        cls = LAYER_KINDS[kind]
        params = _typed(entry.get("params", {}), dict, f"{where}: the parameters must be an object")
        try:
            layer = layer_of(cls, params, self._fetch)
        except NotKnownError as error:
            self._note(f"Layer {number} ({cls.title}) cannot be used: {error}")
            return UnknownLayer(kind, self._raw(number), str(error))
        except (ValueError, TypeError, ArithmeticError, ProjectError) as error:
            raise ProjectError(f"{where}: {clipped(str(error), 300)}") from None
        self._keep(entry, params, settings(cls), layer_id, kind, number)
        return layer

    def _keep(
        self,
        entry: dict[str, Any],
        params: dict[str, Any],
        names: Mapping[str, bool],
        layer_id: str,
        kind: str,
        number: int,
    ) -> None:
        """Keep what the program does not know of a layer, and say what it cannot keep."""
        fields = [name for name in entry if name not in _LAYER]
        unknown = [name for name in params if name not in names]
        if fields or unknown:
            self._note(f"Layer {number} holds {listed(fields + unknown)}, which this program does not know")
            texts = members(self._raw(number))
            if fields:
                self._layer_fields[layer_id, kind] = {name: texts[name] for name in fields}
            if unknown:
                texts = members(texts["params"])
                self._layer_params[layer_id, kind] = {name: texts[name] for name in unknown}
        lost = {name for name in entry.get("look", {}) if name not in _LOOK}
        for value in params.values():
            lost |= unknown_in_bank(value)
        if lost:
            self._notes.append(
                f"Layer {number} holds {listed(sorted(lost))} in its filters or its look, which this "
                "program does not know: saving the project leaves it out."
            )


def _channel(value: Any, where: str) -> int | None:
    if value is not None and not (type(value) is int and 0 <= value < 1 << 20):
        raise ProjectError(f"{where}: the channel must be a whole number from 0 or null")
    return value


def _typed(value: Any, kind: type, problem: str) -> Any:
    if not isinstance(value, kind):
        raise ProjectError(f"{problem}, got {clipped(repr(value))}" if value is not None else problem)
    return value
