"""Every recipe file: it names its source, and trains, saves and loads a model on synthetic speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file

from emotone.data import corpora
from emotone.data.utterance import Table
from emotone.features.extraction import extract as extraction
from emotone.models import LinearModel, Network
from emotone.models.linear.affine import Affine
from emotone.runs import recipe as recipes
from emotone.runs.recipe import Recipe
from emotone.training import onnx_export as export
from emotone.training.examples import Examples
from emotone.training.fit import FittedLinear, FittedNetwork, fit
from tests.conftest import REPOSITORY

RECIPES = sorted((REPOSITORY / "recipes").glob("*/*.yaml"))
REPORTS = ("nancy", "sononet", "ba865", "utbm", "related")
FAMILIES = ("hubert", "wavlm", "whisper", "data2vec")


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def sized_down(path: Path) -> Recipe:
    """The recipe with small pictures, and random weights where it wants pretrained ones; a few steps of training."""
    recipe = recipes.load(path)
    batch = recipe.training.speaker_groups or 5
    changes = ["training.epochs=1", f"training.batch={batch}", "training.accumulate=1", "training.precision=fp32"]
    changes += ["training.batch_frames=null", "data.balance=none"]
    for part in ("feature", "model"):
        item = getattr(recipe, part)
        if "checkpoint" in item.settings:
            family = next((known for known in FAMILIES if known in item.settings["checkpoint"]), "wav2vec2")
            changes.append(f"{part}.checkpoint=random:{family}")
            if isinstance(item.settings.get("layer"), int):
                changes.append(f"{part}.layer=1")
            elif isinstance(item.settings.get("layer"), list):
                changes.append(f"{part}.layer=[1,2]")
    if recipe.feature.name == "spectrogram_image":
        changes += ["feature.size=32", "feature.mels=32"]
    if recipe.model.name == "image_backbone":
        changes.append("model.weights=random")
    return recipes.load(path, changes)


@pytest.fixture(scope="module")
def clips(syllables: Path) -> Table:
    """Nine clips, three of each of three emotions."""
    corpus, root = corpora.locate(str(syllables), syllables.parent)
    table = corpus.read(root)
    emotions = table.column("emotion")
    return table.take([row for emotion in np.unique(emotions) for row in np.flatnonzero(emotions == emotion)[:3]])


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_a_recipe_names_its_source_and_what_was_claimed(path: Path) -> None:
    source = recipes.load(path).source
    assert source is not None, "name in `source` where the system comes from"
    assert source.report
    assert source.note, "state in `source.note` what the source leaves open, and what was chosen"
    if path.parent.name in REPORTS:
        assert source.id
        assert source.claimed
        assert source.claimed_on
        assert all(0 < value < 1 for value in source.claimed.values())


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_a_recipe_learns_in_two_steps_and_predicts_the_same_when_read_back(
    path: Path, clips: Table, tmp_path: Path
) -> None:
    recipe = sized_down(path)
    model = recipe.make_model()
    features = extraction.extract(clips, recipe.make_feature(), recipe.audio, cache=tmp_path)
    assert not features.failures
    rows, labels = np.arange(len(clips)), np.unique(clips.column("emotion"), return_inverse=True)[1]
    whole = Examples(features, labels, rows, speakers=rows % 3)
    made = fit(model, whole, whole, 3, recipe.training, seed=0, augmentations=recipe.batch_augmentations())
    before = made.log_probabilities(features, rows)
    assert np.allclose(np.exp(before).sum(axis=1), 1)
    export.save_weights(made, tmp_path / "weights.safetensors")
    if isinstance(model, LinearModel):
        assert isinstance(made, FittedLinear)
        again: FittedLinear | FittedNetwork = FittedLinear(
            Affine.of_arrays(load_arrays(tmp_path / "weights.safetensors")), made.development
        )
    else:
        from emotone.models.layers.standardised import Standardised

        assert isinstance(model, Network)
        assert isinstance(made, FittedNetwork)
        assert len(made.curve) == 1
        unscaled = np.zeros_like(made.module.mean), np.ones_like(made.module.scale)
        fresh = Standardised(model.build(features.shape, 3), *unscaled).eval()
        fresh.load_state_dict(load_file(tmp_path / "weights.safetensors"))
        again = replace(made, module=fresh)
    assert_array_equal(again.log_probabilities(features, rows), before)
