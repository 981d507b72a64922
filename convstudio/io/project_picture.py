"""The picture of a project: inside it, or named by where it lies, with what tells whether it has changed."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.io.atomic import Bytes
from convstudio.io.cv import encode_png
from convstudio.io.errors import PictureError, shown
from convstudio.io.images import decode_picture, load_picture
from convstudio.io.limits import MAX_PIXELS
from convstudio.io.npy import npy_pieces
from convstudio.io.samples import SAMPLES, load_sample
from convstudio.model import Picture
from convstudio.model.json_text import clipped
from convstudio.model.serialize import ProjectError

Entry = dict[str, Any]

_KNOWN = ("name", "source_depth", "shape", "notes", "part", "sample", "path", "absolute", "sha256")

_PACKED = (b"\x89PNG", b"\x93NUMPY")
_LARGEST_STAND_IN = 1 << 22  # pixels

_packed: WeakKeyDictionary[Picture, tuple[str, list[Bytes]]] = WeakKeyDictionary()
_digests: WeakKeyDictionary[Picture, str] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class StandIn:
    """A picture in place of one that could not be read.

    Attributes:
        picture: what the stack is computed on meanwhile.
        entry: what the project says about the real one; it is written again.
        folder: of the project that said it.
    """

    picture: Picture
    entry: Entry
    folder: Path


# --- writing ---


def embedded_entry(picture: Picture) -> tuple[Entry, str, Sequence[Bytes]]:
    """Return a picture's entry, the name of the part that holds its values, and that part in pieces."""
    known = _packed.get(picture)
    if known is None:
        known = _packed[picture] = _pack(picture.values)
    name, pieces = known
    entry = _common(picture) | {"notes": list(picture.notes), "part": name}
    return entry, name, pieces


def _pack(values: NDArray[np.float32]) -> tuple[str, list[Bytes]]:
    """Pack values exactly: as PNG where they came from 8 or 16 bits, else as they are."""
    ordered = np.moveaxis(values, 0, 2)
    for depth in (np.uint8, np.uint16):
        stored = _as_stored(ordered, depth)
        if stored is not None:
            pixels = stored[:, :, 0] if stored.shape[2] == 1 else stored
            return "picture.png", [encode_png(np.ascontiguousarray(pixels))]
    return "picture.npy", list(npy_pieces(values))


