"""Decoding of sound files by soundfile or PyAV; incomplete files are refused."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.errors import AudioError, MissingExtra

_PYAV_EXTENSIONS = (".m4a", ".mp4", ".webm", ".aac", ".mov", ".mkv")
_SLACK_S = 0.05  # tolerance of stated lengths: encoders pad, and some programs count the header
_STREAMED_BYTES = 0x7FFF0000  # lengths from here on are placeholders of streamed wav files
_UNKNOWN = 2**62  # libsndfile's length of a streamed flac, whose end it cannot read


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
    opened: Callable[[], Any]
    if isinstance(source, str | os.PathLike) and str(source) != "-":
        path = Path(source)
        head, opened = _first_bytes(path), lambda: str(path)
    else:
        path, data = None, _all_bytes(source, name)
        head, opened = data[:12], lambda: io.BytesIO(data)
    if _for_pyav(path, head):
        return _through_pyav(opened(), name, start_s, end_s)
    return _through_soundfile(opened, name, start_s, end_s)


def seconds(path: Path) -> float:
    """Duration of a file according to its header; decoded only if PyAV has to read it.

    Raises:
        AudioError: not readable as sound.
        MissingExtra: a container that needs PyAV, and no PyAV.
    """
    if not _for_pyav(path, _first_bytes(path)):
        try:
            facts = soundfile.info(str(path))
        except (soundfile.SoundFileError, OSError) as problem:
            raise _unreadable(str(path), problem) from problem
        if facts.frames < _UNKNOWN:
            return float(facts.frames / facts.samplerate)
    sound, rate_hz = _through_pyav(str(path), str(path), 0.0, None)
    return len(sound) / rate_hz


def _first_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise AudioError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(12)
    except OSError as problem:
        raise AudioError(f"{path}: cannot be opened ({problem.strerror})") from problem
    if not head:
        raise AudioError(f"{path}: 0 bytes; is the recording empty?")
    return head


def _all_bytes(source: Any, name: str) -> bytes:
    if not isinstance(source, str) and not hasattr(source, "read"):
        raise AudioError(f"a path, an open file or an array is sound, not {name}; wrap bytes in io.BytesIO")
    data = sys.stdin.buffer.read() if isinstance(source, str) else source.read()
    if not isinstance(data, bytes):
        raise AudioError(f"{name}: open it in binary mode ('rb')")
    if not data:
        raise AudioError(f"{name}: 0 bytes; is the recording empty?")
    return data


def _for_pyav(path: Path | None, head: bytes) -> bool:
    """True for mp4, m4a, mov, Matroska, webm and raw AAC: by content, since phones misname them, or by extension."""
    adts = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    known = adts or head[4:8] == b"ftyp" or head[:4] == b"\x1a\x45\xdf\xa3"
    return known or (path is not None and path.suffix.lower() in _PYAV_EXTENSIONS)


def _through_soundfile(
    opened: Callable[[], Any], name: str, start_s: float, end_s: float | None
) -> tuple[NDArray[Any], int]:
    try:
        with soundfile.SoundFile(opened()) as file:
            if file.frames >= _UNKNOWN:
                return _through_pyav(opened(), name, start_s, end_s)
            rate_hz, promised = file.samplerate, max(file.frames, _promised(file))
            _check_whole(name, promised, file.frames, rate_hz)
            first = min(round(start_s * rate_hz), file.frames)
            if first:
                file.seek(first)
            count = file.frames - first if end_s is None else min(round(end_s * rate_hz), file.frames) - first
            try:
                short = file.subtype == "PCM_16" and file.format != "FLAC"  # flac takes as long to either
                sound = file.read(count, dtype="int16" if short else "float32", always_2d=True)
            except soundfile.SoundFileError:  # a flac that breaks off
                _check_whole(name, promised, _decodable(opened), rate_hz)
                raise
            _check_whole(name, first + count, first + len(sound), rate_hz)
            return sound, rate_hz
    except (soundfile.SoundFileError, OSError) as problem:
        raise _unreadable(name, problem) from problem


def _promised(file: soundfile.SoundFile) -> int:
    """Length in samples that the header of a wav, aiff or au file states; libsndfile corrects it and logs both."""
    if "should be" not in file.extra_info:
        return 0
    match = re.search(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if match is None or int(match[1]) >= _STREAMED_BYTES or int(match[2]) == 0:
        return 0
    return int(file.frames * int(match[1]) / int(match[2]))


def _decodable(opened: Callable[[], Any]) -> int:
    """Number of samples before the first that cannot be decoded."""
    count = 0
    with soundfile.SoundFile(opened()) as file:
        try:
            while found := len(file.read(1024)):
                count += found
        except soundfile.SoundFileError:
            pass
    return count


def _check_whole(name: str, promised: int, there: int, rate_hz: int) -> None:
    if promised - there > _SLACK_S * rate_hz:
        raise AudioError(
            f"{name}: cut short or damaged: the header states {promised / rate_hz:.2f} s, {there / rate_hz:.2f} s can "
            "be read; get the file again, or re-encode it to keep the readable part"
        )


def _unreadable(name: str, problem: Exception) -> AudioError:
    reason = str(problem).rpartition(": ")[2].strip().rstrip(".")
    if not reason or getattr(problem, "code", 0) == 3:  # libsndfile's "no such file", of a file it cannot seek in
        reason = "damaged or cut short"
    return AudioError(f"{name}: not readable as sound ({reason}); wav, flac, ogg, opus and mp3 are read")


def _through_pyav(source: Any, name: str, start_s: float, end_s: float | None) -> tuple[NDArray[Any], int]:
    try:
        import av
    except ImportError as problem:
        raise MissingExtra(f"reading {name}", "media") from problem
    try:
        with av.open(source) as container:
            if not container.streams.audio:
                raise AudioError(f"{name}: contains no sound")
            stream = container.streams.audio[0]
            rate_hz, promised_s = int(stream.rate), _promised_s(container)
            to_float = av.AudioResampler(format="fltp", rate=rate_hz)
            frames = [out for frame in container.decode(stream) for out in to_float.resample(frame)]
            frames += to_float.resample(None)
    except av.FFmpegError as problem:
        raise AudioError(f"{name}: not readable as sound ({problem.strerror})") from problem
    parts = [frame.to_ndarray() for frame in frames]
    sound = np.concatenate(parts, axis=1).T if parts else np.zeros((0, 1), dtype=np.float32)
    _check_whole(name, round(promised_s * rate_hz), len(sound), rate_hz)
    return cut(sound, rate_hz, start_s, end_s), rate_hz


def _promised_s(container: Any) -> float:
    """Duration that the container states; 0 if that is an estimate, or the length of the video."""
    stream = container.streams.audio[0]
    if not {"mp4", "webm"} & set(container.format.name.split(",")):
        return 0.0
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration and not container.streams.video else 0.0


def cut(sound: NDArray[Any], rate_hz: int, start_s: float, end_s: float | None) -> NDArray[Any]:
    """The section of a sound (samples, ...) between two times."""
    return sound[round(start_s * rate_hz) : None if end_s is None else round(end_s * rate_hz)]
