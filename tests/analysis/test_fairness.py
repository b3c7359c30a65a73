"""An unfair simulated model fails; a fair one, whose speakers merely differ, seldom does."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.analysis.stress import fairness
from emotone.analysis.stress.fairness import Comparison
from emotone.analysis.stress.robustness import Clips
from emotone.evaluation import metrics
from tests.helpers.voices import CLASSES, SEXES, predictions

QUANTILES = ("random_models", "permuted_speakers")


def compared(seed: int, **settings: float) -> Comparison:
    clips, predicted, sex = predictions(seed, **settings)  # type: ignore[arg-type]
    return fairness.compare("sex", sex, SEXES, clips, predicted, CLASSES, draws=200)


def test_an_unfair_model_is_found() -> None:
    found = [compared(seed, unfair=0.4, spread=0.05) for seed in range(10)]
    assert [result.verdict for result in found] == ["fail"] * 10
    for result in found:
        women, men = result.groups
        assert women.uar.value > men.uar.value + 0.15


def test_a_gap_passes_up_to_the_limit_and_fails_only_where_chance_makes_none_as_large() -> None:
    met = set()
    for seed in range(30):
        for gap, limit in zip(compared(seed, unfair=0.1, spread=0.05).gaps, fairness.LIMITS["sex"], strict=True):
            assert gap.limit == limit
            not_significant = gap.value <= gap.random_models or gap.value <= gap.permuted_speakers
            assert gap.verdict == ("pass" if gap.value <= limit else "unclear" if not_significant else "fail")
            met.add(gap.verdict)
    assert met == {"pass", "unclear", "fail"}


@pytest.mark.parametrize("voices", [0.0, 0.12])
def test_a_fair_model_is_called_unfair_about_as_seldom_as_it_should(voices: float) -> None:
    """By UAR: at most about one in twenty, though voices differ; of the three scores a few more."""
    found = [compared(seed, spread=voices) for seed in range(60)]
    by_uar = np.mean(
        [result.gaps[0].value > max(result.gaps[0].random_models, result.gaps[0].permuted_speakers) for result in found]
    )
    assert by_uar <= 0.1
    assert np.mean([result.verdict == "fail" for result in found]) <= 0.2


def test_random_models_alone_would_take_voices_that_differ_for_unfairness() -> None:
    gaps = [compared(seed, spread=0.12).gaps[0] for seed in range(60)]
    over_models, over_permuted = (np.mean([gap.value > getattr(gap, name) for gap in gaps]) for name in QUANTILES)
    assert over_models > 0.12
    assert over_permuted < 0.12


def test_random_models_show_what_a_fair_random_model_shows() -> None:
    """Without differences between voices, one in twenty such models exceeds what 95 % of them stay under."""
    over = [gap.value > gap.random_models for seed in range(80) for gap in compared(seed).gaps[:1]]
    assert 0.0 < np.mean(over) < 0.12


def test_a_gap_is_the_difference_of_means_over_corpora() -> None:
    clips, predicted, sex = predictions(1, unfair=0.2)
    found = fairness.compare("sex", sex, SEXES, clips, predicted, CLASSES)
    of_group = {name: np.array([sex[who] == name for who in clips.speaker.tolist()]) for name in SEXES}
    uars = [
        np.mean(
            [
                metrics.uar(clips.truth[m], predicted[m])
                for c in ("x", "y")
                if (m := of_group[name] & (clips.corpus == c)).any()
            ]
        )
        for name in SEXES
    ]
    assert found.gaps[0].value == pytest.approx(abs(uars[0] - uars[1]))
    assert [side.uar.value for side in found.groups] == pytest.approx(uars)
    recalls = [
        [
            np.mean(
                [np.mean(predicted[of_group[name] & (clips.corpus == c) & (clips.truth == k)] == k) for c in ("x", "y")]
            )
            for k in CLASSES
        ]
        for name in SEXES
    ]
    apart = np.abs(np.array(recalls[0]) - recalls[1])
    assert found.gaps[1].value == pytest.approx(apart.max())
    assert found.gaps[1].label == CLASSES[int(apart.argmax())]


def test_precision_does_not_depend_on_which_clips_a_group_has() -> None:
    clips, predicted, sex = predictions(2)
    women = [who for who in sex if sex[who] == "female"]
    more = np.concatenate(
        [np.arange(len(predicted)), np.flatnonzero((clips.truth == "sad") & np.isin(clips.speaker, women))]
    )
    again = Clips(clips.truth[more], clips.speaker[more], clips.corpus[more])
    before, after = (
        fairness.compare("sex", sex, SEXES, c, h, CLASSES, draws=50).groups[0]
        for c, h in ((clips, predicted), (again, predicted[more]))
    )
    assert before.precision == pytest.approx(after.precision)
    assert before.clips < after.clips


def test_a_corpus_where_a_group_is_missing_or_has_too_few_clips_is_left_out() -> None:
    clips, predicted, sex = predictions(3)
    only_women = {who: name for who, name in sex.items() if name == "female" or who.startswith("x/")}
    found = fairness.compare("sex", only_women, SEXES, clips, predicted, CLASSES)
    assert found.corpora == ["x"]
    assert found.left_out == np.count_nonzero(clips.corpus == "y")
    nobody = fairness.compare("sex", {}, SEXES, clips, predicted, CLASSES)
    assert (nobody.verdict, nobody.gaps, nobody.left_out) == ("none", (), len(predicted))
    few, predicted_few, sex_few = predictions(3, speakers=2, clips_per_class=fairness.FEWEST - 1)
    assert fairness.compare("sex", sex_few, SEXES, few, predicted_few, CLASSES).verdict == "none"


def test_one_voice_a_side_can_never_be_called_unfair() -> None:
    clips, predicted, sex = predictions(4, unfair=0.6, speakers=2, clips_per_class=20)
    found = fairness.compare("sex", sex, SEXES, clips, predicted, CLASSES)
    assert found.gaps[0].value > found.gaps[0].limit
    assert found.verdict == "unclear"


def test_the_same_seed_gives_the_same_limits() -> None:
    clips, predicted, sex = predictions(5)
    first, again, other = (
        fairness.compare("sex", sex, SEXES, clips, predicted, CLASSES, draws=100, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.gaps != other.gaps


def test_pitch_groups_are_thirds_of_the_speakers() -> None:
    pitch_hz = {f"s{number}": 100.0 + 10 * number for number in range(10)}
    group, ranges = fairness.pitch_groups(pitch_hz)
    assert [list(group.values()).count(name) for name in fairness.PITCHES] == [4, 3, 3]
    assert max(pitch_hz[who] for who in group if group[who] == "low") < min(
        pitch_hz[who] for who in group if group[who] == "mid"
    )
    assert ranges["high"] == "170 to 190 Hz"
