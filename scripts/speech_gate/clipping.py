"""Effect of clipping on predictions, and the share of clipped samples at which the speech gate refuses.

python -m scripts.speech_gate.clipping [--data D]    # results/clipping.json, results/clipping.md

Ridge regression on functionals, RAVDESS in its five speaker-independent folds; only test clips are clipped.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emotone import features
from emotone.audio import read as audio
from emotone.audio.read import RATE_HZ, AudioSettings, Samples
from emotone.data import corpora
from emotone.evaluation.intervals import intervals
from emotone.files import atomic_write
from emotone.inference import speech_gate
from emotone.runs.run import environment

SHARES = (0.0, 0.003, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.4)
Numbers = NDArray[np.float64]


def clipped(samples: Samples, share: float) -> Samples:
    """The clip with this share of its samples (of those within 60 dB of the peak) clipped, at its original peak."""
    size = np.abs(samples)
    if not share:
        return samples
    most = np.quantile(size[size > 1e-3 * size.max()], 1 - share)
    return np.clip(samples, -most, most) * (size.max() / most)


def measure(data: Path) -> list[dict[str, Any]]:
    """A row per share: UAR and share of unchanged predictions with intervals over speakers, and the gate's refusals."""
    table = list(corpora.make("ravdess").read(data / "ravdess"))
    read = AudioSettings(trim_db=40)
    feature = features.make("functionals")
    truth = np.array([clip.emotion for clip in table])
    speakers = np.array([clip.speaker.rpartition("/")[2] for clip in table])
    values, shares, refused = [], [], []
    for share in SHARES:
        sounds = [clipped(audio.read(clip.file), share) for clip in table]
        levels = [speech_gate.measured(sound)[0].clipped for sound in sounds]
        values.append(np.array([feature.extract(read(sound), RATE_HZ) for sound in sounds]))
        shares.append(float(np.median(levels)))
        refused.append(float(np.mean(np.array(levels) >= speech_gate.CLIPPED)))
    predicted = np.empty((len(SHARES), len(table)), dtype=truth.dtype)
    for fold in corpora.published("ravdess").folds:
        tested = np.isin(speakers, list(fold))
        model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=1000, class_weight="balanced"))
        model.fit(values[0][~tested], truth[~tested])
        for row, changed in enumerate(values):
            predicted[row, tested] = model.predict(changed[tested])
    return [
        {
            "share": share,
            "uar": _uar(truth, predicted[row], speakers),
            "unchanged": _share(predicted[row] == predicted[0], speakers),
            "measured by the gate": round(shares[row], 4),
            "refused": round(refused[row], 4),
        }
        for row, share in enumerate(SHARES)
    ]


def _uar(truth: NDArray[Any], predicted: NDArray[Any], speakers: NDArray[Any]) -> dict[str, Any]:
    classes = np.unique(truth)
    sums = np.array(
        [
            [
                [
                    np.sum((predicted == label) & (truth == label) & of_speaker),
                    np.sum((truth == label) & of_speaker),
                ]
                for label in classes
            ]
            for of_speaker in (speakers == name for name in np.unique(speakers))
        ],
        dtype=float,
    )
    (found,) = intervals(lambda both: (both[..., 0] / both[..., 1]).mean(axis=-1, keepdims=True), [sums])
    assert found is not None
    return vars(found)


def _share(right: NDArray[np.bool_], speakers: NDArray[Any]) -> dict[str, Any]:
    sums = np.array([[right[speakers == name].sum(), (speakers == name).sum()] for name in np.unique(speakers)], float)
    (found,) = intervals(lambda both: (both[..., 0] / both[..., 1])[..., None], [sums])
    assert found is not None
    return vars(found)


def page(rows: list[dict[str, Any]], made: dict[str, Any]) -> str:
    lines = [
        "| clipped, % | UAR | predictions unchanged | the gate measures (median) | it refuses |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [_percent(row["uar"]), _percent(row["unchanged"])]
        gate = f"{100 * row['measured by the gate']:.1f} | {100 * row['refused']:.1f}"
        lines.append(f"| {100 * row['share']:g} | {' | '.join(cells)} | {gate} |")
    return "\n".join(lines) + (
        "\n\nPercent [95 % interval over 24 speakers]. Ridge regression on functionals, RAVDESS, eight emotions, five "
        "speaker-independent folds; only test clips are clipped, at 16 kHz. The share of clipped samples is relative "
        "to those within 60 dB of the peak. "
        f"Made by `python -m scripts.speech_gate.clipping`, commit {made['commit']}, on {made['hardware']}, in "
        f"{made['seconds']:.0f} s; the results are deterministic.\n"
    )


def _percent(found: dict[str, Any]) -> str:
    return f"{100 * found['value']:.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("EMOTONE_DATA")
    parser.add_argument("--data", type=Path, default=data, required=data is None, help="a folder per corpus in it")
    parser.add_argument("--results", type=Path, default=Path("results/clipping"), help="path without suffix")
    given = parser.parse_args()
    began = time.monotonic()
    rows = measure(given.data)
    made = environment(time.monotonic() - began)
    for path, text in (
        (given.results.with_suffix(".json"), json.dumps({"rows": rows, "environment": made}, indent=1) + "\n"),
        (given.results.with_suffix(".md"), page(rows, made)),
    ):
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
