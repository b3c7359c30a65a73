"""Decoding of sound files by soundfile or PyAV; incomplete files are refused."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio.file_types import is_text
from emotone.audio.headers import finished
from emotone.audio.limits import check_channels, check_length, check_rate
from emotone.audio.source import Content, content_of, printable
from emotone.errors import AudioError, MissingExtra

_PYAV_EXTENSIONS = (".m4a", ".mp4", ".webm", ".aac", ".mov", ".mkv")
SLACK_S = 0.05  # tolerance of stated lengths: encoders pad, and some programs count the header
_STREAMED_BYTES = 0x7FFF0000  # lengths from here on are placeholders of streamed wav files
UNKNOWN_LENGTH = 2**62  # libsndfile's length of a streamed flac, whose end it cannot read
_COMPRESSED = ("FLAC", "OGG", "MP3", "MPEG")  # their header states a length that the size of the file does not limit
_BLOCK = 2**20  # samples that are read at once of these
_UNCLEAR = ("does not exist", "internal error", "unknown error", "SF_INFO", "Undefined")
"""Parts of messages of libsndfile that do not help."""
_MAX_REBUILT = 2**32  # bytes of a file whose header is fixed in memory


def decode(source: Any, name: str, start_s: float, end_s: float | None) -> tuple[NDArray[Any], int]:
    """((samples, channels), rate): by soundfile, or by PyAV for containers that soundfile cannot read.

    float32; int16 for 16-bit files, since numpy converts them faster than libsndfile.

    Args:
        source: a path, `-` for standard input, or an open binary file.
        name: its name in messages.
        start_s, end_s: the section to read; None is the end.

    Raises:
        AudioError: not readable as sound, or over 50 ms shorter than its header states.
        MissingExtra: a container that needs PyAV, and no PyAV.
    """
    content = content_of(source, name)
    if for_pyav(content):
        return _through_pyav(content, name, start_s, end_s)
    return _through_soundfile(content, name, start_s, end_s)


def seconds(source: Any, name: str) -> float:
    """Duration of a file according to its header; decoded only if PyAV has to read it.

    Raises:
        AudioError: not readable as sound.
        MissingExtra: a container that needs PyAV, and no PyAV.
    """
    content = content_of(source, name)
    if not for_pyav(content):
        with sound_file(content, name) as file:
            if file.frames < UNKNOWN_LENGTH:
                return float(file.frames / file.samplerate)
    sound, rate_hz = _through_pyav(content, name, 0.0, None)
    return len(sound) / rate_hz


def cut(sound: NDArray[Any], rate_hz: float, start_s: float, end_s: float | None) -> NDArray[Any]:
    """The section of a sound (samples, ...) between two times."""
    return sound[round(start_s * rate_hz) : None if end_s is None else round(end_s * rate_hz)]


def for_pyav(content: Content) -> bool:
    """Whether PyAV must decode it: mp4, m4a, mov, Matroska, webm and raw AAC, by content, as phones misname them."""
    head, path = content.head, content.path
    adts = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    known = adts or head[4:8] == b"ftyp" or head[:4] == b"\x1a\x45\xdf\xa3"
    return known or (path is not None and path.suffix.lower() in _PYAV_EXTENSIONS)


@contextmanager
def sound_file(content: Content, name: str) -> Iterator[Any]:
    """The file, opened by soundfile; libsndfile's errors name it, here and while it is open."""
    try:
        with _opened(content) as file:
            check_rate(file.samplerate, name)
            check_channels(file.channels, name)
            yield file
    except (soundfile.SoundFileError, OSError) as problem:
        raise _unreadable(content, name, problem) from problem


def _opened(content: Content) -> soundfile.SoundFile:
    """With a finished header if the file cannot be opened, or seems to be empty."""
    file, problem = None, None
    try:
        file = soundfile.SoundFile(for_soundfile(content))
        if file.frames > 0:
            return file
    except soundfile.SoundFileError as raised:
        problem = raised
    size = len(content.data or b"") if content.path is None else content.path.stat().st_size
    data = finished(content.whole()) if size < _MAX_REBUILT else None
    if file is None and data is None and _has_companion(content):
        data = content.whole()
    if data is not None:
        if file is not None:
            file.close()
        return soundfile.SoundFile(_Bytes(data))
    if file is None:
        raise problem or soundfile.SoundFileError("unknown format")
    return file


class _Bytes(io.BytesIO):
    """Bytes that a damaged header may tell libsndfile to seek in before their beginning."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """The new place; the old one where there is no such place."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):  # an exception here would be printed, not raised
            return self.tell()


def _has_companion(content: Content) -> bool:
    """Whether `._NAME` of macOS lies next to the file: libsndfile takes it for a part of an MP3 file, and fails."""
    path = content.path
    return path is not None and path.with_name(f"._{path.name}").exists()


def for_soundfile(content: Content) -> Any:
    """What to hand to soundfile, which takes a path with the extension `.raw` for samples without a header."""
    path = content.path
    if path is None or path.suffix.lower() == ".raw":
        return _Bytes(content.whole())
    return os.fsencode(path) if os.name == "posix" else str(path)


def _through_soundfile(content: Content, name: str, start_s: float, end_s: float | None) -> tuple[NDArray[Any], int]:
    with sound_file(content, name) as file:
        if file.frames < UNKNOWN_LENGTH:
            return _section(file, content, name, start_s, end_s), file.samplerate
    return _through_pyav(content, name, start_s, end_s)


