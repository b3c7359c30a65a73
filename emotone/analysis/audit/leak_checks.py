"""What lets a test clip be known before it is tested: one small check per way, each with the clips that prove it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from emotone.analysis.audit.copy_checks import copied_before_splitting, declared_copies, near_copies, same_audio
from emotone.analysis.audit.findings import SEVERITIES, Case, Finding, few, folds_of, learned_rows, named, protocol
from emotone.models.pretrained.catalogue import KNOWN
from emotone.runs.recipe import Recipe

IMPLAUSIBLE = {"ravdess": 0.9, "crema_d": 0.9}
"""Corpus -> accuracy that nobody reaches on unheard voices: listeners reach about 0.6 and 0.41."""


def speakers(case: Case) -> Iterator[Finding]:
    """No voice may be learned from and tested."""
    speaker = case.table.column("speaker")
    if not (speaker != "").all():
        some = f"{int((speaker == '').sum()):,} of {len(speaker):,} clips have" if (speaker != "").any() else "there is"
        yield Finding(
            "speakers",
            "note",
            f"Whether a voice is on both sides cannot be checked: {some} no speaker.",
            "Add a column speaker; without it nobody can say what a score is worth.",
        )
    proof, affected = [], set()
    for fold in case.folds:
        learned, tested = learned_rows(fold), fold.test
        for voice in sorted((set(speaker[learned]) & set(speaker[tested])) - {""}):
            theirs = named(case, tested[speaker[tested] == voice])
            heard = named(case, learned[speaker[learned] == voice])
            proof.append({"speaker": str(voice), "fold": fold.name, "tested": theirs, "learned": heard})
            affected.update(theirs)
    if proof:
        voices = {str(one["speaker"]) for one in proof}
        all_voices = {voice for fold in case.folds for voice in speaker[fold.test].tolist()} - {""}
        asked = " The recipe asks for it: protocol random." if protocol(case) == "random" else ""
        yield Finding(
            "speakers",
            "leak",
            f"{len(voices)} of {len(all_voices)} tested speakers are also learned from: {few(sorted(voices))}.{asked}",
            "Split by speaker (protocol: speakers), so that every tested voice is new.",
            proof,
            folds_of(proof),
            frozenset(affected),
        )


def sentences(case: Case) -> Iterator[Finding]:
    """The same words on both sides are usual, and worth knowing."""
    sentence, corpus = case.table.column("sentence"), case.table.column("corpus")
    said = np.char.add(np.char.add(corpus, "/"), sentence)
    known = sentence != ""
    both, tested_all, proof = set(), set(), []
    for fold in case.folds:
        learned, tested = (set(said[rows][known[rows]].tolist()) for rows in (learned_rows(fold), fold.test))
        both |= learned & tested
        tested_all |= tested
        proof += [{"sentence": one, "fold": fold.name} for one in sorted(learned & tested)]
    if both:
        yield Finding(
            "sentences",
            "note",
            f"{len(both)} of {len(tested_all)} tested sentences are also learned from.",
            "Usual in acted corpora, which have few sentences; the score does not speak for words that are new.",
            proof,
            folds_of(proof),
        )


def settings(case: Case) -> Iterator[Finding]:
    """A scaler, a choice of features, thresholds or epochs must not have seen a test clip."""
    if case.recipe is None:
        yield Finding(
            "settings",
            "note",
            "A table of files does not say what a scaler, a selection of features, thresholds or the number of epochs "
            "were fitted on.",
            "Fit them on training clips, choose on development clips; a run of emotone always does.",
        )
        return
    if case.recipe.data.leak is not None:
        yield Finding(
            "settings",
            "leak",
            f"A mistake was planted on purpose: {case.recipe.data.leak}.",
            "Leave data.leak out of the recipe; such scores only show what the mistake is worth.",
        )
    shared = [fold.name for fold in case.folds if fold.development_by == "clips"]
    if shared and protocol(case) != "random":
        yield Finding(
            "settings",
            "note",
            "Training was watched on voices it also learned from; the test voices stayed apart.",
            "More speakers on the training side allow development speakers of their own.",
            folds=shared,
        )


def test_statistics(case: Case) -> Iterator[Finding]:
    """Normalising by a test speaker's own statistics is allowed, and has a name."""
    named = [path for path, value in _settings(case.recipe) if value and _by_speaker(path, value)]
    if named:
        yield Finding(
            "test_statistics",
            "transductive",
            f"Numbers are normalised speaker by speaker ({', '.join(named)}), so each test speaker is heard before "
            "the first test clip is classified.",
            "Call the score transductive; for unheard callers leave the setting out.",
        )


def encoder(case: Case) -> Iterator[Finding]:
    """The weights of an encoder must not have been made with the corpus they are tested on."""
    tested = {str(case.table[row].corpus) for fold in case.folds for row in fold.test.tolist()}
    for path, name in _settings(case.recipe):
        if not path.endswith(".checkpoint") or not isinstance(name, str) or name.startswith("random:"):
            continue
        known = next((one for short, one in KNOWN.items() if name in (short, one.hub_id)), None)
        if known is None or not (known.emotions_from or known.speech_from):
            yield Finding(
                "encoder",
                "note",
                f"It is not recorded what {name} was trained on.",
                "Look at its model card for the corpora tested here.",
            )
        elif met := sorted(tested & set(known.emotions_from)):
            yield Finding(
                "encoder",
                "leak",
                f"{known.hub_id} was tuned on the emotions of {', '.join(met)}, which is tested here.",
                "Take an encoder that was not, or test on another corpus.",
                affected=frozenset(
                    case.names[row]
                    for fold in case.folds
                    for row in fold.test.tolist()
                    if case.table[row].corpus in met
                ),
            )


def plausible(case: Case) -> Iterator[Finding]:
    """A score on unheard voices that is far above what listeners reach asks for a second look."""
    if case.scores is None or not case.scores["speaker_independent"]:
        return
    for corpus, most in IMPLAUSIBLE.items():
        part = case.scores["per_corpus"].get(corpus)
        if part and len(case.scores["classes"]) >= 6 and (part["scores"]["accuracy"]["value"] or 0.0) > most:
            came = 100 * part["scores"]["accuracy"]["value"]
            yield Finding(
                "plausible",
                "note",
                f"Implausible: accuracy {came:.1f} % on {corpus} with speakers apart; over {100 * most:.0f} % a leak "
                "that no check sees is likelier than a model that good.",
                "Look for what else the two sides share: pretrained weights, features made elsewhere, label files.",
            )


Check = Callable[[Case], Iterable[Finding]]
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
    sentences,
)


def find(case: Case) -> list[Finding]:
    """What all checks find, the worst first."""
    found = [finding for check in CHECKS for finding in check(case)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _settings(recipe: Recipe | None) -> list[tuple[str, Any]]:
    """Every setting of a recipe with its path, those of what it extends and of its defaults too."""
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
    """Whether a setting says that statistics are taken speaker by speaker."""
    last = path.rpartition(".")[2]
    return value in ("speaker", "per_speaker") or (value is True and "speaker" in last) or last == "speaker_seconds"
