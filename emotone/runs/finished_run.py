"""Finished runs, alone or as members of an ensemble: their clips, folds, predictions and features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.data.splits import Fold
from emotone.errors import RunError
from emotone.evaluation.scores import Predictions
from emotone.features.extraction import cache as blocks
from emotone.features.extraction import extract as extraction
from emotone.models import LinearModel
from emotone.runs.dataset import Dataset, rebuild
from emotone.runs.run import Run


class FinishedRun:
    """A finished run with the clips and folds that it was made from.

    Attributes:
        run: its folder.
        scores: its scores.
        predictions: of its test clips; as a member of an ensemble, in the order of the first member.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.scores, self.predictions = run, run.scores, run.predictions

    def __str__(self) -> str:
        return str(self.run.folder)

    @property
    def fingerprint(self) -> str:
        """A short hash of its predictions."""
        return blake2b((self.run.folder / "predictions.csv").read_bytes(), digest_size=8).hexdigest()

    @property
    def caveats(self) -> list[str]:
        """Reasons why its scores are not a plain result."""
        return list(self.scores["caveats"])

    @cached_property
    def dataset(self) -> Dataset:
        """The clips it was made from.

        Raises:
            RunError: it is an ensemble, or has no utterances.csv.
        """
        if "ensemble" in self.scores:
            raise RunError(
                f"{self} is itself an ensemble, which has no features; name its members, or take level=scores"
            )
        table = self.run.utterances
        if table is None:
            raise RunError(f"{self} has no utterances.csv, the list of its clips; train it again")
        settings = self.run.recipe.data
        with self.run.reading("utterances.csv"):
            return rebuild(settings, table, self.scores["classes"])

    @cached_property
    def folds(self) -> list[Fold]:
        """Its folds, made again from its clips.

        Raises:
            RunError: they are not those it was tested in.
        """
        recipe = self.run.recipe
        folds = self.dataset.folds(recipe.data, recipe.seed)[: recipe.data.run_folds]
        keys, predicted = self.dataset.table.column("key"), self.predictions
        for fold in folds:
            if set(keys[fold.test].tolist()) != set(predicted.key[predicted.fold == fold.name].tolist()):
                raise RunError(f"{self} tested other clips in fold {fold.name} than this version would; train it again")
        return folds

    def tested(self, fold: str) -> Predictions:
        """Predictions of the test clips of a fold."""
        return self.predictions.take(self.predictions.fold == fold)

    def development(self, fold: str) -> Predictions | None:
        """Predictions of the development clips of a fold; None where the run keeps none."""
        return self.run.development(fold)

    def features(self, fold: str) -> NDArray[np.float32]:
        """(clips, dims) input of the classifier of a fold: embeddings of a network, features of a linear model.

        Raises:
            RunError: a network without embeddings, or clips that are not where they were.
        """
        embeddings = self.run.embeddings(fold)
        if embeddings is None:
            return self._extracted
        if len(embeddings) != len(self.dataset.table):
            raise RunError(f"{self}: the embeddings are of other clips than those in utterances.csv; train it again")
        return embeddings

    @cached_property
    def _extracted(self) -> NDArray[np.float32]:
        recipe = self.run.recipe
        if not isinstance(recipe.make_model(), LinearModel):
            raise RunError(f"{self} has no embeddings of its network (folds/<name>/embeddings.npy); train it again")
        if recipe.data.speaker_seconds is not None:
            raise RunError(
                f"{self} is linear, and its features centred on each speaker are not kept; take level=scores"
            )
        found = extraction.extract(self.dataset.table, recipe.make_feature(), recipe.audio, cache=blocks.folder())
        if found.failures:
            raise RunError(f"{self}: {len(found.failures)} of its clips cannot be read: {found.failures[0].reason}")
        return found.dense()


def load_members(folders: Sequence[str | os.PathLike[str]]) -> list[FinishedRun]:
    """The members of an ensemble, with their predictions in the same order.

    Raises:
        RunError: fewer than two runs, an unfinished one, or one with other clips, classes, labels, folds or protocol.
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


def same_clips_and_folds(members: Sequence[FinishedRun]) -> tuple[Dataset, list[Fold]]:
    """The clips and folds that all members share.

    Raises:
        RunError: the members do not share them, or a member has no list of its clips.
    """
    first, dataset = members[0], _same_clips(members)
    for member in members[1:]:
        for fold, other in zip(first.folds, member.folds, strict=True):
            sides = ("train", "development", "test")
            if any(not np.array_equal(getattr(fold, side), getattr(other, side)) for side in sides):
                raise RunError(
                    f"{member} was trained on other clips in fold {fold.name} than {first}; train both with the same "
                    "seed, or take level=scores"
                )
    return dataset, first.folds


def held_out(members: Sequence[FinishedRun], fold: str) -> list[Predictions] | None:
    """Each member's predictions of the development clips they share in a fold; None where they share or keep none."""
    parts = [member.development(fold) for member in members]
    if any(part is None for part in parts):
        return None
    shared = Predictions.common([part for part in parts if part is not None])
    return shared if len(shared[0]) else None


def _same_clips(members: Sequence[FinishedRun]) -> Dataset:
    """The clips that all members share."""
    first = members[0]
    keys = first.dataset.table.column("key").tolist()
    for member in members[1:]:
        if member.dataset.table.column("key").tolist() != keys:
            raise RunError(f"{member} has other clips than {first}, or another order; use the same corpora")
    return first.dataset


def _difference(first: FinishedRun, member: FinishedRun) -> str:
    """What distinguishes a member from the first, and what to do; empty where nothing does."""
    mine, theirs = first.predictions, member.predictions
    if mine.classes != theirs.classes:
        classes = f"({', '.join(theirs.classes)} and {', '.join(mine.classes)})"
        return f"has other classes than {first} {classes}; train both with the same data.labels"
    protocols: list[Any] = [run.scores["protocol"] for run in (member, first)]
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
