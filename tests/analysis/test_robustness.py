"""Shares and changes computed by hand, and verdicts that state how certain they are."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.analysis.stress import robustness
from emotone.analysis.stress.robustness import Clips, GroupOutcome, Labels
from emotone.audio.disturbances import Group
from emotone.audio.disturbances._group import Sound
from emotone.evaluation import metrics

CLASSES = ("angry", "neutral", "sad")


def predictions(rng: np.random.Generator, truth: Labels, right: float) -> Labels:
    wrong = rng.choice(CLASSES, truth.size)
    return np.where(rng.random(truth.size) < right, truth, wrong)


@pytest.fixture(scope="module")
def clips() -> Clips:
    """Two corpora, one twice as large, of 6 speakers each."""
    truth, speaker, corpus = [], [], []
    for name, each in (("x", 4), ("y", 8)):
        for number in range(6):
            for label in np.repeat(CLASSES, each).tolist():
                truth.append(label)
                speaker.append(f"{name}/{number}")
                corpus.append(name)
    return Clips(np.array(truth), np.array(speaker), np.array(corpus))


def outcome(clips: Clips, before: Labels, after: Labels, unchanged: float, uar: float | None = None) -> GroupOutcome:
    group = Group("trial", "A trial.", least_unchanged=unchanged, least_uar_change=uar)

    @group.disturbance
    def hiss(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
        """White noise."""
        return sound

    return robustness.outcomes(group, clips, before, {"hiss": after}, seed=1)


def test_shares_and_changes_are_means_over_corpora(clips: Clips) -> None:
    rng = np.random.default_rng(0)
    before, after = (predictions(rng, clips.truth, right) for right in (0.8, 0.5))
    (result,) = outcome(clips, before, after, 0.5).outcomes
    rows = [clips.corpus == name for name in ("x", "y")]
    assert result.unchanged.value == pytest.approx(np.mean([np.mean(before[m] == after[m]) for m in rows]))
    changes = [metrics.uar(clips.truth[m], after[m]) - metrics.uar(clips.truth[m], before[m]) for m in rows]
    assert result.uar_change.value == pytest.approx(np.mean(changes))
    whole = robustness.uar(clips, before, CLASSES)
    assert whole.value == pytest.approx(np.mean([metrics.uar(clips.truth[m], before[m]) for m in rows]))
    for interval in (result.unchanged, result.uar_change, whole):
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < interval.value < interval.high


def test_a_verdict_compares_both_with_their_limits_and_states_if_it_is_close(clips: Clips) -> None:
    rng = np.random.default_rng(0)
    before, after = (predictions(rng, clips.truth, right) for right in (0.8, 0.5))
    (result,) = outcome(clips, before, after, 0.5).outcomes
    share, fall = result.unchanged.value, result.uar_change.value
    verdicts = {
        (unchanged, uar): [
            (found.verdict, found.close) for found in outcome(clips, before, after, unchanged, uar).outcomes
        ]
        for unchanged, uar in (
            (share - 0.2, None), (share + 0.3, None), (share - 0.2, fall - 0.3), (share - 0.2, fall + 0.3),
            (share - 0.01, None), (share + 0.01, None), (share - 0.01, fall + 0.3),
        )
    }  # fmt: skip
    assert [result for (result,) in verdicts.values()] == [
        ("pass", False), ("fail", False), ("pass", False), ("fail", False),
        ("pass", True), ("fail", True), ("fail", False),
    ]  # fmt: skip


def test_unchanged_predictions_pass_and_one_speaker_allows_no_interval(clips: Clips) -> None:
    found = outcome(clips, clips.truth, clips.truth, 0.95, -0.02)
    assert found.verdict == "pass"
    assert found.outcomes[0].unchanged.low == 1
    rows = clips.speaker == "x/0"
    alone = Clips(clips.truth[rows], clips.speaker[rows], clips.corpus[rows])
    (result,) = outcome(alone, alone.truth, alone.truth, 0.95).outcomes
    assert (result.verdict, result.close, result.unchanged.low) == ("pass", True, None)
