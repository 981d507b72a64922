"""The registry of kinds: names once, in order, and a wrong one is answered with the nearest right ones."""

from __future__ import annotations

import pytest

from convstudio.layers import LAYER_KINDS, Conv
from convstudio.spec.registry import Registry, UnknownKindError


@pytest.fixture
def colours() -> Registry[int]:
    made: Registry[int] = Registry("colour")
    for number, name in enumerate(("scarlet", "crimson", "azure")):
        made.add(name, number)
    return made


def test_kinds_keep_the_order_of_their_registration(colours: Registry[int]) -> None:
    assert list(colours) == ["scarlet", "crimson", "azure"]
    assert colours.items() == [("scarlet", 0), ("crimson", 1), ("azure", 2)]
    assert len(colours) == 3
    assert colours["crimson"] == 1
    assert "azure" in colours
    assert "blue" not in colours


def test_a_name_is_taken_once(colours: Registry[int]) -> None:
    with pytest.raises(ValueError, match="colour 'azure' is registered twice"):
        colours.add("azure", 7)
    assert colours["azure"] == 2


def test_a_slip_of_the_pen_is_answered_with_what_was_meant(colours: Registry[int]) -> None:
    with pytest.raises(UnknownKindError, match="did you mean crimson") as caught:
        colours["crimsom"]
    assert str(caught.value) == "there is no colour 'crimsom'; did you mean crimson?"


def test_a_strange_name_is_answered_with_all(colours: Registry[int]) -> None:
    with pytest.raises(UnknownKindError, match="known: scarlet, crimson, azure"):
        colours["xyzzy"]


def test_layer_kinds_register_themselves() -> None:
    assert LAYER_KINDS["conv"] is Conv
    for name, kind in LAYER_KINDS.items():
        assert kind.kind == name
        assert kind.title
        assert kind.__doc__
