"""Predictions, and their scores by class, speaker and corpus with confidence intervals."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.errors import LengthMismatch, TableError
from emotone.evaluation import metrics
from emotone.evaluation.intervals import Floats, Interval, Scores, intervals
from emotone.files import atomic_write

_COLUMNS = ("key", "corpus", "speaker", "sex", "fold", "truth")
_MOST_CONFUSED = 10


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for test clips; one row per clip.

    Attributes:
        classes: the labels, in the order of `log_probs`.
        key, corpus, speaker, sex, fold, truth: (clips,) text.
        log_probs: (clips, classes) natural logarithms of probabilities.

    Raises:
        LengthMismatch: columns of different lengths.
        TableError: a duplicate key, a truth outside the classes, or scores that are nan.
    """

    classes: tuple[str, ...]
    key: NDArray[Any]
    corpus: NDArray[Any]
    speaker: NDArray[Any]
    sex: NDArray[Any]
    fold: NDArray[Any]
    truth: NDArray[Any]
    log_probs: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in (*_COLUMNS, "log_probs"):
            column = np.asarray(getattr(self, name), dtype=np.float64 if name == "log_probs" else str)
            object.__setattr__(self, name, column)
            if len(column) != len(self.key):
                raise LengthMismatch("key", len(self.key), name, len(column))
        if self.log_probs.shape != (len(self), len(self.classes)):
            raise TableError(f"log_probs of shape {self.log_probs.shape}; {(len(self), len(self.classes))} is needed")
        keys, times = np.unique(self.key, return_counts=True)
        if (times > 1).any():
            raise TableError(f"{keys[times > 1][0]} is predicted twice; each clip is tested in one fold")
        if strange := sorted(set(self.truth.tolist()) - set(self.classes)):
            raise TableError(f"truth {strange[0]!r} is not one of the classes {', '.join(self.classes)}")
        if np.isnan(self.log_probs).any():
            bad = self.key[np.isnan(self.log_probs).any(axis=1)]
            raise TableError(f"the scores of {len(bad)} clips are not numbers ({bad[0]}); has the training diverged?")

    def __len__(self) -> int:
        return len(self.key)

    @property
    def prediction(self) -> NDArray[Any]:
        """(clips,) the most probable label."""
        return np.array(self.classes)[self.log_probs.argmax(axis=1)] if len(self) else self.truth

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(clips,) its probability."""
        return np.asarray(np.exp(self.log_probs.max(axis=1)))

    def take(self, rows: NDArray[Any]) -> Predictions:
        """The clips of these positions, or where a boolean mask is true."""
        columns: dict[str, Any] = {item.name: getattr(self, item.name)[rows] for item in fields(self)[1:]}
        return replace(self, **columns)

    @staticmethod
    def concatenate(parts: Sequence[Predictions]) -> Predictions:
        """All predictions, in order.

        Raises:
            TableError: no parts, different classes, or a clip in two of them.
        """
        if not parts:
            raise TableError("no predictions to concatenate")
        for part in parts[1:]:
            if part.classes != parts[0].classes:
                raise TableError(f"classes differ: {', '.join(parts[0].classes)} and {', '.join(part.classes)}")
        columns: dict[str, Any] = {
            item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Predictions)[1:]
        }
        return replace(parts[0], **columns)

    @staticmethod
    def common(parts: Sequence[Predictions]) -> list[Predictions]:
        """Each part restricted to the clips that all parts have, in the order of the first."""
        places = [{key: row for row, key in enumerate(part.key.tolist())} for part in parts]
        shared = [key for key in places[0] if all(key in place for place in places)]
        return [
            part.take(np.array([place[key] for key in shared], dtype=np.int64))
            for part, place in zip(parts, places, strict=True)
        ]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one row per clip, atomically; probabilities are written exactly."""
        text = zip(*(getattr(self, name).tolist() for name in _COLUMNS), strict=True)
        probabilities = np.exp(self.log_probs).tolist()
        with atomic_write(Path(path)) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow([*_COLUMNS, "prediction", "confidence", *(f"p_{label}" for label in self.classes)])
            for cells, prediction, row in zip(text, self.prediction.tolist(), probabilities, strict=True):
                writer.writerow([*cells, prediction, max(row), *row])

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> Predictions:
        """Read a file of `to_csv`.

        Raises:
            TableError: the file or a column is missing, or a probability that is not a number.
        """
        try:
            with Path(path).open(newline="", encoding="utf-8") as handle:
                header, *rows = list(csv.reader(handle)) or [[]]
        except (OSError, UnicodeDecodeError) as problem:
            raise TableError(f"{path}: no predictions can be read ({problem})") from problem
        if missing := [name for name in _COLUMNS if name not in header]:
            raise TableError(f"{path}: no column {missing[0]}; there are: {', '.join(header) or 'none'}")
        place = {name: number for number, name in enumerate(header)}
        classes = tuple(name[2:] for name in header if name.startswith("p_"))
        try:
            probabilities = [[float(row[place[f"p_{label}"]]) for label in classes] for row in rows]
            text = {name: np.array([row[place[name]] for row in rows], dtype=str) for name in _COLUMNS}
            with np.errstate(divide="ignore"):  # a probability may be 0
                log_probs = np.log(np.array(probabilities).reshape(len(rows), len(classes)))
            return cls(classes=classes, **text, log_probs=log_probs)
        except (ValueError, IndexError) as problem:
            raise TableError(f"{path}: a row does not match the header ({problem})") from problem


