"""ONNX Runtime, if it is installed: models of one or a few nodes, on as many threads as there are cores."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.row import Run
from benchmarks.timing import cores

Array = NDArray[Any]
# A node: its operator, the names it reads, the names it writes, its attributes.
Node = tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]


def peer(nodes: Sequence[Node], fed: Mapping[str, Array], constants: Mapping[str, Array]) -> dict[str, Run]:
    """Return {"ONNX Runtime": run} or nothing. The model's result is the last node's first output.

    fed: what is given at each run. constants: what the model holds (weights), which it may prepare once.
    """
    if importlib.util.find_spec("onnx") is None or importlib.util.find_spec("onnxruntime") is None:
        return {}
    onnx: Any = importlib.import_module("onnx")
    runtime: Any = importlib.import_module("onnxruntime")
    helper = onnx.helper
    result = nodes[-1][2][0]

    def described(name: str, array: Array) -> Any:
        return helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), list(array.shape)
        )

    graph = helper.make_graph(
        [
            helper.make_node(operator, list(read), list(written), **attributes)
            for operator, read, written, attributes in nodes
        ],
        "job",
        [described(name, array) for name, array in fed.items()],
        [helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None)],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in constants.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.log_severity_level = 3
    # Its threads would go on spinning into the next contestant's time.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run() -> Array:
        return np.asarray(session.run([result], dict(fed))[0])

    return {"ONNX Runtime": run}
