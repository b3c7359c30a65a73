"""Comparison pages: order and marks of the runs, links, and curves over a varied setting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from emotone.reports.comparison_page import curves, write_comparison
from emotone.reports.run_page import write_report
from tests.helpers.pages import Elements, interval, write_run

SCORE = {"value": 0.5, "low": 0.4, "high": 0.6}


def row(corpus: str = "x", **varied: str) -> dict[str, Any]:
    common = {"recipe": "a/b", "protocol": "speakers", "speaker_independent": True, "uar": SCORE, "changes": []}
    return {**common, "corpus": corpus, "varied": varied, "caveats": ["transductive: so"] if varied else []}


def test_numbers_are_sorted_between_the_categories_around_them() -> None:
    (curve,) = curves([row(corpus, s=value) for corpus in "xy" for value in ("null", "20", "5", "all", "1e2")])
    assert curve.values == ("null", "5", "20", "1e2", "all")
    assert curve.categories == ("null", "all")
    assert list(curve.lines) == ["x", "y"]
    assert curve.caveat_kinds == ("transductive",)


def test_every_other_varied_setting_has_its_own_line() -> None:
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
    ids=["nothing", "two values", "categories", "two numeric settings"],
)
def test_without_exactly_one_numeric_setting_there_is_no_curve(varied: list[dict[str, str]]) -> None:
    assert curves([row(**values) for values in varied]) == []


def system(title: str, uar: float, **changes: Any) -> dict[str, Any]:
    return {
        "title": title,
        "recipe": "recipes/x.yaml",
        "corpus": "emodb",
        "protocol": "speakers",
        "speaker_independent": True,
        **dict.fromkeys(("uar", "accuracy", "macro_f1"), interval(uar)),
        "claimed": None,
        "parameters": 9900,
        "train_seconds": 75.0,
        "run": "",
        "seconds": 7320.0,
    } | changes


def test_a_comparison_is_sorted_and_marks_runs_with_shared_speakers(tmp_path: Path) -> None:
    rows = [
        system("weak", 0.4),
        system("leaky", 0.95, speaker_independent=False, protocol="random", claimed={"accuracy": 0.99}),
        system("strong", 0.6),
        system("elsewhere", 0.5, corpus="tess"),
    ]
    text = write_comparison(rows, tmp_path / "tables/page.html").read_text(encoding="utf-8")
    elements = Elements(text)
    assert elements.open == []
    names = ("strong", "weak", "Not speaker-independent (random split or simulated leak)", "leaky", "tess", "elsewhere")
    places = [elements.text.index(name, elements.text.index("Unseen speakers")) for name in names]
    assert places == sorted(places)
    assert re.findall(r"([\d.]+)<sup class=\"mark\"", text) == ["95.0", "95.0", "95.0"]
    for part in ("accuracy 99.0", "9,900", "1 min 15 s", "2 h 2 min", "protocol random"):
        assert part in elements.text


def test_a_comparison_shows_seeds_chance_level_and_missing_clips(tmp_path: Path) -> None:
    more = {"classes": 4, "seeds": [0, 1, 2], "missing": {"savee": "no folder"}, "failures": [{"key": "emodb/x"}]}
    shown = system("one", 0.5, **more) | {"uar": interval(0.5) | {"spread": 0.012}}
    text = write_comparison([shown], tmp_path / "page.html").read_text(encoding="utf-8")
    for part in (
        "mean of 3 seeds",
        "± 1.2 (seeds)",
        "without savee, not found",
        "1 clip could not be used",
        "chance level 25.0",
    ):
        assert part in text


def test_a_comparison_links_the_reports_below_it_and_no_other(tmp_path: Path) -> None:
    inside, outside = write_run(tmp_path / "all/run 1"), write_run(tmp_path / "elsewhere")
    for folder in (inside, outside):
        write_report(folder)
    rows = [
        system("in", 0.5, run=str(inside)),
        system("out", 0.4, run=str(outside)),
        system("unfinished", 0.3, run="nowhere"),
    ]
    elements = Elements(write_comparison(rows, tmp_path / "all/page.html").read_text(encoding="utf-8"))
    assert [attributes["href"] for tag, attributes in elements.all if tag == "a"] == ["run%201/report.html"]


def test_a_comparison_of_speaker_independent_runs_has_no_warning(tmp_path: Path) -> None:
    text = Elements(write_comparison([system("one", 0.5)], tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert "†" not in text
    assert "Not speaker-independent" not in text
