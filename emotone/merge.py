"""ONNX files of several models -> one file that hears as their ensemble does: one graph, one input per feature."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ModelError
from emotone.whole import whole

if TYPE_CHECKING:
    import onnx

FORMAT = 2
"""Of the facts of a merged file: `inputs` holds what a single model says of its one feature."""
_PER_INPUT = ("audio", "feature", "feature_identity", "adaptation")


@dataclass(frozen=True)
class Part:
    """A model of the ensemble: its file, and its share in what they say together."""

    file: Path
    weight: float


def merge(parts: Sequence[Part], path: Path, *, title: str, sharpness: float = 1.0, **facts: Any) -> None:
    """Write one ONNX file; its `log_probabilities` are the weighted mean of those of the parts, made to sum to one.

    Parts that hear the same feature of the same audio share an input: it is computed once.

    Args:
        parts: files that `emotone` exported, of the same classes.
        path: the new file.
        title: of the whole.
        sharpness: factor on the mean log-probabilities: the calibration of the whole.
        facts: more that the file is to say of itself; see `export.ModelFacts`.

    Raises:
        ModelError: a file that is none of emotone's, or other classes than the first.
    """
    import onnx
    from onnx import TensorProto, compose, helper, numpy_helper

    graphs = [onnx.load(str(part.file)) for part in parts]
    told = [_facts(graph, part.file) for graph, part in zip(graphs, parts, strict=True)]
    if strange := [one for one in told if one["classes"] != told[0]["classes"]]:
        raise ModelError(f"models of other classes cannot be merged: {told[0]['classes']} and {strange[0]['classes']}")
    inputs: list[dict[str, Any]] = []
    shapes: list[onnx.ValueInfoProto] = []
    nodes, constants, terms = [], [], []
    for number, (graph, one, part) in enumerate(zip(graphs, told, parts, strict=True)):
        own = {key: one.get(key, "") for key in _PER_INPUT}
        same = [place for place, known in enumerate(inputs) if {key: known[key] for key in _PER_INPUT} == own]
        place = same[0] if same else len(inputs)
        if not same:
            inputs.append({"name": f"values_{place}", **own})
            info = onnx.ValueInfoProto()
            info.CopyFrom(graph.graph.input[0])
            info.name = f"values_{place}"
            for axis, dim in enumerate(info.type.tensor_type.shape.dim):
                if dim.dim_param:
                    dim.dim_param = "batch" if axis == 0 else f"frames_{place}"
            shapes.append(info)
        prefixed = compose.add_prefix(graph, f"m{number}_")
        heard = prefixed.graph.input[0].name
        for node in prefixed.graph.node:
            node.input[:] = [f"values_{place}" if name == heard else name for name in node.input]
            nodes.append(node)
        constants += prefixed.graph.initializer
        constants.append(numpy_helper.from_array(np.array(part.weight * sharpness, dtype=np.float32), f"share_{number}"))
        nodes.append(helper.make_node("Mul", [prefixed.graph.output[0].name, f"share_{number}"], [f"term_{number}"]))
        terms.append(f"term_{number}")
    nodes += [
        helper.make_node("Sum", terms, ["pooled"]),
        helper.make_node("LogSoftmax", ["pooled"], ["log_probabilities"], axis=1),
    ]
    output = helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["batch", len(told[0]["classes"])])
    domains = {imported.domain: imported.version for graph in graphs for imported in graph.opset_import}
    merged = helper.make_model(
        helper.make_graph(nodes, "emotone", shapes, [output], constants),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in domains.items()],
        ir_version=max(graph.ir_version for graph in graphs),
    )
    entry = merged.metadata_props.add()
    about = {"format": FORMAT, "title": title, "classes": told[0]["classes"], "inputs": inputs, "unfinished": ""}
    entry.key, entry.value = "emotone", json.dumps(about | facts)
    onnx.checker.check_model(merged)
    with whole(path) as temporary:
        onnx.save(merged, str(temporary), format="protobuf")


def _facts(graph: onnx.ModelProto, file: Path) -> dict[str, Any]:
    for entry in graph.metadata_props:
        if entry.key == "emotone":
            facts: dict[str, Any] = json.loads(entry.value)
            if facts["format"] == 1:
                return facts
    raise ModelError(f"{file}: no single model that emotone exported; merge the members, not a merged file")
