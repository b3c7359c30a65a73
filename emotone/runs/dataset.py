"""The clips of an experiment: their class numbers, votes of listeners, auxiliary targets and folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.data import corpora, splits
from emotone.data.labels import AROUSAL, LabelMap, changes_within, label_map, shared_label_map
from emotone.data.speaker_ids import with_one_spelling
from emotone.data.splits import Fold, Rows
from emotone.data.utterance import Table
from emotone.errors import CorpusError, RecipeError, UnknownName
from emotone.evaluation.scores import Predictions
from emotone.evaluation.votes import Votes, votes_of
from emotone.runs.recipe import DataSettings, Item
from emotone.training.examples import UNKNOWN


@dataclass(frozen=True)
class Dataset:
    """The clips of an experiment with their class numbers.

    Attributes:
        table: the clips kept.
        labels: (clips,) numbers into `map.classes`.
        map: the mapping of the corpora's emotions to classes.
        dropped: how many clips the map left out.
        missing: corpora of the recipe that were not found, each with what to do.
        default_folds: corpus -> the test speakers of its published folds, where it has them.
        votes: votes of listeners; None where no clip has votes.
        learns_votes: whether the votes are the training target, in place of the labels.
    """

    table: Table
    labels: NDArray[np.int64]
    map: LabelMap
    dropped: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    default_folds: dict[str, Any] = field(default_factory=dict)
    votes: Votes | None = None
    learns_votes: bool = False

    @property
    def targets(self) -> NDArray[np.float64] | None:
        """(clips, classes) distributions that are the training target; None where the labels are."""
        return self.votes.targets(self.labels) if self.votes and self.learns_votes else None

    @property
    def fingerprint(self) -> str:
        """A short hash of the clips, their speakers, labels and targets."""
        text = "\n".join(f"{row.key}\t{row.emotion}\t{row.speaker}\t{row.start_s}\t{row.end_s}" for row in self.table)
        targets = b"" if self.targets is None else self.targets.tobytes()
        return blake2b(text.encode() + targets, digest_size=8).hexdigest()

    def take(self, mask: NDArray[np.bool_]) -> Dataset:
        """The clips where the mask is true."""
        votes = self.votes.take(mask) if self.votes else None
        return replace(self, table=self.table.take(mask), labels=self.labels[mask], votes=votes)

    def predictions(self, rows: Rows, fold: str, log_probs: NDArray[np.float64]) -> Predictions:
        """The predictions of a fold's model for these clips."""
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

    def folds(self, settings: DataSettings, seed: int) -> list[Fold]:
        """All folds of the protocol; the first `settings.run_folds` of them are run."""
        return splits.folds(
            self.table,
            self.labels,
            settings.protocol,
            seed=seed,
            count=settings.folds,
            default_folds=self.default_folds,
            test_on=settings.test_on,
        )

    def copied(self, table: Table, source: Rows) -> Dataset:
        """The dataset of `table`, in which clip n is a copy of clip `source[n]`: same label, same votes."""
        votes = replace(self.votes.take(source), key=table.column("key")) if self.votes else None
        return replace(self, table=table, labels=self.labels[source], votes=votes)


