"""Charts: the same numbers give the same bytes, and a chart changes neither its page nor matplotlib."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest

from emotone.errors import LengthMismatch, MissingExtra
from emotone.reports.charts.box_plot import box_plot
from emotone.reports.charts.clip_counts import clip_counts
from emotone.reports.charts.confusion_matrix import confusion_matrix
from emotone.reports.charts.cross_corpus_matrix import cross_corpus_matrix
from emotone.reports.charts.det_curves import DetCurve, det_curves
from emotone.reports.charts.embedding_map import embedding_map
from emotone.reports.charts.learning_curves import loss_curves, uar_curves
from emotone.reports.charts.reliability_diagram import reliability_diagram
from emotone.reports.charts.risk_coverage_curve import risk_coverage_curve
from emotone.reports.charts.robustness_scores import robustness_scores
from emotone.reports.charts.score_bars import recall_bars, score_bars
from emotone.reports.charts.score_lines import score_lines
from emotone.reports.charts.speaker_scores import speaker_scores

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
    "loss_curves": lambda: loss_curves(EPOCHS),
    "uar_curves": lambda: uar_curves(EPOCHS),
    "speaker_scores": lambda: speaker_scores(SPEAKERS, SCORE, 0.2),
    "recall_bars": lambda: recall_bars(
        {"sad": {"recall": SCORE}, "angry": {"recall": {"value": 0.3, "low": None, "high": None}}}
    ),
    "reliability_diagram": lambda: reliability_diagram([0.2, 0.9, 1.0], [False, True, True]),
    "cross_corpus_matrix": lambda: cross_corpus_matrix(
        [("a", [CELL, None]), ("b", [{**CELL, "kind": "pair"}, CELL])], ["a", "b"]
    ),
    "score_lines": lambda: score_lines(
        {"x": {"null": SCORE, "5": SCORE}, "y": {"5": SCORE, "10": {"value": 0.3, "low": None, "high": None}}},
        ("null", "5", "10"),
        categories=("null",),
        setting="seconds",
        name="lines",
    ),
    "det_curves": lambda: det_curves(
        {
            "x": DetCurve([0, 0.01, 0.1], [0.2, 0.05, 0], at=(0.01, 0.05)),
            "y": DetCurve([0, 0.2], [0.2, 0], at=(0.1, 0.1)),
        },
        x="refused, %",
        y="named, %",
        most=(0.1, 0.2),
        goal=(0.01, 0.05),
        alt_text="Two error rates",
        name="trade",
    ),
    "embedding_map": lambda: embedding_map(
        [0, 1], [0, 0.3], [True, False], {"<a>": [True, True]}, alt_text="By emotion"
    ),
    "robustness_scores": lambda: robustness_scores(
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
    "clip_counts": lambda: clip_counts({"sad": 3, "angry": 0}),
    "box_plot": lambda: box_plot({"sad": [100.0, 200.0], "none": []}, unit="Hz", title="Pitch", name="p", log=True),
}


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_chart_is_one_svg_with_an_alt_text(name: str) -> None:
    root = ElementTree.fromstring(DRAWN[name]())
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert len(root.get("aria-label") or "") > 20


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_same_numbers_give_the_same_bytes(name: str) -> None:
    assert DRAWN[name]() == DRAWN[name]()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_chart_has_the_colours_and_the_font_of_its_page(name: str) -> None:
    drawn = DRAWN[name]()
    assert "var(--accent)" in drawn
    assert "var(--ink)" in drawn
    assert "font-family" not in drawn
    assert "<style" not in drawn


def test_two_charts_with_different_names_share_no_id() -> None:
    drawn = [ElementTree.fromstring(clip_counts({"sad": 1}, name=name)) for name in ("first", "second")]
    ids = [{item.get("id") for item in picture.iter() if item.get("id")} for picture in drawn]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_names_are_drawn_as_typed_in_any_script() -> None:
    drawn = clip_counts({"$x^2$": 1, "悲しい": 2, "<b>": 3})
    texts = {item.text for item in ElementTree.fromstring(drawn).iter() if item.tag.endswith("text")}
    assert {"$x^2$", "悲しい", "<b>"} <= texts


def test_matplotlib_settings_are_unchanged() -> None:
    before = dict(matplotlib.rcParams)
    clip_counts({"sad": 1})
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not matplotlib.pyplot.get_fignums()


def test_the_sex_of_a_speaker_is_shown_by_shape_and_legend() -> None:
    drawn = speaker_scores(SPEAKERS, SCORE, 0.2)
    for word in ("female", "male", "sex not stated", "chance", "all speakers", "95 % interval"):
        assert f">{word}</text>" in drawn


def test_speakers_of_two_corpora_with_one_number_keep_their_full_names() -> None:
    drawn = speaker_scores({"a/01": {"uar": 0.5, "sex": ""}, "b/01": {"uar": 0.6, "sex": ""}}, SCORE, 0.2)
    assert ">a/01</text>" in drawn
    assert ">b/01</text>" in drawn


def test_every_line_of_a_long_name_ends_at_its_row() -> None:
    drawn = score_bars({"one line": SCORE, "the first\nand the second": SCORE}, axis_label="x", alt_text="x", name="x")
    for line in ("one line", "the first", "and the second"):
        (style,) = re.findall(rf'<text style="([^"]*)"[^>]*>{line}</text>', drawn)
        assert "text-anchor: end" in style


def test_a_reliability_diagram_needs_as_many_answers_as_confidences() -> None:
    with pytest.raises(LengthMismatch, match="confidence has 2 items, correct has 1"):
        reliability_diagram(np.array([0.2, 0.4]), [True])


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"emotone\[train\]"):
        clip_counts({"sad": 1})


def test_a_cross_corpus_matrix_is_darker_further_above_chance_and_frames_within_corpus_cells() -> None:
    def drawn(**changes: object) -> str:
        return cross_corpus_matrix([("a", [{**CELL, "kind": "pair", **changes}])], ["a"])

    def darkness(text: str) -> float:
        return max(map(float, re.findall(r"opacity: ([\d.]+)", text)), default=0.0)

    assert darkness(drawn(chance=0.1)) > darkness(drawn(chance=0.5)) > darkness(drawn(chance=0.6))
    assert drawn(kind="within").count("stroke: var(--accent)") > drawn().count("stroke: var(--accent)")
    for words in (">60<", "chance 25, within 60"):
        assert words in drawn()
    assert "within" not in drawn(within=None)


def test_lines_connect_numbers_only_and_every_value_has_a_tick() -> None:
    values = ("null", *map(str, range(10)), "all")

    def drawn(categories: tuple[str, ...]) -> str:
        lines = {"x": {value: {"value": 0.1 + 0.4 * (place % 2)} for place, value in enumerate(values)}}
        return score_lines(lines, values, categories=categories, setting="s", name="n")

    def longest(svg: str) -> int:
        return max(path.count("L ") for path in svg.split(' d="'))

    texts = [item.text for item in ElementTree.fromstring(drawn(("null", "all"))).iter() if item.tag.endswith("text")]
    assert [text for text in texts if text in values][: len(values)] == list(values)
    assert "s" in texts
    assert (longest(drawn(())), longest(drawn(("null", "all")))) == (11, 9)


def test_a_confusion_matrix_has_percent_of_the_row_and_clips_and_frames_the_diagonal() -> None:
    drawn = confusion_matrix([[3, 1], [0, 0]], ["<a>", "b"], caption="Confusion matrix", mark="<sup>†</sup>")
    root = ElementTree.fromstring(drawn.replace("&nbsp;", " "))
    assert [cell.text for cell in root.iter("th")][1:] == ["<a>", "b", "<a> ", "b "]
    assert re.findall(r"<td[^>]*>(.*?)</td>", drawn) == [
        "75&nbsp;%<sup>†</sup><small>3</small>", "25&nbsp;%<sup>†</sup><small>1</small>",
        "0<small>0</small>", "0<small>0</small>",
    ]  # fmt: skip
    assert re.findall(r'<td class="([^"]*)"', drawn) == ["right", "none", "none right"]


def test_a_risk_coverage_curve_ends_at_the_error_rate_of_all_clips() -> None:
    root = ElementTree.fromstring(risk_coverage_curve([0.2, 0.9, 1.0, 0.8], [False, True, True, True]))
    texts = {item.text for item in root.iter() if item.tag.endswith("text")}
    assert {"answered, %", "error rate among them, %", "25"} <= texts
