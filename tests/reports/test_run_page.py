"""Run pages: complete, marked where speakers are shared, readable without colour, without network access."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from emotone.errors import RunError
from emotone.reports.run_page import write_report
from tests.helpers.pages import CONFUSION, Elements, scores, write_run


def page(folder: Path, **changes: Any) -> str:
    return write_report(write_run(folder, **changes)).read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_no_id_stands_twice(tmp_path: Path) -> None:
    elements = Elements(page(tmp_path / "run"))
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [
        value for _, attributes in elements.all for value in attributes.values() if value and value.startswith("#")
    ]
    assert {link[1:] for link in links} <= set(ids)


def test_the_page_fetches_nothing_and_runs_no_script(tmp_path: Path) -> None:
    text = page(tmp_path / "run")
    elements = Elements(text)
    assert "default-src 'none'" in text
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in elements.all}
    assert "@import" not in text
    assert all(found.startswith("#") for found in re.findall(r"url\(([^)]*)\)", text))
    assert not [attributes for tag, attributes in elements.all if tag != "svg" and "://" in str(attributes)]


def test_every_colour_of_a_chart_is_one_of_the_page(tmp_path: Path) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page(tmp_path / "run"), flags=re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", picture)) <= {
            "none", "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)", "var(--surface)"
        }  # fmt: skip


def test_every_part_of_the_run_is_on_the_page(tmp_path: Path) -> None:
    text = Elements(page(tmp_path / "run")).text
    for part in (
        "A small network", "70.0", "65.0", "75.0", "Chance level 33.3", "91.2", "120 clips", "3 speakers", "3 folds",
        "calm -> neutral", "12 clips dropped", "0123456789ab", "emotone train <recipe>", "2 cores", "epochs: 2",
        "sad predicted as neutral", "61.2\xa0% for emodb/08",
    ):  # fmt: skip
        assert part in text, part


def test_the_confusion_matrix_has_numbers_and_not_shades_alone(tmp_path: Path) -> None:
    text = page(tmp_path / "run")
    cells = re.findall(r'<td(?: class="([^"]*)")?[^>]*>(\d+)(?:&nbsp;%)?<small>(\d+)</small>', text)
    assert [int(clips) for _, _, clips in cells] == [clips for row in CONFUSION for clips in row]
    assert [int(share) for _, share, _ in cells] == [round(100 * clips / 40) for row in CONFUSION for clips in row]
    assert [place for place, (kind, _, _) in enumerate(cells) if "right" in kind] == [0, 4, 8]


def test_a_run_with_shared_speakers_has_a_banner_and_a_mark_at_every_score(tmp_path: Path) -> None:
    independent = page(tmp_path / "independent")
    shared = page(tmp_path / "shared", speaker_independent=False, protocol="random")
    assert "†" not in Elements(independent).text
    text = Elements(shared).text
    assert text.index("Not speaker-independent: the same speakers are in train and test") < text.index("70.0")
    scored = r"(?:70|71|69|8|80|61|75)\.[0-9]|0\.420"
    for table in re.findall(r"<dl class=\"scores\">.*?</dl>|<tbody>.*?</tbody>", shared, flags=re.DOTALL):
        for cell in re.findall(r"<(?:td|dd)[^>]*>(.*?)</(?:td|dd)>", table, flags=re.DOTALL):
            number = re.match(scored, cell)
            if number and "91.2" not in cell:
                assert cell[number.end() :].startswith('<sup class="mark"'), cell
    assert shared.count('class="mark"') == 38  # every share in tables, sentences, matrix and captions


def test_text_from_users_cannot_become_markup(tmp_path: Path) -> None:
    nasty = '<script>alert("x")</script>$1$'
    per_speaker = {f"emodb/{nasty}": scores()["per_speaker"]["emodb/03"] | {"sex": nasty}}
    failures = [{"key": nasty, "file": nasty, "reason": nasty}]
    text = page(tmp_path / "run", title=nasty, per_speaker=per_speaker, failures=failures, labels_note=nasty)
    assert "<script" not in text
    assert Elements(text).text.count('<script>alert("x")') >= 5


def test_unusable_clips_are_announced_and_listed(tmp_path: Path) -> None:
    failures = [{"key": f"emodb/{key}", "file": "x.wav", "reason": "x.wav: 0 bytes"} for key in ("one", "two")]
    text = Elements(page(tmp_path / "run", failures=failures)).text
    assert "2 clips could not be used and are in none of the scores" in text
    assert "emodb/one" in text
    assert "emodb/two" in text


def test_a_folder_with_scores_only_still_gives_a_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    for name in ("curves.csv", "predictions.csv", "recipe.yaml", "environment.json"):
        (folder / name).unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "Learning curves" not in Elements(text).text


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
    corpus = scores()["per_corpus"]["emodb"]
    text = Elements(
        page(tmp_path / "run", corpora=["emodb", "tess"], per_corpus={"emodb": corpus, "tess": corpus})
    ).text
    assert "Per-corpus scores" in text
    assert "All clips together" in text


def test_missing_corpora_and_shared_development_speakers_are_listed(tmp_path: Path) -> None:
    missing = {"savee": "no folder data/savee"}
    text = Elements(page(tmp_path / "run", missing=missing, development_by=["clips", "speakers"])).text
    assert "Without savee, which the recipe names: no folder data/savee" in text
    assert "development and training clips share speakers" in text


def test_a_folder_without_scores_is_an_error_that_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="emotone train"):
        write_report(tmp_path)
