"""Speech synthesis by espeak-ng, in a process of its own."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotone.audio.read import RATE_HZ, Samples, resample, trim
from emotone.errors import EmotoneError, MissingExtra

NO_PACKAGE = 3
_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}  # espeak_PARAMETER in speak_lib.h


def spoken(phrases: Sequence[Mapping[str, Any]]) -> Iterator[Samples]:
    """(samples,) at 16 kHz for every phrase, without silence at its ends.

    The library keeps state (noise, flutter) from one phrase to the next, so that only a new process gives reproducible
    output, and it is not thread-safe.

    Args:
        phrases: each with text, voice (`en-us+f2`), rate (words per minute), pitch and range (0 .. 99 around 50).

    Raises:
        MissingExtra: the package espeakng-loader is not installed.
        EmotoneError: espeak-ng failed; the message has its reason.
    """
    importable = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    finished = subprocess.run(
        [sys.executable, "-m", "emotone.audio.synthetic.espeak"],
        input=json.dumps(list(phrases)),
        env={**os.environ, "PYTHONPATH": importable},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode == NO_PACKAGE:
        raise MissingExtra("synthetic speech", "train")
    if finished.returncode:
        reason = (finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"])[-1]
        raise EmotoneError(f"espeak-ng failed ({reason}); sound='syllables' works without espeak-ng")
    for line in finished.stdout.splitlines():
        rate_hz, _, data = line.partition(" ")
        voice = np.frombuffer(base64.b64decode(data), dtype="<i2").astype(np.float32) / np.float32(32768)
        yield trim(resample(voice, int(rate_hz), RATE_HZ), RATE_HZ, below_db=45)


def speak() -> int:
    """The child process: reads phrases as JSON on stdin, writes a line of rate and base64 samples for each."""
    try:
        import espeakng_loader
    except ImportError:
        return NO_PACKAGE
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _DO_NOT_EXIT)
    if rate_hz <= 0:
        raise SystemExit("its voices could not be loaded")
    pieces: list[bytes] = []

    def keep(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(keep)
    library.espeak_SetSynthCallback(callback)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # by default the seed is the time
    for phrase in json.load(sys.stdin):
        pieces.clear()
        if library.espeak_SetVoiceByName(phrase["voice"].encode()):
            raise SystemExit(f"it has no voice {phrase['voice']}")
        for name, number in _PARAMETERS.items():
            library.espeak_SetParameter(number, phrase[name], 0)
        text = phrase["text"].encode()
        library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None)
        sys.stdout.write(f"{rate_hz} {base64.b64encode(b''.join(pieces)).decode()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(speak())
