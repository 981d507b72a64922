"""What a preset declares: a kernel's recipe together with what it does and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from convstudio.kernels.kernel import Kernel, Values
from convstudio.spec.params import Declared, checked

Symmetry = Literal["symmetric", "point", "anti-x", "anti-y", "anti-point", "none"]
"""What holds for every value of a preset's parameters.

``symmetric``: the kernel equals its mirror image left to right, and top to bottom.
``point``: it equals itself rotated by 180°. ``anti-point``: it equals that negated.
``anti-x``: its mirror image left to right is its negative, top to bottom its equal; ``anti-y`` the reverse.
``none``: nothing is promised.
"""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named kernel, with parameters or without.

    ``gain`` is the sum of the weights, what a flat area is multiplied by, for every value of the parameters.
    ``keywords`` are other names that a search should find it under.
    """

    id: str
    title: str
    family: str
    summary: str
    source: str
    build: Callable[..., Values]
    gain: float
    symmetry: Symmetry
    params: tuple[Declared, ...] = ()
    keywords: str = ""

    def make(self, **params: Any) -> Kernel:
        """Return the kernel for these parameters, the defaults for those not given.

        Raises:
            ParamError: an unknown parameter, or a value outside its range.
        """
        values = checked(self.params, params)
        return Kernel(self.build(**values), self.title, self.id, tuple(values.items()))
