"""Scores and run folders for report pages, and the elements of a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from emotone.evaluation.scores import Predictions

CLASSES = ("angry", "neutral", "sad")
CONFUSION = [[30, 7, 3], [5, 31, 4], [0, 17, 23]]


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def scores(**changes: Any) -> dict[str, Any]:
    per_class = {
        label: {"clips": 40, "precision": interval(0.71), "recall": interval(row[place] / 40), "f1": interval(0.7)}
        for place, (label, row) in enumerate(zip(CLASSES, CONFUSION, strict=True))
    }
    overall = {name: interval(value) for name, value in (("uar", 0.7), ("accuracy", 0.71), ("macro_f1", 0.69))}
    overall |= {"ece": interval(0.083), "brier": interval(0.42)}
    corpus = {
        "clips": 120,
        "speakers": 3,
        "scores": overall,
        "per_class": per_class,
        "confusion": CONFUSION,
        "most_confused": [{"truth": "sad", "prediction": "neutral", "clips": 17, "share": 0.425}],
    }
    return {
        "title": "A small network",
        "caveats": [],
        "claimed": {"accuracy": 0.912},
        "claimed_on": "",
        "protocol": "speakers",
        "speaker_independent": True,
        "development_by": ["speakers"],
        "labels_note": "calm -> neutral",
        "dropped": 12,
        "missing": {},
        "failures": [],
        "folds": 3,
        "folds_made": 3,
        "seed": 0,
        "clips_fingerprint": "0123456789abcdef",
        "parameters": 4584,
        "train_seconds": 2.6,
        "not_exported": "",
        "classes": list(CLASSES),
        "clips": 120,
        "speakers": 3,
        "corpora": ["emodb"],
        "scores": overall,
        "per_class": per_class,
        "confusion": CONFUSION,
        "per_corpus": {"emodb": corpus},
        "per_speaker": {
            f"emodb/{name}": {"clips": 40, "uar": uar, "accuracy": uar, "sex": sex, "corpus": "emodb"}
            for name, uar, sex in (("03", 0.8, "male"), ("08", 0.612, "female"), ("09", 0.7, ""))
        },
    } | changes


def write_run(folder: Path, **changes: Any) -> Path:
    """A run folder with all its files."""
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps(scores(**changes)), encoding="utf-8")
    (folder / "recipe.yaml").write_text("title: A small network\ntraining: {epochs: 2}\n", encoding="utf-8")
    environment = {"commit": "0123456789ab", "command": "emotone train <recipe>", "hardware": "2 cores", "seconds": 4.5}
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    curve = "fold,epoch,train_loss,development_loss,development_uar,learning_rate\n"
    curve += "".join(
        f"{fold},{epoch},{1 / epoch},{1.2 / epoch},0.{epoch},0.001\n" for fold in "ab" for epoch in (1, 2, 3)
    )
    (folder / "curves.csv").write_text(curve, encoding="utf-8")
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 120)
    Predictions(
        classes=CLASSES,
        key=np.array([f"emodb/{clip}" for clip in range(120)]),
        corpus=np.full(120, "emodb"),
        speaker=np.full(120, "emodb/03"),
        sex=np.full(120, "male"),
        fold=np.full(120, "a"),
        truth=np.array(CLASSES)[rng.integers(0, 3, 120)],
        log_probs=np.log(probabilities),
    ).to_csv(folder / "predictions.csv")
    return folder


class Elements(HTMLParser):
    """Every element with its attributes, the tags that were not closed, and the text."""

    _void = ("meta", "br", "link", "img", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        if tag not in self._void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data