def _section(file: Any, content: Content, name: str, start_s: float, end_s: float | None) -> NDArray[Any]:
    """(samples, channels) of an open file."""
    rate_hz, stated = file.samplerate, max(file.frames, promised(file))
    _check_whole(name, stated, file.frames, rate_hz)
    first = min(round(start_s * rate_hz), file.frames)
    count = file.frames - first if end_s is None else min(round(end_s * rate_hz), file.frames) - first
    check_length(count, rate_hz, name)
    if first:
        file.seek(first)
    try:
        sound = _samples(file, count)
    except soundfile.SoundFileError:  # a flac that breaks off
        _check_whole(name, stated, _decodable(content), rate_hz)
        raise
    _check_whole(name, first + count, first + len(sound), rate_hz)
    return sound


def _samples(file: Any, count: int) -> NDArray[Any]:
    """(samples, channels) the next of an open file; memory is only taken for those that are there."""
    short = file.subtype == "PCM_16" and file.format != "FLAC"  # flac takes equally long for either
    dtype = "int16" if short else "float32"
    if file.format not in _COMPRESSED or count <= _BLOCK:
        return np.asarray(file.read(count, dtype=dtype, always_2d=True))
    blocks = []
    while count > 0:
        blocks.append(file.read(min(count, _BLOCK), dtype=dtype, always_2d=True))
        count -= _BLOCK if len(blocks[-1]) == _BLOCK else count
    return np.concatenate(blocks)


def promised(file: soundfile.SoundFile) -> int:
    """Length in samples that the header of a wav, aiff or au file states; libsndfile corrects it and logs both."""
    if "should be" not in file.extra_info:
        return 0
    match = re.search(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if match is None or int(match[1]) >= _STREAMED_BYTES or int(match[2]) == 0:
        return 0
    return int(file.frames * int(match[1]) / int(match[2]))


def _decodable(content: Content) -> int:
    """Number of samples before the first that cannot be decoded."""
    count = 0
    with soundfile.SoundFile(for_soundfile(content)) as file:
        try:
            while found := len(file.read(1024)):
                count += found
        except soundfile.SoundFileError:
            pass
    return count


def _check_whole(name: str, promised: int, there: int, rate_hz: int) -> None:
    if promised - there > SLACK_S * rate_hz:
        raise AudioError(
            f"{name}: cut short or damaged: the header states {promised / rate_hz:.2f} s, {there / rate_hz:.2f} s can "
            "be read; get the file again, or re-encode it to keep the readable part"
        )


def _unreadable(content: Content, name: str, problem: Exception) -> AudioError:
    if is_text(content.head):
        return AudioError(f"{name}: not readable as sound (it is a text); wav, flac, ogg, opus and mp3 are read")
    if not any(content.head):
        return AudioError(f"{name}: not readable as sound (it begins with zeros only); get the file again")
    if content.path is not None and content.path.suffix.lower() == ".raw":
        return AudioError(f"{name}: raw samples without a header state neither rate nor type; convert it to wav")
    reason = printable(str(problem).rpartition(": ")[2].strip().rstrip("."))
    if not reason or any(phrase in reason for phrase in _UNCLEAR):
        reason = "damaged or cut short"
    return AudioError(f"{name}: not readable as sound ({reason}); wav, flac, ogg, opus and mp3 are read")


@contextmanager
def pyav_container(content: Content, name: str) -> Iterator[Any]:
    """The container, opened by PyAV, with one audio stream or more; FFmpeg's errors name it, here and while it is open.

    Raises:
        AudioError: not readable, or without sound.
        MissingExtra: no PyAV.
    """
    if is_text(content.head):
        raise _unreadable(content, name, AudioError("a text"))
    try:
        import av
    except ImportError as problem:
        raise MissingExtra(f"reading {name}", "media") from problem
    try:
        with content.open() as file, av.open(_ForPyAV(file)) as container:
            if not container.streams.audio:
                raise AudioError(f"{name}: contains no sound")
            yield container
    except av.FFmpegError as problem:
        raise AudioError(f"{name}: not readable as sound ({problem.strerror})") from problem


def pyav_parts(container: Any, stream: Any, rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """(samples, channels) of each frame of an open container.

    Raises:
        av.FFmpegError: the next frame cannot be decoded.
    """
    import av

    to_float = av.AudioResampler(format="fltp", rate=rate_hz)
    for frame in container.decode(stream):
        yield from (part.to_ndarray().T for part in to_float.resample(frame))
    yield from (part.to_ndarray().T for part in to_float.resample(None))


def _through_pyav(content: Content, name: str, start_s: float, end_s: float | None) -> tuple[NDArray[Any], int]:
    with pyav_container(content, name) as container:
        stream = container.streams.audio[0]
        rate_hz, stated_s = int(check_rate(stream.rate or 0, name)), promised_s(container)
        check_channels(stream.channels, name)
        parts: list[NDArray[Any]] = []
        total = 0
        for part in pyav_parts(container, stream, rate_hz):
            parts.append(part)
            total += len(part)
            check_length(total, rate_hz, name)
    sound = np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)
    _check_whole(name, round(stated_s * rate_hz), len(sound), rate_hz)
    return cut(sound, rate_hz, start_s, end_s), rate_hz


class _ForPyAV:
    """An open file whose errors are results: PyAV prints the traceback of an exception, and goes on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.tell = file, file.tell
        self.name = getattr(file, "name", "<none>")

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none where they cannot be read."""
        try:
            return self._file.read(size)
        except OSError:
            return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """The new place; -1 where there is no such place."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


def promised_s(container: Any) -> float:
    """Duration that the container states; 0 if that is an estimate, or the length of the video."""
    stream = container.streams.audio[0]
    if not {"mp4", "webm"} & set(container.format.name.split(",")):
        return 0.0
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration and not container.streams.video else 0.0
