"""Result of a stress test: which disturbances a model is robust to, and how groups of speakers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotone.analysis.stress.fairness import Comparison
from emotone.analysis.stress.held_out_models import BY_FOLD
from emotone.analysis.stress.robustness import GroupOutcome
from emotone.evaluation.intervals import Interval


@dataclass(frozen=True)
class StressResult:
    """A model and the results of its stress test.

    Attributes:
        model: path of the model.
        title, classes, caveats: from the model.
        corpora: name -> number of clips and speakers, and which models classified them (`HeldOutModels.by_corpus`).
        seen_corpora: corpora that the model was trained on; scores on them do not hold for unseen speakers.
        labels_note: how the corpora's emotions were mapped to the model's classes.
        dropped: emotion without a class in the model -> clips, before the sample was drawn.
        left_out: clips of training speakers that no kept fold model tested, before the sample was drawn.
        missing: corpora without audio files -> reason.
        failures: key, file and reason of clips that could not be read.
        clips, speakers: how many were classified.
        seed: of the sample and of every disturbance.
        uar: without any disturbance.
        groups: outcomes of each group of disturbances.
        fairness: comparisons by sex and by pitch.
        environment: versions, commit, command, hardware, seconds.
    """

    model: str
    title: str
    classes: Sequence[str]
    caveats: Sequence[str]
    corpora: Mapping[str, Mapping[str, Any]]
    seen_corpora: Sequence[str]
    labels_note: str
    dropped: Mapping[str, int]
    left_out: int
    missing: Mapping[str, str]
    failures: Sequence[Mapping[str, str]]
    clips: int
    speakers: int
    seed: int
    uar: Interval
    groups: Sequence[GroupOutcome]
    fairness: Sequence[Comparison]
    environment: Mapping[str, Any]

    @property
    def speakers_note(self) -> str:
        """One sentence: was the model trained on these speakers?"""
        if not self.seen_corpora:
            kinds: dict[str, list[str]] = {}
            for name, facts in self.corpora.items():
                kinds.setdefault(str(facts["models"]), []).append(name)
            listed = "; ".join(f"{kind} ({', '.join(names)})" for kind, names in kinds.items())
            return f"Unseen speakers: {listed}."
        which = "these corpora" if set(self.seen_corpora) == set(self.corpora) else ", ".join(self.seen_corpora)
        return (
            f"The model was trained on clips of {which}: its UAR here does not hold for unseen speakers, and unchanged "
            "predictions may be memorised."
        )

    @property
    def marked_speakers_note(self) -> str:
        """The same sentence, after a mark if the model was trained on these speakers."""
        return ("! " if self.seen_corpora else "") + self.speakers_note

    @property
    def verdicts(self) -> dict[str, str]:
        """Name of each group and of each fairness test -> pass, fail, unclear or none."""
        found = {group.name: str(group.verdict) for group in self.groups}
        return found | {f"fairness by {comparison.by}": str(comparison.verdict) for comparison in self.fairness}

    def as_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""
        plain = asdict(self)
        for part in ("groups", "fairness"):
            for content, found in zip(plain[part], getattr(self, part), strict=True):
                content["verdict"] = found.verdict
        return {**plain, "speakers_note": self.speakers_note, "verdicts": self.verdicts}

    def notes(self) -> list[str]:
        """Sentences on what was left out, and why."""
        notes = [f"{name} is not included: {reason}" for name, reason in self.missing.items()]
        notes.append(f"Emotions: {self.labels_note}.")
        if any(facts["models"] == BY_FOLD for facts in self.corpora.values()):
            notes.append(
                "The model itself was trained on all speakers of its corpora; tested here are the models of its folds, "
                "which were trained on fewer."
            )
        if self.dropped:
            kinds = ", ".join(f"{emotion} {clips:,}" for emotion, clips in self.dropped.items())
            notes.append(f"Not sampled, because the model does not have these classes: {kinds} clips.")
        if self.left_out:
            notes.append(
                f"Not sampled, because the model was trained on their speakers and no kept fold model tested them: "
                f"{self.left_out:,} clips."
            )
        return notes
