"""Training and development examples of a fold: balanced, with augmented copies, centred on speakers where asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold, Rows
from emotone.data.utterance import Table
from emotone.features import Values
from emotone.features.extraction import cache as blocks
from emotone.features.extraction import extract as extraction
from emotone.features.extraction.feature_set import FeatureSet, Joined
from emotone.runs.dataset import Dataset, levels
from emotone.runs.recipe import Recipe
from emotone.runs.speakers.feature_centring import Centred
from emotone.training import balance
from emotone.training.examples import Examples


def training_examples(
    fold: Fold,
    recipe: Recipe,
    dataset: Dataset,
    features: FeatureSet,
    offsets: Values | None = None,
    *,
    progress: Progress = no_progress,
) -> Examples:
    """What a model of the fold is trained on: its training clips and their copies, none of other clips.

    Args:
        features: of the clips of `dataset`.
        offsets: (clips, dims) to subtract from each clip and from its copies; None subtracts nothing.
    """
    picks = balance.resample(dataset.labels, fold.train, recipe.data.balance, recipe.seed)
    picks = balance.with_copies(picks, recipe.augment.copies)
    rows, copied = picks.rows, picks.copies > 0
    scaled_by = np.arange(len(dataset.table)) if recipe.data.leak == "scaling" else None
    if copied.any():
        source, numbers, places = _copies_to_make(picks.rows[copied], picks.copies[copied], recipe, len(dataset.table))
        copies = extraction.extract_copies(
            dataset.table,
            extraction.Copies(
                source, numbers, recipe.make_augmentations("waveform"), recipe.seed, recipe.augment.each_copy
            ),
            recipe.make_feature(),
            recipe.audio,
            cache=blocks.folder(),
            progress=progress,
        )
        rows = np.concatenate([picks.rows[~copied], len(features) + places])
        source = np.concatenate([np.arange(len(features)), source])
        features = Joined(features, copies)
        dataset = dataset.copied(features.table, source)
        offsets = None if offsets is None else offsets[source]
    values = model_input(features, offsets)
    auxiliary = levels(dataset.table, recipe.training.auxiliary)
    return _examples(dataset, values, rows, levels=auxiliary, scaled_by=scaled_by)


def development_examples(fold: Fold, dataset: Dataset, values: FeatureSet, *, only_watched: bool) -> Examples:
    """The development clips of a fold; `only_watched`: they choose the epoch and are never trained on."""
    return _examples(dataset, values, fold.development, only_watched=only_watched)


def model_input(features: FeatureSet, offsets: Values | None) -> FeatureSet:
    """Features minus their offsets, as in `Centred`; unchanged without offsets."""
    return features if offsets is None else Centred(features, offsets)


def numbered(table: Table, column: str) -> NDArray[np.int64]:
    """(clips,) numbers of the values of a column, in alphabetical order."""
    numbers: NDArray[np.int64] = np.unique(table.column(column), return_inverse=True)[1]
    return numbers


def _examples(dataset: Dataset, values: FeatureSet, rows: Rows, **more: Any) -> Examples:
    table = dataset.table
    return Examples(
        values,
        dataset.labels,
        rows,
        targets=dataset.targets,
        corpora=numbered(table, "corpus"),
        speakers=numbered(table, "speaker"),
        recordings=np.unique([f"{row.file}\t{row.start_s}" for row in table], return_inverse=True)[1],
        **more,
    )


def _copies_to_make(rows: Rows, numbers: Rows, recipe: Recipe, clips: int) -> tuple[Rows, Rows, Rows]:
    """(copies,) rows and numbers of the copies to compute, and the positions of the wanted ones among them.

    Without balancing, the copies of all clips are computed, so that every fold finds the same ones in the cache.
    """
    if recipe.data.balance != "none":
        return rows, numbers, np.arange(len(rows))
    count = recipe.augment.copies
    return np.tile(np.arange(clips), count), np.repeat(np.arange(count) + 1, clips), (numbers - 1) * clips + rows
