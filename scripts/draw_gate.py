"""Draws what refusing speech and naming other sounds cost each other, from what scripts/fit_speech_gate.py measured.

python scripts/draw_gate.py results/speech-gate.json docs/unsure.svg
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from draw_curve import standing_alone

from emotone.pictures.trade_off import Trade, trade_off
from emotone.whole import whole

LINES = (
    ("unheard speakers", "speakers", "refused"),
    ("unheard languages", "languages", "refused"),
    ("unheard languages, disturbed", "languages", "refused, disturbed"),
)


def draw(table: Path, out: Path) -> None:
    found = json.loads(table.read_text(encoding="utf-8"))
    drawn = trade_off(
        {title: _trade(found[by], mistake) for title, by, mistake in LINES},
        x="speech that is refused, %",
        y="other sounds that get an emotion, %",
        most=(0.08, 0.15),
        goal=(found["goals"]["refused"], found["goals"]["named"]),
        told="The speech gate's two mistakes",
        name=out.stem,
    )
    with whole(out) as temporary:
        temporary.write_text(standing_alone(drawn), encoding="utf-8")


def _trade(measured: Mapping[str, Any], mistake: str) -> Trade:
    curve = measured["curve"]
    at = (measured[mistake]["all"]["value"], measured["named"]["all"]["value"])
    return Trade([point[mistake] for point in curve], [point["named"] for point in curve], at)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="the .json that scripts/fit_speech_gate.py wrote")
    parser.add_argument("out", type=Path, help="the .svg")
    given = parser.parse_args()
    draw(given.table, given.out)
