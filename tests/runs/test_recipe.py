from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import EmotoneError, RecipeError
from emotone.runs import recipe as recipes
from tests.conftest import REPOSITORY

FILES = sorted((REPOSITORY / "recipes").rglob("*.yaml"))
PLAIN: dict[str, Any] = {"title": "x", "data": {"corpora": ["emodb"]}, "feature": "functionals", "model": "lda"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recipe_loads_and_survives_being_written(path: Path) -> None:
    recipe = recipes.load(path)
    again = recipes.parse(yaml.safe_load(recipe.to_yaml()))
    assert again == recipe
    assert again.fingerprint() == recipe.fingerprint()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recipe_is_speaker_independent_unless_it_says_otherwise(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert recipes.load(path).data.protocol == content.get("data", {}).get("protocol", "speakers")


def test_every_recipe_of_a_report_names_its_claim() -> None:
    for path in FILES:
        if path.parent.name not in ("classic", "beyond", "own", "default"):
            source = recipes.load(path).source
            assert source is not None, path
            assert source.claimed, path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("training.epoch=3", "did you mean 'training.epochs'"),
        ("trainning.epochs=3", "did you mean 'training'"),
        ("model.shrinkge=1", "did you mean"),
        ("training.epochs=0", "greater than 0"),
        ("feature.name=functionls", "did you mean 'functionals'"),
        ("data.protocol=speaker", "'speakers'"),
        ("model=stacked_lstm", "takes a sequence"),
        ("augment.spectrogram=[time_stretch]", "does not work on a spectrogram"),
        ("training.epochs", "expected key=value"),
        ("title.a=3", "which has no settings"),
        ("data.corpora=[]", "at least 1"),
        ("training.warmup=0.1", "warmup=0.1 needs scheduler linear"),
        ("feature=encoder", "checkpoint: Field required"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(change: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes.parse(PLAIN, changes=[change])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_recipe_is_an_error_of_one_line(tmp_path: Path) -> None:
    for text in ("- a\n- b\n", "{: [", "\x00", ""):
        path = tmp_path / "bad.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError, match=r"bad\.yaml"):
            recipes.load(path)
    with pytest.raises(RecipeError, match="no recipe"):
        recipes.load(tmp_path / "absent.yaml")


def test_title_and_source_do_not_change_what_a_run_is() -> None:
    first = recipes.parse(PLAIN)
    assert recipes.parse({**PLAIN, "title": "y"}).fingerprint() == first.fingerprint()
    assert recipes.parse(PLAIN, changes=["seed=1"]).fingerprint() != first.fingerprint()


def written(folder: Path, **files: dict[str, Any]) -> Path:
    """Recipe files; the path of the first."""
    for name, content in files.items():
        (folder / f"{name}.yaml").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / f"{next(iter(files))}.yaml"


def test_a_recipe_is_what_it_extends_with_its_own_settings_on_top(tmp_path: Path) -> None:
    below = {
        **PLAIN,
        "source": {"report": "r", "id": "1", "claimed": {"accuracy": 0.5, "macro_f1": 0.4}},
        "model": {"name": "lda", "shrinkage": 0.3},
        "training": {"epochs": 7, "batch": 4},
    }
    written(tmp_path, below=below)
    first = written(
        tmp_path / "deeper",
        middle={"extends": "../below.yaml", "training": {"epochs": 9}, "data": {"changes": {"calm": "drop"}}},
        top={"extends": "middle.yaml", "title": "y", "source": {"id": "2", "claimed": {"accuracy": 0.6}}},
    )
    assert recipes.load(first).source == recipes.load(tmp_path / "below.yaml").source
    read = recipes.load(tmp_path / "deeper" / "top.yaml", ["seed=3"])
    assert (read.title, read.seed, read.training.epochs, read.training.batch) == ("y", 3, 9, 4)
    assert read.data.changes == {"calm": "drop"}
    assert read.model.settings == {"shrinkage": 0.3}
    assert read.source is not None
    assert (read.source.report, read.source.id, read.source.claimed) == ("r", "2", {"accuracy": 0.6})
    assert "extends" not in read.to_yaml()
    assert recipes.parse(yaml.safe_load(read.to_yaml())) == read


@pytest.mark.parametrize(
    ("below", "above", "settings"),
    [
        ({"name": "lda", "shrinkage": 0.3}, {"shrinkage": 0.4}, {"shrinkage": 0.4}),
        ("lda", {"shrinkage": 0.4}, {"shrinkage": 0.4}),
        ({"name": "lda", "shrinkage": 0.3}, {"name": "ridge", "penalty": 5}, {"penalty": 5}),
        ({"name": "lda", "shrinkage": 0.3}, "ridge", {}),
    ],
)
def test_another_model_does_not_inherit_settings(tmp_path: Path, below: Any, above: Any, settings: Any) -> None:
    path = written(tmp_path, top={"extends": "below.yaml", "model": above}, below={**PLAIN, "model": below})
    assert recipes.load(path).model.settings == settings


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a": {"extends": "a.yaml"}}, r"makes a circle \(a\.yaml -> a\.yaml\)"),
        ({"a": {"extends": "b.yaml"}, "b": {"extends": "./a.yaml"}}, r"a\.yaml -> b\.yaml -> a\.yaml"),
        ({"a": {"extends": "absent.yaml"}}, r"no recipe .*absent\.yaml; .*a\.yaml extends it"),
        ({"a": {"extends": ["b.yaml"]}}, "name one recipe file"),
    ],
)
def test_extending_what_cannot_be_extended_is_one_line(tmp_path: Path, files: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        recipes.load(written(tmp_path, **files))
    assert len(str(caught.value).splitlines()) == 1


SECTIONS = ("title", "data", "audio", "feature", "augment", "model", "training", "seed", "source")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(ANYTHING, st.sampled_from(SECTIONS))
def test_whatever_stands_in_a_recipe_it_is_read_or_refused_with_reason(value: Any, key: str) -> None:
    try:
        read = recipes.parse({**PLAIN, key: value})
    except EmotoneError as problem:
        refused = str(problem)
        assert len(refused.splitlines()) == 1
    else:
        assert recipes.parse(yaml.safe_load(read.to_yaml())) == read
