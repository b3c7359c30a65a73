"""ONNX graph of a fitted linear model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.models.linear.affine import CLIP, Affine

if TYPE_CHECKING:
    import onnx

OPSET = 18


def affine_graph(affine: Affine, *, opset: int = OPSET) -> onnx.ModelProto:
    """Input `values` (batch, dims), output `log_probabilities` (batch, classes)."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "mean": affine.mean,
        "scale": affine.scale,
        "low": np.array(-CLIP),
        "high": np.array(CLIP),
        "weights": affine.weights,
        "bias": affine.bias,
    }
    nodes = [
        helper.make_node("Sub", ["values", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["clipped"]),
        helper.make_node("MatMul", ["clipped", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["scores"]),
        helper.make_node("LogSoftmax", ["scores"], ["log_probabilities"], axis=1),
    ]
    outputs = [helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["batch", len(affine.bias)])]
    dims = len(affine.mean)
    graph = helper.make_graph(
        nodes,
        "emotone",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["batch", dims])],
        outputs,
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
