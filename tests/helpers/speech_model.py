"""A tiny ONNX model that takes samples, made by hand: loud synthetic speech is angry, quiet speech sad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = ("angry", "neutral", "sad")
AVERAGE = np.array([-3.6, -4.9, 0.0], dtype=np.float32)
HEAD = np.array([[6.0, 0.0, -6.0], [0.1, 0.0, -0.1], [0.0, 0.0, 0.0]], dtype=np.float32)
BIAS = np.array([0.0, 2.5, 0.0], dtype=np.float32)
EMOTION_SHIFTS = np.array([[1.0, 0.2, 0.0], [0.0, 0.0, 0.0], [-1.0, -0.2, 0.0]], dtype=np.float32)
HOP = 1600


def embedding_of(samples: Any) -> Any:
    """(3,) what the graph computes for a clip: logarithms of the mean size of samples and of their steps, and a 0."""
    size, step = np.abs(samples).mean(), np.abs(np.diff(samples)).sum() / len(samples)
    return np.array([np.log(size + 1e-6), np.log(step + 1e-6), 0.0])


def scores_of(samples: Any, shift: Any) -> Any:
    """(classes,) log-probabilities that the graph computes for a clip.

    Args:
        shift: (3,) subtracted from the embedding.
    """
    logits = (embedding_of(samples) - shift - AVERAGE) @ HEAD + BIAS
    return logits - np.log(np.exp(logits).sum())


def write_speech_model(path: Path, *, adapts: bool = True, frame_scores: bool = True, **metadata: Any) -> Path:
    """Write it; `metadata` replaces entries. Not adapted, it has no input `shift`."""
    inputs = [_float("samples", ["batch", "samples"])]
    inputs += [helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"])]
    inputs += [_float("shift", ["batch", 3])] if adapts else []
    outputs = [_float("log_probabilities", ["batch", len(CLASSES)]), _float("embedding", ["batch", 3])]
    outputs += [_float("frame_scores", ["batch", "frames", len(CLASSES)])] if frame_scores else []
    graph = helper.make_graph(
        [helper.make_node(kind, names.split(), [out], **settings) for out, kind, names, settings in _nodes(adapts)],
        "tiny",
        inputs,
        outputs,
        [numpy_helper.from_array(np.array(value), name) for name, value in _constants().items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    adaptation = {"average": AVERAGE.tolist(), "emotion_shifts": EMOTION_SHIFTS.tolist()} if adapts else None
    content = {
        "format": 6,
        "title": "loudness",
        "classes": CLASSES,
        "audio": {},
        "feature": {"name": "waveform"},
        "trained_on": ["emodb"],
        "unfinished": "",
        "adaptation": adaptation,
        "label_sets": {"all": {"sharpness": 1.0, "unsure_below": 0.0}},
    }
    entry = model.metadata_props.add()
    entry.key, entry.value = "emotone", json.dumps(content | metadata)
    path.write_bytes(model.SerializeToString())
    return path


def _float(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _constants() -> dict[str, Any]:
    return {
        "0": np.int64(0),
        "1": np.int64(1),
        "hop": np.int64(HOP),
        "axis_1": np.array([1]),
        "floor": np.float32(1e-6),
        "second": np.array([1]),
        "last": np.array([2**31]),
        "none": np.zeros((1, 1), np.float32),
        "head": HEAD,
        "bias": BIAS - AVERAGE @ HEAD,
        "classes": np.array([len(CLASSES)]),
    }


def _nodes(adapts: bool) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(output, operator, inputs, attributes) of each node."""
    return [
        ("shape", "Shape", "samples", {}),
        ("count", "Gather", "shape 1", {}),
        ("places", "Range", "0 count 1", {}),
        ("rows", "Unsqueeze", "lengths axis_1", {}),
        ("inside", "Less", "places rows", {}),
        ("mask", "Cast", "inside", {"to": TensorProto.FLOAT}),
        ("n", "Cast", "rows", {"to": TensorProto.FLOAT}),
        ("abs", "Abs", "samples", {}),
        ("kept", "Mul", "abs mask", {}),
        ("sum", "ReduceSum", "kept axis_1", {}),
        ("size", "Div", "sum n", {}),
        ("later", "Slice", "samples second last axis_1", {}),
        ("minus", "Neg", "axis_1", {}),
        ("zero", "Sub", "axis_1 axis_1", {}),
        ("earlier", "Slice", "samples zero minus axis_1", {}),
        ("difference", "Sub", "later earlier", {}),
        ("steps", "Abs", "difference", {}),
        ("mask_later", "Slice", "mask second last axis_1", {}),
        ("kept_steps", "Mul", "steps mask_later", {}),
        ("sum_steps", "ReduceSum", "kept_steps axis_1", {}),
        ("step", "Div", "sum_steps n", {}),
        ("both", "Concat", "size step", {"axis": 1}),
        ("positive", "Add", "both floor", {}),
        ("logs", "Log", "positive", {}),
        ("nothing", "Mul", "size none", {}),
        ("embedding", "Concat", "logs nothing", {"axis": 1}),
        ("centred", *(("Sub", "embedding shift") if adapts else ("Identity", "embedding")), {}),
        ("scores", "MatMul", "centred head", {}),
        ("logits", "Add", "scores bias", {}),
        ("log_probabilities", "LogSoftmax", "logits", {"axis": 1}),
        ("row", "Unsqueeze", "log_probabilities axis_1", {}),
        ("hops", "Div", "count hop", {}),
        ("frames", "Add", "hops 1", {}),
        ("frames_1", "Unsqueeze", "frames zero", {}),
        ("target", "Concat", "axis_1 frames_1 classes", {"axis": 0}),
        ("frame_scores", "Expand", "row target", {}),
    ]
