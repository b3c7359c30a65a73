"""Weights of an ONNX file in fewer bytes: half precision where it is exact, and matrices in 8-bit integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

_MIN_SIZE = 1024
"""Smaller tensors are stored as they are."""
_MIN_MATRIX = 4096
"""Smaller matrices are not quantised."""
_NOT_QUANTISED = "log_mel."
"""Part of the names of the matrices of a spectrogram: their inputs and outputs span many powers of ten."""
_ROUNDED = "positions."
"""Part of the names of tables of positions, which are stored in half precision even where it is not exact."""
_WAVES = {"cosine": "Cos", "sine": "Sin"}
_LEVELS = 127
_TINY = 1e-12  # the scale of a row of zeros


def in_half_precision(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same model; matrices that half precision represents exactly are stored in it and cast when it is loaded."""
    return _in_half_precision(graph, lambda name: False)


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the model whose matrices are integers of 8 bits, and whose products with them are integer products.

    A matrix has one scale per column. The inputs of a product are quantised when the model runs, with one scale per
    row: a frame or a clip has the same values alone and in a batch. Products of which both factors are computed, small
    matrices and those of a spectrogram are left as they are, but its waves are computed when the model is loaded. Other
    weights are stored in half precision where it is exact, as are tables of positions. Notes of the exporter are
    removed.
    """
    import onnx
    from onnx import helper, numpy_helper

    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    _without_gemm(graph)
    _without_transposed(graph)
    _with_computed_waves(graph)
    matrices = {name: array for name, array in _weights(graph).items() if _is_large(name, array)}
    nodes: list[onnx.NodeProto] = []
    tensors: dict[str, NDArray[Any]] = {}
    rows: dict[str, tuple[str, str]] = {}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in matrices:
            nodes.append(node)
            continue
        (values, matrix), (output,) = node.input, node.output
        if values not in rows:
            rows[values] = (f"{values}_row_int8", f"{values}_row_scale")
            nodes += _quantised_rows(values, *rows[values])
        integers, scale = rows[values]
        if f"{matrix}_int8" not in tensors:
            columns = np.maximum(np.abs(matrices[matrix]).max(axis=0), _TINY) / _LEVELS
            tensors[f"{matrix}_int8"] = np.rint(matrices[matrix] / columns).astype(np.int8)
            tensors[f"{matrix}_scale"] = columns.astype(np.float32)
        nodes += [
            helper.make_node("MatMulInteger", [integers, f"{matrix}_int8", "int8_zero"], [f"{output}_sum"]),
            helper.make_node("Cast", [f"{output}_sum"], [f"{output}_float"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"{output}_float", scale], [f"{output}_scaled"]),
            helper.make_node("Mul", [f"{output}_scaled", f"{matrix}_scale"], [output]),
        ]
    tensors |= _constants() if rows else {}
    _replace(graph.node, nodes)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in tensors.items())
    _without_unused(graph)
    for node in graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    return _in_half_precision(found, lambda name: _ROUNDED in name)


def _without_gemm(graph: onnx.GraphProto) -> None:
    """Write each `Gemm` of a stored matrix, x W' + b, as a product and a sum."""
    from onnx import helper, numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    turned: set[str] = set()
    for node in graph.node:
        settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        transposed = settings.pop("transB", 0)
        plain = all(settings.get(name, usual) == usual for name, usual in (("alpha", 1), ("beta", 1), ("transA", 0)))
        if node.op_type != "Gemm" or not plain or node.input[1] not in stored:
            nodes.append(node)
            continue
        (values, matrix), (output,) = node.input[:2], node.output
        if transposed and f"{matrix}_turned" not in turned:
            array = np.ascontiguousarray(numpy_helper.to_array(stored[matrix]).T)
            graph.initializer.append(numpy_helper.from_array(array, f"{matrix}_turned"))
            turned.add(f"{matrix}_turned")
        product = f"{output}_product" if len(node.input) == 3 else output
        nodes.append(helper.make_node("MatMul", [values, f"{matrix}_turned" if transposed else matrix], [product]))
        if len(node.input) == 3:
            nodes.append(helper.make_node("Add", [product, node.input[2]], [output]))
    _replace(graph.node, nodes)


def _without_transposed(graph: onnx.GraphProto) -> None:
    """Store matrices as they are used, where the exporter left their transposition to the graph."""
    from onnx import helper, numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "Transpose" and node.input[0] in stored and settings.get("perm", [1, 0]) == [1, 0]:
            array = np.ascontiguousarray(numpy_helper.to_array(stored[node.input[0]]).T)
            graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
        else:
            nodes.append(node)
    _replace(graph.node, nodes)


