"""Fits the output `speech` of the shipped models, evaluates it on unseen sounds, and writes it to their files.

python -m scripts.speech_gate.fit [--data D] [--seed 0]    # default.onnx and fast.onnx, results/speech-gate.*

The output is logistic regression on mean and deviation of the frames of the frozen encoder, which was trained on speech
recognition. All results come from cross-validation that holds out a family of sounds together with speakers or a whole
language; the final weights are fitted to all sounds. Silero's detector is measured beside it.
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
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from emotone.audio.read import RATE_HZ, Samples
from emotone.evaluation.intervals import intervals
from emotone.files import atomic_write
from emotone.inference import speech_gate
from emotone.inference.processes import map_in_processes
from emotone.inference.shipped import SHIPPED
from emotone.inference.speech_gate import QUIETEST_DB, Levels, reason_of
from emotone.inference.speech_model import SpeechModel, open_model
from emotone.inference.voice_activity import VoiceActivity
from emotone.runs.run import environment
from emotone.training.onnx_speech import add_speech_output
from scripts.speech_gate.clips import (
    AS_IT_IS,
    DISTURBED,
    LANGUAGES,
    ROOM,
    Labelled,
    no_speech,
    real_speech,
    rooms,
    synthetic_speech,
)
from scripts.speech_gate.sounds import FAMILIES

PENALTY = 1e-3
"""Inverse strength of the penalty of the logistic regression on standardised statistics."""
THRESHOLD = -1.0
"""Log-odds from which a sound counts as speech. Below 0: a refused speaker is worse than an emotion for a noise."""
SILERO_WINDOWS = 2
"""Windows of 32 ms with a probability of .5 or more from which silero's detector counts as having found speech."""
GOALS = {"named": 0.05, "refused": 0.01}
ROTATIONS = ("speakers", "languages", "kinds")
TITLES = {
    "refused": "speech refused, as it is",
    "refused, disturbed": "speech refused, disturbed",
    "named": "other sounds that get an emotion",
}
Decisions = NDArray[np.bool_]


class Measured(NamedTuple):
    """What the gate could look at in one sound, and what the sound is (see `Labelled`).

    Attributes:
        statistics: model -> (2 * dims,) mean and deviation of the frames of its encoder.
        silero: windows in which silero's detector found speech.
    """

    levels: Levels
    statistics: dict[str, NDArray[np.float32]]
    silero: int
    speech: bool
    group: str
    source: str
    change: str
    background: str


class Job(NamedTuple):
    """Sounds that are made and measured in one go: speech of a corpus, synthetic speech, a kind of sound, or rooms."""

    what: str
    data: Path
    seed: int
    clips: int
    disturbed: int
    each: int

    def measured(self) -> list[Measured]:
        """Each sound that is loud enough."""
        family, _, kind = self.what.partition("/")
        if family in LANGUAGES:
            sounds = real_speech(self.data, family, self.seed, self.clips, self.disturbed)
        elif family == "synthetic":
            sounds = synthetic_speech(kind, self.seed)
        else:
            sounds = rooms(self.data) if family == ROOM else no_speech(family, kind, self.seed, self.each)
        return [found for sound in sounds if (found := _measured(sound)) is not None]


class Pool:
    """All sounds, column by column; `refused_by_level` marks those that the gate refuses whatever they are."""

    def __init__(self, sounds: Sequence[Measured]) -> None:
        self.sounds = sounds
        self.statistics = {name: np.stack([one.statistics[name] for one in sounds]) for name in SHIPPED}
        self.silero = np.array([one.silero >= SILERO_WINDOWS for one in sounds])
        self.speech = np.array([one.speech for one in sounds])
        self.refused_by_level = np.array([bool(reason_of(one.levels, 1.0)) for one in sounds])
        self.group, self.source, self.change, self.background = (
            np.array([getattr(one, name) for one in sounds]) for name in ("group", "source", "change", "background")
        )


class Held(NamedTuple):
    """Held-out log-odds: place in the pool and score; one row for each time that a sound was held out."""

    place: NDArray[np.intp]
    score: NDArray[np.float64]


def fit(statistics: NDArray[np.float32], speech: Decisions) -> tuple[NDArray[np.float64], float]:
    """((2 * dims,) weights, bias) of the log-odds of speech over the threshold."""
    scaler = StandardScaler().fit(statistics)
    regression = LogisticRegression(C=PENALTY, max_iter=2000, class_weight="balanced")
    regression.fit(scaler.transform(statistics), speech)
    weights = regression.coef_[0] / scaler.scale_
    return weights, float(regression.intercept_[0] - weights @ scaler.mean_ - THRESHOLD)


