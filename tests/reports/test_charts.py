"""Pictures: the same numbers give the same bytes, and a picture disturbs neither its page nor matplotlib."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest

from emotone.errors import LengthMismatch, MissingExtra
from emotone.reports import charts as pictures
from emotone.reports.charts.trade_off import Trade, trade_off

SCORE = {"value": 0.6, "low": 0.5, "high": 0.7}
EPOCHS = [
    {"fold": fold, "epoch": epoch, "train_loss": 1 / epoch, "development_loss": loss, "development_uar": 0.1 * epoch}
    for fold, length, loss in (("a", 4, 1.1), ("b", 3, float("nan")))
    for epoch in range(1, length + 1)
]
SPEAKERS = {f"x/{place}": {"uar": place / 40, "sex": ("male", "female", "")[place % 3]} for place in range(20)}
PER_CLASS = {"sad": {"recall": SCORE}, "angry": {"recall": {"value": 0.3, "low": None, "high": None}}}
CELL = {"uar": SCORE, "chance": 0.25, "kind": "within", "within": SCORE}
DRAWN: dict[str, Callable[[], str]] = {
    "losses": lambda: pictures.losses(EPOCHS),
    "development_uars": lambda: pictures.development_uars(EPOCHS),
    "speakers": lambda: pictures.speakers(SPEAKERS, SCORE, 0.2),
    "recalls": lambda: pictures.recalls(
        {"sad": {"recall": SCORE}, "angry": {"recall": {"value": 0.3, "low": None, "high": None}}}
    ),
    "reliability": lambda: pictures.reliability([0.2, 0.9, 1.0], [False, True, True]),
    "heat_map": lambda: pictures.heat_map([("a", [CELL, None]), ("b", [{**CELL, "kind": "pair"}, CELL])], ["a", "b"]),
    "score_lines": lambda: pictures.score_lines(
        {"x": {"null": SCORE, "5": SCORE}, "y": {"5": SCORE, "10": {"value": 0.3, "low": None, "high": None}}},
        ("null", "5", "10"),
        words=("null",),
        setting="seconds",
        name="lines",
    ),
    "trade_off": lambda: trade_off(
        {"x": Trade([0, 0.01, 0.1], [0.2, 0.05, 0], at=(0.01, 0.05)), "y": Trade([0, 0.2], [0.2, 0], at=(0.1, 0.1))},
        x="refused, %",
        y="named, %",
        most=(0.1, 0.2),
        goal=(0.01, 0.05),
        told="Two mistakes",
        name="trade",
    ),
    "small_maps": lambda: pictures.small_maps(
        [0, 1], [0, 0.3], [True, False], {"<a>": [True, True]}, told="By emotion"
    ),
    "against_limits": lambda: pictures.against_limits(
        [
            {"name": "gain", "unchanged": SCORE, "uar_change": SCORE, "verdict": "pass"},
            {
                "name": "<tone>",
                "unchanged": SCORE,
                "uar_change": {"value": -0.1, "low": None, "high": None},
                "verdict": "fail",
            },
        ],
        0.95,
        -0.05,
        name="limits",
    ),
    "counts": lambda: pictures.counts({"sad": 3, "angry": 0}),
    "boxes": lambda: pictures.boxes({"sad": [100.0, 200.0], "none": []}, unit="Hz", title="Pitch", name="p", log=True),
}


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_picture_is_one_svg_with_words_for_those_who_do_not_see_it(name: str) -> None:
    root = ElementTree.fromstring(DRAWN[name]())
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert len(root.get("aria-label") or "") > 20


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_same_numbers_give_the_same_bytes(name: str) -> None:
    assert DRAWN[name]() == DRAWN[name]()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_picture_has_the_colours_and_the_font_of_its_page(name: str) -> None:
    drawn = DRAWN[name]()
    assert "var(--accent)" in drawn
    assert "var(--ink)" in drawn
    assert "font-family" not in drawn
    assert "<style" not in drawn


def test_two_pictures_of_other_names_share_no_id() -> None:
    drawn = [ElementTree.fromstring(pictures.counts({"sad": 1}, name=name)) for name in ("first", "second")]
    ids = [{item.get("id") for item in picture.iter() if item.get("id")} for picture in drawn]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_names_are_drawn_as_typed_in_any_script() -> None:
    drawn = pictures.counts({"$x^2$": 1, "悲しい": 2, "<b>": 3})
    texts = {item.text for item in ElementTree.fromstring(drawn).iter() if item.tag.endswith("text")}
    assert {"$x^2$", "悲しい", "<b>"} <= texts


def test_matplotlib_is_left_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    pictures.counts({"sad": 1})
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not matplotlib.pyplot.get_fignums()


def test_the_sex_of_a_speaker_is_shown_by_shape_and_word() -> None:
    drawn = pictures.speakers(SPEAKERS, SCORE, 0.2)
    for word in ("female", "male", "sex not stated", "chance", "all speakers", "95 % interval"):
        assert f">{word}</text>" in drawn


def test_speakers_of_two_corpora_with_one_number_keep_their_full_names() -> None:
    drawn = pictures.speakers({"a/01": {"uar": 0.5, "sex": ""}, "b/01": {"uar": 0.6, "sex": ""}}, SCORE, 0.2)
    assert ">a/01</text>" in drawn
    assert ">b/01</text>" in drawn


def test_every_line_of_a_long_name_ends_at_its_row() -> None:
    drawn = pictures.intervals({"one line": SCORE, "the first\nand the second": SCORE}, what="x", told="x", name="x")
    for line in ("one line", "the first", "and the second"):
        (style,) = re.findall(rf'<text style="([^"]*)"[^>]*>{line}</text>', drawn)
        assert "text-anchor: end" in style


def test_reliability_wants_one_answer_per_confidence() -> None:
    with pytest.raises(LengthMismatch, match="confidence has 2 items, correct has 1"):
        pictures.reliability(np.array([0.2, 0.4]), [True])


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"emotone\[train\]"):
        pictures.counts({"sad": 1})


def test_a_heat_map_is_darker_further_above_chance_and_frames_what_is_within_a_corpus() -> None:
    def drawn(**changes: object) -> str:
        return pictures.heat_map([("a", [{**CELL, "kind": "pair", **changes}])], ["a"])

    def darkness(text: str) -> float:
        return max(map(float, re.findall(r"opacity: ([\d.]+)", text)), default=0.0)

    assert darkness(drawn(chance=0.1)) > darkness(drawn(chance=0.5)) > darkness(drawn(chance=0.6))
    assert drawn(kind="within").count("stroke: var(--accent)") > drawn().count("stroke: var(--accent)")
    for words in (">60<", "chance 25, own 60"):
        assert words in drawn()
    assert "own" not in drawn(within=None)
