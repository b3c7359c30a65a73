"""Bounds on what is accepted as sound: sampling rate, channels, duration. They refuse damaged headers early."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from emotone.errors import AudioError

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
MAX_CHANNELS = 32
MAX_HOURS = 12


def check_rate(rate_hz: Any, name: str) -> float:
    """The sampling rate, an int where it is whole.

    Raises:
        AudioError: not a number from 1,000 to 768,000 Hz.

    >>> check_rate(16000.0, "a.wav")
    16000
    """
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, Real):
        raise AudioError(f"{name}: a sampling rate is a number in Hz, not {type(rate_hz).__name__}")
    rate = float(rate_hz)
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise AudioError(
            f"{name}: a sampling rate of {rate:.10g} Hz; {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,} Hz are accepted. "
            "Is its header damaged, or the rate in another unit?"
        )
    return int(rate) if rate.is_integer() else rate


def check_channels(channels: int, name: str) -> None:
    """Raise an AudioError unless there are 1 to 32 channels."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(
            f"{name}: its header states {channels} channels; 1 to {MAX_CHANNELS} are accepted. Is it damaged?"
        )


def check_length(samples: int, rate_hz: float, name: str) -> None:
    """Raise an AudioError if this is more than 12 hours of sound."""
    hours = samples / rate_hz / 3600
    if hours > MAX_HOURS:
        raise AudioError(
            f"{name}: {math.ceil(hours):,} hours of sound at {rate_hz:,} Hz; at most {MAX_HOURS} are read at once. "
            "Is its header damaged? Otherwise split it, or read a section"
        )
