"""Reading any recipe file gives a recipe, or an error of one line, within seconds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from emotone.errors import EmotoneError, RecipeError
from emotone.runs import recipe as recipes
from emotone.runs import recipe_files
from tests.conftest import REPOSITORY

FILES = sorted((REPOSITORY / "recipes").rglob("*.yaml"))
PLAIN = "title: x\ndata: {corpora: [emodb]}\nfeature: functionals\nmodel: lda\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
SECONDS = 5.0

scalars = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20)
values = some.recursive(
    scalars, lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4)
)
keys = some.sampled_from(
    [
        *("title", "source", "data", "audio", "feature", "augment", "model", "training", "seed", "extends", "name"),
        *("corpora", "labels", "folds", "waveform", "epochs", "learning_rate", "claimed", "changes", "protocol"),
    ]
)


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """What the first use of a model imports takes seconds; it is not measured."""
    for path in FILES:
        recipes.load(path)


def read(path: Path) -> recipes.Recipe | None:
    """The recipe, or None after an error of one line."""
    started = time.monotonic()
    try:
        found = recipes.load(path)
        found.to_yaml().encode("utf-8")
    except EmotoneError as problem:
        text = str(problem)
        assert text
        assert "\n" not in text
        assert len(text) < 2000
        found = None
    assert time.monotonic() - started < SECONDS
    return found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"title:\tx\n\tdata: 1\n", "not readable as YAML"),
        (PLAIN.encode() + b"seed: 1\nseed: 2\n", "'seed' is set twice, again in line 6"),
        (b"title: x\ndata: {corpora: [emodb], corpora: [savee]}\n", "'corpora' is set twice"),
        (LAUGHS.encode(), "an alias in line 2"),
        (b"title: &t [*t]\n", "an alias in line 1"),
        (b"[" * 100_000, "nesting"),
        (b"a: " * 100_000, "not readable as YAML"),
        (b"x" * 2_000_000, "more than 1000 kB"),
        ("title: Schön\n".encode("latin-1"), "not readable as YAML"),
        (b"\x00\x01\x02", "not readable as YAML"),
        (b"", "a recipe is a mapping"),
        (b"- a\n- b\n", "a recipe is a mapping"),
        (b"{[a, b]: c}\n", "not readable as YAML"),
        (b"seed: " + b"9" * 10_000 + b"\n", "not readable as YAML"),
        (b"2020-01-01: x\n", "keys must be text"),
        (PLAIN.replace("title: x", 'title: "\\ud800"').encode(), "keys must be text"),
        (b"extends: [a.yaml]\n", "name one recipe file"),
        (b'extends: "a\\0b.yaml"\n', "name one recipe file"),
        (b"extends: self.yaml\n", "makes a circle"),
        (b"!!python/object/apply:os.system [ls]\n", "not readable as YAML"),
        (PLAIN.encode() + b"training: {epochs: many}\n", "training.epochs"),
        (PLAIN.encode() + b"training: {learning_rate: .inf}\n", "finite"),
        (PLAIN.encode() + b"audio: {seconds: .inf}\n", "finite"),
        (PLAIN.encode() + b"sed: 1\n", "did you mean 'seed'"),
    ],
)
def test_a_recipe_that_cannot_be_read_is_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "self.yaml"
    path.write_bytes(content)
    assert read(path) is None
    with pytest.raises(RecipeError) as caught:
        recipes.load(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)


def test_a_byte_order_mark_is_not_a_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.encode())
    assert recipes.load(path).title == "x"


def test_a_folder_and_an_endless_file_are_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        assert read(path) is None


@pytest.mark.parametrize(
    "change", ["title=&a [*a]", "seed=" + "9" * 10_000, "title=[", 'title="\\ud800"', "a" * 10_000]
)
def test_a_change_that_cannot_be_read_is_one_line(change: str) -> None:
    plain = yaml.safe_load(PLAIN)
    with pytest.raises(RecipeError) as caught:
        recipes.parse(plain, changes=[change])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=some.dictionaries(keys | some.text(max_size=8), values, max_size=8))
def test_any_mapping_gives_a_recipe_or_one_line(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    read(path)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_any_setting_of_a_recipe_may_have_any_value(data: some.DataObject, tmp_path: Path) -> None:
    content = recipe_files.read(data.draw(some.sampled_from(FILES)))
    place: Any = content
    while True:
        key = data.draw(some.sampled_from(sorted(place)) | some.text(max_size=8))
        if not isinstance(place.get(key), dict) or not place[key] or data.draw(some.booleans()):
            break
        place = place[key]
    place[key] = data.draw(values)
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    read(path)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_any_bytes_in_a_recipe_file_give_a_recipe_or_one_line(data: some.DataObject, tmp_path: Path) -> None:
    text = data.draw(some.sampled_from(FILES)).read_bytes()
    start = data.draw(some.integers(0, len(text)))
    end = data.draw(some.integers(start, min(start + 20, len(text))))
    path = tmp_path / "any.yaml"
    path.write_bytes(text[:start] + data.draw(some.binary(max_size=20)) + text[end:])
    read(path)
