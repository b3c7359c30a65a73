"""Models for clips of unseen speakers: a run's model, or the model of the fold that tested the speaker."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotone.data.labels import changes_within
from emotone.data.utterance import Table, Utterance
from emotone.inference.predictor import Predictor, load_model
from emotone.runs.run import Run

_SAME_SPEAKERS = {"ravdess_song": "ravdess"}
"""Corpora with the speakers of another corpus."""

BY_FOLD = "each speaker by the model of the fold that tested them"
UNSEEN = "the model was not trained on these speakers"
SEEN = "the model was trained on these speakers"


@dataclass(frozen=True)
class HeldOutModels:
    """A model and the models of its folds, where its run kept them.

    Attributes:
        model: trained on all clips of its corpora.
        of_folds: speaker -> the model of the fold that tested this speaker, and so was not trained on them.
        speakers: the speakers that `model` was trained on; None where only its corpora are known.
        label_changes: emotion -> label, from its recipe.
        caveats: sentences that must be shown next to its scores.
    """

    model: Predictor
    of_folds: Mapping[str, Predictor] = field(default_factory=dict)
    speakers: frozenset[str] | None = None
    label_changes: Mapping[str, str] = field(default_factory=dict)
    caveats: Sequence[str] = ()

    def trained_on(self, clip: Utterance) -> bool:
        """Whether `model` was trained on the speaker of a clip, as far as it is known."""
        if self.speakers is not None:
            return clip.speaker in self.speakers
        corpora = {_SAME_SPEAKERS.get(name, name) for name in self.model.trained_on}
        return _SAME_SPEAKERS.get(clip.corpus, clip.corpus) in corpora

    def model_for(self, clip: Utterance) -> Predictor:
        """The model that classifies a clip: that of the fold that tested its speaker, if there is one."""
        return self.of_folds.get(clip.speaker, self.model)

    def is_unseen(self, clip: Utterance) -> bool:
        """Whether `model_for` gives a model that was not trained on the speaker of the clip."""
        return clip.speaker in self.of_folds or not self.trained_on(clip)

    def by_corpus(self, table: Table) -> dict[str, str]:
        """Corpus -> `BY_FOLD`, `UNSEEN` or `SEEN`."""
        kinds = {}
        for corpus in table.corpora():
            clips = [clip for clip in table if clip.corpus == corpus]
            if all(clip.speaker in self.of_folds for clip in clips):
                kinds[corpus] = BY_FOLD
            else:
                kinds[corpus] = UNSEEN if all(map(self.is_unseen, clips)) else SEEN
        return kinds


def held_out_models(model: str | os.PathLike[str]) -> HeldOutModels:
    """Models of a run, an ensemble or an exported model.

    The models of folds are used only if no speaker was on both sides of a fold.

    Args:
        model: as in `load_model`.

    Raises:
        ModelError: there is no model.
    """
    predictor, run = load_model(model, threads=1, gate=False), Run(model)
    unfinished = [f"unfinished: {predictor.unfinished}"] if predictor.unfinished else []
    if not (Path(model).is_dir() and run.finished):
        return HeldOutModels(predictor, caveats=unfinished)
    table, scores = run.utterances, run.scores
    return HeldOutModels(
        predictor,
        _of_folds(run) if scores["speaker_independent"] else {},
        None if table is None else frozenset(table.column("speaker").tolist()),
        {} if "ensemble" in scores else changes_within(run.recipe.data.changes, predictor.classes),
        [*scores.get("caveats", []), *unfinished],
    )


def _of_folds(run: Run) -> dict[str, Predictor]:
    """Speaker -> model of the fold that tested them, for folds that kept their model."""
    found: dict[str, Predictor] = {}
    for file in sorted(run.folder.glob("folds/*/model.onnx")):
        tested = run.fold_predictions(file.parent.name)
        found |= dict.fromkeys(tested.speaker.tolist(), load_model(file, threads=1, gate=False))
    return found