def _as_stored(values: NDArray[np.float32], depth: type[np.unsignedinteger[Any]]) -> NDArray[Any] | None:
    """Return the whole numbers that give exactly these values when they are read, if there are any."""
    white = np.float32(np.iinfo(depth).max)
    some = values[:: max(1, len(values) // 16)]  # most pictures show in a few rows that they are not
    for rows in (some, values):
        with np.errstate(all="ignore"):
            stored = np.clip(np.rint(rows * white), 0, white) + np.float32(0)  # −0 is no whole number
            again = (stored / white).astype(np.float32)
        if not np.array_equal(again.view(np.uint32), np.ascontiguousarray(rows).view(np.uint32)):
            return None
    exact: NDArray[Any] = stored.astype(depth)
    return exact


def reference_entry(picture: Picture, folder: Path) -> Entry | None:
    """Return an entry that names the file a picture came from, or None where there is none to name."""
    if picture.path is None:
        return None
    absolute = os.path.abspath(picture.path)
    entry = _common(picture)
    for sample in SAMPLES:
        if os.path.basename(absolute) == f"{sample.id}.png" and absolute == os.path.abspath(sample.path):
            return entry | {"sample": sample.id, "sha256": digest(picture)}
    if not os.path.isfile(absolute):
        return None
    return entry | _places(absolute, folder) | {"sha256": digest(picture)}


def moved_entry(stand_in: StandIn, folder: Path) -> Entry:
    """Return the entry of a picture that is missing for a project in another folder."""
    entry = dict(stand_in.entry)
    if isinstance(entry.get("path"), str) and "absolute" in entry:
        there = os.path.normpath(os.path.join(stand_in.folder, entry["path"]))
        entry["path"] = _places(there, folder)["path"]
    return entry


def _common(picture: Picture) -> Entry:
    return {"name": picture.name, "source_depth": picture.source_depth, "shape": list(picture.shape)}


def _places(absolute: str, folder: Path) -> Entry:
    """Where a file lies, as seen from the project and on this computer."""
    try:
        relative = os.path.relpath(absolute, folder)
    except ValueError:  # on another drive
        relative = absolute
    return {"path": Path(relative).as_posix(), "absolute": Path(absolute).as_posix()}


def digest(picture: Picture) -> str:
    """Return the SHA-256 of a picture's shape and values, which its file's name and dates do not touch."""
    known = _digests.get(picture)
    if known is None:
        content = hashlib.sha256(repr(picture.shape).encode())
        for plane in picture.values:
            content.update(np.ascontiguousarray(plane, "<f4").data.cast("B"))
        known = _digests[picture] = content.hexdigest()
    return known


# --- reading ---


@dataclass(frozen=True, eq=False)
class FoundPicture:
    """What became of an entry: the picture, or one in its place and why; and what is to be told."""

    picture: Picture
    stand_in: StandIn | None = None
    problem: str | None = None
    notes: tuple[str, ...] = ()
    embedded: bool = False


def find_picture(
    entry: Entry, folder: Path, part: Callable[[str], bytes], control: Control | None = None
) -> FoundPicture:
    """Return the picture that an entry describes; ``part`` reads one that is inside the project.

    Raises:
        ProjectError: the entry makes no sense, or the picture inside the project is damaged.
        Cancelled: by the control.
    """
    name, shape = _text(entry, "name"), _shape(entry)
    notes: tuple[str, ...] = ()
    unknown = [clipped(each, 30) for each in entry if each not in _KNOWN]
    if unknown:
        fields = ", ".join(unknown[:3])
        notes = (f"This program does not know the picture's {fields}: saving the project leaves it out.",)
    if "part" in entry:
        return FoundPicture(_embedded(entry, name, shape, part, control), notes=notes, embedded=True)
    found, problem = _referred(entry, name, folder, control)
    if found is None:
        picture = stand_in(name, shape)
        return FoundPicture(picture, StandIn(picture, entry, folder), problem, notes)
    if entry.get("sha256") != digest(found):
        notes += (f"{name} has changed since the project was saved.",)
    return FoundPicture(found, notes=notes)


def stand_in(name: str, shape: tuple[int, int, int]) -> Picture:
    """Return an even grey in place of a picture, of its shape unless that is very large."""
    channels, height, width = shape
    scale = min(1.0, math.sqrt(_LARGEST_STAND_IN / (height * width)))
    size = (channels, max(1, int(height * scale)), max(1, int(width * scale)))
    return Picture(np.full(size, 0.5, np.float32), name, notes=("A grey picture stands for it.",))


def _embedded(
    entry: Entry,
    name: str,
    shape: tuple[int, int, int],
    part: Callable[[str], bytes],
    control: Control | None,
) -> Picture:
    notes = entry.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(each, str) for each in notes):
        raise ProjectError("the picture's notes must be a list of sentences")
    data = part(_text(entry, "part"))
    if not data.startswith(_PACKED):
        raise ProjectError("the picture in it is neither PNG nor .npy")
    try:
        picture = decode_picture(data, "the picture in it", control=control)
    except PictureError as error:
        raise ProjectError(str(error).rstrip(".")) from error
    if picture.shape != shape:
        raise ProjectError("the picture in it is not of the size that the project says")
    return replace(picture, name=name, notes=tuple(notes), source_depth=_text(entry, "source_depth"))


def _referred(
    entry: Entry, name: str, folder: Path, control: Control | None
) -> tuple[Picture | None, str | None]:
    """Return the picture that an entry names, from the first place that has it as it was; or why not."""
    if "sample" in entry:
        try:
            return load_sample(_text(entry, "sample")), None
        except (KeyError, OSError, PictureError):
            return None, f"The bundled picture {name} is not part of this ConvStudio."
    places = [os.path.normpath(os.path.join(folder, _text(entry, "path")))]
    if "absolute" in entry:
        places.append(_text(entry, "absolute"))
    other: Picture | None = None
    problem = f"{name} is not where it was ({shown_path(places[0])})."
    for place in dict.fromkeys(places):
        try:
            if not os.path.exists(place):
                continue
            picture = load_picture(place, control=control)
        except PictureError as error:
            problem = str(error)
            continue
        except ValueError:  # a zero byte in the path
            continue
        if digest(picture) == entry.get("sha256"):
            return picture, None
        other = other or picture
    return other, None if other else problem


def shown_path(path: str) -> str:
    """Return a path as it can be shown in one line."""
    text = clipped(path, 200).encode("utf-8", "replace").decode("utf-8")
    return text or shown(path)


def _text(entry: Entry, field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str):
        raise ProjectError(f"the picture's {field} must be text")
    return value


def _shape(entry: Entry) -> tuple[int, int, int]:
    shape = entry.get("shape")
    sound = isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)
    if not isinstance(shape, list) or not sound or shape[0] not in (1, 3):
        raise ProjectError("the picture's shape must be 1 or 3 channels, a height and a width")
    if shape[1] * shape[2] > MAX_PIXELS:
        raise ProjectError(f"the picture is larger than {MAX_PIXELS // 10**6} million pixels")
    return shape[0], shape[1], shape[2]
