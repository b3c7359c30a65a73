"""Functionals: one long vector of statistics over a clip's spectrum, pitch, energy and voice."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.features import Feature, Values
from emotone.features._fourier import cosines
from emotone.features._mel import filterbank
from emotone.features._melody import MODULATION_BANDS, loudness, melody, modulation, rhythm, semitones
from emotone.features._pitch import track_in_spectra
from emotone.features._shape import NAMES as SHAPE_NAMES
from emotone.features._shape import spectral_shape
from emotone.features._speech import HIGH_HZ, LOW_HZ, SPEECH_DB, Speech, speech
from emotone.features._statistics import SPREAD, STATISTICS, Contours, Figures, grid, numbers, statistics
from emotone.features._voice import NAMES as VOICE_NAMES
from emotone.features._voice import quality

_VOICE_DB = -30  # frames this far under the loud parts, or louder, may be voiced
_FEWEST = 5  # frames of speech, or of voice; with fewer all frames are taken
_SHAPES = (*SHAPE_NAMES, "harmonics_to_noise")


class Functionals(Feature):
    """(dims,) 572 statistics: timbre, spectral shape, voice quality, pitch, energy, rhythm.

    What a linear model needs to tell emotions apart, without a network. Heard is what lies between the first and the
    last frame of speech, so that silence around it changes nothing. With `level` off (the default) a louder copy
    gives the same numbers.

    >>> numbers = Functionals().extract(np.zeros(800, dtype=np.float32), 16000)
    >>> len(numbers) == len(Functionals().names), bool(np.isfinite(numbers).all())
    (True, True)
    """

    kind = "vector"
    version: ClassVar[int] = 2

    mels: int = Field(32, ge=MODULATION_BANDS, description="Mel bands from 60 to 7000 Hz.")
    coefficients: int = Field(20, ge=1, description="Cepstral coefficients, the level not counted.")
    fmin_hz: float = Field(60.0, ge=60, description="Lowest pitch looked for.")
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
        return np.concatenate([part.values for part in self._measure(samples, rate_hz)], dtype=np.float32)

    @property
    def names(self) -> list[str]:
        return list(_names(self))

    def _measure(self, samples: Values, rate_hz: int) -> list[Figures]:
        said = speech(samples, rate_hz, self.floor_db)
        f0_hz, strength = track_in_spectra(
            said.power,
            said.energy_db > _VOICE_DB,
            bin_hz=said.bin_hz,
            window_s=said.window / rate_hz,
            fmin_hz=self.fmin_hz,
            fmax_hz=self.fmax_hz,
        )
        bank = _bank(rate_hz, said.window, self.mels, said.power.shape[1])
        bands = np.maximum((said.power @ bank).T, np.float32(1e-12), order="C")  # 0 above half the rate
        mel = np.log(bands)
        periodic = np.clip(strength, 0.01, 0.99)
        harmonic_db = 10 * np.log10(periodic / (1 - periodic))
        shape = np.vstack([spectral_shape(said.power, said.decibels, bands, said.bin_hz), harmonic_db])
        figures = [
            *self._of_speech(mel, shape, said.energy_db),
            *_of_voice(said, shape, f0_hz),
            melody(f0_hz, said.energy_db),
            *loudness(said.energy_db),
            rhythm(f0_hz > 0, said.energy_db, said.frame_s),
            modulation(mel / np.float32(np.log(10)), said.energy_db / np.float32(10), said.frame_s),
        ]
        if self.level:
            mean = max(float(np.mean(np.square(samples, dtype=np.float64))), 1e-10)
            figures.append(Figures(("level.mean_db", "level.top_db"), np.array([10 * np.log10(mean), said.top_db])))
        return figures

    def _of_speech(self, mel: Contours, shape: Contours, energy_db: Contours) -> list[Figures]:
        """Of frames that count as speech: the mel bands around their mean, the cepstrum, the shape, the energy."""
        at = _enough(energy_db > SPEECH_DB)
        mel, shape, energy_db = mel[:, at], shape[:, at], energy_db[at]
        cepstrum = _cosines(self.mels, self.coefficients) @ mel
        found = statistics(np.vstack([mel - mel.mean(), cepstrum, shape, energy_db]))
        shapes_at = self.mels + self.coefficients
        return [
            Figures(grid("mel", numbers(0, self.mels), SPREAD), found[: len(SPREAD), : self.mels].ravel()),
            Figures(grid("mfcc", numbers(1, self.coefficients), STATISTICS), found[:, self.mels : shapes_at].ravel()),
            Figures(grid("shape", _SHAPES, STATISTICS), found[:, shapes_at:-1].ravel()),
            Figures(grid("energy_speech", ("db",), STATISTICS), found[:, -1]),
        ]


@lru_cache(maxsize=8)
def _names(feature: Functionals) -> tuple[str, ...]:
    """The names are those of the figures of a moment of silence."""
    parts = feature._measure(np.zeros(1600, dtype=np.float32), 16_000)
    return tuple(name for part in parts for name in part.names)


def _of_voice(said: Speech, shape: Contours, f0_hz: Values) -> list[Figures]:
    """Of voiced frames: the shape again, the quality of the voice, its pitch."""
    at = _enough(f0_hz > 0)
    voice = quality(said.decibels[at], f0_hz[at], said.bin_hz)
    found = statistics(np.vstack([shape[:, at], voice, semitones(f0_hz[at])]))
    voice_at = len(_SHAPES)
    return [
        Figures(grid("shape_voiced", _SHAPES, SPREAD), found[: len(SPREAD), :voice_at].ravel()),
        Figures(grid("voice", VOICE_NAMES, SPREAD), found[: len(SPREAD), voice_at:-1].ravel()),
        Figures(grid("pitch", ("semitones",), STATISTICS), found[:, -1]),
    ]


def _enough(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    at = np.flatnonzero(mask)
    return at if at.size >= _FEWEST else np.arange(len(mask))


@lru_cache(maxsize=8)
def _bank(rate_hz: int, window: int, mels: int, bins: int) -> Values:
    """(bins, mels) weight of every bin in every band, in the order in which a product with spectra is fast."""
    return np.ascontiguousarray(filterbank(rate_hz, window, mels, LOW_HZ, HIGH_HZ, "htk")[:, :bins].T)


@lru_cache(maxsize=8)
def _cosines(mels: int, coefficients: int) -> Values:
    """(coefficients, mels) what makes cepstra of mel bands; the first is left out, which is the level."""
    return np.asarray(cosines(mels, coefficients + 1)[1:], dtype=np.float32)
