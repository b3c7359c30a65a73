"""The clips of an experiment, with the class each belongs to, and what else about them can be learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone import corpora, splits
from emotone.errors import CorpusError
from emotone.evaluation import Predictions
from emotone.examples import UNKNOWN
from emotone.labels import AROUSAL, LabelMap, label_map
from emotone.recipe import Recipe
from emotone.splits import Fold, Rows
from emotone.utterance import Table


@dataclass(frozen=True)
class Dataset:
    """The clips of an experiment with their class numbers.

    Attributes:
        table: the clips kept.
        labels: (clips,) numbers into `map.classes`.
        map: how the corpora's emotions became classes.
        dropped: how many clips the map left out.
        missing: corpora of the recipe that were not found, each with what to do.
        default_folds: corpus -> the test speakers of its published folds, where it has them.
    """

    table: Table
    labels: NDArray[np.int64]
    map: LabelMap
    dropped: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    default_folds: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """A short hash of which clips these are, who speaks in them and what they are labelled."""
        text = "\n".join(f"{row.key}\t{row.emotion}\t{row.speaker}\t{row.start_s}\t{row.end_s}" for row in self.table)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def take(self, mask: NDArray[np.bool_]) -> Dataset:
        """The clips where the mask is true."""
        return replace(self, table=self.table.take(mask), labels=self.labels[mask])

    def predictions(self, rows: Rows, fold: str, log_probs: NDArray[np.float64]) -> Predictions:
        """What a fold's model said of these clips."""
        clips = self.table.take(rows)
        return Predictions(
            classes=self.map.classes,
            key=clips.column("key"),
            corpus=clips.column("corpus"),
            speaker=clips.column("speaker"),
            sex=clips.column("sex"),
            fold=np.full(len(clips), fold),
            truth=np.array(self.map.classes)[self.labels[rows]],
            log_probs=log_probs,
        )

    def folds(self, recipe: Recipe) -> list[Fold]:
        """All folds of the recipe's protocol; the first `data.run_folds` of them are run."""
        return splits.folds(
            self.table,
            self.labels,
            recipe.data.protocol,
            seed=recipe.seed,
            count=recipe.data.folds,
            default_folds=self.default_folds,
        )


def read_data(recipe: Recipe, data: Path) -> Dataset:
    """The clips that a recipe asks for, as far as they are here.

    Raises:
        CorpusError: none of its corpora is here.
    """
    tables, missing, default_folds = [], {}, {}
    for item in recipe.data.corpora:
        corpus, root = corpora.locate(item.name, data, **item.settings)
        try:
            table = corpus.read(root)
        except CorpusError as problem:
            missing[item.name] = str(problem)
            continue
        tables.append(table)
        if corpus.folds is not None:
            default_folds.update(dict.fromkeys(table.corpora(), corpus.folds))
    if not tables:
        raise CorpusError(f"{'; '.join(missing.values())} (--data names the folder that holds one folder per corpus)")
    table = Table([row for part in tables for row in part])
    emotions = table.column("emotion")
    chosen = label_map(recipe.data.labels, emotions, recipe.data.changes).narrowed()
    targets = [chosen(emotion) for emotion in emotions]
    kept = np.array([target is not None for target in targets])
    numbers = np.array([chosen.classes.index(target) for target in targets if target is not None], dtype=np.int64)
    return Dataset(table.take(kept), numbers, chosen, int((~kept).sum()), missing, default_folds)


def levels(table: Table, auxiliary: str) -> NDArray[np.int64] | None:
    """(clips,) the auxiliary target as numbers, `UNKNOWN` where a clip does not tell; None where none is asked for.

    The words of several corpora stay apart: what RAVDESS calls strong is not what CREMA-D calls HI.

    Args:
        auxiliary: `intensity`, as the corpus names it; `arousal`, that of the emotion (`labels.AROUSAL`); or empty.
    """
    if not auxiliary:
        return None
    words = [row.intensity if auxiliary == "intensity" else AROUSAL.get(row.emotion, "") for row in table]
    known = sorted(set(words) - {""})
    return np.array([known.index(word) if word else UNKNOWN for word in words], dtype=np.int64)


def data_again(recipe: Recipe, table: Table, classes: Sequence[str]) -> Dataset:
    """What a run was made of, from the clips it kept and the classes it scored; no corpus is looked for."""
    emotions = table.column("emotion")
    chosen = replace(label_map(recipe.data.labels, emotions, recipe.data.changes), classes=tuple(classes))
    numbers = np.array([classes.index(str(chosen(emotion))) for emotion in emotions], dtype=np.int64)
    named = {item.name for item in recipe.data.corpora} & set(corpora.published_names())
    return Dataset(table, numbers, chosen, default_folds={name: corpora.published(name).folds for name in named})
