"""Whisper checkpoints in the format of CTranslate2 (`model.bin`), used by faster-whisper. Never imports torch."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.errors import ModelError

Tensors = dict[str, NDArray[np.float32]]
FILE = "model.bin"
_TYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 4: np.dtype("<f2")}  # integers would be quantised weights
_HEAD_DIMS = 64  # of every Whisper
_LAYER = {  # CTranslate2 -> transformers; `linear_0` of the attention holds query, key and value
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_1": "self_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
_ENDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


def config(file: Path) -> dict[str, Any]:
    """The architecture, in the terms of transformers' `WhisperConfig`, read from the shapes of the encoder's tensors.

    Raises:
        ModelError: the file is damaged, quantised, or not a Whisper model.
    """
    shapes = {name: array.shape for name, array in encoder(file).items()}
    dims, mels, _ = shapes["conv1.weight"]
    layers = len({name.split(".")[1] for name in shapes if name.startswith("layers.")})
    return {
        "model_type": "whisper",
        "d_model": dims,
        "encoder_layers": layers,
        "encoder_attention_heads": dims // _HEAD_DIMS,
        "encoder_ffn_dim": shapes["layers.0.fc1.weight"][0],
        "num_mel_bins": mels,
        "max_source_positions": shapes["embed_positions.weight"][0],
    }


def encoder(file: Path) -> Tensors:
    """Name of transformers' `WhisperEncoder` -> float32 tensor.

    Raises:
        ModelError: as in `config`.
    """
    tensors: Tensors = {}
    for name, array in _variables(file).items():
        scope, _, rest = name.partition("/")
        if scope == "encoder":
            tensors |= _converted(rest, array)
    if "conv1.weight" not in tensors or "layers.0.fc1.weight" not in tensors:
        raise ModelError(f"{file}: no encoder of Whisper in it; give the folder of a Whisper model for faster-whisper")
    return tensors


def digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of an encoder's tensors as half precision, in the order of their names: the same in every file format.

    >>> digest({"b": np.ones(2), "a": np.zeros(1)}) == digest({"a": np.zeros(1, np.float16), "b": np.ones(2)})
    True
    """
    content = sha256()
    for name in sorted(tensors):
        content.update(name.encode())
        content.update(np.ascontiguousarray(tensors[name], dtype="<f2").tobytes())
    return content.hexdigest()


def _converted(name: str, array: NDArray[np.float32]) -> Tensors:
    if name == "position_encodings/encodings":
        return {"embed_positions.weight": array}
    path, _, end = name.rpartition("/")
    if end not in _ENDS:
        return {}
    if not path.startswith("layer_") or path == "layer_norm":  # conv1, conv2, the last layer norm
        return {f"{path}.{_ENDS[end]}": array}
    layer, _, part = path.partition("/")
    prefix = f"layers.{layer.removeprefix('layer_')}"
    if part == "self_attention/linear_0":
        parts = dict(zip("qkv", np.split(array, 3), strict=True))
        if end == "bias":
            parts.pop("k")  # transformers has no bias of the keys; it is zero
        return {f"{prefix}.self_attn.{key}_proj.{end}": part for key, part in parts.items()}
    return {f"{prefix}.{_LAYER[part]}.{_ENDS[end]}": array} if part in _LAYER else {}


def _variables(file: Path) -> dict[str, NDArray[np.float32]]:
    """Every tensor of the encoder by its name in the file."""
    try:
        content = file.read_bytes()
        position = 0

        def number(form: str) -> int:
            nonlocal position
            (value,) = struct.unpack_from(f"<{form}", content, position)
            position += struct.calcsize(form)
            return int(value)

        def text() -> str:
            nonlocal position
            size = number("H")
            value = content[position : position + size].rstrip(b"\0").decode("ascii")
            position += size
            return value

        number("I")  # version of the format
        specification = text()
        if specification != "WhisperSpec":
            raise ModelError(f"{file}: holds a {specification or 'model of no name'}, not a Whisper model")
        number("I")  # revision
        variables = {}
        for _ in range(number("I")):
            name = text()
            shape = [number("I") for _ in range(number("B"))]
            kind, size = number("B"), number("I")
            if position + size > len(content):
                raise ValueError(f"it ends within the tensor {name}")
            if name.startswith("encoder/") and shape:  # settings have no dimension
                if kind not in _TYPES:
                    raise ModelError(
                        f"{file}: its weights are quantised; use a version of the model in float16 or float32"
                    )
                count = size // _TYPES[kind].itemsize
                array = np.frombuffer(content, _TYPES[kind], count, offset=position)
                variables[name] = np.asarray(array.reshape(shape), dtype=np.float32)
            position += size
    except (OSError, struct.error, UnicodeDecodeError, ValueError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ModelError(f"{file}: not readable as a CTranslate2 model ({reason}); download it again") from problem
    return variables
