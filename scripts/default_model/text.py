"""The text of results/default-model.md, from the measurements of page.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np

from emotone.reports import wording

TARGETS = {"ravdess": (0.73, 0.77), "emodb": (0.85, 0.90), "nemo": (0.58, 0.68)}
"""Corpus -> target UAR for an unknown speaker, and with a minute of the speaker."""
OTHER = "default, another seed"
"""The default model with its randomly initialised members trained with another seed."""
MINUTE = "a minute heard"
"""After the name of a system in the .json that was tested with a minute of the speaker."""
LEFT_OUT = "one speaker left out"
"""Prefix of a system with one fold per speaker of EmoDB and nEMO."""


def markdown(content: Mapping[str, Any], stress: Mapping[str, Any], other_stress: Mapping[str, Any] | None) -> str:
    """The page: the measurements of page.py, and the stress tests of both seeds."""
    lines = [
        "# The default model, measured",
        "",
        *_scores(content["scores"], content["environment"], content["commits"]),
        "",
        "## Limitation: the number of training speakers",
        "",
        *_limits(),
        "",
        "## Ablation",
        "",
        "UAR of the default model without one kind of member, and of variants of the kernel machine.",
        "",
        *_table("", content["left_out"], _corpora(content["scores"])),
        "",
        "## Calibration",
        "",
        *_sure(content["calibration"]),
        "",
        "## The published file",
        "",
        *_shipped(content["parity"]),
        "",
        "## Stress test",
        "",
        *_stood(stress, other_stress),
        "",
        "## Cross-corpus",
        "",
        _filled(
            "[default-cross-corpus.md](default-cross-corpus.md) is the matrix of the kernel machine (without copies), "
            "[cross-corpus.md](cross-corpus.md) that of a linear model on the same features: "
            "models that were trained on the acted studio speech of one corpus have low scores on another."
        ),
    ]
    return "\n".join(lines) + "\n"


def _filled(text: str) -> str:
    return fill(text, 116, break_on_hyphens=False, break_long_words=False)


def _title(name: str) -> str:
    """The name of a system in the tables."""
    return re.sub("(a minute|10 s)( of one emotion)? heard", r"with \1\2 of the speaker", name).replace(
        "of one emotion of the speaker", "of the speaker in one emotion"
    )


def _corpora(scores: Mapping[str, Any]) -> list[str]:
    return [*TARGETS, *(name for name in scores["default"] if name not in TARGETS)]


def _table(what: str, rows: Mapping[str, Any], corpora: Sequence[str]) -> list[str]:
    """A row for each system: its UAR on each corpus."""
    lines = [f"| {what} | " + " | ".join(corpora) + " |", "|---|" + "---|" * len(corpora)]
    for name, found in rows.items():
        cells = [wording.percent(found[corpus]["uar"]) if corpus in found else "" for corpus in corpora]
        lines.append(f"| {f'**{name}**' if name == 'default' else _title(name)} | " + " | ".join(cells) + " |")
    return lines


def _scores(scores: Mapping[str, Any], environment: Mapping[str, Any], commits: Mapping[str, str]) -> list[str]:
    corpora = _corpora(scores)
    left_out = {system: scores.get(f"{LEFT_OUT}: {system}", {}) for system in ("default", f"default, {MINUTE}")}
    folds = ", in five folds; two speakers of EmoDB and nEMO in each"
    if left_out["default"]:
        folds = (
            ", in the default folds of each corpus: five of RAVDESS, united with those of TESS; of EmoDB and nEMO one "
            f"for each speaker ('{LEFT_OUT}': ten folds, `python -m scripts.default_model.build --ablate`), and also "
            "two speakers in each of the five"
        )
    lines = [
        _filled(
            "Written by `python -m scripts.default_model.page` from the runs of `make default-model` "
            f"(recipes/default, commit {environment['commit']}, emotone {environment['emotone']}, "
            f"{environment['hardware']}). UAR in %, [95 % over speakers]. Every clip was classified by models "
            f"without training clips of its speaker{folds}. The model has nine emotions; on each corpus it chooses "
            "among the emotions of the corpus."
        ),
        "",
        *_table("system", scores, corpora),
    ]
    means = {what: _mean_of_seeds(scores, what) for what in ("", f", {MINUTE}")}
    both = OTHER in scores
    for number, (what, mean) in enumerate(means.items()):
        cells = [f"{100 * TARGETS[corpus][number]:.0f}" if corpus in TARGETS else "" for corpus in corpora]
        if both:
            lines.append(
                f"| *{_title(f'mean of both seeds{what}')}* | "
                + " | ".join(wording.percent(mean[one]) for one in corpora)
                + " |"
            )
        lines.append(f"| *{_title(f'target{what}')}* | " + " | ".join(cells) + " |")
    missed = [
        f"{corpus} {'with a minute' if what else 'alone'} ({100 * value:.1f} of {100 * target[number]:.0f})"
        for number, (what, mean) in enumerate(means.items())
        for corpus, target in TARGETS.items()
        if (value := _by_protocol(corpus, mean, left_out[f"default{what}"])) < target[number]
    ]
    others: dict[str, list[str]] = {}
    for name, commit in commits.items():
        if commit != environment["commit"]:
            others.setdefault(commit, []).append(f"'{_title(name)}'")
    if others:
        listed = "; ".join(f"{', '.join(names)} at {commit}" for commit, names in others.items())
        lines += ["", _filled(f"With the same recipes and shares, but measured at other commits: {listed}.")]
    return [*lines, "", _judged(missed, both=both, by_protocol=bool(left_out["default"]))]


def _judged(missed: Sequence[str], *, both: bool, by_protocol: bool) -> str:
    """The targets that were missed, and how to read the scores."""
    seeds = "of RAVDESS the mean" if both else "so has RAVDESS"
    return _filled(
        (f"Not reached: {', '.join(missed)}. " if missed else "All six targets are reached. ")
        + (f"Of EmoDB and nEMO '{LEFT_OUT}' counts, which has one seed; {seeds}. " if by_protocol else "")
        + ("" if by_protocol else f"'{LEFT_OUT.capitalize()}', as is usual with EmoDB and nEMO, is not measured. ")
        + ("" if by_protocol or both else "There is one seed. ")
        + ("A mean's interval is the mean of both intervals, which its own can hardly exceed. " if both else "")
        + "'With a minute of the speaker' uses other clips of the test speaker, without labels (transductive), as "
        "`emotone enrol` and `predict --speaker` do, with the models of the folds. TESS has two speakers, so its "
        "interval is meaningless. The weights of the members (per corpus, and others for known speakers) and the two "
        "thresholds that detect a history of one emotion were chosen once for all folds, on the development clips of "
        "all folds ([default-model-shares.md](default-model-shares.md)). Each of these speakers is a test speaker of "
        "another fold, so the scores may be slightly optimistic. Other rules for histories had been tested before the "
        "last one was chosen ([LOG.md](../LOG.md))."
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
        _filled(
            "The kernel machine of one corpus alone, without copies, on the same test speakers "
            "(`python -m scripts.default_model.speakers`): each doubling of the training speakers adds some points, "
            "and no curve has reached a plateau."
        ),
        "",
        "![UAR on unseen speakers against the number of training speakers](default-model-speakers.svg)",
        "",
        _filled(
            "[default-model-history.md](default-model-history.md) lists every published model, what was new in it and "
            "its scores; [LOG.md](../LOG.md) the experiments between them that were not kept."
        ),
        "",
        "![UAR of each version, by corpus, for unknown speakers and with a minute of the speaker]"
        "(default-model-history.svg)",
    ]


def _sure(calibration: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {name} | {one['clips']:,} | {one['ece']:.3f} | {one['right']:.3f} | {one['unsure_below']:.2f} "
        f"| {one['answered']:.3f} | {one['right_of_answered']:.3f} |"
        for name, one in calibration.items()
    ]
    by_corpus = ", ".join(f"{name} {gap:.3f}" for name, gap in calibration["all"]["ece_by_corpus"].items())
    return [
        _filled(
            "Expected calibration error (ECE) of all test clips, each fold calibrated on the other folds, with one "
            "temperature per corpus, shrunk towards the others as if by two speakers. `unsure below` is the "
            "confidence below which fewer than half of the clips with about this confidence are right."
        ),
        "",
        "| labels | clips | ECE | accuracy | unsure below | answered | accuracy of those |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"By corpus, of all labels: {by_corpus}.",
        "",
        "![Reliability diagram: accuracy against confidence](default-model-reliability.svg)",
        "![Risk-coverage curve: error rate against share of clips answered](default-model-risk-coverage.svg)",
    ]


def _shipped(parity: Mapping[str, Any]) -> list[str]:
    return [
        _filled(
            f"{parity['megabytes']:.2f} MB. Against the fitted originals (torch and NumPy), on {parity['clips']} "
            f"random clips: the largest difference of a probability is {parity['largest_difference']:.1e}, the "
            f"label is the same on {parity['same_label']} of {parity['clips']}."
        ),
        "",
        "Lower precision: [default-model-variants.md](default-model-variants.md). Speed: "
        "[default-model-speed.md](default-model-speed.md).",
    ]


def _stood(stress: Mapping[str, Any], other: Mapping[str, Any] | None) -> list[str]:
    """Summary of the stress test."""
    lines = [
        _filled(
            "[default-model-stress.md](default-model-stress.md) (`emotone stress runs/default/default --data D`): each "
            "speaker by a model without training clips of them, under 31 disturbances, and groups of speakers "
            "separately. The training copies have disturbances of the same kinds, but no sound occurs twice. Steady "
            "tones are removed from the input (`audio.tones`) since commit fa12837; this table was measured at "
            f"{stress['environment']['commit']}: "
            f"{_passed(stress)} A consistency loss between copies, and a noise floor under the "
            "features, gave more robust models with a lower UAR, on undisturbed clips too ("
            "[LOG.md](../LOG.md#2026-11-21-consistency-between-disturbed-copies-and-noise-floors)).",
        ),
        "",
        "| group | passed | unchanged predictions, lowest and mean, % | change of UAR, worst and mean, points |",
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
        sentence = (
            "Another seed ([default-model-stress-other-seed.md](default-model-stress-other-seed.md), `emotone stress "
            "runs/default/other-seed --data D` after `python -m scripts.default_model.build --ablate`), measured at "
            f"{other['environment']['commit']}: {_passed(other)}"
        )
        lines += ["", _filled(sentence)]
    return lines


def _passed(stress: Mapping[str, Any]) -> str:
    """The number of passed disturbances, and the passed groups."""
    groups = [group for group, verdict in stress["verdicts"].items() if verdict == "pass"]
    verdicts = [one["verdict"] for group in stress["groups"] for one in group["outcomes"]]
    passed = f"{verdicts.count('pass')} of {len(verdicts)} disturbances are passed"
    return f"{passed}; passed groups: {', '.join(groups) or 'none'}."
