"""Hidden states of a frozen pretrained speech encoder."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from emotone.audio import read as audio
from emotone.errors import MissingExtra
from emotone.features import Feature, Kind, Values
from emotone.models.pretrained import checkpoints
from emotone.models.pretrained.checkpoints import Checkpoint

if TYPE_CHECKING:
    import onnx


class Encoder(Feature):
    """Output of one layer of wav2vec 2.0, XLS-R, HuBERT, WavLM, data2vec or Whisper.

    (dims,) means (and deviations) over time, or, with `pooling: none`, the sequence (frames, dims), one frame every
    20 ms. The audio is normalised as the checkpoint requires. This is the only feature that needs torch.

    >>> Encoder(checkpoint="random:hubert", pooling="mean_std").names[15:17]
    ['mean_15', 'std_0']
    """

    checkpoint: str = Field(
        description="A folder (of transformers, or a Whisper model of CTranslate2), a downloaded hub id, or a short "
        "name (models/pretrained/catalogue.py)."
    )
    revision: str = Field("main", description="Branch, tag or commit on the hub.")
    layer: int | Annotated[tuple[int, ...], Field(min_length=1)] | Literal["last"] = Field(
        "last",
        description="Transformer layer, from 1; 0 is the input of the first. A list: the mean of these layers, each "
        "frame of each normalised to mean 0 and variance 1.",
    )
    pooling: Literal["mean", "mean_std", "none"] = Field("mean", description="Statistics over time; none: the frames.")
    seconds: Annotated[float, Field(gt=0, le=30)] | Literal["clip"] | None = Field(
        None,
        description="Window of Whisper, to which clips are padded; clip: the clip itself, which costs less; none: 30. "
        "Others have no window.",
    )

    @property
    def kind(self) -> Kind:  # type: ignore[override]  # the pooling decides
        return "sequence" if self.pooling == "none" else "vector"

    def extract(self, samples: Values, rate_hz: int) -> Values:
        from emotone.models.pretrained import encoders

        encoder = encoders.shared(self.checkpoint, self.revision, self.seconds)
        states = encoder.encode(audio.resample(samples, rate_hz, encoder.checkpoint.rate_hz), self.layer)
        if self.pooling == "none":
            return states
        mean = states.mean(axis=0, dtype=np.float64)
        std = states.std(axis=0, dtype=np.float64)
        return (mean if self.pooling == "mean" else np.concatenate([mean, std])).astype(np.float32)

    @property
    def names(self) -> list[str]:
        prefixes = {"mean": ["mean"], "mean_std": ["mean", "std"], "none": ["state"]}[self.pooling]
        return [f"{prefix}_{number}" for prefix in prefixes for number in range(self._found().dims)]

    @property
    def identity(self) -> str:
        if find_spec("torch") is None or find_spec("transformers") is None:
            raise MissingExtra("a pretrained speech encoder", "train,encoders")
        return self._found().identity

    @property
    def caveats(self) -> list[str]:
        return self._found().caveats

    @property
    def half_precision(self) -> bool:
        return self.pooling == "none"

    def graph(self) -> onnx.ModelProto | None:
        """Of Whisper with `seconds: clip` only."""
        found = self._found()
        if found.family != "whisper" or self.seconds != "clip":
            return None
        from emotone.models.pretrained.encoders import onnx_graph

        return onnx_graph.shared_graph(found, self.layer, self.pooling)

    @property
    def processes(self) -> int | None:
        import torch

        return 1 if torch.cuda.is_available() else None

    @property
    def untrained(self) -> dict[str, Any]:
        return {"checkpoint": checkpoints.tiny_like(self.checkpoint), "layer": "last"}

    def _found(self) -> Checkpoint:
        found = checkpoints.find(self.checkpoint, self.revision)
        found.check_layer(self.layer)
        return found
