"""Finding a phrase by a few typed letters. Pure text, no widgets."""

from __future__ import annotations

_START, _INSIDE, _LOOSE = 100, 40, 10


def score(query: str, name: str, more: str = "") -> float | None:
    """Return how well a phrase answers a query, or None where it does not.

    Every word of the query must be found: at the start of a word (best), inside one, or as letters in
    order; ``more`` (a menu path, a sentence of help) counts less than ``name``. An empty query fits all.
    """
    total = 0.0
    for word in query.lower().split():
        own = _word_score(word, name.lower())
        other = _word_score(word, more.lower(), loose=False)
        if own is None and other is None:
            return None
        total += max(own or 0.0, (other or 0.0) * 0.3)
    # Of two that match alike the shorter name is the closer answer.
    return total - len(name) * 0.05


def _word_score(word: str, text: str, *, loose: bool = True) -> float | None:
    place = text.find(word)
    best: float | None = None
    while place >= 0:
        starts = place == 0 or not text[place - 1].isalnum()
        best = max(best or 0.0, _START - place * 0.2 if starts else _INSIDE - place * 0.2, 1.0)
        place = text.find(word, place + 1)
    if best is not None or not loose:
        return best
    return _in_order(word, text)


def _in_order(word: str, text: str) -> float | None:
    """Score letters that occur in order; each gap costs, so that near ones win."""
    if len(word) < 2:
        return None
    place, gaps = -1, 0
    for letter in word:
        found = text.find(letter, place + 1)
        if found < 0:
            return None
        starts = found == 0 or not text[found - 1].isalnum()
        gaps += 0 if starts or place < 0 else found - place - 1
        place = found
    return max(_LOOSE - gaps, 0.1) if gaps <= 2 * len(word) else None
