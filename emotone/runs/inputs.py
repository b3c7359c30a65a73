"""The inputs of an experiment besides its clips: features, speaker histories, and what identifies them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emotone.data.progress import Progress
from emotone.data.utterance import Table
from emotone.features.extraction import cache as blocks
from emotone.features.extraction import extract as extraction
from emotone.features.extraction import image_folder
from emotone.features.extraction.feature_set import FeatureSet
from emotone.runs.dataset import Dataset
from emotone.runs.recipe import Recipe
from emotone.runs.speakers.history import SpeakerHistory, speech_seconds


def identity(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """What decides the result besides the recipe: the clips, the version of the feature, and pretrained weights.

    Raises:
        EmotoneError: a checkpoint that is not on this machine.
    """
    inputs: dict[str, Any] = {"clips": dataset.fingerprint, "corpora": dataset.table.corpora()}
    feature = recipe.make_feature()
    if feature.version > 1:  # the first version is not stated
        inputs["feature_version"] = feature.version
    if identities := [part.identity for part in (feature, recipe.make_model()) if part.identity]:
        inputs["checkpoints"] = identities
    return inputs


def features(recipe: Recipe, table: Table, *, progress: Progress) -> FeatureSet:
    """The features of the clips, computed from audio or read from the folder of pictures that the recipe names."""
    feature = recipe.make_feature()
    if recipe.data.pictures is not None:
        return image_folder.pictures(table, Path(recipe.data.pictures), feature, recipe.audio)
    return extraction.extract(table, feature, recipe.audio, cache=blocks.folder(), progress=progress)


def history(recipe: Recipe, table: Table, *, progress: Progress) -> SpeakerHistory | None:
    """The speaker history that each clip is centred on; None if the recipe does not ask for centring."""
    requested_s = recipe.data.speaker_seconds
    if requested_s is None:
        return None
    seconds = speech_seconds(table, cache=blocks.folder(), progress=progress)
    return SpeakerHistory(table, seconds, requested_s, seed=recipe.seed)
