"""Time of a prediction, part by part, compared with alternatives; in one run, on one thread.

    python benchmarks/predict.py [--model default --model fast] [--json] [--out results/default-model-speed.md]

Synthetic clips of three seconds as FLAC at 16 kHz. The parts of each shipped model, each in a loop of its own: reading
the file, the gate, the graph. The whole takes more than their sum, since every part then finds the cache
of the processor filled by the part before; less so if many files go through each step together. The whole is also
measured for the same clips as WAV, which need no decoding. Alternatives on the same clips: a residual network in torch,
eager, after librosa's log-mels; and a wav2vec2 of base size with random weights (its speed needs no training) in
transformers' audio-classification pipeline. Then a cold process for one file, with its memory, and folders of 6,000
files, FLAC and WAV, on all cores, with the start of the processes.
"""

from __future__ import annotations

# ruff: noqa: E402 (libraries read their number of threads when they are imported)
import os

for library in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from emotone import models
from emotone.audio import read as audio
from emotone.audio.steady_tones import cleaned
from emotone.cli.output import print_table
from emotone.files import atomic_write
from emotone.inference import speech_gate
from emotone.inference.predictor import SHIPPED, Predictor, load_model
from emotone.models.pretrained import optional as late_imports
from emotone.runs.run import environment

sys.path.insert(0, str(Path(__file__).parent))
from front_end import RATE_HZ, synthetic_clips

SECONDS = 3
FORMATS = ("FLAC", "WAV")
_MEMORY = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)
WHOLE, IN_BATCH = "whole prediction", "one file of a batch"


def median_ms(call: Callable[[Path], Any], files: list[Path], repeats: int = 3) -> float:
    """Milliseconds of a call per file: the median of all calls."""
    call(files[0])
    times = []
    for _ in range(repeats):
        for file in files:
            started = time.perf_counter()
            call(file)
            times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times))


def parts(model: Predictor, files: list[Path], as_wav: list[Path]) -> dict[str, float]:
    """Part -> milliseconds per clip, for FLAC files; at the end the whole for the same clips as WAV."""
    (graph,) = model.ensemble.models
    samples = {file: audio.read(file, RATE_HZ) for file in files}
    pieces = {file: graph.features(sound, [(0.0, sound.size / RATE_HZ)]) for file, sound in samples.items()}
    found = {"read FLAC": median_ms(lambda file: audio.read(file, RATE_HZ), files)}
    found["gate, of models without the output speech"] = median_ms(lambda file: speech_gate.judge(samples[file]), files)
    found["steady tones"] = median_ms(lambda file: cleaned(samples[file], graph.audio), files)
    by_input = [(item.audio, item.feature.source, item.feature) for item in graph.inputs]
    steps = [(settings, part) for settings, *features in by_input for part in features if part is not None]
    for settings, feature in dict.fromkeys(steps):
        name, source = type(feature).__name__, feature.source
        if source is not None:  # it has a row of its own, since several features may share it
            values = {file: source.extract(settings(sound), RATE_HZ) for file, sound in samples.items()}
            found[name] = median_ms(lambda file, item=feature, known=values: item.of_source(known[file]), files)
            continue
        found[f"trim, for {name}"] = median_ms(lambda file, trim=settings: trim(samples[file]), files)
        prepared = {file: settings(sound) for file, sound in samples.items()}
        found[name] = median_ms(lambda file, item=feature, sounds=prepared: item.extract(sounds[file], RATE_HZ), files)
    found["graph"] = median_ms(lambda file: graph.log_probabilities(pieces[file]), files)
    for suffix, clips in (("", files), (", WAV", as_wav)):
        found[WHOLE + suffix] = median_ms(lambda file: model.predict(file), clips)
        found[IN_BATCH + suffix] = batch_ms(model, clips)
    return found


