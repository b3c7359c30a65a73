"""Encoder of Whisper, which takes the log-mel spectrogram of 30 s, of a shorter window, or of the clip itself."""

from __future__ import annotations

import math
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from emotone.errors import ModelError
from emotone.models.pretrained.checkpoints import Checkpoint
from emotone.models.pretrained.encoders._hidden import Reached, SpeechEncoder, masked
from emotone.models.pretrained.optional import transformers

Window = float | Literal["clip"] | None
"""Seconds of the window; the clip itself; or the 30 s of the checkpoint."""


class WhisperEncoder(SpeechEncoder):
    """Windows of 30 s or less, the last one padded with zeros; frames after the end of a clip are cut from the output.

    Short windows cost less: the encoder's time grows with the window. With `clip`, the window is the clip itself, or
    each of its pieces of 30 s: the encoder's time grows with the clip, and attention ignores the padding of a batch.
    A clip has the same output alone and in a batch.

    The spectrogram is that of `WhisperFeatureExtractor`: its mel bands, log10, at least the maximum of a piece minus 8.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, core: Any, checkpoint: Checkpoint, seconds: Window = None) -> None:
        super().__init__(core.get_encoder(), checkpoint)
        self._batch = self._longest = 0
        front = transformers().WhisperFeatureExtractor(
            **{key: value for key, value in checkpoint.sound.items() if not key.endswith("_type")}
        )
        self.n_fft, self.hop = int(front.n_fft), int(front.hop_length)
        self.hop_frames = self.core.conv1.stride[0] * self.core.conv2.stride[0]  # mel frames per encoder frame
        self.by_clip = seconds == "clip"
        if seconds is not None and seconds != "clip":
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
        self._batch, self._longest = batch, (size + per_frame - 1) // per_frame
        piece = min(self._longest * per_frame, self.piece) if self.by_clip else self.piece
        pieces = nn.functional.pad(samples, (0, -size % piece)).reshape(-1, piece)
        frames = None if lengths is None else ceil_div(lengths, per_frame)
        if not self.by_clip:
            return self._unfolded(self._last_state(self._log_mel(pieces))), frames
        valid = torch.full((batch,), size, device=samples.device) if lengths is None else lengths
        starts = torch.arange(0, size, piece, device=samples.device)
        valid = (valid[:, None] - starts).clamp(0, piece).flatten()  # (batch * pieces,) samples
        return self._unfolded(self._masked_state(pieces, valid, padded=lengths is not None or len(starts) > 1)), frames

    def _masked_state(self, pieces: Tensor, valid: Tensor, *, padded: bool) -> Tensor:
        """(pieces, frames, dims) of the last layer, or of the highest one that is needed.

        Args:
            pieces: (pieces, samples), zeros after the valid ones.
            valid: (pieces,) valid samples.
            padded: whether a piece may have padded frames.
        """
        core, frames = self.core, ceil_div(valid, self.hop * self.hop_frames)
        mels, present = self._clip_log_mel(pieces, ceil_div(valid, self.hop))
        hidden = nn.functional.gelu(core.conv1(mels)) * present
        hidden = nn.functional.gelu(core.conv2(hidden)).transpose(1, 2)
        hidden = hidden + core.embed_positions.weight[: hidden.shape[1]]
        hidden = nn.functional.dropout(hidden, core.dropout, self.training)
        bias = None
        if padded:  # a piece without samples attends to its first frame
            attended = masked(frames.clamp(min=1), hidden.shape[1])[:, None, None]
            bias = torch.zeros_like(attended, dtype=hidden.dtype).masked_fill(~attended, torch.finfo(hidden.dtype).min)
        try:
            for layer in self.transformer:
                if self.training and core.layerdrop and torch.rand(()) < core.layerdrop:
                    continue
                hidden = layer(hidden, bias)
        except Reached as reached:
            return reached.state
        return cast(Tensor, core.layer_norm(hidden))

    def _unfolded(self, state: Tensor) -> Tensor:
        """(batch * pieces, frames, dims) -> (batch, frames of the longest clip, dims)."""
        return state.reshape(self._batch, -1, state.shape[2])[:, : self._longest]

    def _log_mel(self, pieces: Tensor) -> Tensor:
        """(pieces, samples) -> (pieces, mels, mel frames)."""
        logarithm = self._logarithm(pieces, "reflect")
        return (torch.maximum(logarithm, logarithm.amax(dim=(1, 2), keepdim=True) - 8.0) + 4.0) / 4.0

    def _clip_log_mel(self, pieces: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The same of clips whose surroundings are zeros: nothing after the end of a clip, in samples or in frames.

        Returns:
            (pieces, mels, mel frames), zeros after `frames`, and (pieces, 1, mel frames) where they are not.
        """
        logarithm = self._logarithm(pieces, "constant")
        present = masked(frames, logarithm.shape[2])[:, None]
        highest = logarithm.masked_fill(~present, -torch.inf).amax(dim=(1, 2), keepdim=True).clamp(min=-10.0)
        return (torch.maximum(logarithm, highest - 8.0) + 4.0) / 4.0 * present, present

    def _logarithm(self, pieces: Tensor, padding: str) -> Tensor:
        """(pieces, samples) -> (pieces, mels, mel frames) log10 of the energies, at least -10."""
        spectrum = torch.stft(pieces, self.n_fft, self.hop, window=self.window, pad_mode=padding, return_complex=True)[
            ..., :-1
        ]
        return (self.bands @ torch.view_as_real(spectrum).square().sum(dim=-1)).clamp(min=1e-10).log10()


def ceil_div(count: Tensor, size: int) -> Tensor:
    """The quotient, rounded up.

    >>> ceil_div(torch.tensor([0, 1, 320, 321]), 320)
    tensor([0, 1, 1, 2])
    """
    return torch.div(count + size - 1, size, rounding_mode="floor")
