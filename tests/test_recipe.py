from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emotone import recipe as recipes
from emotone.errors import EmotoneError, RecipeError
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
        if path.parent.name != "classic":
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
        ("model=cnn", "takes a sequence"),
        ("augment.spectrogram=[time_stretch]", "does not work on a spectrogram"),
        ("training.epochs", "expected key=value"),
        ("title.a=3", "it has no parts"),
        ("data.corpora=[]", "at least 1"),
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
