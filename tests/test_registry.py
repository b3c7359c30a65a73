"""A shelf is its folder, and what other packages put on it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from emotone import augment, features, models, registry
from emotone.data import corpora
from emotone.errors import UnknownName
from emotone.registry import Shelf, class_name

SHELVES = [augment.shelf, corpora.shelf, features.shelf, models.shelf]


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.noun)
def test_the_names_are_the_files_of_the_folder(shelf) -> None:
    names = shelf.names()
    assert names == sorted(set(names))
    assert names
    assert not any(name.startswith("_") for name in names)


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.noun)
def test_an_unknown_name_is_answered_with_the_nearest_and_the_list(shelf) -> None:
    name = shelf.names()[0]
    with pytest.raises(UnknownName) as caught:
        shelf.get(name + "x")
    assert str(caught.value).startswith(f"no {shelf.noun} '{name}x'; did you mean '{name}'? There are: {name}")


def test_other_packages_put_items_on_a_shelf(monkeypatch) -> None:
    class Theirs:
        pass

    class Entry:
        name = "theirs"

        def load(self) -> type:
            return Theirs

    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry()] if group == "emotone.features" else [])
    shelf = Shelf("emotone.features", "feature")
    assert "theirs" in shelf.names()
    assert shelf.get("theirs") is Theirs
    assert "theirs" not in Shelf("emotone.data.corpora", "corpus").names()


def test_an_item_of_the_house_is_not_replaced_from_outside(monkeypatch) -> None:
    class Entry:
        name = "log_mel"

        def load(self) -> type:
            raise AssertionError("the own item comes first")

    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry()])
    shelf = Shelf("emotone.features", "feature")
    assert shelf.names().count("log_mel") == 1
    assert shelf.get("log_mel").__name__ == "LogMel"


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [("mfcc", "Mfcc"), ("log_mel", "LogMel"), ("crema_d", "CremaD"), ("cnn2d_lstm", "Cnn2dLstm")],
)
def test_a_class_is_named_after_its_file(file_name, expected) -> None:
    assert class_name(file_name) == expected


def test_listing_a_shelf_imports_none_of_its_items() -> None:
    program = (
        "import sys; from emotone.data.corpora import shelf; names = shelf.names();"
        "print([name for name in names if f'emotone.data.corpora.{name}' in sys.modules], len(names))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded, _, count = done.stdout.rpartition(" ")
    assert loaded == "[]"
    assert int(count) > 5
