"""The models that come with emotone as encoders: samples -> one vector per clip, by onnxruntime. No torch."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.errors import MissingExtra, ModelError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before onnxruntime is loaded

if TYPE_CHECKING:
    import onnx

Shipped = Literal["default"]
WEIGHTS = Path(__file__).parents[2] / "inference" / "weights"
EMBEDDING, STATISTICS = "embedding", "statistics"
"""Outputs of the graph: (batch, dims) what its last layer takes, and (batch, 2 * dims) mean and deviation over time of
what the encoder gives."""


def file_of(name: Shipped) -> Path:
    """The ONNX file of a model."""
    return WEIGHTS / f"{name}.onnx"


def identity(name: Shipped) -> str:
    """A hash of the file."""
    file = file_of(name)
    return _digest(file, file.stat().st_mtime_ns)


def trained_on(name: Shipped) -> tuple[str, ...]:
    """The corpora that it was trained on."""
    facts = json.loads(_session(file_of(name)).get_modelmeta().custom_metadata_map["emotone"])
    return tuple(facts["trained_on"])


def dims(name: Shipped) -> dict[str, int]:
    """Output -> its dimensions."""
    sizes = {item.name: item.shape[-1] for item in _session(file_of(name)).get_outputs()}
    if not {EMBEDDING, STATISTICS} <= set(sizes):
        raise ModelError(f"{file_of(name)}: the file gives no embedding and statistics; install emotone again")
    return {output: int(sizes[output]) for output in (EMBEDDING, STATISTICS)}


def encode(name: Shipped, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(dims,) embedding and statistics of a clip, one after the other.

    Args:
        samples: (samples,) at 16 kHz.
    """
    session = _session(file_of(name))
    feed: dict[str, Any] = {"samples": samples[None], "lengths": np.array([samples.size])}
    for item in session.get_inputs():
        if item.name not in feed:  # the shift of a known speaker
            feed[item.name] = np.zeros((1, item.shape[-1]), dtype=np.float32)
    return np.concatenate([part[0] for part in session.run([EMBEDDING, STATISTICS], feed)])


def graph(name: Shipped) -> onnx.ModelProto:
    """The graph with the one output `values`, (batch, dims) as `encode` gives them.

    Raises:
        MissingExtra: onnx is absent.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
        from onnx.utils import Extractor
    except ImportError:
        raise MissingExtra("export to ONNX", "train") from None
    whole = onnx.load(str(file_of(name)))
    part = Extractor(whole).extract_model(["samples", "lengths"], [EMBEDDING, STATISTICS])
    part.graph.node.append(helper.make_node("Concat", [EMBEDDING, STATISTICS], ["values"], axis=1))
    del part.graph.output[:]
    size = sum(dims(name).values())
    part.graph.output.append(helper.make_tensor_value_info("values", TensorProto.FLOAT, ["batch", size]))
    del part.metadata_props[:]
    return part


@lru_cache(maxsize=2)
def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # clips are distributed over processes
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=4)
def _digest(file: Path, changed_ns: int) -> str:
    """`changed_ns` is an argument so that a changed file is read again."""
    return blake2b(file.read_bytes(), digest_size=16).hexdigest()
