"""Low-level descriptors: timbre, spectral shape, voice quality, energy and pitch of every moment of speech."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.features import Feature, Values
from emotone.features._mel import filterbank
from emotone.features._melody import semitones
from emotone.features._pitch import track_in_spectra
from emotone.features._shape import NAMES as SHAPE_NAMES
from emotone.features._shape import spectral_shape
from emotone.features._speech import HIGH_HZ, LOW_HZ, speech
from emotone.features._voice import NAMES as VOICE_NAMES
from emotone.features._voice import quality

SHAPES = (*SHAPE_NAMES, "harmonics_to_noise")
_VOICE_DB = -30  # frames of this level relative to the loud parts, or louder, may be voiced
_FEWEST = 5  # speech frames or voiced frames; with fewer, all frames are used


class Descriptors(Feature):
    """(frames, 70) descriptors of a clip every 16 ms, from the first to the last frame of speech.

    Logarithms of mel bands relative to the clip's loud parts; measures of each spectrum's shape, harmonics to noise in
    dB; voice quality; energy in dB relative to the loud parts; pitch in semitones over 55 Hz; 1 in voiced frames. In
    unvoiced frames, pitch and the measures that depend on it are interpolated. A louder copy gives the same numbers.

    Source: the low-level descriptors of openSMILE, Eyben et al., ACM Multimedia 2010, are of these kinds.

    >>> clip = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    >>> values = Descriptors().extract(clip, 16000)
    >>> values.shape[1] == len(Descriptors().names), bool(np.isfinite(values).all())
    (True, True)
    """

    kind = "sequence"

    mels: int = Field(32, ge=1, description="Mel bands from 60 to 7000 Hz.")
    fmin_hz: float = Field(60.0, ge=60, description="Lowest pitch.")
    fmax_hz: float = Field(600.0, gt=0, description="Highest pitch.")
    floor_db: float = Field(50.0, gt=0, description="Dynamic range below the clip's loud parts in dB.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.fmax_hz < 2 * self.fmin_hz:
            raise ValueError(f"fmax_hz {self.fmax_hz} must be an octave above fmin_hz {self.fmin_hz} or more")
        return self

    def extract(self, samples: Values, rate_hz: int) -> Values:
        spectra = speech(samples, rate_hz, self.floor_db)
        f0_hz, strength = track_in_spectra(
            spectra.power,
            spectra.energy_db > _VOICE_DB,
            bin_hz=spectra.bin_hz,
            window_s=spectra.window / rate_hz,
            fmin_hz=self.fmin_hz,
            fmax_hz=self.fmax_hz,
        )
        bank = _bank(rate_hz, spectra.window, self.mels, spectra.power.shape[1])
        bands = np.maximum((spectra.power @ bank).T, np.float32(1e-12), order="C")  # 0 above half the rate
        periodic = np.clip(strength, 0.01, 0.99)
        bridged_hz = _bridged(f0_hz)
        rows = (
            np.log(bands),
            spectral_shape(spectra.power, spectra.decibels, bands, spectra.bin_hz),
            10 * np.log10(periodic / (1 - periodic))[None],
            quality(spectra.decibels, bridged_hz, spectra.bin_hz),
            spectra.energy_db[None],
            semitones(bridged_hz)[None],
            (f0_hz > 0)[None],
        )
        return np.ascontiguousarray(np.concatenate(rows, dtype=np.float32).T)

    @property
    def names(self) -> list[str]:
        mels = (f"mel_{band}" for band in range(self.mels))
        return [*mels, *SHAPES, *VOICE_NAMES, "energy_db", "pitch_semitones", "voiced"]


class Parts(NamedTuple):
    """Descriptors of a clip by kind, each (dims, frames) or (frames,).

    Attributes:
        mel, shape, voice, energy_db, pitch: as in `Descriptors`.
        voiced: whether the frame is voiced.
    """

    mel: Values
    shape: Values
    voice: Values
    energy_db: Values
    pitch: Values
    voiced: NDArray[np.bool_]


def parts(values: Values) -> Parts:
    """Split descriptors by kind.

    Args:
        values: (frames, dims) output of `Descriptors`.
    """
    rows = values.T
    voice_at = len(rows) - 3 - len(VOICE_NAMES)
    mels = voice_at - len(SHAPES)
    return Parts(rows[:mels], rows[mels:voice_at], rows[voice_at:-3], rows[-3], rows[-2], rows[-1] > 0)


def enough(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions where the mask is true; all positions if those are too few."""
    at = np.flatnonzero(mask)
    return at if at.size >= _FEWEST else np.arange(len(mask))


@lru_cache(maxsize=8)
def _bank(rate_hz: int, window: int, mels: int, bins: int) -> Values:
    """(bins, mels) weight of every bin in every band, in the memory layout that makes products with spectra fast."""
    return np.ascontiguousarray(filterbank(rate_hz, window, mels, LOW_HZ, HIGH_HZ, "htk")[:, :bins].T)


def _bridged(f0_hz: Values) -> Values:
    """(frames,) in Hz; unvoiced frames are interpolated between the voiced ones."""
    at = np.flatnonzero(f0_hz)
    if at.size in (0, f0_hz.size):
        return f0_hz
    return np.interp(np.arange(f0_hz.size), at, f0_hz[at]).astype(np.float32)
