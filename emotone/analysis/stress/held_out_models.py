"""Voices that a model never heard: which clips those are, and which model of a run may hear them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotone.data.labels import changes_within
from emotone.data.utterance import Table, Utterance
from emotone.evaluation.scores import Predictions
from emotone.inference.predictor import Predictor, load_model
from emotone.runs.run import Run

_SAME_PEOPLE = {"ravdess_song": "ravdess"}
"""Corpora whose speakers are those of another."""

BY_FOLD = "each voice by the model of the fold that tested it"
NEVER = "the model did not learn from these voices"
LEARNED = "the model learned from these voices"


@dataclass(frozen=True)
class Hearers:
    """A model and, where its run kept them, the models of its folds.

    Attributes:
        model: learned from all clips of its corpora.
        of_folds: speaker -> the model of the fold that tested that voice, and so had not learned from it.
        speakers: the voices that `model` learned from; None where only its corpora are known.
        label_changes: emotion -> label, as its recipe asked for.
        caveats: sentences that must stand beside its scores.
    """

    model: Predictor
    of_folds: Mapping[str, Predictor] = field(default_factory=dict)
    speakers: frozenset[str] | None = None
    label_changes: Mapping[str, str] = field(default_factory=dict)
    caveats: Sequence[str] = ()

    def learned_from(self, clip: Utterance) -> bool:
        """Whether the model has learned from this voice, as far as one can know."""
        if self.speakers is not None:
            return clip.speaker in self.speakers
        corpora = {_SAME_PEOPLE.get(name, name) for name in self.model.trained_on}
        return _SAME_PEOPLE.get(clip.corpus, clip.corpus) in corpora

    def of(self, clip: Utterance) -> Predictor:
        """Who hears a clip: the model of the fold that tested its speaker, where there is one."""
        return self.of_folds.get(clip.speaker, self.model)

    def fair(self, clip: Utterance) -> bool:
        """Whether `of` gives a model that has not learned from this voice."""
        return clip.speaker in self.of_folds or not self.learned_from(clip)


def hearers(model: str | os.PathLike[str]) -> Hearers:
    """Who may hear what of a run, an ensemble or an exported model.

    The models of folds are used only where no voice was on both sides of one.

    Args:
        model: as in `load_model`.

    Raises:
        ModelError: there is no model.
    """
    whole, run = load_model(model, threads=1, gate=False), Run(model)
    unfinished = [f"unfinished: {whole.unfinished}"] if whole.unfinished else []
    if not (Path(model).is_dir() and run.finished):
        return Hearers(whole, caveats=unfinished)
    table, scores = run.utterances, run.scores
    return Hearers(
        whole,
        _of_folds(run) if scores["speaker_independent"] else {},
        None if table is None else frozenset(table.column("speaker").tolist()),
        {} if "ensemble" in scores else changes_within(run.recipe.data.changes, whole.classes),
        [*scores.get("caveats", []), *unfinished],
    )


def _of_folds(run: Run) -> dict[str, Predictor]:
    """Speaker -> model of the fold that tested it, of the folds that kept theirs."""
    found: dict[str, Predictor] = {}
    for file in sorted(run.folder.glob("folds/*/model.onnx")):
        tested = Predictions.from_csv(file.with_name("predictions.csv"))
        found |= dict.fromkeys(tested.speaker.tolist(), load_model(file, threads=1, gate=False))
    return found


def told(hearers: Hearers, table: Table) -> dict[str, str]:
    """Corpus -> how its clips are heard, in words."""
    words = {}
    for corpus in table.corpora():
        clips = [clip for clip in table if clip.corpus == corpus]
        if all(clip.speaker in hearers.of_folds for clip in clips):
            words[corpus] = BY_FOLD
        elif all(map(hearers.fair, clips)):
            words[corpus] = NEVER
        else:
            words[corpus] = LEARNED
    return words
