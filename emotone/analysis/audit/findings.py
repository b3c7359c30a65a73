"""Input of an audit, and its findings: a message, advice, and the clips that prove it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from emotone.analysis.audit.copies import Pair
from emotone.data.splits import Fold, Rows
from emotone.data.utterance import Table
from emotone.runs.recipe import Recipe

Severity = Literal["leak", "transductive", "note"]

SEVERITIES: tuple[Severity, ...] = ("leak", "transductive", "note")
"""The worst first: the score is not valid; it is valid for test speakers with earlier recordings; for information."""


@dataclass(frozen=True)
class AuditInput:
    """What an audit looks at.

    Attributes:
        table: the clips; `speaker` is empty where it is not known.
        folds: the training, development and test clips of each fold.
        names: (clips,) the clips' names in messages.
        pairs: recordings on both sides of a fold; None where no audio was compared.
        sources: (clips,) the clip that each was made from, where the table states it.
        recipe, scores: of a run.
    """

    table: Table
    folds: Sequence[Fold]
    names: Sequence[str]
    pairs: Sequence[Pair] | None = None
    sources: Sequence[str] = ()
    recipe: Recipe | None = None
    scores: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Finding:
    """What one check found, over all folds.

    Attributes:
        check: its name.
        severity: one of `SEVERITIES`.
        message: one sentence with the numbers.
        advice: one sentence on what to do.
        proof: the evidence, most often a test clip and a training clip; JSON-ready.
        folds: names of the folds it is in.
        affected: names of the affected test clips.
        effect: its effect on the score, where it was measured: `message`, and the UAR of `affected` and `others`.
    """

    check: str
    severity: Severity
    message: str
    advice: str
    proof: Sequence[Mapping[str, Any]] = ()
    folds: Sequence[str] = ()
    affected: frozenset[str] = frozenset()
    effect: Mapping[str, Any] = field(default_factory=dict)


def protocol(audited: AuditInput) -> str:
    """Protocol of a run; empty for a table."""
    return audited.recipe.data.protocol if audited.recipe else ""


def names_of(audited: AuditInput, rows: Rows) -> list[str]:
    """Names of these clips."""
    return [audited.names[row] for row in rows.tolist()]


def folds_of(proof: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the folds that a proof is in."""
    return list(dict.fromkeys(str(row["fold"]) for row in proof))


def few(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
