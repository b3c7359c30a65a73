"""Draw the spectrogram pictures of a recipe to a folder, from which training can read them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emotone.data import corpora
from emotone.data.progress import Progress, no_progress
from emotone.data.utterance import Table
from emotone.errors import AudioError, RecipeError
from emotone.features.extraction import extract as extraction
from emotone.features.extraction import image_folder as picture_folder
from emotone.features.extraction.feature_set import Failure
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data
from emotone.runs.recipe import Recipe

_IN_MEMORY = 8 * extraction.BLOCK
"""Pictures held in memory before they are written: about 200 MB of them."""


@dataclass(frozen=True)
class Drawn:
    """The content of a folder of pictures.

    Attributes:
        folder: where.
        drawn: number of pictures made now.
        kept: number of pictures that were in it before.
        failures: clips that could not be read.
        missing: corpora of the recipe that were not found, each with what to do.
    """

    folder: Path
    drawn: int
    kept: int
    failures: tuple[Failure, ...]
    missing: dict[str, str]


def pictures(
    recipe: Recipe | str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    changes: Iterable[str] = (),
    workers: int | None = None,
    progress: Progress = no_progress,
) -> Drawn:
    """Draw a picture of every clip of a recipe, `DATASET_Emotion_id.png`; existing ones are kept.

    With `data.pictures: FOLDER` in the recipe (or `--set`) training reads them, a batch at a time. The copies of
    oversampling are not drawn: they depend on the fold, so training computes them from audio.

    Args:
        recipe: a recipe whose feature is an image, or the path of one.
        out: the folder; missing pictures are added to an existing one.
        data: folder with one folder per corpus; None is `$EMOTONE_DATA`, or the current folder.
        changes: `key=value` overrides.
        workers: processes; None: one per core.
        progress: called while pictures are made.

    Raises:
        RecipeError: the feature is not an image, or the folder holds pictures made with other settings.
        CorpusError: none of the corpora is here.
        AudioError: not a single clip can be read.
        MissingExtra: without Pillow.
    """
    recipe = recipe if isinstance(recipe, Recipe) else recipes.load(recipe, changes)
    feature, folder = recipe.make_feature(), Path(out)
    if feature.kind != "image":
        raise RecipeError(f"{recipe.feature.name} gives a {feature.kind}; pictures need the feature spectrogram_image")
    dataset = read_data(recipe.data, corpora.data_folder(data))
    picture_folder.prepare(folder, feature, recipe.audio)
    existing = {path.name for path in folder.iterdir()}
    todo = Table(clip for clip in dataset.table if picture_folder.file_name(clip) not in existing)
    failures: list[Failure] = []
    for first in range(0, len(todo), _IN_MEMORY):
        part = todo[first : first + _IN_MEMORY]
        try:
            made = extraction.extract(part, feature, recipe.audio, cache=None, workers=workers, progress=progress)
        except AudioError as problem:  # none of this part
            failures += [Failure(clip.key, clip.file, str(problem)) for clip in part]
            continue
        failures += made.failures
        for clip, image in zip(made.table, made, strict=True):
            picture_folder.save(folder / picture_folder.file_name(clip), image)
    if failures and len(failures) == len(dataset.table):
        raise AudioError(f"none of {len(failures)} clips can be read; the first: {failures[0].reason}")
    kept = len(dataset.table) - len(todo)
    return Drawn(folder, len(todo) - len(failures), kept, tuple(failures), dataset.missing)
