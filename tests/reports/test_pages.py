"""Pages of runs: complete, honest about voices, readable without colour, and closed to the network."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.evaluation.scores import Predictions
from emotone.reports.pages import write_comparison, write_report
from tests.helpers.pages import CLASSES, CONFUSION, Elements, interval, scores


def run(folder: Path, **changes: Any) -> Path:
    """A run folder with all its files."""
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps(scores(**changes)), encoding="utf-8")
    (folder / "recipe.yaml").write_text("title: A small network\ntraining: {epochs: 2}\n", encoding="utf-8")
    environment = {"commit": "0123456789ab", "command": "emotone train <recipe>", "hardware": "2 cores", "seconds": 4.5}
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    curve = "fold,epoch,train_loss,development_loss,development_uar,learning_rate\n"
    curve += "".join(
        f"{fold},{epoch},{1 / epoch},{1.2 / epoch},0.{epoch},0.001\n" for fold in "ab" for epoch in (1, 2, 3)
    )
    (folder / "curves.csv").write_text(curve, encoding="utf-8")
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 120)
    Predictions(
        classes=CLASSES,
        key=np.array([f"emodb/{clip}" for clip in range(120)]),
        corpus=np.full(120, "emodb"),
        speaker=np.full(120, "emodb/03"),
        sex=np.full(120, "male"),
        fold=np.full(120, "a"),
        truth=np.array(CLASSES)[rng.integers(0, 3, 120)],
        log_probs=np.log(probabilities),
    ).to_csv(folder / "predictions.csv")
    return folder


def page(folder: Path, **changes: Any) -> str:
    return write_report(run(folder, **changes)).read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_no_id_stands_twice(tmp_path: Path) -> None:
    elements = Elements(page(tmp_path / "run"))
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [
        value for _, attributes in elements.all for value in attributes.values() if value and value.startswith("#")
    ]
    assert {link[1:] for link in links} <= set(ids)


def test_the_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    text = page(tmp_path / "run")
    elements = Elements(text)
    assert "default-src 'none'" in text
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in elements.all}
    assert "@import" not in text
    assert all(found.startswith("#") for found in re.findall(r"url\(([^)]*)\)", text))
    assert not [attributes for tag, attributes in elements.all if tag != "svg" and "://" in str(attributes)]


def test_every_colour_of_a_picture_is_one_of_the_page(tmp_path: Path) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page(tmp_path / "run"), flags=re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", picture)) <= {
            "none", "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)", "var(--surface)"
        }  # fmt: skip


def test_every_part_of_the_run_is_on_the_page(tmp_path: Path) -> None:
    text = Elements(page(tmp_path / "run")).text
    for part in (
        "A small network", "70.0", "65.0", "75.0", "Guessing gives 33.3", "91.2", "120 clips", "3 speakers", "3 folds",
        "calm -> neutral", "12 clips dropped", "0123456789ab", "emotone train <recipe>", "2 cores", "epochs: 2",
        "sad heard as neutral", "UAR 61.2\xa0% on emodb/08",
    ):  # fmt: skip
        assert part in text, part


def test_the_confusions_are_told_by_number_and_not_by_shade_alone(tmp_path: Path) -> None:
    text = page(tmp_path / "run")
    cells = re.findall(r'<td(?: class="([^"]*)")?[^>]*>(\d+)(?:&nbsp;%)?<small>(\d+)</small>', text)
    assert [int(clips) for _, _, clips in cells] == [clips for row in CONFUSION for clips in row]
    assert [int(share) for _, share, _ in cells] == [round(100 * clips / 40) for row in CONFUSION for clips in row]
    assert [place for place, (kind, _, _) in enumerate(cells) if "right" in kind] == [0, 4, 8]


def test_a_run_that_shares_voices_says_so_first_and_beside_every_score(tmp_path: Path) -> None:
    honest = page(tmp_path / "honest")
    shared = page(tmp_path / "shared", speaker_independent=False, protocol="random")
    assert "†" not in Elements(honest).text
    told = Elements(shared).text
    assert told.index("Not speaker-independent: the same voices are in train and test") < told.index("70.0")
    scored = r"(?:70|71|69|8|80|61|75)\.[0-9]|0\.420"
    for table in re.findall(r"<dl class=\"scores\">.*?</dl>|<tbody>.*?</tbody>", shared, flags=re.DOTALL):
        for cell in re.findall(r"<(?:td|dd)[^>]*>(.*?)</(?:td|dd)>", table, flags=re.DOTALL):
            number = re.match(scored, cell)
            if number and "91.2" not in cell:
                assert cell[number.end() :].startswith('<sup class="mark"'), cell
    assert shared.count('class="mark"') == 38  # every share in table, sentence, matrix and caption


def test_what_people_typed_cannot_become_markup(tmp_path: Path) -> None:
    nasty = '<script>alert("x")</script>$1$'
    per_speaker = {f"emodb/{nasty}": scores()["per_speaker"]["emodb/03"] | {"sex": nasty}}
    failures = [{"key": nasty, "file": nasty, "reason": nasty}]
    text = page(tmp_path / "run", title=nasty, per_speaker=per_speaker, failures=failures, labels_note=nasty)
    assert "<script" not in text
    assert Elements(text).text.count('<script>alert("x")') >= 5


def test_unusable_clips_are_announced_and_listed(tmp_path: Path) -> None:
    failures = [{"key": f"emodb/{key}", "file": "x.wav", "reason": "x.wav: 0 bytes"} for key in ("one", "two")]
    text = Elements(page(tmp_path / "run", failures=failures)).text
    assert "2 clips could not be used and are in no number" in text
    assert "emodb/one" in text
    assert "emodb/two" in text


def test_a_folder_with_scores_alone_still_gives_a_page(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    for name in ("curves.csv", "predictions.csv", "recipe.yaml", "environment.json"):
        (folder / name).unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "Training" not in Elements(text).text


def test_scores_without_intervals_are_shown_without(tmp_path: Path) -> None:
    bare: dict[str, Any] = copy.deepcopy(scores())
    groups = [bare["scores"], bare["per_corpus"]["emodb"]["scores"], *bare["per_class"].values()]
    for group in groups:
        for value in group.values():
            if isinstance(value, dict):
                value.update(low=None, high=None)
    text = Elements(page(tmp_path / "run", **bare)).text
    assert "too few speakers" in text
    assert "None" not in text


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    assert page(tmp_path / "a") == page(tmp_path / "b")


def test_several_corpora_are_shown_one_by_one_and_together(tmp_path: Path) -> None:
    one = scores()["per_corpus"]["emodb"]
    text = Elements(page(tmp_path / "run", corpora=["emodb", "tess"], per_corpus={"emodb": one, "tess": one})).text
    assert "By corpus" in text
    assert "All clips together" in text


def test_what_a_run_went_without_is_told(tmp_path: Path) -> None:
    missing = {"savee": "no folder data/savee"}
    text = Elements(page(tmp_path / "run", missing=missing, development_by=["clips", "speakers"])).text
    assert "Without savee, which the recipe asks for: no folder data/savee" in text
    assert "training was watched on voices it also learned from" in text


def test_a_folder_without_scores_is_an_error_that_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="emotone train"):
        write_report(tmp_path)


def row(title: str, uar: float, **changes: Any) -> dict[str, Any]:
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


def test_a_comparison_is_sorted_and_keeps_shared_voices_apart_and_marked(tmp_path: Path) -> None:
    rows = [
        row("weak", 0.4),
        row("leaky", 0.95, speaker_independent=False, protocol="random", claimed={"accuracy": 0.99}),
        row("strong", 0.6),
        row("elsewhere", 0.5, corpus="tess"),
    ]
    text = write_comparison(rows, tmp_path / "tables/page.html").read_text(encoding="utf-8")
    elements = Elements(text)
    assert elements.open == []
    names = ("strong", "weak", "The same voices in train and test", "leaky", "tess", "elsewhere")
    places = [elements.text.index(name, elements.text.index("New voices in test")) for name in names]
    assert places == sorted(places)
    assert re.findall(r"([\d.]+)<sup class=\"mark\"", text) == ["95.0", "95.0", "95.0"]
    for part in ("accuracy 99.0", "9,900", "1 min 15 s", "2 h 2 min", "protocol random"):
        assert part in elements.text


def test_a_comparison_tells_seeds_chance_and_what_was_left_out(tmp_path: Path) -> None:
    more = {"classes": 4, "seeds": [0, 1, 2], "missing": {"savee": "no folder"}, "failures": [{"key": "emodb/x"}]}
    shown = row("one", 0.5, **more) | {"uar": interval(0.5) | {"spread": 0.012}}
    text = write_comparison([shown], tmp_path / "page.html").read_text(encoding="utf-8")
    for part in ("mean of 3 seeds", "± 1.2 by seed", "without savee, not found", "1 clip not usable", "chance at 25.0"):
        assert part in text


def test_a_comparison_links_the_reports_below_it_and_no_other(tmp_path: Path) -> None:
    inside, outside = run(tmp_path / "all/run 1"), run(tmp_path / "elsewhere")
    for folder in (inside, outside):
        write_report(folder)
    rows = [row("in", 0.5, run=str(inside)), row("out", 0.4, run=str(outside)), row("unfinished", 0.3, run="nowhere")]
    elements = Elements(write_comparison(rows, tmp_path / "all/page.html").read_text(encoding="utf-8"))
    assert [attributes["href"] for tag, attributes in elements.all if tag == "a"] == ["run%201/report.html"]


def test_a_comparison_of_honest_runs_carries_no_warning(tmp_path: Path) -> None:
    text = Elements(write_comparison([row("one", 0.5)], tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert "†" not in text
    assert "Not speaker-independent" not in text
