"""A made-up hour of speech, pauses, noise and music: are the stretches of speech found, how fast, in how much memory?

    EMOTONE_DATA=D python benchmarks/long_recording.py [--minutes 60] [--model fast] [--out results/long-recording]

Clips of one corpus are joined with pauses of .3 to 3 s, over faint noise; every tenth pause holds 5 to 20 s of a sound
without speech (music, machines, weather, animals). The truth is known: where each clip sounds (30 dB below its loudest
frame), and its emotion. Give a model that was not trained on the corpus to measure labels. Nothing is committed but the
table. Speed and memory are those of a process of its own, on one thread.
"""

from __future__ import annotations

# ruff: noqa: E402 (libraries read their number of threads when they are imported)
import os

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio import read as audio
from emotone.audio.blocks import open_blocks
from emotone.audio.mono import Mixer
from emotone.audio.read import RATE_HZ
from emotone.data import corpora
from emotone.files import atomic_write
from emotone.inference.long_recording import LongRecording
from emotone.inference.predictor import load_model
from emotone.inference.shipped import SHIPPED
from emotone.runs.run import environment
from scripts.speech_gate.sounds import FAMILIES, draw

FRAME_S = 0.01
WINDOW_S = 4.0
FILES = {"wav": (48_000, 2), "flac": (48_000, 2), "mp3": (48_000, 2)}
"""Format -> rate and channels of the recording whose reading is timed."""
Numbers = NDArray[Any]


class Truth(NamedTuple):
    """A clip in the recording: where it sounds, and its emotion."""

    start_s: float
    end_s: float
    emotion: str


def made_up(data: Path, corpus: str, minutes: float, seed: int) -> tuple[Numbers, list[Truth]]:
    """(samples,) at 16 kHz, and its clips."""
    table = corpora.make(corpus).read(data / corpus)
    rng = np.random.default_rng(seed)
    parts, truth, at, number = [], [], 0.0, 0
    while at < 60 * minutes:
        clip = table[int(rng.integers(len(table)))]
        pause = rng.normal(scale=1e-4, size=round(rng.uniform(0.3, 3.0) * RATE_HZ))
        if number % 10 == 9:
            family = str(rng.choice(["music", "machines", "weather", "animals"]))
            kind = str(rng.choice(list(FAMILIES[family])))
            sound = draw(family, kind, rng, float(rng.uniform(5, 20)))
            pause = np.concatenate([pause, 0.1 * sound / max(np.abs(sound).max(), 1e-9), pause])
        speech = audio.read(clip.file)
        speech = 0.3 * speech / max(np.abs(speech).max(), 1e-9)
        first, last = audio.ends(speech, RATE_HZ, below_db=30)
        at += pause.size / RATE_HZ
        truth.append(Truth(at + first / RATE_HZ, at + last / RATE_HZ, clip.emotion))
        parts += [pause, speech + rng.normal(scale=1e-4, size=speech.size)]
        at += speech.size / RATE_HZ
        number += 1
    return np.concatenate(parts).astype(np.float32), truth


def boundaries(truth: list[Truth], spans: list[tuple[float, float]]) -> dict[str, float]:
    """Errors of the boundaries of the speech, in s, and how much is found and how much is not speech."""
    starts, ends = (np.array([span[side] for span in spans]) for side in (0, 1))
    errors = np.concatenate(
        [
            [np.abs(starts - one.start_s).min() for one in truth],
            [np.abs(ends - one.end_s).min() for one in truth],
        ]
    )
    size = round(max(ends.max(), truth[-1].end_s) / FRAME_S) + 2
    real, found = (_frames([(one[0], one[1]) for one in which], size) for which in (truth, spans))
    return {
        "boundary error, median, ms": 1000 * float(np.median(errors)),
        "boundaries within 200 ms, %": 100 * float((errors <= 0.2).mean()),
        "speech that is found, %": 100 * float(found[real].mean()),
        "alarms: of what is not speech, %": 100 * float(found[~real].mean()),
    }


def right(truth: list[Truth], parts: list[tuple[float, float, str]], map_to: dict[str, str]) -> dict[str, float]:
    """Percent of the time of speech with the right label, and with `unsure`."""
    size = round(max(truth[-1].end_s, parts[-1][1]) / FRAME_S) + 2
    real, named = np.full(size, "", dtype=object), np.full(size, "", dtype=object)
    for start_s, end_s, emotion in truth:
        real[round(start_s / FRAME_S) : round(end_s / FRAME_S)] = map_to.get(emotion, emotion)
    for start_s, end_s, label in parts:
        named[round(start_s / FRAME_S) : round(end_s / FRAME_S)] = label
    spoken = real != ""
    return {
        "right, %": 100 * float((named == real)[spoken].mean()),
        "unsure, %": 100 * float((named == "unsure")[spoken].mean()),
    }


