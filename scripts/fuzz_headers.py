"""Coverage-guided fuzzing of the reading of headers, with atheris: `python -m scripts.fuzz_headers -runs=100000`.

The arguments are those of libFuzzer. An input that breaks something is left in the working folder as `crash-*`.
"""

from __future__ import annotations

import io
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["emotone.audio"]):
    from emotone.audio import read as audio
    from emotone.audio.headers import finished

from emotone.errors import EmotoneError
from tests.helpers.encoded import encoded, tone

FORMS = {
    "wav": ("WAV", "PCM_16"), "rf64": ("RF64", "PCM_16"), "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"), "caf": ("CAF", "PCM_16"), "flac": ("FLAC", None), "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", None),
}  # fmt: skip


def test_one_input(data: bytes) -> None:
    """Any bytes are sound, or raise an `EmotoneError`; a header that was finished is finished."""
    again = finished(data)
    assert again is None or isinstance(again, bytes)
    with suppress(EmotoneError):
        assert audio.read(io.BytesIO(data)).ndim == 1


def main() -> None:
    """Start from a short tone in each format."""
    with tempfile.TemporaryDirectory() as folder:
        for name, form in FORMS.items():
            Path(folder, name).write_bytes(encoded(*form, samples=tone(0.05)))
        limits = ["-max_len=4096", "-timeout=5", "-rss_limit_mb=1000"]
        atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], folder], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
