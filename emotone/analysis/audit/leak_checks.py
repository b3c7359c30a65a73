"""Leak checks: one function per way in which a test clip can be known before the test, with the clips that prove it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from emotone.analysis.audit.copy_checks import (
    copied_before_splitting,
    declared_copies,
    near_copies,
    repeated_rows,
    same_audio,
)
from emotone.analysis.audit.findings import (
    SEVERITIES,
    AuditInput,
    Finding,
    few,
    folds_of,
    names_of,
    protocol,
)
from emotone.data.speaker_ids import speaker_key, spellings
from emotone.models.pretrained.catalogue import KNOWN
from emotone.reports.wording import counted
from emotone.runs.recipe import Recipe

IMPLAUSIBLE = {"ravdess": 0.9, "crema_d": 0.9}
"""Corpus -> accuracy on unseen speakers above which a score is implausible: listeners reach about 0.6 and 0.41."""


def speakers(audited: AuditInput) -> Iterator[Finding]:
    """No speaker may be in training and in test, in whatever spelling."""
    yield from _unknown_speakers(audited)
    yield from _spellings(audited)
    speaker = audited.table.column("speaker")
    person = np.array([speaker_key(name) for name in speaker.tolist()])
    names = dict(zip(person.tolist(), speaker.tolist(), strict=True))
    names |= {speaker_key(next(iter(group))): " = ".join(map(repr, group)) for group in spellings(speaker.tolist())}
    proof, affected = [], set()
    for fold in audited.folds:
        training, tested = fold.training_side, fold.test
        for key in sorted((set(person[training]) & set(person[tested])) - {""}):
            test_clips = names_of(audited, tested[person[tested] == key])
            training_clips = names_of(audited, training[person[training] == key])
            proof.append({"speaker": names[key], "fold": fold.name, "tested": test_clips, "training": training_clips})
            affected.update(test_clips)
    if proof:
        shared = {row["speaker"] for row in proof}
        all_tested = {key for fold in audited.folds for key in person[fold.test].tolist()} - {""}
        requested = " The recipe asks for it: protocol random." if protocol(audited) == "random" else ""
        yield Finding(
            "speakers",
            "leak",
            f"{len(shared)} of {len(all_tested)} tested speakers are also in training: {few(sorted(shared))}."
            f"{requested}",
            "Split by speaker (protocol: speakers), so that every tested speaker is unseen.",
            proof,
            folds_of(proof),
            frozenset(affected),
        )


def _unknown_speakers(audited: AuditInput) -> Iterator[Finding]:
    """A note if clips have no speaker."""
    unnamed = np.flatnonzero(audited.table.column("speaker") == "")
    if not unnamed.size:
        return
    total = len(audited.table)
    what = "no clip has one"
    if unnamed.size < total:
        what = f"{unnamed.size:,} of {total:,} clips have no speaker ({few(names_of(audited, unnamed))})"
    yield Finding(
        "speakers",
        "note",
        f"Whether a speaker is on both sides cannot be checked: {what}.",
        "Add a column speaker; without it nobody can know whether a score is speaker-independent.",
    )


def _spellings(audited: AuditInput) -> Iterator[Finding]:
    """A note if several speaker ids are probably spellings of one person; the other checks count them as one."""
    found = spellings(audited.table.column("speaker").tolist())
    if found:
        listed = [
            " and ".join(f"{name!r} ({counted(rows, 'clip')})" for name, rows in group.items()) for group in found
        ]
        people = "1 speaker has" if len(found) == 1 else f"{len(found)} speakers have"
        yield Finding(
            "speaker_ids",
            "note",
            f"{people} more than one spelling: {few(listed, 10)}. The audit counts the spellings as one person.",
            "Use one spelling per person; different people need ids that differ in more than case, blanks, leading "
            "zeros or .0.",
            [{"spellings": group} for group in found],
        )


def sentences(audited: AuditInput) -> Iterator[Finding]:
    """The same sentences on both sides are usual; the finding is a note."""
    sentence, corpus = audited.table.column("sentence"), audited.table.column("corpus")
    name = np.char.add(np.char.add(corpus, "/"), sentence)
    known = sentence != ""
    both, tested_all, proof = set(), set(), []
    for fold in audited.folds:
        training, tested = (set(name[rows][known[rows]].tolist()) for rows in (fold.training_side, fold.test))
        both |= training & tested
        tested_all |= tested
        proof += [{"sentence": shared, "fold": fold.name} for shared in sorted(training & tested)]
    if both:
        yield Finding(
            "sentences",
            "note",
            f"{len(both)} of {len(tested_all)} tested sentences are also in training.",
            "Usual in acted corpora, which have few sentences; the score does not hold for new sentences.",
            proof,
            folds_of(proof),
        )


def settings(audited: AuditInput) -> Iterator[Finding]:
    """A scaler, a feature selection, thresholds or the number of epochs must not depend on test clips."""
    if audited.recipe is None:
        yield Finding(
            "settings",
            "note",
            "A table of files does not state which clips a scaler, a feature selection, thresholds or the number of "
            "epochs were fitted on.",
            "Fit them on training clips, choose on development clips; a run of emotone always does.",
        )
        return
    if audited.recipe.data.leak is not None:
        yield Finding(
            "settings",
            "leak",
            f"The recipe simulates a leak on purpose: {audited.recipe.data.leak}.",
            "Remove data.leak from the recipe; such scores only measure the effect of the leak.",
        )
    shared = [fold.name for fold in audited.folds if fold.development_by == "clips"]
    if shared and protocol(audited) != "random":
        yield Finding(
            "settings",
            "note",
            "Development clips are of training speakers; the test speakers are separate.",
            "More speakers on the training side allow separate development speakers.",
            folds=shared,
        )


def test_statistics(audited: AuditInput) -> Iterator[Finding]:
    """Normalising by a test speaker's own statistics is allowed; such a score is called transductive."""
    found = [path for path, value in _settings(audited.recipe) if value and _by_speaker(path, value)]
    if found:
        yield Finding(
            "test_statistics",
            "transductive",
            f"Features are normalised per speaker ({', '.join(found)}), so recordings of each test speaker are used "
            "before their first test clip is classified.",
            "Call the score transductive; for unseen speakers remove the setting.",
        )


