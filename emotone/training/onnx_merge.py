"""ONNX files of several models -> one file that hears as their ensemble does: one graph, one input per feature."""

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
    """A model of the ensemble: its file, and its share in what they say together.

    Attributes:
        weight: of all clips; or of those that sound as of each corpus, as one of the parts tells them apart.
        known: the same once the speaker is well known; None: no other.
        centre: corpus -> (classes,) its scores on average; those of a speaker who was heard before are centred on
            them. None: they are not.
    """

    file: Path
    weight: Weight
    known: Weight | None = None
    centre: Mapping[str, Sequence[float]] | None = None


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
    from onnx import TensorProto, compose, helper

    graphs = [_load(part.file) for part in parts]
    told = [_facts(graph, part.file) for graph, part in zip(graphs, parts, strict=True)]
    if settled := [part.file for graph, part in zip(graphs, parts, strict=True) if _asks(graph, KNOWN)]:
        raise ModelError(f"{settled[0]} is merged for known and unknown speakers already; merge its parts instead")
    if strange := [one for one in told if one["classes"] != told[0]["classes"]]:
        raise ModelError(f"models of other classes cannot be merged: {told[0]['classes']} and {strange[0]['classes']}")
    inputs, shares = _Inputs(), _Shares()
    nodes, constants = [], []
    heard: list[str] = []
    centred = _Centred(len(told[0]["classes"]))
    for number, (graph, one, part) in enumerate(zip(graphs, told, parts, strict=True)):
        prefixed = compose.add_prefix(graph, f"m{number}_")
        fed = {
            after.name: inputs.name_of(before, next(own for own in one["inputs"] if own["name"] == before.name))
            for before, after in zip(graph.graph.input, prefixed.graph.input, strict=True)
        }
        for node in prefixed.graph.node:
            node.input[:] = [fed.get(name, name) for name in node.input]
        constants.extend(prefixed.graph.initializer)
        if heard and _silent(part) and part.centre is None:
            nodes += _once_known(prefixed.graph, instead=heard[0], name=f"m{number}_once_known")
            heard.append(f"m{number}_once_known")
            continue
        nodes.extend(prefixed.graph.node)
        heard.append(centred.output(prefixed.graph.output[0].name, part, f"scores_{number}"))
        if not shares.sides and _gives(graph, DOMAINS):  # the first hears clips of any speaker
            shares.corpora, shares.sides = one["sides"], f"m{number}_{DOMAINS}"
    nodes += centred.nodes
    terms = [f"term_{number}" for number in range(len(parts))]
    for part, log_probs, term in zip(parts, heard, terms, strict=True):
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
        helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["batch", len(told[0]["classes"])])
    ]
    if shares.sides:
        nodes.append(helper.make_node("Identity", [shares.sides], [DOMAINS]))
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
    about = {"format": FORMAT, "title": title, "classes": told[0]["classes"], "inputs": inputs.told, "unfinished": ""}
    about |= {"sides": list(shares.corpora), "centred": centred.averages(shares.corpora)}
    entry.key, entry.value = "emotone", json.dumps(about | facts)
    onnx.checker.check_model(merged)
    with atomic_write(path) as temporary:
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


def _silent(part: Part) -> bool:
    """Whether a part has nothing to say while the speaker is unknown."""
    shares = part.weight.values() if isinstance(part.weight, Mapping) else [part.weight]
    return part.known is not None and not any(shares)


def _once_known(graph: onnx.GraphProto, *, instead: str, name: str) -> list[onnx.NodeProto]:
    """What runs a part only where the speaker is known at all, and else gives what another part said: it has no share.

    Its matrices are then not read, which takes longer than multiplying by them.
    """
    from onnx import TensorProto, helper

    width = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    shape = [None, width]
    said = helper.make_tensor_value_info(graph.output[0].name, TensorProto.FLOAT, shape)
    other = helper.make_tensor_value_info(f"{name}_instead", TensorProto.FLOAT, shape)
    runs = helper.make_graph(list(graph.node), f"{name}_runs", [], [said])
    rests = helper.make_graph([helper.make_node("Identity", [instead], [other.name])], f"{name}_rests", [], [other])
    zero = helper.make_node("Constant", [], [f"{name}_zero"], value_float=0.0)
    asked = helper.make_node("Greater", [KNOWN, f"{name}_zero"], [f"{name}_asked"])
    return [zero, asked, helper.make_node("If", [asked.output[0]], [name], then_branch=runs, else_branch=rests)]


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


class _Centred:
    """Parts whose scores are shifted by an input; an output gives them as they are, for it to be known by what."""

    def __init__(self, classes: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._classes = classes
        self._parts: dict[str, Mapping[str, Sequence[float]]] = {}

    def output(self, said: str, part: Part, name: str) -> str:
        """What is to be pooled of a part that said something: the same, unless its scores are centred."""
        from onnx import TensorProto, helper

        if part.centre is None:
            return said
        self._parts[name] = part.centre
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [self._classes]))
        self.outputs.append(
            helper.make_tensor_value_info(f"{PART_SCORES}{name}", TensorProto.FLOAT, ["batch", self._classes])
        )
        self.nodes += [
            helper.make_node("Identity", [said], [f"{PART_SCORES}{name}"]),
            helper.make_node("Sub", [said, name], [f"{name}_centred"]),
        ]
        return f"{name}_centred"

    def averages(self, corpora: Sequence[str]) -> dict[str, list[list[float]]]:
        """Name of the input -> (corpora, classes) the scores on average, corpora in the order of the graph."""
        return {
            name: [[*centre[corpus]] for corpus in corpora or sorted(centre)] for name, centre in self._parts.items()
        }


class _Shares:
    """What each part of the merged graph has to say of each clip."""

    def __init__(self) -> None:
        self.constants: list[onnx.TensorProto] = []
        self.corpora: Sequence[str] = ()
        self.sides = ""

    def nodes(self, part: Part, name: str) -> list[onnx.NodeProto]:
        """What computes the share of a part.

        Raises:
            ModelError: it depends on the corpus that a clip sounds of, and no part tells corpora apart.
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
        if strange := sorted(set(self.corpora) ^ set(weight)):
            raise ModelError(f"shares of {', '.join(weight)} do not fit the corpora that are told apart: {strange}")
        column = np.array([[weight[corpus]] for corpus in self.corpora], dtype=np.float32)
        self.constants.append(numpy_helper.from_array(column, f"of_corpora_{name}"))
        return [helper.make_node("MatMul", [self.sides, f"of_corpora_{name}"], [name])]


def _load(file: Path) -> onnx.ModelProto:
    """The graph in a file."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(str(file))
    except (OSError, ValueError, DecodeError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ModelError(f"{file}: not readable as ONNX ({reason}); train the run again") from problem


def _asks(graph: onnx.ModelProto, name: str) -> bool:
    return any(one.name == name for one in graph.graph.input)


def _gives(graph: onnx.ModelProto, name: str) -> bool:
    return any(one.name == name for one in graph.graph.output)


def _facts(graph: onnx.ModelProto, file: Path) -> dict[str, Any]:
    """What a file says of itself, a single model's feature as its one input."""
    for entry in graph.metadata_props:
        if entry.key == "emotone":
            facts: dict[str, Any] = json.loads(entry.value)
            return facts if "inputs" in facts else facts | {"inputs": [facts | {"name": graph.graph.input[0].name}]}
    raise ModelError(f"{file}: no classes and features in this ONNX file; train the run again, or use a file that emotone exported")
