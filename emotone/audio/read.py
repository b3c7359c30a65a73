"""Reading a file, file object or array as float32 mono at a given rate; trimming, normalisation, fixed length."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from emotone.audio.decode import cut, decode, seconds
from emotone.audio.limits import check_length, check_rate
from emotone.audio.mono import Channel, check_channel, checked_array, mono
from emotone.audio.mono import Samples as Samples
from emotone.audio.source import Source as Source
from emotone.audio.source import name_of as name_of
from emotone.audio.source import named
from emotone.errors import AudioError

RATE_HZ = 16_000
EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".m4a", ".mp4", ".webm", ".aac")


class AudioSettings(BaseModel):
    """Preprocessing of a clip between reading it and extracting its features."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rate_hz: int = Field(RATE_HZ, gt=0, description="Sampling rate to which every clip is resampled.")
    channel: Channel = Field(
        "mix",
        repr=False,  # a voice profile does not depend on it
        description="Channel to use: the mean of all (mix), the first (left), the second (right), or the loudest.",
    )
    tones: Literal["keep", "remove"] = Field(
        "keep", description="Steady tones through the whole clip: kept, or removed after reading."
    )
    trim_db: float | None = Field(
        None,
        gt=0,
        description="Trim both ends below this level relative to the loudest frame, in dB; none: no trimming.",
    )
    normalise: Literal["none", "peak", "rms"] = Field("none", description="Scale the peak to 1, or the RMS to 0.1.")
    seconds: float | None = Field(
        None, gt=0, description="Length to which every clip is padded or cropped; none: its own length."
    )
    pad: Literal["end", "symmetric"] = Field("end", description="Position of the padding of a clip that is too short.")
    crop: Literal["start", "centre"] = Field("start", description="Part kept of a clip that is too long.")

    @model_serializer(mode="wrap")
    def _serialised(self, default: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `channel` where it is `mix`: features that were cached before it was a setting stay valid."""
        content: dict[str, Any] = default(self)
        if content.get("channel") == "mix":
            del content["channel"]
        return content

    def __call__(self, samples: Samples, loudness: Loudness | None = None) -> Samples:
        """(samples,) at `rate_hz` -> (samples,), trimmed, normalised, then padded or cropped to `seconds`.

        Args:
            samples: (samples,) after `steady_tones.cleaned`.
            loudness: of these samples, to measure it only once for several settings.
        """
        if self.trim_db is not None:
            loudness = loudness or Loudness.of(samples, self.rate_hz)
            first, last = loudness.ends(self.trim_db)
            samples = samples[first:last]
        if self.normalise == "peak":
            samples = normalise_peak(samples)
        elif self.normalise == "rms":
            samples = normalise_rms(samples)
        if self.seconds is not None:
            samples = fit_length(samples, round(self.seconds * self.rate_hz), pad=self.pad, crop=self.crop)
        return samples

    def place(self, samples: Samples) -> tuple[int, int, int]:
        """(first, last, before): the output of a call contains `samples[first:last]` after `before` zeros.

        >>> AudioSettings(rate_hz=2, seconds=2, pad="symmetric").place(np.ones(2, dtype=np.float32))
        (0, 2, 1)
        """
        start, end = 0, samples.size
        if self.trim_db is not None:
            start, end = ends(samples, self.rate_hz, below_db=self.trim_db)
        if self.seconds is None:
            return start, end, 0
        first, last, before = _fitted(end - start, round(self.seconds * self.rate_hz), self.pad, self.crop)
        return start + first, start + last, before


def read(
    source: Source,
    rate_hz: int = RATE_HZ,
    *,
    source_rate_hz: float | None = None,
    channel: Channel = "mix",
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Samples:
    """(samples,) float32 mono at `rate_hz`, nominally within -1 .. 1.

    A file that is over 50 ms shorter than its header states is refused as incomplete. Ogg files and streamed files
    state no length; they are read to their end. Sampling rates of 1,000 to 768,000 Hz, 1 to 32 channels and up to 12
    hours are accepted, of files and arrays alike.

    Args:
        source: a path, also of a pipe, `-` for standard input, an open binary file, or an array: (samples,) or
            (samples, channels), of any float type (taken as it is) or integer type (scaled by its range).
        rate_hz: sampling rate of the result.
        source_rate_hz: sampling rate of an array; files state their own.
        channel: the channel to use of several; `mix` averages all.
        start_s, end_s: the section to read; None is the end.

    Raises:
        AudioError: not readable as sound, incomplete, empty, not finite, of an unsupported shape, rate or scale, or its
            channels cancel each other in a mix. Errors of libraries are raised as this, with the source's name.
        MissingExtra: m4a, mp4 or webm without PyAV.

    >>> read(np.array([[0, 32767], [0, -32768]], dtype=np.int16), 8000, source_rate_hz=8000).round(2).tolist()
    [0.5, -0.5]
    """
    options: dict[str, Any] = {"channel": channel, "start_s": start_s, "end_s": end_s}
    return read_at(source, [rate_hz], source_rate_hz=source_rate_hz, **options)[rate_hz]


def read_at(
    source: Source,
    rates_hz: Iterable[int],
    *,
    source_rate_hz: float | None = None,
    channel: Channel = "mix",
    start_s: float = 0.0,
    end_s: float | None = None,
) -> dict[int, Samples]:
    """Rate -> the result of `read` at that rate; the source is decoded once."""
    with named(name := name_of(source)):
        if not (0 <= start_s < math.inf and (end_s is None or start_s < end_s < math.inf)):
            raise AudioError(f"{name}: the section {start_s} .. {end_s} s is empty; 0 <= start < end is required")
        check_channel(channel)
        if isinstance(source, np.ndarray):
            if source_rate_hz is None:
                raise AudioError(f"{name}: its sampling rate is missing; pass it in Hz with the array")
            came_hz = check_rate(source_rate_hz, name)
            sound = cut(checked_array(source, name), came_hz, start_s, end_s)
        else:
            sound, came_hz = decode(source, name, start_s, end_s)
        check_length(len(sound), came_hz, name)
        samples = mono(sound, name, channel)
        resampled = {rate_hz: resample(samples, came_hz, rate_hz) for rate_hz in dict.fromkeys(rates_hz)}
        if any(result.size == 0 for result in resampled.values()):
            section = "" if not start_s and end_s is None else f" between {start_s} s and {end_s or 'the end'}"
            raise AudioError(f"{name}: {samples.size} samples{section}; is the recording empty?")
        return resampled


def duration_s(source: str | os.PathLike[str]) -> float:
    """Duration of a file according to its header, decoded only if the format requires it.

    Raises:
        AudioError: not readable as sound.
    """
    with named(name := name_of(source)):
        return seconds(source, name)


def resample(samples: Samples, from_hz: float, to_hz: float) -> Samples:
    """(samples,) at another rate, by soxr's high-quality resampler.

    >>> resample(np.zeros(48000, dtype=np.float32), 48000, 16000).shape
    (16000,)
    """
    if from_hz <= 0 or to_hz <= 0:
        raise AudioError(f"rates must be positive; got {from_hz} Hz -> {to_hz} Hz")
    if from_hz == to_hz:
        return samples
    return np.asarray(soxr.resample(samples, from_hz, to_hz), dtype=np.float32)


def normalise_peak(samples: Samples, peak: float = 1.0) -> Samples:
    """The clip scaled so that its largest absolute sample is `peak`; silence stays silent.

    >>> normalise_peak(np.array([0.125, -0.25], dtype=np.float32)).tolist()
    [0.5, -1.0]
    """
    largest = float(np.abs(samples).max(initial=0.0))
    return (samples * np.float64(peak / largest)).astype(np.float32) if largest > 0 else samples


def normalise_rms(samples: Samples, rms: float = 0.1) -> Samples:
    """The clip scaled to this root mean square; silence stays silent. May exceed -1 .. 1."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
    return (samples * np.float64(rms / level)).astype(np.float32) if level > 0 else samples


def trim(
    samples: Samples, rate_hz: int, *, below_db: float = 60.0, frame_s: float = 0.025, hop_s: float = 0.01
) -> Samples:
    """The clip without the silence at both ends that `ends` finds.

    >>> tone = np.sin(np.arange(8000) / 5).astype(np.float32)
    >>> quiet = np.zeros(8000, dtype=np.float32)
    >>> 7600 < trim(np.concatenate([quiet, tone, quiet]), 16000).size < 8800
    True
    """
    first, last = ends(samples, rate_hz, below_db=below_db, frame_s=frame_s, hop_s=hop_s)
    return samples[first:last]


def ends(
    samples: Samples, rate_hz: int, *, below_db: float = 60.0, frame_s: float = 0.025, hop_s: float = 0.01
) -> tuple[int, int]:
    """(first, last): the sound is `samples[first:last]`; there is silence before and after it.

    A frame is silent if its power is at least `below_db` below that of the loudest frame. A clip of silence is returned
    whole.
    """
    return Loudness.of(samples, rate_hz, frame_s, hop_s).ends(below_db)


class Loudness(NamedTuple):
    """Power of a clip in overlapping frames: (frames,) first sample, last sample + 1, and mean power."""

    starts: NDArray[np.intp]
    stops: NDArray[np.intp]
    power: NDArray[np.float64]

    @classmethod
    def of(cls, samples: Samples, rate_hz: int, frame_s: float = 0.025, hop_s: float = 0.01) -> Loudness:
        """The loudness of a clip; a clip shorter than a frame is a single frame."""
        frame, hop = max(1, round(frame_s * rate_hz)), max(1, round(hop_s * rate_hz))
        frame = min(frame, samples.size)
        block = math.gcd(frame, hop)  # frames start and end at blocks; zeros follow the last sample
        blocks = np.zeros((-(-samples.size // block), block))
        blocks.ravel()[: samples.size] = samples
        total = np.concatenate([[0.0], np.cumsum(np.einsum("bs,bs->b", blocks, blocks))])
        starts = np.arange(0, samples.size - frame + hop, hop)
        stops = np.minimum(starts + frame, samples.size)
        power = (total[-(-stops // block)] - total[starts // block]) / np.maximum(stops - starts, 1)
        return cls(starts, stops, power)

    def ends(self, below_db: float) -> tuple[int, int]:
        """(first, last) as in the function `ends`."""
        loud = np.flatnonzero(self.power > self.power.max() * 10 ** (-below_db / 10))
        if not loud.size:
            return 0, int(self.stops[-1])
        return int(self.starts[loud[0]]), int(self.stops[loud[-1]])


def fit_length(
    samples: Samples,
    length: int,
    *,
    pad: Literal["end", "symmetric"] = "end",
    crop: Literal["start", "centre"] = "start",
) -> Samples:
    """(length,) the clip padded with zeros or cropped.

    >>> fit_length(np.ones(2, dtype=np.float32), 4, pad="symmetric").tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    first, last, before = _fitted(samples.size, length, pad, crop)
    return np.pad(samples, (before, length - last - before)) if samples.size < length else samples[first:last]


def _fitted(size: int, length: int, pad: str, crop: str) -> tuple[int, int, int]:
    """(first, last, before): of `size` samples, `first` to `last` are kept after `before` zeros."""
    missing = length - size
    if missing > 0:
        return 0, size, missing // 2 if pad == "symmetric" else 0
    first = -missing // 2 if crop == "centre" else 0
    return first, first + length, 0
