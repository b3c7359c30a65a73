"""Functionals: one long vector of statistics over a clip's spectrum, pitch, energy and voice."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.features import Feature, Values
from emotone.features._mel import filterbank
from emotone.features._melody import melody, rhythm, semitones
from emotone.features._pitch import track_in_spectra
from emotone.features._shape import NAMES as SHAPE_NAMES
from emotone.features._shape import spectral_shape
from emotone.features._spectrum import frames, power_spectrum
from emotone.features._statistics import (
    SPREAD,
    STATISTICS,
    Contours,
    Figures,
    course,
    grid,
    quantiles,
    statistics,
    under,
)
from emotone.features._voice import NAMES as VOICE_NAMES
from emotone.features._voice import quality

_WINDOW_S, _HOP_S = 0.05, 0.016  # a window that resolves the harmonics of a low voice; the hop of a third of it
_LOW_HZ, _HIGH_HZ = 60.0, 7000.0
_SPEECH_DB = -35  # frames this far under the loud parts, or louder, count as speech
_VOICE_DB = -30  # and those may be voiced
_STRONG_BINS = 40  # among so many the power of a frame is shared
_FEWEST = 5  # frames of speech, or of voice; with fewer all frames are taken
_PAUSES = ("p5", "p25", "median", "p75")  # of the energy, whose 95th percentile is what the rest is measured from
_MODULATION_HZ = ((0.5, 2), (2, 4), (4, 8), (8, 16), (16, 30))
_MODULATION_BANDS = 4
_COURSE = 8


class Functionals(Feature):
    """(dims,) 561 statistics: timbre, spectral shape, voice quality, pitch, energy, rhythm.

    What a linear model needs to tell emotions apart, without a network. What is heard is the stretch from the first
    to the last frame of speech, in frames laid from the sound's centre of gravity: silence at the ends changes
    nothing. With `level` off (the default) a louder copy gives the same numbers.

    >>> numbers = Functionals().extract(np.zeros(800, dtype=np.float32), 16000)
    >>> len(numbers) == len(Functionals().names), bool(np.isfinite(numbers).all())
    (True, True)
    """

    kind = "vector"
    version: ClassVar[int] = 2

    mels: int = Field(32, ge=_MODULATION_BANDS, description="Mel bands from 60 to 7000 Hz.")
    coefficients: int = Field(20, ge=1, description="Cepstral coefficients, the level not counted.")
    fmin_hz: float = Field(60.0, ge=40, description="Lowest pitch looked for.")
    fmax_hz: float = Field(600.0, gt=0, description="Highest pitch looked for.")
    floor_db: float = Field(50.0, gt=0, description="Decibels under the clip's loud parts that still count.")
    level: bool = Field(False, description="Also how loud the recording is as a whole.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.coefficients >= self.mels:
            raise ValueError(f"{self.coefficients} coefficients need {self.coefficients + 1} mels, not {self.mels}")
        if self.fmax_hz < 2 * self.fmin_hz:
            raise ValueError(f"fmax_hz {self.fmax_hz} must be an octave above fmin_hz {self.fmin_hz} or more")
        return self

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return np.concatenate([part.values for part in self._measure(samples, rate_hz)]).astype(np.float32)

    @property
    def names(self) -> list[str]:
        return list(_names(self))

    def _measure(self, samples: Values, rate_hz: int) -> list[Figures]:
        hop = max(1, round(_HOP_S * rate_hz))
        window = 2 * scipy.fft.next_fast_len(max(2, round(_WINDOW_S * rate_hz / 2)), real=True)
        power, bin_hz = _spectra(samples, window, hop, rate_hz), rate_hz / window
        energy = power[:, round(_LOW_HZ / bin_hz) :].sum(axis=1)
        top = max(float(np.partition(energy, place := int(0.95 * (energy.size - 1)))[place]), 1e-20)
        energy_db = 10 * np.log10(np.maximum(energy / np.float32(top), np.float32(10 ** (-self.floor_db / 10))))
        heard = _between_first_and_last(energy_db > _SPEECH_DB)
        floor = np.float32(10 ** (-self.floor_db / 10) / _STRONG_BINS)
        power, energy_db = power[heard] * np.float32(1 / top) + floor, energy_db[heard]
        decibels = 10 * np.log10(power)

        f0_hz, strength = track_in_spectra(
            power,
            energy_db > _VOICE_DB,
            bin_hz=bin_hz,
            window_s=window / rate_hz,
            fmin_hz=self.fmin_hz,
            fmax_hz=self.fmax_hz,
        )
        voiced = _enough(f0_hz > 0)
        speech = _enough(energy_db > _SPEECH_DB)
        bank = filterbank(rate_hz, window, self.mels, _LOW_HZ, _HIGH_HZ, "htk")[:, : power.shape[1]]
        bands = np.maximum(bank @ power.T, np.float32(1e-12))
        mel = np.log(bands)
        mel -= mel[:, speech].mean()
        cepstrum = _cepstrum(self.mels, self.coefficients) @ mel
        periodic = np.clip(strength, 0.01, 0.99)
        shape = np.concatenate(
            [spectral_shape(power, decibels, bands, bin_hz), 10 * np.log10(periodic / (1 - periodic))[None]]
        )
        voice = quality(decibels[voiced], f0_hz[voiced], bin_hz)
        tones = semitones(f0_hz[voiced])

        mels, cepstra = _numbers(0, self.mels), _numbers(1, self.coefficients)
        shapes = (*SHAPE_NAMES, "harmonics_to_noise")
        of_speech = statistics(np.concatenate([mel, cepstrum, shape, energy_db[None]])[:, speech])
        of_voice = statistics(np.concatenate([shape[:, voiced], voice, tones[None]]))
        first, second = self.mels, self.mels + self.coefficients
        third, fourth = len(shapes), len(shapes) + len(VOICE_NAMES)
        spread = len(SPREAD)
        return [
            Figures(grid("mel", mels, SPREAD), of_speech[:spread, :first].ravel()),
            Figures(grid("mfcc", cepstra, STATISTICS), of_speech[:, first:second].ravel()),
            Figures(grid("shape", shapes, STATISTICS), of_speech[:, second:-1].ravel()),
            Figures(grid("energy_speech", ("db",), STATISTICS), of_speech[:, -1]),
            Figures(grid("shape_voiced", shapes, SPREAD), of_voice[:spread, :third].ravel()),
            Figures(grid("voice", VOICE_NAMES, SPREAD), of_voice[:spread, third:fourth].ravel()),
            Figures(grid("pitch", ("semitones",), STATISTICS), of_voice[:, -1]),
            melody(f0_hz, energy_db),
            *_loudness(energy_db),
            rhythm(f0_hz > 0, energy_db, hop / rate_hz),
            _modulation(mel / np.float32(np.log(10)), energy_db / 10, rate_hz / hop),
            *(self._level(samples) if self.level else ()),
        ]

    def _level(self, samples: Values) -> list[Figures]:
        mean = max(float(np.mean(np.square(samples, dtype=np.float64))), 1e-10)
        return [Figures(("level.mean_db",), np.array([10 * np.log10(mean)]))]


@lru_cache(maxsize=8)
def _names(feature: Functionals) -> tuple[str, ...]:
    """The names are those of the figures of a moment of silence."""
    parts = feature._measure(np.zeros(1600, dtype=np.float32), 16_000)
    return tuple(name for part in parts for name in part.names)


@lru_cache(maxsize=8)
def _numbers(first: int, count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(first, first + count))


def _spectra(samples: Values, window: int, hop: int, rate_hz: int) -> Values:
    """(frames, bins) power up to 7 kHz, of frames laid so that one has the sound's centre of gravity in its middle.

    So frames hold the same sound however much silence comes before it. The centre is that of the lower frequencies,
    so that hiss does not move it.
    """
    smooth = np.convolve(samples, np.ones(max(1, rate_hz // 4000), dtype=np.float32))
    weight = np.square(smooth, dtype=np.float64)
    total = float(weight.sum())
    centre = round(float(weight @ np.arange(weight.size, dtype=np.float64)) / total) if total > 0 else 0
    first = min(centre, samples.size - 1) % hop
    power = power_spectrum(frames(samples, window, hop, first=first), window)
    return power[:, : int(np.ceil(_HIGH_HZ * window / rate_hz))]


@lru_cache(maxsize=8)
def _cepstrum(mels: int, coefficients: int) -> Values:
    """(coefficients, mels) cosines, without that of the level."""
    cosines = scipy.fft.dct(np.eye(mels), axis=0, norm="ortho")[1 : coefficients + 1]
    return np.asarray(cosines, dtype=np.float32)


def _between_first_and_last(mask: NDArray[np.bool_]) -> slice:
    """From the first true to the last; all where there is none."""
    at = np.flatnonzero(mask)
    return slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(None)


def _enough(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    at = np.flatnonzero(mask)
    return at if at.size >= _FEWEST else np.arange(len(mask))


def _loudness(energy_db: Contours) -> list[Figures]:
    """Of all frames, pauses too."""
    values = [energy_db.mean(), energy_db.std(), *quantiles(energy_db, _PAUSES)]
    return [
        Figures(grid("energy", ("db",), ("mean", "std", *_PAUSES)), np.array(values)),
        Figures(under("energy.course", _numbers(1, _COURSE)), course(energy_db, _COURSE)),
    ]


def _modulation(mel: Contours, energy: Contours, frames_per_s: float) -> Figures:
    """How strongly groups of bands, and the energy, beat at the rates of phrases, syllables and sounds."""
    frames_there = energy.size
    firsts = np.arange(_MODULATION_BANDS) * len(mel) // _MODULATION_BANDS
    sizes = np.diff([*firsts, len(mel)])
    courses = np.concatenate([np.add.reduceat(mel, firsts) / sizes[:, None].astype(np.float32), energy[None]])
    courses -= courses.mean(axis=1, keepdims=True)
    n_fft = max(512, scipy.fft.next_fast_len(frames_there, real=True))
    spectrum = scipy.fft.rfft(courses * _hump(frames_there), n=n_fft)
    power = (spectrum.real**2 + spectrum.imag**2) / np.float32(frames_there)
    strengths = _rates(n_fft, frames_per_s) @ power.T
    names = (*_numbers(0, _MODULATION_BANDS), "energy")
    rates = tuple(f"{low:g}_hz" for low, _ in _MODULATION_HZ)
    return Figures(grid("modulation", names, rates), np.log(strengths + np.float32(1e-4)).ravel())


@lru_cache(maxsize=512)
def _hump(length: int) -> Values:
    return np.hanning(length + 2)[1:-1].astype(np.float32)


@lru_cache(maxsize=8)
def _rates(n_fft: int, frames_per_s: float) -> Values:
    """(rates, bins) what takes the mean over the bins of each."""
    hz = np.arange(n_fft // 2 + 1) * (frames_per_s / n_fft)
    inside = np.stack([(hz >= low) & (hz < high) for low, high in _MODULATION_HZ])
    return (inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)).astype(np.float32)
