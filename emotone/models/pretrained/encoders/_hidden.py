"""Base class of the speech encoders: hidden states of a layer, and the number of valid frames."""

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
    valid frames, or None. The samples are normalised as the checkpoint requires. Padding changes no hidden state.
    Layer 0 is the input of the first transformer layer, layer n the output of the n-th; the last one is taken after
    the final layer norm where an encoder has one, like `last_hidden_state`.
    """

    def __init__(self, core: Any, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.core = core
        self.checkpoint = checkpoint
        self._inputs: dict[int, Tensor] | None = None
        for number, layer in enumerate(self.transformer):
            layer.register_forward_pre_hook(self._before(number), with_kwargs=True)

    @property
    @abstractmethod
    def transformer(self) -> nn.ModuleList:
        """The transformer layers, lowest first."""

    @property
    @abstractmethod
    def convolutions(self) -> list[nn.Module]:
        """The layers that turn samples into frames, below the transformer."""

    @property
    @abstractmethod
    def final_norm(self) -> nn.Module | None:
        """The layer norm above the transformer, where there is one."""

    @property
    @abstractmethod
    def adaptable(self) -> tuple[str, ...]:
        """Suffixes of the names of linear layers that can have low-rank adapters."""

    @property
    @abstractmethod
    def min_samples(self) -> int:
        """The minimum number of samples for one frame."""

    @abstractmethod
    def regularise(self, *, masking: bool, layer_drop: float | None) -> None:
        """Set random masking of time and the probability of skipping a layer in training; None: the checkpoint's."""

    @abstractmethod
    def _states(self, samples: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """((batch, frames, dims) of the last layer, (batch,) valid frames or None)."""

    def forward(
        self, samples: Tensor, lengths: Tensor | None = None, layer: Layer = "last"
    ) -> tuple[Tensor, Tensor | None]:
        if layer == "last":
            return self._states(samples, lengths)
        self._inputs = {}
        last, frames = self._states(samples, lengths)
        inputs, self._inputs = self._inputs, None
        states = [inputs.get(number) for number in range(len(self.transformer))]
        for number, state in enumerate(states):
            if state is None:  # skipped by LayerDrop: its input is that of the next layer
                states[number] = next((later for later in states[number:] if later is not None), last)
        every = [*(self._unfolded(state) for state in states if state is not None), last]
        return (torch.stack(every) if layer == "every" else every[layer]), frames

    def checkpoint_gradients(self) -> None:
        """Gradient checkpointing: keep the activations of one layer only, recompute the others in the backward pass."""
        enable = getattr(self.core, "activation_checkpointing_enable", None) or self.core.gradient_checkpointing_enable
        self.core.config.use_cache = False
        enable({"use_reentrant": False})

    def _before(self, number: int) -> Any:
        """A hook that stores the input of a layer: the output of the layer below, without a final layer norm."""

        def store(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self._inputs is not None:
                self._inputs[number] = args[0] if args else kwargs["hidden_states"]

        return store

    def _unfolded(self, state: Tensor) -> Tensor:
        """A hidden state inside the encoder, in the shape of its output."""
        return state

    def encode(self, samples: NDArray[np.float32], layer: Layer = "last") -> NDArray[np.float32]:
        """(frames, dims) hidden states of one clip, (samples,) at the checkpoint's rate."""
        samples = np.pad(samples, (0, max(0, self.min_samples - samples.size)))
        device = next(self.parameters()).device
        with torch.inference_mode():
            states, frames = self(torch.as_tensor(samples, device=device)[None], None, layer)
            kept = states[0] if frames is None else states[0, : int(frames[0])]
        return np.asarray(kept.float().cpu().numpy())


def masked(lengths: Tensor, size: int | Tensor) -> Tensor:
    """(batch, size) True at positions before the clip's end."""
    positions = torch.arange(size, device=lengths.device)  # type: ignore[arg-type]
    return positions[None] < lengths[:, None]
