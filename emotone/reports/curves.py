"""Rows of a benchmark -> curves: the score against the one setting that was varied over numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
_FEWEST = 3  # values; two are told by their rows


@dataclass(frozen=True)
class Curve:
    """What one recipe scores at each value of a setting.

    Attributes:
        title: the recipe, and what was changed for the whole table.
        setting: its path, such as `data.speaker_seconds`.
        values: as typed: words that came before the numbers, the numbers from small to large, the other words.
        lines: corpus, and what else was varied -> value -> UAR as an interval.
        kinds: what the caveats of some of its points begin with, such as `transductive`.
        speaker_independent: whether every point is.
    """

    title: str
    setting: str
    values: tuple[str, ...]
    lines: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    kinds: tuple[str, ...]
    speaker_independent: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The values that are no numbers, to which no line can lead."""
        return tuple(value for value in self.values if not is_number(value))


def curves(rows: Sequence[Row]) -> list[Curve]:
    """A curve per recipe, where exactly one setting was varied over three values or more, two of them numbers.

    >>> score = {"value": 0.5, "low": 0.4, "high": 0.6}
    >>> common = {"recipe": "a/b", "corpus": "x", "protocol": "speakers", "speaker_independent": True, "uar": score}
    >>> (curve,) = curves([{**common, "varied": {"data.folds": value}} for value in ("null", "10", "5", "most")])
    >>> curve.setting, curve.values, list(curve.lines)
    ('data.folds', ('null', '5', '10', 'most'), ['x'])
    """
    varied = [row for row in rows if row.get("varied") and not row.get("cross")]
    asked: dict[str, dict[str, None]] = {}  # setting -> its values, in the order of the rows
    for row in varied:
        for key, value in row["varied"].items():
            asked.setdefault(key, {})[str(value)] = None
    numeric = [
        key for key, values in asked.items() if len(values) >= _FEWEST and sum(map(is_number, values)) >= _FEWEST - 1
    ]
    if len(numeric) != 1:
        return []
    setting = numeric[0]
    varied = [row for row in varied if setting in row["varied"]]
    protocols = {row["protocol"] for row in varied}
    drawn: dict[str, list[Row]] = {}
    for row in varied:
        drawn.setdefault(", ".join([row["recipe"], *row.get("changes", [])]), []).append(row)
    return [_curve(title, setting, list(asked[setting]), rows, len(protocols) > 1) for title, rows in drawn.items()]


def is_number(value: str) -> bool:
    """Whether a typed value is a finite number.

    >>> is_number("1e3"), is_number("all"), is_number("nan")
    (True, False, False)
    """
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _curve(title: str, setting: str, values: list[str], rows: Sequence[Row], protocols: bool) -> Curve:
    lines: dict[str, dict[str, Mapping[str, float | None]]] = {}
    for row in rows:
        others = [str(value) for key, value in row["varied"].items() if key != setting]
        name = ", ".join([row["corpus"], *([row["protocol"]] if protocols else []), *others])
        lines.setdefault(name, {})[str(row["varied"][setting])] = row["uar"]
    first = next(place for place, value in enumerate(values) if is_number(value))
    words = [[value for value in part if not is_number(value)] for part in (values[:first], values[first:])]
    numbers = sorted(filter(is_number, values), key=float)
    kinds = dict.fromkeys(caveat.partition(":")[0] for row in rows for caveat in row.get("caveats", []))
    independent = all(row["speaker_independent"] for row in rows)
    return Curve(title, setting, (*words[0], *numbers, *words[1]), lines, tuple(kinds), independent)