def batch_ms(model: Predictor, files: list[Path], repeats: int = 9) -> float:
    """Milliseconds per file of a folder, in one process."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        count = len(list(model.predict_many(files, workers=1)))
        times.append(1000 * (time.perf_counter() - started) / count)
    return float(np.median(times))


def folder_clips_per_s(name: str, files: list[Path]) -> float:
    """Files per second on all cores, including the start of the processes."""
    model, many = load_model(name, threads=1), files * max(1, 6000 // len(files))
    started = time.perf_counter()
    count = len(list(model.predict_many(many)))
    return count / (time.perf_counter() - started)


def alternatives(files: list[Path]) -> dict[str, float]:
    """Alternative -> milliseconds per clip."""
    import librosa
    import torch

    hub = late_imports.transformers()

    torch.set_num_threads(1)
    model = models.make("residual_bigru")
    assert isinstance(model, models.Network)
    network = model.build((300, 64), 9).eval()

    def eager(file: Path) -> None:
        sound, _ = librosa.load(file, sr=RATE_HZ)
        mel = librosa.feature.melspectrogram(
            y=sound, sr=RATE_HZ, n_fft=1024, win_length=400, hop_length=160, n_mels=64, fmin=40, fmax=7800
        )
        values = librosa.power_to_db(mel, amin=1e-12, top_db=None).T
        with torch.inference_mode():
            network(torch.as_tensor(values - values.mean(axis=0))[None], None)

    large = hub.Wav2Vec2ForSequenceClassification(hub.Wav2Vec2Config(num_labels=9)).eval()
    extractor = hub.Wav2Vec2FeatureExtractor(return_attention_mask=False)
    pipeline = hub.pipeline("audio-classification", model=large, feature_extractor=extractor)

    def piped(file: Path) -> None:  # a file name would need ffmpeg
        sound, rate_hz = soundfile.read(file, dtype="float32")
        pipeline({"raw": sound, "sampling_rate": rate_hz})

    return {
        "librosa and a residual network in torch": median_ms(eager, files),
        "transformers' pipeline, wav2vec2 of base size": median_ms(piped, files[:5], repeats=1),
    }


def cold(model: str, file: Path) -> dict[str, float]:
    """Median seconds and maximum megabytes of `emotone predict FILE` in a process of its own."""
    words = [sys.executable, "-m", "emotone", "predict", str(file), "-m", model]
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    measured = subprocess.run([sys.executable, "-c", _MEMORY, *words], check=True, capture_output=True, text=True)
    return {"seconds": float(np.median(times)), "megabytes": int(measured.stdout) / 1024}


def measure(name: str, of_format: dict[str, list[Path]]) -> dict[str, Any]:
    """Everything of one model."""
    files = of_format["FLAC"]
    found: dict[str, Any] = {"cold": cold(name, files[0])}
    found["parts_ms"] = parts(load_model(name, threads=1), files, of_format["WAV"])
    found["folder_clips_per_s"] = {kind: folder_clips_per_s(name, of_format[kind]) for kind in FORMATS}
    found["real_time_factor"] = found["parts_ms"][WHOLE] / 1000 / SECONDS
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="one or more; default and fast if none is given")
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--alone", action="store_true", help="leave out the alternatives (torch, transformers)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="a page to write the table to")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        of_format = {name: [Path(folder) / f"{at}.{name.lower()}" for at in range(given.clips)] for name in FORMATS}
        for files in of_format.values():
            for file, clip in zip(files, synthetic_clips(given.clips), strict=True):
                soundfile.write(file, clip, RATE_HZ)
        found = {name: measure(name, of_format) for name in given.model or list(SHIPPED)}
        others = {} if given.alone else alternatives(of_format["FLAC"])
    if given.json:
        sys.stdout.write(json.dumps({"models": found, "alternatives_ms": others}, indent=1) + "\n")
        return
    head, rows = ("", *found), table(found, others)
    print_table(head, rows)
    if given.out:
        page(given.out, head, rows)


def table(found: dict[str, Any], others: dict[str, float]) -> list[tuple[str, ...]]:
    """A row per part, a column per model."""
    models = list(found.values())
    names = dict.fromkeys(part for one in models for part in one["parts_ms"])
    rows = [(f"{name}, ms", *(f"{one['parts_ms'][name]:.2f}" for one in models)) for name in names]
    for kind in FORMATS:
        rates = (f"{one['folder_clips_per_s'][kind]:.0f}" for one in models)
        rows.append((f"folder, {kind}, {os.cpu_count()} cores, clips/s", *rates))
    rows.append(("real-time factor", *(f"{one['real_time_factor']:.4f}" for one in models)))
    rows.append(("a cold process, s", *(f"{one['cold']['seconds']:.2f}" for one in models)))
    rows.append(("a cold process, MB", *(f"{one['cold']['megabytes']:.0f}" for one in models)))
    return rows + [(f"{name}, ms", *[f"{value:.2f}"] * len(models)) for name, value in others.items()]


def page(path: Path, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Write the table as Markdown, with the machine on which it was measured."""
    about = environment(0.0)
    lines = [
        "# Time of a prediction",
        "",
        f"Written by `python benchmarks/predict.py --out {path}` (commit {about['commit']}, {about['hardware']}).",
        f"Synthetic clips of {SECONDS} s as FLAC at 16 kHz, one thread.",
        "",
        *("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)),
    ]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
