"""Is there anything in a recording that an emotion can be heard in? If not, why not."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples
from emotone.inference import speech_cues

Reason = Literal["", "too_short", "too_quiet", "no_speech", "clipped"]
"""Why no emotion is named; empty where nothing speaks against it. The first that holds is told."""

LONGEST_S = 10.0
"""What is longer is judged in pieces; one that holds speech is enough."""
SHORTEST_S = 0.25
"""Of sound, from the first to the last moment within 40 dB of the peak."""
QUIETEST_DB = -66.0
"""Of the peak, against full scale: 16 steps of 16 bits. The quietest of 7,856 real clips peaks at -47 dB."""
CLIPPED = 0.12
"""Share of clipped samples from which on a recording is refused; docs/unsure.md has what clipping does to a model."""
_BLOCK = RATE_HZ // 100
_FITTED = Path(__file__).parent / "weights" / "speech_gate.json"


@dataclass(frozen=True)
class Levels:
    """What is measured of a stretch of sound, whatever it is.

    Attributes:
        peak_db, rms_db: against full scale, without offset; -200 at least.
        clipped: share of the samples that sound which reach 90 % of their own 98th percentile. Speech has .02 to .05;
            where a plateau was cut into it, this is the share that lies on it, roughly also after resampling.
        sounding_s: from the first to the last moment within 40 dB of the peak.
    """

    peak_db: float
    rms_db: float
    clipped: float
    sounding_s: float


@dataclass(frozen=True)
class Verdict(Levels):
    """What the gate says of a stretch of sound, and what it measured.

    Attributes:
        reason: why no emotion should be named, or nothing.
        speech: how much like speech it sounds, 0 .. 1; 0 where it was too quiet to ask.
    """

    reason: Reason
    speech: float


def judge(samples: Samples) -> Verdict:
    """The verdict on a recording at 16 kHz, mono, untrimmed, of any length.

    Args:
        samples: (samples,) finite numbers.

    >>> judge(np.zeros(16000, dtype=np.float32)).reason
    'too_quiet'
    >>> judge(np.sin(np.arange(16000) / 5).astype(np.float32)).reason
    'no_speech'
    """
    pieces = math.ceil(samples.size / (LONGEST_S * RATE_HZ))
    if pieces > 1:
        return together([_judge(piece) for piece in np.array_split(samples, pieces)])
    return _judge(samples)


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on what consists of these stretches: speech in one is enough, else the commonest reason counts."""
    if len(verdicts) == 1:
        return verdicts[0]
    free = [one for one in verdicts if not one.reason]
    common = Counter(one.reason for one in verdicts)
    power = sum(10 ** (one.rms_db / 10) for one in verdicts) / len(verdicts)
    return Verdict(
        reason="" if free else max(get_args(Reason), key=lambda reason: common[reason]),
        speech=max(one.speech for one in free or verdicts),
        peak_db=max(one.peak_db for one in verdicts),
        rms_db=10 * math.log10(power),
        clipped=max(one.clipped for one in free or verdicts),
        sounding_s=sum(one.sounding_s for one in verdicts),
    )


def reason_of(levels: Levels, speech: float, threshold: float) -> Reason:
    """Why no emotion should be named in a sound of these levels that is so much like speech; the first that holds."""
    if levels.sounding_s < SHORTEST_S:
        return "too_short"
    if levels.peak_db < QUIETEST_DB:
        return "too_quiet"
    if speech < threshold:
        return "no_speech"
    return "clipped" if levels.clipped >= CLIPPED else ""


def measured(samples: Samples) -> tuple[Levels, Samples]:
    """The levels of a stretch of sound, and the sound itself without offset, at peak 1 or less."""
    largest = float(np.abs(samples).max(initial=0.0))
    if largest < 1e-30:
        return Levels(-200.0, -200.0, 0.0, samples.size / RATE_HZ), np.zeros_like(samples)
    sound = samples / np.float32(largest)
    sound -= sound.mean()
    size = np.abs(sound)
    peak, rms = float(size.max()), math.sqrt(float(sound @ sound) / sound.size)
    if peak < 1e-6:  # an offset and what rounding left of it
        return Levels(-200.0, -200.0, 0.0, samples.size / RATE_HZ), sound
    levels = Levels(_decibels(peak * largest), _decibels(rms * largest), _clipped(size, peak), _sounding_s(size, peak))
    return levels, sound


def _judge(samples: Samples) -> Verdict:
    levels, sound = measured(samples)
    quiet = levels.peak_db < QUIETEST_DB
    speech = 0.0 if quiet else _classifier().speech(speech_cues.cues(sound))
    return Verdict(**vars(levels), reason=reason_of(levels, speech, _classifier().threshold), speech=speech)


def _sounding_s(size: Samples, peak: float) -> float:
    whole = size[: size.size // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    loud = np.flatnonzero(whole.max(axis=1) > 0.01 * peak)
    return float(loud[-1] - loud[0] + 1) / 100 if loud.size else 0.0


def _clipped(size: Samples, peak: float) -> float:
    some = size[::4]  # enough to know a share by
    some = some[some > 1e-3 * peak]
    if not some.size:
        return 0.0
    place = int(0.98 * (some.size - 1))
    return float(np.count_nonzero(some >= 0.9 * np.partition(some, place)[place]) / some.size)


def _decibels(amplitude: float) -> float:
    return max(-200.0, 20 * math.log10(amplitude)) if amplitude > 0 else -200.0


class Classifier:
    """Logistic regression on how near a sound's cues lie to those of some typical sounds, speech and others.

    What is near to none gets the score of its bias: not speech. Written by `scripts/speech_gate/fit.py`.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        """As kept in JSON; typical sounds in units of the cues' spread, times `unit`."""
        self.threshold = float(facts["threshold"])
        self._mean, self._spread = (np.array(facts[name], dtype=np.float32) for name in ("mean", "spread"))
        self._typical: NDArray[np.float32] = np.array(facts["typical"], dtype=np.float32) / facts["unit"]
        self._weights = np.array(facts["weights"], dtype=np.float64)
        self._bias, self._width, self._most = facts["bias"], facts["width"], facts["most"]

    def speech(self, cues: speech_cues.Floats) -> float:
        """How much like speech, 0 .. 1.

        Args:
            cues: as `speech_cues.cues` gives them.
        """
        apart = self._typical - np.clip((cues - self._mean) / self._spread, -self._most, self._most)
        near = np.exp(-np.square(apart).sum(axis=1) / self._width)
        return float(1 / (1 + math.exp(-min(50.0, max(-50.0, self._bias + float(self._weights @ near))))))


@lru_cache(maxsize=1)
def _classifier() -> Classifier:
    return Classifier(json.loads(_FITTED.read_text(encoding="utf-8")))
