"""Clips that are one recording, found by listening: the same samples, or copies re-encoded, trimmed or stretched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.analysis.audit.fingerprint import COPY, RATE_HZ, Bits, Fingerprint, agreement, digest, summary, unpacked
from emotone.audio import read as audio
from emotone.audio.read import AudioSettings
from emotone.data.splits import Fold
from emotone.data.utterance import Table, Utterance
from emotone.errors import AudioError, EmotoneError
from emotone.features import Values
from emotone.features.extraction import extract as extraction
from emotone.features.extraction.feature_set import Failure, FeatureSet

_BLOCK = 1024
_FEW = 2000  # so many pairs are compared one by one
_NEAR = 0.6
"""Cosine of two summaries from which on two clips are compared; of copies as in `COPY` it was 0.65 and more."""


class Pair(NamedTuple):
    """Two clips of a table that are one recording; `agreement` is 1 where the samples are equal."""

    first: int
    second: int
    agreement: float

    @property
    def equal(self) -> bool:
        """Whether the samples are the same, one by one."""
        return self.agreement == 1.0


def listen(
    table: Table, *, cache: Path | None, workers: int | None = None, progress: bool = False
) -> tuple[FeatureSet | None, list[Failure]]:
    """Fingerprints of the clips that can be read, None where there is none; and those that cannot be read."""
    try:
        heard = extraction.extract(
            table,
            Fingerprint(),
            AudioSettings(rate_hz=RATE_HZ),
            cache=cache,
            workers=workers,
            progress=progress,
        )
    except AudioError:  # not a single one can be read
        return None, [Failure(row.key, row.file, _why(row)) for row in table]
    return heard, list(heard.failures)


def _why(clip: Utterance) -> str:
    """Why a clip cannot be read."""
    try:
        audio.read(clip.file, RATE_HZ, start_s=clip.start_s, end_s=clip.end_s)
    except EmotoneError as problem:
        return str(problem)
    return f"{clip.file}: could not be read before, and can be now; audit again"


def across(prints: Sequence[Values], folds: Sequence[Fold], rows: NDArray[np.int64]) -> list[Pair]:
    """Every pair that is one recording and lies on both sides of a fold.

    Args:
        prints: fingerprints.
        folds: which clips are learned from or watched, and which are tested, as positions in a table.
        rows: (prints,) position of each fingerprint in that table.
    """
    tested, learned = (np.array([np.isin(rows, side) for side in sides]) for sides in _sides(folds))
    found = dict.fromkeys(_equal(prints, tested, learned), 1.0)
    bits: dict[int, Bits] = {}
    for pair in _candidates(prints, tested, learned):
        if pair not in found:
            bits |= {one: unpacked(prints[one]) for one in pair if one not in bits}
            if (alike := agreement(*(bits[one] for one in pair))) >= COPY:
                found[pair] = min(alike, 0.999)
            if len(bits) > _BLOCK:
                bits.clear()
    return [Pair(int(rows[a]), int(rows[b]), alike) for (a, b), alike in sorted(found.items())]


def _sides(folds: Sequence[Fold]) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Of each fold, the clips tested, and those learned from or watched."""
    return [fold.test for fold in folds], [np.concatenate([fold.train, fold.development]) for fold in folds]


def _crossing(tested: NDArray[np.bool_], learned: NDArray[np.bool_], block: slice) -> NDArray[np.bool_]:
    """(block, clips) whether two clips, the second behind the first, are on both sides of a fold."""
    test, learn = tested.astype(np.float32), learned.astype(np.float32)
    crosses = test[:, block].T @ learn + learn[:, block].T @ test > 0
    return np.asarray(np.triu(crosses, 1 + block.start))


def _equal(
    prints: Sequence[Values], tested: NDArray[np.bool_], learned: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Pairs across sides whose samples are the same."""
    groups: dict[bytes, list[int]] = {}
    for place, one in enumerate(prints):
        groups.setdefault(digest(one), []).append(place)
    for group in groups.values():
        for a, b in combinations(group, 2):
            if (tested[:, a] & learned[:, b] | learned[:, a] & tested[:, b]).any():
                yield a, b


def _candidates(
    prints: Sequence[Values], tested: NDArray[np.bool_], learned: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Pairs across sides that are worth comparing: all where they are few, else those with near summaries."""
    near = np.array([summary(unpacked(one)) for one in prints])
    near -= near.mean(axis=0)  # what the whole set has in common: the room, the microphone
    near /= np.maximum(np.linalg.norm(near, axis=1, keepdims=True), 1e-9)
    few = len(prints) * (len(prints) - 1) // 2 <= _FEW
    for start in range(0, len(prints), _BLOCK):
        block = slice(start, start + _BLOCK)
        wanted = _crossing(tested, learned, block)
        if not few:
            wanted &= near[block] @ near.T >= _NEAR
        for a, b in np.argwhere(wanted).tolist():
            yield start + a, b
