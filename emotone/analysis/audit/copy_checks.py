"""Checks for one recording on both sides: the same samples, copies of it, copies that a table owns up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from emotone.analysis.audit.copies import Pair
from emotone.analysis.audit.findings import Case, Finding, clips, few, folds_of, learned_rows
from emotone.data import corpora

_SYSTEMATIC = 5  # test clips with copies on the training side from which on it looks like a habit


def same_audio(case: Case) -> Iterator[Finding]:
    """No recording may be on both sides, sample by sample."""
    pairs = [pair for pair in case.pairs or [] if pair.equal] + list(_same_stretch(case))
    proof = _across(case, {(pair.first, pair.second): "the same samples" for pair in pairs})
    yield from _copied(
        case,
        "same_audio",
        proof,
        "of which the very samples are on the training side",
        "Keep each recording once, or both of a pair on one side.",
    )


def near_copies(case: Case) -> Iterator[Finding]:
    """No copy of a recording may be on the other side: re-encoded, louder, trimmed, stretched."""
    if case.pairs is None:
        yield Finding(
            "near_copies",
            "note",
            "The clips were not listened to: recordings and copies on both sides were looked for by file name alone.",
            "Put the files where the table says, and audit again.",
        )
    how = {pair[:2]: f"agreement {pair.agreement:.2f}" for pair in case.pairs or [] if not pair.equal}
    yield from _copied(
        case,
        "near_copies",
        _across(case, how),
        "of which a copy (re-encoded, trimmed, stretched or louder) is on the training side",
        "Remove the copies, or put them on the side of the recording they were made from.",
    )


def declared_copies(case: Case) -> Iterator[Finding]:
    """No clip may be tested while what it was made from, or is made from it, is learned from."""
    proof = _across(case, dict.fromkeys(_declared(case), "declared by source"))
    if proof:
        affected = frozenset(one["tested"] for one in proof)
        yield Finding(
            "declared_copies",
            "leak",
            f"{clips(len(affected))} tested of which a copy, or the source, is on the training side.",
            "Split first, then make copies of training clips alone.",
            proof,
            folds_of(proof),
            affected,
        )


def copied_before_splitting(case: Case) -> Iterator[Finding]:
    """Many copies on both sides: the set was enlarged, then split."""
    known = {pair[:2] for pair in case.pairs or []} | {pair[:2] for pair in _same_stretch(case)} | set(_declared(case))
    foreign = {pair: "copy" for pair in known if not _published_twins(case, *pair)}
    proof = _across(case, foreign)
    affected = frozenset(one["tested"] for one in proof)
    if len(affected) >= _SYSTEMATIC:
        yield Finding(
            "copied_before_splitting",
            "leak",
            f"{clips(len(affected))} tested have copies on the training side: it looks as if clips were oversampled "
            "or augmented first and split afterwards.",
            "Split first; then balance and augment the training side (data.balance and augment do it so).",
            proof,
            folds_of(proof),
            affected,
        )


def _copied(case: Case, check: str, proof: list[dict[str, Any]], what: str, advice: str) -> Iterator[Finding]:
    """Copies across sides; those that a published corpus has of its own are named as what they are."""
    own: list[dict[str, Any]] = []
    foreign: list[dict[str, Any]] = []
    for one in proof:
        (own if _published_twins(case, *one["rows"]) else foreign).append(one)
    if foreign:
        affected = frozenset(one["tested"] for one in foreign)
        says = f"{clips(len(affected))} tested {what}: {few(sorted(affected))}."
        yield Finding(check, "leak", says, advice, _shown(foreign), folds_of(foreign), affected)
    if own:
        affected = frozenset(one["tested"] for one in own)
        alike = "are the same samples" if check == "same_audio" else "sound alike as copies do"
        yield Finding(
            check,
            "note",
            f"{clips(len(affected))} tested and a clip learned from {alike}, published under two names: the corpus's "
            f"own duplicate: {few(sorted(affected))}.",
            "The corpus was published so; drop one of each pair, or leave it and say so.",
            _shown(own),
            folds_of(own),
            affected,
        )


def _across(case: Case, pairs: Mapping[tuple[int, int], str]) -> list[dict[str, Any]]:
    """Fold, tested clip and clip learned from, for each pair that is on both sides of a fold."""
    proof = []
    for fold in case.folds:
        tested, learned = set(fold.test.tolist()), set(learned_rows(fold).tolist())
        for (a, b), how in pairs.items():
            for test, learn in ((a, b), (b, a)):
                if test in tested and learn in learned:
                    names = {"tested": case.names[test], "learned": case.names[learn]}
                    proof.append({**names, "how": how, "fold": fold.name, "rows": (test, learn)})
    return proof


def _same_stretch(case: Case) -> Iterator[Pair]:
    """Rows of one file whose stretches overlap."""
    by_file: dict[Path, list[int]] = defaultdict(list)
    for row, clip in enumerate(case.table):
        by_file[clip.file].append(row)
    for rows in by_file.values():
        for a, b in combinations(rows, 2):
            starts_s, ends_s = zip(*((case.table[row].start_s, case.table[row].end_s) for row in (a, b)), strict=True)
            if max(starts_s) < min(np.inf if end_s is None else end_s for end_s in ends_s):
                yield Pair(a, b, 1.0)


def _declared(case: Case) -> list[tuple[int, int]]:
    """Rows that come from one source, the source itself among them."""
    ids = {clip.id for clip in case.table}
    by_name = {Path(clip.id).name: clip.id for clip in case.table}
    origin: dict[str, list[int]] = defaultdict(list)
    for row, source in enumerate(case.sources):
        known = source if source in ids else by_name.get(source, source)  # some tables say the file's name alone
        origin[known or case.table[row].id].append(row)
    return [pair for rows in origin.values() for pair in combinations(rows, 2)]


def _published_twins(case: Case, first: int, second: int) -> bool:
    """Whether both are clips of one published corpus, under two names of it."""
    a, b = (_published(case.table[row].file) for row in (first, second))
    return not a & b and bool({name for name, _ in a} & {name for name, _ in b})


@lru_cache(maxsize=1 << 16)
def _published(file: Path) -> frozenset[tuple[str, str]]:
    """(corpus, id) of what a file may be by its name."""
    made = ((name, corpora.published(name).parse(file)) for name in corpora.published_names())
    return frozenset((name, clip.id) for name, clip in made if clip is not None)


def _shown(proof: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in one.items() if key != "rows"} for one in proof]
