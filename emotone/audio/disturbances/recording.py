"""Recording conditions: the same speech in another room, or with another position of the microphone."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from emotone.audio.disturbances._group import Group, Sound
from emotone.audio.disturbances._levels import as_loud, decibels
from emotone.audio.disturbances._reverberation import Room

group = Group("recording", "Another room, or another position of the microphone.", least_unchanged=0.8)


@group.disturbance
def office(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A small office, reverberation time 0.4 s, at 1 m."""
    return _in_room(sound, Room((3.5, 4.0, 2.6), 0.4), 1.0, rate_hz, rng)


@group.disturbance
def living_room(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A living room, reverberation time 0.5 s, at 1 m."""
    return _in_room(sound, _LIVING_ROOM, 1.0, rate_hz, rng)


@group.disturbance
def lecture_hall(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A lecture hall, reverberation time 0.9 s, at 1 m."""
    return _in_room(sound, Room((12.0, 10.0, 4.0), 0.9), 1.0, rate_hz, rng)


@group.disturbance
def stairwell(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A stairwell, reverberation time 1.5 s, at 1 m."""
    return _in_room(sound, Room((3.0, 5.0, 9.0), 1.5), 1.0, rate_hz, rng)


@group.disturbance
def far_microphone(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A microphone 3 m away in the living room: more reverberation, less direct sound."""
    return _in_room(sound, _LIVING_ROOM, 3.0, rate_hz, rng)


@group.disturbance
def table_reflection(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A microphone above a table: a reflection 0.4 to 2 ms later and 2 to 6 dB quieter."""
    later = round(rng.uniform(0.0004, 0.002) * rate_hz)
    reflection = np.pad(sound, (later, 0))[: sound.size] * decibels(-rng.uniform(2, 6))
    return as_loud(sound + reflection, sound)


@group.disturbance
def off_axis(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A microphone next to or behind the talker: a gentle loss of 6 to 12 dB above 2 to 4 kHz."""
    low = sosfilt(butter(1, rng.uniform(1000, 2000), fs=rate_hz, output="sos"), sound)
    return as_loud(low + (sound - low) * decibels(-rng.uniform(6, 12)), sound)


_LIVING_ROOM = Room((6.0, 5.0, 2.6), 0.5)


def _in_room(sound: Sound, room: Room, distance_m: float, rate_hz: int, rng: np.random.Generator) -> Sound:
    """The sound in the room, with the same length and level."""
    response = room.response(distance_m, rate_hz, rng)
    return as_loud(np.asarray(fftconvolve(sound, response)[: sound.size]), sound)
