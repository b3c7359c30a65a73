"""Functionals: one vector of statistics of a clip's spectrum, pitch, energy and voice quality."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.audio.fourier import cosines
from emotone.features import Feature, Values
from emotone.features._melody import MODULATION_BANDS, UNPITCHED, loudness, melody, modulation, rhythm
from emotone.features._speech import FRAME_S, SPEECH_DB, speech
from emotone.features._statistics import SPREAD, STATISTICS, Figures, grid, numbers, statistics
from emotone.features._voice import NAMES as VOICE_NAMES
from emotone.features.descriptors import SHAPES, Descriptors, Parts, enough, parts


class Functionals(Feature):
    """(dims,) 572 statistics: timbre, spectral shape, voice quality, pitch, energy, rhythm.

    Input for linear models, without a network. Only frames from the first to the last frame of speech are used, so
    that silence at the ends changes nothing. With `level` off (the default) a louder copy gives the same numbers.

    >>> numbers = Functionals().extract(np.zeros(800, dtype=np.float32), 16000)
    >>> len(numbers) == len(Functionals().names), bool(np.isfinite(numbers).all())
    (True, True)
    """

    kind = "vector"
    version: ClassVar[int] = 2

    mels: int = Field(32, ge=MODULATION_BANDS, description="Mel bands from 60 to 7000 Hz.")
    coefficients: int = Field(20, ge=1, description="Cepstral coefficients, without the level.")
    fmin_hz: float = Field(60.0, ge=60, description="Lowest pitch.")
    fmax_hz: float = Field(600.0, gt=0, description="Highest pitch.")
    floor_db: float = Field(50.0, gt=0, description="Dynamic range below the clip's loud parts in dB.")
    level: bool = Field(False, description="Include the loudness of the recording.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.coefficients >= self.mels:
            raise ValueError(f"{self.coefficients} coefficients need {self.coefficients + 1} mels, not {self.mels}")
        if self.fmax_hz < 2 * self.fmin_hz:
            raise ValueError(f"fmax_hz {self.fmax_hz} must be an octave above fmin_hz {self.fmin_hz} or more")
        return self

    @property
    def source(self) -> Feature | None:
        return None if self.level else self._descriptors

    def of_source(self, values: Values) -> Values:
        return np.concatenate([part.values for part in self._measure(values)], dtype=np.float32)

    def extract(self, samples: Values, rate_hz: int) -> Values:
        figures = self.of_source(self._descriptors.extract(samples, rate_hz))
        if not self.level:
            return figures
        mean = max(float(np.mean(np.square(samples, dtype=np.float64))), 1e-10)
        level = [10 * np.log10(mean), speech(samples, rate_hz, self.floor_db).top_db]
        return np.concatenate([figures, level], dtype=np.float32)

    @property
    def names(self) -> list[str]:
        return [*_names(self), *(("level.mean_db", "level.top_db") if self.level else ())]

    @property
    def _descriptors(self) -> Descriptors:
        return _descriptors(self.mels, self.fmin_hz, self.fmax_hz, self.floor_db)

    def _measure(self, values: Values) -> list[Figures]:
        """Statistics of (frames, dims) descriptors."""
        descriptors = parts(values)
        return [
            *self._speech_statistics(descriptors),
            *_voice_statistics(descriptors),
            melody(descriptors.pitch, descriptors.voiced, descriptors.energy_db),
            *loudness(descriptors.energy_db),
            rhythm(descriptors.voiced, descriptors.energy_db, FRAME_S),
            modulation(descriptors.mel / np.float32(np.log(10)), descriptors.energy_db / np.float32(10), FRAME_S),
        ]

    def _speech_statistics(self, descriptors: Parts) -> list[Figures]:
        """Statistics over speech frames: mel bands relative to their mean, cepstrum, spectral shape, energy."""
        at = enough(descriptors.energy_db > SPEECH_DB)
        mel = descriptors.mel[:, at]
        cepstrum = _cosines(self.mels, self.coefficients) @ mel
        found = statistics(np.vstack([mel - mel.mean(), cepstrum, descriptors.shape[:, at], descriptors.energy_db[at]]))
        shapes_at = self.mels + self.coefficients
        return [
            Figures(grid("mel", numbers(0, self.mels), SPREAD), found[: len(SPREAD), : self.mels].ravel()),
            Figures(grid("mfcc", numbers(1, self.coefficients), STATISTICS), found[:, self.mels : shapes_at].ravel()),
            Figures(grid("shape", SHAPES, STATISTICS), found[:, shapes_at:-1].ravel()),
            Figures(grid("energy_speech", ("db",), STATISTICS), found[:, -1]),
        ]


@lru_cache(maxsize=8)
def _descriptors(mels: int, fmin_hz: float, fmax_hz: float, floor_db: float) -> Descriptors:
    return Descriptors(mels=mels, fmin_hz=fmin_hz, fmax_hz=fmax_hz, floor_db=floor_db)


@lru_cache(maxsize=8)
def _names(feature: Functionals) -> tuple[str, ...]:
    """Names of the statistics, taken from a short silent clip."""
    silence = feature._descriptors.extract(np.zeros(1600, dtype=np.float32), 16_000)
    return tuple(name for part in feature._measure(silence) for name in part.names)


def _voice_statistics(descriptors: Parts) -> list[Figures]:
    """Statistics over voiced frames: spectral shape, voice quality, pitch."""
    at = enough(descriptors.voiced)
    pitch = np.where(descriptors.voiced[at], descriptors.pitch[at], np.float32(UNPITCHED))
    found = statistics(np.vstack([descriptors.shape[:, at], descriptors.voice[:, at], pitch]))
    voice_at = len(SHAPES)
    return [
        Figures(grid("shape_voiced", SHAPES, SPREAD), found[: len(SPREAD), :voice_at].ravel()),
        Figures(grid("voice", VOICE_NAMES, SPREAD), found[: len(SPREAD), voice_at:-1].ravel()),
        Figures(grid("pitch", ("semitones",), STATISTICS), found[:, -1]),
    ]


@lru_cache(maxsize=8)
def _cosines(mels: int, coefficients: int) -> Values:
    """(coefficients, mels) cosine transform from mel bands to cepstra, without the first, which is the level."""
    return np.asarray(cosines(mels, coefficients + 1)[1:], dtype=np.float32)
