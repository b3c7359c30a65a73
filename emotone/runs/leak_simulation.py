"""Simulated leaks: known mistakes in evaluation, made on purpose to measure what each adds to a score."""

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
    "scaling": "features standardised with all clips, the test clips included",
    "selection": "the epoch with the best score on the test clips is kept",
    "oversampling": "rare classes oversampled before the split: the same clip in train and test",
    "copies": "augmented copies made before the split: copies of test clips in train",
    "training": "the test clips are in train",
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
"""(protocol, leak) from the smallest leak to the largest; the first has none."""
COPIES = 3
"""Augmented copies of each clip under `copies`; published pipelines make two to four."""

_DEFAULT = ("time_stretch", "pitch_shift", "gaussian_noise")  # for recipes without augmentation of waveforms
assert set(get_args(Leak)) == set(LEAKS)


def in_fold(fold: Fold, leak: Leak | None) -> Fold:
    """The fold with the leaks that are made after splitting."""
    if leak == "selection":
        return replace(fold, development=fold.test)
    if leak == "training":
        return replace(fold, train=np.union1d(fold.train, fold.test))
    return fold


def training_settings(settings: TrainingSettings, leak: Leak | None) -> TrainingSettings:
    """The settings of training; under `selection` all epochs are run and the one with the best UAR is kept."""
    return settings.model_copy(update={"monitor": "uar", "patience": 0}) if leak == "selection" else settings


def before_splitting(
    dataset: Dataset, features: FeatureSet, recipe: Recipe, *, progress: Progress = no_progress
) -> tuple[Dataset, FeatureSet]:
    """Clips and features, with the copies that a correct experiment makes after splitting, of training clips alone."""
    rows = np.arange(len(dataset.table))
    augmentations = recipe.make_augmentations("waveform") or [augment.make(name) for name in _DEFAULT]
    if recipe.data.leak == "oversampling":
        picks = balance.resample(dataset.labels, rows, "oversample", recipe.seed)
        copied, numbers, augmentations = picks.rows[picks.copies > 0], picks.copies[picks.copies > 0], []
    elif recipe.data.leak == "copies":
        copied, numbers = np.repeat(rows, COPIES), np.tile(np.arange(1, COPIES + 1), len(rows))
    else:
        return dataset, features
    if not copied.size:
        return dataset, features
    copies = extraction.extract_copies(
        dataset.table,
        extraction.Copies(copied, numbers, augmentations, recipe.seed, each_copy="one"),
        recipe.make_feature(),
        recipe.audio,
        cache=blocks.folder(),
        progress=progress,
    )
    joined = Joined(features, copies)
    return dataset.copied(joined.table, np.concatenate([rows, copied])), joined
