"""Emotion over time in a stream of samples: a result for each stretch of speech, as soon as it has ended."""

from __future__ import annotations

from typing import NamedTuple

from emotone.inference.prediction import Segment


class Result(NamedTuple):
    """What a stream says of a stretch of speech; not final while the stretch goes on."""

    segment: Segment
    final: bool
