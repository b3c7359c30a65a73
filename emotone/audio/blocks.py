"""A recording of any length in blocks, decoded while it is read, so that memory does not depend on its length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio.decode import (
    SLACK_S,
    UNKNOWN_LENGTH,
    for_pyav,
    for_soundfile,
    promised,
    promised_s,
    pyav_container,
    pyav_parts,
    sound_file,
)
from emotone.audio.limits import check_channels, check_rate
from emotone.audio.source import Content, Source, content_of, name_of, named

BLOCK_S = 10.0
"""Longest block."""
_SMALL = 1024  # samples of a block before a damaged place


class Blocks:
    """The blocks of an open recording; iterate once.

    A recording that breaks off gives what can be read; `problem` then says where it ended.

    Attributes:
        name: of the source.
        rate_hz: its sampling rate.
        channels: how many.
        stated_s: duration that the header states; 0 if none.
        problem: empty, or after the last block: what is wrong with the recording.
    """

    def __init__(self, name: str, rate_hz: int, channels: int, stated_s: float, blocks: Iterator[NDArray[Any]]) -> None:
        self.name, self.rate_hz, self.channels, self.stated_s = name, rate_hz, channels, stated_s
        self.problem = ""
        self._blocks = blocks

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """(samples, channels) each, float32 or int16."""
        count = 0
        try:
            for block in self._blocks:
                count += len(block)
                yield block
        except _BrokenOff as problem:
            self.problem = f"{self.name}: damaged after {count / self.rate_hz:.2f} s ({problem}); the rest is lost"
        else:
            if self.stated_s - count / self.rate_hz > SLACK_S:
                self.problem = (
                    f"{self.name}: cut short: the header states {self.stated_s:.2f} s, {count / self.rate_hz:.2f} s can"
                    " be read"
                )


class _BrokenOff(Exception):
    """The next block cannot be decoded."""


@contextmanager
def open_blocks(source: Source) -> Iterator[Blocks]:
    """The blocks of a file, as long as the context lasts; none is longer than 10 s.

    Args:
        source: a path, also of a pipe, `-` for standard input, or an open binary file. Pipes and open files are kept in
            memory as they are, undecoded.

    Raises:
        AudioError: not readable as sound from its beginning on; or a rate or number of channels that is not accepted.
        MissingExtra: m4a, mp4 or webm without PyAV.
    """
    opened = ExitStack()
    with named(name := name_of(source)):
        blocks = _opened(content_of(source, name), name, opened)
    try:
        yield blocks
    finally:
        opened.close()  # what the caller raises is not an error of the recording


def _opened(content: Content, name: str, until: ExitStack) -> Blocks:
    if not for_pyav(content):
        file = until.enter_context(sound_file(content, name))
        if file.frames < UNKNOWN_LENGTH:
            stated_s = max(file.frames, promised(file)) / file.samplerate
            return Blocks(name, file.samplerate, file.channels, stated_s, _of_soundfile(file, content))
    container = until.enter_context(pyav_container(content, name))
    stream = container.streams.audio[0]
    rate_hz = int(check_rate(stream.rate or 0, name))
    check_channels(stream.channels, name)
    return Blocks(name, rate_hz, stream.channels, promised_s(container), _decoded(container, stream, rate_hz))


def _of_soundfile(file: Any, content: Content) -> Iterator[NDArray[Any]]:
    dtype = "int16" if file.subtype == "PCM_16" and file.format != "FLAC" else "float32"
    size, count = max(1, round(BLOCK_S * file.samplerate)), 0
    try:
        while len(block := file.read(size, dtype=dtype, always_2d=True)):
            yield block
            count += len(block)
    except soundfile.SoundFileError as problem:
        yield from _before_damage(content, count, dtype)
        raise _BrokenOff(str(problem).rpartition(": ")[2].strip(". ") or "undecodable") from problem


def _before_damage(content: Content, first: int, dtype: str) -> Iterator[NDArray[Any]]:
    """What can be decoded of the block that begins at this sample, from a file that is opened again."""
    at = 0
    with suppress(soundfile.SoundFileError), soundfile.SoundFile(for_soundfile(content)) as file:
        while len(part := file.read(_SMALL, dtype=dtype, always_2d=True)):
            if at >= first:
                yield part
            elif at + len(part) > first:
                yield part[first - at :]
            at += len(part)


def _decoded(container: Any, stream: Any, rate_hz: int) -> Iterator[NDArray[Any]]:
    import av

    frames = pyav_parts(container, stream, rate_hz)
    parts: list[NDArray[Any]] = []
    broken, frame = "", None
    while True:
        try:
            frame = next(frames, None)
        except av.FFmpegError as problem:
            broken, frame = problem.strerror or "undecodable", None
        if frame is not None:
            parts.append(frame)
        if parts and (frame is None or sum(map(len, parts)) >= BLOCK_S / 2 * rate_hz):
            yield np.concatenate(parts)
            parts = []
        if broken:
            raise _BrokenOff(broken)
        if frame is None:
            return
