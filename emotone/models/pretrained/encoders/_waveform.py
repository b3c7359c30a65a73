"""wav2vec 2.0, XLS-R, HuBERT, WavLM and data2vec-audio: encoders of the waveform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from emotone.models.pretrained.checkpoints import Checkpoint
from emotone.models.pretrained.encoders._hidden import SpeechEncoder, masked


class WaveformEncoder(SpeechEncoder):
    """An encoder whose convolutions make a frame of 400 samples every 320.

    In the originals, padding changes the output in two places. Both are patched here, and the output of an unpadded
    clip stays the same: the group norm of the first convolution (`feat_extract_norm: group`, whose checkpoints come
    without attention mask for that reason) takes mean and variance over the valid frames of each clip; the stacked
    positional convolutions of data2vec have zeros as padding in every layer, as at the end of an unpadded clip.
    """

    def __init__(self, core: Any, checkpoint: Checkpoint) -> None:
        super().__init__(core, checkpoint)
        self.normalise = bool(checkpoint.sound.get("do_normalize", True))
        first = core.feature_extractor.conv_layers[0]
        self.group_norm: ClipNorm | None = None
        if isinstance(getattr(first, "layer_norm", None), nn.GroupNorm):
            self.group_norm = first.layer_norm = ClipNorm(first.layer_norm)
        self.positional = list(getattr(core.encoder.pos_conv_embed, "layers", []))
        self._frames: Tensor | None = None
        self.masking = False
        for layer in self.positional:
            layer.register_forward_hook(self._mask_padding)

    @property
    def transformer(self) -> nn.ModuleList:
        return cast(nn.ModuleList, self.core.encoder.layers)

    @property
    def convolutions(self) -> list[nn.Module]:
        return [self.core.feature_extractor]

    @property
    def final_norm(self) -> nn.Module | None:
        stable = getattr(self.core.config, "do_stable_layer_norm", False)
        return cast(nn.Module, self.core.encoder.layer_norm) if stable else None

    @property
    def adaptable(self) -> tuple[str, ...]:
        # WavLM passes the weights of its projections to torch's own attention, which would ignore an adapter
        inside = ("intermediate_dense", "output_dense")
        return inside if self.checkpoint.family == "wavlm" else ("q_proj", "v_proj", *inside)

    @property
    def min_samples(self) -> int:
        samples = 1
        for conv in reversed(self._convs()):
            samples = (samples - 1) * conv.stride[0] + conv.kernel_size[0]
        return samples

    def regularise(self, *, masking: bool, layer_drop: float | None) -> None:
        self.masking = masking
        if layer_drop is not None:
            self.core.config.layerdrop = layer_drop

    def _convs(self) -> list[nn.Conv1d]:
        return [layer.conv for layer in self.core.feature_extractor.conv_layers]

    def _states(self, samples: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        frames = lengths
        if lengths is not None:
            # a clip that is too short for one frame includes some of the padding
            lengths = lengths.clamp(min=self.min_samples)
            valid = masked(lengths, samples.shape[1])
        if self.normalise:
            # (batch, samples), as Wav2Vec2FeatureExtractor does it
            if lengths is None:
                variance, mean = torch.var_mean(samples, dim=1, correction=0, keepdim=True)
                samples = (samples - mean) / torch.sqrt(variance + 1e-7)
            else:
                mean = (samples * valid).sum(dim=1, keepdim=True) / lengths[:, None]
                centred = (samples - mean) * valid
                variance = centred.square().sum(dim=1, keepdim=True) / lengths[:, None]
                samples = centred / torch.sqrt(variance + 1e-7)
        mask = None
        if lengths is not None:
            frames = lengths
            for number, conv in enumerate(self._convs()):
                frames = torch.div(frames - conv.kernel_size[0], conv.stride[0], rounding_mode="floor") + 1
                if number == 0 and self.group_norm is not None:
                    self.group_norm.frames = frames
            mask = valid.long()
        elif self.group_norm is not None:
            self.group_norm.frames = None
        self._frames = frames
        # transformers refuses to mask stretches that are longer than the clips
        long_enough = samples.shape[1] > 320 * (self.core.config.mask_time_length + 2)
        self.core.config.apply_spec_augment = self.masking and self.training and long_enough
        with _numpy_follows_torch() if self.training else nullcontext():
            states = self._last_state(samples, attention_mask=mask)
        return states, frames

    def _mask_padding(self, layer: nn.Module, args: Any, output: Tensor) -> Tensor:
        """(batch, dims, frames) with zeros as padding."""
        if self._frames is None:
            return output
        return output * masked(self._frames, output.shape[2])[:, None]


@contextmanager
def _numpy_follows_torch() -> Iterator[None]:
    """transformers draws masks with numpy's global generator; seed it from torch's, which training seeds."""
    before = np.random.get_state()
    np.random.seed(int(torch.randint(2**31, ())))
    try:
        yield
    finally:
        np.random.set_state(before)


class ClipNorm(nn.Module):
    """Group norm with one group per channel whose mean and variance are those of each clip's valid frames."""

    def __init__(self, original: nn.GroupNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = original.weight, original.bias, original.eps
        self.frames: Tensor | None = None

    def forward(self, values: Tensor) -> Tensor:
        """(batch, channels, frames) -> the same shape."""
        if self.frames is None:
            return nn.functional.group_norm(values, values.shape[1], self.weight, self.bias, self.eps)
        valid = masked(self.frames, values.shape[2])[:, None]
        count = self.frames[:, None, None]
        plain = values.float()
        mean = (plain * valid).sum(dim=2, keepdim=True) / count
        variance = ((plain - mean).square() * valid).sum(dim=2, keepdim=True) / count
        scaled = (plain - mean) / torch.sqrt(variance + self.eps)
        return (scaled * self.weight[:, None] + self.bias[:, None]).to(values.dtype)
