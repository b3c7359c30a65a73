"""What results/default-model.md says of what was measured (default_model_page.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np

from emotone.reports import wording

TARGETS = {"ravdess": (0.73, 0.77), "emodb": (0.85, 0.90), "nemo": (0.58, 0.68)}
"""Corpus -> the UAR that was wished for alone, and with a minute of the speaker."""
OTHER = "default, another seed"
"""The whole with those members of another seed that are learned by chance."""
LEFT_OUT = "one speaker left out"
"""Before the name of a system, where every speaker of EmoDB and nEMO had a fold of his or her own."""


def markdown(content: Mapping[str, Any], stress: Mapping[str, Any], other_stress: Mapping[str, Any] | None) -> str:
    """The page of what `default_model_page.py` measured, and of what the stress test gave of either seed."""
    lines = [
        "# The default model, measured",
        "",
        *_scores(content["scores"], content["environment"], content["commits"]),
        "",
        "## What limits it",
        "",
        *_limits(),
        "",
        "## What each part gives",
        "",
        "The default model with a kind of member left out, and the kernel machine with something left out.",
        "",
        *_table("", content["left_out"], _corpora(content["scores"])),
        "",
        "## How sure it is",
        "",
        *_sure(content["calibration"]),
        "",
        "## The file that is shipped",
        "",
        *_shipped(content["parity"]),
        "",
        "## What it stands",
        "",
        *_stood(stress, other_stress),
        "",
        "## Corpora it never heard",
        "",
        _told(
            "[default-cross-corpus.md](default-cross-corpus.md) is the matrix of the kernel machine (without copies), "
            "[cross-corpus.md](cross-corpus.md) that of a linear model on the same features: what is learned from "
            "acted studio speech of one corpus is worth little on another."
        ),
    ]
    return "\n".join(lines) + "\n"


def _told(text: str) -> str:
    return fill(text, 116)


def _corpora(scores: Mapping[str, Any]) -> list[str]:
    return [*TARGETS, *(name for name in scores["default"] if name not in TARGETS)]


def _table(what: str, rows: Mapping[str, Any], corpora: Sequence[str]) -> list[str]:
    """A row for each system: its UAR on each corpus."""
    lines = [f"| {what} | " + " | ".join(corpora) + " |", "|---|" + "---|" * len(corpora)]
    for name, found in rows.items():
        cells = [wording.percent(found[corpus]["uar"]) if corpus in found else "" for corpus in corpora]
        lines.append(f"| {f'**{name}**' if name == 'default' else name} | " + " | ".join(cells) + " |")
    return lines


def _scores(scores: Mapping[str, Any], environment: Mapping[str, Any], commits: Mapping[str, str]) -> list[str]:
    corpora = _corpora(scores)
    left_out = {system: scores.get(f"{LEFT_OUT}: {system}", {}) for system in ("default", "default, a minute heard")}
    folds = ", in five folds; two speakers of EmoDB and nEMO in each"
    if left_out["default"]:
        folds = (
            ", in the default folds of each corpus: five of RAVDESS, united with those of TESS; of EmoDB and nEMO one "
            f"for each speaker ('{LEFT_OUT}': ten folds, `python -m scripts.default_model.build --ablate`), and beside "
            "that two speakers in each of the five"
        )
    lines = [
        _told(
            "Written by `python -m scripts.default_model.page` from the runs of `make default-model` "
            f"(recipes/default, commit {environment['commit']}, emotone {environment['emotone']}, "
            f"{environment['hardware']}). UAR in %, [95 % over speakers]. Every clip was heard by models that had "
            f"learned from none of its speaker{folds}. The model knows nine emotions; for each corpus it chooses among "
            "those that the corpus has."
        ),
        "",
        *_table("system", scores, corpora),
    ]
    means = {what: _mean_of_seeds(scores, what) for what in ("", ", a minute heard")}
    both = OTHER in scores
    for number, (what, mean) in enumerate(means.items()):
        cells = [f"{100 * TARGETS[corpus][number]:.0f}" if corpus in TARGETS else "" for corpus in corpora]
        if both:
            lines.append(
                f"| *mean of both seeds{what}* | " + " | ".join(wording.percent(mean[one]) for one in corpora) + " |"
            )
        lines.append(f"| *wished for{what}* | " + " | ".join(cells) + " |")
    missed = [
        f"{corpus} {'with a minute' if what else 'alone'} ({100 * value:.1f} of {100 * wished[number]:.0f})"
        for number, (what, mean) in enumerate(means.items())
        for corpus, wished in TARGETS.items()
        if (value := _by_protocol(corpus, mean, left_out[f"default{what}"])) < wished[number]
    ]
    others: dict[str, list[str]] = {}
    for name, commit in commits.items():
        if commit != environment["commit"]:
            others.setdefault(commit, []).append(f"'{name}'")
    if others:
        told = "; ".join(f"{', '.join(names)} at {commit}" for commit, names in others.items())
        lines += ["", _told(f"With the same recipes and shares, but measured at other commits: {told}.")]
    return [*lines, "", _judged(missed, both=both, by_protocol=bool(left_out["default"]))]


def _judged(missed: Sequence[str], *, both: bool, by_protocol: bool) -> str:
    """What was not reached, and how what was measured may be read."""
    seeds = "of RAVDESS the mean" if both else "so has RAVDESS"
    return _told(
        (f"Not reached: {', '.join(missed)}. " if missed else "All six are reached. ")
        + (f"Of EmoDB and nEMO '{LEFT_OUT}' counts, which has one seed; {seeds}. " if by_protocol else "")
        + ("" if by_protocol else f"'{LEFT_OUT.capitalize()}', as is usual with EmoDB and nEMO, is not measured. ")
        + ("" if by_protocol or both else "There is one seed. ")
        + ("A mean's interval is the mean of both intervals, which its own can hardly exceed. " if both else "")
        + "What is heard first are other clips of the tested speaker, without labels (transductive), as `emotone "
        "enrol` and `predict --speaker` do it, with the models of the folds. TESS has two speakers: its interval "
        "says that nothing is known. The shares of the members, one number of each for each corpus, others for "
        "known speakers, and by what a history of one emotion is told, two numbers, were chosen once for all "
        "folds, on the development clips of all folds ([default-model-shares.md](default-model-shares.md)), and "
        "each of these speakers is tested in some other fold; so a little may have come from there. Histories "
        "were told by other rules before, and tested, when the last was chosen ([LOG.md](../LOG.md))."
    )


def _mean_of_seeds(scores: Mapping[str, Any], what: str) -> dict[str, dict[str, float]]:
    """Corpus -> the UAR of the five folds and the ends of its interval, of one seed or the mean of both.

    Its own interval can hardly be wider: a mean varies from sample to sample no more than its parts do on average.
    """
    seeds = [scores[f"{name}{what}"] for name in ("default", OTHER) if f"{name}{what}" in scores]
    return {
        corpus: {end: float(np.mean([one[corpus]["uar"][end] for one in seeds])) for end in ("value", "low", "high")}
        for corpus in seeds[0]
    }


def _by_protocol(corpus: str, mean: Mapping[str, Any], left_out: Mapping[str, Any]) -> float:
    """The UAR of a corpus in its default folds."""
    return float((left_out[corpus]["uar"] if corpus in left_out else mean[corpus])["value"])


def _limits() -> list[str]:
    return [
        _told(
            "How many voices it can learn from. The kernel machine of one corpus alone, without copies, on the same "
            "tested speakers (`python -m scripts.default_model.speakers`): each doubling of the speakers is worth some "
            "points, and no curve has come to its end."
        ),
        "",
        "![UAR on new voices against how many speakers were learned from](default-model-speakers.svg)",
        "",
        _told(
            "What was tried: [default-model-history.md](default-model-history.md) has every model that was shipped, "
            "what was new in it and what it gave; [LOG.md](../LOG.md) what was tried between them and not kept."
        ),
        "",
        "![UAR of each version, by corpus, alone and with a minute heard](default-model-history.svg)",
    ]


def _sure(calibration: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {name} | {one['clips']:,} | {one['ece']:.3f} | {one['right']:.3f} | {one['unsure_below']:.2f} "
        f"| {one['answered']:.3f} | {one['right_of_answered']:.3f} |"
        for name, one in calibration.items()
    ]
    by_corpus = ", ".join(f"{name} {gap:.3f}" for name, gap in calibration["all"]["ece_by_corpus"].items())
    return [
        _told(
            "Expected calibration error (ECE) of all tested clips, each fold calibrated on the other folds, by a "
            "factor of each corpus, as if two more speakers had that of the others. `unsure below` is the confidence "
            "under which fewer than half of the clips that are about as sure are right."
        ),
        "",
        "| labels | clips | ECE | right | unsure below | answered | right of those |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"By corpus, of all labels: {by_corpus}.",
        "",
        "![How often it is right, against how sure it is](default-model-reliability.svg)",
        "![Share of wrong answers against share of clips answered](default-model-risk-coverage.svg)",
    ]


def _shipped(parity: Mapping[str, Any]) -> list[str]:
    return [
        _told(
            f"{parity['megabytes']:.2f} MB. Against the fitted originals (torch and NumPy), on {parity['clips']} clips "
            f"drawn by chance: the largest difference of a probability is {parity['largest_difference']:.1e}, the "
            f"label is the same on {parity['same_label']} of {parity['clips']}."
        ),
        "",
        "Smaller numbers: [default-model-variants.md](default-model-variants.md). Speed: "
        "[default-model-speed.md](default-model-speed.md).",
    ]


def _stood(stress: Mapping[str, Any], other: Mapping[str, Any] | None) -> list[str]:
    """What the stress test gave, in short."""
    lines = [
        _told(
            "[default-model-stress.md](default-model-stress.md) (`emotone stress runs/default/default --data D`): each "
            "voice heard by a model that had not learned from it, under 31 disturbances, and groups of voices apart. "
            "It learned from copies with disturbances of the same kinds, of which no sound is played twice. Whines are "
            "taken out before anything is heard (`audio.tones`) since commit fa12837; this table was measured at "
            f"{stress['environment']['commit']}: "
            f"{_passed(stress)} Models that were held to hear copies alike, and features with a floor "
            "under the noise, stood more and were right less often, in quiet too ("
            "[LOG.md](../LOG.md#2026-11-21-consistency-between-disturbed-copies-and-noise-floors)).",
        ),
        "",
        "| group | survived | label kept, least and mean, % | UAR changes by, worst and mean, points |",
        "|---|---|---|---|",
    ]
    for group in stress["groups"]:
        outcomes = group["outcomes"]
        kept = [100 * one["unchanged"]["value"] for one in outcomes]
        change = [100 * one["uar_change"]["value"] for one in outcomes]
        lines.append(
            f"| {group['name']} | {sum(one['verdict'] == 'pass' for one in outcomes)} of {len(outcomes)} "
            f"| {min(kept):.0f}, {np.mean(kept):.0f} | {min(change):+.1f}, {np.mean(change):+.1f} |"
        )
    if other is not None:
        told = (
            "Another seed ([default-model-stress-other-seed.md](default-model-stress-other-seed.md), `emotone stress "
            "runs/default/other-seed --data D` after `python -m scripts.default_model.build --ablate`), measured at "
            f"{other['environment']['commit']}: {_passed(other)}"
        )
        lines += ["", _told(told)]
    return lines


def _passed(stress: Mapping[str, Any]) -> str:
    """Which groups, and how many disturbances."""
    groups = [group for group, verdict in stress["verdicts"].items() if verdict == "pass"]
    verdicts = [one["verdict"] for group in stress["groups"] for one in group["outcomes"]]
    return f"{verdicts.count('pass')} of {len(verdicts)} are survived; passed: {', '.join(groups) or 'no group'}."
