"""A layer's settings in a document, written and read by its declarations."""

from __future__ import annotations

import dataclasses
from typing import Any

from convstudio.kernels import Bank
from convstudio.layers import Layer
from convstudio.layers.stored import StoredArrays
from convstudio.model.values import Apart, Fetch, decode, encode
from convstudio.spec.params import BankParam, ParamError


def settings(kind: type[Layer]) -> dict[str, bool]:
    """Return the names of what makes up a layer of a kind, and whether each is a declared parameter.

    The others are trained arrays, or None.
    """
    declared = {each.name for each in kind.parameters()}
    return {each.name: each.name in declared for each in dataclasses.fields(kind) if each.init}


def params_entry(layer: Layer, stem: str, apart: Apart) -> dict[str, Any]:
    """Return what makes up a layer as JSON; ``stem`` begins the names of what goes apart."""
    return {
        name: encode(value, f"{stem}-{name}", apart)
        for name, declared in settings(type(layer)).items()
        if (value := getattr(layer, name)) is not None or declared
    }


def layer_of(kind: type[Layer], params: dict[str, Any], fetch: Fetch) -> Layer:
    """Return the layer that ``params_entry`` wrote; names that are not known are passed over.

    Raises:
        ValueError, TypeError, ArithmeticError: a value is wrong; the message says which one.
        NotKnownError: a newer program wrote it.
    """
    return kind(
        **{name: _value(kind, name, params[name], fetch) for name in settings(kind) if name in params}
    )


def _value(kind: type[Layer], name: str, data: Any, fetch: Fetch) -> Any:
    param = next((each.param for each in kind.parameters() if each.name == name), None)
    try:
        value = decode(data, fetch)
    except ParamError as error:
        raise type(error)(f"{name if param is None else param.label}: {error}") from None
    if isinstance(param, BankParam) and not isinstance(value, Bank):
        raise ParamError(f"{param.label} must be a filter bank")
    if param is None and not (value is None or isinstance(value, StoredArrays)):
        raise ParamError(f"{name} must be arrays or null")
    return value
