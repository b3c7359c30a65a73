"""Fits the speech gate and measures it on voices, languages and families of sounds that it never met.

python -m scripts.speech_gate.fit [--data D] [--seed 0]    # emotone/weights/speech_gate.json, results/speech-gate.*

Every number of the results comes from rotations that hold out one family of sounds and, by turns, speakers or a whole
language; the weights that are kept are fitted to everything.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

import emotone
from emotone.evaluation.intervals import intervals
from emotone.files import atomic_write
from emotone.inference import speech_cues
from emotone.inference.speech_gate import QUIETEST_DB, Classifier, reason_of
from emotone.runs.run import environment
from scripts.speech_gate.clips import (
    AS_IT_IS,
    DISTURBED,
    LANGUAGES,
    ROOM,
    Heard,
    bar,
    made_up_speech,
    no_speech,
    real_speech,
    rooms,
)
from scripts.speech_gate.sounds import FAMILIES

THRESHOLD = 0.25
"""Chosen on the curve of what was held out: under a half, for a refused voice is worse than a named noise."""
TYPICAL, WIDTH, MOST, UNIT, PENALTY = 64, 100.0, 3.0, 20, 1.0
GOALS = {"named": 0.05, "refused": 0.01}
ROTATIONS = ("speakers", "languages", "kinds")
TITLES = {
    "refused": "speech refused, as it is",
    "refused, disturbed": "speech refused, disturbed",
    "named": "no speech, yet named",
}
_PACKAGE = Path(emotone.__file__).parent


class Pool:
    """Everything heard, column by column; `spoilt` is what the gate refuses whatever it sounds like."""

    def __init__(self, heard: Sequence[Heard]) -> None:
        self.heard = heard
        self.cues = np.array([one.cues for one in heard])
        self.speech = np.array([one.speech for one in heard])
        self.spoilt = np.array([bool(reason_of(one.levels, 1.0, THRESHOLD)) for one in heard])
        self.group, self.voice, self.how, self.beside = (
            np.array([getattr(one, name) for one in heard]) for name in ("group", "voice", "how", "beside")
        )


class Held(NamedTuple):
    """Places in the pool and what was said of them; a sound has a row for each time it was held out."""

    place: NDArray[np.intp]
    score: NDArray[np.float64]


def fit(cues: NDArray[np.float32], speech: NDArray[np.bool_], seed: int) -> dict[str, Any]:
    """The classifier as JSON: typical sounds by k-means in each class, and logistic regression on nearness to them.

    The regression is penalised as a kernel machine's is (Nystroem): what counts is how smooth the score is among the
    sounds, not how large single weights are.
    """
    mean, spread = cues.mean(axis=0), cues.std(axis=0) + 1e-6
    scaled = np.clip((cues - mean) / spread, -MOST, MOST).astype(np.float64)
    typical = np.concatenate(
        [KMeans(TYPICAL, n_init=1, random_state=seed).fit(scaled[speech == kind]).cluster_centers_ for kind in (0, 1)]
    )
    typical = np.round(typical * UNIT) / UNIT
    values, vectors = np.linalg.eigh(_near(typical, typical))
    whitening = vectors / np.sqrt(np.maximum(values, 1e-6))
    regression = LogisticRegression(C=25 * PENALTY, max_iter=5000, class_weight="balanced")
    regression.fit(_near(scaled, typical) @ whitening, speech)
    return {
        "cues": speech_cues.names(),
        "mean": [float(f"{value:.5g}") for value in mean],
        "spread": [float(f"{value:.5g}") for value in spread],
        "most": MOST,
        "typical": np.round(typical * UNIT).astype(int).tolist(),
        "unit": UNIT,
        "width": WIDTH,
        "weights": [float(f"{value:.5g}") for value in whitening @ regression.coef_[0]],
        "bias": float(f"{regression.intercept_[0]:.5g}"),
        "threshold": THRESHOLD,
    }


def _near(cues: NDArray[np.float64], typical: NDArray[np.float64]) -> NDArray[np.float64]:
    apart = (cues**2).sum(axis=1)[:, None] + (typical**2).sum(axis=1) - 2 * cues @ typical.T
    return np.exp(-np.maximum(apart, 0) / WIDTH)


def rotations(pool: Pool, by: str, seed: int) -> Held:
    """What classifiers said of what they had not met.

    Args:
        by: `speakers` deals the real voices to as many groups as there are families, and holds one of each out;
            `languages` holds out every family together with a language, by turns; `kinds` holds out voices and a ninth
            of the kinds, whose relatives were met.
    """
    language = np.array([LANGUAGES.get(name, "") for name in pool.group])
    real, room = language != "", pool.group == ROOM
    voices = np.random.default_rng(seed).permutation(sorted(set(pool.voice[real].tolist())))
    kinds = [kind for family in FAMILIES.values() for kind in family]
    languages = sorted(set(LANGUAGES.values()))
    places, said = [], []
    for number, family in enumerate(bar(list(FAMILIES), f"unheard {by}")):
        if by == "languages":
            unheard = language == languages[number % len(languages)]
        else:
            unheard = real & np.isin(pool.voice, voices[number :: len(FAMILIES)])
        if by == "kinds":
            unheard |= ~pool.speech & ~room & np.isin(pool.voice, kinds[number :: len(FAMILIES)])
        else:
            unheard |= pool.group == family
        kept = ~unheard & (pool.beside != family) & ~room
        classifier = Classifier(fit(pool.cues[kept], pool.speech[kept], seed))
        tested = np.flatnonzero(unheard | room)
        places.append(tested)
        said.append([classifier.speech(row) for row in pool.cues[tested]])
    return Held(np.concatenate(places), np.concatenate(said))


def measured(pool: Pool, held: Held) -> dict[str, Any]:
    """Speech refused and sounds named at the threshold, in all, in parts, and along the curve."""
    at = held.place
    speech, group, voice, how = pool.speech[at], pool.group[at], pool.voice[at], pool.how[at]
    plain, other = speech & (how == AS_IT_IS), ~speech & (group != ROOM)
    kinds = np.char.add(np.char.add(group, "/"), voice)

    def named(threshold: float) -> NDArray[np.bool_]:
        return (held.score >= threshold) & ~pool.spoilt[at]

    def share(wrong: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> dict[str, Any]:
        names, of = np.unique((voice if speech[chosen].any() else kinds)[chosen], return_inverse=True)
        sums = np.stack([np.bincount(of, wrong[chosen]), np.bincount(of)], axis=1)
        (found,) = intervals(lambda both: (both[..., 0] / both[..., 1])[..., None], [sums])
        assert found is not None
        return {**asdict(found), "sounds": np.unique(at[chosen]).size, "of": len(names)}

    here = named(THRESHOLD)
    worst = {kind: float(here[other & (kinds == kind)].mean()) for kind in sorted(set(kinds[other].tolist()))}
    return {
        "refused": {
            "all": share(~here, plain),
            **{name: share(~here, plain & (group == name)) for name in LANGUAGES},
        },
        "refused, disturbed": {
            "all": share(~here, speech & ~plain),
            **{name: share(~here, speech & (how == name)) for name in DISTURBED},
        },
        "named": {
            "all": share(here, other),
            **{family: share(here, other & (group == family)) for family in FAMILIES},
            ROOM: share(here, group == ROOM),
        },
        "worst kinds": dict(sorted(worst.items(), key=lambda item: -item[1])[:8]),
        "curve": [
            {
                "threshold": float(f"{threshold:.4g}"),
                "refused": float(1 - named(threshold)[plain].mean()),
                "refused, disturbed": float(1 - named(threshold)[speech & ~plain].mean()),
                "named": float(named(threshold)[other].mean()),
            }
            for threshold in 1 / (1 + np.exp(-np.linspace(-6, 6, 49)))
        ],
    }


def extremes(pool: Pool) -> dict[str, dict[str, float]]:
    """Corpus -> its lowest peak, largest clipped share and shortest sound, and how many are refused for these."""
    found = {}
    for name in LANGUAGES:
        chosen = np.flatnonzero((pool.group == name) & (pool.how == AS_IT_IS))
        levels = [pool.heard[place].levels for place in chosen]
        found[name] = {
            "clips": len(levels),
            "lowest peak, dB": round(min(one.peak_db for one in levels), 1),
            "largest clipped share": round(max(one.clipped for one in levels), 4),
            "shortest sound, s": min(one.sounding_s for one in levels),
            "refused for these": int(pool.spoilt[chosen].sum()),
        }
    return found


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [f"| sounds | {' | '.join(f'unheard {by}' for by in ROTATIONS)} |", "|---|" + "---|" * len(ROTATIONS)]
    columns = [found[by] for by in ROTATIONS]
    for part, title in TITLES.items():
        for name, one in columns[0][part].items():
            shown = f"**{title}**" if name == "all" else name
            cells = " | ".join(_cell(column[part][name]) for column in columns)
            lines.append(f"| {shown} ({one['sounds']:,}, {one['of']}) | {cells} |")
    lines += ["", f"| corpus | {' | '.join(next(iter(found['extremes'].values())))} |", "|---|" + "---|" * 5]
    lines += [f"| {name} | {' | '.join(map(str, row.values()))} |" for name, row in found["extremes"].items()]
    worst = ", ".join(f"{kind} {100 * value:.0f} %" for kind, value in found["speakers"]["worst kinds"].items())
    made = found["environment"]
    return "\n".join(lines) + (
        "\n\nPercent of sounds [95 % over speakers, or over kinds of sounds]; in brackets how many sounds there are, "
        "and of how many speakers or kinds. Under `unheard speakers` and `unheard languages` the sounds that are no "
        "speech are of a family that was held out, too, under `unheard kinds` the voices. Of unheard families, named "
        "most often: "
        f"{worst}. Speech counts as refused for whatever reason; sounds under {QUIETEST_DB:g} dB are left out. A score "
        f"from {THRESHOLD} on is speech.\n\nMade by `python -m scripts.speech_gate.fit`, seed {found['seed']}, commit "
        f"{made['commit']}, on {made['hardware']}, in {made['seconds']:.0f} s.\n"
    )


def _cell(one: dict[str, Any]) -> str:
    interval = "" if one["low"] is None else f" [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
    return f"{100 * one['value']:.1f}{interval}"


def main(data: Path, seed: int, clips: int, each: int, weights: Path, results: Path) -> None:
    began = time.monotonic()
    pool = Pool([*real_speech(data, seed, clips), *made_up_speech(seed), *no_speech(seed, each), *rooms(data)])
    found: dict[str, Any] = {"seed": seed, "threshold": THRESHOLD, "goals": GOALS}
    found["extremes"] = extremes(pool)
    for by in ROTATIONS:
        found[by] = measured(pool, rotations(pool, by, seed))
    kept = pool.group != ROOM
    classifier = fit(pool.cues[kept], pool.speech[kept], seed)
    found["environment"] = environment(time.monotonic() - began)
    about = "scripts/speech_gate/fit.py; RAVDESS, TESS and nEMO, which allow no commercial use, EmoDB, made-up sounds"
    for path, text in (
        (weights, json.dumps({"about": about, **classifier}, separators=(",", ":")) + "\n"),
        (results.with_suffix(".json"), json.dumps(found, indent=1) + "\n"),
        (results.with_suffix(".md"), page(found)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(page(found))


def _arguments(given: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("EMOTONE_DATA")
    parser.add_argument("--data", type=Path, default=data, required=data is None, help="a folder per corpus in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=int, default=500, help="of each corpus that are disturbed, too")
    parser.add_argument("--each", type=int, default=120, help="sounds of every kind")
    parser.add_argument("--weights", type=Path, default=_PACKAGE / "inference" / "weights" / "speech_gate.json")
    parser.add_argument("--results", type=Path, default=Path("results/speech-gate"), help="without its ending")
    return vars(parser.parse_args(given))


if __name__ == "__main__":
    main(**_arguments())
