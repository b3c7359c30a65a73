"""Merge ONNX files of several models into one file of their ensemble: one graph, one input per feature."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ModelError
from emotone.files import atomic_write
from emotone.inference.onnx_file import FORMAT

if TYPE_CHECKING:
    import onnx

_PER_INPUT = ("audio", "feature", "feature_version", "feature_identity", "windows")


@dataclass(frozen=True)
class Part:
    """A model of the ensemble.

    Attributes:
        file: its ONNX file.
        weight: its weight in the mean.
    """

    file: Path
    weight: float


def merge(parts: Sequence[Part], path: Path, *, title: str, **metadata: Any) -> None:
    """Write one ONNX file; its `log_probabilities` are the normalised weighted mean of those of the parts.

    Parts with the same feature of the same audio share an input: it is computed once.

    Args:
        parts: files that `emotone` exported, of the same classes.
        path: the new file.
        title: of the ensemble.
        metadata: more entries of the metadata; see `onnx_export.ModelMetadata`.

    Raises:
        ModelError: a file was not exported by emotone, or has other classes than the first.
    """
    import onnx
    from onnx import TensorProto, compose, helper, numpy_helper

    graphs = [_load(part.file) for part in parts]
    found = [_metadata(graph, part.file) for graph, part in zip(graphs, parts, strict=True)]
    if strange := [entry for entry in found if entry["classes"] != found[0]["classes"]]:
        first, other = (", ".join(map(str, classes)) for classes in (found[0]["classes"], strange[0]["classes"]))
        raise ModelError(
            f"models of different classes cannot be merged: {first}; and {other}; train them on one label set"
        )
    inputs, nodes, constants, terms = _Inputs(), [], [], []
    for number, (graph, of_part, part) in enumerate(zip(graphs, found, parts, strict=True)):
        prefixed = compose.add_prefix(graph, f"m{number}_")
        fed = {
            after.name: inputs.name_of(
                before, next(entry for entry in of_part["inputs"] if entry["name"] == before.name)
            )
            for before, after in zip(graph.graph.input, prefixed.graph.input, strict=True)
        }
        for node in prefixed.graph.node:
            node.input[:] = [fed.get(name, name) for name in node.input]
        constants.extend(prefixed.graph.initializer)
        nodes.extend(prefixed.graph.node)
        constants.append(numpy_helper.from_array(np.array(part.weight, dtype=np.float32), f"weight_{number}"))
        terms.append(f"term_{number}")
        nodes.append(helper.make_node("Mul", [prefixed.graph.output[0].name, f"weight_{number}"], [terms[-1]]))
    nodes += [
        helper.make_node("Sum", terms, ["pooled"]),
        helper.make_node("LogSoftmax", ["pooled"], ["log_probabilities"], axis=1),
    ]
    outputs = [
        helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["batch", len(found[0]["classes"])])
    ]
    domains = {imported.domain: imported.version for graph in graphs for imported in graph.opset_import}
    merged = helper.make_model(
        helper.make_graph(nodes, "emotone", inputs.shapes, outputs, constants),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in domains.items()],
        ir_version=max(graph.ir_version for graph in graphs),
    )
    entry = merged.metadata_props.add()
    about = {
        "format": FORMAT,
        "title": title,
        "classes": found[0]["classes"],
        "inputs": inputs.metadata,
        "unfinished": "",
    }
    entry.key, entry.value = "emotone", json.dumps(about | metadata)
    onnx.checker.check_model(merged)
    with atomic_write(path) as temporary:
        onnx.save(merged, str(temporary), format="protobuf")


class _Inputs:
    """The inputs of the merged graph: one for each feature of the same audio."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, Any]] = []
        self.shapes: list[onnx.ValueInfoProto] = []

    def name_of(self, info: onnx.ValueInfoProto, facts: dict[str, Any]) -> str:
        """The name in the merged graph of an input of a part."""
        fed_with = {key: facts.get(key) or None for key in _PER_INPUT}
        for known in self.metadata:
            if {key: known[key] for key in _PER_INPUT} == fed_with:
                return str(known["name"])
        name = f"values_{len(self.metadata)}"
        self.metadata.append({"name": name, **fed_with})
        shape = type(info)()
        shape.CopyFrom(info)
        shape.name = name
        for axis, dim in enumerate(shape.type.tensor_type.shape.dim):
            if dim.dim_param:
                dim.dim_param = f"frames_{name}" if axis else "batch"
        self.shapes.append(shape)
        return name


def _load(file: Path) -> onnx.ModelProto:
    """The graph in a file, after a check that it is whole."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = onnx.load(str(file))
        onnx.checker.check_model(graph)
        return graph
    except (OSError, ValueError, DecodeError, onnx.checker.ValidationError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ModelError(f"{file}: not readable as ONNX ({reason}); train the run again") from problem


def _metadata(graph: onnx.ModelProto, file: Path) -> dict[str, Any]:
    """The metadata of a file; the feature of a single model is its one input."""
    for entry in graph.metadata_props:
        if entry.key == "emotone":
            try:
                facts: dict[str, Any] = json.loads(entry.value)
                if "inputs" not in facts:
                    facts |= {"inputs": [facts | {"name": graph.graph.input[0].name}]}
                stated = {item["name"] for item in facts["inputs"] if item["feature"] and facts["classes"]}
                lacking = {info.name for info in graph.graph.input} - stated
            except (ValueError, TypeError, KeyError, IndexError) as problem:
                raise ModelError(f"{file}: its metadata are damaged ({problem!r}); train the run again") from problem
            if lacking:
                raise ModelError(f"{file}: its metadata lack the input {min(lacking)}; train the run again")
            return facts
    raise ModelError(f"{file}: no classes and features in it; train the run again, or use a file that emotone exported")
