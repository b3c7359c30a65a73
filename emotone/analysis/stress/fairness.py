"""Is one sex, or one height of voice, heard better than another? Gaps between groups, beside those of chance."""

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
"""Largest gap in UAR, in recall of a class and in precision of a class that passes, as in ser-tests.

There, each group is held against all clips together; here against the other groups, which is up to twice as strict.
"""
PITCHES = ("low", "mid", "high")
FEWEST = 5
"""Clips of a class that every group must have in a corpus; a share of fewer says nothing."""


@dataclass(frozen=True)
class Side:
    """One group of voices.

    Attributes:
        name: `female`, `low` ...
        told: what that means, where the name does not say it.
        clips, speakers: how many.
        uar: the mean over corpora, with its interval over speakers.
        recall, precision: by class; None where some group has too few clips of it. Precision is that of equally many
            clips per class, so that no group has another for having other clips.
    """

    name: str
    told: str
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
        label: the class where it is largest; empty for UAR, and where there is none.
        value: 0 .. 1.
        limit: what passes.
        random_models: 95 % of random models show less, that are right and wrong as often as this one, whoever speaks.
        dealt_voices: 95 % of the ways of dealing these voices to groups of these sizes show less.
        verdict: `fail` is over the limit and over both; `unclear` over the limit, but not more than chance may make.
    """

    score: str
    label: str
    value: float
    limit: float
    random_models: float
    dealt_voices: float
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """Groups of voices side by side.

    Attributes:
        by: `sex` or `pitch`.
        corpora: those in which all groups have `FEWEST` clips of some class; others cannot tell a group from a corpus.
        left_out: how many clips are of other corpora, or of voices that belong to no group.
        sides: the groups.
        gaps: in the order of `SCORES`; empty where there is nothing to compare.
    """

    by: str
    corpora: Sequence[str]
    left_out: int
    sides: Sequence[Side]
    gaps: Sequence[Gap]

    @property
    def verdict(self) -> Verdict:
        """The worst of its gaps; `none` where nothing could be compared."""
        worst_first: tuple[Verdict, ...] = ("fail", "unclear", "pass")
        return next((one for one in worst_first if one in {gap.verdict for gap in self.gaps}), "none")


def pitch_groups(pitch_hz: Mapping[str, float]) -> tuple[dict[str, str], dict[str, str]]:
    """Speaker -> low, mid or high: thirds of all speakers by their pitch; and what each name means in Hz.

    >>> pitch_groups({"a": 110, "b": 210, "c": 160})
    ({'a': 'low', 'c': 'mid', 'b': 'high'}, {'low': '110 to 110 Hz', 'mid': '160 to 160 Hz', 'high': '210 to 210 Hz'})
    """
    order = sorted(pitch_hz, key=lambda speaker: (pitch_hz[speaker], speaker))
    thirds = dict(zip(PITCHES, np.array_split(np.array(order, dtype=object), len(PITCHES)), strict=True))
    told = {name: f"{pitch_hz[own[0]]:.0f} to {pitch_hz[own[-1]]:.0f} Hz" for name, own in thirds.items() if own.size}
    return {speaker: name for name, own in thirds.items() for speaker in own}, told


def compare(
    by: str,
    group: Mapping[str, str],
    names: Sequence[str],
    clips: Clips,
    heard: Labels,
    classes: Sequence[str],
    *,
    told: Mapping[str, str] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Groups of voices side by side, in the corpora in which all of them speak; scores are means over corpora.

    Args:
        by: `sex` or `pitch`; decides the limits.
        group: speaker -> name of the group; speakers of none are left out.
        names: of all groups.
        clips, heard: what was acted and by whom, and (clips,) what was heard.
        classes: that the model knows.
        told: name of a group -> what it means.
        draws: simulations of each kind.
        seed: of all chance.
    """
    corpora = []
    for name in np.unique(clips.corpus).tolist():
        own = np.flatnonzero((clips.corpus == name) & np.isin(clips.speaker, list(group)))
        if own.size and (one := _Corpus.of(name, own, group, names, clips, heard, classes)).compared.any():
            corpora.append(one)
    counted = sum(int(one.sums.sum()) for one in corpora)
    if not corpora:
        return Comparison(by, (), len(heard), (), ())
    found = _gaps(corpora, [one.pooled for one in corpora])
    rng = np.random.default_rng(seed)
    limits = [
        np.quantile(_gaps(corpora, [simulate(one, draws, rng) for one in corpora]).max(axis=-1), 0.95, axis=0)
        for simulate in (_Corpus.random_models, _Corpus.dealt_voices)
    ]
    gaps = [
        _gap(place, found[place], classes, LIMITS[by][place], float(limits[0][place]), float(limits[1][place]))
        for place in range(len(SCORES))
    ]
    sides = [_side(place, name, told or {}, corpora, classes, seed) for place, name in enumerate(names)]
    return Comparison(by, [one.name for one in corpora], len(heard) - counted, sides, gaps)


