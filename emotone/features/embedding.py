"""Statistics of the encoder of a shipped model, through onnxruntime."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from emotone.audio import read as audio
from emotone.audio.read import RATE_HZ
from emotone.features import Feature, Kind, Values

if TYPE_CHECKING:
    import onnx
    import onnxruntime

_ENCODERS = {"default": ("openai/whisper-base (MIT)", 512), "fast": ("openai/whisper-tiny.en (MIT)", 384)}
_LEAST = 400  # samples of a window of the encoder
_OUTPUT = "statistics"


class Embedding(Feature):
    """Mean and deviation over time of the frames of Whisper's lower layers, frozen; needs no torch.

    (2 * dims,): 768 with `model: fast`, 1024 with `default`. A clip of 3 s takes 7 or 15 ms on one core. The encoder
    was trained on speech recognition and has seen no emotions. A model on it is exported to one file that includes it.

    >>> Embedding().extract(np.zeros(16_000, dtype=np.float32), 16_000).shape
    (768,)
    """

    kind: ClassVar[Kind] = "vector"

    model: Literal["fast", "default"] = Field("fast", description="The shipped model whose encoder is used.")

    def extract(self, samples: Values, rate_hz: int) -> Values:
        sound = audio.resample(samples, rate_hz, RATE_HZ)
        sound = np.pad(sound, (0, max(0, _LEAST - sound.size)))
        session, no_shift = _session(self.model)
        feed = {"samples": sound[None], "lengths": np.array([sound.size]), "shift": no_shift}
        (statistics,) = session.run([_OUTPUT], feed)
        return np.asarray(statistics[0], dtype=np.float32)

    @property
    def names(self) -> list[str]:
        dims = _ENCODERS[self.model][1]
        return [f"{part}_{number}" for part in ("mean", "deviation") for number in range(dims)]

    @property
    def identity(self) -> str:
        return _digest(self.model)

    @property
    def caveats(self) -> list[str]:
        return [f"the encoder is {_ENCODERS[self.model][0]}"]

    def graph(self) -> onnx.ModelProto | None:
        """The part of the shipped file that leads to the statistics."""
        import onnx
        from onnx import compose
        from onnx.utils import Extractor

        part = Extractor(onnx.load(str(_file(self.model)))).extract_model(["samples", "lengths"], [_OUTPUT])
        outside = {f"inside_{name}": name for name in ("samples", "lengths")} | {f"inside_{_OUTPUT}": "values"}
        found = compose.add_prefix(part, "inside_")  # other names of it are the same as outside
        for info in [*found.graph.input, *found.graph.output]:
            info.name = outside[info.name]
        for node in found.graph.node:
            node.input[:] = [outside.get(name, name) for name in node.input]
            node.output[:] = [outside.get(name, name) for name in node.output]
        return found


def _file(model: str) -> Path:
    return Path(str(files("emotone"))) / "inference" / "weights" / f"{model}.onnx"


@lru_cache(maxsize=2)
def _digest(model: str) -> str:
    return blake2b(_file(model).read_bytes(), digest_size=16).hexdigest()


@lru_cache(maxsize=2)
def _session(model: str) -> tuple[onnxruntime.InferenceSession, Any]:
    """The session on one thread, and the input that leaves the embedding as it is."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(_file(model)), options, providers=["CPUExecutionProvider"])
    (dims,) = (item.shape[-1] for item in session.get_inputs() if item.name == "shift")
    return session, np.zeros((1, dims), dtype=np.float32)
