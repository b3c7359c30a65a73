"""What a stress test found: which disturbances a model survives, and whether it hears groups of voices alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotone.analysis.stress.fairness import Comparison
from emotone.analysis.stress.held_out_models import BY_FOLD
from emotone.analysis.stress.robustness import GroupOutcome
from emotone.evaluation.intervals import Interval


@dataclass(frozen=True)
class Endurance:
    """A model and what came of it.

    Attributes:
        model: what was tested, as it was named.
        title, classes, caveats: as the model says of itself.
        corpora: name -> clips that were heard, speakers among them, and how they are heard (`unheard_voices.told`).
        learned: corpora of whose voices the model learned; scores on them say nothing about new voices.
        labels_note: how the corpora's emotions became the model's classes.
        dropped: emotion -> clips there that the model has no class for, before the sample was drawn.
        left_out: clips there of voices that the model learned from and that no kept fold tested, likewise.
        missing: corpora without sound here -> why.
        failures: key, file and reason of clips that could not be heard.
        clips, speakers: how many were heard.
        seed: of the sample and of every disturbance.
        uar: without any disturbance.
        groups: of disturbances.
        fairness: by sex and by pitch.
        environment: versions, commit, command, hardware, seconds.
    """

    model: str
    title: str
    classes: Sequence[str]
    caveats: Sequence[str]
    corpora: Mapping[str, Mapping[str, Any]]
    learned: Sequence[str]
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
    def new_voices(self) -> str:
        """One sentence: has the model heard these voices before?"""
        if not self.learned:
            kinds: dict[str, list[str]] = {}
            for name, facts in self.corpora.items():
                kinds.setdefault(str(facts["heard"]), []).append(name)
            told = "; ".join(f"{kind} ({', '.join(names)})" for kind, names in kinds.items())
            return f"Voices the model never heard: {told}."
        which = "these corpora" if set(self.learned) == set(self.corpora) else ", ".join(self.learned)
        return (
            f"The model learned from clips of {which}: its UAR here says nothing about new voices, and what it keeps "
            "saying may be what it remembers."
        )

    @property
    def marked_voices(self) -> str:
        """The same, with a mark where it has."""
        return ("! " if self.learned else "") + self.new_voices

    @property
    def verdicts(self) -> dict[str, str]:
        """Name of each group and of each fairness test -> pass, fail, unclear or none."""
        found = {group.name: str(group.verdict) for group in self.groups}
        return found | {f"fairness by {one.by}": str(one.verdict) for one in self.fairness}

    def as_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""
        plain = asdict(self)
        for part in ("groups", "fairness"):
            for content, one in zip(plain[part], getattr(self, part), strict=True):
                content["verdict"] = one.verdict
        return {**plain, "new_voices": self.new_voices, "verdicts": self.verdicts}

    def notes(self) -> list[str]:
        """What was left out, and why, in sentences."""
        said = [f"{name} is not in it: {reason}" for name, reason in self.missing.items()]
        said.append(f"Labels: {self.labels_note}.")
        if any(facts["heard"] == BY_FOLD for facts in self.corpora.values()):
            said.append(
                "The model itself learned from all voices of its corpora; tried in its place are the models of its "
                "folds, which learned from fewer."
            )
        if self.dropped:
            kinds = ", ".join(f"{emotion} {clips:,}" for emotion, clips in self.dropped.items())
            said.append(f"Not drawn from, as the model does not know these emotions, of the clips here: {kinds}.")
        if self.left_out:
            said.append(
                f"Not drawn from, as the model learned from their voices and no fold whose model was kept tested them: "
                f"{self.left_out:,} of the clips here."
            )
        return said
