"""Curves: which rows make one, in which order its values stand, and what is drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from emotone.reports import charts as pictures
from emotone.reports.curves import curves

SCORE = {"value": 0.5, "low": 0.4, "high": 0.6}


def row(corpus: str = "x", **varied: str) -> dict[str, Any]:
    common = {"recipe": "a/b", "protocol": "speakers", "speaker_independent": True, "uar": SCORE, "changes": []}
    return {**common, "corpus": corpus, "varied": varied, "caveats": ["transductive: so"] if varied else []}


def test_numbers_stand_in_order_between_the_words_around_them() -> None:
    (curve,) = curves([row(corpus, s=value) for corpus in "xy" for value in ("null", "20", "5", "all", "1e2")])
    assert curve.values == ("null", "5", "20", "1e2", "all")
    assert curve.words == ("null", "all")
    assert list(curve.lines) == ["x", "y"]
    assert curve.kinds == ("transductive",)


def test_what_else_was_varied_makes_a_line_of_its_own() -> None:
    (curve,) = curves([row(s=value, how=how) for how in ("any", "one") for value in ("1", "2", "3")])
    assert list(curve.lines) == ["x, any", "x, one"]


@pytest.mark.parametrize(
    "varied",
    [
        [{}],
        [{"s": "1"}, {"s": "2"}],
        [{"s": "a"}, {"s": "b"}, {"s": "nan"}],
        [{"s": s, "t": t} for s in "123" for t in "456"],
    ],
    ids=["nothing", "two values", "words", "two settings of numbers"],
)
def test_where_no_one_setting_ran_over_numbers_there_is_no_curve(varied: list[dict[str, str]]) -> None:
    assert curves([row(**one) for one in varied]) == []


def test_lines_join_numbers_alone_and_every_value_has_its_place() -> None:
    values = ("null", *map(str, range(10)), "all")

    def drawn(words: tuple[str, ...]) -> str:
        lines = {"x": {value: {"value": 0.1 + 0.4 * (place % 2)} for place, value in enumerate(values)}}
        return pictures.score_lines(lines, values, words=words, setting="s", name="n")

    def longest(svg: str) -> int:
        return max(path.count("L ") for path in svg.split(' d="'))

    texts = [item.text for item in ElementTree.fromstring(drawn(("null", "all"))).iter() if item.tag.endswith("text")]
    assert [text for text in texts if text in values][: len(values)] == list(values)
    assert "s" in texts
    assert (longest(drawn(())), longest(drawn(("null", "all")))) == (11, 9)