def _with_computed_waves(graph: onnx.GraphProto) -> None:
    """Compute the cosines and sines of a spectrogram when the model is loaded, in place of storing them."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[onnx.NodeProto] = []
    for tensor in list(graph.initializer):
        kind = next((kind for wave, kind in _WAVES.items() if tensor.name.endswith(f"{_NOT_QUANTISED}{wave}")), "")
        if not kind:
            continue
        name, array = tensor.name, numpy_helper.to_array(tensor)
        period = 2 * (array.shape[1] - 1)
        first = int(kind == "Sin")  # the first row of the sines is zero, and left out
        rows = np.arange(first, first + array.shape[0])[:, None]
        angles = rows * np.arange(array.shape[1]) % period * (2 * np.pi / period)
        if not np.allclose(array, np.cos(angles) if kind == "Cos" else np.sin(angles), atol=1e-6):
            continue
        numbers = {"rows": rows, "bins": np.arange(array.shape[1]), "period": np.array(period)}
        numbers |= {"step": np.array(2 * np.pi / period, dtype=np.float32)}
        graph.initializer.remove(tensor)
        graph.initializer.extend(numpy_helper.from_array(value, f"{name}_{key}") for key, value in numbers.items())
        nodes += [
            helper.make_node("Mul", [f"{name}_rows", f"{name}_bins"], [f"{name}_products"]),
            helper.make_node("Mod", [f"{name}_products", f"{name}_period"], [f"{name}_steps"]),
            helper.make_node("Cast", [f"{name}_steps"], [f"{name}_floats"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_floats", f"{name}_step"], [f"{name}_angles"]),
            helper.make_node(kind, [f"{name}_angles"], [name]),
        ]
    _replace(graph.node, [*nodes, *graph.node])


def _quantised_rows(values: str, integers: str, scale: str) -> list[onnx.NodeProto]:
    """Nodes that round the rows of the values to integers around 128, and give the scale of each row."""
    from onnx import TensorProto, helper

    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Abs", [values], "abs", {}),
        ("ReduceMax", ["{abs}", "int8_axis"], "largest", {"keepdims": 1}),
        ("Max", ["{largest}", "int8_tiny"], "bounded", {}),
        ("Div", ["int8_levels", "{bounded}"], "factor", {}),
        ("Mul", [values, "{factor}"], "scaled", {}),
        ("Add", ["{scaled}", "int8_middle"], "shifted", {}),
        ("Round", ["{shifted}"], "rounded", {}),
    ]
    names = {step[2]: f"{values}_row_{step[2]}" for step in steps}
    nodes = [
        helper.make_node(kind, [names.get(name.strip("{}"), name) for name in given], [names[out]], **more)
        for kind, given, out, more in steps
    ]
    nodes.append(helper.make_node("Cast", [names["rounded"]], [integers], to=TensorProto.UINT8))
    return [*nodes, helper.make_node("Div", [names["bounded"], "int8_levels"], [scale])]


def _constants() -> dict[str, NDArray[Any]]:
    return {
        "int8_axis": np.array([-1]),
        "int8_tiny": np.array(_TINY, dtype=np.float32),
        "int8_levels": np.array(_LEVELS, dtype=np.float32),
        "int8_middle": np.array(128, dtype=np.float32),
        "int8_zero": np.array(128, dtype=np.uint8),
    }


def _weights(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """Name -> array of each initializer; the name of one that is stored in half precision is that after its cast."""
    from onnx import TensorProto, numpy_helper

    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in found and node.attribute[0].i == TensorProto.FLOAT:
            found[node.output[0]] = found[node.input[0]].astype(np.float32)
    return found


def _is_large(name: str, array: NDArray[Any]) -> bool:
    """Whether a weight is a matrix that is quantised."""
    large = array.ndim == 2 and array.dtype == np.float32 and array.size >= _MIN_MATRIX
    return large and _NOT_QUANTISED not in name


def _without_unused(graph: onnx.GraphProto) -> None:
    """Remove initializers, and casts of them, that nothing needs any more."""
    used = Counter(name for node in graph.node for name in node.input)
    used.update(info.name for info in graph.output)
    stored = {tensor.name for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in stored and not used[node.output[0]]:
            used[node.input[0]] -= 1
        else:
            kept.append(node)
    _replace(graph.node, kept)
    _replace(graph.initializer, [tensor for tensor in graph.initializer if used[tensor.name]])
    del graph.value_info[:]  # types of values that are gone


def _in_half_precision(model: onnx.ModelProto, rounded: Callable[[str], bool]) -> onnx.ModelProto:
    """The model; what half precision represents exactly, and what may be rounded, is stored in it."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < _MIN_SIZE or np.abs(array).max() > np.finfo(np.float16).max:
            continue
        half, name = array.astype(np.float16), tensor.name
        if rounded(name) or np.array_equal(half.astype(np.float32), array):
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_short"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    _replace(model.graph.node, [*casts, *model.graph.node])
    return model


def _replace(field: Any, items: list[Any]) -> None:
    """Set the items of a repeated field."""
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]
    field.extend(copies)
