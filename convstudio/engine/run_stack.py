"""A stack of layers on one array, for its result alone: nothing is kept that no layer below needs."""

from __future__ import annotations

from convstudio.core import Control, GeometryError
from convstudio.core.gradients.progress import share
from convstudio.engine.memory import memory_problem
from convstudio.layers.base import FloatArray, Mate, Shape
from convstudio.model import LayerItem, Project


class StackError(Exception):
    """A layer cannot be computed; the text says which one and why."""


def run_stack(
    project: Project, values: FloatArray, *, until: str | None = None, control: Control | None = None
) -> FloatArray:
    """Return what the layers make of ``values`` instead of the project's picture.

    Args:
        project: whose layers are taken, those alone that are switched on.
        values: ``(C, H, W)``, float32 or float64; it is not written to.
        until: the id of the last layer to compute; all of them if it is None.
        control: told of the progress, may cancel.

    Returns:
        ``(C_out, H_out, W_out)`` of the same dtype; ``values`` itself if no layer is switched on.

    Raises:
        StackError: a layer does not fit, or its result would take more than half of the memory.
        Cancelled: by the control.
    """
    items = list(project.layers if until is None else project.layers[: project.index(until) + 1])
    mates = {after: before for after, before in project.mates().items() if after in {i.id for i in items}}
    given: dict[str, FloatArray] = {}  # what partners got that a layer below still undoes
    active = [item for item in items if item.enabled]
    for place, item in enumerate(active):
        partner = mates.pop(item.id, None)
        mate = None if partner is None else _mate(project, partner, given.pop(partner))
        if item.id in mates.values():
            given[item.id] = values
        taken = values.nbytes + sum(each.nbytes for each in given.values() if each is not values)
        part = share(control, place / len(active), (place + 1) / len(active))
        values = _computed(item, project.index(item.id) + 1, values, mate, taken, part)
        if part is not None:
            part.report(1, 1)  # of layers that are too quick to tell
    return values


def _mate(project: Project, layer_id: str, x: FloatArray) -> Mate:
    return Mate(project.layer(layer_id), _shape(x), x)


def _shape(x: FloatArray) -> Shape:
    channels, height, width = x.shape
    return channels, height, width


def _computed(
    item: LayerItem, number: int, x: FloatArray, mate: Mate | None, taken: int, control: Control | None
) -> FloatArray:
    where = f"layer {number} ({item.title})"
    try:
        problem = memory_problem(item.layer.out_shape(_shape(x), mate), taken, x.itemsize)
        if problem is not None:
            raise StackError(f"{where}: {problem}")
        return item.layer.forward(x, mate=mate, control=control)
    except GeometryError as error:
        raise StackError(f"{where}: {error}") from error
    except MemoryError:
        raise StackError(f"{where}: there is not enough memory for its result") from None