def read_data(settings: DataSettings, folder: Path) -> Dataset:
    """The clips that `data` of a recipe asks for, from the corpora that are in this folder.

    Across corpora, only the labels are kept that both training and test corpora have; with `training_labels: all`,
    every label of the training corpora.

    Raises:
        CorpusError: none of the corpora is in the folder.
        TableError: a speaker has more than one spelling, and `speaker_ids` is `strict`.
    """
    found, missing = find_corpora(settings.corpora, folder)
    if not found:
        reasons = "; ".join(missing.values())
        raise CorpusError(f"{reasons} (the data folder has one folder per corpus; EMOTONE_DATA names it)")
    default_folds = {
        name: corpus.folds for corpus in found for name in corpus.table.corpora() if corpus.folds is not None
    }
    table = with_one_spelling(Table([row for corpus in found for row in corpus.table]), settings.speaker_ids)
    emotions = table.column("emotion")
    if settings.protocol == "cross-corpus":
        groups = [emotions[mask].tolist() for mask in _corpora_apart(table, settings.test_on)]
        if settings.training_labels == "all":
            learned = label_map(settings.labels, groups[0], settings.changes).narrowed().classes
            label_of = label_map(learned, emotions, changes_within(settings.changes, learned))
        else:
            label_of = shared_label_map(settings.labels, groups, settings.changes)
    else:
        label_of = label_map(settings.labels, emotions, settings.changes).narrowed()
    targets = [label_of(emotion) for emotion in emotions]
    kept = np.array([target is not None for target in targets])
    numbers = np.array([label_of.classes.index(target) for target in targets if target is not None], dtype=np.int64)
    clips = table.take(kept)
    votes = votes_of(clips, label_of, settings.changes)
    learns_votes = settings.targets == "votes"
    if learns_votes and (votes is None or not votes.known.any()):
        raise CorpusError(
            f"data.targets=votes needs votes of listeners, and no clip of {', '.join(table.corpora())} has any; "
            "crema_d has them if tabulatedVotes.csv is in its folder, a table if it has columns vote_<emotion>"
        )
    return Dataset(clips, numbers, label_of, int((~kept).sum()), missing, default_folds, votes, learns_votes)


@dataclass(frozen=True)
class FoundCorpus:
    """An entry of `data.corpora` that was found: its clips, of one corpus or several, and their published folds."""

    item: Item
    table: Table
    folds: Any

    @property
    def name(self) -> str:
        """Its corpora, joined by `+`."""
        return "+".join(self.table.corpora())


def find_corpora(items: Sequence[Item], folder: Path) -> tuple[list[FoundCorpus], dict[str, str]]:
    """The corpora in this folder, and the others by name, each with what to do."""
    found, missing = [], {}
    for item in items:
        try:
            corpus, root = corpora.locate(item.name, folder, **item.settings)
        except TypeError as problem:  # settings that the reader does not have
            raise RecipeError(f"data.corpora: {item.name} has no setting {' or '.join(item.settings)}") from problem
        try:
            found.append(FoundCorpus(item, corpus.read(root), corpus.folds))
        except CorpusError as problem:
            missing[item.name] = str(problem)
    return found, missing


def _corpora_apart(table: Table, test_on: Sequence[str]) -> list[NDArray[np.bool_]]:
    """Masks of the clips that must share labels: training and test corpora; or every corpus, if each is tested."""
    corpus, names = table.column("corpus"), table.corpora()
    if unknown := [name for name in test_on if name not in names]:
        raise UnknownName("corpus to test on", unknown[0], names)
    if not test_on:
        return [corpus == name for name in names]
    tested = np.isin(corpus, test_on)
    if tested.all():
        raise CorpusError(f"data.test_on names every corpus that was found ({', '.join(names)}); leave one to train on")
    return [~tested, tested]


def levels(table: Table, auxiliary: str) -> NDArray[np.int64] | None:
    """(clips,) the auxiliary target as numbers, `UNKNOWN` where a clip has none; None without auxiliary target.

    The terms of several corpora stay apart: `strong` in RAVDESS is not `HI` in CREMA-D.

    Args:
        auxiliary: `intensity`, as the corpus names it; `arousal`, that of the emotion (`labels.AROUSAL`); or empty.
    """
    if not auxiliary:
        return None
    names = [row.intensity if auxiliary == "intensity" else AROUSAL.get(row.emotion, "") for row in table]
    known = sorted(set(names) - {""})
    return np.array([known.index(name) if name else UNKNOWN for name in names], dtype=np.int64)


def rebuild(settings: DataSettings, table: Table, classes: Sequence[str]) -> Dataset:
    """The dataset of a finished run, from its `utterances.csv` and its classes; no corpus is read."""
    emotions = table.column("emotion")
    label_of = label_map(classes, emotions, changes_within(settings.changes, classes))
    numbers = np.array([classes.index(str(label_of(emotion))) for emotion in emotions], dtype=np.int64)
    published = {item.name for item in settings.corpora} & set(corpora.published_names())
    default_folds = {name: corpora.published(name).folds for name in published}
    votes = votes_of(table, label_of, settings.changes)
    return Dataset(table, numbers, label_of, default_folds=default_folds, votes=votes)
