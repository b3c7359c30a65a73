"""A synthetic clip: random voice and prosody, vowels, and recording conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.synthetic.prosody import PROSODY, SPREAD, Prosody

_VOICES = {"male": ("m1", "m3", "m7", "m2", "m4", "m6", "m5"), "female": ("f2", "f4", "f1", "f3", "f5")}
_ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp")
_VOWELS_HZ = ((300, 2300, 3000), (500, 1850, 2500), (700, 1200, 2500), (500, 900, 2400), (320, 800, 2300))
"""First three formants of i, e, a, o, u for an adult male voice."""


@dataclass(frozen=True)
class Clip:
    """Parameters of a clip: speaker, text, and random prosody."""

    number: int
    text: str
    emotion: str
    speaker: str
    sex: str
    voice: str
    pitch_hz: float
    formants: float
    prosody: Prosody
    rng: np.random.Generator

    @classmethod
    def draw(cls, seed: int, speaker: int, emotion: str, number: int, text: str) -> Clip:
        """The clip at this place of the corpus; independent of which other clips are generated."""
        sex = ("male", "female")[speaker % 2]
        variants = _VOICES[sex]
        speaker_rng = np.random.default_rng([seed, speaker])
        turn, habit = speaker // 2, speaker_rng.normal(size=4)
        rng = np.random.default_rng([seed, speaker, list(PROSODY).index(emotion), number])
        mean, draw = PROSODY[emotion], rng.normal(size=6)
        prosody = Prosody(
            tempo=mean.tempo * float(np.exp(SPREAD.tempo * draw[0] + 0.06 * habit[0])),
            pitch_semitones=mean.pitch_semitones + SPREAD.pitch_semitones * draw[1] + 1.0 * habit[1],
            pitch_range=mean.pitch_range * float(np.exp(SPREAD.pitch_range * draw[2] + 0.15 * habit[2])),
            gain_db=mean.gain_db + SPREAD.gain_db * draw[3] + 1.5 * habit[3],
            tilt_db=mean.tilt_db + SPREAD.tilt_db * draw[4],
            tremble=max(0.0, mean.tremble + SPREAD.tremble * draw[5]),
        )
        return cls(
            number,
            text,
            emotion,
            speaker=f"s{speaker + 1:02d}",
            sex=sex,
            voice=f"{_ACCENTS[turn % len(_ACCENTS)]}+{variants[turn % len(variants)]}",
            pitch_hz={"male": 115.0, "female": 205.0}[sex],
            formants={"male": 1.0, "female": 1.17}[sex] * float(np.exp(0.04 * speaker_rng.normal())),
            prosody=prosody,
            rng=rng,
        )

    @property
    def file(self) -> str:
        return f"{self.speaker}/{self.speaker}_{self.emotion}_{self.number}.flac"

    def phrase(self) -> dict[str, Any]:
        """Request to espeak-ng: words per minute, pitch and range on scales of 0 .. 100 around 50."""
        return {
            "text": self.text,
            "voice": self.voice,
            "rate": round(np.clip(165 * self.prosody.tempo, 80, 450)),
            "pitch": round(np.clip(45 + 3 * self.prosody.pitch_semitones, 0, 99)),
            "range": round(np.clip(50 * self.prosody.pitch_range, 0, 99)),
        }

    def syllables(self, seconds: float | None = None) -> Samples:
        """(samples,) glottal pulses along a pitch contour, each syllable shaped by the formants of a random vowel."""
        p = self.prosody
        length = round((seconds or 1.2 / p.tempo) * RATE_HZ)
        count = max(1, round(4 * p.tempo * length / RATE_HZ))
        place = np.linspace(0, count, length, endpoint=False)  # in syllables
        melody = 4 * (0.5 - place / count) + np.interp(place, np.arange(count + 1), self.rng.normal(0, 2, count + 1))
        pitch_hz = self.pitch_hz * 2 ** ((p.pitch_semitones + p.pitch_range * melody) / 12)
        turn = 0.9 * np.exp(2j * np.pi * np.cumsum(pitch_hz) / RATE_HZ)
        pulses = (turn / (1 - turn)).imag  # a geometric series: the n-th harmonic has amplitude 0.9 ** n
        sound = np.zeros(length)
        for number in range(count):
            inside = slice(int(np.searchsorted(place, number)), int(np.searchsorted(place, number + 1)))
            beat = np.sin(np.pi * (place[inside] - number)) ** 2
            hz = np.fft.rfftfreq(beat.size, 1 / RATE_HZ)[:, None]
            formants_hz = self.formants * np.array(_VOWELS_HZ[self.rng.integers(len(_VOWELS_HZ))])
            response = (1 / (1 + ((hz - formants_hz) / 100) ** 2)).sum(axis=1) + 0.02
            sound[inside] = np.fft.irfft(np.fft.rfft(pulses[inside] * beat) * response, beat.size)
        return sound.astype(np.float32)

    def recorded(self, samples: Samples, pause_s: float = 0.15) -> Samples:
        """(samples,) with tremor, spectral tilt, level, background noise, and a pause at both ends."""
        voice = _tilted(_trembling(samples.astype(np.float64), self.prosody.tremble), self.prosody.tilt_db)
        level = 0.05 * 10 ** (self.prosody.gain_db / 20)
        voice *= level / max(float(np.sqrt(np.mean(voice**2))), 1e-9)
        voice = np.pad(voice, round(pause_s * RATE_HZ))
        voice += self.rng.normal(0, 0.05 * 10 ** (-self.rng.uniform(30, 42) / 20), voice.size)
        return np.asarray(voice * min(1.0, 0.98 / np.abs(voice).max()), dtype=np.float32)


def _trembling(samples: NDArray[np.float64], share: float, rate_per_s: float = 6.0) -> NDArray[np.float64]:
    """(samples,) at a periodically varying speed, so that the pitch varies by `share`."""
    time = np.arange(samples.size)
    turn = 2 * np.pi * rate_per_s / RATE_HZ
    wavering: NDArray[np.float64] = np.interp(time + share / turn * np.sin(turn * time), time, samples)
    return wavering


def _tilted(samples: NDArray[np.float64], db_per_octave: float) -> NDArray[np.float64]:
    """(samples,) with this gain per octave above 500 Hz."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(samples.size, 1 / RATE_HZ), 500) / 500)
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (db_per_octave * octaves / 20), samples.size)
