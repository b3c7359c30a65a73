"""Functionals: one long vector of statistics over a clip's spectrum, pitch, energy and voice."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from pydantic import Field

from emotone.features import Feature, Values
from emotone.features._mel import filterbank
from emotone.features._melody import melody, rhythm
from emotone.features._pitch import track
from emotone.features._shape import NAMES as SHAPE_NAMES
from emotone.features._shape import spectral_shape
from emotone.features._spectrum import frames, power_spectrum
from emotone.features._statistics import EVERY, QUARTILES, SPREAD, Contours, Figures, course, describe, quantile
from emotone.features._voice import FORMANT_NAMES, QUALITY_NAMES, formants, quality
from emotone.features.zero_crossing_rate import crossings

_WINDOW_S, _HOP_S = 0.025, 0.01
_LOW_HZ, _HIGH_HZ = 60.0, 7800.0
_SPEECH_DB = -35  # frames this far under the loud parts, or louder, count as speech
_FEWEST = 5  # frames of speech, or of voice; with fewer all frames are taken
_MODULATION_HZ = ((0.5, 2), (2, 4), (4, 8), (8, 16), (16, 30))
_MODULATION_BANDS = 8
_TIMBRE = (*SPREAD, "median", "skewness", "kurtosis", "slope", "bend", "change_std", "jerk")


class Functionals(Feature):
    """(dims,) 1,306 statistics: timbre, spectral shape, voice quality, formants, pitch, energy, rhythm.

    What a linear model needs to tell emotions apart, without a network. Silence at the ends blurs the figures:
    trim it first (`AudioSettings(trim_db=35)`). With `level` off (the default) a louder copy gives the same numbers.

    >>> numbers = Functionals().extract(np.zeros(800, dtype=np.float32), 16000)
    >>> len(numbers) == len(Functionals().names), bool(np.isfinite(numbers).all())
    (True, True)
    """

    kind = "vector"

    mels: int = Field(32, ge=_MODULATION_BANDS, description="Mel bands from 60 to 7800 Hz.")
    coefficients: int = Field(20, ge=1, description="Cepstral coefficients, the level not counted.")
    fmin_hz: float = Field(60.0, gt=0, description="Lowest pitch looked for.")
    fmax_hz: float = Field(600.0, gt=0, description="Highest pitch looked for.")
    floor_db: float = Field(60.0, gt=0, description="Decibels under the clip's loudest frame that still count.")
    level: bool = Field(False, description="Also how loud the recording is as a whole.")

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return np.array([*self._measure(samples, rate_hz).values()], dtype=np.float32)

    @property
    def names(self) -> list[str]:
        return list(_names(self))

    def _measure(self, samples: Values, rate_hz: int) -> Figures:
        hop = max(1, round(_HOP_S * rate_hz))
        window = 2 * max(2, round(_WINDOW_S * rate_hz / 2))  # even, as all of them: as many frames in every part
        framed = frames(samples, window, hop)
        power = power_spectrum(framed, 1 << (window - 1).bit_length())
        loudest = max(float(power.max()), 1e-12)
        # A floor per bin: that of the whole frame, divided among a few dozen strong bins.
        power = np.maximum(power, np.float32(loudest * 10 ** (-self.floor_db / 10 - 1.5)))
        total_db = 10 * np.log10(power[:, 1:].sum(axis=1, dtype=np.float64))
        top_db = quantile(np.sort(total_db)[None].astype(np.float32), 0.95)[0]
        energy_db = np.maximum(total_db - top_db, -self.floor_db)

        f0_hz, strength = track(samples, rate_hz, fmin_hz=self.fmin_hz, fmax_hz=self.fmax_hz, hop=hop, voicing=0.45)
        voiced = _enough(f0_hz > 0)
        speech = _enough(energy_db > _SPEECH_DB)

        bank = filterbank(rate_hz, 2 * (power.shape[1] - 1), self.mels, _LOW_HZ, _HIGH_HZ, "htk")
        mel = np.log(np.maximum(power @ bank.T, np.float32(loudest * 1e-9))).T.astype(np.float64)
        cepstrum = scipy.fft.dct(mel, axis=0, norm="ortho")[1 : self.coefficients + 1]
        periodic = np.clip(strength.astype(np.float64), 0.001, 0.999)
        shape = np.stack(
            [*spectral_shape(power, rate_hz), crossings(framed), 10 * np.log10(periodic / (1 - periodic))],
        )
        vowels = formants(power[voiced], rate_hz)
        voice = quality(samples, rate_hz, hop, voiced, f0_hz[voiced], vowels[0:6:2])

        bands = [str(band) for band in range(self.mels)]
        ceps = [str(index) for index in range(1, self.coefficients + 1)]
        shapes = [*SHAPE_NAMES, "zero_crossings", "harmonics_to_noise"]
        figures = {
            **describe("mel", bands, mel[:, speech] - mel[:, speech].mean(), (*SPREAD, "skewness", "change_std")),
            **describe("mfcc", ceps, cepstrum[:, speech], _TIMBRE),
            **describe("mfcc_voiced", ceps, cepstrum[:, voiced], SPREAD),
            **describe("shape", shapes, shape[:, speech], (*SPREAD, *QUARTILES, "skewness", "slope", "change_std")),
            **describe("shape_voiced", shapes, shape[:, voiced], SPREAD),
            **describe("formants", FORMANT_NAMES, vowels, (*SPREAD, *QUARTILES, "skewness")),
            **describe("voice", QUALITY_NAMES, voice, (*SPREAD, *QUARTILES, "slope")),
            **describe("energy", ["db"], energy_db[None], EVERY),
            **describe("energy_speech", ["db"], energy_db[None, speech], EVERY),
            **course("energy", energy_db, 8),
            **melody(f0_hz, energy_db),
            **rhythm(f0_hz > 0, energy_db, hop / rate_hz),
            **_modulation(np.concatenate([mel / np.log(10), energy_db[None] / 10]), rate_hz / hop),
            **_thirds(cepstrum[:12], energy_db, f0_hz),
        }
        if self.level:
            whole_db = 10 * np.log10(max(float(np.mean(np.square(samples, dtype=np.float64))), 1e-10))
            figures["level.mean_db"], figures["level.top_db"] = whole_db, float(top_db)
        return figures


@lru_cache(maxsize=8)
def _names(feature: Functionals) -> tuple[str, ...]:
    """The names are those of the figures of a moment of silence."""
    return tuple(feature._measure(np.zeros(1600, dtype=np.float32), 16_000))


def _enough(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    at = np.flatnonzero(mask)
    return at if at.size >= _FEWEST else np.arange(len(mask))


def _modulation(contours: Contours, frames_per_s: float) -> Figures:
    """How strongly groups of bands, and the energy (last), beat at the rates of phrases, syllables and sounds."""
    groups = [group.mean(axis=0) for group in np.array_split(contours[:-1], _MODULATION_BANDS)]
    courses = np.stack([*groups, contours[-1]])
    courses -= courses.mean(axis=1, keepdims=True)
    n_fft = scipy.fft.next_fast_len(max(512, courses.shape[1]), real=True)
    power = np.abs(scipy.fft.rfft(courses * np.hanning(courses.shape[1] + 2)[1:-1], n=n_fft, axis=1)) ** 2
    hz = np.arange(power.shape[1]) * (frames_per_s / n_fft)
    figures: Figures = {}
    for low, high in _MODULATION_HZ:
        strength = power[:, (hz >= low) & (hz < high)].mean(axis=1) / courses.shape[1]
        for group, value in enumerate(np.log(strength + 1e-6).tolist()):
            figures[f"modulation.{group if group < _MODULATION_BANDS else 'energy'}.{low:g}_hz"] = value
    return figures


def _thirds(cepstrum: Contours, energy_db: Contours, f0_hz: NDArray[np.float32]) -> Figures:
    """How beginning, middle and end of a clip differ from the whole."""
    sung = f0_hz > 0
    tones = np.where(sung, 12 * np.log2(np.maximum(f0_hz, 1).astype(np.float64)), 0)
    timbre, energy, tone = cepstrum.mean(axis=1), energy_db.mean(), tones[sung].mean() if sung.any() else 0.0
    figures: Figures = {}
    for third in range(3):
        part = slice(third * len(f0_hz) // 3, max(third * len(f0_hz) // 3 + 1, (third + 1) * len(f0_hz) // 3))
        moved = cepstrum[:, part].mean(axis=1) - timbre
        figures |= {f"thirds.mfcc_{index}.{third}": value for index, value in enumerate(moved.tolist(), start=1)}
        figures[f"thirds.energy.{third}"] = float(energy_db[part].mean() - energy)
        here = tones[part][sung[part]]
        figures[f"thirds.pitch.{third}"] = float(here.mean() - tone) if here.size else 0.0
    return figures
