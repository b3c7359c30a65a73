"""What a network hears as alike, as a map of its clips and in numbers: an emotion, or a voice?"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.analysis.audit.findings import training_rows
from emotone.data.sampling import rounds
from emotone.data.splits import Rows
from emotone.evaluation.intervals import intervals
from emotone.evaluation.scores import as_plain
from emotone.runs.finished_run import FinishedRun
from emotone.runs.run import Run

MOST_CLIPS = 1000
"""On the map; the numbers beside it are of all clips."""
_CHUNK = 256  # tested clips that are held against all others at once
_ALIKE = 1e-6  # cosines that differ by less are equal: a dead network hears every clip alike

Floats = NDArray[np.float32]


def write_map(run: Run, *, seed: int = 0) -> None:
    """`map.json` and `map.csv` of the first fold of a network; nothing where a run keeps no embeddings.

    map.json: fold, seed, how many clips were learned from, tested and drawn, and what `neighbours` gives.
    map.csv: a row per clip drawn: key, x and y (0 .. 1), emotion, speaker, tested (1 or 0).

    Args:
        run: finished, with its clips and folds as they were.
        seed: of the choice of clips and of the map.

    Raises:
        RunError: its folds are not those it was tested in.
    """
    member = FinishedRun(run)
    fold = member.folds[0]
    if run.embeddings(fold.name) is None:
        return
    heard = unit(member.features(fold.name))
    clips, learned = member.dataset.table, training_rows(fold)
    emotion = np.array(member.scores["classes"])[member.dataset.labels]
    speaker, rows = clips.column("speaker"), np.sort(np.concatenate([learned, fold.test]))
    drawn = rows[balanced(speaker[rows], MOST_CLIPS, seed)]
    x, y = places(heard[drawn], seed).T
    tested = np.isin(drawn, fold.test).astype(int)
    columns = [clips.column("key")[drawn], x, y, emotion[drawn], speaker[drawn], tested]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("key", "x", "y", "emotion", "speaker", "tested"))
    writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    run.write_text("map.csv", text.getvalue())
    numbers = {"fold": fold.name, "seed": seed, "learned": len(learned), "tested": len(fold.test), "drawn": len(drawn)}
    run.write_json("map.json", {**numbers, "neighbours": neighbours(heard, learned, fold.test, emotion, speaker)})


def unit(embeddings: Floats) -> Floats:
    """(clips, dims) of length one, so that a product of two is their cosine; zeros stay zeros."""
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), dtype=np.float32)


def balanced(groups: NDArray[Any], most: int, seed: int) -> Rows:
    """Positions of at most so many clips, ascending: every group has as many as any other, as far as it has them.

    >>> balanced(np.array(["a", "a", "a", "a", "b"]), 3, seed=0).size
    3
    >>> 4 in balanced(np.array(["a", "a", "a", "a", "b"]), 2, seed=0)
    True
    """
    chance = np.random.default_rng([seed, len(groups)])
    shuffled = chance.permutation(len(groups))
    turn = rounds(groups, shuffled)
    return np.sort(shuffled[np.argsort(turn[shuffled], kind="stable")[:most]])


def places(heard: Floats, seed: int = 0) -> NDArray[np.float64]:
    """(clips, 2) where t-SNE puts them, 0 .. 1: close together is heard alike; sizes of islands mean nothing.

    Source: van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 9 (2008); begun from the principal components.

    Args:
        heard: (clips, dims) of length one. Clips that are all heard alike lie in the middle, as do three or fewer.
        seed: the same gives the same map on the same machine.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    clips, dims = heard.shape
    if clips < 4 or np.ptp(heard, axis=0).max() < _ALIKE:
        return np.full((clips, 2), 0.5)
    wide = np.pad(heard, ((0, 0), (0, max(0, 2 - dims))))
    with threadpool_limits(limits=1):  # sums over threads come in any order, and t-SNE makes much of little
        found = TSNE(init="pca", random_state=seed, perplexity=min(30.0, (clips - 1) / 3)).fit_transform(wide)
    found = found.astype(np.float64) - found.min(axis=0)
    return np.asarray((found / found.max() + (1 - found.max(axis=0) / found.max()) / 2).round(4))


def neighbours(
    heard: Floats, learned: Rows, tested: Rows, emotion: NDArray[Any], speaker: NDArray[Any]
) -> dict[str, dict[str, Any]]:
    """Of the tested clips, the share whose nearest neighbour, by cosine, is of the same kind; and what chance gives.

    Args:
        heard: (clips, dims) of length one.
        learned, tested: rows of these clips.
        emotion, speaker: (clips,) of each.

    Returns:
        emotion: the nearest clip that was learned from has the same emotion; voice: it is the same voice; voice_of_all:
        the nearest of all other clips is the same voice. Each with share (value, and low and high of its 95 % interval
        over tested speakers) and chance.
    """
    everything = np.union1d(learned, tested)
    kinds, voices = (np.unique(names, return_inverse=True)[1] for names in (emotion, speaker))
    asked = {"emotion": (kinds, learned), "voice": (voices, learned), "voice_of_all": (voices, everything)}
    who = np.unique(speaker[tested], return_inverse=True)[1]
    found = {}
    for name, (kind, among) in asked.items():
        parts = list(_hits(heard, tested, among, kind))
        hits, chance = (np.concatenate(values) for values in zip(*parts, strict=True))
        sums = np.stack([np.bincount(who, hits), np.bincount(who)], axis=1).astype(np.float64)  # (speakers, 2)
        (share,) = intervals(lambda of: of[..., :1] / of[..., 1:], [sums])
        found[name] = {"share": as_plain(share), "chance": float(chance.mean())}
    return found


def _hits(
    heard: Floats, tested: Rows, among: Rows, kind: NDArray[Any]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of tested clips, some at a time: whether the nearest is of their kind (of several as near, the share); chance."""
    for start in range(0, len(tested), _CHUNK):
        rows = tested[start : start + _CHUNK]
        other, same = rows[:, None] != among, kind[rows][:, None] == kind[among]
        cosine = np.where(other, heard[rows] @ heard[among].T, -np.inf)
        nearest = cosine >= cosine.max(axis=1, keepdims=True) - _ALIKE
        yield (nearest & same).sum(axis=1) / nearest.sum(axis=1), (other & same).sum(axis=1) / other.sum(axis=1)
