"""Sentences and table cells about a run or a row of a benchmark: protocol, scores, claims, limitations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emotone.reports import templates
from emotone.runs.run import SCORES_ALONE

_METRICS = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro-F1"}
_PROTOCOLS = {
    "speakers": "no speaker in both train and test",
    "random": "random split by clip, the same speakers in train and test",
    "cross-corpus": "no corpus in both train and test",
}
Scores = Mapping[str, Any]
"""The content of a run's scores.json."""
Row = Mapping[str, Any]
"""A row of a benchmark."""


def facts(scores: Scores) -> list[str]:
    """What the scores were measured on, as short phrases."""
    protocol = _PROTOCOLS.get(scores["protocol"])
    return [
        *([f"trained on {', '.join(scores['learned_from'])}"] if scores.get("learned_from") else []),
        ("tested on " if scores.get("learned_from") else "") + ", ".join(scores["corpora"]),
        counted(scores["clips"], "clip"),
        counted(scores["speakers"], "speaker"),
        counted(len(scores["classes"]), "emotion"),
        folds_of(scores),
        f"protocol {scores['protocol']}" + (f": {protocol}" if protocol else ""),
    ]


def folds_of(scores: Scores) -> str:
    """The number of folds that were run, and of all folds if some were not.

    >>> folds_of({"folds": 1, "folds_made": 5})
    '1 of 5 folds'
    """
    made = scores.get("folds_made", scores["folds"])
    return counted(made, "fold") if made == scores["folds"] else f"{scores['folds']} of {counted(made, 'fold')}"


def claims(scores: Scores) -> list[tuple[str, str, float | None]]:
    """(score, claimed value, measured value) for each claim of the source; also of a row of a benchmark.

    >>> claims({"claimed": {"uar": 0.9}, "scores": {"uar": {"value": 0.7}}})
    [('UAR', '90.0', 0.7)]
    """
    measured = scores.get("scores", {})
    return [
        (_METRICS.get(name, name), _share_or_text(value), measured.get(name, {}).get("value"))
        for name, value in (scores.get("claimed") or {}).items()
    ]


def limits(scores: Scores) -> Iterator[tuple[str, bool]]:
    """(sentence, whether it states a measurement) on where the model fails and what was not tested."""
    if scores.get("not_exported") == SCORES_ALONE:
        yield "It was trained for its scores only; there is no model to predict with.", False
    elif scores.get("not_exported"):
        kept = "" if "ensemble" in scores else " The weights are stored as safetensors."
        yield f"There is no exported model: {scores['not_exported']}.{kept}", False
    per_class = {label: row for label, row in scores["per_class"].items() if row["recall"]["value"] is not None}
    if per_class:
        label = min(per_class, key=lambda name: per_class[name]["recall"]["value"])
        index = scores["classes"].index(label)
        wrong = [0 if column == index else clips for column, clips in enumerate(scores["confusion"][index])]
        confused = f", most often predicted as {scores['classes'][wrong.index(max(wrong))]}" if any(wrong) else ""
        recall = templates.percent(per_class[label]["recall"]["value"])
        yield f"Lowest recall: {label}, {recall}\u00a0%{confused}.", True
    speakers = scores["per_speaker"]
    if len(speakers) > 1:
        worst, best = (pick(speakers, key=lambda name: speakers[name]["uar"]) for pick in (min, max))
        low, high = (templates.percent(speakers[name]["uar"]) for name in (worst, best))
        yield f"The UAR depends on the speaker: {low}\u00a0% for {worst}, {high}\u00a0% for {best}.", True
    if scores["scores"]["ece"]["value"] is not None:
        gap = templates.percent(scores["scores"]["ece"]["value"])
        yield f"Confidence and accuracy differ by {gap} points on average.", True
    yield (
        "Tested on recordings of corpora, most of them acted; not tested on telephone calls, in cars or on children.",
        False,
    )
    if scores["speaker_independent"] and "clips" in scores.get("development_by", ()):
        yield (
            "In at least one fold, development and training clips share speakers; the test speakers are separate.",
            False,
        )


def conditions(scores: Scores) -> Iterator[str]:
    """Sentences on corpora that were not found and labels that were changed."""
    for corpus, reason in scores.get("missing", {}).items():
        yield f"Without {corpus}, which the recipe names: {reason}"
    if scores["labels_note"] or scores["dropped"]:
        dropped = f"; {counted(scores['dropped'], 'clip')} dropped" if scores["dropped"] else ""
        yield f"Labels: {scores['labels_note'].removeprefix('labels ') or 'unchanged'}{dropped}."


