"""The library: every preset by its id, in the order of the families, and the search over them."""

from __future__ import annotations

import difflib
import unicodedata

from convstudio.kernels.basics import BASICS
from convstudio.kernels.blur import BLUR
from convstudio.kernels.edges import EDGES
from convstudio.kernels.preset import Preset
from convstudio.kernels.second import SECOND
from convstudio.kernels.sharpen import SHARPEN
from convstudio.kernels.texture import TEXTURE
from convstudio.spec.registry import Registry, UnknownKindError

_REGISTRY: Registry[Preset] = Registry("kernel")
for _each in (*BASICS, *BLUR, *EDGES, *SECOND, *SHARPEN, *TEXTURE):
    _REGISTRY.add(_each.id, _each)

PRESETS: dict[str, Preset] = dict(_REGISTRY.items())
"""Every preset by id, those of a family next to one another."""

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(each.family for each in PRESETS.values()))
"""The families in the order of the library."""


def preset(name: str) -> Preset:
    """Return the preset with this id.

    Raises:
        UnknownKindError: there is none; the message names those that are close.
    """
    if name not in PRESETS:
        close = difflib.get_close_matches(name.casefold(), PRESETS, n=3, cutoff=0.6)
        close += [each.id for each in search(name) if each.id not in close]
        if close:
            raise UnknownKindError(f"there is no kernel {name!r}; did you mean {' or '.join(close[:3])}?")
    return _REGISTRY[name]


def search(text: str) -> list[Preset]:
    """Return the presets that every word of ``text`` occurs in, best first; all of them for an empty text.

    Names count more than keywords, those more than the summary. Capitals and accents do not matter. Where
    nothing matches, presets with a name that is spelled similarly are returned.
    """
    words = _plain(text).split()
    ranked = [(rank, each) for each in PRESETS.values() if (rank := _rank(each, words)) is not None]
    found = [each for _, each in sorted(ranked, key=lambda pair: pair[0])]
    return found or _similar(words)


def _plain(text: str) -> str:
    """Without capitals, accents and punctuation: “Sobel-x” and “sobel x” are the same to a search."""
    marks = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c if c.isalnum() else " " for c in marks if not unicodedata.combining(c))


def _rank(each: Preset, words: list[str]) -> int | None:
    """How far down a preset stands in the results: the sum over the words of where each was found."""
    places = (each.title, each.id, each.keywords, each.family, each.summary)
    names = [f" {_plain(place)} " for place in places]
    total = 0
    for word in words:
        starts = [i for i, name in enumerate(names) if f" {word}" in name]
        inside = [i + len(names) for i, name in enumerate(names) if word in name]
        if not inside:
            return None
        total += min(starts + inside)
    return total


def _similar(words: list[str]) -> list[Preset]:
    known: dict[str, list[Preset]] = {}
    for each in PRESETS.values():
        for name in _plain(f"{each.title} {each.keywords}").split():
            known.setdefault(name, []).append(each)
    close = [name for word in words for name in difflib.get_close_matches(word, known, n=3, cutoff=0.75)]
    return list({each.id: each for name in close for each in known[name]}.values())
