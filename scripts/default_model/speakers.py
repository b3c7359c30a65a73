"""Draws what limits the default model: its kernel machine's score on new voices against how many it learned from.

python -m scripts.default_model.build; python -m scripts.default_model.speakers
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone import models
from emotone.data.splits import Fold
from emotone.evaluation import metrics
from emotone.features.extraction import extract as extraction
from emotone.features.extraction.cache import folder as cache_folder
from emotone.files import atomic_write
from emotone.reports.charts.score_lines import score_lines
from emotone.runs.dataset import Dataset
from emotone.runs.finished_run import FinishedRun, same_clips_and_folds
from emotone.runs.run import Run, environment
from scripts.default_model.build import ROOT, RUNS
from scripts.pages.draw_curve import standing_alone

SPEAKERS = (1, 2, 4, 7, 8, 12, 16, 19)
DRAWS = 3
CORPORA = ("ravdess", "emodb", "nemo")
OUT = ROOT / "results" / "default-model-speakers"


def score(
    model: models.Model,
    dataset: Dataset,
    values: NDArray[np.float32],
    folds: list[Fold],
    corpus: str,
    count: int,
    draw: int,
) -> float:
    """UAR of all tested speakers of a corpus by kernel machines that learned from so many of its other speakers.

    No number where a fold has fewer.
    """
    own, speaker = dataset.table.column("corpus") == corpus, dataset.table.column("speaker")
    truth, predicted = [], []
    for number, fold in enumerate(folds):
        tested = fold.test[own[fold.test]]
        known = fold.training_side
        known = known[own[known]]
        names = np.unique(speaker[known])
        if not tested.size:
            continue
        if len(names) < count:
            return float("nan")
        drawn = np.random.default_rng([draw, number]).permutation(names)[:count]
        rows = known[np.isin(speaker[known], drawn)]
        classes, labels = np.unique(dataset.labels[rows], return_inverse=True)
        weights = len(rows) / (len(classes) * np.bincount(labels))
        assert isinstance(model, models.LinearModel)
        fitted = model.fit(values[rows], np.eye(len(classes))[labels], weights)
        predicted.append(classes[fitted.scores(values[tested]).argmax(axis=1)])
        truth.append(dataset.labels[tested])
    return metrics.uar(np.concatenate(truth), np.concatenate(predicted))


def main(runs: Path) -> None:
    run = Run(runs / "kernel")
    model = run.recipe.make_model()
    dataset, folds = same_clips_and_folds([FinishedRun(run)])
    features = extraction.extract(dataset.table, run.recipe.make_feature(), run.recipe.audio, cache=cache_folder())
    values = features.dense(np.arange(len(dataset.table)))
    lines: dict[str, dict[str, dict[str, float | None]]] = {corpus: {} for corpus in CORPORA}
    for corpus in CORPORA:
        for count in SPEAKERS:
            drawn = np.array([score(model, dataset, values, folds, corpus, count, draw) for draw in range(DRAWS)])
            if not np.isnan(drawn).any():
                lines[corpus][str(count)] = {"value": drawn.mean(), "low": drawn.min(), "high": drawn.max()}
    with atomic_write(OUT.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({"uar": lines, "environment": environment(0.0)}, indent=1), encoding="utf-8")
    setting = "training speakers (lowest and highest of three draws)"
    drawn_lines = score_lines(lines, [str(one) for one in SPEAKERS], setting=setting, name="speakers")
    with atomic_write(OUT.with_suffix(".svg")) as temporary:
        temporary.write_text(standing_alone(drawn_lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    main(parser.parse_args().runs)
