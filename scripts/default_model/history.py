"""Writes results/default-model-history.md: the scores of every published default model on unseen speakers.

python -m scripts.default_model.history

Reads the tables of older ones from the history of this repository; a clone without it (`--depth 1`) will not do.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

import numpy as np

from emotone.files import atomic_write
from emotone.reports.charts.score_lines import score_lines
from emotone.runs.run import environment
from scripts.default_model.build import ROOT
from scripts.default_model.text import MINUTE, OTHER, TARGETS
from scripts.pages.draw_curve import standing_alone

OUT = ROOT / "results" / "default-model-history"
VERSIONS = {
    "c1e201f": "kernel machine and networks on log-mels, one for all corpora, known speakers or not; equal shares",
    "ef149af": "one part per corpus, disturbed copies, correlations of cepstra; others for known "
    "speakers; shares by development speakers",
    "4d19026": "a perceptron; a network's scores centred on known speakers; cheaper log-mels",
    "a2e9be8": "network and perceptrons trained two and a half times as long",
    "eb07bed": "a network on contours in place of that on log-mels, shrunk in use",
    "9fa2f9b": "the network on log-mels again, shrunk in use, next to the others; perceptrons in half precision",
}
"""Commit that measured it -> what was new."""
SYSTEMS = {
    "unknown speaker": ("default", OTHER),
    "known speaker": (f"default, {MINUTE}", f"{OTHER}, {MINUTE}", "default, enrolled"),
}
"""Name of the line -> names of its seeds in the tables; the first version has means already."""


def git(*words: str) -> str:
    """What git answers.

    Raises:
        SystemExit: it does not have such a commit.
    """
    shown = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode:
        raise SystemExit(f"{shown.stderr.strip()}\nthis needs the whole history; `git fetch --unshallow` gets it")
    return shown.stdout


def at(commit: str, name: str) -> dict[str, Any]:
    """A table of results/, as it was."""
    return dict(json.loads(git("show", f"{commit}:results/{name}.json")))


def uar(scores: Mapping[str, Any], corpus: str, kind: str) -> float:
    """The mean of both seeds in five folds, 0 .. 1."""
    return float(np.mean([scores[name][corpus]["uar"]["value"] for name in SYSTEMS[kind] if name in scores]))


def rows(versions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A row for each version."""
    for number, (commit, new) in enumerate(VERSIONS.items(), 1):
        measured = git("log", "-1", "--format=%as, %h", commit, "--", "results/default-model.json").strip()
        cells = [" / ".join(f"{100 * uar(versions[commit], one, kind):.1f}" for one in TARGETS) for kind in SYSTEMS]
        stress = [one["verdict"] for group in at(commit, "default-model-stress")["groups"] for one in group["outcomes"]]
        survived = f"{stress.count('pass')} of {len(stress)}"
        yield f"| {number} | {measured} | {new} | " + " | ".join([*cells, survived]) + " |"


def main() -> None:
    versions = {commit: at(commit, "default-model")["scores"] for commit in VERSIONS}
    lines: dict[str, dict[str, dict[str, float | None]]] = {
        f"{corpus}, {kind}": {
            str(number): {"value": uar(scores, corpus, kind)} for number, scores in enumerate(versions.values(), 1)
        }
        for kind in SYSTEMS
        for corpus in TARGETS
    }
    targets = [" / ".join(f"{100 * one[place]:.0f}" for one in TARGETS.values()) for place in range(len(SYSTEMS))]
    about = environment(0.0)
    text = "\n".join(
        [
            "# Every published default model",
            "",
            fill(
                f"Written by `python -m scripts.default_model.history` (commit {about['commit']}) from the tables of "
                "each commit. UAR in % on RAVDESS / EmoDB / nEMO, unseen speakers, five folds, the mean of both "
                "seeds; intervals, seeds and hardware are in results/default-model.md of that "
                "commit. The folds were "
                "the same every time, so the decision to keep a version was made knowing its test scores; single "
                "choices were made on development speakers. Experiments that were not kept are in [LOG.md](../LOG.md).",
                116,
            ),
            "",
            "| | measured | what was new | unknown speaker | with a minute of the speaker | disturbances passed |",
            "|---|---|---|---|---|---|",
            *rows(versions),
            f"| | | *target* | {' | '.join(targets)} | |",
            "",
            "![UAR of each version, by corpus, for unknown speakers and with a minute of the speaker]"
            "(default-model-history.svg)",
        ]
    )
    with atomic_write(OUT.with_suffix(".md")) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    drawn = score_lines(lines, list(map(str, range(1, len(VERSIONS) + 1))), setting="version", name="history")
    with atomic_write(OUT.with_suffix(".svg")) as temporary:
        temporary.write_text(standing_alone(drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
