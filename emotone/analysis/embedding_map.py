"""Map of a network's clip embeddings, and nearest neighbours by emotion and by speaker."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.data.sampling import rounds
from emotone.data.splits import Rows
from emotone.evaluation.intervals import intervals
from emotone.evaluation.scores import as_plain
from emotone.runs.finished_run import FinishedRun
from emotone.runs.run import Run

MOST_CLIPS = 1000
"""Largest number of clips on the map; the scores are of all clips."""
_CHUNK = 256  # test clips that are compared with all others in one product
_EQUAL = 1e-6  # cosines that differ by less are equal: a dead network has one embedding for all clips

Floats = NDArray[np.float32]


def write_map(run: Run, *, seed: int = 0) -> None:
    """`map.json` and `map.csv` of the first fold of a network; nothing if the run keeps no embeddings.

    map.json: fold, seed, number of clips in training, in test and on the map, and the result of `neighbours`.
    map.csv: a row per clip on the map: key, x and y (0 .. 1), emotion, speaker, tested (1 or 0).

    Args:
        run: finished, with unchanged clips and folds.
        seed: of the choice of clips and of the map.

    Raises:
        RunError: its folds have changed.
    """
    member = FinishedRun(run)
    fold = member.folds[0]
    if run.embeddings(fold.name) is None:
        return
    embeddings = unit(member.features(fold.name))
    clips, training = member.dataset.table, fold.training_side
    emotion = np.array(member.scores["classes"])[member.dataset.labels]
    speaker, rows = clips.column("speaker"), np.sort(np.concatenate([training, fold.test]))
    drawn = rows[balanced(speaker[rows], MOST_CLIPS, seed)]
    x, y = places(embeddings[drawn], seed).T
    tested = np.isin(drawn, fold.test).astype(int)
    columns = [clips.column("key")[drawn], x, y, emotion[drawn], speaker[drawn], tested]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("key", "x", "y", "emotion", "speaker", "tested"))
    writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    run.write_text("map.csv", text.getvalue())
    numbers = {"fold": fold.name, "seed": seed, "learned": len(training), "tested": len(fold.test), "drawn": len(drawn)}
    run.write_json("map.json", {**numbers, "neighbours": neighbours(embeddings, training, fold.test, emotion, speaker)})


def unit(embeddings: Floats) -> Floats:
    """(clips, dims) scaled to unit length, so that the product of two is their cosine; zeros stay zeros."""
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), dtype=np.float32)


def balanced(groups: NDArray[Any], most: int, seed: int) -> Rows:
    """Positions of at most `most` clips, ascending, with equal numbers per group as far as possible.

    >>> balanced(np.array(["a", "a", "a", "a", "b"]), 3, seed=0).size
    3
    >>> 4 in balanced(np.array(["a", "a", "a", "a", "b"]), 2, seed=0)
    True
    """
    chance = np.random.default_rng([seed, len(groups)])
    shuffled = chance.permutation(len(groups))
    turn = rounds(groups, shuffled)
    return np.sort(shuffled[np.argsort(turn[shuffled], kind="stable")[:most]])


def places(embeddings: Floats, seed: int = 0) -> NDArray[np.float64]:
    """(clips, 2) t-SNE coordinates, 0 .. 1: near clips have similar embeddings; sizes of clusters have no meaning.

    Source: van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 9 (2008); initialised by PCA.

    Args:
        embeddings: (clips, dims) of unit length. Equal embeddings are put in the middle, as are three clips or fewer.
        seed: the same seed gives the same map on the same machine.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    clips, dims = embeddings.shape
    if clips < 4 or np.ptp(embeddings, axis=0).max() < _EQUAL:
        return np.full((clips, 2), 0.5)
    wide = np.pad(embeddings, ((0, 0), (0, max(0, 2 - dims))))
    with threadpool_limits(limits=1):  # sums over threads vary in order, and t-SNE amplifies small differences
        found = TSNE(init="pca", random_state=seed, perplexity=min(30.0, (clips - 1) / 3)).fit_transform(wide)
    found = found.astype(np.float64) - found.min(axis=0)
    return np.asarray((found / found.max() + (1 - found.max(axis=0) / found.max()) / 2).round(4))


def neighbours(
    embeddings: Floats, training: Rows, tested: Rows, emotion: NDArray[Any], speaker: NDArray[Any]
) -> dict[str, dict[str, Any]]:
    """Share of test clips whose nearest neighbour, by cosine, is of the same kind; and the chance level.

    Args:
        embeddings: (clips, dims) of unit length.
        training, tested: rows of these clips.
        emotion, speaker: (clips,) of each.

    Returns:
        emotion: the nearest training clip has the same emotion; voice: it has the same speaker; voice_of_all: the
        nearest of all other clips has the same speaker. Each with share (value, and low and high of its 95 % interval
        over test speakers) and chance level.
    """
    everything = np.union1d(training, tested)
    kinds, voices = (np.unique(names, return_inverse=True)[1] for names in (emotion, speaker))
    compared = {"emotion": (kinds, training), "voice": (voices, training), "voice_of_all": (voices, everything)}
    who = np.unique(speaker[tested], return_inverse=True)[1]
    found = {}
    for name, (kind, among) in compared.items():
        parts = list(_hits(embeddings, tested, among, kind))
        hits, chance = (np.concatenate(values) for values in zip(*parts, strict=True))
        sums = np.stack([np.bincount(who, hits), np.bincount(who)], axis=1).astype(np.float64)  # (speakers, 2)
        (share,) = intervals(lambda of: of[..., :1] / of[..., 1:], [sums])
        found[name] = {"share": as_plain(share), "chance": float(chance.mean())}
    return found


def _hits(
    embeddings: Floats, tested: Rows, among: Rows, kind: NDArray[Any]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For chunks of test clips: whether the nearest clip is of their kind (of ties the share); chance level."""
    for start in range(0, len(tested), _CHUNK):
        rows = tested[start : start + _CHUNK]
        other, same = rows[:, None] != among, kind[rows][:, None] == kind[among]
        cosine = np.where(other, embeddings[rows] @ embeddings[among].T, -np.inf)
        nearest = cosine >= cosine.max(axis=1, keepdims=True) - _EQUAL
        yield (nearest & same).sum(axis=1) / nearest.sum(axis=1), (other & same).sum(axis=1) / other.sum(axis=1)
