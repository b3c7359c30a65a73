"""What an audit looks at, and what it finds: a sentence, what to do, and the clips that prove it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from emotone.analysis.audit.copies import Pair
from emotone.data.splits import Fold, Rows
from emotone.data.utterance import Table
from emotone.runs.recipe import Recipe

Severity = Literal["leak", "transductive", "note"]

SEVERITIES: tuple[Severity, ...] = ("leak", "transductive", "note")
"""The worst first: the number is not what it says; it is, for test speakers heard before; good to know."""


@dataclass(frozen=True)
class Case:
    """What is audited.

    Attributes:
        table: the clips; `speaker` is empty where nobody said who speaks.
        folds: which are learned from or watched, and which are tested.
        names: (clips,) what the clips are called.
        pairs: recordings on both sides; None where the clips were not listened to.
        sources: (clips,) what each was made from, where somebody said so.
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
        severity: of `SEVERITIES`.
        says: one sentence with the numbers.
        advice: one sentence on what to do.
        proof: what shows it, most often a tested clip and one learned from; JSON-ready.
        folds: names of the folds it is in.
        affected: names of the tested clips it touches.
        worth: what it is worth in score, where somebody measured it.
    """

    check: str
    severity: Severity
    says: str
    advice: str
    proof: Sequence[Mapping[str, Any]] = ()
    folds: Sequence[str] = ()
    affected: frozenset[str] = frozenset()
    worth: Mapping[str, Any] = field(default_factory=dict)


def learned_rows(fold: Fold) -> Rows:
    """What training has seen of a fold: learned from, or watched to choose by."""
    return np.concatenate([fold.train, fold.development])


def protocol(case: Case) -> str:
    """Of a run; empty for a table."""
    return case.recipe.data.protocol if case.recipe else ""


def named(case: Case, rows: Rows) -> list[str]:
    """What these clips are called."""
    return [case.names[row] for row in rows.tolist()]


def folds_of(proof: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the folds that a proof is in."""
    return list(dict.fromkeys(str(one["fold"]) for one in proof))


def clips(count: int) -> str:
    """`1 clip`, `2 clips`."""
    return f"{count:,} clip{'' if count == 1 else 's'}"


def few(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
