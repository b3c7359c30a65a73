"""Clips, features and folds of an experiment, ready to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emotone.data import splits
from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold
from emotone.features import Values
from emotone.features.extraction.feature_set import FeatureSet
from emotone.models import Model
from emotone.runs import fold_examples, inputs, leak_simulation
from emotone.runs.dataset import Dataset
from emotone.runs.recipe import Recipe
from emotone.runs.speakers import history
from emotone.runs.speakers.feature_centring import FeatureCentring
from emotone.training.examples import Examples

FINAL = "all"
"""Name of the fold of all clips, whose model the run keeps."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What every fit of an experiment uses.

    Attributes:
        recipe: of the experiment.
        model: of the recipe, not fitted.
        dataset: the clips that could be read.
        features: of these clips, and the clips that could not be read as its `failures`.
        folds: those to fit.
        folds_made: how many folds the protocol has.
        centring: centres the features on each speaker; None leaves them unchanged.
        caveats: reasons why the scores are not a plain result.
        speaker_facts: the speaker history in numbers; None without centring.
    """

    recipe: Recipe
    model: Model
    dataset: Dataset
    features: FeatureSet
    folds: list[Fold]
    folds_made: int
    centring: FeatureCentring | None
    caveats: list[str]
    speaker_facts: dict[str, Any] | None

    @property
    def title(self) -> str:
        """The title of the recipe, with a mark if pretrained weights are missing."""
        untrained = any(caveat.startswith("untrained") for caveat in self.caveats)
        return self.recipe.title + (" [untrained, not a result]" if untrained else "")

    @property
    def all_clips(self) -> Fold:
        """The fold of the final model: all clips on the training side."""
        fold = splits.everything(self.dataset.table, self.dataset.labels, name=FINAL, seed=self.recipe.seed)
        return _developed(fold, self.recipe)

    def model_input(self, fold: Fold) -> FeatureSet:
        """The features of all clips as the model of this fold gets them."""
        return fold_examples.model_input(self.features, self._offsets(fold))

    def training_examples(self, fold: Fold, *, progress: Progress = no_progress) -> Examples:
        """As `fold_examples.training_examples`."""
        offsets = self._offsets(fold)
        return fold_examples.training_examples(
            fold, self.recipe, self.dataset, self.features, offsets, progress=progress
        )

    def development_examples(self, fold: Fold) -> Examples:
        """As `fold_examples.development_examples`."""
        only_watched = self.recipe.data.leak == "selection"
        return fold_examples.development_examples(fold, self.dataset, self.model_input(fold), only_watched=only_watched)

    def _offsets(self, fold: Fold) -> Values | None:
        return None if self.centring is None else self.centring.offsets(fold)


def prepare(recipe: Recipe, dataset: Dataset, *, progress: Progress = no_progress) -> Prepared:
    """Extract the features, leave out the clips that cannot be read, and make the folds.

    Raises:
        EmotoneError: no clip can be read, or the folds cannot be made.
    """
    model, leak = recipe.make_model(), recipe.data.leak
    caveats = [*recipe.make_feature().caveats, *model.caveats]
    if leak is not None:
        caveats.append(f"simulated leak, not a result: {leak_simulation.LEAKS[leak]}")
    features = inputs.features(recipe, dataset.table, progress=progress)
    readable = set(features.table.column("key").tolist())
    kept = dataset.take(np.array([row.key in readable for row in dataset.table]))
    kept, features = leak_simulation.before_splitting(kept, features, recipe, progress=progress)
    folds = kept.folds(recipe.data, recipe.seed)
    used = [_developed(leak_simulation.in_fold(fold, leak), recipe) for fold in folds[: recipe.data.run_folds]]
    speakers = inputs.history(recipe, features.table, progress=progress)
    speaker_facts = None if speakers is None else speakers.facts(used)
    if speaker_facts is not None and (line := history.caveat(speaker_facts)):
        caveats.append(line)
    centring = None if speakers is None else FeatureCentring(features, speakers)
    return Prepared(recipe, model, kept, features, used, len(folds), centring, caveats, speaker_facts)


def _developed(fold: Fold, recipe: Recipe) -> Fold:
    """The fold with development clips or, with `data.development: none`, without."""
    return fold.without_development() if recipe.data.development == "none" else fold
