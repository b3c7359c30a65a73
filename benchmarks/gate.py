"""Milliseconds that the speech gate takes for three seconds of sound, on one thread.

python -m benchmarks.gate [--json]
"""

from __future__ import annotations

# ruff: noqa: E402 (libraries read how many threads they may use when they are imported)
import os

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import argparse
import json
import platform
import time

import numpy as np

from emotone.audio import synthetic
from emotone.inference.speech_gate import judge
from scripts.speech_gate.sounds import sound

SECONDS = 3.0


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Sound -> median and minimum milliseconds; the sounds are measured in turn."""
    sounds = {
        "voice": synthetic.syllables("neutral", seconds=SECONDS),
        "music": sound("music", "band", seconds=SECONDS),
        "noise": sound("noise", "pink", seconds=SECONDS),
    }
    for samples in sounds.values():  # build tables and load weights before timing
        judge(samples)
    took: dict[str, list[float]] = {name: [] for name in sounds}
    for _ in range(repeats):
        for name, samples in sounds.items():
            started = time.perf_counter()
            judge(samples)
            took[name].append(1000 * (time.perf_counter() - started))
    return {
        name: {"median_ms": round(float(np.median(times)), 3), "least_ms": round(min(times), 3)}
        for name, times in took.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options = parser.parse_args()
    took = measure(options.repeats)
    if options.json:
        print(json.dumps({"ms": took, "machine": platform.machine(), "python": platform.python_version()}))
        return
    print(f"{'3 s of':<10}{'ms':>8}{'least':>8}")
    for name, times in took.items():
        print(f"{name:<10}{times['median_ms']:>8.2f}{times['least_ms']:>8.2f}")


if __name__ == "__main__":
    main()
