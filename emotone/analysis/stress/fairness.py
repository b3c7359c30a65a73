"""Fairness: gaps in UAR, recall and precision between groups of speakers, tested against two null distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotone.analysis.stress.robustness import Clips, Labels, Verdict
from emotone.evaluation import metrics
from emotone.evaluation.intervals import Floats, Interval, intervals

SCORES = ("UAR", "recall", "precision")
LIMITS: Mapping[str, tuple[float, float, float]] = {"sex": (0.075, 0.175, 0.075), "pitch": (0.075, 0.225, 0.1)}
"""Largest gaps in UAR, in recall of a class and in precision of a class that pass, as in ser-tests.

There, each group is compared with all clips; here with the other groups, which is up to twice as strict.
"""
PITCHES = ("low", "mid", "high")
FEWEST = 5
"""Smallest number of clips of a class that every group must have in a corpus."""


@dataclass(frozen=True)
class SpeakerGroup:
    """Scores of one group of speakers.

    Attributes:
        name: `female`, `low` ...
        description: such as the range of pitch; may be empty.
        clips, speakers: how many.
        uar: the mean over corpora, with its interval over speakers.
        recall, precision: by class; None where some group has too few clips of it. Precision is computed as if every
            class had as many clips, so that it does not depend on the clips of a group.
    """

    name: str
    description: str
    clips: int
    speakers: int
    uar: Interval
    recall: Mapping[str, float | None]
    precision: Mapping[str, float | None]


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups, in UAR or over the classes.

    Attributes:
        score: one of `SCORES`.
        label: the class where it is largest; empty for UAR, and if there is no gap.
        value: 0 .. 1.
        limit: the largest value that passes.
        random_models: 95 % quantile over simulated models with the same confusions for every speaker.
        permuted_speakers: 95 % quantile over random permutations of the speakers between the groups.
        verdict: `fail` above the limit and above both quantiles; `unclear` above the limit, but not above both.
    """

    score: str
    label: str
    value: float
    limit: float
    random_models: float
    permuted_speakers: float
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """Comparison of groups of speakers.

    Attributes:
        by: `sex` or `pitch`.
        corpora: those in which all groups have `FEWEST` clips of some class; in others both are confounded.
        left_out: number of clips of other corpora, or of speakers without a group.
        groups: their scores.
        gaps: in the order of `SCORES`; empty if there is nothing to compare.
    """

    by: str
    corpora: Sequence[str]
    left_out: int
    groups: Sequence[SpeakerGroup]
    gaps: Sequence[Gap]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its gaps; `none` if nothing could be compared."""
        worst_first: tuple[Verdict, ...] = ("fail", "unclear", "pass")
        return next((verdict for verdict in worst_first if verdict in {gap.verdict for gap in self.gaps}), "none")


def pitch_groups(pitch_hz: Mapping[str, float]) -> tuple[dict[str, str], dict[str, str]]:
    """Speaker -> low, mid or high (thirds of all speakers by their pitch); and the range of each third in Hz.

    >>> pitch_groups({"a": 110, "b": 210, "c": 160})
    ({'a': 'low', 'c': 'mid', 'b': 'high'}, {'low': '110 to 110 Hz', 'mid': '160 to 160 Hz', 'high': '210 to 210 Hz'})
    """
    order = sorted(pitch_hz, key=lambda speaker: (pitch_hz[speaker], speaker))
    thirds = dict(zip(PITCHES, np.array_split(np.array(order, dtype=object), len(PITCHES)), strict=True))
    ranges = {
        name: f"{pitch_hz[third[0]]:.0f} to {pitch_hz[third[-1]]:.0f} Hz"
        for name, third in thirds.items()
        if third.size
    }
    return {speaker: name for name, third in thirds.items() for speaker in third}, ranges


def compare(
    by: str,
    group: Mapping[str, str],
    names: Sequence[str],
    clips: Clips,
    predicted: Labels,
    classes: Sequence[str],
    *,
    descriptions: Mapping[str, str] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Comparison of groups of speakers in the corpora that have all groups; scores are means over corpora.

    Args:
        by: `sex` or `pitch`; decides the limits.
        group: speaker -> name of the group; other speakers are left out.
        names: of all groups.
        clips: the clips with true emotion and speaker.
        predicted: (clips,) predictions.
        classes: of the model.
        descriptions: name of a group -> description.
        draws: number of simulated models and of permutations.
        seed: of both.
    """
    corpora = []
    for name in np.unique(clips.corpus).tolist():
        rows = np.flatnonzero((clips.corpus == name) & np.isin(clips.speaker, list(group)))
        if rows.size and (corpus := _Corpus.of(name, rows, group, names, clips, predicted, classes)).compared.any():
            corpora.append(corpus)
    counted = sum(int(corpus.sums.sum()) for corpus in corpora)
    if not corpora:
        return Comparison(by, (), len(predicted), (), ())
    found = _gaps(corpora, [corpus.pooled for corpus in corpora])
    rng = np.random.default_rng(seed)
    quantiles = [
        np.quantile(_gaps(corpora, [simulate(corpus, draws, rng) for corpus in corpora]).max(axis=-1), 0.95, axis=0)
        for simulate in (_Corpus.random_models, _Corpus.permuted_speakers)
    ]
    gaps = [
        _gap(place, found[place], classes, LIMITS[by][place], float(quantiles[0][place]), float(quantiles[1][place]))
        for place in range(len(SCORES))
    ]
    groups = [_group(place, name, descriptions or {}, corpora, classes, seed) for place, name in enumerate(names)]
    return Comparison(by, [corpus.name for corpus in corpora], len(predicted) - counted, groups, gaps)


