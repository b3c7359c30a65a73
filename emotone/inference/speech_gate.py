"""Speech gate: decides whether a recording holds speech that can be classified, and gives the reason if not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from emotone.audio.read import RATE_HZ, Samples
from emotone.inference.shipped import SHIPPED
from emotone.inference.speech_model import SpeechModel, open_model

Reason = Literal["", "too_short", "too_quiet", "no_speech", "clipped"]
"""Why no emotion is predicted; empty if the recording passes. If several apply, the first."""

LONGEST_S = 10.0
"""Longer recordings are judged in pieces; one piece with speech is enough."""
SHORTEST_S = 0.25
"""Minimum length from the first to the last moment within 40 dB of the peak."""
QUIETEST_DB = -66.0
"""Minimum peak, relative to full scale: 16 steps of 16 bits. The quietest of 7,856 real clips peaks at -47 dB."""
CLIPPED = 0.12
"""Share of clipped samples from which a recording is refused; docs/unsure.md shows how clipping affects a model."""
_NO_SPEECH = -50.0
_BLOCK = RATE_HZ // 100


@dataclass(frozen=True)
class Levels:
    """Levels of a stretch of sound.

    Attributes:
        peak_db, rms_db: relative to full scale, without offset; at least -200.
        clipped: share of the non-silent samples that reach 90 % of their 98th percentile. Speech has .02 to .05; in a
            clipped recording it is about the share of samples on the plateau, also after resampling.
        sounding_s: from the first to the last moment within 40 dB of the peak.
    """

    peak_db: float
    rms_db: float
    clipped: float
    sounding_s: float


@dataclass(frozen=True)
class Verdict(Levels):
    """The decision of the gate on a stretch of sound, with its measurements.

    Attributes:
        reason: why no emotion should be predicted, or empty.
        speech: log-odds of speech, relative to the threshold: from 0 on it counts as speech; -50 if it is too quiet.
    """

    reason: Reason
    speech: float


def judge(samples: Samples, speech: float | None = None) -> Verdict:
    """The verdict on a recording of any length at 16 kHz, mono, untrimmed.

    Args:
        samples: (samples,) finite numbers.
        speech: log-odds of speech from a model that computed them (`SpeechModel`); None: by the model `fast`.

    >>> judge(np.zeros(16000, dtype=np.float32)).reason
    'too_quiet'
    >>> judge(np.sin(np.arange(16000) / 5).astype(np.float32)).reason
    'no_speech'
    """
    pieces = math.ceil(samples.size / (LONGEST_S * RATE_HZ))
    if pieces > 1 and speech is None:
        return combined([_judge(piece, None) for piece in np.array_split(samples, pieces)])
    return _judge(samples, speech)


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on consecutive stretches: it passes if one of them does; else the most frequent reason is given."""
    if len(verdicts) == 1:
        return verdicts[0]
    passed = [verdict for verdict in verdicts if not verdict.reason]
    counts = Counter(verdict.reason for verdict in verdicts)
    power = sum(10 ** (verdict.rms_db / 10) for verdict in verdicts) / len(verdicts)
    return Verdict(
        reason="" if passed else max(get_args(Reason), key=lambda reason: counts[reason]),
        speech=max(verdict.speech for verdict in passed or verdicts),
        peak_db=max(verdict.peak_db for verdict in verdicts),
        rms_db=10 * math.log10(power),
        clipped=max(verdict.clipped for verdict in passed or verdicts),
        sounding_s=sum(verdict.sounding_s for verdict in verdicts),
    )


def reason_of(levels: Levels, speech: float) -> Reason:
    """The first reason that applies to a sound of these levels and these log-odds of speech; empty if none does."""
    if levels.sounding_s < SHORTEST_S:
        return "too_short"
    if levels.peak_db < QUIETEST_DB:
        return "too_quiet"
    if speech < 0:
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
    if peak < 1e-6:  # an offset and rounding errors
        return Levels(-200.0, -200.0, 0.0, samples.size / RATE_HZ), sound
    levels = Levels(_decibels(peak * largest), _decibels(rms * largest), _clipped(size, peak), _sounding_s(size, peak))
    return levels, sound


def _judge(samples: Samples, speech: float | None) -> Verdict:
    levels, sound = measured(samples)
    if levels.peak_db < QUIETEST_DB or not samples.size:
        speech = _NO_SPEECH
    elif speech is None:
        model = _model()
        output = model.run(model.features(sound, [(0.0, sound.size / RATE_HZ)]))
        assert output.speech is not None
        speech = float(output.speech[0])
    return Verdict(**vars(levels), reason=reason_of(levels, speech), speech=speech)


def _sounding_s(size: Samples, peak: float) -> float:
    whole = size[: size.size // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    loud = np.flatnonzero(whole.max(axis=1) > 0.01 * peak)
    return float(loud[-1] - loud[0] + 1) / 100 if loud.size else 0.0


def _clipped(size: Samples, peak: float) -> float:
    sampled = size[::4]  # enough to estimate a share
    sampled = sampled[sampled > 1e-3 * peak]
    if not sampled.size:
        return 0.0
    rank = int(0.98 * (sampled.size - 1))
    return float(np.count_nonzero(sampled >= 0.9 * np.partition(sampled, rank)[rank]) / sampled.size)


def _decibels(amplitude: float) -> float:
    return max(-200.0, 20 * math.log10(amplitude)) if amplitude > 0 else -200.0


@lru_cache(maxsize=1)
def _model() -> SpeechModel:
    """The model whose graph tells speech from other sounds where a model has no such output of its own."""
    model = open_model(SHIPPED["fast"], 1)
    assert isinstance(model, SpeechModel)
    return model
