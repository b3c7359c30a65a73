"""Reading a damaged file of a run is an error of one line, with the file and how to make it again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emotone.analysis.audit.audit import audit
from emotone.analysis.explain.explain import explain
from emotone.analysis.stress.stress import stress
from emotone.errors import EmotoneError
from emotone.experiments.compare import compare
from emotone.experiments.ensemble import ensemble
from emotone.experiments.export import export
from emotone.experiments.train import train
from emotone.inference.predictor import load_model
from emotone.runs import recipe as recipes
from emotone.runs.run import Run
from tests.helpers.cli import a_clip
from tests.helpers.members import MEMBERS

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "another type": lambda content: b"[1, 2, 3]\n",
    "binary": lambda content: bytes(range(256)) * 8,
}


@pytest.fixture(scope="module")
def made(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a linear model and of a network, and their ensemble."""
    folder = tmp_path_factory.mktemp("made")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    for name, settings in MEMBERS.items():
        content = {"title": f"the {name}", "data": {"corpora": [str(syllables)], "folds": 3}, **settings}
        train(recipes.parse(content), out=folder / name, keep_folds=True)
    ensemble([folder / "ridge", folder / "network"], out=folder / "both")
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    for name in (*MEMBERS, "both"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def compared(folder: Path) -> object:
    return compare([folder / "ridge", folder / "network"])


def pooled(folder: Path) -> object:
    return ensemble([folder / "ridge", folder / "network"], out=folder / "again", weights="development")


def joined(folder: Path) -> object:
    return ensemble([folder / "ridge", folder / "network"], out=folder / "again", level="features")


def audited(folder: Path) -> object:
    return audit(folder / "ridge", read_audio=False)


def stressed(folder: Path) -> object:
    return stress(folder / "ridge", data=folder, corpora=[os.environ["SYLLABLES"]], clips=3)


def explained(folder: Path) -> object:
    return explain(folder / "ridge", os.environ["CLIP"])


def exported(folder: Path) -> object:
    return export(folder / "ridge", folder / "ridge.onnx")


def predicted(folder: Path) -> object:
    return load_model(folder / "ridge").predict(os.environ["CLIP"])


def exported_ensemble(folder: Path) -> object:
    return export(folder / "both", folder / "both.onnx")


def predicted_by_ensemble(folder: Path) -> object:
    return load_model(folder / "both").predict(os.environ["CLIP"])


def audited_ensemble(folder: Path) -> object:
    return audit(folder / "both", read_audio=False)


def continued(folder: Path) -> object:
    """Train again where the run is, as if it had been stopped before its last step."""
    (folder / "ridge" / "scores.json").unlink(missing_ok=True)
    content = {"title": "the ridge", "data": {"corpora": [os.environ["SYLLABLES"]], "folds": 3}, **MEMBERS["ridge"]}
    return train(recipes.parse(content), out=folder / "ridge")


READERS: dict[str, list[Callable[[Path], object]]] = {
    "ridge/scores.json": [compared, pooled, joined, audited, stressed, exported],
    "ridge/predictions.csv": [compared, pooled, joined, audited, exported],
    "ridge/utterances.csv": [joined, audited, stressed],
    "ridge/recipe.yaml": [joined, audited, stressed, explained, continued],
    "ridge/started.json": [continued],
    "ridge/folds/1/development.csv": [pooled],
    "ridge/folds/1/predictions.csv": [stressed, continued],
    "ridge/folds/1/fitted.json": [continued],
    "ridge/folds/1/model.onnx": [stressed],
    "network/folds/1/embeddings.npy": [joined],
    "ridge/model/model.onnx": [stressed, explained, exported, predicted],
    "ridge/model/weights.safetensors": [explained],
    "both/ensemble.yaml": [audited_ensemble],
    "both/model/ensemble.json": [exported_ensemble, predicted_by_ensemble],
    "both/model/members/2.onnx": [predicted_by_ensemble],
}


@contextmanager
def one_line(file: Path) -> Iterator[None]:
    """An error of one line, with the file and how to make it again."""
    with pytest.raises(EmotoneError) as caught:
        yield
    text = str(caught.value)
    assert "\n" not in text
    assert str(file) in text
    assert "again" in text
    assert len(text) < 800


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named_with_how_to_make_it_again(
    name: str, damage: str, copy: Path, syllables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYLLABLES", str(syllables))
    monkeypatch.setenv("CLIP", str(a_clip(syllables)))
    file = copy / name
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    for reader in READERS[name]:
        with one_line(file):
            reader(copy)


@pytest.mark.parametrize("name", ["scores.json", "predictions.csv", "folds/1/predictions.csv"])
def test_the_command_in_the_error_makes_the_file_again(name: str, copy: Path, syllables: Path) -> None:
    before = Run.open(copy / "ridge").scores
    (copy / "ridge" / name).write_bytes(b"")
    with pytest.raises(EmotoneError) as caught:
        Run(copy / "ridge").fold_predictions("1") if "/" in name else compare([copy / "ridge", copy / "network"])
    remedy = str(caught.value).partition("make it again: delete ")[2]
    files, _, command = remedy.partition(", then ")
    for file in files.split(" and "):
        Path(file).unlink()
    assert command == f"emotone train {copy / 'ridge'}/recipe.yaml --out {copy / 'ridge'}"
    after = train(copy / "ridge" / "recipe.yaml", out=copy / "ridge").scores
    assert after["scores"] == before["scores"]


@pytest.mark.parametrize(
    "change", [{"classes": []}, {"scores": {}}, {"clips": "many"}, {"per_corpus": []}, {"failures": [1]}]
)
def test_scores_of_another_version_are_named(change: dict[str, object], copy: Path) -> None:
    file = copy / "ridge" / "scores.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with one_line(file):
        compared(copy)


def test_a_run_with_fewer_predictions_than_it_scored_is_not_compared(copy: Path) -> None:
    file = copy / "ridge" / "predictions.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:-5]), encoding="utf-8")
    with one_line(file):
        compared(copy)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named(damage: str, syllables: Path, tmp_path: Path) -> None:
    data = {"corpora": [str(syllables)], "folds": 3, "run_folds": 1}
    recipe = recipes.parse({"title": "a network", "data": data, **MEMBERS["network"]})

    class Stopped(Exception):
        """Ends a training, as a power cut does."""

    def stop(step: object) -> None:
        if getattr(step, "epoch", None) is not None and step.epoch.epoch == 2:  # type: ignore[attr-defined]
            raise Stopped

    with pytest.raises(Stopped):
        train(recipe, out=tmp_path / "run", on_step=stop)
    file = tmp_path / "run" / "folds" / "1" / "checkpoint.pt"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    with one_line(file):
        train(recipe, out=tmp_path / "run")
    file.unlink()
    assert train(recipe, out=tmp_path / "run").finished
