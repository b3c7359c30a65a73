"""Sound of any numeric type and any number of channels -> float32 mono; arrays in another scale are refused."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from emotone.audio.limits import MAX_CHANNELS
from emotone.errors import AudioError, UnknownName

Samples = NDArray[np.float32]
Channel = Literal["mix", "left", "right", "loudest"]

_LOUDEST_FLOAT = 100.0  # 40 dB above full scale: not a loud recording, but samples in another scale
_SILENT_STEPS = 16  # of 16 bits, 66 dB below full scale
_SILENT_POWER = 1e-8  # mean square of a channel, 80 dB below full scale
_CANCELLED = 1 / 16  # power of a mix, relative to that of its loudest channel with the other channels silent


def check_channel(channel: str) -> Channel:
    """The channel, if there is one of this name.

    Raises:
        UnknownName: there is none.
    """
    for name in get_args(Channel):
        if channel == name:
            return cast(Channel, name)
    raise UnknownName("channel", str(channel), get_args(Channel))


def checked_array(array: NDArray[Any], name: str) -> NDArray[Any]:
    """(samples,) or (samples, channels) as a plain array.

    Raises:
        AudioError: of another shape or type, masked, or integers that use a small part of their type's range, as
            16-bit samples in an int32 array do.
    """
    if np.ma.is_masked(array):
        raise AudioError(f"{name}: some samples are masked; pass samples.filled(0)")
    sound = np.asarray(array)
    if sound.ndim not in (1, 2):
        raise AudioError(f"{name}: expected (samples,) or (samples, channels)")
    if sound.ndim == 2 and sound.shape[1] > MAX_CHANNELS:
        raise AudioError(f"{name}: {sound.shape[1]} channels? Expected (samples, channels); pass its transpose")
    if sound.ndim == 2 and sound.shape[1] == 0:
        raise AudioError(f"{name}: 0 channels; expected (samples, channels)")
    if sound.dtype.kind in "iu" and sound.size:
        _check_range_of_integers(sound, name)
    return sound


def mono(sound: NDArray[Any], name: str, channel: Channel = "mix") -> Samples:
    """(samples,) float32: integers scaled by their range, channels averaged, or one of them.

    Args:
        sound: (samples,) or (samples, channels).
        name: its name in messages.
        channel: `mix` averages all; `left` is the first, `right` the second; `loudest` has the highest power. Sound of
            one channel is the same for each.

    Raises:
        AudioError: not numbers, not finite, floats far above full scale, or channels that cancel each other in a mix.

    >>> mono(np.array([[0.5, -0.25]]), "stereo", "left").tolist()
    [0.5]
    """
    mixer = Mixer(name, channel)
    samples = mixer(sound)
    mixer.check()
    return samples


class Mixer:
    """As `mono`, for the blocks of one recording; `loudest` is the loudest channel of the first block."""

    def __init__(self, name: str, channel: Channel | int = "mix") -> None:
        """For a recording of this name; `channel` as in `mono`, or the number of a channel."""
        self._name, self._channel = name, channel
        self._energy: NDArray[np.float64] | float = 0.0  # of each channel
        self._mixed = 0.0  # energy of the mix
        self._samples = 0

    def __call__(self, sound: NDArray[Any]) -> Samples:
        """(samples,) of a block (samples,) or (samples, channels)."""
        integers = sound.dtype.kind != "f"
        sound = _as_float(sound, self._name)
        sound = np.ascontiguousarray(sound if sound.ndim == 1 else self._one_channel(sound))
        if sound.size:
            peak = max(float(sound.max()), -float(sound.min()))  # NaN stays NaN
            if not np.isfinite(peak):
                count = int((~np.isfinite(sound)).sum())
                raise AudioError(f"{self._name}: {count} samples are not finite numbers; export it again")
            if not integers and peak > _LOUDEST_FLOAT:
                raise AudioError(
                    f"{self._name}: its samples reach {peak:,.0f}; floating-point samples are expected within -1 .. 1. "
                    "Divide 16-bit values by 32768"
                )
        return sound

    def check(self) -> None:
        """Raise an AudioError if the channels so far cancel each other in the mix."""
        channels, count = np.size(self._energy), max(self._samples, 1)
        loudest = float(np.max(self._energy)) / count
        if loudest > _SILENT_POWER and self._mixed / count < _CANCELLED * loudest / channels**2:
            raise AudioError(
                f"{self._name}: its {channels} channels cancel each other when they are mixed, as with one of them "
                "inverted; choose one with the setting channel: left, right or loudest"
            )

    def _one_channel(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) of (samples, channels)."""
        channel = self._channel if sound.shape[1] > 1 else 0
        if channel == "left":
            channel = 0
        elif channel == "right":
            channel = 1
        if isinstance(channel, int):
            return sound[:, channel]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
            energy = np.einsum("sc,sc->c", sound, sound, dtype=np.float64)
            if channel == "loudest":
                self._channel = int(energy.argmax())
                return sound[:, self._channel]
            mix: NDArray[np.float32] = sound.mean(axis=1)
            self._energy, self._samples = self._energy + energy, self._samples + len(sound)
            self._mixed += float(np.einsum("s,s->", mix, mix, dtype=np.float64))
        return mix


def _as_float(sound: NDArray[Any], name: str) -> NDArray[np.float32]:
    if sound.dtype == np.int16:
        sound = sound * np.float32(2**-15)  # exact in float32
    elif sound.dtype.kind == "u":
        middle = (np.iinfo(sound.dtype).max + 1) / 2
        sound = (sound.astype(np.float64) - middle) / middle
    elif sound.dtype.kind == "i":
        sound = sound.astype(np.float64) / -float(np.iinfo(sound.dtype).min)
    elif sound.dtype.kind != "f":
        raise AudioError(f"{name}: samples of type {sound.dtype}; floats or integers are required")
    with np.errstate(over="ignore"):  # too large values become infinite and are refused
        return sound.astype(np.float32, copy=False)


def _check_range_of_integers(sound: NDArray[Any], name: str) -> None:
    bits = 8 * sound.dtype.itemsize
    low, high = int(sound.min()), int(sound.max())
    if sound.dtype.kind == "i":
        peak = max(-low, high)
        narrow = bits > 16 and _SILENT_STEPS < peak <= (2**31 if bits == 64 else 2**15)
    else:
        peak, narrow = high, bits > 8 and 0 < high < 2 ** (bits // 2)
    if narrow:
        raise AudioError(
            f"{name}: {sound.dtype} values of at most {peak:,} use a small part of their range, which is taken as full "
            "scale. Pass samples.astype('int16') where they are 16-bit values, or floats within -1 .. 1"
        )
