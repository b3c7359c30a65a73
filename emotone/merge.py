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
_PER_INPUT = ("audio", "feature", "feature_version", "feature_identity", "adaptation")


@dataclass(frozen=True)
class Part:
    """A model of the ensemble: its file, and its share in what they say together."""

    file: Path
    weight: float


def merge(parts: Sequence[Part], path: Path, *, title: str, **facts: Any) -> None:
    """Write one ONNX file; its `log_probabilities` are the weighted mean of those of the parts, made to sum to one.

    Parts that hear the same feature of the same audio share an input: it is computed once.

    Args:
        parts: files that `emotone` exported, of the same classes.
        path: the new file.
        title: of the whole.
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
    inputs = _Inputs()
    nodes, constants, terms = [], [], []
    for number, (graph, one, part) in enumerate(zip(graphs, told, parts, strict=True)):
        prefixed = compose.add_prefix(graph, f"m{number}_")
        fed = {
            after.name: inputs.name_of(before, next(own for own in one["inputs"] if own["name"] == before.name))
            for before, after in zip(graph.graph.input, prefixed.graph.input, strict=True)
        }
        for node in prefixed.graph.node:
            node.input[:] = [fed.get(name, name) for name in node.input]
            nodes.append(node)
        share = np.array(part.weight, dtype=np.float32)
        constants += [*prefixed.graph.initializer, numpy_helper.from_array(share, f"share_{number}")]
        nodes.append(helper.make_node("Mul", [prefixed.graph.output[0].name, f"share_{number}"], [f"term_{number}"]))
        terms.append(f"term_{number}")
    nodes += [
        helper.make_node("Sum", terms, ["pooled"]),
        helper.make_node("LogSoftmax", ["pooled"], ["log_probabilities"], axis=1),
    ]
    output = helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["batch", len(told[0]["classes"])])
    domains = {imported.domain: imported.version for graph in graphs for imported in graph.opset_import}
    merged = helper.make_model(
        helper.make_graph(nodes, "emotone", inputs.shapes, [output], constants),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in domains.items()],
        ir_version=max(graph.ir_version for graph in graphs),
    )
    entry = merged.metadata_props.add()
    about = {"format": FORMAT, "title": title, "classes": told[0]["classes"], "inputs": inputs.told, "unfinished": ""}
    entry.key, entry.value = "emotone", json.dumps(about | facts)
    onnx.checker.check_model(merged)
    with whole(path) as temporary:
        onnx.save(merged, str(temporary), format="protobuf")


class _Inputs:
    """The inputs of the merged graph: what is fed with the same feature of the same audio is one."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.shapes: list[onnx.ValueInfoProto] = []

    def name_of(self, info: onnx.ValueInfoProto, facts: dict[str, Any]) -> str:
        """Its name in the merged graph, of an input of a part."""
        own = {key: facts.get(key) or None for key in _PER_INPUT}
        for known in self.told:
            if {key: known[key] for key in _PER_INPUT} == own:
                return str(known["name"])
        name = f"values_{len(self.told)}"
        self.told.append({"name": name, **own})
        shape = type(info)()
        shape.CopyFrom(info)
        shape.name = name
        for axis, dim in enumerate(shape.type.tensor_type.shape.dim):
            if dim.dim_param:
                dim.dim_param = f"frames_{name}" if axis else "batch"
        self.shapes.append(shape)
        return name


def _facts(graph: onnx.ModelProto, file: Path) -> dict[str, Any]:
    """What a file says of itself, a single model's feature as its one input."""
    for entry in graph.metadata_props:
        if entry.key == "emotone":
            facts: dict[str, Any] = json.loads(entry.value)
            return facts if "inputs" in facts else facts | {"inputs": [facts | {"name": graph.graph.input[0].name}]}
    raise ModelError(f"{file}: this ONNX file does not say its classes and features; use one that emotone exported")
