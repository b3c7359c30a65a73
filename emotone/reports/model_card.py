"""A run as a model card: what it is, may be used for and must not, for people and for the Hugging Face Hub."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from emotone.data import corpora
from emotone.data.corpora import Corpus
from emotone.data.corpora._licences import allows, non_commercial
from emotone.reports import templates, wording
from emotone.reports.wording import Scores
from emotone.runs.run import SCORES_ALONE, Run

FILE = "README.md"
_METRICS = {  # score -> what the Hub calls it, its name for people
    "uar": ("recall", "UAR, unweighted average recall (macro recall)"),
    "accuracy": ("accuracy", "accuracy"),
    "macro_f1": ("f1", "macro-F1"),
    "ece": ("ece", "expected calibration error"),
}


def write_card(run_folder: str | os.PathLike[str]) -> Path:
    """`README.md` in the folder of a finished run, made from what the folder holds; returns its path.

    Its head is the YAML that the Hub reads. Scores stand there as in scores.json, 0 .. 1; those that are no result (a
    planted mistake, random weights where pretrained ones belong) do not, lest a table of the Hub shows them as one.

    Raises:
        RunError: there is no finished run.
        MissingExtra: jinja2 is absent.
    """
    run = Run.open(run_folder)
    scores = run.scores
    heard = _heard(run)
    head = yaml.safe_dump(_head(scores, heard), sort_keys=False, allow_unicode=True, width=110)
    return templates.write(
        run.folder / FILE,
        "model_card.md",
        {
            "head": head,
            "scores": scores,
            "independent": scores["speaker_independent"],
            "facts": wording.facts(scores),
            "chance": 1 / len(scores["classes"]),
            "claims": wording.claims(scores),
            "conditions": list(wording.conditions(scores)),
            "limits": [sentence for sentence, _ in wording.limits(scores)],
            "metrics": {name: told for name, (_, told) in _METRICS.items()},
            "weights": _weights(scores),
            "heard": heard,
            "restricted": [one.name for one in heard if one.facts and non_commercial(one.facts.licence)],
            "own": [one.name for one in heard if not one.facts],
            "recipe": {} if "ensemble" in scores else _yaml(run.folder / "recipe.yaml"),
            "checkpoints": _json(run.folder / "started.json").get("inputs", {}).get("checkpoints", []),
            "audit": _json(run.folder / "audit.json"),
            "made": _json(run.folder / "environment.json"),
        },
    )


@dataclass(frozen=True)
class Heard:
    """A corpus that was learned from or tested, and its languages; `facts` is None for a table of the user's own."""

    name: str
    facts: Corpus | None
    languages: Sequence[str]

    @property
    def allows(self) -> str:
        """What its licence lets one do."""
        return allows(self.facts.licence) if self.facts else "not known to emotone: ask whoever recorded it"


def _heard(run: Run) -> list[Heard]:
    """Every corpus of a run; of an ensemble those of its members, as far as their folders are still there."""
    languages: dict[str, set[str]] = {}
    for corpus, language in _corpora_and_languages(run):
        languages.setdefault(corpus, set()).update({language} - {""})
    published = corpora.published_names()
    found = []
    for name, spoken in languages.items():
        facts = corpora.published(name) if name in published else None
        found.append(Heard(name, facts, sorted(spoken | ({facts.language} if facts else set()))))
    return found


def _corpora_and_languages(run: Run) -> Iterator[tuple[str, str]]:
    scores = run.scores
    for name in [*scores.get("learned_from", []), *scores["corpora"]]:
        yield name, ""
    for row in run.utterances or ():
        yield row.corpus, row.language
    for member in scores.get("ensemble", {}).get("members", []):
        if Run(member["run"]).finished:
            yield from _corpora_and_languages(Run(member["run"]))


def _head(scores: Scores, heard: Sequence[Heard]) -> dict[str, Any]:
    """What the Hub reads. Nobody has chosen a licence for the weights, so none is named."""
    languages = {language for one in heard for language in one.languages}
    head: dict[str, Any] = {
        "license": "other",
        "license_name": "as-its-corpora-allow",
        "language": sorted(language for language in languages if re.fullmatch("[a-z]{2,3}", language)),
        "library_name": "emotone",
        "pipeline_tag": "audio-classification",
        "tags": ["audio-classification", "speech-emotion-recognition"],
        "datasets": [one.name for one in heard if one.facts],
        "metrics": [name for name, _ in list(_METRICS.values())[:3]],
    }
    if not scores.get("caveats"):
        head["model-index"] = [{"name": scores["title"], "results": list(_results(scores))}]
    return {key: value for key, value in head.items() if value}


def _results(scores: Scores) -> Iterator[dict[str, Any]]:
    """Scores as the Hub's model-index has them: of several corpora their mean first, then each."""
    parts = dict(scores["per_corpus"]) if len(scores["corpora"]) > 1 else {}
    for name, part in {"+".join(scores["corpora"]): scores, **parts}.items():
        apart = "" if scores["speaker_independent"] else ", NOT speaker-independent"
        mean = " (mean over corpora)" if len(scores["corpora"]) > 1 and part is scores else ""
        told = {key: scores[key] for key in ("protocol", "speaker_independent", "folds", "seed")}
        yield {
            "task": {"type": "audio-classification", "name": "Speech emotion recognition"},
            "dataset": {
                "type": name,
                "name": f"{name}{mean}, {len(scores['classes'])} emotions{apart}",
                "split": "test",
                "args": {**told, "clips": part["clips"], "speakers": part["speakers"]},
            },
            "metrics": [
                {"type": kind, "name": told, "value": score["value"], "args": _interval(score)}
                for key, (kind, told) in _METRICS.items()
                if (score := part["scores"][key])["value"] is not None
            ],
        }


def _interval(score: Mapping[str, float | None]) -> dict[str, Any]:
    return {"low": score["low"], "high": score["high"], "interval": "95 % over speakers"}


def _weights(scores: Scores) -> str:
    """`model`: it predicts; `weights`: it was not exported; `none`."""
    reason = scores.get("not_exported")
    if not reason:
        return "model"
    return "none" if reason == SCORES_ALONE or "ensemble" in scores else "weights"


def _json(path: Path) -> dict[str, Any]:
    """A JSON file of the run, empty where it is absent."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def _yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content
