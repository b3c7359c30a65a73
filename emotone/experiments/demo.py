"""Demo of the workflow on synthetic speech: a corpus, two models, a comparison, a report, a prediction. Offline."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotone.audio import synthetic
from emotone.data import corpora
from emotone.data.utterance import Utterance
from emotone.experiments.compare import compare
from emotone.experiments.train import Step, train
from emotone.inference.predictor import load_model
from emotone.runs import recipe as recipes
from emotone.runs.recipe import Recipe
from emotone.runs.run import Run

NOTE = "synthetic speech (espeak-ng): these numbers show that the parts work, not how well they classify people"
_MODELS: dict[str, dict[str, Any]] = {
    "linear": {
        "title": "Functionals and shrinkage LDA, on synthetic speech",
        "feature": "functionals",
        "model": "lda",
        "audio": {"trim_db": 40},
    },
    "network": {
        "title": "Small CNN on log-mels, on synthetic speech",
        "feature": {"name": "log_mel", "mels": 64, "n_fft": 1024, "hop": 320, "normalise": "clip_mean"},
        "model": {"name": "cnn", "channels": [16, 32, 64], "dropout": [0.0, 0.1, 0.2]},
        "audio": {"trim_db": 40, "seconds": 2},
        "augment": {"spectrogram": ["spec_augment"]},
        "training": {"epochs": 12, "batch": 16, "learning_rate": 3e-3, "scheduler": "one_cycle"},
    },
}


def demo(
    out: str | os.PathLike[str] = "demo",
    *,
    seed: int = 0,
    begin: Callable[[str], Callable[[Step], None]] = lambda title: lambda step: None,
) -> dict[str, Any]:
    """The results of the demo: rows of scores, the difference with its p-value, a report and a prediction. JSON-ready.

    Args:
        out: folder for the corpus and the runs; a second call finds them finished.
        seed: of the speech and the training.
        begin: called with a title; returns the `on_step` of a training.
    """
    folder = Path(out)
    corpus = folder / f"synthetic-{seed}"
    clips = corpus / "clips.csv"
    if not clips.exists():
        clips = synthetic.write(corpus, seed=seed)
    runs = []
    for name, settings in _MODELS.items():
        content = {**settings, "data": {"corpora": [str(clips)], "folds": 4}, "seed": seed}
        recipe: Recipe = recipes.parse(content, name=f"demo recipe {name}")
        runs.append(train(recipe, out=folder / f"{name}-{seed}", on_step=begin(recipe.title)))
    compared = compare([run.folder for run in runs])
    best = max(runs, key=lambda run: float(run.scores["scores"]["uar"]["value"]))
    clip = _unseen_speaker(folder, seed)
    return {
        "note": NOTE,
        "rows": [{"run": str(run.folder), **_row(run)} for run in runs],
        "difference": compared["differences"][0],
        "report": str(best.folder / "report.html"),
        "target": clip.emotion,
        "prediction": load_model(best.folder).predict(clip.file).as_dict(),
    }


def _row(run: Run) -> dict[str, Any]:
    scores = run.scores
    return {"title": scores["title"], "uar": scores["scores"]["uar"], "accuracy": scores["scores"]["accuracy"]}


def _unseen_speaker(folder: Path, seed: int) -> Utterance:
    """A clip of a speaker and a sentence that no model was trained on."""
    clips = synthetic.write(
        folder / f"unseen_speaker-{seed}",
        seed=seed + 1,
        speakers=1,
        emotions=["sad"],
        sentences=["The train has left."],
    )
    return corpora.make("table").read(clips)[0]
