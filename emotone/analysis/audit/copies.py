"""Pairs of clips that are one recording: the same samples, or copies re-encoded, trimmed or stretched."""

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
from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold
from emotone.data.utterance import Table, Utterance
from emotone.errors import AudioError, EmotoneError
from emotone.features import Values
from emotone.features.extraction import extract as extraction
from emotone.features.extraction.feature_set import Failure, FeatureSet

_BLOCK = 1024
_FEW = 2000  # up to so many pairs, all are compared
_NEAR = 0.6
"""Smallest cosine of two summaries at which two clips are compared; for copies as in `COPY` it was 0.65 and more."""


class Pair(NamedTuple):
    """Two clips of a table that are one recording; `agreement` is 1 if the samples are equal."""

    first: int
    second: int
    agreement: float

    @property
    def equal(self) -> bool:
        """Whether all samples are the same."""
        return self.agreement == 1.0


def fingerprints(
    table: Table, *, cache: Path | None, workers: int | None = None, progress: Progress = no_progress
) -> tuple[FeatureSet | None, list[Failure]]:
    """Fingerprints of the clips that can be read, None if there is no such clip; and the clips that cannot be read."""
    try:
        found = extraction.extract(
            table,
            Fingerprint(),
            AudioSettings(rate_hz=RATE_HZ),
            cache=cache,
            workers=workers,
            progress=progress,
        )
    except AudioError:  # no clip can be read
        return None, [Failure(row.key, row.file, _why(row)) for row in table]
    return found, list(found.failures)


def _why(clip: Utterance) -> str:
    """Why a clip cannot be read."""
    try:
        audio.read(clip.file, RATE_HZ, start_s=clip.start_s, end_s=clip.end_s)
    except EmotoneError as problem:
        return str(problem)
    return f"{clip.file}: could not be read at first, but can be read now; audit again"


def across(prints: Sequence[Values], folds: Sequence[Fold], rows: NDArray[np.int64]) -> list[Pair]:
    """Every pair of clips that is one recording and lies on both sides of a fold.

    Args:
        prints: fingerprints.
        folds: training, development and test clips as positions in a table.
        rows: (prints,) position of each fingerprint in that table.
    """
    tested, training = (np.array([np.isin(rows, side) for side in sides]) for sides in _sides(folds))
    found = dict.fromkeys(_equal(prints, tested, training), 1.0)
    bits: dict[int, Bits] = {}
    for pair in _candidates(prints, tested, training):
        if pair not in found:
            bits |= {clip: unpacked(prints[clip]) for clip in pair if clip not in bits}
            if (similarity := agreement(*(bits[clip] for clip in pair))) >= COPY:
                found[pair] = min(similarity, 0.999)
            if len(bits) > _BLOCK:
                bits.clear()
    return [Pair(int(rows[a]), int(rows[b]), similarity) for (a, b), similarity in sorted(found.items())]


def _sides(folds: Sequence[Fold]) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Of each fold, the test clips, and the clips of the training side."""
    return [fold.test for fold in folds], [fold.training_side for fold in folds]


def _crossing(tested: NDArray[np.bool_], training: NDArray[np.bool_], block: slice) -> NDArray[np.bool_]:
    """(block, clips) whether two clips, the second after the first, are on both sides of a fold."""
    test, train = tested.astype(np.float32), training.astype(np.float32)
    crosses = test[:, block].T @ train + train[:, block].T @ test > 0
    return np.asarray(np.triu(crosses, 1 + block.start))


def _equal(
    prints: Sequence[Values], tested: NDArray[np.bool_], training: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Pairs across sides whose samples are the same."""
    groups: dict[bytes, list[int]] = {}
    for place, fingerprint in enumerate(prints):
        groups.setdefault(digest(fingerprint), []).append(place)
    for group in groups.values():
        for a, b in combinations(group, 2):
            if (tested[:, a] & training[:, b] | training[:, a] & tested[:, b]).any():
                yield a, b


def _candidates(
    prints: Sequence[Values], tested: NDArray[np.bool_], training: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Pairs across sides that are compared: all if they are few, else those with similar summaries."""
    near = np.array([summary(unpacked(fingerprint)) for fingerprint in prints])
    near -= near.mean(axis=0)  # what all clips have in common: the room, the microphone
    near /= np.maximum(np.linalg.norm(near, axis=1, keepdims=True), 1e-9)
    few = len(prints) * (len(prints) - 1) // 2 <= _FEW
    for start in range(0, len(prints), _BLOCK):
        block = slice(start, start + _BLOCK)
        wanted = _crossing(tested, training, block)
        if not few:
            wanted &= near[block] @ near.T >= _NEAR
        for a, b in np.argwhere(wanted).tolist():
            yield start + a, b
