"""What every speech encoder promises: hidden states of the layer asked for, and how many frames of them count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.models.pretrained.checkpoints import Checkpoint

Layer = int | Literal["last", "every"]


class SpeechEncoder(nn.Module, ABC):
    """`forward(samples, lengths, layer) -> (hidden states, frames)`.

    `samples` is (batch, samples) at the checkpoint's rate, `lengths` (batch,) valid samples or None where all are.
    The hidden states are (batch, frames, dims), or (layers + 1, batch, frames, dims) for `every`; `frames` is (batch,)
    valid frames, or None. The sound is normalised as the checkpoint asks. What lies behind a clip's length changes
    nothing. Layer 0 is what the first transformer layer is given, layer n what the n-th gives; the last one is
    taken behind the final layer norm where an encoder has one, as `last_hidden_state` is.
    """

    def __init__(self, core: Any, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.core = core
        self.checkpoint = checkpoint
        self._heard: dict[int, Tensor] | None = None
        for number, layer in enumerate(self.transformer):
            layer.register_forward_pre_hook(self._before(number), with_kwargs=True)

    @property
    @abstractmethod
    def transformer(self) -> nn.ModuleList:
        """The transformer layers, lowest first."""

    @property
    @abstractmethod
    def convolutions(self) -> list[nn.Module]:
        """What makes frames of samples, below the transformer."""

    @property
    @abstractmethod
    def final_norm(self) -> nn.Module | None:
        """The layer norm above the transformer, where there is one."""

    @property
    @abstractmethod
    def adaptable(self) -> tuple[str, ...]:
        """Ends of the names of linear maps that low-rank adapters may change."""

    @property
    @abstractmethod
    def least(self) -> int:
        """The fewest samples that make a frame."""

    @abstractmethod
    def regularise(self, *, masking: bool, layer_drop: float | None) -> None:
        """What happens by chance while training: stretches of time hidden, layers left out; None: the checkpoint's."""

    @abstractmethod
    def _states(self, samples: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """((batch, frames, dims) of the last layer, (batch,) valid frames or None)."""

    def forward(
        self, samples: Tensor, lengths: Tensor | None = None, layer: Layer = "last"
    ) -> tuple[Tensor, Tensor | None]:
        if layer == "last":
            return self._states(samples, lengths)
        self._heard = {}
        last, frames = self._states(samples, lengths)
        heard, self._heard = self._heard, None
        states = [heard.get(number) for number in range(len(self.transformer))]
        for number, state in enumerate(states):
            if state is None:  # a layer that LayerDrop left out was given what the next one was given
                states[number] = next((one for one in states[number:] if one is not None), last)
        every = [*(self._unfolded(state) for state in states if state is not None), last]
        return (torch.stack(every) if layer == "every" else every[layer]), frames

    def compute_twice(self) -> None:
        """Gradient checkpointing: hold one layer's activations at a time, and compute them again on the way back."""
        enable = getattr(self.core, "activation_checkpointing_enable", None) or self.core.gradient_checkpointing_enable
        self.core.config.use_cache = False
        enable({"use_reentrant": False})

    def _before(self, number: int) -> Any:
        """Notes what a layer is given; the output of the layer below, with no final layer norm on it."""

        def note(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self._heard is not None:
                self._heard[number] = args[0] if args else kwargs["hidden_states"]

        return note

    def _unfolded(self, state: Tensor) -> Tensor:
        """A state inside the encoder, in the form of those that it gives."""
        return state

    def hear(self, samples: NDArray[np.float32], layer: Layer = "last") -> NDArray[np.float32]:
        """(frames, dims) of one clip, (samples,) at the checkpoint's rate."""
        samples = np.pad(samples, (0, max(0, self.least - samples.size)))
        device = next(self.parameters()).device
        with torch.inference_mode():
            states, frames = self(torch.as_tensor(samples, device=device)[None], None, layer)
            kept = states[0] if frames is None else states[0, : int(frames[0])]
        return np.asarray(kept.float().cpu().numpy())


def masked(lengths: Tensor, size: int | Tensor) -> Tensor:
    """(batch, size) True where a position lies before its clip's length."""
    positions = torch.arange(size, device=lengths.device)  # type: ignore[arg-type]
    return positions[None] < lengths[:, None]
