"""Writes the tables and the picture of docs/unsure.md from the results.

python -m scripts.speech_gate.page docs/unsure.md results/speech-gate.json results/clipping.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotone.files import atomic_write
from emotone.reports.charts.det_curves import DetCurve, det_curves
from emotone.reports.charts.drawing import standing_alone
from scripts.speech_gate import clipping as measure_clipping
from scripts.speech_gate import fit as fit_speech_gate

LINES = (
    ("unseen speakers", "speakers", "refused"),
    ("unseen languages", "languages", "refused"),
    ("unseen languages, disturbed", "languages", "refused, disturbed"),
)


def write(page: Path, gate: Mapping[str, Any], clipping: Mapping[str, Any]) -> None:
    """Replace the text between the marks `gate` and `clipping` of the page, and the picture next to it."""
    picture = page.with_suffix(".svg")
    with atomic_write(picture) as temporary:
        temporary.write_text(standing_alone(_curve(gate, page.stem)), encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    for mark, written in (
        ("gate", fit_speech_gate.page(gate)),
        ("clipping", measure_clipping.page(clipping["rows"], clipping["environment"])),
    ):
        begin, end = f"<!-- begin {mark}: written by scripts/speech_gate/page.py -->\n", f"<!-- end {mark} -->\n"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise SystemExit(f"{page}: no lines {begin.strip()} and {end.strip()}")
        text = before + begin + written + end + rest.partition(end)[2]
    with atomic_write(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _curve(gate: Mapping[str, Any], name: str) -> str:
    return det_curves(
        {title: _trade(gate["detectors"]["default"][by], mistake) for title, by, mistake in LINES},
        x="speech that is refused, %",
        y="other sounds that get an emotion, %",
        most=(0.08, 0.15),
        goal=(gate["goals"]["refused"], gate["goals"]["named"]),
        alt_text="The speech gate's two error rates",
        name=name,
    )


def _trade(measured: Mapping[str, Any], mistake: str) -> DetCurve:
    curve = measured["curve"]
    at = (measured[mistake]["all"]["value"], measured["named"]["all"]["value"])
    return DetCurve([point[mistake] for point in curve], [point["named"] for point in curve], at)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="the page with the marks")
    parser.add_argument("gate", type=Path, help="the .json that scripts/speech_gate/fit.py wrote")
    parser.add_argument("clipping", type=Path, help="the .json that scripts/speech_gate/clipping.py wrote")
    given = parser.parse_args()
    gate, clipping = (json.loads(path.read_text(encoding="utf-8")) for path in (given.gate, given.clipping))
    write(given.page, gate, clipping)
