"""What an experiment is fed with: features of its clips, what is heard of a speaker first; and how to know it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emotone.data.progress import Progress
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


def features(recipe: Recipe, table: Table, *, progress: Progress) -> FeatureSet:
    """The features of the clips, from sound or, where the recipe names them, from pictures drawn before."""
    feature = recipe.make_feature()
    if recipe.data.pictures is not None:
        return picture_folder.pictures(table, Path(recipe.data.pictures), feature, recipe.audio)
    return extraction.extract(table, feature, recipe.audio, cache=blocks.folder(), progress=progress)


def history(recipe: Recipe, table: Table, *, progress: Progress) -> SpeakerHistory | None:
    """The other clips of its speaker that each clip is centred on; None where the recipe asks for none."""
    asked_s = recipe.data.speaker_seconds
    if asked_s is None:
        return None
    seconds = speech_seconds(table, cache=blocks.folder(), progress=progress)
    return SpeakerHistory(table, seconds, asked_s, seed=recipe.seed)
