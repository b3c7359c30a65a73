"""Seeded made-up sounds that are no speech, in families: what a model must not name an emotion of."""

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
"""Family -> kind -> its maker. Kinds of one family are alike; a judge that never met a family meets something new."""


def sound(family: str, kind: str, *, seconds: float = 3.0, seed: int = 0) -> Samples:
    """(samples,) at 16 kHz; the same arguments give the same bytes. Silence keeps its level, others peak at 0.5.

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
    return drawn(family, kind, np.random.default_rng([seed, *family.encode(), place]), seconds)


def drawn(family: str, kind: str, rng: np.random.Generator, seconds: float) -> Samples:
    """(samples,) at 16 kHz of this kind, as `chance` has it."""
    made = FAMILIES[family][kind](rng, seconds)[: length(seconds)]
    if family != "silence":
        made = 0.5 * made / max(float(np.abs(made).max()), 1e-9)
    return made.astype(np.float32)