def evaluate(predictions: Predictions, *, draws: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Scores, ready for JSON; `I` below is `{"value", "low", "high"}`, a 95 % interval from resampling speakers.

    For several corpora, `scores` and `per_class` are means over the corpora: with pooled clips the easiest corpus would
    dominate. A class that a corpus does not have is left out of its means. `confusion` is the sum.

    Args:
        predictions: one row per clip.
        draws: resamplings for each interval.
        seed: of the resampling.

    Returns:
        classes, clips, speakers, corpora;
        scores: uar, accuracy, macro_f1, ece (expected calibration error), brier, each `I`;
        per_class: label -> clips, and precision, recall, f1, each `I` (all None without clips);
        confusion: a row of counts per true label;
        per_corpus: corpus -> clips, speakers, scores, per_class, confusion, and most_confused: the ten most
        frequent errors (truth, prediction, clips, share of the true label's clips);
        per_speaker: speaker -> clips, uar, accuracy, sex, corpus.

    Raises:
        TableError: no clips.
    """
    if not len(predictions):
        raise TableError("no predictions to evaluate; was any clip tested?")
    corpora = list(dict.fromkeys(predictions.corpus.tolist()))
    tallies = {corpus: _Tally(predictions.take(predictions.corpus == corpus)) for corpus in corpora}
    return {
        "classes": list(predictions.classes),
        **_scores(predictions.classes, list(tallies.values()), draws, seed),
        "speakers": len(set(predictions.speaker.tolist())),
        "corpora": corpora,
        "per_corpus": {
            corpus: {
                **_scores(predictions.classes, [tally], draws, seed),
                "most_confused": _most_confused(predictions.classes, tally.confusion.sum(axis=0)),
            }
            for corpus, tally in tallies.items()
        },
        "per_speaker": _per_speaker(predictions),
    }


class _Tally:
    """Contribution of each speaker of a corpus to the sums from which scores are computed."""

    def __init__(self, of: Predictions) -> None:
        truth = np.array([of.classes.index(label) for label in of.truth.tolist()])
        guess = of.log_probs.argmax(axis=1)
        speakers, who = np.unique(of.speaker, return_inverse=True)
        gaps = metrics.calibration_gaps(guess == truth, of.confidence)
        brier = np.stack([metrics.brier(of.log_probs, truth), np.ones(len(of))], axis=1)
        self.confusion = np.zeros((speakers.size, len(of.classes), len(of.classes)))
        np.add.at(self.confusion, (who, truth, guess), 1)
        self.gaps, self.brier = np.zeros((speakers.size, gaps.shape[1])), np.zeros((speakers.size, 2))
        np.add.at(self.gaps, who, gaps)
        np.add.at(self.brier, who, brier)


def _scores(classes: Sequence[str], tallies: Sequence[_Tally], draws: int, seed: int) -> dict[str, Any]:
    """Scores of one corpus, or their means over several."""

    def plain(scores: Scores, sums: list[Floats], largest: float = 1.0) -> list[dict[str, float | None]]:
        return [
            as_plain(interval) for interval in intervals(scores, sums, draws=draws, seed=seed, bounds=(0.0, largest))
        ]

    of_labels = plain(_of_confusion, [tally.confusion for tally in tallies])
    uar, accuracy, macro_f1 = of_labels[:3]
    precision, recall, f1 = (of_labels[3 + k * len(classes) :][: len(classes)] for k in range(3))
    (ece,) = plain(lambda sums: metrics.calibration_error(sums)[..., None], [tally.gaps for tally in tallies])
    (brier,) = plain(_mean, [tally.brier for tally in tallies], 2.0)
    confusion = np.sum([tally.confusion.sum(axis=0) for tally in tallies], axis=0).astype(int)
    return {
        "clips": int(confusion.sum()),
        "speakers": sum(len(tally.confusion) for tally in tallies),
        "scores": {"uar": uar, "accuracy": accuracy, "macro_f1": macro_f1, "ece": ece, "brier": brier},
        "per_class": {
            label: {"clips": clips, "precision": precision[k], "recall": recall[k], "f1": f1[k]}
            for k, (label, clips) in enumerate(zip(classes, confusion.sum(axis=1).tolist(), strict=True))
        },
        "confusion": confusion.tolist(),
    }


def _of_confusion(sums: Floats) -> Floats:
    """(..., classes, classes) -> (..., 3 + 3 classes): UAR, accuracy, macro-F1; precision, recall, F1 by class."""
    overall = [metrics.mean_recall(sums), metrics.share_correct(sums), metrics.mean_f1(sums)]
    by_class = [metrics.precision(sums), metrics.recall(sums), metrics.f1(sums)]
    return np.concatenate([np.stack(overall, axis=-1), *by_class], axis=-1)


def _mean(sums: Floats) -> Floats:
    """(..., 2) sum and count -> (..., 1) mean."""
    return sums[..., :1] / sums[..., 1:]


def as_plain(interval: Interval | None) -> dict[str, float | None]:
    """An interval as a dictionary for JSON."""
    if interval is None:
        return {"value": None, "low": None, "high": None}
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _most_confused(classes: Sequence[str], confusion: Floats) -> list[dict[str, Any]]:
    errors = confusion * (1 - np.eye(len(classes)))
    order = np.argsort(-errors, axis=None, kind="stable")[:_MOST_CONFUSED]
    pairs = [divmod(int(flat), len(classes)) for flat in order]
    return [
        {
            "truth": classes[row],
            "prediction": classes[column],
            "clips": int(errors[row, column]),
            "share": float(errors[row, column] / confusion[row].sum()),
        }
        for row, column in pairs
        if errors[row, column]
    ]


def _per_speaker(predictions: Predictions) -> dict[str, dict[str, Any]]:
    scores = {}
    guess = predictions.prediction
    for speaker in np.unique(predictions.speaker).tolist():
        rows = predictions.speaker == speaker
        scores[speaker] = {
            "clips": int(rows.sum()),
            "uar": metrics.uar(predictions.truth[rows], guess[rows]),
            "accuracy": metrics.accuracy(predictions.truth[rows], guess[rows]),
            "sex": str(predictions.sex[rows][0]),
            # the actors of RAVDESS are in two corpora, speech and song
            "corpus": "+".join(dict.fromkeys(predictions.corpus[rows].tolist())),
        }
    return scores
