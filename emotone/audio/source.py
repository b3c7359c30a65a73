"""Sources of sound: paths, pipes, standard input, open files, arrays; their names, and their bytes."""

from __future__ import annotations

import io
import os
import stat
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from emotone.audio.file_types import is_text, not_sound
from emotone.errors import AudioError, EmotoneError

Source = str | os.PathLike[str] | IO[bytes] | NDArray[Any]

_HEAD = 512
_MAX_PIPED = 2 * 2**30  # bytes that are kept in memory
_BLOCK = 2**20


@contextmanager
def named(name: str) -> Iterator[None]:
    """Whatever a library raises for a source, as an AudioError with its name.

    >>> with named("a.wav"):
    ...     raise ValueError("bad chunk")
    Traceback (most recent call last):
    emotone.errors.AudioError: a.wav: not readable as sound (ValueError: bad chunk)
    """
    try:
        yield
    except EmotoneError:
        raise
    except MemoryError as problem:
        raise AudioError(f"{name}: too long for the memory of this machine; split it, or read a section") from problem
    except Exception as problem:
        reason = str(problem) or "no reason given"
        raise AudioError(f"{name}: not readable as sound ({type(problem).__name__}: {printable(reason)})") from problem


def name_of(source: Any) -> str:
    """Name of a source in results and errors: its path, `standard input`, `array (samples,)`, or its type.

    >>> name_of("-"), name_of(np.zeros(3)), name_of(io.BytesIO())
    ('standard input', 'array (3,)', 'BytesIO')
    """
    if isinstance(source, np.ndarray):
        return f"array {source.shape}"
    if is_path(source):
        return printable(os.fsdecode(source)) or "an empty name"
    if isinstance(source, str):
        return "standard input"
    name = getattr(source, "name", None) if hasattr(source, "read") else None
    return printable(os.fsdecode(name)) if isinstance(name, str | bytes | os.PathLike) else type_name(source)


def printable(text: str) -> str:
    r"""Text whose control characters and undecodable bytes are escaped.

    >>> print(printable("caf\udce9\n.wav"))
    caf\xe9\n.wav
    """
    if text.isprintable():
        return text
    return "".join(_escaped(letter) if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)


def type_name(value: Any) -> str:
    """Name of a value's type, with the package that it is from.

    >>> type_name([]), type_name(np.float32(0))
    ('list', 'numpy.float32')
    """
    package = type(value).__module__.partition(".")[0].lstrip("_")
    plain = package in ("builtins", "main", "io", "_io", "tempfile")
    return type(value).__qualname__ if plain else f"{package}.{type(value).__qualname__}"


def is_path(source: Any) -> bool:
    """Whether the source is a path, and not `-` for standard input."""
    return isinstance(source, os.PathLike) or (isinstance(source, str) and source != "-")


@dataclass(frozen=True)
class Content:
    """The bytes of a source: a file on disk, or the bytes themselves.

    Attributes:
        head: the first 512 bytes, or all.
        path: of a regular file.
        data: all bytes of anything else.
    """

    head: bytes
    path: Path | None = None
    data: bytes | None = None

    def open(self) -> BinaryIO:
        """The bytes as an open file."""
        return io.BytesIO(self.whole()) if self.path is None else self.path.open("rb")

    def whole(self) -> bytes:
        """All bytes."""
        return self.path.read_bytes() if self.path is not None else self.data or b""


def content_of(source: Any, name: str) -> Content:
    """The bytes of a path, a pipe, `-` or an open binary file.

    Raises:
        AudioError: not there, not allowed, empty, a folder, a device, or of another type; or it is known not to be
            sound, as a Git LFS pointer or an HTML page.
    """
    if is_path(source):
        content = _of_path(os.fsdecode(source), name)
    elif isinstance(source, str):
        content = _of_stdin(name)
    else:
        content = _of_open_file(source, name)
    if what := not_sound(content.head):
        raise AudioError(f"{name}: {what}")
    return content


