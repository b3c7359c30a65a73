"""Mel spectrogram: the base of log-mel, MFCC and spectrogram pictures."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.audio.spectrum import frames, hann, power_spectrum
from emotone.features import Feature, Values

MelScale = Literal["slaney", "htk"]
_GROUP = (
    16  # bands multiplied at once; each group meets only the bins under its triangles (measured: 5x the dense product)
)
_CHUNK = 64  # as in `_spectrum`: small arrays are used again


class MelFeature(Feature):
    """Settings and computation of a logarithmic mel spectrogram, shared by `log_mel`, `mfcc` and `spectrogram_image`.

    The definitions and defaults are those of librosa (`melspectrogram`, `power_to_db`).
    """

    mels: int = Field(128, ge=1, description="Mel bands.")
    n_fft: int = Field(2048, ge=2, description="Samples per Fourier transform.")
    hop: int = Field(512, ge=1, description="Samples from one frame to the next.")
    window_length: int | None = Field(None, ge=2, description="Samples under the Hann window; none: n_fft.")
    fmin_hz: float = Field(0.0, ge=0, description="Lower edge of the lowest band.")
    fmax_hz: float | None = Field(None, gt=0, description="Upper edge of the highest band; none: half the rate.")
    mel_scale: MelScale = Field("slaney", description="Formula of the mel scale; bands have equal area with both.")
    centre: bool = Field(True, description="Centre frames on their time, with zero padding at both ends.")
    power: Literal[1, 2] = Field(2, description="Exponent of the magnitude: 1 amplitude, 2 power.")
    log: Literal["db", "ln", "none"] = Field("db", description="db: 10 log10; ln: natural logarithm of value + 1e-8.")
    ref: Literal["one", "max"] = Field("one", description="Reference of 0 dB: 1, or the clip's largest value.")
    amin: float = Field(1e-10, gt=0, description="Lower limit of the values before the logarithm.")
    top_db: float | None = Field(80.0, gt=0, description="Dynamic range below the maximum in dB; none: unlimited.")
    normalise: Literal["none", "clip_mean", "clip"] = Field(
        "none",
        description="Per clip and dimension: subtract the mean (clip_mean), or also divide by the deviation (clip).",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.window_length is not None and self.window_length > self.n_fft:
            raise ValueError(f"window_length {self.window_length} is longer than n_fft {self.n_fft}; raise n_fft")
        if self.fmax_hz is not None and self.fmax_hz <= self.fmin_hz:
            raise ValueError(f"fmax_hz {self.fmax_hz} must lie above fmin_hz {self.fmin_hz}")
        return self

    def window(self) -> Values:
        """(window_length,) the Hann window of each frame."""
        return hann(self.window_length or self.n_fft)

    def filterbank(self, rate_hz: int) -> Values:
        """(mels, n_fft // 2 + 1) weight of every bin in every band."""
        return filterbank(rate_hz, self.n_fft, self.mels, self.fmin_hz, self.fmax_hz or rate_hz / 2, self.mel_scale)

    def mel_spectrogram(self, samples: Values, rate_hz: int) -> Values:
        """(frames, mels) before the logarithm."""
        length = self.window_length or self.n_fft
        framed = frames(samples, self.n_fft, self.hop, centre=self.centre)
        # The window is centred in n_fft samples; samples outside it are not needed.
        before = (self.n_fft - length) // 2
        framed = framed[:, before : before + length]
        groups = _groups(rate_hz, self.n_fft, self.mels, self.fmin_hz, self.fmax_hz or rate_hz / 2, self.mel_scale)
        mel = np.zeros((len(framed), self.mels), dtype=np.float32)
        for start in range(0, len(framed), _CHUNK):
            part = slice(start, start + _CHUNK)
            spectrum = power_spectrum(framed[part], self.n_fft)
            if self.power == 1:
                np.sqrt(spectrum, out=spectrum)
            for bands, bins, weights in groups:
                np.matmul(spectrum[:, bins], weights, out=mel[part, bands])
        return mel

    def log_mel_spectrogram(self, samples: Values, rate_hz: int) -> Values:
        """(frames, mels) after the logarithm."""
        mel = self.mel_spectrogram(samples, rate_hz)
        if self.log == "none":
            return mel
        loudness: Values
        if self.log == "ln":
            loudness = np.log(mel + np.float32(1e-8))
            return loudness
        loudness = 10 * np.log10(np.maximum(mel, np.float32(self.amin)))
        if self.ref == "max":
            loudness -= loudness.max()
        return loudness if self.top_db is None else np.maximum(loudness, loudness.max() - np.float32(self.top_db))

    def normalised(self, values: Values) -> Values:
        """(frames, dims) normalised as set; a constant dimension becomes zeros."""
        if self.normalise == "none":
            return values
        values = values - values.mean(axis=0)
        return values / np.maximum(values.std(axis=0), np.float32(1e-5)) if self.normalise == "clip" else values


def mel_from_hz(hz: NDArray[np.float64], scale: MelScale) -> NDArray[np.float64]:
    """Frequencies on a mel scale.

    Source: `htk`, O'Shaughnessy 1987; `slaney`, the Auditory Toolbox (1998): linear to 1 kHz, logarithmic above.
    """
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def hz_from_mel(mel: NDArray[np.float64], scale: MelScale) -> NDArray[np.float64]:
    """Frequencies of positions on a mel scale.

    >>> hz_from_mel(mel_from_hz(np.array([440.0, 4000.0]), "slaney"), "slaney").round(6).tolist()
    [440.0, 4000.0]
    """
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


@lru_cache(maxsize=32)
def filterbank(rate_hz: int, n_fft: int, mels: int, fmin_hz: float, fmax_hz: float, scale: MelScale) -> Values:
    """(mels, n_fft // 2 + 1) overlapping triangles of equal area, evenly spaced on the mel scale; read-only."""
    ends = mel_from_hz(np.array([fmin_hz, fmax_hz]), scale)
    corners = hz_from_mel(np.linspace(ends[0], ends[1], mels + 2), scale)
    bins = np.arange(n_fft // 2 + 1) * (rate_hz / n_fft)
    low, peak, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = np.maximum(0, np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak)))
    weights: Values = (triangles * 2 / (high - low)).astype(np.float32)
    weights.flags.writeable = False
    return weights


@lru_cache(maxsize=32)
def _groups(
    rate_hz: int, n_fft: int, mels: int, fmin_hz: float, fmax_hz: float, scale: MelScale
) -> list[tuple[slice, slice, Values]]:
    """(bands, bins, (bins, bands) weights) of neighbouring bands, restricted to the bins that they cover."""
    weights = filterbank(rate_hz, n_fft, mels, fmin_hz, fmax_hz, scale)
    groups = []
    for start in range(0, mels, _GROUP):
        bands = slice(start, min(start + _GROUP, mels))
        touched = np.flatnonzero(weights[bands].any(axis=0))
        if touched.size:
            bins = slice(int(touched[0]), int(touched[-1]) + 1)
            groups.append((bands, bins, np.ascontiguousarray(weights[bands, bins].T)))
    return groups
