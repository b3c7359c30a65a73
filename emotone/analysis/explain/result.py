"""Explanation of a prediction: contributions of moments and features of a recording to the score of a label."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotone.analysis.explain.attribution import Attribution
from emotone.audio.read import Samples
from emotone.audio.source import printable
from emotone.features import Values
from emotone.inference.prediction import Prediction, Segment
from emotone.models.linear.affine import Floats
from emotone.runs.run import Run

_MOMENT_S = 0.02  # contributions of a waveform's samples are summed over this time


@dataclass(frozen=True)
class Explanation:
    """Prediction for a recording, and the attribution of the score of one label.

    Attributes:
        run: the run of the model.
        prediction: for the whole recording, as `predict` gives it without the speech gate.
        label: the explained label.
        piece: the explained stretch of the recording: all of it, or a piece of a long one.
        samples: (samples,) input of the model: that stretch, trimmed, normalised and padded.
        rate_hz: of the samples.
        offset_s: where in the recording the samples begin.
        sound_s: (begin, end) of the sound in the samples; the rest is zero padding.
        in_training: whether the recording is a training clip of the model.
        gate_reason: why `predict` names no emotion for the recording; empty if it does.
        values: the features of the samples.
        names: of the features; empty where they have none.
        standardised: a vector's features in deviations from the training mean; None for other kinds.
        attribution: contribution of each feature value to the score of the label.
        attention: (places + 1,) edges in seconds, (places,) weights; None without attention pooling.
        grad_cam: (rows, columns) 0 .. 1, Grad-CAM on the input picture of the network; None without convolutions.
    """

    run: Run
    prediction: Prediction
    label: str
    piece: Segment
    samples: Samples
    rate_hz: int
    offset_s: float
    sound_s: tuple[float, float]
    in_training: bool
    gate_reason: str
    values: Values
    names: tuple[str, ...]
    standardised: Floats | None
    attribution: Attribution
    attention: tuple[Floats, Floats] | None
    grad_cam: Floats | None

    @property
    def seconds(self) -> float:
        """Duration of the model's input."""
        return self.samples.size / self.rate_hz

    @property
    def over_time(self) -> Floats:
        """(moments,) contribution of each moment; empty if the features have no time axis."""
        parts = self.attribution.values
        if self.standardised is not None:
            return np.zeros(0)
        if parts.ndim == 1:
            moments = max(1, round(self.seconds / _MOMENT_S))
            return np.array([part.sum() for part in np.array_split(parts, moments)])
        return np.asarray(parts.sum(axis=1 if parts.ndim == 2 else (0, 1)))

    @property
    def features(self) -> list[dict[str, Any]]:
        """Name, deviations from the training mean and contribution of each feature of a vector; the largest first."""
        if self.standardised is None:
            return []
        order = np.argsort(-np.abs(self.attribution.values), kind="stable").tolist()
        columns = zip(self.names, self.standardised.tolist(), self.attribution.values.tolist(), strict=True)
        rows = [{"name": name, "deviations": value, "contribution": part} for name, value, part in columns]
        return [rows[place] for place in order]

    @property
    def groups(self) -> dict[str, float]:
        """Contribution of each group of features, the largest first; empty if the names form no groups."""
        if not self.names:
            return {}
        parts = self.attribution.values if self.standardised is not None else self.attribution.values.sum(axis=0)
        sums: dict[str, float] = {}
        for name, part in zip(self.names, parts.tolist(), strict=True):
            sums[group_of(name)] = sums.get(group_of(name), 0.0) + part
        return dict(sorted(sums.items(), key=lambda item: -abs(item[1]))) if 1 < len(sums) < len(parts) else {}

    def as_dict(self) -> dict[str, Any]:
        """Everything except the samples, in types that JSON knows."""
        scores = self.run.scores
        parts = self.attribution
        content = {
            **self.prediction.as_dict(),
            "run": printable(str(self.run.folder)),
            "uar": scores["scores"]["uar"],
            "speaker_independent": scores["speaker_independent"],
            "caveats": scores.get("caveats", []),
            "in_training": self.in_training,
            "gate_reason": self.gate_reason,
            "explained": {
                "label": self.label,
                "start_s": round(self.piece.start_s, 3),
                "end_s": round(self.piece.end_s, 3),
                "offset_s": round(self.offset_s, 3),
                "input_s": round(self.seconds, 3),
                "sound_s": [round(edge, 3) for edge in self.sound_s],
                "method": "exact contributions" if parts.steps == 0 else "integrated gradients",
                "steps": parts.steps,
                "score": parts.score,
                "baseline": parts.baseline,
                "gap": parts.gap,
            },
        }
        if self.standardised is not None:
            content["features"] = self.features
        else:
            content["over_time"] = self.over_time.tolist()
        if parts.values.ndim == 2:
            content["contributions"] = parts.values.round(6).tolist()
        if groups := self.groups:
            content["groups"] = groups
        if self.grad_cam is not None:
            content["grad_cam"] = self.grad_cam.round(4).tolist()
        if self.attention is not None:
            content["attention"] = dict(
                zip(("edges_s", "weights"), map(np.ndarray.tolist, self.attention), strict=True)
            )
        return content


def group_of(name: str) -> str:
    """Group of a feature, from its name.

    >>> group_of("mfcc.3.mean"), group_of("delta_mfcc_3"), group_of("pitch")
    ('mfcc', 'delta_mfcc', 'pitch')
    """
    return re.sub(r"_\d+$", "", name.partition(".")[0])
