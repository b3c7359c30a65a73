"""What is left of a model's answers when its recordings are disturbed: shares, changes of UAR, verdicts."""

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
    """Who says what in the clips that were heard, in columns: (clips,) each."""

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
        unchanged: share of clips of which the same was heard as before.
        uar_change: UAR under the disturbance minus UAR without.
        verdict: against what the group asks for.
        close: whether the intervals leave the verdict open: with other speakers it might be the other one.
    """

    name: str
    about: str
    unchanged: Interval
    uar_change: Interval
    verdict: Verdict
    close: bool


@dataclass(frozen=True)
class GroupOutcome:
    """A group of disturbances, what it asks for, and what came of each; it passes when all of them do."""

    name: str
    about: str
    least_unchanged: float
    least_uar_change: float | None
    outcomes: Sequence[Outcome]

    @property
    def verdict(self) -> Verdict:
        """`pass` when all of its disturbances do."""
        return "pass" if all(one.verdict == "pass" for one in self.outcomes) else "fail"


def outcomes(group: Group, clips: Clips, before: Labels, after: Mapping[str, Labels], *, seed: int = 0) -> GroupOutcome:
    """What came of a group of disturbances; shares and UARs are means over corpora, intervals are over speakers.

    Args:
        clips: the clips with their truth.
        before: (clips,) what was heard without any disturbance.
        after: name of the disturbance -> (clips,) what was heard under it.
        seed: of the resamplings.
    """
    found = [_outcome(group, one, clips, before, after[one.name], seed) for one in group.disturbances]
    return GroupOutcome(group.name, group.about, group.least_unchanged, group.least_uar_change, found)


def _outcome(group: Group, one: Disturbance, clips: Clips, before: Labels, after: Labels, seed: int) -> Outcome:
    unchanged = _share(clips, before == after, seed)
    change = metrics.paired_difference(clips.truth, before, after, clips.speaker, clips.corpus, swaps=1, seed=seed)
    asked = [(unchanged, group.least_unchanged)]
    if group.least_uar_change is not None:
        asked.append((change.difference, group.least_uar_change))
    passed = all(found.value >= least for found, least in asked)
    surely = any(_below(found, least) for found, least in asked) or all(_above(found, least) for found, least in asked)
    return Outcome(one.name, one.about, unchanged, change.difference, "pass" if passed else "fail", not surely)


def uar(clips: Clips, heard: Labels, classes: Sequence[str], *, seed: int = 0) -> Interval:
    """UAR with its interval over speakers; of several corpora the mean."""
    sums = [speaker_confusions(clips.truth[own], heard[own], clips.speaker[own], classes) for own in clips.corpora()]
    (found,) = intervals(lambda confusion: metrics.mean_recall(confusion)[..., None], sums, seed=seed)
    assert found is not None
    return found


def _share(clips: Clips, right: NDArray[np.bool_], seed: int) -> Interval:
    """The share of clips that something holds for, of several corpora the mean."""
    sums = []
    for own in clips.corpora():
        speakers, who = np.unique(clips.speaker[own], return_inverse=True)
        sums.append(
            np.stack([np.bincount(who, right[own], speakers.size), np.bincount(who)], axis=1).astype(np.float64)
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
