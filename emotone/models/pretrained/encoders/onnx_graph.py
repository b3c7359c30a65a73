"""ONNX graph of a Whisper encoder, from samples to the hidden states of some layers or their statistics over time.

The graph has matrix products in place of Fourier transforms and convolutions, so that all its large matrices can be
quantised. Names of initializers: those of the log-mel spectrogram start with `log_mel.`, and their range is too large
for integers.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from emotone.errors import MissingExtra
from emotone.models.layers.to_onnx import onnx_graph
from emotone.models.pretrained import encoders
from emotone.models.pretrained.checkpoints import Checkpoint
from emotone.models.pretrained.encoders._hidden import masked, mean_of_layers, numbers
from emotone.models.pretrained.encoders._whisper import WhisperEncoder, ceil_div

if TYPE_CHECKING:
    import onnx

Layer = int | tuple[int, ...] | Literal["last"]
Pooling = Literal["mean", "mean_std", "none"]

OPSET = 20
"""Version of ONNX's operators: the first with GELU."""
_SINUSOID_ERROR = 1e-3  # of positions that are computed in place of a table
_LOWEST = -1e9  # of the attention to padding


def shared_graph(checkpoint: Checkpoint, layer: Layer, pooling: Pooling) -> onnx.ModelProto:
    """A copy of the graph of a Whisper checkpoint, which is made once per process; see `encoder_graph`.

    Raises:
        MissingExtra: transformers or onnx is absent.
        ModelError: the weights cannot be read, or torch cannot export them.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtra("export to ONNX", "onnx") from None
    return onnx.load_from_string(_bytes(_ByIdentity(checkpoint), layer, pooling))


class _ByIdentity:
    """A checkpoint as a key: equal to others of the same name and weights."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self.key = checkpoint, (checkpoint.name, checkpoint.identity)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.key == other.key


@lru_cache(maxsize=2)
def _bytes(key: _ByIdentity, layer: Layer, pooling: Pooling) -> bytes:
    encoder = encoders.load(key.checkpoint, "clip")
    assert isinstance(encoder, WhisperEncoder)
    content: bytes = encoder_graph(encoder, layer, pooling).SerializeToString()
    return content


def encoder_graph(encoder: WhisperEncoder, layer: Layer = "last", pooling: Pooling = "mean") -> onnx.ModelProto:
    """The graph of the encoder with the clip as its window.

    Inputs `samples` (batch, samples), zeros after the end of a clip, and `lengths` (batch,). Outputs `values`, (batch,
    dims) or, without pooling, (batch, frames, dims) with zeros after the end of a clip, and `frames` (batch,).

    Args:
        encoder: on the CPU.
        layer: as for the encoder; layers above are left out.
        pooling: statistics over time.

    Raises:
        ModelError: torch cannot export it.
    """
    clips, samples = torch.export.Dim("batch"), torch.export.Dim("samples", min=2)
    module = _Graph(encoder, layer, pooling)
    example = (torch.zeros(2, 4 * encoder.n_fft), torch.tensor([4 * encoder.n_fft, 1]))
    inputs = dict(zip(("samples", "lengths"), example, strict=True))
    outputs = ["values", "frames"][: 2 if pooling == "none" else 1]
    dynamic = ({0: clips, 1: samples}, {0: clips})
    return onnx_graph(module, inputs, dynamic, outputs, OPSET, name=encoder.checkpoint.name)


