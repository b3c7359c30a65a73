"""Prosody of the synthetic emotions: tempo, pitch, loudness, spectral tilt and tremor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Prosody:
    """Prosody of an emotion, relative to the same voice when neutral.

    Attributes:
        tempo: ratio of speaking rates.
        pitch_semitones: shift of the median pitch.
        pitch_range: ratio of pitch ranges.
        gain_db: level.
        tilt_db: gain per octave above 500 Hz; positive for a pressed voice, negative for a lax one.
        tremble: depth of a tremor of six periods a second, as a share of the pitch.
    """

    tempo: float = 1.0
    pitch_semitones: float = 0.0
    pitch_range: float = 1.0
    gain_db: float = 0.0
    tilt_db: float = 0.0
    tremble: float = 0.0


PROSODY: Mapping[str, Prosody] = {
    "angry": Prosody(tempo=1.15, pitch_semitones=3.0, pitch_range=1.5, gain_db=6.0, tilt_db=2.0),
    "boredom": Prosody(tempo=0.85, pitch_semitones=-1.0, pitch_range=0.3, gain_db=-3.0, tilt_db=-0.5),
    "calm": Prosody(tempo=0.92, pitch_semitones=-1.0, pitch_range=0.8, gain_db=-3.0, tilt_db=-1.0),
    "disgust": Prosody(tempo=0.8, pitch_semitones=-2.0, pitch_range=1.2, gain_db=1.0, tilt_db=1.0),
    "fear": Prosody(tempo=1.25, pitch_semitones=5.0, pitch_range=0.5, gain_db=-1.0, tilt_db=0.5, tremble=0.05),
    "happy": Prosody(tempo=1.1, pitch_semitones=4.0, pitch_range=1.7, gain_db=3.0, tilt_db=0.5),
    "neutral": Prosody(),
    "sad": Prosody(tempo=0.75, pitch_semitones=-2.0, pitch_range=0.4, gain_db=-6.0, tilt_db=-2.0),
    "surprise": Prosody(tempo=1.0, pitch_semitones=6.0, pitch_range=2.0, gain_db=2.0, tilt_db=1.0),
}
"""Signs after Scherer, "Vocal communication of emotion", Speech Communication 40, 2003, table 2; sizes are chosen."""

SPREAD = Prosody(tempo=0.07, pitch_semitones=1.2, pitch_range=0.2, gain_db=2.0, tilt_db=0.7, tremble=0.01)
"""Standard deviation between clips; without it every model would score 100 %."""