def _of_path(path: str, name: str) -> Content:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{name}: a folder, not a file")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise AudioError(f"{name}: a device, not a recording")
        with open(path, "rb", buffering=0) as file:
            if not stat.S_ISREG(mode):  # a pipe is read once
                return _of_bytes(_all_of(file, name))
            head = file.read(_HEAD)
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise AudioError(f"{name}: no such file") from problem
    except OSError as problem:
        shown = name if len(name) <= _HEAD else f"{name[:100]}...{name[-50:]}"
        raise AudioError(f"{shown}: cannot be opened ({problem.strerror or problem})") from problem
    except ValueError as problem:  # a NUL character
        raise AudioError(f"{name}: no file can have this name ({problem})") from problem
    if not head:
        raise AudioError(f"{name}: 0 bytes; is the recording empty?")
    return Content(head, Path(path))


def _of_stdin(name: str) -> Content:
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise AudioError(f"{name}: it is closed or not binary; pass a file")
    data = _all_of(buffer, name)
    if not data:
        raise AudioError(f"{name}: 0 bytes; is the recording empty?")
    return _of_bytes(data)


def _of_open_file(source: Any, name: str) -> Content:
    if not callable(getattr(source, "read", None)) or hasattr(source, "samplerate"):
        raise AudioError(
            f"a path, an open binary file or a NumPy array is needed, not {type_name(source)}{hint(source)}"
        )
    data = source.read()
    if not isinstance(data, bytes | bytearray | memoryview):
        raise AudioError(f"{name}: open it in binary mode ('rb'); it returned {type_name(data)}")
    if not len(data):
        place = source.tell() if hasattr(source, "tell") else 0
        after = f"the file object is at its end (byte {place:,}); call seek(0) before" if place else ""
        raise AudioError(f"{name}: {after or '0 bytes; is the recording empty?'}")
    return _of_bytes(bytes(data))


def _of_bytes(data: bytes) -> Content:
    return Content(data[:_HEAD], data=data)


def _all_of(file: Any, name: str) -> bytes:
    """All bytes of a pipe, which may not end."""
    blocks: list[bytes] = []
    total = 0
    while block := file.read(_BLOCK):
        if not blocks and (what := not_sound(block[:_HEAD]) or _endless(block)):
            raise AudioError(f"{name}: {what}")
        blocks.append(block)
        total += len(block)
        if total > _MAX_PIPED:
            raise AudioError(f"{name}: over {_MAX_PIPED // 2**30} GiB; save it to a file")
    if not blocks:
        raise AudioError(f"{name}: 0 bytes; is the recording empty?")
    return b"".join(blocks)


def _endless(block: bytes) -> str:
    """What the first bytes of a pipe are if the rest is not worth waiting for; empty if it may be sound."""
    if len(block) < _HEAD:
        return ""
    if not any(block):
        return "not readable as sound (it begins with zeros only)"
    text = is_text(block[:_HEAD]) and not block.startswith(b"NIST_1A")
    return "not readable as sound (it is a text)" if text else ""


def hint(value: Any) -> str:
    """What to write instead of a value of another type; begins with `; `."""
    package = type(value).__module__.partition(".")[0]
    if isinstance(value, bytes | bytearray | memoryview):
        return "; wrap bytes in io.BytesIO"
    if isinstance(value, tuple) and len(value) == 2:
        return "; pass samples and rate as two arguments"
    if isinstance(value, list | tuple):
        several = bool(value) and all(isinstance(item, str | os.PathLike) for item in value)
        return "; pass several with predict_many" if several else "; pass numpy.array(samples, dtype='float32')"
    if hasattr(value, "samplerate") and hasattr(value, "read"):
        return "; pass its samples and its rate: file.read(), file.samplerate"
    if package == "torch":
        return "; pass samples.detach().cpu().numpy(), transposed where it is (channels, samples)"
    for method in ("to_numpy", "numpy"):
        if callable(getattr(value, method, None)):
            return f"; pass samples.{method}()"
    several = hasattr(value, "__array__") and not isinstance(value, np.generic)
    return "; pass numpy.asarray(samples)" if several else ""


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")
