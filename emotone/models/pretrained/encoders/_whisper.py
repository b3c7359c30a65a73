"""Encoder of Whisper, which takes the log-mel spectrogram of 30 s, or of a shorter window, at a time."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from emotone.errors import ModelError
from emotone.models.pretrained.checkpoints import Checkpoint
from emotone.models.pretrained.encoders._hidden import SpeechEncoder
from emotone.models.pretrained.optional import transformers


class WhisperEncoder(SpeechEncoder):
    """Windows of 30 s or less, the last one padded with zeros; frames after the end of a clip are cut from the output.

    Short windows cost less: the encoder's time grows with the window. A clip has the same output alone and in a batch.

    The spectrogram is that of `WhisperFeatureExtractor`: its mel bands, log10, at least the maximum of a piece minus 8.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, core: Any, checkpoint: Checkpoint, seconds: float | None = None) -> None:
        super().__init__(core.get_encoder(), checkpoint)
        self._batch = self._longest = 0
        front = transformers().WhisperFeatureExtractor(
            **{key: value for key, value in checkpoint.sound.items() if not key.endswith("_type")}
        )
        self.n_fft, self.hop = int(front.n_fft), int(front.hop_length)
        self.hop_frames = self.core.conv1.stride[0] * self.core.conv2.stride[0]  # mel frames per encoder frame
        if seconds is not None:
            self._shorten(seconds)
        self.piece = int(self.core.max_source_positions) * self.hop_frames * self.hop
        self.register_buffer("window", torch.hann_window(self.n_fft), persistent=False)
        bands = torch.as_tensor(np.asarray(front.mel_filters.T, dtype=np.float32))  # (mels, bins)
        self.register_buffer("bands", bands, persistent=False)

    @property
    def transformer(self) -> nn.ModuleList:
        return cast(nn.ModuleList, self.core.layers)

    @property
    def convolutions(self) -> list[nn.Module]:
        return [self.core.conv1, self.core.conv2, self.core.embed_positions]

    @property
    def final_norm(self) -> nn.Module | None:
        return cast(nn.Module, self.core.layer_norm)

    @property
    def adaptable(self) -> tuple[str, ...]:
        return ("q_proj", "v_proj", "fc1", "fc2")

    @property
    def min_samples(self) -> int:
        return 1

    def regularise(self, *, masking: bool, layer_drop: float | None) -> None:
        if layer_drop is not None:  # the part of Whisper that masks is not used here
            self.core.layerdrop = layer_drop

    def _shorten(self, seconds: float) -> None:
        """Keep the first positions only, as many as a window of so many seconds has."""
        positions = self.core.embed_positions
        rate_hz = self.checkpoint.rate_hz / (self.hop * self.hop_frames)  # encoder frames per second
        count = math.ceil(seconds * rate_hz)
        if not 1 <= count <= positions.num_embeddings:
            raise ModelError(
                f"a window of {seconds:g} s; {self.checkpoint.name} has positions for {1 / rate_hz:g} to "
                f"{positions.num_embeddings / rate_hz:g} s: set seconds to a value between"
            )
        with torch.no_grad():
            shorter = nn.Embedding(count, positions.embedding_dim)
            shorter.weight.copy_(positions.weight[:count])
        self.core.embed_positions = shorter.requires_grad_(positions.weight.requires_grad)
        self.core.max_source_positions = self.core.config.max_source_positions = count

    def _states(self, samples: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        batch, size = samples.shape
        per_frame = self.hop * self.hop_frames
        samples = nn.functional.pad(samples, (0, -size % self.piece))
        self._batch, self._longest = batch, (size + per_frame - 1) // per_frame
        states = self.core(self._log_mel(samples.reshape(-1, self.piece))).last_hidden_state
        frames = None if lengths is None else torch.div(lengths + per_frame - 1, per_frame, rounding_mode="floor")
        return self._unfolded(states), frames

    def _unfolded(self, state: Tensor) -> Tensor:
        """(batch * pieces, frames, dims) -> (batch, frames of the longest clip, dims)."""
        return state.reshape(self._batch, -1, state.shape[2])[:, : self._longest]

    def _log_mel(self, pieces: Tensor) -> Tensor:
        """(pieces, samples) -> (pieces, mels, mel frames)."""
        spectrum = torch.stft(pieces, self.n_fft, self.hop, window=self.window, return_complex=True)[..., :-1]
        logarithm = (self.bands @ torch.view_as_real(spectrum).square().sum(dim=-1)).clamp(min=1e-10).log10()
        return (torch.maximum(logarithm, logarithm.amax(dim=(1, 2), keepdim=True) - 8.0) + 4.0) / 4.0
