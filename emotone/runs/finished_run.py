"""Finished runs that can become one: the same clips, classes, truth, folds and protocol."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold
from emotone.errors import RunError
from emotone.evaluation.scores import Predictions
from emotone.features.extraction import cache as blocks
from emotone.features.extraction import extract as extraction
from emotone.models import LinearModel
from emotone.runs.dataset import Dataset, data_again
from emotone.runs.run import Run
from emotone.runs.speakers.history import speech_seconds
from emotone.runs.speakers.score_centring import ScoreCentring


class FinishedRun:
    """A finished run as a part of an ensemble.

    Attributes:
        run: its folder.
        scores: its scores.
        predictions: its tested clips, in the order of the first member.
        centring: what centres its scores on each speaker; None: they are as they are.
    """

    centring: ScoreCentring | None = None

    def __init__(self, run: Run) -> None:
        self.run, self.scores, self.predictions = run, run.scores, run.predictions

    def __str__(self) -> str:
        return str(self.run.folder)

    @property
    def fingerprint(self) -> str:
        """A short hash of what it said."""
        return blake2b((self.run.folder / "predictions.csv").read_bytes(), digest_size=8).hexdigest()

    @property
    def caveats(self) -> list[str]:
        """What speaks against its scores."""
        own = "" if self.centring is None else self.centring.caveat(self.folds)
        return [*self.scores["caveats"], *filter(None, [own])]

    @cached_property
    def dataset(self) -> Dataset:
        """The clips it was made of.

        Raises:
            RunError: it does not say which they are.
        """
        if "ensemble" in self.scores:
            raise RunError(
                f"{self} is itself an ensemble, which has no features; name its members, or take level=scores"
            )
        table = self.run.utterances
        if table is None:
            raise RunError(f"{self} does not say which clips it learned from (no utterances.csv); train it again")
        return data_again(self.run.recipe, table, self.scores["classes"])

    @cached_property
    def folds(self) -> list[Fold]:
        """Its folds, made again from its clips.

        Raises:
            RunError: they are not those it was tested in.
        """
        folds = self.dataset.folds(self.run.recipe)[: self.run.recipe.data.run_folds]
        keys, predicted = self.dataset.table.column("key"), self.predictions
        for fold in folds:
            if set(keys[fold.test].tolist()) != set(predicted.key[predicted.fold == fold.name].tolist()):
                raise RunError(f"{self} tested other clips in fold {fold.name} than this version would; train it again")
        return folds

    def tested(self, fold: str) -> Predictions:
        """What it says of the tested clips of a fold."""
        return self._centred(self.predictions.take(self.predictions.fold == fold), fold)

    def development(self, fold: str) -> Predictions | None:
        """What it says of the development clips of a fold; None where it does not keep it."""
        found = self.run.development(fold)
        return None if found is None else self._centred(found, fold)

    def average_scores(self, fold: str = "") -> dict[str, list[float]] | None:
        """Corpus -> its scores on average, without the speakers whom the fold tests; None: they are not centred."""
        if self.centring is None:
            return None
        return {corpus: average.tolist() for corpus, average in self.centring.averages(fold).items()}

    def _centred(self, heard: Predictions, fold: str) -> Predictions:
        return heard if self.centring is None or not len(heard) else self.centring.centred(heard, self._fold(fold))

    def _fold(self, name: str) -> Fold:
        return next(fold for fold in self.folds if fold.name == name)

    def features(self, fold: str) -> NDArray[np.float32]:
        """(clips, dims) what the model of a fold classifies: embeddings of a network, features of a linear model.

        Raises:
            RunError: a network without embeddings, or clips that are no longer where they were.
        """
        embeddings = self.run.embeddings(fold)
        if embeddings is None:
            return self._extracted
        if len(embeddings) != len(self.dataset.table):
            raise RunError(f"{self} keeps embeddings of other clips than it says in utterances.csv; train it again")
        return embeddings

    @cached_property
    def _extracted(self) -> NDArray[np.float32]:
        recipe = self.run.recipe
        if not isinstance(recipe.make_model(), LinearModel):
            raise RunError(f"{self} keeps no embeddings of its network (folds/<name>/embeddings.npy); train it again")
        if recipe.data.speaker_seconds is not None:
            raise RunError(
                f"{self} is linear and centres its features on each speaker, which is not kept; take level=scores"
            )
        found = extraction.extract(self.dataset.table, recipe.make_feature(), recipe.audio, cache=blocks.folder())
        if found.failures:
            raise RunError(f"{self}: {len(found.failures)} of its clips cannot be read now: {found.failures[0].reason}")
        return found.dense()


def load_members(folders: Sequence[str | os.PathLike[str]]) -> list[FinishedRun]:
    """The members, their predictions in one order.

    Raises:
        RunError: fewer than two runs, an unfinished one, or one that differs from the first; the text says how.
    """
    if len(folders) < 2:
        raise RunError(f"an ensemble needs two runs or more, came {len(folders)}")
    members = [FinishedRun(Run.open(folder)) for folder in folders]
    first = members[0]
    for member in members[1:]:
        if reason := _difference(first, member):
            raise RunError(f"{member} {reason}")
        member.predictions = Predictions.common([first.predictions, member.predictions])[1]
    return members


def centre(members: Sequence[FinishedRun], seconds: float, *, progress: Progress = no_progress) -> None:
    """Have the scores of members that hear clips as they are centred on each speaker.

    Args:
        members: as returned by `load_members`.
        seconds: how many of other clips of each speaker are heard first.
        progress: called while clips are measured.

    Raises:
        RunError: a member is an ensemble, or learned from other clips than the first.
    """
    dataset = _same_clips(members)
    speech_s = speech_seconds(dataset.table, cache=blocks.folder(), progress=progress)
    for member in members:
        recipe = member.run.recipe
        if recipe.data.speaker_seconds is None:
            member.centring = ScoreCentring(member.dataset, member.predictions, speech_s, seconds, seed=recipe.seed)


def same_clips_and_folds(members: Sequence[FinishedRun]) -> tuple[Dataset, list[Fold]]:
    """The clips that every member learned from, and the folds that all of them had.

    Raises:
        RunError: a member does not say, or had others.
    """
    first, dataset = members[0], _same_clips(members)
    for member in members[1:]:
        for fold, other in zip(first.folds, member.folds, strict=True):
            sides = ("train", "development", "test")
            if any(not np.array_equal(getattr(fold, side), getattr(other, side)) for side in sides):
                raise RunError(
                    f"{member} learned from other clips in fold {fold.name} than {first}; train both with the same "
                    "seed, or take level=scores"
                )
    return dataset, first.folds


def held_out(members: Sequence[FinishedRun], fold: str) -> list[Predictions] | None:
    """What each member said of the development clips of a fold that all had; None where they keep or share none."""
    parts = [member.development(fold) for member in members]
    if any(part is None for part in parts):
        return None
    shared = Predictions.common([part for part in parts if part is not None])
    return shared if len(shared[0]) else None


def _same_clips(members: Sequence[FinishedRun]) -> Dataset:
    """The clips that every member learned from."""
    first = members[0]
    keys = first.dataset.table.column("key").tolist()
    for member in members[1:]:
        if member.dataset.table.column("key").tolist() != keys:
            raise RunError(f"{member} learned from other clips than {first}, or in another order; use the same corpora")
    return first.dataset


def _difference(first: FinishedRun, member: FinishedRun) -> str:
    """How a member differs from the first, and what to do; empty where it does not."""
    mine, theirs = first.predictions, member.predictions
    if mine.classes != theirs.classes:
        classes = f"({', '.join(theirs.classes)} and {', '.join(mine.classes)})"
        return f"knows other classes than {first} {classes}; train both with the same data.labels"
    protocols: list[Any] = [one.scores["protocol"] for one in (member, first)]
    if protocols[0] != protocols[1]:
        return f"was scored under protocol {protocols[0]}, {first} under {protocols[1]}; train both under the same"
    mine, theirs = Predictions.common([mine, theirs])
    if not len(mine) == len(first.predictions) == len(member.predictions):
        tested = f"{len(member.predictions)} and {len(first.predictions)}, {len(mine)} in common"
        return f"tested other clips than {first} ({tested}); train both on the same corpora and folds"
    if (wrong := mine.truth != theirs.truth).any():
        return f"holds other labels than {first} ({mine.key[wrong][0]} is one); train both with the same data.labels"
    if (wrong := mine.fold != theirs.fold).any():
        return f"tested {mine.key[wrong][0]} in another fold than {first}; train both with the same data.folds and seed"
    return ""
