"""ONNX files of several models -> one file that hears as their ensemble does: one graph, one input per feature."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ModelError
from emotone.onnx_model import KNOWN
from emotone.whole import whole

if TYPE_CHECKING:
    import onnx

FORMAT = 3
"""Of the facts of a merged file: `inputs` holds what a single model says of its one feature."""
_PER_INPUT = ("audio", "feature", "feature_version", "feature_identity", "adaptation")


@dataclass(frozen=True)
class Part:
    """A model of the ensemble: its file, and its share in what they say together.

    Attributes:
        known: its share once the speaker is well known; None: the same.
    """

    file: Path
    weight: float
    known: float | None = None


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
    if settled := [part.file for graph, part in zip(graphs, parts, strict=True) if _asks(graph, KNOWN)]:
        raise ModelError(f"{settled[0]} is merged for known and unknown speakers already; merge its parts instead")
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
        constants.extend(prefixed.graph.initializer)
        if part.known is None:
            constants.append(numpy_helper.from_array(share, f"share_{number}"))
        else:
            gain = np.array(part.known - part.weight, dtype=np.float32)
            constants.append(numpy_helper.from_array(share, f"unknown_share_{number}"))
            constants.append(numpy_helper.from_array(gain, f"gain_{number}"))
            nodes += [
                helper.make_node("Mul", [KNOWN, f"gain_{number}"], [f"gained_{number}"]),
                helper.make_node("Add", [f"unknown_share_{number}", f"gained_{number}"], [f"share_{number}"]),
            ]
        nodes.append(helper.make_node("Mul", [prefixed.graph.output[0].name, f"share_{number}"], [f"term_{number}"]))
        terms.append(f"term_{number}")
    nodes += [
        helper.make_node("Sum", terms, ["pooled"]),
        helper.make_node("LogSoftmax", ["pooled"], ["log_probabilities"], axis=1),
    ]
    if any(part.known is not None for part in parts):
        inputs.shapes.append(helper.make_tensor_value_info(KNOWN, TensorProto.FLOAT, [1]))
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


def for_both(unknown: Sequence[Part], known: Sequence[Part]) -> list[Part]:
    """Parts that have their say while the speaker is unknown, and those that have it once he or she is known."""
    together: dict[bytes, Part] = {}
    for parts, is_known in ((unknown, False), (known, True)):
        for part in parts:
            content = part.file.read_bytes()
            weight, later = (together[content].weight, part.weight) if content in together else (0.0, part.weight)
            together[content] = replace(part, weight=weight, known=later) if is_known else replace(part, known=0.0)
    return [replace(part, known=None) if part.known == part.weight else part for part in together.values()]


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


def _asks(graph: onnx.ModelProto, name: str) -> bool:
    return any(one.name == name for one in graph.graph.input)


def _facts(graph: onnx.ModelProto, file: Path) -> dict[str, Any]:
    """What a file says of itself, a single model's feature as its one input."""
    for entry in graph.metadata_props:
        if entry.key == "emotone":
            facts: dict[str, Any] = json.loads(entry.value)
            return facts if "inputs" in facts else facts | {"inputs": [facts | {"name": graph.graph.input[0].name}]}
    raise ModelError(f"{file}: this ONNX file does not say its classes and features; use one that emotone exported")
