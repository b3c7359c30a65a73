"""Model card of a run, for people and for the Hugging Face Hub: data, licences, scores, limitations, intended use."""

from __future__ import annotations

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
_METRICS = {  # score -> its name on the Hub, its name for people
    "uar": ("recall", "UAR, unweighted average recall (macro recall)"),
    "accuracy": ("accuracy", "accuracy"),
    "macro_f1": ("f1", "macro-F1"),
    "ece": ("ece", "expected calibration error"),
}


def write_card(run_folder: str | os.PathLike[str]) -> Path:
    """`README.md` in the folder of a finished run, made from the files of the folder; returns its path.

    It begins with the YAML that the Hub reads. Scores are given there as in scores.json, 0 .. 1. Scores that are not
    results (a simulated leak, random weights in place of pretrained ones) are left out, so that no table of the Hub
    shows them.

    Raises:
        RunError: there is no finished run.
        MissingExtra: jinja2 is absent.
    """
    run = Run.open(run_folder)
    scores = run.scores
    used = _used_corpora(run)
    head = yaml.safe_dump(_hub_metadata(scores, used), sort_keys=False, allow_unicode=True, width=110)
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
            "metrics": {name: title for name, (_, title) in _METRICS.items()},
            "weights": _weights(scores),
            "used": used,
            "restricted": [corpus.name for corpus in used if corpus.facts and non_commercial(corpus.facts.licence)],
            "own_tables": [corpus.name for corpus in used if not corpus.facts],
            "recipe": {} if "ensemble" in scores else _recipe(run),
            "checkpoints": _json(run, "started.json").get("inputs", {}).get("checkpoints", []),
            "audit": _json(run, "audit.json"),
            "made": _json(run, "environment.json"),
        },
    )


@dataclass(frozen=True)
class UsedCorpus:
    """A training or test corpus and its languages; `facts` is None for a table of the user's own."""

    name: str
    facts: Corpus | None
    languages: Sequence[str]

    @property
    def allows(self) -> str:
        """What its licence allows."""
        return allows(self.facts.licence) if self.facts else "not known to emotone: ask the people who recorded it"


def _used_corpora(run: Run) -> list[UsedCorpus]:
    """Every corpus of a run; of an ensemble also those of its members whose folders still exist."""
    languages: dict[str, set[str]] = {}
    for corpus, language in _corpora_and_languages(run):
        languages.setdefault(corpus, set()).update({language} - {""})
    published = corpora.published_names()
    found = []
    for name, spoken in languages.items():
        facts = corpora.published(name) if name in published else None
        found.append(UsedCorpus(name, facts, sorted(spoken | ({facts.language} if facts else set()))))
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


def _hub_metadata(scores: Scores, used: Sequence[UsedCorpus]) -> dict[str, Any]:
    """The YAML that the Hub reads. Nobody has chosen a licence for the weights, so none is named."""
    languages = {language for corpus in used for language in corpus.languages}
    head: dict[str, Any] = {
        "license": "other",
        "license_name": "as-its-corpora-allow",
        "language": sorted(language for language in languages if re.fullmatch("[a-z]{2,3}", language)),
        "library_name": "emotone",
        "pipeline_tag": "audio-classification",
        "tags": ["audio-classification", "speech-emotion-recognition"],
        "datasets": [corpus.name for corpus in used if corpus.facts],
        "metrics": [name for name, _ in list(_METRICS.values())[:3]],
    }
    if not scores.get("caveats"):
        head["model-index"] = [{"name": scores["title"], "results": list(_results(scores))}]
    return {key: value for key, value in head.items() if value}


def _results(scores: Scores) -> Iterator[dict[str, Any]]:
    """Scores in the format of the Hub's model-index; of several corpora the mean first, then each."""
    parts = dict(scores["per_corpus"]) if len(scores["corpora"]) > 1 else {}
    for name, part in {"+".join(scores["corpora"]): scores, **parts}.items():
        note = "" if scores["speaker_independent"] else ", not speaker-independent"
        mean = " (mean over corpora)" if len(scores["corpora"]) > 1 and part is scores else ""
        protocol = {key: scores[key] for key in ("protocol", "speaker_independent", "folds", "seed")}
        yield {
            "task": {"type": "audio-classification", "name": "Speech emotion recognition"},
            "dataset": {
                "type": name,
                "name": f"{name}{mean}, {len(scores['classes'])} emotions{note}",
                "split": "test",
                "args": {**protocol, "clips": part["clips"], "speakers": part["speakers"]},
            },
            "metrics": [
                {"type": kind, "name": title, "value": score["value"], "args": _interval(score)}
                for key, (kind, title) in _METRICS.items()
                if (score := part["scores"][key])["value"] is not None
            ],
        }


def _interval(score: Mapping[str, float | None]) -> dict[str, Any]:
    return {"low": score["low"], "high": score["high"], "interval": "95 % over speakers"}


def _weights(scores: Scores) -> str:
    """`model`: an exported model that predicts; `weights`: weights alone; `none`."""
    reason = scores.get("not_exported")
    if not reason:
        return "model"
    return "none" if reason == SCORES_ALONE or "ensemble" in scores else "weights"


def _json(run: Run, name: str) -> dict[str, Any]:
    """A JSON file of the run, empty if it does not exist."""
    return run.read_json(name) if (run.folder / name).is_file() else {}


def _recipe(run: Run) -> dict[str, Any]:
    with run.reading("recipe.yaml") as file:
        content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        return content
