"""What a row of a benchmark says of itself, in words: scores with intervals, its protocol, what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


def protocol_of(row: Row) -> str:
    """The protocol for a table; one that tests voices heard in training says so, as do folds that were left out.

    >>> protocol_of({"protocol": "random", "speaker_independent": False})
    'random (NOT speaker-independent)'
    >>> protocol_of({"protocol": "speakers", "speaker_independent": True, "folds": 1, "folds_made": 5})
    'speakers, 1 of 5 folds'
    """
    folds, made = row.get("folds", 0), row.get("folds_made", 0)
    left_out = f", {folds} of {made} folds" if folds < made else ""
    return str(row["protocol"]) + left_out + ("" if row["speaker_independent"] else " (NOT speaker-independent)")


def is_plumbing(row: Row) -> bool:
    """Whether a row only shows that a system runs, its pretrained weights being absent."""
    return any(caveat.startswith("untrained plumbing") for caveat in row.get("caveats", []))


def marked(name: str, row: Row) -> str:
    """A name for a table, with what was changed and what speaks against its scores.

    >>> marked("utbm/vgg19", {"caveats": ["untrained plumbing, not a result"], "varied": {"data.balance": "none"}})
    'utbm/vgg19, data.balance=none (! untrained plumbing, not a result)'
    """
    varied = [*row.get("changes", []), *(f"{key}={value}" for key, value in row.get("varied", {}).items())]
    return " ".join([", ".join([name, *varied]), *(f"(! {caveat})" for caveat in row.get("caveats", []))])


def claim_of(row: Row) -> str:
    """What was claimed, and of what.

    >>> claim_of({"claimed": {"accuracy": 0.76, "macro_f1": 0.753}, "claimed_on": "six corpora"})
    'accuracy 76.0, macro-F1 75.3 (six corpora)'
    """
    names = {"uar": "UAR", "macro_f1": "macro-F1"}
    scores = ", ".join(f"{names.get(name, name)} {100 * value:.1f}" for name, value in (row["claimed"] or {}).items())
    return scores + (f" ({row['claimed_on']})" if row["claimed_on"] else "")


def corpora_of(row: Row) -> str:
    """The corpora that were used, and those that a recipe names but were not there.

    >>> corpora_of({"corpus": "ravdess", "missing": {"savee": "not found"}, "instead_of": []})
    'ravdess (without savee)'
    """
    if row.get("instead_of"):
        return f"{row['corpus']} (instead of {', '.join(row['instead_of'])})"
    return str(row["corpus"]) + (f" (without {', '.join(row['missing'])})" if row["missing"] else "")


def step_of(row: Row) -> str:
    """What is done wrong under a row of the staircase.

    >>> step_of({"protocol": "random", "caveats": ["a planted mistake, not a result: copies before the split"]})
    'split by clip; copies before the split'
    """
    split = "new speakers in test" if row["protocol"] == "speakers" else "split by clip"
    return "; ".join([split, *(caveat.partition(": ")[2] for caveat in row["caveats"] if "planted" in caveat)])


def votes_of(votes: Row) -> list[tuple[str, str]]:
    """What a run's `votes` say, as (name, number) for people."""
    agreement, percents = votes["agreement"], "in percent"
    listener = percent(agreement["listener"])
    return [
        (
            "cross-entropy with the votes, nats",
            f"{plain(votes['cross_entropy'])}; at least {votes['entropy']['value']:.3f}",
        ),
        ("correlation with the votes over clips, mean of labels", plain(votes["pearson"])),
        (
            f"label most listeners chose, {percents}",
            f"{percent(votes['majority']['accuracy'])} of {votes['majority']['clips']:,} clips without a tie",
        ),
        (f"a listener agrees with the model, {percents}", percent(agreement["model"])),
        (
            f"a listener agrees with another, {percents}",
            listener if listener != "-" else "- (the corpus does not say how many listened)",
        ),
        (f"a listener agrees with what most say, {percents}", percent(agreement["best"])),
    ]


def plain(interval: Mapping[str, float | None]) -> str:
    """A score that is no share, with its interval.

    >>> plain({"value": 1.2345, "low": 1.1, "high": None})
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


def _hundredfold(share: float) -> str:
    """In percent; what rounds to nothing has no sign."""
    return f"{round(100 * share, 1) + 0.0:.1f}"