def encoder(audited: AuditInput) -> Iterator[Finding]:
    """The weights of an encoder must not be trained on the corpus that is tested."""
    tested = {str(audited.table[row].corpus) for fold in audited.folds for row in fold.test.tolist()}
    for path, name in _settings(audited.recipe):
        if not path.endswith(".checkpoint") or not isinstance(name, str) or name.startswith("random:"):
            continue
        known = next((entry for short, entry in KNOWN.items() if name in (short, entry.hub_id)), None)
        if known is None or not (known.emotions_from or known.speech_from):
            yield Finding(
                "encoder",
                "note",
                f"The training data of {name} are not recorded.",
                "Look for the tested corpora in its model card.",
            )
        elif shared := sorted(tested & set(known.emotions_from)):
            yield Finding(
                "encoder",
                "leak",
                f"{known.hub_id} was fine-tuned on the emotions of {', '.join(shared)}, which is tested here.",
                "Choose an encoder that was not, or test on another corpus.",
                affected=frozenset(
                    audited.names[row]
                    for fold in audited.folds
                    for row in fold.test.tolist()
                    if audited.table[row].corpus in shared
                ),
            )


def plausible(audited: AuditInput) -> Iterator[Finding]:
    """A score on unseen speakers far above that of listeners needs a second look."""
    if audited.scores is None or not audited.scores["speaker_independent"]:
        return
    for corpus, limit in IMPLAUSIBLE.items():
        part = audited.scores["per_corpus"].get(corpus)
        if part and len(audited.scores["classes"]) >= 6 and (part["scores"]["accuracy"]["value"] or 0.0) > limit:
            accuracy = 100 * part["scores"]["accuracy"]["value"]
            yield Finding(
                "plausible",
                "note",
                f"Implausible: accuracy {accuracy:.1f} % on {corpus} with separate speakers; above {100 * limit:.0f} % "
                "a leak that no check finds is more likely than such a good model.",
                "Look for what else the two sides share: pretrained weights, features made elsewhere, label files.",
            )


Check = Callable[[AuditInput], Iterable[Finding]]
CHECKS: tuple[Check, ...] = (
    speakers,
    same_audio,
    near_copies,
    declared_copies,
    copied_before_splitting,
    settings,
    test_statistics,
    encoder,
    plausible,
    repeated_rows,
    sentences,
)


def find(audited: AuditInput) -> list[Finding]:
    """Findings of all checks, the worst first."""
    found = [finding for check in CHECKS for finding in check(audited)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _settings(recipe: Recipe | None) -> list[tuple[str, Any]]:
    """Path and value of every setting of a recipe, including inherited settings and defaults."""
    if recipe is None:
        return []
    content = recipe.model_dump(mode="json", exclude={"source", "title"})

    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if parts is None:
            yield path, value
            return
        for key, inner in parts:
            yield from walk(inner, f"{path}.{key}" if path else str(key))

    return list(walk(content, ""))


def _by_speaker(path: str, value: Any) -> bool:
    """Whether a setting normalises by statistics of each speaker."""
    last = path.rpartition(".")[2]
    return value in ("speaker", "per_speaker") or (value is True and "speaker" in last) or last == "speaker_seconds"