def rotations(pool: Pool, model: str, by: str, seed: int) -> Held:
    """Held-out scores, in nine rotations.

    Args:
        by: `speakers` holds out a family and a ninth of the real speakers; `languages` holds out a family and a
            language; `kinds` holds out a ninth of the speakers and of the kinds; their families stay in training.
    """
    language = np.array([LANGUAGES.get(name, "") for name in pool.group])
    real, room = language != "", pool.group == ROOM
    voices = np.random.default_rng(seed).permutation(sorted(set(pool.source[real].tolist())))
    kinds = [kind for family in FAMILIES.values() for kind in family]
    languages = sorted(set(LANGUAGES.values()))
    places, scores = [], []
    for number, family in enumerate(FAMILIES):
        if by == "languages":
            unseen = language == languages[number % len(languages)]
        else:
            unseen = real & np.isin(pool.source, voices[number :: len(FAMILIES)])
        if by == "kinds":
            unseen |= ~pool.speech & ~room & np.isin(pool.source, kinds[number :: len(FAMILIES)])
        else:
            unseen |= pool.group == family
        kept = ~unseen & (pool.background != family) & ~room
        weights, bias = fit(pool.statistics[model][kept], pool.speech[kept])
        tested = np.flatnonzero(unseen | room)
        places.append(tested)
        scores.append(pool.statistics[model][tested] @ weights + bias)
    return Held(np.concatenate(places), np.concatenate(scores))


def measured(pool: Pool, at: NDArray[np.intp], accepted: Decisions) -> dict[str, Any]:
    """Refused speech and accepted other sounds: in total and by group.

    Args:
        at: (rows,) places of sounds in the pool.
        accepted: (rows,) whether each counts as speech.
    """
    speech, group, source, change = pool.speech[at], pool.group[at], pool.source[at], pool.change[at]
    here = accepted & ~pool.refused_by_level[at]
    plain, other = speech & (change == AS_IT_IS), ~speech & (group != ROOM)
    kinds = np.char.add(np.char.add(group, "/"), source)

    def share(wrong: Decisions, chosen: Decisions) -> dict[str, Any]:
        names, of = np.unique((source if speech[chosen].any() else kinds)[chosen], return_inverse=True)
        sums = np.stack([np.bincount(of, wrong[chosen]), np.bincount(of)], axis=1)
        (found,) = intervals(lambda both: (both[..., 0] / both[..., 1])[..., None], [sums])
        assert found is not None
        return {**asdict(found), "sounds": np.unique(at[chosen]).size, "of": len(names)}

    worst = {kind: float(here[other & (kinds == kind)].mean()) for kind in sorted(set(kinds[other].tolist()))}
    return {
        "refused": {
            "all": share(~here, plain),
            **{name: share(~here, plain & (group == name)) for name in LANGUAGES},
        },
        "refused, disturbed": {
            "all": share(~here, speech & ~plain),
            **{name: share(~here, speech & (change == name)) for name in DISTURBED},
        },
        "named": {
            "all": share(here, other),
            **{family: share(here, other & (group == family)) for family in FAMILIES},
            ROOM: share(here, group == ROOM),
        },
        "worst kinds": dict(sorted(worst.items(), key=lambda item: -item[1])[:8]),
    }


def curve(pool: Pool, held: Held) -> list[dict[str, float]]:
    """The error rates at many thresholds."""
    at, points = held.place, []
    plain = pool.change[at] == AS_IT_IS
    other = ~pool.speech[at] & (pool.group[at] != ROOM)
    for threshold in np.linspace(-6, 6, 49):
        here = (held.score >= threshold) & ~pool.refused_by_level[at]
        points.append(
            {
                "threshold": float(threshold),
                "refused": float(1 - here[plain].mean()),
                "refused, disturbed": float(1 - here[pool.speech[at] & ~plain].mean()),
                "named": float(here[other].mean()),
            }
        )
    return points


def evaluated(pool: Pool, seed: int) -> dict[str, Any]:
    """Detector -> what it was not fitted to -> its error rates."""
    everything = np.arange(len(pool.sounds))
    found: dict[str, Any] = {"silero": {"as it comes": measured(pool, everything, pool.silero)}}
    for model in SHIPPED:
        found[model] = {}
        for by in ROTATIONS:
            held = rotations(pool, model, by, seed)
            accepted = held.score >= 0
            found[model][by] = {**measured(pool, held.place, accepted), "curve": curve(pool, held)}
            if by == "languages":
                either = accepted | pool.silero[held.place]
                found[f"{model} or silero"] = {by: measured(pool, held.place, either)}
    return found


