"""Which shares of the default model's members suit development speakers, beside those that it has.

python -m scripts.default_model.build --ablate; python -m scripts.default_model.shares

For speakers that are not known and that are, corpus by corpus: all shares in steps of a tenth, by the cross-entropy of
the development clips, classes counting alike, at the sharpness that suits it; the mean over the sets of runs that are
trained (one or two seeds of five folds, one speaker left out). Tested clips are not looked at.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.evaluation.scores import Predictions
from emotone.files import atomic_write
from emotone.runs.finished_run import centre, held_out, load_members
from emotone.runs.run import environment
from scripts.default_model.build import (
    KINDS,
    KNOWN_S,
    LEFT_ONE_OUT,
    OTHER_SEED,
    ROOT,
    RUNS,
    SEED,
    SHARES,
    is_finished,
    members,
)

OUT = ROOT / "results" / "default-model-shares.md"
CORPORA = ("ravdess", "emodb", "nemo")
SHARPNESS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
STEPS = 10
SHOWN = 4
Floats = NDArray[np.float64]

GRID = np.array([one for one in itertools.product(range(STEPS + 1), repeat=len(KINDS)) if sum(one) == STEPS]) / STEPS
"""(choices, kinds) every way to share."""


def sets(runs: Path, suffix: str) -> list[list[Path]]:
    """The runs that are put together, as often as they were trained."""
    seeds = [[runs / name for name in members(suffix, seed)] for seed in trained_seeds(runs)]
    left_out = [runs / LEFT_ONE_OUT / name for name in members(suffix)]
    return [*seeds, left_out] if is_finished(runs / LEFT_ONE_OUT) else seeds


def trained_seeds(runs: Path) -> list[int]:
    """The seeds of which every member is trained."""
    return [seed for seed in (SEED, OTHER_SEED) if is_finished(runs, seed)]


def development(folders: list[Path], suffix: str) -> list[list[Predictions]]:
    """Of each fold, what each run says of the development clips."""
    found = load_members(folders)
    if suffix:
        centre(found, KNOWN_S)
    clips = [held_out(found, fold.name) for fold in found[0].folds]
    return [parts for parts in clips if parts is not None]


def losses(folds: list[list[Predictions]], corpus: str) -> tuple[Floats, Floats]:
    """(choices,) the cross-entropy of a corpus, and its UAR in percent, under every choice of shares."""
    classes, first = folds[0][0].classes, [parts[0] for parts in folds]
    own = [part.corpus == corpus for part in first]
    truth = np.concatenate([part.truth[mask] for part, mask in zip(first, own, strict=True)])
    known = [number for number, label in enumerate(classes) if label in truth]
    right = np.array([known.index(classes.index(label)) for label in truth.tolist()])
    scores = np.stack(
        [
            np.concatenate([parts[kind].log_probs[mask][:, known] for parts, mask in zip(folds, own, strict=True)])
            for kind in range(len(KINDS))
        ]
    )
    each = np.arange(len(right))
    weights = 1 / np.bincount(right)[right] / len(known)
    entropies, hits = [], []
    for shares in GRID:
        pool = np.tensordot(shares, np.maximum(scores, -700.0), axes=1)
        sharp = [sharpness * pool for sharpness in SHARPNESS]
        entropies.append(min(float(weights @ (np.logaddexp.reduce(one, axis=1) - one[each, right])) for one in sharp))
        hits.append(100 * float(weights @ (pool.argmax(axis=1) == right)))
    return np.array(entropies), np.array(hits)


def rows(found: list[tuple[Floats, Floats]], taken: tuple[float, ...]) -> list[str]:
    """The best choices of a corpus, and the one that is taken, as rows of a table."""
    entropy = np.mean([one[0] for one in found], axis=0)
    best = np.argsort(entropy, kind="stable")
    (here,) = np.flatnonzero(np.isclose(GRID, taken).all(axis=1)).tolist()
    shown = list(dict.fromkeys([*best[:SHOWN].tolist(), here]))
    return [
        f"| {' / '.join(f'{share:.1f}' for share in GRID[place])}{' (taken)' if place == here else ''} | "
        f"{entropy[place]:.3f} | {' / '.join(f'{one[0][place]:.3f}' for one in found)} | "
        f"{' / '.join(f'{one[1][place]:.1f}' for one in found)} |"
        for place in shown
    ]


def page(runs: Path) -> str:
    """The tables, as Markdown."""
    about = environment(0.0)
    of = [f"seed {seed}" for seed in trained_seeds(runs)]
    of += ["one speaker left out"] if is_finished(runs / LEFT_ONE_OUT) else []
    lines = [
        "# Weights of the members of the default model",
        "",
        f"Written by `python -m scripts.default_model.shares` (commit {about['commit']}, {about['hardware']}), of",
        f"development speakers only. Weights of {', '.join(KINDS)}; cross-entropy, mean and of each set of runs",
        f"({', '.join(of)}); UAR of development speakers in %, which was not used.",
    ]
    for suffix, name in (
        ("", "Unknown speakers"),
        ("-known", f"Speakers with {KNOWN_S:.0f} s of history"),
    ):
        parts = [development(folders, suffix) for folders in sets(runs, suffix)]
        for corpus in CORPORA:
            clips = sum(int(np.count_nonzero(fold[0].corpus == corpus)) for fold in parts[0])
            lines += ["", f"## {name}: {corpus}, {clips} clips", ""]
            lines += ["| weights | cross-entropy | of each set | UAR |", "|---|---|---|---|"]
            lines += rows([losses(folds, corpus) for folds in parts], SHARES[suffix][corpus])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    given = parser.parse_args()
    with atomic_write(OUT) as temporary:
        temporary.write_text(page(given.runs), encoding="utf-8")
