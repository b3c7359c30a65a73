"""Robustness to disturbed recordings: share of unchanged predictions, change of UAR, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emotone.audio.disturbances import Disturbance, Group
from emotone.evaluation import metrics
from emotone.evaluation.intervals import Floats, Interval, intervals
from emotone.evaluation.metrics import speaker_confusions

Labels = NDArray[np.str_]
Verdict = Literal["pass", "fail", "unclear", "none"]


@dataclass(frozen=True)
class Clips:
    """True emotion, speaker and corpus of the classified clips: (clips,) each."""

    truth: Labels
    speaker: Labels
    corpus: Labels

    def corpora(self) -> list[NDArray[np.int64]]:
        """The positions of each corpus's clips."""
        return [np.flatnonzero(self.corpus == name) for name in np.unique(self.corpus)]


@dataclass(frozen=True)
class Outcome:
    """One disturbance over all clips.

    Attributes:
        name, about: of the disturbance.
        unchanged: share of clips with the same prediction as without the disturbance.
        uar_change: UAR with the disturbance minus UAR without.
        verdict: against the limits of the group.
        close: whether the intervals include the other verdict: with other speakers it might be the other one.
    """

    name: str
    about: str
    unchanged: Interval
    uar_change: Interval
    verdict: Verdict
    close: bool


@dataclass(frozen=True)
class GroupOutcome:
    """A group of disturbances, its limits, and the outcome of each disturbance."""

    name: str
    about: str
    least_unchanged: float
    least_uar_change: float | None
    outcomes: Sequence[Outcome]

    @property
    def verdict(self) -> Verdict:
        """`pass` if all of its disturbances pass."""
        return "pass" if all(outcome.verdict == "pass" for outcome in self.outcomes) else "fail"


def outcomes(group: Group, clips: Clips, before: Labels, after: Mapping[str, Labels], *, seed: int = 0) -> GroupOutcome:
    """Outcomes of a group of disturbances; shares and UARs are means over corpora, intervals are over speakers.

    Args:
        clips: the clips with their true emotions.
        before: (clips,) predictions without any disturbance.
        after: name of the disturbance -> (clips,) predictions with it.
        seed: of the resamplings.
    """
    found = [_outcome(group, kind, clips, before, after[kind.name], seed) for kind in group.disturbances]
    return GroupOutcome(group.name, group.about, group.least_unchanged, group.least_uar_change, found)


def _outcome(group: Group, disturbance: Disturbance, clips: Clips, before: Labels, after: Labels, seed: int) -> Outcome:
    unchanged = _share(clips, before == after, seed)
    change = metrics.paired_difference(clips.truth, before, after, clips.speaker, clips.corpus, swaps=1, seed=seed)
    limits = [(unchanged, group.least_unchanged)]
    if group.least_uar_change is not None:
        limits.append((change.difference, group.least_uar_change))
    passed = all(found.value >= least for found, least in limits)
    surely = any(_below(found, least) for found, least in limits) or all(
        _above(found, least) for found, least in limits
    )
    verdict: Verdict = "pass" if passed else "fail"
    return Outcome(disturbance.name, disturbance.about, unchanged, change.difference, verdict, not surely)


def uar(clips: Clips, predicted: Labels, classes: Sequence[str], *, seed: int = 0) -> Interval:
    """UAR with its interval over speakers; the mean over corpora."""
    sums = [
        speaker_confusions(clips.truth[rows], predicted[rows], clips.speaker[rows], classes) for rows in clips.corpora()
    ]
    (found,) = intervals(lambda confusion: metrics.mean_recall(confusion)[..., None], sums, seed=seed)
    assert found is not None
    return found


def _share(clips: Clips, holds: NDArray[np.bool_], seed: int) -> Interval:
    """Share of clips where `holds` is true; the mean over corpora."""
    sums = []
    for rows in clips.corpora():
        speakers, who = np.unique(clips.speaker[rows], return_inverse=True)
        sums.append(
            np.stack([np.bincount(who, holds[rows], speakers.size), np.bincount(who)], axis=1).astype(np.float64)
        )
    (found,) = intervals(_ratio, sums, seed=seed)
    assert found is not None
    return found


def _ratio(sums: Floats) -> Floats:
    """(..., 2) -> (..., 1)."""
    return sums[..., :1] / sums[..., 1:]


def _below(found: Interval, least: float) -> bool:
    return found.high is not None and found.high < least


def _above(found: Interval, least: float) -> bool:
    return found.low is not None and found.low >= least
