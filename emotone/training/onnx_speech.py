"""An exported file whose graph takes samples, with its calibration and its weights as they are shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emotone.errors import ModelError
from emotone.files import atomic_write
from emotone.inference.onnx_file import one_line
from emotone.inference.speech_model import LENGTHS, SPEECH, STATISTICS
from emotone.training import onnx_weights

WEIGHTS = ("float32", "float16", "int8")


def takes_samples(file: Path) -> bool:
    """Whether the graph in a file computes its feature from samples.

    Raises:
        ModelError: the file is not readable as ONNX.
    """
    return any(info.name == LENGTHS for info in _loaded(file).graph.input)


def write(file: Path, path: Path, *, weights: str, metadata: dict[str, Any]) -> None:
    """Write the model of a run to another file.

    Args:
        file: the model of the run.
        path: the new file.
        weights: float32: as they are; float16: in half precision where it is exact; int8: see `onnx_weights.quantised`.
        metadata: entries that replace those of the file or are added to them.

    Raises:
        ModelError: the file is not readable, or has no metadata of emotone.
    """
    import onnx

    graph = _loaded(file)
    entries = [entry for entry in graph.metadata_props if entry.key == "emotone"]
    if not entries:
        raise ModelError(f"{file}: no classes and features in it; train the run again")
    try:
        facts = json.loads(entries[0].value) | metadata
    except (ValueError, TypeError) as problem:
        raise ModelError(f"{file}: its metadata are damaged ({problem!r}); train the run again") from problem
    if weights != "float32":
        graph = (onnx_weights.quantised if weights == "int8" else onnx_weights.in_half_precision)(graph)
    del graph.metadata_props[:]
    entry = graph.metadata_props.add()
    entry.key, entry.value = "emotone", json.dumps(facts)
    with atomic_write(path) as temporary:
        onnx.save(graph, str(temporary), format="protobuf")


def add_speech_output(file: Path, weights: ArrayLike, bias: float) -> None:
    """Add the output `speech` to a file, or replace it: log-odds of speech, linear in the statistics of the frames.

    Args:
        file: a model with the output `statistics`.
        weights: (2 * dims,).
        bias: chosen so that a sound counts as speech from 0 on.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = _loaded(file)
    graph = model.graph
    names = {f"{SPEECH}.weights", f"{SPEECH}.bias", f"{SPEECH}.axis", f"{SPEECH}.product", f"{SPEECH}.sum", SPEECH}
    for items in (graph.node, graph.initializer, graph.output):
        for item in [one for one in items if one.name in names]:
            items.remove(item)
    constants = {
        f"{SPEECH}.weights": np.asarray(weights, dtype=np.float32)[:, None],
        f"{SPEECH}.bias": np.array([bias], dtype=np.float32),
        f"{SPEECH}.axis": np.array([1], dtype=np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in constants.items())
    steps = (
        ("MatMul", [STATISTICS, f"{SPEECH}.weights"], f"{SPEECH}.product"),
        ("Add", [f"{SPEECH}.product", f"{SPEECH}.bias"], f"{SPEECH}.sum"),
        ("Squeeze", [f"{SPEECH}.sum", f"{SPEECH}.axis"], SPEECH),
    )
    graph.node.extend(helper.make_node(kind, inputs, [output], name=output) for kind, inputs, output in steps)
    graph.output.append(helper.make_tensor_value_info(SPEECH, TensorProto.FLOAT, ["batch"]))
    onnx.checker.check_model(model)
    with atomic_write(file) as temporary:
        onnx.save(model, str(temporary), format="protobuf")


def _loaded(file: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(str(file))
    except (OSError, ValueError, DecodeError) as problem:
        raise ModelError(f"{file}: not readable as ONNX ({one_line(problem)}); train the run again") from problem
