"""What was heard in one recording, and what each moment and each feature of it added."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotone.analysis.explain.attribution import Attribution
from emotone.audio.read import Samples
from emotone.features import Values
from emotone.inference.prediction import Prediction, Segment
from emotone.models.linear.affine import Floats
from emotone.runs.run import Run

_MOMENT_S = 0.02  # a waveform's samples are summed over so long


@dataclass(frozen=True)
class Explanation:
    """What was heard in a recording, and what in it spoke for a label.

    Attributes:
        run: the run whose model heard it.
        prediction: of the whole recording, as `predict` gives it without its gate.
        label: the one that is explained.
        piece: the stretch of the recording that is explained: all of it, or a piece of a long one.
        sound: (samples,) what the model heard of that stretch, trimmed, normalised and padded.
        rate_hz: of the sound.
        from_s: where in the recording the sound begins.
        sound_s: (from, to) in the sound; what lies outside are zeros that were added.
        learned: whether the recording is one that the model learned from.
        refused: why `predict` names no emotion in the recording; empty where it does.
        values: the features of the sound.
        names: of the features, where they have any.
        scaled: a vector's features in deviations from the training mean; None for other kinds.
        parts: what each value of the features adds to the score of the label.
        attention: (places + 1,) edges in seconds, (places,) weights; None where nothing pools by attention.
        seen: (rows, columns) 0 .. 1, Grad-CAM over the picture that the network sees; None without convolutions.
    """

    run: Run
    prediction: Prediction
    label: str
    piece: Segment
    sound: Samples
    rate_hz: int
    from_s: float
    sound_s: tuple[float, float]
    learned: bool
    refused: str
    values: Values
    names: tuple[str, ...]
    scaled: Floats | None
    parts: Attribution
    attention: tuple[Floats, Floats] | None
    seen: Floats | None

    @property
    def seconds(self) -> float:
        """Of what the model heard."""
        return self.sound.size / self.rate_hz

    @property
    def course(self) -> Floats:
        """(moments,) what each moment adds; empty where the features have no time."""
        parts = self.parts.values
        if self.scaled is not None:
            return np.zeros(0)
        if parts.ndim == 1:
            moments = max(1, round(self.seconds / _MOMENT_S))
            return np.array([part.sum() for part in np.array_split(parts, moments)])
        return np.asarray(parts.sum(axis=1 if parts.ndim == 2 else (0, 1)))

    @property
    def features(self) -> list[dict[str, Any]]:
        """Name, deviations from the training mean and what it adds, of each feature of a vector; the most first."""
        if self.scaled is None:
            return []
        order = np.argsort(-np.abs(self.parts.values), kind="stable").tolist()
        rows = zip(self.names, self.scaled.tolist(), self.parts.values.tolist(), strict=True)
        told = [{"name": name, "deviations": scaled, "adds": adds} for name, scaled, adds in rows]
        return [told[place] for place in order]

    @property
    def groups(self) -> dict[str, float]:
        """What groups of features add, the most first; empty where the names make no groups."""
        if not self.names:
            return {}
        parts = self.parts.values if self.scaled is not None else self.parts.values.sum(axis=0)
        sums: dict[str, float] = {}
        for name, adds in zip(self.names, parts.tolist(), strict=True):
            sums[group_of(name)] = sums.get(group_of(name), 0.0) + adds
        return dict(sorted(sums.items(), key=lambda item: -abs(item[1]))) if 1 < len(sums) < len(parts) else {}

    def as_dict(self) -> dict[str, Any]:
        """Everything but the sound, in types that JSON knows."""
        scores = self.run.scores
        parts = self.parts
        content = {
            **self.prediction.as_dict(),
            "run": str(self.run.folder),
            "uar": scores["scores"]["uar"],
            "speaker_independent": scores["speaker_independent"],
            "caveats": scores.get("caveats", []),
            "learned": self.learned,
            "refused": self.refused,
            "explained": {
                "label": self.label,
                "start_s": round(self.piece.start_s, 3),
                "end_s": round(self.piece.end_s, 3),
                "heard_from_s": round(self.from_s, 3),
                "heard_s": round(self.seconds, 3),
                "sound_s": [round(edge, 3) for edge in self.sound_s],
                "method": "exact contributions" if parts.steps == 0 else "integrated gradients",
                "steps": parts.steps,
                "score": parts.score,
                "baseline": parts.baseline,
                "gap": parts.gap,
            },
        }
        if self.scaled is not None:
            content["features"] = self.features
        else:
            content["over_time"] = self.course.tolist()
        if parts.values.ndim == 2:
            content["parts"] = parts.values.round(6).tolist()
        if groups := self.groups:
            content["groups"] = groups
        if self.seen is not None:
            content["grad_cam"] = self.seen.round(4).tolist()
        if self.attention is not None:
            content["attention"] = dict(
                zip(("edges_s", "weights"), map(np.ndarray.tolist, self.attention), strict=True)
            )
        return content


def group_of(name: str) -> str:
    """What a feature belongs to, by its name.

    >>> group_of("mfcc.3.mean"), group_of("delta_mfcc_3"), group_of("pitch")
    ('mfcc', 'delta_mfcc', 'pitch')
    """
    return re.sub(r"_\d+$", "", name.partition(".")[0])
