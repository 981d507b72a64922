"""Finding presets: by id, by family, by search."""

from __future__ import annotations

import pytest

from convstudio.kernels import FAMILIES, PRESETS, preset, search
from convstudio.spec.registry import UnknownKindError


def ids(text: str) -> list[str]:
    return [each.id for each in search(text)]


def test_both_axes_of_every_derivative_are_there() -> None:
    along_x = {name.removesuffix("-x") for name in PRESETS if name.endswith("-x")}
    along_y = {name.removesuffix("-y") for name in PRESETS if name.endswith("-y")}
    assert along_x == along_y
    assert {"sobel", "prewitt", "scharr", "central-difference", "forward-difference"} <= along_x


def test_a_family_stands_together() -> None:
    order = [each.family for each in PRESETS.values()]
    assert list(dict.fromkeys(order)) == list(FAMILIES)
    assert sorted(order, key=FAMILIES.index) == order


@pytest.mark.parametrize(
    ("name", "hint"),
    [("gausian", "gaussian"), ("Sobel-X", "sobel-x"), ("box", "mean"), ("LoG", "laplacian-of-gaussian")],
)
def test_an_unknown_id_is_answered_with_those_that_are_close(name: str, hint: str) -> None:
    with pytest.raises(UnknownKindError, match=rf"no kernel '{name}'; did you mean .*{hint}"):
        preset(name)


def test_a_hopeless_id_is_answered_with_all() -> None:
    with pytest.raises(UnknownKindError, match=r"known: identity, .*gabor"):
        preset("qqqq")


def test_an_empty_search_finds_all_in_order() -> None:
    assert ids("  ") == list(PRESETS)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("sobel", "sobel-x"),
        ("Sobel Y", "sobel-y"),
        ("box", "mean"),
        ("bokeh", "disk"),
        ("mexican hat", "laplacian-of-gaussian"),
        ("DoG", "difference-of-gaussians"),
        ("jahne", None),
        ("gausian", "gaussian"),
        ("laplacian 8", "laplacian-8"),
        ("unsharp", "unsharp-mask"),
    ],
)
def test_a_search_puts_the_name_first(text: str, first: str | None) -> None:
    assert (ids(text) or [None])[0] == first


def test_every_word_must_be_found() -> None:
    found = ids("edge gaussian")
    assert "oriented-edge" in found
    assert "sobel-x" not in found


def test_nonsense_finds_nothing() -> None:
    assert ids("qwxzv") == []