def labels(samples: Numbers, truth: list[Truth], model: str) -> dict[str, dict[str, float]]:
    """Way of cutting -> how right the labels are; an emotion is always named where there is speech."""
    predictor = load_model(model, threads=1)
    map_to = {} if "calm" in predictor.classes else {"calm": "neutral"}
    edges = np.linspace(0, samples.size, round(samples.size / RATE_HZ / WINDOW_S) + 1).astype(int)
    windows = [samples[first:end] for first, end in pairwise(edges)]
    whole = predictor.predict(samples, RATE_HZ, min_confidence=0)
    cut = predictor.predict_many(windows, RATE_HZ, workers=1, min_confidence=0)
    fixed = [
        (first / RATE_HZ, end / RATE_HZ, one.label)  # type: ignore[union-attr]
        for (first, end), one in zip(pairwise(edges), cut, strict=True)
    ]
    stretches = [(part.start_s, part.end_s, part.label) for part in whole.segments]
    return {
        "stretches of speech": right(truth, stretches, map_to),
        f"windows of {WINDOW_S:g} s": right(truth, fixed, map_to),
    }


def cost(file: Path, what: str) -> dict[str, float]:
    """Times real time and megabytes of reading, of finding speech, or of predicting with a model."""
    started, minutes = time.perf_counter(), audio.duration_s(file) / 60
    if what == "read":
        with open_blocks(file) as blocks:
            mixer = Mixer("x")
            for block in blocks:
                mixer(block)
    elif what == "find speech":
        for _ in LongRecording(file, None, RATE_HZ, "mix"):
            pass
    else:
        load_model(what, threads=1).predict(file)
    seconds = time.perf_counter() - started
    return {"real time": 60 * minutes / seconds, "MB": _peak_mb()}


def _peak_mb() -> float:
    """Largest memory of this process since it was started."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1024


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Everything that the page shows."""
    samples, truth = made_up(given.data, given.corpus, given.minutes, given.seed)
    spans = [tuple(utterance.span) for utterance in LongRecording(samples, RATE_HZ, RATE_HZ, "mix")]
    found: dict[str, Any] = {"boundaries": boundaries(truth, spans)}  # type: ignore[arg-type]
    found["labels"] = labels(samples, truth, given.model)
    found["cost"] = {}
    with tempfile.TemporaryDirectory() as folder:
        for form, (rate_hz, channels) in FILES.items():
            file = Path(folder) / f"hour.{form}"
            with soundfile.SoundFile(file, "w", rate_hz, channels) as handle:
                for first in range(0, samples.size, 10 * RATE_HZ):
                    block = audio.resample(samples[first : first + 10 * RATE_HZ], RATE_HZ, rate_hz)
                    handle.write(np.tile(block[:, None], channels))
            for what in ["read", "find speech", *(SHIPPED if form == "wav" else ())]:
                words = [sys.executable, "-m", "benchmarks.long_recording", "--cost", str(file), what]
                done = subprocess.run(words, capture_output=True, check=True, text=True)
                found["cost"][f"{form}, {what}"] = json.loads(done.stdout)
    return found


def page(found: dict[str, Any], given: argparse.Namespace) -> str:
    """The results as Markdown."""
    about, model = environment(0.0), given.named or given.model
    lines = [
        "# A long recording",
        "",
        f"Written by `python -m benchmarks.long_recording --minutes {given.minutes:g} --corpus {given.corpus}`",
        f"(commit {about['commit']}, {about['hardware']}, seed {given.seed}; labels by the model {model}).",
        "A made-up recording: clips, pauses of .3 to 3 s, and 5 to 20 s of other sounds in every tenth pause.",
        "",
        "| stretches of speech | |",
        "|---|---|",
        *(f"| {name} | {value:.1f} |" for name, value in found["boundaries"].items()),
        "",
        "Labels, in percent of the time of speech, with `--min-confidence 0`.",
        "",
        "| cut into | right | unsure |",
        "|---|---|---|",
        *(f"| {name} | {row['right, %']:.1f} | {row['unsure, %']:.1f} |" for name, row in found["labels"].items()),
        "",
        "One process, one thread; 48 kHz, two channels. `find speech`: reading, resampling, detection; a model: all.",
        "",
        "| | times real time | MB |",
        "|---|---|---|",
        *(f"| {name} | {row['real time']:.0f} | {row['MB']:.0f} |" for name, row in found["cost"].items()),
    ]
    return "\n".join(lines) + "\n"


def _frames(spans: Any, size: int) -> NDArray[np.bool_]:
    inside = np.zeros(size, dtype=bool)
    for start_s, end_s in spans:
        inside[round(start_s / FRAME_S) : round(end_s / FRAME_S)] = True
    return inside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("EMOTONE_DATA")
    parser.add_argument("--data", type=Path, default=data, help="a folder per corpus in it")
    parser.add_argument("--corpus", default="ravdess")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--model", default="fast", help="for the labels; one that was not trained on the corpus")
    parser.add_argument("--named", default="", help="what the page calls this model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a page without suffix; .json and .md are written")
    parser.add_argument("--cost", nargs=2, metavar=("FILE", "WHAT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cost:
        sys.stdout.write(json.dumps(cost(Path(given.cost[0]), given.cost[1])))
        return
    found = measured(given)
    text = page(found, given)
    sys.stdout.write(text)
    if given.out:
        for suffix, content in ((".json", json.dumps(found, indent=1) + "\n"), (".md", text)):
            with atomic_write(given.out.with_suffix(suffix)) as temporary:
                temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