@dataclass(frozen=True)
class _Corpus:
    """What the speakers of one corpus add to the confusions of their group.

    sums: (speakers, classes, classes); belongs: (speakers,) number of the group; groups: how many there are.
    """

    name: str
    sums: Floats
    belongs: NDArray[np.int64]
    groups: int

    @classmethod
    def of(
        cls,
        name: str,
        own: NDArray[np.int64],
        group: Mapping[str, str],
        names: Sequence[str],
        clips: Clips,
        heard: Labels,
        classes: Sequence[str],
    ) -> _Corpus:
        speaker = clips.speaker[own]
        belongs = np.array([names.index(group[one]) for one in np.unique(speaker).tolist()])
        sums = metrics.speaker_confusions(clips.truth[own], heard[own], speaker, classes)
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
        """(draws, groups, classes, classes): every clip heard at random as clips of its class are, whoever speaks."""
        pooled = self.pooled
        together = pooled.sum(axis=0)
        heard_as = np.where(together.sum(axis=1, keepdims=True) > 0, together, 1.0)
        heard_as /= heard_as.sum(axis=1, keepdims=True)
        counts = pooled.sum(axis=2).astype(np.int64)  # (groups, classes)
        return rng.multinomial(counts, heard_as, size=(draws, *counts.shape)).astype(np.float64)

    def dealt_voices(self, draws: int, rng: np.random.Generator) -> Floats:
        """(draws, groups, classes, classes): the voices dealt to groups of the same sizes by chance."""
        belongs = rng.permuted(np.tile(self.belongs, (draws, 1)), axis=1)
        member = belongs[:, None, :] == np.arange(self.groups)[:, None]  # (draws, groups, speakers)
        return np.tensordot(member.astype(np.float64), self.sums, axes=1)


def _gaps(corpora: Sequence[_Corpus], confusions: Sequence[Floats]) -> Floats:
    """For each corpus (..., groups, classes, classes) -> (..., scores, classes): largest less smallest group.

    UAR has its gap in every class. Where a class is not compared, it has a gap of 0.
    """
    values = np.stack(_scores(corpora, confusions), axis=-3)  # (..., scores, groups, classes)
    apart = values.max(axis=-2) - values.min(axis=-2)
    return np.asarray(np.nan_to_num(apart))


def _scores(corpora: Sequence[_Corpus], confusions: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """(..., groups, classes) each: UAR, the same for all classes; recall; precision. nan where nothing is compared."""
    recalls, precisions = [], []
    for corpus, one in zip(corpora, confusions, strict=True):
        had = (one.sum(axis=-1) > 0).all(axis=-2)[..., None, :] & corpus.compared  # (..., 1, classes)
        recalls.append(np.where(had, metrics.recall(one), np.nan))
        shares = one / np.maximum(one.sum(axis=-1, keepdims=True), 1)  # as if every class had as many clips
        precisions.append(np.where(had, metrics.precision(shares * had[..., None]), np.nan))
    recall = _mean(np.stack(recalls), 0)
    uar = _mean(np.stack([_mean(each, -1)[..., None] for each in recalls]), 0)
    return np.broadcast_to(uar, recall.shape), recall, _mean(np.stack(precisions), 0)


def _mean(values: Floats, axis: int) -> Floats:
    """The mean of what is there; nan of nothing."""
    there = np.isfinite(values)
    total, count = np.where(there, values, 0.0).sum(axis=axis), there.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _gap(place: int, gaps: Floats, classes: Sequence[str], limit: float, models: float, voices: float) -> Gap:
    most = int(gaps.argmax())
    value = float(gaps[most])
    verdict: Verdict = "pass"
    if value > limit:
        verdict = "fail" if value > max(models, voices) else "unclear"
    return Gap(SCORES[place], classes[most] if place and value > 0 else "", value, limit, models, voices, verdict)


def _side(
    place: int, name: str, told: Mapping[str, str], corpora: Sequence[_Corpus], classes: Sequence[str], seed: int
) -> Side:
    _, recall, precision = (score[place] for score in _scores(corpora, [one.pooled for one in corpora]))
    own = [one.sums[one.belongs == place] * one.compared[:, None] for one in corpora]
    (uar,) = intervals(lambda confusion: metrics.mean_recall(confusion)[..., None], own, seed=seed)
    assert uar is not None
    return Side(
        name,
        told.get(name, ""),
        clips=int(sum(one.sums[one.belongs == place].sum() for one in corpora)),
        speakers=sum(int((one.belongs == place).sum()) for one in corpora),
        uar=uar,
        recall=_by_class(recall, classes),
        precision=_by_class(precision, classes),
    )


def _by_class(values: Floats, classes: Sequence[str]) -> dict[str, float | None]:
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(classes, values, strict=True)}
