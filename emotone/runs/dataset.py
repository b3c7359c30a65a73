"""The clips of an experiment, with the class each belongs to, and what else about them can be learned."""

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
from emotone.data.splits import Fold, Rows
from emotone.data.utterance import Table
from emotone.errors import CorpusError, UnknownName
from emotone.evaluation.scores import Predictions
from emotone.evaluation.votes import Votes, votes_of
from emotone.runs.recipe import Item, Recipe
from emotone.training.examples import UNKNOWN


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
        votes: what listeners heard; None where no clip has votes.
        learns_votes: whether they, and not the labels, are to be learned.
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
        """(clips, classes) distributions to be learned; None where the labels are."""
        return self.votes.targets(self.labels) if self.votes and self.learns_votes else None

    @property
    def fingerprint(self) -> str:
        """A short hash of which clips these are, who speaks in them and what they are labelled, or to be learned as."""
        text = "\n".join(f"{row.key}\t{row.emotion}\t{row.speaker}\t{row.start_s}\t{row.end_s}" for row in self.table)
        learned = b"" if self.targets is None else self.targets.tobytes()
        return blake2b(text.encode() + learned, digest_size=8).hexdigest()

    def take(self, mask: NDArray[np.bool_]) -> Dataset:
        """The clips where the mask is true."""
        votes = self.votes.take(mask) if self.votes else None
        return replace(self, table=self.table.take(mask), labels=self.labels[mask], votes=votes)

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
            test_on=recipe.data.test_on,
        )


def read_data(recipe: Recipe, data: Path) -> Dataset:
    """The clips that a recipe asks for, as far as they are here.

    Across corpora only the labels are kept that both what is learned from and what is tested have.

    Raises:
        CorpusError: none of its corpora is here.
    """
    found, missing = corpora_here(recipe, data)
    if not found:
        raise CorpusError(f"{'; '.join(missing.values())} (--data names the folder that holds one folder per corpus)")
    default_folds = {name: one.folds for one in found for name in one.table.corpora() if one.folds is not None}
    table = Table([row for one in found for row in one.table])
    emotions = table.column("emotion")
    if recipe.data.protocol == "cross-corpus":
        sides = _sides(table, recipe.data.test_on)
        chosen = shared_label_map(recipe.data.labels, [emotions[side].tolist() for side in sides], recipe.data.changes)
    else:
        chosen = label_map(recipe.data.labels, emotions, recipe.data.changes).narrowed()
    targets = [chosen(emotion) for emotion in emotions]
    kept = np.array([target is not None for target in targets])
    numbers = np.array([chosen.classes.index(target) for target in targets if target is not None], dtype=np.int64)
    clips = table.take(kept)
    votes = votes_of(clips, chosen, recipe.data.changes)
    by_votes = recipe.data.targets == "votes"
    if by_votes and (votes is None or not votes.known.any()):
        raise CorpusError(
            f"data.targets=votes needs listeners' votes, and no clip of {', '.join(table.corpora())} has any; crema_d "
            "has where its tabulatedVotes.csv lies below its folder, tables have with columns vote_<emotion>"
        )
    return Dataset(clips, numbers, chosen, int((~kept).sum()), missing, default_folds, votes, by_votes)


@dataclass(frozen=True)
class Here:
    """What an entry of `data.corpora` holds here: its clips, of one corpus or several, and their published folds."""

    item: Item
    table: Table
    folds: Any

    @property
    def name(self) -> str:
        """Its corpora, joined."""
        return "+".join(self.table.corpora())


def corpora_here(recipe: Recipe, data: Path) -> tuple[list[Here], dict[str, str]]:
    """The corpora of a recipe that are here, and those that are not, each with what to do."""
    found, missing = [], {}
    for item in recipe.data.corpora:
        corpus, root = corpora.locate(item.name, data, **item.settings)
        try:
            found.append(Here(item, corpus.read(root), corpus.folds))
        except CorpusError as problem:
            missing[item.name] = str(problem)
    return found, missing


def _sides(table: Table, test_on: Sequence[str]) -> list[NDArray[np.bool_]]:
    """Masks of the clips that must share labels: learned from and tested; or each corpus, where each is tested."""
    corpus, names = table.column("corpus"), table.corpora()
    if unknown := [name for name in test_on if name not in names]:
        raise UnknownName("corpus to test on", unknown[0], names)
    if not test_on:
        return [corpus == name for name in names]
    tested = np.isin(corpus, test_on)
    if tested.all():
        raise CorpusError(f"data.test_on names every corpus that is here ({', '.join(names)}); leave one to learn from")
    return [~tested, tested]


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
    chosen = label_map(classes, emotions, changes_within(recipe.data.changes, classes))
    numbers = np.array([classes.index(str(chosen(emotion))) for emotion in emotions], dtype=np.int64)
    named = {item.name for item in recipe.data.corpora} & set(corpora.published_names())
    default_folds = {name: corpora.published(name).folds for name in named}
    votes = votes_of(table, chosen, recipe.data.changes)
    return Dataset(table, numbers, chosen, default_folds=default_folds, votes=votes)
