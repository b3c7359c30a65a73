"""The clips that a fold's model learns from: balanced, with their augmented copies, none from the other sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold
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


def examples(
    fold: Fold,
    recipe: Recipe,
    dataset: Dataset,
    features: FeatureSet,
    offsets: Values | None = None,
    *,
    progress: Progress = no_progress,
) -> Examples:
    """What a model of the fold learns from.

    Args:
        dataset: the clips of the features.
        offsets: (clips, dims) what to take from each clip and from its copies; None: nothing.
    """
    labels, known = dataset.labels, levels(dataset.table, recipe.training.auxiliary)
    picks = balance.picks(labels, fold.train, recipe.data.balance, recipe.seed)
    picks = balance.with_copies(picks, recipe.augment.copies)
    scaled_by = np.arange(len(dataset.table)) if recipe.data.leak == "scaling" else None
    copied = picks.copies > 0
    if not copied.any():
        corpora, speakers = whose(dataset.table)
        clips = Examples(
            features, labels, picks.rows, known, dataset.targets, scaled_by, corpora=corpora, speakers=speakers
        )
        return _views(clips, features, recipe, offsets)
    made_rows, made_copies, places = picks.rows[copied], picks.copies[copied], np.arange(int(copied.sum()))
    if recipe.data.balance == "none":  # those of every clip, on whatever side, so that all folds find them made
        count, clips_there = recipe.augment.copies, len(dataset.table)
        places = (made_copies - 1) * clips_there + made_rows
        made_rows, made_copies = np.tile(np.arange(clips_there), count), np.repeat(np.arange(count) + 1, clips_there)
    copies = extraction.extract_copies(
        dataset.table,
        extraction.Copies(
            made_rows, made_copies, recipe.make_augmentations("waveform"), recipe.seed, recipe.augment.each_copy
        ),
        recipe.make_feature(),
        recipe.audio,
        cache=blocks.folder(),
        progress=progress,
    )
    source = np.concatenate([np.arange(len(features)), made_rows])  # a copy is what its clip is
    rows = np.concatenate([picks.rows[~copied], len(features) + places])
    known = None if known is None else known[source]
    wanted = None if dataset.targets is None else dataset.targets[source]
    corpora, speakers = (numbers[source] for numbers in whose(dataset.table))
    values = Joined(features, copies)
    clips = Examples(values, labels[source], rows, known, wanted, scaled_by, corpora=corpora, speakers=speakers)
    return _views(clips, values, recipe, None if offsets is None else offsets[source])


def _views(clips: Examples, values: FeatureSet, recipe: Recipe, offsets: Values | None) -> Examples:
    """The clips as of speakers who were heard before, where they are to be."""
    if offsets is None:
        return clips
    return replace(clips, values=Centred(values, offsets, beside=recipe.data.speaker_views == "with_original"))


def whose(table: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(clips,) number of the corpus, and (clips,) number of the speaker."""
    corpora, speakers = (np.unique(table.column(name), return_inverse=True)[1] for name in ("corpus", "speaker"))
    return corpora, speakers
