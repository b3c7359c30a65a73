"""Network with standardised input; mean and scale are saved with the weights and exported to ONNX."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Standardised(nn.Module):
    """`network((values - mean) / scale, lengths)`; padding stays zero. A history is passed on to the network.

    Outputs after the first `classes` belong to an auxiliary target: in evaluation mode they are cut off.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, network: nn.Module, mean: NDArray[np.float32], scale: NDArray[np.float32], classes: int | None = None
    ) -> None:
        super().__init__()
        self.network, self.classes = network, classes
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))

    def forward(self, values: Tensor, lengths: Tensor | None = None, history: Tensor | None = None) -> Tensor:
        scaled = self.scaled(values, lengths)
        logits: Tensor = self.network(scaled, lengths) if history is None else self.network(scaled, lengths, history)
        return logits if self.training or self.classes is None else logits[:, : self.classes]

    def scaled(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The input of the network."""
        scaled = (values - self.mean) / self.scale
        if lengths is not None and values.ndim == 3:
            frames = torch.arange(values.shape[1], device=values.device)
            scaled = scaled * (frames[None] < lengths[:, None]).unsqueeze(2)
        return scaled
