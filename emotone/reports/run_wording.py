"""What a run says of itself in words: what was measured on what, what was claimed, what the number leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emotone.reports import templates
from emotone.runs.run import SCORES_ALONE

_METRICS = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro-F1"}
_PROTOCOLS = {
    "speakers": "no voice in both train and test",
    "random": "split by clip, not by voice",
    "cross-corpus": "tested on corpora never trained on",
}
Scores = Mapping[str, Any]
"""What a run's scores.json holds."""


def facts(scores: Scores) -> list[str]:
    """What the number was measured on, as short phrases."""
    protocol = _PROTOCOLS.get(scores["protocol"])
    return [
        *([f"learned from {', '.join(scores['learned_from'])}"] if scores.get("learned_from") else []),
        ("tested on " if scores.get("learned_from") else "") + ", ".join(scores["corpora"]),
        counted(scores["clips"], "clip"),
        counted(scores["speakers"], "speaker"),
        counted(len(scores["classes"]), "emotion"),
        folds_of(scores),
        f"protocol {scores['protocol']}" + (f": {protocol}" if protocol else ""),
    ]


def folds_of(scores: Scores) -> str:
    """How many folds were run, of how many there are.

    >>> folds_of({"folds": 1, "folds_made": 5})
    '1 of 5 folds'
    """
    made = scores.get("folds_made", scores["folds"])
    return counted(made, "fold") if made == scores["folds"] else f"{scores['folds']} of {counted(made, 'fold')}"


def claims(scores: Scores) -> list[tuple[str, str, float | None]]:
    """(score, what the source claimed, what came out here) for each claim; also of a row of a benchmark.

    >>> claims({"claimed": {"uar": 0.9}, "scores": {"uar": {"value": 0.7}}})
    [('UAR', '90.0', 0.7)]
    """
    measured = scores.get("scores", {})
    return [
        (_METRICS.get(name, name), _share_or_text(value), measured.get(name, {}).get("value"))
        for name, value in (scores.get("claimed") or {}).items()
    ]


def limits(scores: Scores) -> Iterator[tuple[str, bool]]:
    """Sentences on where the model fails and what the number leaves out; True for those that state a measurement."""
    if scores.get("not_exported") == SCORES_ALONE:
        yield "It was trained for its scores alone; there is no model to predict with.", False
    elif scores.get("not_exported"):
        kept = "" if "ensemble" in scores else " The weights are kept as safetensors."
        yield f"There is no exported model: {scores['not_exported']}.{kept}", False
    per_class = {label: row for label, row in scores["per_class"].items() if row["recall"]["value"] is not None}
    if per_class:
        label = min(per_class, key=lambda name: per_class[name]["recall"]["value"])
        index = scores["classes"].index(label)
        wrong = [0 if place == index else clips for place, clips in enumerate(scores["confusion"][index])]
        taken = f", and is most often taken for {scores['classes'][wrong.index(max(wrong))]}" if any(wrong) else ""
        found = templates.percent(per_class[label]["recall"]["value"])
        yield f"It finds {label} least: {found}\u00a0% of the clips{taken}.", True
    speakers = scores["per_speaker"]
    if len(speakers) > 1:
        worst, best = (pick(speakers, key=lambda name: speakers[name]["uar"]) for pick in (min, max))
        low, high = (templates.percent(speakers[name]["uar"]) for name in (worst, best))
        yield f"Voices differ: UAR {low}\u00a0% on {worst}, {high}\u00a0% on {best}.", True
    if scores["scores"]["ece"]["value"] is not None:
        yield (
            f"Its confidence is off by {templates.percent(scores['scores']['ece']['value'])} points on average.",
            True,
        )
    yield (
        "These are recordings of a corpus, most often acted; speech from a call, a car or a child was not tested.",
        False,
    )
    if scores["speaker_independent"] and "clips" in scores.get("development_by", ()):
        yield (
            "In a fold or more, training was watched on voices it also learned from; the test voices stayed apart.",
            False,
        )


def conditions(scores: Scores) -> Iterator[str]:
    """Sentences on what the number was measured without: corpora that were not found, labels that were changed."""
    for corpus, reason in scores.get("missing", {}).items():
        yield f"Without {corpus}, which the recipe asks for: {reason}"
    if scores["labels_note"] or scores["dropped"]:
        dropped = f"; {counted(scores['dropped'], 'clip')} dropped for it" if scores["dropped"] else ""
        yield f"Labels: {scores['labels_note'].removeprefix('labels ') or 'as they are'}{dropped}."


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "clip"), counted(7442, "clip")
    ('1 clip', '7,442 clips')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _share_or_text(value: Any) -> str:
    return templates.percent(value) if isinstance(value, int | float) else str(value)
