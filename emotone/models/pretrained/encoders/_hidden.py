"""Base class of the speech encoders: hidden states of a layer, and the number of valid frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.models.pretrained.checkpoints import Checkpoint

Layer = int | tuple[int, ...] | Literal["last", "every"]
"""Number of a layer; several, of which the mean is taken; the last one; or all of them, one after the other."""
NORM_EPS = 1e-5
"""Added to the variance where the states of several layers are normalised."""


class SpeechEncoder(nn.Module, ABC):
    """`forward(samples, lengths, layer) -> (hidden states, frames)`.

    `samples` is (batch, samples) at the checkpoint's rate, `lengths` (batch,) valid samples or None where all are.
    The hidden states are (batch, frames, dims), or (layers + 1, batch, frames, dims) for `every`; `frames` is (batch,)
    valid frames, or None. The samples are normalised as the checkpoint requires. Padding changes no hidden state.
    Layer 0 is the input of the first transformer layer, layer n the output of the n-th; the last one is taken after
    the final layer norm where an encoder has one, like `last_hidden_state`. Of several layers, the result is the mean
    of their states, each frame of each layer normalised to mean 0 and variance 1. In evaluation mode, layers above
    those asked for are not computed.
    """

    def __init__(self, core: Any, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.core = core
        self.checkpoint = checkpoint
        self._inputs: dict[int, Tensor] | None = None
        self._highest = 0
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
        every = range(len(self.transformer) + 1)
        layers = list(every) if layer == "every" else [every[number] for number in numbers(layer)]
        self._inputs, self._highest = {}, max(layers)
        last, frames = self._states(samples, lengths)
        inputs, self._inputs, self._highest = self._inputs, None, len(self.transformer)
        states = []
        for number in layers:  # of a layer skipped by LayerDrop, the input is that of the next one
            later = [self._unfolded(state) for place, state in inputs.items() if place >= number]
            states.append(later[0] if later else last)
        if layer == "every":
            return torch.stack(states), frames
        return (mean_of_layers(states) if isinstance(layer, tuple) else states[0]), frames

    def checkpoint_gradients(self) -> None:
        """Gradient checkpointing: keep the activations of one layer only, recompute the others in the backward pass."""
        enable = getattr(self.core, "activation_checkpointing_enable", None) or self.core.gradient_checkpointing_enable
        self.core.config.use_cache = False
        enable({"use_reentrant": False})

    def _before(self, number: int) -> Any:
        """A hook that stores the input of a layer: the output of the layer below, without a final layer norm.

        It ends the forward pass where no layer above is needed; in training it does not, so that the random numbers of
        a step do not depend on the layer.
        """

        def store(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self._inputs is not None:
                self._inputs[number] = args[0] if args else kwargs["hidden_states"]
                if number >= self._highest and not self.training:
                    raise Reached(self._inputs[number])

        return store

    def _last_state(self, *inputs: Any, **named: Any) -> Tensor:
        """The core's last hidden state, or the state of the highest layer that is needed."""
        try:
            state: Tensor = self.core(*inputs, **named).last_hidden_state
        except Reached as reached:
            return reached.state
        return state

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


class Reached(Exception):
    """The input of the first layer that is not needed."""

    def __init__(self, state: Tensor) -> None:
        super().__init__()
        self.state = state


def numbers(layer: int | tuple[int, ...]) -> tuple[int, ...]:
    """The layers as a tuple.

    >>> numbers(3), numbers((2, 3))
    ((3,), (2, 3))
    """
    return layer if isinstance(layer, tuple) else (layer,)


def mean_of_layers(states: Sequence[Tensor]) -> Tensor:
    """(batch, frames, dims) mean over layers of states that are normalised to mean 0 and variance 1 in each frame.

    >>> mean_of_layers([torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[2.0, 0.0]]])])
    tensor([[[0., 0.]]])
    """
    return torch.stack([nn.functional.layer_norm(state, state.shape[-1:], eps=NORM_EPS) for state in states]).mean(0)


def masked(lengths: Tensor, size: int | Tensor) -> Tensor:
    """(batch, size) True at positions before the clip's end."""
    positions = torch.arange(size, device=lengths.device)  # type: ignore[arg-type]
    return positions[None] < lengths[:, None]
