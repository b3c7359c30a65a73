"""Clips per second of the front end on one thread, compared with librosa's.

    python benchmarks/front_end.py [--json]

Synthetic three-second clips at 16 kHz, 2048/512/128; measured in turn, the median counts.
"""

from __future__ import annotations

# ruff: noqa: E402 (libraries read how many threads they may use when they are imported)
import os

for library in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import argparse
import json
import platform
import time
from collections.abc import Callable

import librosa
import numpy as np
from numpy.typing import NDArray

from emotone.features import make

RATE_HZ, SECONDS = 16_000, 3
N_FFT, HOP, MELS = 2048, 512, 128

Clip = NDArray[np.float32]


def synthetic_clips(count: int, seed: int = 0) -> list[Clip]:
    """Clips with voiced sound of varying pitch in noise, so that every feature is computed."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    clips = []
    for _ in range(count):
        pitch_hz = rng.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(2, 5) * time_s))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
        buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
        loudness = np.clip(np.sin(2 * np.pi * rng.uniform(1, 3) * time_s) + 0.5, 0, 1)
        clips.append((0.1 * buzz * loudness + 0.003 * rng.standard_normal(time_s.size)).astype(np.float32))
    return clips


def librosa_log_mel(clip: Clip) -> Clip:
    """librosa's log-mel spectrogram."""
    mel = librosa.feature.melspectrogram(y=clip, sr=RATE_HZ, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
    return np.asarray(librosa.power_to_db(mel))


def measure(clips: list[Clip], repeats: int) -> dict[str, float]:
    """Name -> clips per second, the median over repeats; all are measured in turn."""
    settings = {"mels": MELS, "n_fft": N_FFT, "hop": HOP}
    log_mel, mfcc = make("log_mel", **settings), make("mfcc", **settings)
    pitch, functionals = make("pitch"), make("functionals")
    rows: dict[str, Callable[[Clip], Clip]] = {
        "log_mel, librosa": librosa_log_mel,
        "log_mel": lambda clip: log_mel.extract(clip, RATE_HZ),
        "mfcc": lambda clip: mfcc.extract(clip, RATE_HZ),
        "pitch": lambda clip: pitch.extract(clip, RATE_HZ),
        "functionals": lambda clip: functionals.extract(clip, RATE_HZ),
    }
    for row in rows.values():  # build tables and load libraries before timing
        row(clips[0])
    rates: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(repeats):
        for name, row in rows.items():
            started = time.perf_counter()
            for clip in clips:
                row(clip)
            rates[name].append(len(clips) / (time.perf_counter() - started))
    return {name: float(np.median(several)) for name, several in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options = parser.parse_args()
    clips = synthetic_clips(options.clips)
    worst = max(float(np.abs(librosa_log_mel(clip).T - make("log_mel").extract(clip, RATE_HZ)).max()) for clip in clips)
    rates = measure(clips, options.repeats)
    ratio = rates["log_mel"] / rates["log_mel, librosa"]
    if options.json:
        facts = {"machine": platform.machine(), "python": platform.python_version(), "librosa": librosa.__version__}
        print(json.dumps({"clips_per_s": rates, "ratio": ratio, "largest_difference_db": worst, **facts}))
        return
    print(f"{'front end':<18}{'clips/s':>10}{'ms/clip':>10}")
    for name, rate in rates.items():
        print(f"{name:<18}{rate:>10.0f}{1000 / rate:>10.2f}")
    print(f"log_mel is {ratio:.1f} times as fast as librosa's; they differ by {worst:.1g} dB at most")


if __name__ == "__main__":
    main()
