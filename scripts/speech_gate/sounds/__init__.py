"""Seeded synthetic sounds without speech, in families, for fitting and testing the speech gate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emotone.audio.read import Samples
from emotone.errors import UnknownName
from scripts.speech_gate.sounds import animals, drums, impacts, machines, music, noise, signals, silence, weather
from scripts.speech_gate.sounds._synthesis import Maker, length

FAMILIES: Mapping[str, Mapping[str, Maker]] = {
    "animals": animals.KINDS,
    "drums": drums.KINDS,
    "impacts": impacts.KINDS,
    "machines": machines.KINDS,
    "music": music.KINDS,
    "noise": noise.KINDS,
    "signals": signals.KINDS,
    "silence": silence.KINDS,
    "weather": weather.KINDS,
}
"""Family -> kind -> its generator. Kinds of a family are alike, so a held-out family is new to a classifier."""


def sound(family: str, kind: str, *, seconds: float = 3.0, seed: int = 0) -> Samples:
    """(samples,) at 16 kHz; the same arguments give the same bytes. Silence keeps its level, other sounds peak at 0.5.

    Raises:
        UnknownName: no such family, or no such kind in it.

    >>> sound("signals", "beeps", seconds=0.5).shape
    (8000,)
    """
    if family not in FAMILIES:
        raise UnknownName("family of sounds", family, FAMILIES)
    if kind not in FAMILIES[family]:
        raise UnknownName(f"sound among {family}", kind, FAMILIES[family])
    place = list(FAMILIES[family]).index(kind)
    return draw(family, kind, np.random.default_rng([seed, *family.encode(), place]), seconds)


def draw(family: str, kind: str, rng: np.random.Generator, seconds: float) -> Samples:
    """(samples,) at 16 kHz: a random sound of this kind."""
    samples = FAMILIES[family][kind](rng, seconds)[: length(seconds)]
    if family != "silence":
        samples = 0.5 * samples / max(float(np.abs(samples).max()), 1e-9)
    return samples.astype(np.float32)
