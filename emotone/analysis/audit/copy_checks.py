"""Checks for one recording on both sides of a split: the same samples, copies, and copies that a table declares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from emotone.analysis.audit.copies import Pair
from emotone.analysis.audit.findings import AuditInput, Finding, few, folds_of
from emotone.data import corpora
from emotone.data.file_finder import identity
from emotone.reports.wording import counted

_SYSTEMATIC = 5
"""Smallest number of test clips with copies on the training side that is reported as a systematic mistake."""


def same_audio(audited: AuditInput) -> Iterator[Finding]:
    """No recording may be on both sides, sample by sample."""
    pairs = [pair for pair in audited.pairs or [] if pair.equal] + list(_same_stretch(audited))
    proof = _across(audited, {(pair.first, pair.second): "the same samples" for pair in pairs})
    yield from _copied(
        audited,
        "same_audio",
        proof,
        "with the same samples on the training side",
        "Keep each recording once, or put both of a pair on one side.",
    )


def near_copies(audited: AuditInput) -> Iterator[Finding]:
    """No copy of a recording may be on the other side: re-encoded, louder, trimmed, stretched."""
    if audited.pairs is None:
        yield Finding(
            "near_copies",
            "note",
            "No audio was compared: recordings and copies on both sides were searched by file name only.",
            "Put the files at the paths that the table names, and audit again.",
        )
    how = {pair[:2]: f"agreement {pair.agreement:.2f}" for pair in audited.pairs or [] if not pair.equal}
    yield from _copied(
        audited,
        "near_copies",
        _across(audited, how),
        "with a copy (re-encoded, trimmed, stretched or louder) on the training side",
        "Remove the copies, or put them on the side of the recording they were made from.",
    )


def declared_copies(audited: AuditInput) -> Iterator[Finding]:
    """No clip may be tested if its source, or a copy of it, is in training."""
    proof = _across(audited, dict.fromkeys(_declared(audited), "declared by source"))
    if proof:
        affected = frozenset(row["tested"] for row in proof)
        yield Finding(
            "declared_copies",
            "leak",
            f"{counted(len(affected), 'test clip')} with a copy, or the source, on the training side.",
            "Split first, then make copies of training clips only.",
            proof,
            folds_of(proof),
            affected,
        )


def copied_before_splitting(audited: AuditInput) -> Iterator[Finding]:
    """Many copies on both sides: clips were copied, then split."""
    known = {pair[:2] for pair in audited.pairs or []} | {pair[:2] for pair in _same_stretch(audited)}
    known |= set(_declared(audited))
    foreign = {pair: "copy" for pair in known if not _published_twins(audited, *pair)}
    proof = _across(audited, foreign)
    affected = frozenset(row["tested"] for row in proof)
    if len(affected) >= _SYSTEMATIC:
        yield Finding(
            "copied_before_splitting",
            "leak",
            f"{counted(len(affected), 'test clip')} with copies on the training side: clips were probably oversampled "
            "or augmented before the split.",
            "Split first; then balance and augment the training side (as data.balance and augment do).",
            proof,
            folds_of(proof),
            affected,
        )


def repeated_rows(audited: AuditInput) -> Iterator[Finding]:
    """Rows that name the same audio as an earlier row of the same side are counted twice."""
    sides = [set(rows.tolist()) for fold in audited.folds for rows in (fold.test, fold.training_side)]
    earlier: dict[int, int] = {}
    for first, second, _ in _same_stretch(audited):
        if all((first in side) == (second in side) for side in sides):
            earlier.setdefault(second, first)
    if earlier:
        repeated = [f"{audited.names[row]} = {audited.names[first]}" for row, first in sorted(earlier.items())]
        what = "1 row names" if len(repeated) == 1 else f"{len(repeated):,} rows name"
        yield Finding(
            "repeated_rows",
            "note",
            f"{what} the same audio as another row of the same side, which is counted twice: {few(repeated)}.",
            "Keep each recording once.",
            [{"rows": text} for text in repeated],
        )


def _copied(audited: AuditInput, check: str, proof: list[dict[str, Any]], what: str, advice: str) -> Iterator[Finding]:
    """Copies across sides; duplicates of a published corpus itself are a note."""
    published: list[dict[str, Any]] = []
    foreign: list[dict[str, Any]] = []
    for row in proof:
        (published if _published_twins(audited, *row["rows"]) else foreign).append(row)
    if foreign:
        affected = frozenset(row["tested"] for row in foreign)
        message = f"{counted(len(affected), 'test clip')} {what}: {few(sorted(affected))}."
        yield Finding(check, "leak", message, advice, _shown(foreign), folds_of(foreign), affected)
    if published:
        affected = frozenset(row["tested"] for row in published)
        similar = "have the same samples" if check == "same_audio" else "are as similar as copies"
        yield Finding(
            check,
            "note",
            f"{counted(len(affected), 'test clip')} and a training clip {similar}, published under two names: the "
            f"corpus's own duplicate: {few(sorted(affected))}.",
            "The corpus was published so; drop one clip of each pair, or keep both and report it.",
            _shown(published),
            folds_of(published),
            affected,
        )


def _across(audited: AuditInput, pairs: Mapping[tuple[int, int], str]) -> list[dict[str, Any]]:
    """Fold, test clip and training clip, for each pair that is on both sides of a fold."""
    proof = []
    for fold in audited.folds:
        tested, training = set(fold.test.tolist()), set(fold.training_side.tolist())
        for (a, b), how in pairs.items():
            for test, train in ((a, b), (b, a)):
                if test in tested and train in training:
                    names = {"tested": audited.names[test], "training": audited.names[train]}
                    proof.append({**names, "how": how, "fold": fold.name, "rows": (test, train)})
    return proof


def _same_stretch(audited: AuditInput) -> Iterator[Pair]:
    """Rows of one file, under whatever name, whose stretches overlap."""
    by_file: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row, clip in enumerate(audited.table):
        by_file[identity(clip.file)].append(row)
    for rows in by_file.values():
        for a, b in combinations(rows, 2):
            clips = [audited.table[row] for row in (a, b)]
            ends_s = [np.inf if clip.end_s is None else clip.end_s for clip in clips]
            if max(clip.start_s for clip in clips) < min(ends_s):
                yield Pair(a, b, 1.0)


def _declared(audited: AuditInput) -> list[tuple[int, int]]:
    """Rows made from one source, including the source itself."""
    ids = {clip.id for clip in audited.table}
    by_name = {Path(clip.id).name: clip.id for clip in audited.table}
    origin: dict[str, list[int]] = defaultdict(list)
    for row, source in enumerate(audited.sources):
        known = source if source in ids else by_name.get(source, source)  # some tables give the file name only
        origin[known or audited.table[row].id].append(row)
    return [pair for rows in origin.values() for pair in combinations(rows, 2)]


def _published_twins(audited: AuditInput, first: int, second: int) -> bool:
    """Whether both are clips of one published corpus, under two of its names."""
    a, b = (_published(audited.table[row].file) for row in (first, second))
    return not a & b and bool({name for name, _ in a} & {name for name, _ in b})


@lru_cache(maxsize=1 << 16)
def _published(file: Path) -> frozenset[tuple[str, str]]:
    """(corpus, id) of the published clips that have this file name."""
    parsed = ((name, corpora.published(name).parse(file)) for name in corpora.published_names())
    return frozenset((name, clip.id) for name, clip in parsed if clip is not None)


def _shown(proof: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "rows"} for row in proof]
