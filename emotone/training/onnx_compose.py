"""One ONNX graph of a feature and the model that takes it, from samples to scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import ModelError
from emotone.inference.speech_model import EMBEDDING, STATISTICS

if TYPE_CHECKING:
    import onnx


def composed(feature: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with the inputs of the feature and those of the model that the feature does not give.

    Args:
        feature: inputs `samples`, `lengths`; outputs `values` and, for a sequence, `frames`, whose statistics become
            an output.
        model: inputs `values`, perhaps `frames` and others. Where it has no output `embedding`, the composed graph has
            the values as its embedding.

    Raises:
        ModelError: the graphs do not fit together.
    """
    import onnx
    from onnx import helper

    front, back = _prefixed(feature, "feature_"), _prefixed(model, "model_")
    given = {info.name for info in front.graph.output}
    inputs, outputs = list(front.graph.input), list(back.graph.output)
    inputs += [info for info in back.graph.input if info.name not in given]
    nodes = [*front.graph.node, *back.graph.node]
    if EMBEDDING not in {info.name for info in outputs}:
        (values,) = (info.type for info in front.graph.output if info.name == "values")
        nodes.append(helper.make_node("Identity", ["values"], [EMBEDDING]))
        outputs.append(helper.make_value_info(EMBEDDING, values))
    versions = {imported.domain: imported.version for imported in model.opset_import}
    versions |= {imported.domain: imported.version for imported in feature.opset_import}
    whole = helper.make_model(
        helper.make_graph(nodes, "emotone", inputs, outputs, [*front.graph.initializer, *back.graph.initializer]),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in versions.items()],
        functions=[*front.functions, *back.functions],
        ir_version=max(feature.ir_version, model.ir_version),
    )
    (dims,) = (info.type.tensor_type.shape.dim[-1].dim_value for info in front.graph.output if info.name == "values")
    with_statistics(whole, dims)
    try:
        onnx.checker.check_model(whole)
    except onnx.checker.ValidationError as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ModelError(f"the graphs of feature and model do not fit together ({reason})") from problem
    return whole


def with_statistics(model: onnx.ModelProto, dims: int) -> None:
    """Add the output `statistics`, (batch, 2 * dims) mean and deviation over time of the values of a sequence."""
    from onnx import TensorProto, helper, numpy_helper

    made = {name for node in model.graph.node for name in node.output}
    if not {"values", "frames"} <= made or STATISTICS in {info.name for info in model.graph.output}:
        return
    constants = {"time": np.array([1]), "none": np.zeros((), dtype=np.float32)}
    steps = [
        ("Cast", ["frames"], "count", {"to": TensorProto.FLOAT}),
        ("Unsqueeze", ["count", "time"], "counts", {}),
        ("ReduceSum", ["values", "time"], "sum", {"keepdims": 0}),
        ("Div", ["sum", "counts"], "mean", {}),
        ("ReduceSumSquare", ["values", "time"], "squares", {"keepdims": 0}),
        ("Div", ["squares", "counts"], "square", {}),
        ("Mul", ["mean", "mean"], "mean_square", {}),
        ("Sub", ["square", "mean_square"], "variance", {}),
        ("Max", ["variance", "none"], "least", {}),
        ("Sqrt", ["least"], "deviation", {}),
        ("Concat", ["mean", "deviation"], "", {"axis": 1}),
    ]
    own = {*constants, *(name for _, _, name, _ in steps)}

    def named(name: str) -> str:
        return f"{STATISTICS}_{name}" if name in own else name

    for kind, inputs, output, settings in steps:
        names = [named(name) for name in inputs]
        model.graph.node.append(helper.make_node(kind, names, [named(output) if output else STATISTICS], **settings))
    model.graph.initializer.extend(numpy_helper.from_array(value, named(name)) for name, value in constants.items())
    model.graph.output.append(helper.make_tensor_value_info(STATISTICS, TensorProto.FLOAT, ["batch", 2 * dims]))


def opset(graph: onnx.ModelProto) -> int:
    """The version of the standard operators of a graph."""
    return next(int(imported.version) for imported in graph.opset_import if imported.domain in ("", "ai.onnx"))


def _prefixed(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """The model with a prefix on all names but those of inputs and outputs."""
    from onnx import compose

    plain = {f"{prefix}{info.name}": info.name for info in [*model.graph.input, *model.graph.output]}
    found = compose.add_prefix(model, prefix)
    for info in [*found.graph.input, *found.graph.output]:
        info.name = plain[info.name]
    for node in found.graph.node:
        node.input[:] = [plain.get(name, name) for name in node.input]
        node.output[:] = [plain.get(name, name) for name in node.output]
    return found