@dataclass(frozen=True)
class _Corpus:
    """Confusion matrices of the speakers of one corpus.

    sums: (speakers, classes, classes); belongs: (speakers,) number of the group; groups: how many groups.
    """

    name: str
    sums: Floats
    belongs: NDArray[np.int64]
    groups: int

    @classmethod
    def of(
        cls,
        name: str,
        rows: NDArray[np.int64],
        group: Mapping[str, str],
        names: Sequence[str],
        clips: Clips,
        predicted: Labels,
        classes: Sequence[str],
    ) -> _Corpus:
        speaker = clips.speaker[rows]
        belongs = np.array([names.index(group[who]) for who in np.unique(speaker).tolist()])
        sums = metrics.speaker_confusions(clips.truth[rows], predicted[rows], speaker, classes)
        return cls(name, sums, belongs, len(names))

    @property
    def pooled(self) -> Floats:
        """(groups, classes, classes)."""
        return np.stack([self.sums[self.belongs == place].sum(axis=0) for place in range(self.groups)])

    @property
    def compared(self) -> NDArray[np.bool_]:
        """(classes,) whether every group has enough clips of it."""
        return np.asarray((self.pooled.sum(axis=-1) >= FEWEST).all(axis=0))

    def random_models(self, draws: int, rng: np.random.Generator) -> Floats:
        """(draws, groups, classes, classes): predictions drawn from the confusions of all speakers together."""
        pooled = self.pooled
        together = pooled.sum(axis=0)
        probabilities = np.where(together.sum(axis=1, keepdims=True) > 0, together, 1.0)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        counts = pooled.sum(axis=2).astype(np.int64)  # (groups, classes)
        return rng.multinomial(counts, probabilities, size=(draws, *counts.shape)).astype(np.float64)

    def permuted_speakers(self, draws: int, rng: np.random.Generator) -> Floats:
        """(draws, groups, classes, classes): the speakers permuted between groups of the same sizes."""
        belongs = rng.permuted(np.tile(self.belongs, (draws, 1)), axis=1)
        member = belongs[:, None, :] == np.arange(self.groups)[:, None]  # (draws, groups, speakers)
        return np.tensordot(member.astype(np.float64), self.sums, axes=1)


def _gaps(corpora: Sequence[_Corpus], confusions: Sequence[Floats]) -> Floats:
    """For each corpus (..., groups, classes, classes) -> (..., scores, classes): largest minus smallest group.

    The gap in UAR is repeated for every class. A class that is not compared has a gap of 0.
    """
    values = np.stack(_scores(corpora, confusions), axis=-3)  # (..., scores, groups, classes)
    gaps = values.max(axis=-2) - values.min(axis=-2)
    return np.asarray(np.nan_to_num(gaps))


def _scores(corpora: Sequence[_Corpus], confusions: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """(..., groups, classes) each: UAR, repeated for all classes; recall; precision. nan where nothing is compared."""
    recalls, precisions = [], []
    for corpus, confusion in zip(corpora, confusions, strict=True):
        present = (confusion.sum(axis=-1) > 0).all(axis=-2)[..., None, :] & corpus.compared  # (..., 1, classes)
        recalls.append(np.where(present, metrics.recall(confusion), np.nan))
        shares = confusion / np.maximum(confusion.sum(axis=-1, keepdims=True), 1)  # as if classes had equal size
        precisions.append(np.where(present, metrics.precision(shares * present[..., None]), np.nan))
    recall = _mean(np.stack(recalls), 0)
    uar = _mean(np.stack([_mean(of_corpus, -1)[..., None] for of_corpus in recalls]), 0)
    return np.broadcast_to(uar, recall.shape), recall, _mean(np.stack(precisions), 0)


def _mean(values: Floats, axis: int) -> Floats:
    """Mean of the finite values; nan without any."""
    finite = np.isfinite(values)
    total, count = np.where(finite, values, 0.0).sum(axis=axis), finite.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _gap(place: int, gaps: Floats, classes: Sequence[str], limit: float, models: float, permuted: float) -> Gap:
    largest = int(gaps.argmax())
    value = float(gaps[largest])
    verdict: Verdict = "pass"
    if value > limit:
        verdict = "fail" if value > max(models, permuted) else "unclear"
    label = classes[largest] if place and value > 0 else ""
    return Gap(SCORES[place], label, value, limit, models, permuted, verdict)


def _group(
    place: int,
    name: str,
    descriptions: Mapping[str, str],
    corpora: Sequence[_Corpus],
    classes: Sequence[str],
    seed: int,
) -> SpeakerGroup:
    _, recall, precision = (score[place] for score in _scores(corpora, [corpus.pooled for corpus in corpora]))
    sums = [corpus.sums[corpus.belongs == place] for corpus in corpora]
    compared = [of_group * corpus.compared[:, None] for of_group, corpus in zip(sums, corpora, strict=True)]
    (uar,) = intervals(lambda confusion: metrics.mean_recall(confusion)[..., None], compared, seed=seed)
    assert uar is not None
    return SpeakerGroup(
        name,
        descriptions.get(name, ""),
        clips=int(sum(of_group.sum() for of_group in sums)),
        speakers=sum(map(len, sums)),
        uar=uar,
        recall=_by_class(recall, classes),
        precision=_by_class(precision, classes),
    )


def _by_class(values: Floats, classes: Sequence[str]) -> dict[str, float | None]:
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(classes, values, strict=True)}
