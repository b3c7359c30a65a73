"""ONNX graph of a fitted linear model or kernel machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotone.inference.onnx_model import DOMAINS
from emotone.models.linear.affine import CLIP, Affine, Kernel

if TYPE_CHECKING:
    import onnx

OPSET = 18


def affine_graph(affine: Affine, *, opset: int = OPSET) -> onnx.ModelProto:
    """Input `values` (batch, dims); outputs `log_probabilities` and, with several corpora, `sides` (batch, corpora)."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "mean": affine.mean,
        "scale": affine.scale,
        "low": np.array(-CLIP),
        "high": np.array(CLIP),
    }
    last = {"weights": affine.weights, "bias": affine.bias}
    columns, kernel_nodes, kept = ("clipped", [], {}) if affine.kernel is None else _kernel_nodes(affine.kernel)
    sums, sharpen = "sums", []
    if affine.sharpness is not None:
        last |= {"sharpness": affine.sharpness[:, None]}
        sums, sharpen = (
            "sharpened",
            [
                helper.make_node("Cast", [DOMAINS], ["sides_precise"], to=TensorProto.DOUBLE),
                helper.make_node("MatMul", ["sides_precise", "sharpness"], ["sharpness_of_each"]),
                helper.make_node("Mul", ["sums", "sharpness_of_each"], ["sharpened"]),
            ],
        )
    kept |= {name: array.astype(np.float32 if affine.kernel is None else np.float64) for name, array in last.items()}
    nodes = [
        helper.make_node("Sub", ["values", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["clipped"]),
        *kernel_nodes,
        helper.make_node("MatMul", [columns, "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sums"]),
        *sharpen,
        helper.make_node("Cast", [sums], ["scores"], to=TensorProto.FLOAT),
        helper.make_node("LogSoftmax", ["scores"], ["log_probabilities"], axis=1),
    ]
    outputs = [helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["batch", len(affine.bias)])]
    if affine.kernel is not None and affine.kernel.domains is not None:
        count = len(affine.kernel.domains.offset)
        outputs.append(helper.make_tensor_value_info(DOMAINS, TensorProto.FLOAT, ["batch", count]))
    dims = len(affine.mean)
    graph = helper.make_graph(
        nodes,
        "emotone",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["batch", dims])],
        outputs,
        [
            *(numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()),
            *(numpy_helper.from_array(array, name) for name, array in kept.items()),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def _kernel_nodes(kernel: Kernel) -> tuple[str, list[onnx.NodeProto], dict[str, NDArray[Any]]]:
    """Name of the kernel's output for `clipped`, its nodes, and their constants; large matrices in half precision.

    The output is of double precision, because its products with hundreds of weights of both signs nearly cancel.
    """
    from onnx import TensorProto, helper

    make, place, nodes = helper.make_node, "clipped", []
    constants: dict[str, NDArray[Any]] = {
        "places_short": kernel.landmarks.T.astype(np.float16),
        "places_squares": np.square(kernel.landmarks).sum(axis=1).astype(np.float32),
        "minus_two": np.array(-2.0, dtype=np.float32),
        "minus_width": np.array(-kernel.width, dtype=np.float32),
        "second": np.array([1], dtype=np.int64),
    }
    if kernel.axes is not None:
        compared = int(np.flatnonzero(kernel.axes.any(axis=1))[-1]) + 1
        constants |= {
            "axes_short": kernel.axes[:compared].astype(np.float16),
            "compared_from": np.array([0], dtype=np.int64),
            "compared_to": np.array([compared], dtype=np.int64),
        }
        nodes += [
            make("Cast", ["axes_short"], ["axes"], to=TensorProto.FLOAT),
            make("Slice", ["clipped", "compared_from", "compared_to", "second"], ["compared"]),
            make("MatMul", ["compared", "axes"], ["along"]),
        ]
        place = "along"
    nodes += [
        make("Cast", ["places_short"], ["places"], to=TensorProto.FLOAT),
        make("ReduceSumSquare", [place, "second"], ["squares"], keepdims=1),
        make("MatMul", [place, "places"], ["crossed"]),
        make("Mul", ["crossed", "minus_two"], ["twice"]),
        make("Add", ["twice", "squares"], ["partly"]),
        make("Add", ["partly", "places_squares"], ["summed"]),
        make("Relu", ["summed"], ["distances"]),
        make("Mul", ["distances", "minus_width"], ["exponents"]),
        make("Exp", ["exponents"], ["like"]),
    ]
    columns = "like"
    if kernel.domains is not None:
        columns = "like_and_own"
        constants |= {
            "sides_axes": kernel.domains.axes.astype(np.float32),
            "sides_offset": kernel.domains.offset.astype(np.float32),
            "third": np.array([2], dtype=np.int64),
            "as_rows": np.array([0, -1], dtype=np.int64),
        }
        nodes += [
            make("MatMul", ["clipped", "sides_axes"], ["sides_turned"]),
            make("Add", ["sides_turned", "sides_offset"], ["sides_scores"]),
            make("Softmax", ["sides_scores"], [DOMAINS], axis=1),
            make("Unsqueeze", [DOMAINS, "third"], ["sides_apart"]),
            make("Unsqueeze", [place, "second"], ["place_apart"]),
            make("Mul", ["sides_apart", "place_apart"], ["own_apart"]),
            make("Reshape", ["own_apart", "as_rows"], ["own"]),
            make("Concat", ["like", "own"], [columns], axis=1),
        ]
    nodes.append(make("Cast", [columns], ["columns"], to=TensorProto.DOUBLE))
    return "columns", nodes, constants