def levels(pool: Pool) -> dict[str, dict[str, float]]:
    """Corpus -> lowest peak, largest clipped share, shortest sound, and the number of clips refused for these."""
    found = {}
    for name in LANGUAGES:
        chosen = np.flatnonzero((pool.group == name) & (pool.change == AS_IT_IS))
        of_clips = [pool.sounds[place].levels for place in chosen]
        found[name] = {
            "clips": len(of_clips),
            "lowest peak, dB": round(min(one.peak_db for one in of_clips), 1),
            "largest clipped share": round(max(one.clipped for one in of_clips), 4),
            "shortest sound, s": min(one.sounding_s for one in of_clips),
            "refused for these": int(pool.refused_by_level[chosen].sum()),
        }
    return found


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    detectors = found["detectors"]
    columns = {f"{model}, unseen {by}": detectors[model][by] for model in SHIPPED for by in ROTATIONS}
    columns["silero"] = detectors["silero"]["as it comes"]
    columns["default or silero, unseen languages"] = detectors["default or silero"]["languages"]
    lines = [f"| sounds | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for part, title in TITLES.items():
        for name, cell in next(iter(columns.values()))[part].items():
            shown = f"**{title}**" if name == "all" else name
            cells = " | ".join(_cell(column[part][name]) for column in columns.values())
            lines.append(f"| {shown} ({cell['sounds']:,}, {cell['of']}) | {cells} |")
    lines += ["", f"| corpus | {' | '.join(next(iter(found['levels'].values())))} |", "|---|" + "---|" * 5]
    lines += [f"| {name} | {' | '.join(map(str, row.values()))} |" for name, row in found["levels"].items()]
    worst = detectors["default"]["languages"]["worst kinds"]
    kinds = ", ".join(f"{kind} {100 * value:.0f} %" for kind, value in worst.items())
    made = found["environment"]
    return "\n".join(lines) + (
        "\n\nPercent of sounds [95 % interval over speakers or kinds of sounds]; in brackets the number of sounds and "
        "of speakers or kinds. In `unseen speakers` and `unseen languages` the sounds without speech are of a held-out "
        "family, too; in `unseen kinds` the speakers are held out as well. Kinds of unseen families that most often "
        f"get an emotion by `default`: {kinds}. Refusals of speech count for every reason; sounds below "
        f"{QUIETEST_DB:g} dB are left out.\n\nMade by `python -m scripts.speech_gate.fit`, seed {found['seed']}, "
        f"commit {made['commit']}, on {made['hardware']}, in {made['seconds']:.0f} s.\n"
    )


def _measured(sound: Labelled) -> Measured | None:
    """What the gate measures in a sound; None if it is too quiet for any detector."""
    found, centred = speech_gate.measured(np.ascontiguousarray(sound.samples, dtype=np.float32))
    if found.peak_db < QUIETEST_DB:
        return None
    statistics = {name: _statistics(name, centred) for name in SHIPPED}
    detector = VoiceActivity()
    recorded = np.concatenate([detector.feed(np.asarray(sound.samples, dtype=np.float32)), detector.finish()])
    return Measured(found, statistics, int((recorded >= 0.5).sum()), *sound[1:])


def _statistics(name: str, samples: Samples) -> NDArray[np.float32]:
    if name not in _MODELS:
        model = open_model(SHIPPED[name], 1)
        assert isinstance(model, SpeechModel)
        _MODELS[name] = model
    model = _MODELS[name]
    return model.statistics(model.features(samples, [(0.0, samples.size / RATE_HZ)])[0])


_MODELS: dict[str, SpeechModel] = {}


def _cell(entry: dict[str, Any]) -> str:
    interval = "" if entry["low"] is None else f" [{100 * entry['low']:.1f}, {100 * entry['high']:.1f}]"
    return f"{100 * entry['value']:.1f}{interval}"


def main(data: Path, seed: int, clips: int, disturbed: int, each: int, processes: int, results: Path) -> None:
    began = time.monotonic()
    kinds = [f"{family}/{kind}" for family, of_family in FAMILIES.items() for kind in of_family]
    jobs = [Job(what, data, seed, clips, disturbed, each) for what in
            [*LANGUAGES, "synthetic/speech", "synthetic/syllables", ROOM, *kinds]]  # fmt: skip
    sounds: list[Measured] = []
    for job, part in zip(jobs, map_in_processes(Job.measured, jobs, processes), strict=True):
        sounds += part
        sys.stderr.write(f"{time.monotonic() - began:.0f} s: {job.what}, {len(part)} sounds\n")
    pool = Pool(sounds)
    found: dict[str, Any] = {"seed": seed, "goals": GOALS, "levels": levels(pool)}
    found["detectors"] = evaluated(pool, seed)
    kept = pool.group != ROOM
    for name, file in SHIPPED.items():
        weights, bias = fit(pool.statistics[name][kept], pool.speech[kept])
        add_speech_output(file, weights, bias)
    found["environment"] = environment(time.monotonic() - began)
    for path, text in (
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
    parser.add_argument("--clips", type=int, default=400, help="random clips of each corpus")
    parser.add_argument("--disturbed", type=int, default=120, help="clips of these that are disturbed in addition")
    parser.add_argument("--each", type=int, default=40, help="number of sounds of every kind")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--results", type=Path, default=Path("results/speech-gate"), help="path without suffix")
    return vars(parser.parse_args(given))


if __name__ == "__main__":
    from scripts.speech_gate.fit import _arguments as arguments  # by this name other processes find what they are given
    from scripts.speech_gate.fit import main as as_module

    as_module(**arguments())