class _Graph(nn.Module):
    """`forward(samples, lengths) -> values`, with `frames` where there is no pooling."""

    def __init__(self, encoder: WhisperEncoder, layer: Layer, pooling: Pooling) -> None:
        super().__init__()
        core, every = encoder.core, len(encoder.transformer)
        self.pooling, self.hop = pooling, encoder.hop
        self.per_frame, self.piece = encoder.hop * encoder.hop_frames, encoder.piece
        self.wanted = (every,) if layer == "last" else tuple(range(every + 1)[number] for number in numbers(layer))
        self.one_layer = not isinstance(layer, tuple)
        self.log_mel = LogMel(encoder.n_fft, encoder.hop, encoder.bands)
        self.conv1, self.conv2 = _Convolution(core.conv1), _Convolution(core.conv2)
        self.positions = _Positions(core.embed_positions.weight.detach())
        self.layers = nn.ModuleList(_Layer(part) for part in encoder.transformer[: max(self.wanted)])
        self.last_norm = core.layer_norm if every in self.wanted else None

    def forward(self, samples: Tensor, lengths: Tensor) -> Any:
        batch, size = samples.shape
        longest = (size + self.per_frame - 1) // self.per_frame
        piece = torch.sym_min(longest * self.per_frame, self.piece)  # type: ignore[no-untyped-call]
        count = (size + self.piece - 1) // self.piece
        pieces = nn.functional.pad(samples, (0, count * piece - size)).reshape(batch * count, piece)
        starts = torch.arange(count) * self.piece
        valid = (lengths[:, None] - starts).clamp(0, self.piece).reshape(batch * count)
        states = self._states(pieces, valid)
        whole = [state.reshape(batch, -1, state.shape[2])[:, :longest] for state in states]
        values = whole[0] if self.one_layer else mean_of_layers(whole)
        frames = ceil_div(lengths, self.per_frame)
        present = masked(frames, longest)[..., None]
        values = torch.where(present, values, 0.0)
        if self.pooling == "none":
            return values, frames
        total = frames.clamp(min=1)[:, None]
        mean = values.sum(dim=1) / total
        if self.pooling == "mean":
            return mean
        deviations = torch.where(present, values - mean[:, None], 0.0)
        return torch.cat([mean, (deviations.square().sum(dim=1) / total).sqrt()], dim=1)

    def _states(self, pieces: Tensor, valid: Tensor) -> list[Tensor]:
        """(pieces, frames, dims) states of each layer that is wanted."""
        mels, present = self.log_mel(pieces, ceil_div(valid, self.hop))
        hidden = nn.functional.gelu(self.conv1(mels)) * present
        hidden = nn.functional.gelu(self.conv2(hidden))
        hidden = hidden + self.positions(hidden.shape[1])
        attended = masked(ceil_div(valid, self.per_frame).clamp(min=1), hidden.shape[1])
        bias = torch.where(attended, 0.0, _LOWEST)[:, None, None]
        states = {0: hidden}
        for number, layer in enumerate(self.layers):
            states[number + 1] = hidden = layer(hidden, bias)
        if self.last_norm is not None:
            states[len(self.layers)] = self.last_norm(hidden)
        return [states[number] for number in self.wanted]


