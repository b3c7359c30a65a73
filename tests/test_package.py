"""The package as a whole: public names, import layers, the form of every shelf."""

from __future__ import annotations

import subprocess
import sys

import pytest

import emotone
from emotone import augment, features, models
from emotone.data import corpora
from emotone.registry import Shelf
from tests.conftest import REPOSITORY

SHELVES = (augment.shelf, corpora.shelf, features.shelf, models.shelf)
ITEMS = [(shelf, name) for shelf in SHELVES for name in shelf.names()]


def test_the_public_names_are_these() -> None:
    assert sorted(emotone.__all__) == ["EmotoneError", "Stream", "compare", "load_model", "predict", "train"]
    for name in emotone.__all__:
        assert callable(getattr(emotone, name))
    with pytest.raises(AttributeError, match="there are: EmotoneError, Stream, compare"):
        emotone.nothing  # noqa: B018


def test_imports_only_go_down() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("shelf", "name"), ITEMS, ids=[f"{shelf.noun}-{name}" for shelf, name in ITEMS])
def test_every_item_says_what_it_is(shelf: Shelf, name: str) -> None:
    item = shelf.get(name)
    assert item.__doc__, f"{name} needs a docstring"
    assert item.__doc__.splitlines()[0].strip().endswith((".", ")")), "the first line is a sentence"
    for setting, field in getattr(item, "model_fields", {}).items():
        assert field.description, f"{name}.{setting} needs a sentence"


def test_no_sound_is_kept_in_the_project() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True
    )
    for name in listed.stdout.split():
        path = REPOSITORY / name
        assert path.suffix.lower() not in {".wav", ".flac", ".opus", ".mp3", ".ogg"}, f"{name}: no sound is kept here"


def test_the_architecture_names_every_folder() -> None:
    page = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in (REPOSITORY / "emotone").iterdir():
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            assert path.name in page, f"{path.name} is not in ARCHITECTURE.md"


def test_nothing_refers_to_what_lies_outside_the_project() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True
    )
    outside = "../" + "shared"
    for name in listed.stdout.split():
        path = REPOSITORY / name
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".html", ".css"} and path.is_file():
            assert outside not in path.read_text(encoding="utf-8"), name
