"""The placeholder of a layer whose kind this program does not know: a file that has one loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NoReturn

from convstudio.core import Control, GeometryError
from convstudio.core.receptive import Stage
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Repair, Shape


class _Unregistered:
    """Gives the placeholder its kind: a class that names its own is registered, and offered to users."""

    kind: ClassVar[str] = "unknown"


@dataclass(frozen=True)
class UnknownLayer(_Unregistered, Layer):
    """Stands for a layer that a newer program or a plug-in made: it is kept as it is and not computed.

    Open the project with the program that made it, or switch the layer off to go on without it.

    Attributes:
        original: the kind that the file names.
        text: the layer's JSON as it stands in the file.
        reason: why it cannot be used, a sentence without its full stop.
    """

    title: ClassVar[str] = "Unknown layer"
    family: ClassVar[str] = ""

    original: str = ""
    text: str = "{}"
    reason: str = "this program does not know this kind of layer"

    def name(self) -> str:
        return f"{self.original or self.title} (unknown)"

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        self._refuse()

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        self._refuse()

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        self._refuse()

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        self._refuse()

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        return Repair("Switch it off", switch_off=True)

    def _refuse(self) -> NoReturn:
        raise GeometryError(
            f"{self.reason}; switch it off, or open the project with the program that made it"
        )
