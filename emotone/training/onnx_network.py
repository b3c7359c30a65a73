"""ONNX graph of a fitted network, and of a network whose embedding is shifted for a speaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.inference.speech_model import EMBEDDING, FRAME_SCORES, LOG_PROBS, SHIFT
from emotone.models import Network
from emotone.models.layers.shapes import valid_frames
from emotone.models.layers.to_onnx import onnx_graph
from emotone.training.fit import FittedNetwork
from emotone.training.onnx_linear import OPSET

if TYPE_CHECKING:
    import onnx

Float32 = NDArray[np.float32]


def network_graph(fitted: FittedNetwork, model: Network, example: Float32) -> onnx.ModelProto:
    """Input `values` (batch, ...), all frames valid; output `log_probabilities` (batch, classes).

    Args:
        example: (1, ...) features of a clip.
    """
    dynamic = {0: torch.export.Dim("batch")} | ({} if model.one_length else {1: torch.export.Dim("frames")})
    return _exported(_Scores(fitted), {"values": _twice(example)}, {"values": dynamic}, [LOG_PROBS], OPSET)


def padded_network_graph(
    fitted: FittedNetwork, model: Network, example: Float32, *, opset: int = OPSET
) -> onnx.ModelProto:
    """The graph of a network that follows the graph of its feature, so that clips may be padded.

    Inputs `values` (batch, dims), or `values` (batch, frames, dims) and `frames` (batch,); a network that takes
    histories has `shift` (batch, dims) too. Outputs `log_probabilities` and `embedding`, which is the mean of the
    values for a network without one; and, for a network that takes histories, `frame_scores` (batch, steps, classes).

    Args:
        example: (1, ...) features of a clip.
        opset: of the feature's graph.
    """
    batch = torch.export.Dim("batch")
    inputs, dynamic = {"values": _twice(example)}, {"values": {0: batch}}
    if example.ndim == 3:
        inputs["frames"] = torch.full((2,), example.shape[1])
        dynamic = {"values": {0: batch, 1: torch.export.Dim("frames")}, "frames": {0: batch}}
    if not model.takes_history:
        return _exported(_Scores(fitted), inputs, dynamic, [LOG_PROBS, EMBEDDING], opset)
    module = _AdaptedScores(fitted)
    inputs[SHIFT], dynamic[SHIFT] = torch.zeros(2, module.dims), {0: batch}
    return _exported(module, inputs, dynamic, [LOG_PROBS, EMBEDDING, FRAME_SCORES], opset)


class _Scores(nn.Module):
    """Calibrated log-probabilities; with `frames`, also the mean of the values."""

    def __init__(self, fitted: FittedNetwork) -> None:
        super().__init__()
        self.standardised, self.sharpness = fitted.module, fitted.sharpness
        self.register_buffer("offsets", torch.as_tensor(fitted.offsets, dtype=torch.float32))

    def forward(self, values: Tensor, frames: Tensor | None = None) -> tuple[Tensor, Tensor]:
        valid, mean = valid_frames(frames, values), values
        if valid is not None:
            mean = (values * valid).sum(dim=1) / valid.sum(dim=1)
        return self.calibrated(self.standardised(values, frames)), mean

    def calibrated(self, logits: Tensor) -> Tensor:
        """(..., classes) log-probabilities."""
        return torch.log_softmax(self.sharpness * logits + self.get_buffer("offsets"), dim=-1)


class _AdaptedScores(_Scores):
    """Calibrated log-probabilities after a shift of the embedding, the embedding before it, and scores over time."""

    def __init__(self, fitted: FittedNetwork) -> None:
        super().__init__(fitted)
        self.network = fitted.module.get_submodule("network")
        self.dims: int = self.network.get_submodule("out").in_features  # type: ignore[assignment]

    def forward(  # type: ignore[override]  # one input and output more
        self, values: Tensor, frames: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        network, classes = self.network, self.standardised.classes
        values = self.standardised.scaled(values, frames)  # type: ignore[operator]
        embedding = network.embed(values, frames)  # type: ignore[operator]
        logits = network.out(embedding - shift)  # type: ignore[operator]
        over_time = network.over_time(values, frames, shift)  # type: ignore[operator]
        return self.calibrated(logits[:, :classes]), embedding, self.calibrated(over_time[..., :classes])


def _twice(example: Float32) -> Tensor:
    """A batch of two clips: the exporter treats a size of one as fixed."""
    return torch.as_tensor(np.repeat(example, 2, axis=0))


def _exported(
    module: nn.Module,
    inputs: dict[str, Tensor],
    dynamic: dict[str, dict[int, torch.export.Dim]],
    outputs: list[str],
    opset: int,
) -> onnx.ModelProto:
    """The graph of a module.

    Raises:
        ModelError: torch cannot export it.
    """

    class WithOutputs(nn.Module):
        """The module with as many outputs as there are names."""

        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
            found: tuple[Tensor, ...] = self.module(*given)
            return found[: len(outputs)]

    return onnx_graph(WithOutputs(), inputs, (tuple(dynamic.values()),), outputs, opset)
