"""One field widget a parameter kind; ``make_field`` chooses it from the declaration."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from convstudio.spec.params import (
    BankParam,
    BoolParam,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    LogFloatParam,
    PaddingParam,
    Param,
    PerAxisParam,
)
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.bool_field import BoolField
from convstudio.ui.fields.choice_field import ChoiceField
from convstudio.ui.fields.float_field import FloatField
from convstudio.ui.fields.int_field import IntField
from convstudio.ui.fields.log_float_field import LogFloatField
from convstudio.ui.fields.padding_field import PaddingField
from convstudio.ui.fields.per_axis_field import PerAxisField

__all__ = ["FIELD_KINDS", "Field", "make_field"]

FIELD_KINDS: dict[type[Param], type[Field]] = {
    IntParam: IntField,
    FloatParam: FloatField,
    LogFloatParam: LogFloatField,
    ChoiceParam: ChoiceField,
    BoolParam: BoolField,
    PerAxisParam: PerAxisField,
    PaddingParam: PaddingField,
}


def make_field(declared: Declared, parent: QWidget | None = None) -> Field | None:
    """Return the field of a parameter, or ``None`` for a filter bank, which has its own editor.

    Raises:
        TypeError: a parameter kind that no field is registered for.
    """
    kind = type(declared.param)
    if kind is BankParam:
        return None
    if kind not in FIELD_KINDS:
        raise TypeError(f"no field is registered for {kind.__name__} ({declared.name})")
    return FIELD_KINDS[kind](declared, parent)
