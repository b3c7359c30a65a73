"""Audio fingerprint that survives re-encoding, gain, trimming and stretching: bits over time and frequency."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from pydantic import Field

from emotone.features import Feature, Values

Bits = NDArray[np.int8]

RATE_HZ = 8000
_FRAME, _HOP = 1024, 128  # 128 ms every 16 ms: partials 8 Hz apart are resolved, and a shift by half a hop is small
_LOWEST, _BINS, _SIDE = 26, 256, 6  # 200 to 2200 Hz, which every codec keeps; each bin against 13 around it
_QUIET_DB, _FLOOR_DB = 25.0, 70.0  # codecs change what is quieter
_WORDS = _BINS // 16

COPY = 0.45
"""Smallest agreement of two clips that are one recording. Measured on RAVDESS, EmoDB, TESS and nEMO (LOG.md): 2160
copies as ogg or mp3 at -3 dB, cut by 10 % at either or both ends, or stretched by 0.9 to 1.1 gave 0.48 and more; of
16,000 pairs of two recordings, the most similar gave 0.40 in TESS (one speaker repeats "say the word" in one tone 200
times), 0.30 elsewhere. White noise at 20 dB gave 0.19 to 0.7: some of these copies are found. Changed pitch is not
found."""
_WINDOW = 16  # of every second frame: half a second
_FEWEST_FRAMES = 10  # shorter clips agree with too many others
_SPEEDS = np.exp(np.linspace(np.log(0.87), np.log(1.15), 29))
_OVERLAP = 0.6


class Fingerprint(Feature):
    """(1 + frames, 16) whole numbers under 65,536: a digest of the samples, then 256 bits per frame.

    A bit is 1 if a bin of the spectrum is louder than its neighbours; loudness and the frequency response of a
    microphone or codec change both in the same way. Quiet frames are 0. After Haitsma and Kalker (2002, A Highly Robust
    Audio Fingerprinting System), whose bits compare neighbouring frames, which is not robust to stretching.

    >>> sound = np.sin(np.arange(8000) * 0.4).astype(np.float32)
    >>> Fingerprint().extract(sound, 8000).shape
    (64, 16)
    """

    kind = "sequence"

    most_s: float = Field(60.0, gt=0, description="Seconds of a clip that are compared; the digest is of all.")

    def extract(self, samples: Values, rate_hz: int) -> Values:
        digest = np.frombuffer(blake2b(samples.tobytes(), digest_size=2 * _WORDS).digest(), dtype="<u2")
        bits = _bits(samples[: round(self.most_s * rate_hz)])
        return np.concatenate([digest[None], bits]).astype(np.float32)

    @property
    def names(self) -> list[str]:
        return [f"bits_{16 * word}" for word in range(_WORDS)]


def _bits(samples: Values) -> NDArray[np.uint16]:
    """(frames, 16) packed bits; 0 where a frame is quiet."""
    padded = np.pad(samples, _FRAME // 2)
    framed = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    spectrum = scipy.fft.rfft(framed * np.hanning(_FRAME).astype(np.float32), axis=1)
    power = np.square(np.abs(spectrum[:, _LOWEST - _SIDE : _LOWEST + _BINS + _SIDE]))
    energy = power.sum(axis=1)
    most = max(float(energy.max()), 1e-25)  # far above what a processor may flush to zero
    level = np.log(power + most * 10 ** (-_FLOOR_DB / 10))
    total = np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    around = (total[:, 2 * _SIDE + 1 :] - total[:, : -2 * _SIDE - 1]) / (2 * _SIDE + 1)
    louder = (level[:, _SIDE:-_SIDE] > around) & (energy > most * 10 ** (-_QUIET_DB / 10))[:, None]
    return np.packbits(louder, axis=1).view("<u2")


def digest(fingerprint: Values) -> bytes:
    """Digest of the samples: equal for two clips if and only if their samples are equal."""
    return bytes(fingerprint[0].astype("<u2").tobytes())


def unpacked(fingerprint: Values) -> Bits:
    """(frames, 256) 1 or -1, 0 where a frame is quiet."""
    packed = np.ascontiguousarray(fingerprint[1:]).astype("<u2")
    bits = np.unpackbits(packed.view(np.uint8), axis=1).astype(np.int8) * 2 - 1
    bits[~packed.any(axis=1)] = 0
    return bits


def summary(bits: Bits) -> NDArray[np.float32]:
    """(768,) how often each bin exceeds its neighbours, in the first, middle and last half: similar for copies."""
    loud = bits[bits[:, 0] != 0].astype(np.float32)
    if not len(loud):
        return np.zeros(3 * _BINS, dtype=np.float32)
    half = max(1, len(loud) // 2)
    return np.concatenate([loud[start : start + half].mean(axis=0) for start in (0, len(loud) // 4, len(loud) - half)])


def agreement(first: Bits, second: Bits) -> float:
    """Agreement of two clips in their worst half second, -1 to 1: 1 is the same sound, 0 is chance level.

    The loud frames of the clip that has fewer are aligned with the other at the shift and speed (0.87 to 1.15) that fit
    best. The worst half second counts: another take of a sentence, or another word after the same carrier phrase,
    agrees in parts; a copy agrees throughout. 0 if too few frames are loud, or under 60 % lie within the other clip.
    """
    shorter, longer = sorted((first, second), key=lambda bits: np.count_nonzero(bits[:, 0]))
    loud = np.flatnonzero(shorter[:, 0])[::2]
    if len(loud) < _FEWEST_FRAMES or len(longer) < 3:
        return 0.0
    # (loud frames of the shorter, frames of the longer): a copy is a straight line
    similarity = shorter[loud].astype(np.float32) @ longer.T.astype(np.float32) / _BINS
    return max(
        (_along(similarity, loud, speed, shift) for speed, shift in _likely_lines(similarity, loud)), default=0.0
    )


def _likely_lines(similarity: NDArray[np.float32], loud: NDArray[np.int64]) -> list[tuple[float, float]]:
    """(speed, shift) of lines through many of the points where each frame is most similar."""
    closest = similarity.argmax(axis=1)
    voted = []
    for speed in _SPEEDS:
        shifts = np.round(closest - speed * loud).astype(np.int64)
        votes = np.bincount(shifts - shifts.min())
        votes[1:] += votes[:-1].copy()  # neighbours vote together
        best = int(votes.argmax())
        voted.append((int(votes[best]), float(speed), float(best + shifts.min())))
    best_voted = sorted(voted, reverse=True)[:4]
    return [(speed, shift + step) for _, speed, shift in best_voted for step in (-0.5, 0.0, 0.5)]


def _along(similarity: NDArray[np.float32], loud: NDArray[np.int64], speed: float, shift: float) -> float:
    """The smallest mean over half a second along a line; each frame may lie one to either side."""
    place = np.round(speed * loud + shift).astype(np.int64)
    inside = np.flatnonzero((place >= 0) & (place < similarity.shape[1]))
    if len(inside) < max(_FEWEST_FRAMES, _OVERLAP * len(loud)):
        return 0.0
    centre = np.clip(place[inside], 1, similarity.shape[1] - 2)
    values = np.max([similarity[inside, centre + step] for step in (-1, 0, 1)], axis=0)
    window = min(_WINDOW, len(values))
    total = np.cumsum(np.concatenate([[0.0], values]))
    return float(((total[window:] - total[:-window]) / window).min())
