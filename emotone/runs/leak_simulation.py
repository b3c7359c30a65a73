"""Mistakes planted on purpose, to measure what each of them adds to a score."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np

from emotone import augment
from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold
from emotone.features.extraction import cache as blocks
from emotone.features.extraction import extract as extraction
from emotone.features.extraction.feature_set import FeatureSet, Joined
from emotone.runs.dataset import Dataset
from emotone.runs.recipe import Leak, Recipe
from emotone.training import balance
from emotone.training.settings import TrainingSettings

LEAKS: dict[Leak, str] = {
    "scaling": "features scaled by all clips, the tested ones too",
    "selection": "the epoch with the best score of the tested clips is kept",
    "oversampling": "rare classes copied up before the split: the same clip on both sides",
    "copies": "augmented copies made before the split: copies of tested clips in training",
    "training": "the tested clips are learned from",
}
STEPS: tuple[tuple[str, Leak | None], ...] = (
    ("speakers", None),
    ("speakers", "scaling"),
    ("speakers", "selection"),
    ("random", None),
    ("random", "selection"),
    ("random", "oversampling"),
    ("random", "copies"),
    ("speakers", "training"),
)
"""(protocol, leak) from the honest number to the fantasy."""
COPIES = 3
"""Augmented copies of each clip under `copies`; published pipelines make two to four."""

_USUAL = ("time_stretch", "pitch_shift", "gaussian_noise")  # where a recipe names no changes of the sound
assert set(get_args(Leak)) == set(LEAKS)


def in_fold(fold: Fold, leak: Leak | None) -> Fold:
    """The fold with the mistakes that are made after splitting."""
    if leak == "selection":
        return replace(fold, development=fold.test)
    if leak == "training":
        return replace(fold, train=np.union1d(fold.train, fold.test))
    return fold


def training_of(recipe: Recipe) -> TrainingSettings:
    """The recipe's training; under `selection` the best UAR of all epochs is waited for, as is done there."""
    if recipe.data.leak != "selection":
        return recipe.training
    return recipe.training.model_copy(update={"monitor": "uar", "patience": 0})


def before_splitting(
    dataset: Dataset, features: FeatureSet, recipe: Recipe, *, progress: Progress = no_progress
) -> tuple[Dataset, FeatureSet]:
    """The clips and their features with the copies that should have been made after splitting, on the training side."""
    rows = np.arange(len(dataset.table))
    augmentations = recipe.make_augmentations("waveform") or [augment.make(name) for name in _USUAL]
    if recipe.data.leak == "oversampling":
        picks = balance.picks(dataset.labels, rows, "oversample", recipe.seed)
        copied, copies, augmentations = picks.rows[picks.copies > 0], picks.copies[picks.copies > 0], []
    elif recipe.data.leak == "copies":
        copied, copies = np.repeat(rows, COPIES), np.tile(np.arange(1, COPIES + 1), len(rows))
    else:
        return dataset, features
    if not copied.size:
        return dataset, features
    made = extraction.extract_copies(
        dataset.table,
        extraction.Copies(copied, copies, augmentations, recipe.seed, each_copy="one"),
        recipe.make_feature(),
        recipe.audio,
        cache=blocks.folder(),
        progress=progress,
    )
    joined, source = Joined(features, made), np.concatenate([rows, copied])  # a copy is what its clip is
    votes = replace(dataset.votes.take(source), key=joined.table.column("key")) if dataset.votes else None
    return replace(dataset, table=joined.table, labels=dataset.labels[source], votes=votes), joined
