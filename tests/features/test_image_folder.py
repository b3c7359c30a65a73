"""Pictures on disk: named after their clips, the same numbers as those made on the fly, and never mixed up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emotone.data.utterance import Utterance
from emotone.errors import CorpusError, ModelError, RecipeError
from emotone.experiments import draw_images as draw
from emotone.experiments import train as experiment
from emotone.features.extraction import extract as extraction
from emotone.features.extraction import image_folder as picture_folder
from emotone.models.cnn_blstm_attention import CnnBlstmAttention
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data
from emotone.runs.recipe import Recipe
from tests.helpers.cli import emotone

pytest.importorskip("PIL", reason="pictures on disk need Pillow")

SMALL: dict[str, Any] = {
    "title": "small pictures",
    "data": {"folds": 2, "balance": "oversample"},
    "audio": {"seconds": 1, "pad": "symmetric"},
    "feature": {"name": "spectrogram_image", "size": 16, "mels": 16, "n_fft": 512, "hop": 256},
    "augment": {"waveform": ["gaussian_noise"], "each_copy": "one", "image": ["time_shift", "gaussian_noise"]},
    "model": {"name": "cnn_blstm_attention", "channels": [4], "recurrent": "none", "attention": 0, "dense": 8},
    "training": {"epochs": 1, "batch": 16, "precision": "fp32"},
}


def small(clips: Path, *changes: str) -> Recipe:
    return recipes.parse({**SMALL, "data": {**SMALL["data"], "corpora": [str(clips)]}}, changes=changes)


@pytest.fixture(scope="module")
def folder(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of the synthetic corpus, drawn by the command."""
    place = tmp_path_factory.mktemp("drawn")
    file, out = place / "recipe.yaml", place / "pictures"
    file.write_text(yaml.safe_dump(small(syllables).model_dump(mode="json")), encoding="utf-8")
    result = json.loads(emotone("pictures", file, "--out", out, "--json").stdout)
    assert result == {"folder": str(out), "drawn": 72, "kept": 0, "missing": {}, "failures": []}
    return out


def test_a_picture_read_back_is_the_one_made_on_the_fly(folder: Path, syllables: Path) -> None:
    recipe = small(syllables)
    table = read_data(recipe.data, Path()).table
    made = extraction.extract(table, recipe.make_feature(), recipe.audio, cache=None, workers=1)
    drawn = picture_folder.pictures(table, folder, recipe.make_feature(), recipe.audio)
    assert drawn.table.column("key").tolist() == made.table.column("key").tolist()
    assert (drawn.shape, drawn.lengths.tolist()) == (made.shape, made.lengths.tolist())
    rows = np.array([71, 0, 5])
    np.testing.assert_array_equal(drawn.padded(rows)[0], made.padded(rows)[0])
    assert all(np.array_equal(one, other) for one, other in zip(drawn, made, strict=True))
    assert len({path.name for path in folder.glob("*.png")}) == 72
    assert not list(folder.glob("*.tmp"))


def test_training_from_pictures_ends_as_training_from_sound(
    folder: Path, syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CnnBlstmAttention, "caveats", property(lambda self: ["untrained"]))
    keep = "data.labels=[angry, sad]"
    runs = [
        experiment.train(small(syllables, keep, *more), out=tmp_path / name)
        for name, more in (("sound", []), ("pictures", [f"data.pictures={folder}"]))
    ]
    np.testing.assert_array_equal(*(run.predictions.log_probs for run in runs))
    assert runs[0].recipe.fingerprint() == runs[1].recipe.fingerprint(), "where pictures lie changes no result"
    for run in runs:
        assert run.scores["caveats"] == ["untrained"]
        assert "untrained" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_missing_weights_are_reported_before_any_long_work(
    syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "extract", None)
    recipe = small(syllables, f"model={{name: image_backbone, weights: {tmp_path / 'nowhere.pth'}}}")
    with pytest.raises(ModelError, match=r"no file .*nowhere\.pth; download https://.*vgg19.* and pass it"):
        experiment.train(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists(), "the next try, with the right path, may take the folder"


def test_drawing_again_draws_what_is_absent(folder: Path, syllables: Path) -> None:
    lost = next(folder.glob("*.png"))
    before = lost.read_bytes()
    lost.unlink()
    result = draw.pictures(small(syllables), out=folder, workers=1)
    assert (result.drawn, result.kept) == (1, 71)
    assert lost.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [("feature.size=32", "size 16, the recipe has 32"), ("audio.seconds=2", "seconds 1.0, the recipe has 2.0")],
)
def test_pictures_of_other_settings_are_refused(folder: Path, syllables: Path, change: str, words: str) -> None:
    recipe = small(syllables, change)
    table = read_data(recipe.data, Path()).table
    with pytest.raises(RecipeError, match=words):
        picture_folder.pictures(table, folder, recipe.make_feature(), recipe.audio)
    with pytest.raises(RecipeError, match=words):
        draw.pictures(recipe, out=folder)


def test_absent_and_damaged_pictures_are_named(folder: Path, syllables: Path, tmp_path: Path) -> None:
    recipe = small(syllables)
    table, feature = read_data(recipe.data, Path()).table, recipe.make_feature()
    with pytest.raises(CorpusError, match=r"no pictures\.json; `emotone pictures"):
        picture_folder.pictures(table, tmp_path, feature, recipe.audio)
    picture_folder.prepare(tmp_path, feature, recipe.audio)
    with pytest.raises(CorpusError, match="none of 72 clips has a picture"):
        picture_folder.pictures(table, tmp_path, feature, recipe.audio)
    for clip in table[:2]:
        name = picture_folder.file_name(clip)
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    found = picture_folder.pictures(table, tmp_path, feature, recipe.audio)
    assert (len(found), len(found.failures)) == (2, 70)
    assert found.failures[0].key == table[2].key
    damaged = tmp_path / picture_folder.file_name(table[1])
    for content in (b"no picture", damaged.read_bytes()[:60]):
        damaged.write_bytes(content)
        with pytest.raises(CorpusError, match="not readable as a picture") as caught:
            found[1]
        assert len(str(caught.value).splitlines()) == 1


def test_a_picture_is_named_after_its_clip_and_no_two_share_a_name() -> None:
    def name(corpus: str, id: str) -> str:
        return picture_folder.file_name(Utterance(corpus, id, Path("x.wav"), "angry", f"{corpus}/1"))

    assert name("ravdess", "03-01-05-01-01-01-01") == "RAVDESS_Angry_03-01-05-01-01-01-01.png"
    odd = ["a/b", "a_b", "a%2Fb", "a b", "../b", "ä"]
    names = {name("mine", id) for id in odd}
    assert len(names) == len(odd)
    assert not any("/" in one for one in names)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["augment.image=[]", "augment.spectrogram=[spec_augment]"], "use augment.image"),
        (["augment.image=[spec_augment]"], "SpecAugment does not work on an image"),
        (["feature=log_mel"], "use augment.spectrogram"),
        (["feature=log_mel", "augment.image=[]", "data.pictures=x"], "use the feature spectrogram_image"),
    ],
)
def test_what_does_not_fit_pictures_is_refused(changes: list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        small(Path("clips.csv"), *changes)
