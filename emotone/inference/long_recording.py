"""The speech of a recording of any length: read, resampled and searched block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.blocks import open_blocks
from emotone.audio.limits import check_rate
from emotone.audio.mono import Channel, Mixer, checked_array
from emotone.audio.read import Samples, Source, name_of
from emotone.audio.source import is_path
from emotone.errors import AudioError
from emotone.inference.speaker_turns import Turn
from emotone.inference.speech_segments import Span
from emotone.inference.speech_stream import Speech, SpeechStream

BLOCK_S = 10.0
SHORTEST_TURN_S = 0.3
"""Shorter parts of a stretch of speech that belong to another speaker are not separated."""
SIDES = ("left", "right")
_SMALL_BYTES = 50_000  # smaller files are read as a whole before their length is looked at


class Utterance(NamedTuple):
    """A stretch of speech of one channel, and of one speaker where turns are known."""

    span: Span
    samples: Samples
    channel: str
    speaker: str


class LongRecording:
    """The speech of one recording; iterate once.

    Attributes:
        name: of the source.
        duration_s: after the last stretch, the length of what was read.
        problem: after the last stretch, empty or why the recording ends early.
        beginning, beginning_hz: (samples,) its first ten seconds at most, and their sampling rate.
    """

    def __init__(
        self, source: Source, rate_hz: float | None, to_hz: int, channel: Channel | Literal["split"],
        turns: Sequence[Turn] = (),
    ) -> None:  # fmt: skip
        """Of a source as in `audio.read`.

        Args:
            rate_hz: the rate of an array.
            to_hz: sampling rate of the stretches.
            channel: as in `audio.read`; `split` searches every channel for itself.
            turns: who speaks when; a stretch is divided where the speaker changes.
        """
        self._source, self._array_hz, self._to_hz, self._channel = source, rate_hz, to_hz, channel
        self._turns = turns
        self.name, self.duration_s, self.problem = name_of(source), 0.0, ""
        self.beginning, self.beginning_hz = np.zeros(0, dtype=np.float32), rate_hz or 0.0

    def __iter__(self) -> Iterator[Utterance]:
        """The stretches of speech, as they end."""
        with self._open() as (rate_hz, channels, blocks):
            split = self._channel == "split" and channels > 1
            if split:
                mixers = [Mixer(self.name, number) for number in range(channels)]
                names = list(SIDES) if channels == len(SIDES) else [str(number + 1) for number in range(channels)]
            else:
                mixers, names = [Mixer(self.name, "mix" if self._channel == "split" else self._channel)], [""]
            streams = [SpeechStream(rate_hz, self._to_hz) for _ in mixers]
            for block, last in _with_last(blocks):
                found: list[tuple[Speech, str]] = []
                for mixer, stream, name in zip(mixers, streams, names, strict=True):
                    samples = mixer(block)
                    if not self.beginning.size:
                        self.beginning = samples
                        self.beginning_hz = rate_hz
                    found += [(speech, name) for speech in stream.feed(samples, last=last)]
                for speech, name in sorted(found, key=lambda item: item[0].span):
                    yield from self._by_speaker(speech, name)
            for mixer in mixers:
                mixer.check()
            self.duration_s = streams[0].heard_s
            if not self.duration_s:
                raise AudioError(f"{self.name}: 0 samples; is the recording empty?")

    @contextmanager
    def _open(self) -> Iterator[tuple[float, int, Iterator[NDArray[Any]]]]:
        """Sampling rate, number of channels and blocks."""
        if isinstance(self._source, np.ndarray):
            sound, rate_hz = checked_array(self._source, self.name), check_rate(self._array_hz, self.name)
            size = max(1, round(BLOCK_S * rate_hz))
            channels = 1 if sound.ndim == 1 else sound.shape[1]
            yield rate_hz, channels, (sound[first : first + size] for first in range(0, len(sound), size))
            return
        with open_blocks(self._source) as blocks:
            yield blocks.rate_hz, blocks.channels, iter(blocks)
            self.problem = blocks.problem

    def _by_speaker(self, speech: Speech, channel: str) -> Iterator[Utterance]:
        """The stretch, divided where another speaker begins; overlapping turns go to the one that began first."""
        for span, speaker in divided(speech.span, self._turns):
            first, end = (round((time_s - speech.span.start_s) * self._to_hz) for time_s in span)
            yield Utterance(span, speech.samples[first:end], channel, speaker)


def is_long(source: Source, longest_s: float) -> bool:
    """Whether the header of a file states more seconds than these, or the length is unknown.

    >>> is_long("no such file", 10.0)
    False
    """
    if not is_path(source):
        return False
    with suppress(AudioError, OSError, ValueError):
        if os.path.getsize(source) > _SMALL_BYTES:  # type: ignore[arg-type]
            with open_blocks(source) as blocks:
                return not blocks.stated_s or blocks.stated_s > longest_s
    return False


def divided(span: Span, turns: Sequence[Turn]) -> list[tuple[Span, str]]:
    """The parts of a stretch that belong to one speaker each; parts outside of all turns go to nobody.

    >>> divided(Span(1.0, 5.0), [Turn(0.0, 3.0, "anna"), Turn(3.0, 9.0, "ben")])
    [(Span(start_s=1.0, end_s=3.0), 'anna'), (Span(start_s=3.0, end_s=5.0), 'ben')]
    >>> divided(Span(1.0, 5.0), [])
    [(Span(start_s=1.0, end_s=5.0), '')]
    """
    edges = {span.start_s, span.end_s}
    edges |= {edge for turn in turns for edge in turn[:2] if span.start_s < edge < span.end_s}
    times = sorted(edges)
    parts: list[tuple[Span, str]] = []
    for start_s, end_s in pairwise(times):
        middle_s = (start_s + end_s) / 2
        speaker = next((turn.speaker for turn in turns if turn.start_s <= middle_s < turn.end_s), "")
        short = end_s - start_s < SHORTEST_TURN_S
        if parts and (short or speaker == parts[-1][1]):
            parts[-1] = (Span(parts[-1][0].start_s, end_s), parts[-1][1])
        else:
            parts.append((Span(start_s, end_s), speaker))
    return parts


def _with_last(blocks: Iterator[NDArray[Any]]) -> Iterator[tuple[NDArray[Any], bool]]:
    """Each block, and whether it is the last."""
    before = next(blocks, None)
    for block in blocks:
        assert before is not None
        yield before, False
        before = block
    if before is not None:
        yield before, True