def protocol_of(row: Row) -> str:
    """The protocol for a table, with the folds that were run and a note where it is not speaker-independent.

    >>> protocol_of({"protocol": "random", "speaker_independent": False})
    'random (not speaker-independent)'
    >>> protocol_of({"protocol": "speakers", "speaker_independent": True, "folds": 1, "folds_made": 5})
    'speakers, 1 of 5 folds'
    """
    folds, made = row.get("folds", 0), row.get("folds_made", 0)
    left_out = f", {folds} of {made} folds" if folds < made else ""
    return str(row["protocol"]) + left_out + ("" if row["speaker_independent"] else " (not speaker-independent)")


def is_untrained(row: Row) -> bool:
    """Whether a row has random weights in place of pretrained ones, and so is not a result."""
    return any(caveat.startswith("untrained") for caveat in row.get("caveats", []))


def marked(name: str, row: Row) -> str:
    """A name for a table, with the changed settings and the caveats of its scores.

    >>> marked("utbm/vgg19", {"caveats": ["untrained, not a result"], "varied": {"data.balance": "none"}})
    'utbm/vgg19, data.balance=none (! untrained, not a result)'
    """
    varied = [*row.get("changes", []), *(f"{key}={value}" for key, value in row.get("varied", {}).items())]
    return " ".join([", ".join([name, *varied]), *(f"(! {caveat})" for caveat in row.get("caveats", []))])


def claim_of(row: Row) -> str:
    """The claimed scores in percent, and what they were measured on.

    >>> claim_of({"claimed": {"accuracy": 0.76, "macro_f1": 0.753}, "claimed_on": "six corpora"})
    'accuracy 76.0, macro-F1 75.3 (six corpora)'
    """
    scores = ", ".join(
        f"{_METRICS.get(name, name)} {100 * value:.1f}" for name, value in (row["claimed"] or {}).items()
    )
    return scores + (f" ({row['claimed_on']})" if row["claimed_on"] else "")


def corpora_of(row: Row) -> str:
    """The corpora that were used, and those of the recipe that were not available.

    >>> corpora_of({"corpus": "ravdess", "missing": {"savee": "not found"}, "instead_of": []})
    'ravdess (without savee)'
    """
    if row.get("instead_of"):
        return f"{row['corpus']} (instead of {', '.join(row['instead_of'])})"
    return str(row["corpus"]) + (f" (without {', '.join(row['missing'])})" if row["missing"] else "")


def step_of(row: Row) -> str:
    """The split and the simulated leak of a row.

    >>> step_of({"protocol": "random", "caveats": ["simulated leak, not a result: copies before the split"]})
    'random split; copies before the split'
    """
    split = "split by speaker" if row["protocol"] == "speakers" else "random split"
    return "; ".join([split, *(caveat.partition(": ")[2] for caveat in row["caveats"] if "not a result: " in caveat)])


def votes_of(votes: Row) -> list[tuple[str, str]]:
    """The scores of a run against listeners' votes, as (name, number) for people."""
    agreement, percents = votes["agreement"], "in percent"
    listener = percent(agreement["listener"])
    return [
        (
            "cross-entropy with the votes, nats",
            f"{decimal(votes['cross_entropy'])}; at least {votes['entropy']['value']:.3f}",
        ),
        ("Pearson correlation with the votes over clips, mean of labels", decimal(votes["pearson"])),
        (
            f"accuracy against the majority of listeners, {percents}",
            f"{percent(votes['majority']['accuracy'])} of {votes['majority']['clips']:,} clips without a tie",
        ),
        (f"agreement of a listener with the model, {percents}", percent(agreement["model"])),
        (
            f"agreement of a listener with another listener, {percents}",
            listener if listener != "-" else "- (the corpus does not state the number of listeners)",
        ),
        (f"agreement of a listener with the majority, {percents}", percent(agreement["best"])),
    ]


def decimal(interval: Mapping[str, float | None]) -> str:
    """A score as a decimal number, with its interval.

    >>> decimal({"value": 1.2345, "low": 1.1, "high": None})
    '1.234'
    """
    value, low, high = interval["value"], interval["low"], interval["high"]
    bounds = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return "-" if value is None else f"{value:.3f}{bounds}"


def percent(interval: Mapping[str, float | None]) -> str:
    """A score with its interval, in percent, and its spread over seeds.

    >>> percent({"value": 0.627, "low": 0.571, "high": 0.68}), percent({"value": -0.0001})
    ('62.7 [57.1, 68.0]', '0.0')
    """
    value, low, high, spread = (interval.get(name) for name in ("value", "low", "high", "spread"))
    if value is None:
        return "-"
    bounds = "" if low is None or high is None else f" [{_hundredfold(low)}, {_hundredfold(high)}]"
    return _hundredfold(value) + bounds + ("" if spread is None else f" ±{_hundredfold(spread)}")


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "clip"), counted(7442, "clip")
    ('1 clip', '7,442 clips')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _share_or_text(value: Any) -> str:
    return templates.percent(value) if isinstance(value, int | float) else str(value)


def _hundredfold(share: float) -> str:
    """In percent; zero has no sign."""
    return f"{round(100 * share, 1) + 0.0:.1f}"
