"""Merge ONNX files of several models into one file of their ensemble: one graph, one input per feature."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ModelError
from emotone.files import atomic_write
from emotone.inference.onnx_model import DOMAINS, FORMAT, KNOWN, PART_SCORES

if TYPE_CHECKING:
    import onnx

_PER_INPUT = ("audio", "feature", "feature_version", "feature_identity", "adaptation", "windows")
Weight = float | Mapping[str, float]


@dataclass(frozen=True)
class Part:
    """A model of the ensemble.

    Attributes:
        file: its ONNX file.
        weight: its weight in the mean; or corpus -> weight, for clips of each corpus as one of the parts classifies it.
        known: the weight for a well-known speaker; None: the same.
        centre: corpus -> (classes,) its mean scores, on which the scores of a known speaker are centred; None: no
            centring.
    """

    file: Path
    weight: Weight
    known: Weight | None = None
    centre: Mapping[str, Sequence[float]] | None = None


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
    from onnx import TensorProto, compose, helper

    graphs = [_load(part.file) for part in parts]
    found = [_metadata(graph, part.file) for graph, part in zip(graphs, parts, strict=True)]
    if settled := [part.file for graph, part in zip(graphs, parts, strict=True) if _asks(graph, KNOWN)]:
        raise ModelError(f"{settled[0]} is already merged for known and unknown speakers; merge its parts instead")
    if strange := [entry for entry in found if entry["classes"] != found[0]["classes"]]:
        first, other = (", ".join(map(str, classes)) for classes in (found[0]["classes"], strange[0]["classes"]))
        raise ModelError(
            f"models of different classes cannot be merged: {first}; and {other}; train them on one label set"
        )
    inputs, shares = _Inputs(), _Shares()
    nodes, constants = [], []
    outputs_of_parts: list[str] = []
    centred = _Centred(len(found[0]["classes"]))
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
        if outputs_of_parts and _silent(part) and part.centre is None:
            nodes += _once_known(prefixed.graph, instead=outputs_of_parts[0], name=f"m{number}_once_known")
            outputs_of_parts.append(f"m{number}_once_known")
            continue
        nodes.extend(prefixed.graph.node)
        outputs_of_parts.append(centred.output(prefixed.graph.output[0].name, part, f"scores_{number}"))
        if not shares.domains and _gives(graph, DOMAINS):  # the first model is one for any speaker
            shares.corpora, shares.domains = of_part["sides"], f"m{number}_{DOMAINS}"
    nodes += centred.nodes
    terms = [f"term_{number}" for number in range(len(parts))]
    for part, log_probs, term in zip(parts, outputs_of_parts, terms, strict=True):
        nodes += [
            *shares.nodes(part, f"share_of_{term}"),
            helper.make_node("Mul", [log_probs, f"share_of_{term}"], [term]),
        ]
    constants += shares.constants
    nodes += [
        helper.make_node("Sum", terms, ["pooled"]),
        helper.make_node("LogSoftmax", ["pooled"], ["log_probabilities"], axis=1),
    ]
    if any(part.known is not None for part in parts):
        inputs.shapes.append(helper.make_tensor_value_info(KNOWN, TensorProto.FLOAT, [1]))
    outputs = [
        helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["batch", len(found[0]["classes"])])
    ]
    if shares.domains:
        nodes.append(helper.make_node("Identity", [shares.domains], [DOMAINS]))
        outputs.append(helper.make_tensor_value_info(DOMAINS, TensorProto.FLOAT, ["batch", len(shares.corpora)]))
    inputs.shapes += centred.inputs
    outputs += centred.outputs
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
    about |= {"sides": list(shares.corpora), "centred": centred.averages(shares.corpora)}
    entry.key, entry.value = "emotone", json.dumps(about | metadata)
    onnx.checker.check_model(merged)
    with atomic_write(path) as temporary:
        onnx.save(merged, str(temporary), format="protobuf")


def for_both(unknown: Sequence[Part], known: Sequence[Part]) -> list[Part]:
    """Parts used for unknown speakers and parts used for known speakers, together; a part in both is listed once."""
    together: dict[bytes, Part] = {}
    for parts, is_known in ((unknown, False), (known, True)):
        for part in parts:
            content = part.file.read_bytes()
            weight, later = (together[content].weight, part.weight) if content in together else (0.0, part.weight)
            together[content] = replace(part, weight=weight, known=later) if is_known else replace(part, known=0.0)
    return [replace(part, known=None) if part.known == part.weight else part for part in together.values()]


def _silent(part: Part) -> bool:
    """Whether a part has no weight for an unknown speaker."""
    shares = part.weight.values() if isinstance(part.weight, Mapping) else [part.weight]
    return part.known is not None and not any(shares)


def _once_known(graph: onnx.GraphProto, *, instead: str, name: str) -> list[onnx.NodeProto]:
    """Nodes that run a part only for a known speaker; otherwise its output is that of another part, without weight.

    Its matrices are then not read, which would take longer than multiplying by them.
    """
    from onnx import TensorProto, helper

    width = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    shape = [None, width]
    output = helper.make_tensor_value_info(graph.output[0].name, TensorProto.FLOAT, shape)
    other = helper.make_tensor_value_info(f"{name}_instead", TensorProto.FLOAT, shape)
    runs = helper.make_graph(list(graph.node), f"{name}_runs", [], [output])
    rests = helper.make_graph([helper.make_node("Identity", [instead], [other.name])], f"{name}_rests", [], [other])
    zero = helper.make_node("Constant", [], [f"{name}_zero"], value_float=0.0)
    asked = helper.make_node("Greater", [KNOWN, f"{name}_zero"], [f"{name}_asked"])
    return [zero, asked, helper.make_node("If", [asked.output[0]], [name], then_branch=runs, else_branch=rests)]


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


class _Centred:
    """Parts whose scores are shifted by an input; an output gives the unshifted scores, to compute the shift from."""

    def __init__(self, classes: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._classes = classes
        self._parts: dict[str, Mapping[str, Sequence[float]]] = {}

    def output(self, scores: str, part: Part, name: str) -> str:
        """The scores of a part that are pooled: its output, unless its scores are centred."""
        from onnx import TensorProto, helper

        if part.centre is None:
            return scores
        self._parts[name] = part.centre
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [self._classes]))
        self.outputs.append(
            helper.make_tensor_value_info(f"{PART_SCORES}{name}", TensorProto.FLOAT, ["batch", self._classes])
        )
        self.nodes += [
            helper.make_node("Identity", [scores], [f"{PART_SCORES}{name}"]),
            helper.make_node("Sub", [scores, name], [f"{name}_centred"]),
        ]
        return f"{name}_centred"

    def averages(self, corpora: Sequence[str]) -> dict[str, list[list[float]]]:
        """Name of the input -> (corpora, classes) mean scores, corpora in the order of the graph."""
        return {
            name: [[*centre[corpus]] for corpus in corpora or sorted(centre)] for name, centre in self._parts.items()
        }


class _Shares:
    """The weight of each part of the merged graph for each clip."""

    def __init__(self) -> None:
        self.constants: list[onnx.TensorProto] = []
        self.corpora: Sequence[str] = ()
        self.domains = ""

    def nodes(self, part: Part, name: str) -> list[onnx.NodeProto]:
        """The nodes that compute the weight of a part.

        Raises:
            ModelError: it depends on the corpus of a clip, and no part classifies corpora.
        """
        from onnx import helper

        always = part.known is None
        found = self._of_clip(part.weight, name if always else f"unknown_{name}")
        if part.known is None:
            return found
        return [
            *found,
            *self._of_clip(part.known, f"known_{name}"),
            helper.make_node("Sub", [f"known_{name}", f"unknown_{name}"], [f"all_gained_{name}"]),
            helper.make_node("Mul", [f"all_gained_{name}", KNOWN], [f"gained_{name}"]),
            helper.make_node("Add", [f"unknown_{name}", f"gained_{name}"], [name]),
        ]

    def _of_clip(self, weight: Weight, name: str) -> list[onnx.NodeProto]:
        from onnx import helper, numpy_helper

        if not isinstance(weight, Mapping):
            self.constants.append(numpy_helper.from_array(np.array(weight, dtype=np.float32), name))
            return []
        if set(self.corpora) != set(weight):
            raise ModelError(
                f"weights are for the corpora {', '.join(weight)}, the models distinguish "
                f"{', '.join(self.corpora) or 'none'}; give one weight for each of these"
            )
        column = np.array([[weight[corpus]] for corpus in self.corpora], dtype=np.float32)
        self.constants.append(numpy_helper.from_array(column, f"of_corpora_{name}"))
        return [helper.make_node("MatMul", [self.domains, f"of_corpora_{name}"], [name])]


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


def _asks(graph: onnx.ModelProto, name: str) -> bool:
    return any(info.name == name for info in graph.graph.input)


def _gives(graph: onnx.ModelProto, name: str) -> bool:
    return any(info.name == name for info in graph.graph.output)


def _metadata(graph: onnx.ModelProto, file: Path) -> dict[str, Any]:
    """The metadata of a file; the feature of a single model is its one input."""
    for entry in graph.metadata_props:
        if entry.key == "emotone":
            try:
                facts: dict[str, Any] = json.loads(entry.value)
                if "inputs" not in facts:
                    facts |= {"inputs": [facts | {"name": graph.graph.input[0].name}]}
                stated = {item["name"] for item in facts["inputs"] if item["feature"] and facts["classes"]}
                lacking = {info.name for info in graph.graph.input} - stated - {KNOWN}
            except (ValueError, TypeError, KeyError, IndexError) as problem:
                raise ModelError(f"{file}: its metadata are damaged ({problem!r}); train the run again") from problem
            if lacking:
                raise ModelError(f"{file}: its metadata lack the input {min(lacking)}; train the run again")
            return facts
    raise ModelError(f"{file}: no classes and features in it; train the run again, or use a file that emotone exported")
