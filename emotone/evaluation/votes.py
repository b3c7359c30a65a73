"""Listener votes as label distributions, and the agreement of predictions with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.data.labels import LabelMap, changes_within, label_map
from emotone.data.utterance import Table
from emotone.evaluation.intervals import Floats, intervals
from emotone.evaluation.scores import Predictions, as_plain

_LEAST = np.log(1e-12)  # a probability of 0 must not make a mean infinite


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes of the listeners of each clip for the labels.

    Attributes:
        key: (clips,) keys of the clips.
        shares: (clips, classes) share of each label; a row of nan if no listener chose any label.
        listeners: (clips,) number of listeners who chose one of the labels; 0 if the corpus does not state it.
    """

    key: NDArray[Any]
    shares: Floats
    listeners: NDArray[np.int64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(clips,) whether the clip has votes."""
        return np.asarray(np.isfinite(self.shares).all(axis=1))

    def take(self, rows: NDArray[Any]) -> Votes:
        """The clips of these positions, or where a boolean mask is true."""
        return Votes(self.key[rows], self.shares[rows], self.listeners[rows])

    def targets(self, labels: NDArray[np.int64]) -> Floats:
        """(clips, classes) training targets: the votes, or the one-hot label of a clip without votes."""
        one_hot = np.eye(self.shares.shape[1])[labels]
        return np.where(self.known[:, None], self.shares, one_hot)


def votes_of(table: Table, chosen: LabelMap, changes: Mapping[str, str]) -> Votes | None:
    """The votes of clips for the labels of a map, without votes for dropped emotions; None if no clip has votes."""
    voted = {emotion for row in table for emotion in row.votes}
    if not voted:
        return None
    target = label_map(chosen.classes, voted, changes_within(changes, chosen.classes))
    shares = np.zeros((len(table), len(chosen.classes)))
    for clip, row in enumerate(table):
        for emotion, share in row.votes.items():
            if (label := target(emotion)) is not None:
                shares[clip, chosen.classes.index(label)] += share
    kept = shares.sum(axis=1)
    listeners = np.rint(kept * np.array([row.listeners for row in table])).astype(np.int64)
    known = kept > 0
    shares[known] /= kept[known, None]
    shares[~known] = np.nan
    return Votes(table.column("key"), shares, listeners)


def evaluate_votes(predictions: Predictions, votes: Votes | None, *, seed: int = 0) -> dict[str, Any] | None:
    """Agreement of predictions with the votes; `I` is an interval over speakers, as in `scores.evaluate`.

    With n listeners of a clip, c_k of them for label k, p_k = c_k / n, the model's probabilities q_k and its label m:

    - cross_entropy: mean of -sum_k p_k log q_k, in nats; `entropy`, that of the votes themselves, is its lower limit.
    - pearson: the correlation over clips of p_k and q_k, mean over labels; base rates alone give 0.
    - majority: share of clips whose most frequent vote is m; clips with a tie are left out.
    - agreement.model: mean of p_m, how often a random listener agrees with the model.
    - agreement.listener: agreement of two random listeners of a clip: mean of sum_k (c_k / n) (c_k - 1) / (n - 1),
      after Fleiss (1971); over clips with at least two listeners.
    - agreement.best: mean of max_k p_k, that of the most frequent vote: the upper limit for a model.

    For several corpora with votes: means over the corpora, as for every score.

    Returns:
        clips, listeners (mean per clip, None if not stated), cross_entropy, entropy, pearson, each `I`; per_class:
        label -> pearson `I`; majority: clips and accuracy `I`; agreement: model, listener, best, each `I`. None if
        no clip has votes.
    """
    if votes is None:
        return None
    place = {key: row for row, key in enumerate(votes.key.tolist())}
    votes = votes.take(np.array([place[key] for key in predictions.key.tolist()], dtype=np.int64))
    predictions, votes = predictions.take(votes.known), votes.take(votes.known)
    if not len(predictions):
        return None
    of_clip, classes = _of_clips(predictions, votes), len(predictions.classes)
    sums = []
    for corpus in dict.fromkeys(predictions.corpus.tolist()):
        rows = predictions.corpus == corpus
        speakers, who = np.unique(predictions.speaker[rows], return_inverse=True)
        tally = np.zeros((speakers.size, of_clip.shape[1]))
        np.add.at(tally, who, of_clip[rows])
        sums.append(tally)

    def found(scores: Any, bounds: tuple[float, float]) -> list[dict[str, float | None]]:
        return [as_plain(interval) for interval in intervals(scores, sums, seed=seed, bounds=bounds)]

    cross_entropy, entropy = found(lambda total: _ratio(total[..., 1:3], total[..., :1]), (0.0, np.inf))
    shares = found(_shares, (0.0, 1.0))
    pearson, *per_class = found(lambda total: _pearson(total, classes), (-1.0, 1.0))
    stated = votes.listeners[votes.listeners > 0]
    return {
        "clips": len(predictions),
        "listeners": float(stated.mean()) if stated.size else None,
        "cross_entropy": cross_entropy,
        "entropy": entropy,
        "pearson": pearson,
        "per_class": dict(zip(predictions.classes, per_class, strict=True)),
        "majority": {"clips": int(of_clip[:, 7].sum()), "accuracy": shares[3]},
        "agreement": {"model": shares[0], "listener": shares[2], "best": shares[1]},
    }


def _of_clips(predictions: Predictions, votes: Votes) -> Floats:
    """(clips, 9 + 5 classes) contribution of each clip: 1; 2 entropies; 2 agreements; 4 counts; moments."""
    p, q = votes.shares, np.exp(predictions.log_probs)
    clip, predicted = np.arange(len(p)), predictions.log_probs.argmax(axis=1)
    logarithm = np.log(p, out=np.zeros_like(p), where=p > 0)
    n = votes.listeners.astype(np.float64)
    several = n > 1
    counts = p * n[:, None]
    pairs = (counts * (counts - 1)).sum(axis=1) / np.where(several, n * (n - 1), 1.0)
    clear = (np.isclose(p, p.max(axis=1, keepdims=True))).sum(axis=1) == 1
    columns = [
        np.ones(len(p)),
        -(p * np.maximum(predictions.log_probs, _LEAST)).sum(axis=1),
        -(p * logarithm).sum(axis=1),
        p[clip, predicted],
        p.max(axis=1),
        np.where(several, pairs, 0.0),
        several.astype(np.float64),
        clear.astype(np.float64),
        (clear & (p.argmax(axis=1) == predicted)).astype(np.float64),
    ]
    return np.concatenate([np.stack(columns, axis=1), p, q, p * p, q * q, p * q], axis=1)


def _shares(sums: Floats) -> Floats:
    """(..., 4) agreement of the model, of the best and of a listener; share of clear majorities that are predicted."""
    parts = [
        _ratio(sums[..., 3:5], sums[..., :1]),
        _ratio(sums[..., 5:6], sums[..., 6:7]),
        _ratio(sums[..., 8:9], sums[..., 7:8]),
    ]
    return np.concatenate(parts, axis=-1)


def _pearson(sums: Floats, classes: int) -> Floats:
    """(..., 1 + classes) correlation of votes and probabilities over clips: mean over labels, then each label."""
    p, q, pp, qq, pq = np.split(sums[..., 9:] / sums[..., :1], 5, axis=-1)
    spread = np.maximum(pp - p * p, 0.0) * np.maximum(qq - q * q, 0.0)
    per_label = _ratio(pq - p * q, np.where(spread > 1e-18, np.sqrt(spread), 0.0))
    known = np.isfinite(per_label)
    mean = _ratio(np.where(known, per_label, 0.0).sum(axis=-1, keepdims=True), known.sum(axis=-1, keepdims=True))
    return np.concatenate([mean, per_label], axis=-1)


def _ratio(part: Floats, whole: Any) -> Floats:
    """part / whole, nan where whole is 0."""
    whole = np.broadcast_to(whole, part.shape)
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))
