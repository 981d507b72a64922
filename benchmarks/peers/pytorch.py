"""PyTorch, if it is installed: on as many threads as there are cores, without recording gradients."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.row import Run
from benchmarks.timing import cores

Array = NDArray[Any]


@cache
def torch() -> Any:
    """Return the module, or None."""
    if importlib.util.find_spec("torch") is None:
        return None
    module = importlib.import_module("torch")
    module.set_num_threads(cores())
    return module


def peer(make: Callable[[Any, Any], Callable[[], Any]]) -> dict[str, Run]:
    """Return {"PyTorch": run} or nothing.

    `make(torch, functional)` prepares tensors once and returns a function that computes one tensor.
    """
    module = torch()
    if module is None:
        return {}
    compute = make(module, module.nn.functional)

    def run() -> Array:
        with module.inference_mode():
            return np.asarray(compute().numpy())

    return {"PyTorch": run}