class LogMel(nn.Module):
    """Whisper's log-mel spectrogram of clips whose surroundings are zeros, by real matrix products.

    A frame of the transform, windowed symmetrically, is the sum of an even and an odd part: the real part of its
    spectrum is that of the even part, the imaginary part that of the odd one, and each has half of the samples.
    """

    def __init__(self, n_fft: int, hop: int, bands: Tensor) -> None:
        super().__init__()
        self.n_fft, self.hop, self.block = n_fft, hop, math.gcd(n_fft, hop)
        half = n_fft // 2
        angles = 2 * np.pi / n_fft * np.outer(np.arange(half + 1), np.arange(half + 1))  # (samples, bins)
        window = np.hanning(n_fft + 1)[: half + 1]
        for name, values in (
            ("window", window),
            ("cosine", np.cos(angles)),
            ("sine", np.sin(angles)[1:half]),
            ("bands", bands.cpu().numpy().T),
        ):
            self.register_buffer(name, torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32))

    def forward(self, samples: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Of (clips, samples), a multiple of the hop, and (clips,) valid frames.

        Returns:
            (clips, frames, mels), zeros after the valid ones, and (clips, frames, 1) where they are not.
        """
        half, count = self.n_fft // 2, samples.shape[1] // self.hop
        padded = nn.functional.pad(samples, (half, half - self.hop))
        blocks = padded.reshape(samples.shape[0], -1, self.block)
        step = self.hop // self.block
        cut = [blocks[:, first : first + step * (count - 1) + 1 : step] for first in range(self.n_fft // self.block)]
        whole = torch.cat(cut, dim=2)  # (clips, frames, n_fft)
        front, back = whole[..., 1:half], whole[..., half + 1 :].flip(-1)
        even = torch.cat([whole[..., :1], front + back, whole[..., half : half + 1]], dim=2)
        window = self.get_buffer("window")
        real = (even * window) @ self.get_buffer("cosine")
        imaginary = ((front - back) * window[1:half]) @ self.get_buffer("sine")
        energy = (real.square() + imaginary.square()) @ self.get_buffer("bands")
        logarithm = energy.clamp(min=1e-10).log() * (1 / math.log(10))
        present = masked(frames, count)[..., None]
        highest = torch.where(present, logarithm, -10.0).amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(logarithm, highest - 8.0) + 4.0) / 4.0 * present, present


class _Dense(nn.Module):
    """`values @ matrix + bias`, with the matrix as the graph multiplies it."""

    def __init__(self, matrix: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix.detach().contiguous())
        self.register_buffer("bias", bias.detach())

    def forward(self, values: Tensor) -> Tensor:
        return values @ self.get_buffer("matrix") + self.get_buffer("bias")


class _Convolution(nn.Module):
    """A convolution of kernel 3 over (pieces, frames, dims), padded by one frame on both sides."""

    def __init__(self, original: nn.Conv1d) -> None:
        super().__init__()
        self.stride = int(original.stride[0])
        matrix = original.weight.permute(2, 1, 0).flatten(0, 1)  # (3 * dims, outputs)
        assert original.bias is not None
        self.dense = _Dense(matrix, original.bias)

    def forward(self, values: Tensor) -> Tensor:
        size = values.shape[1]
        padded = nn.functional.pad(values, (0, 0, 1, 1))
        shifted = [padded[:, first : first + size - self.stride + 1 : self.stride] for first in range(3)]
        found: Tensor = self.dense(torch.cat(shifted, dim=2))
        return found


class _Positions(nn.Module):
    """(frames, dims) of the first positions: computed where they are Whisper's sinusoids, else from a table."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.rounded = False
        rates = torch.exp(-math.log(10_000) / (table.shape[1] // 2 - 1) * torch.arange(table.shape[1] // 2))
        self.register_buffer("rates", rates)
        self.computed = bool((self.sinusoids(len(table)) - table).abs().max() < _SINUSOID_ERROR)
        if self.computed:
            self.rounded = torch.equal(table, table.half().float())
        else:
            self.register_buffer("table", table)

    def forward(self, count: int) -> Tensor:
        return self.sinusoids(count) if self.computed else self.get_buffer("table")[:count]

    def sinusoids(self, count: int) -> Tensor:
        """(count, dims), rounded to half precision where the checkpoint's are."""
        angles = torch.arange(count)[:, None] * self.get_buffer("rates")
        found = torch.cat([angles.sin(), angles.cos()], dim=1)
        return found.half().float() if self.rounded else found


class _Layer(nn.Module):
    """A layer of the transformer, with one matrix for query, key and value."""

    def __init__(self, original: Any) -> None:
        super().__init__()
        attention = original.self_attn
        self.heads, self.head_dims = int(attention.num_heads), int(attention.head_dim)
        query, key, value = attention.q_proj, attention.k_proj, attention.v_proj
        self.inputs = _Dense(
            torch.cat([query.weight, key.weight, value.weight]).T,
            torch.cat([query.bias, torch.zeros_like(query.bias), value.bias]),
        )
        self.outputs = _transposed(attention.out_proj)
        self.wide, self.narrow = _transposed(original.fc1), _transposed(original.fc2)
        self.norms = nn.ModuleList([original.self_attn_layer_norm, original.final_layer_norm])
        self.activation = original.activation_fn

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """(pieces, frames, dims) of the input and of the output; `bias` (pieces, 1, 1, frames)."""
        pieces, frames, dims = hidden.shape
        shape = (pieces, frames, self.heads, self.head_dims)
        joined = self.inputs(self.norms[0](hidden)).split(dims, dim=2)
        query, key, value = (part.reshape(shape).transpose(1, 2) for part in joined)
        query = query * self.head_dims**-0.5
        attention = (query @ key.transpose(2, 3) + bias).softmax(dim=-1) @ value
        hidden = hidden + self.outputs(attention.transpose(1, 2).reshape(pieces, frames, dims))
        found: Tensor = hidden + self.narrow(self.activation(self.wide(self.norms[1](hidden))))
        return found


def _transposed(linear: nn.Linear) -> _Dense:
    return _Dense(linear.weight.T, linear.bias)
