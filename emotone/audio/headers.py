"""WAV, RF64, W64, AIFF, AU and CAF files whose header was not finished: their lengths are set to what is there.

A recorder that is stopped, or a program that writes to a pipe, leaves a length of 0 or a maximum in the header. Some
programs also leave out the padding byte of a chunk of odd length.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_STREAMED = 0x7FFF0000  # lengths from here on are placeholders
_W64_DATA, _W64_FORMAT = (name + bytes.fromhex("f3acd3118cd100c04f8edb8a") for name in (b"data", b"fmt "))
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


class _Chunk(NamedTuple):
    """A part of a file: its name, and where its content starts and ends."""

    name: bytes
    start: int
    end: int


def finished(data: bytes) -> bytes | None:
    """The file with the length of its sound set to what is there; None if it is of another kind, or has no sound.

    Args:
        data: a whole file that could not be read, or seemed to be empty.

    >>> wav = b"RIFF\\0\\0\\0\\0WAVEfmt \\x10\\0\\0\\0" + bytes(16) + b"data\\0\\0\\0\\0" + b"sound!"
    >>> finished(wav)[-14:]
    b'data\\x06\\x00\\x00\\x00sound!'
    """
    kind = data[:4]
    if kind in (b"RIFF", b"RIFX", b"RF64", b"BW64") and data[8:12] == b"WAVE":
        return _wav(data, "big" if kind == b"RIFX" else "little")
    if data.startswith(_W64_RIFF):
        return _w64(data)
    if kind == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return _aiff(data)
    if kind == b".snd" and len(data) > 24:
        return data[:8] + b"\xff\xff\xff\xff" + data[12:]  # AU's own mark of an unknown length
    return _caf(data) if kind == b"caff" else None


def _wav(data: bytes, order: str) -> bytes | None:
    """A RIFF file of two chunks, format and sound."""
    form: _Chunk | None = None
    for chunk in _riff_chunks(data, order):
        if chunk.name == b"fmt ":
            form = chunk
        elif chunk.name == b"data" and form is not None:
            stated = chunk.end - chunk.start
            sound = _sound(data, chunk, stated, _holds_chunks(data, chunk.start, order))
            return None if sound is None else _riff(data[form.start : form.end], sound, order)
    return None


def _riff_chunks(data: bytes, order: str) -> list[_Chunk]:
    """Chunks from byte 12 on, also those that follow an odd length without a padding byte; the last is `data`."""
    chunks, place = [], 12
    while place + 8 <= len(data):
        name = data[place : place + 4]
        size = int.from_bytes(data[place + 4 : place + 8], "big" if order == "big" else "little")
        chunk = _Chunk(name, place + 8, place + 8 + size)
        chunks.append(chunk)
        if name == b"data":
            break
        place = chunk.end + size % 2
        if size % 2 and _is_name(data[chunk.end : chunk.end + 4]) and not _is_name(data[place : place + 4]):
            place = chunk.end
        if place >= len(data):  # a damaged length: go on at the sound
            place = data.find(b"data", chunk.start)
            if place < 0:
                break
    return chunks


def _holds_chunks(data: bytes, place: int, order: str) -> bool:
    """Whether the rest of a file consists of chunks: then a length of 0 before them is true."""
    if place == len(data):
        return True
    while _is_name(data[place : place + 4]) and place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "big" if order == "big" else "little")
        place += 8 + size + size % 2
        if place >= len(data):
            return place <= len(data) + 1
    return False


def _sound(data: bytes, chunk: _Chunk, stated: int, empty: bool) -> bytes | None:
    """The content of a chunk: of the stated length, or, where that is a placeholder, the rest of the file."""
    rest = len(data) - chunk.start
    if stated <= rest and stated >= 8:
        return data[chunk.start : chunk.end]
    if empty or (rest < stated < _STREAMED):  # no sound, or a file that was cut short
        return None
    return data[chunk.start :]


def _riff(form: bytes, sound: bytes, order: str) -> bytes | None:
    mark, sizes = (b"RIFX", ">I") if order == "big" else (b"RIFF", "<I")
    body = b"WAVE" + _packed(b"fmt ", form, sizes) + _packed(b"data", sound, sizes)
    return mark + struct.pack(sizes, min(len(body), 2**32 - 1)) + body if len(sound) < 2**32 - 1 else None


def _packed(name: bytes, content: bytes, sizes: str) -> bytes:
    return name + struct.pack(sizes, len(content)) + content + bytes(len(content) % 2)


def _w64(data: bytes) -> bytes | None:
    """As RIFF. A chunk is a name of 16 bytes and a length of 8 that counts both, on multiples of 8."""
    form, place = b"", 40
    while place + 24 <= len(data):
        name, size = data[place : place + 16], int.from_bytes(data[place + 16 : place + 24], "little")
        if name == _W64_DATA and form:
            chunk = _Chunk(b"data", place + 24, place + size)
            sound = _sound(data, chunk, max(size - 24, 0), place + 24 == len(data))
            return None if sound is None else _riff(form, sound, "little")
        if size < 24:
            return None
        if name == _W64_FORMAT:
            form = data[place + 24 : place + size]
        place += size + -size % 8
    return None


def _aiff(data: bytes) -> bytes | None:
    """With the length of the chunk SSND set; it counts eight bytes before the sound."""
    place = 12
    while place + 16 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "big")
        if data[place : place + 4] == b"SSND":
            rest = len(data) - place - 8
            if 8 < size <= rest or rest <= 8 or rest < size < _STREAMED:
                return None
            return data[: place + 4] + struct.pack(">I", min(rest, 2**32 - 1)) + data[place + 8 :]
        place += 8 + size + size % 2
    return None


def _caf(data: bytes) -> bytes | None:
    """With the length of the chunk `data` set, which may be -1, and which libsndfile then refuses."""
    place = 8
    while place + 12 < len(data):
        size, rest = int.from_bytes(data[place + 4 : place + 12], "big", signed=True), len(data) - place - 12
        if data[place : place + 4] == b"data":
            if 4 < size < _STREAMED:
                return None
            return data[: place + 4] + struct.pack(">q", rest) + data[place + 12 :]
        if size < 0:
            return None
        place += 12 + size
    return None


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and name.isascii() and name.decode("ascii").isprintable()
