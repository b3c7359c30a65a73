"""What an experiment is fed with: features of its clips, what is heard of a speaker first; and how to know it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.data.utterance import Table
from emotone.features.extraction import cache as blocks
from emotone.features.extraction import extract as extraction
from emotone.features.extraction import image_folder as picture_folder
from emotone.features.extraction.feature_set import FeatureSet
from emotone.runs.dataset import Dataset
from emotone.runs.recipe import Recipe
from emotone.runs.speakers.history import SpeakerHistory, speech_seconds


def identity(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """What beside the recipe decides the result: the clips, the version of the feature, and the weights of checkpoints.

    Raises:
        EmotoneError: a checkpoint that is not here.
    """
    inputs: dict[str, Any] = {"clips": dataset.fingerprint, "corpora": dataset.table.corpora()}
    feature = recipe.make_feature()
    if feature.version > 1:  # where no version is told, it was the first
        inputs["feature_version"] = feature.version
    if identities := [part.identity for part in (feature, recipe.make_model()) if part.identity]:
        inputs["checkpoints"] = identities
    return inputs


def features(recipe: Recipe, table: Table, *, progress: bool) -> FeatureSet:
    """The features of the clips, from sound or, where the recipe names them, from pictures drawn before."""
    feature = recipe.make_feature()
    if recipe.data.pictures is not None:
        return picture_folder.pictures(table, Path(recipe.data.pictures), feature, recipe.audio)
    return extraction.extract(table, feature, recipe.audio, cache=blocks.folder(), progress=progress)


def history(recipe: Recipe, table: Table, labels: NDArray[np.int64], *, progress: bool) -> SpeakerHistory | None:
    """What is heard of each speaker first; labels are seen only where a skewed history is to be measured."""
    asked_s = recipe.data.speaker_seconds
    if asked_s is None:
        return None
    seconds = speech_seconds(table, cache=blocks.folder(), progress=progress)
    one_of = labels if recipe.data.speaker_history == "one_emotion" else None
    return SpeakerHistory(table, seconds, asked_s, seed=recipe.seed, one_of=one_of)
