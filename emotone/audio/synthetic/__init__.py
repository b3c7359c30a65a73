"""Synthetic emotional speech: a small corpus of known prosody, generated from a seed without a download.

For the demo and the tests. A score on it shows that the software works; it says nothing about real speech.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import soundfile

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.synthetic.clip import Clip
from emotone.audio.synthetic.espeak import spoken
from emotone.audio.synthetic.prosody import PROSODY
from emotone.errors import UnknownName

SENTENCES = (
    "The kitchen door is open.",
    "Your letter came this morning.",
    "I will be there at nine.",
    "The dogs are in the garden.",
    "She put the keys on the table.",
    "We have not seen him since Monday.",
)
"""Neutral in content, so that only the voice carries an emotion."""


def write(
    root: str | os.PathLike[str],
    *,
    seed: int = 0,
    speakers: int = 8,
    emotions: Sequence[str] = ("angry", "fear", "happy", "neutral", "sad"),
    sentences: Sequence[str] = SENTENCES,
    sound: Literal["speech", "syllables"] = "speech",
) -> Path:
    """Write 16 kHz FLAC clips and their table `clips.csv` into a folder; returns the table's path.

    Every speaker says every sentence in every emotion; odd speakers are male, even ones female. The columns are
    file, speaker, emotion, sex, sentence, language. The same arguments give the same bytes.

    Args:
        root: folder to write into; created if missing.
        seed: of all variation between speakers and between clips.
        speakers: number of speakers.
        emotions: names from `PROSODY`.
        sentences: English text.
        sound: `speech` is synthesised by espeak-ng; `syllables` (see that function) needs only numpy.

    Raises:
        UnknownName: an emotion without prosody.
        MissingExtra: `speech` without the package espeakng-loader.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     table = write(root, speakers=1, emotions=["sad"], sentences=["Hello."], sound="syllables")
    ...     print(table.read_text())
    file,speaker,emotion,sex,sentence,language
    s01/s01_sad_1.flac,s01,sad,male,Hello.,en
    """
    for emotion in emotions:
        if emotion not in PROSODY:
            raise UnknownName("prosody for the emotion", emotion, PROSODY)
    folder = Path(root)
    clips = [
        Clip.draw(seed, speaker, emotion, number, text)
        for speaker in range(speakers)
        for emotion in emotions
        for number, text in enumerate(sentences, 1)
    ]
    sounds = spoken([clip.phrase() for clip in clips]) if sound == "speech" else (clip.syllables() for clip in clips)
    rows = []
    for clip, samples in zip(clips, sounds, strict=True):
        path = folder / clip.file
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, clip.recorded(samples), RATE_HZ, subtype="PCM_16")
        rows.append([clip.file, clip.speaker, clip.emotion, clip.sex, clip.text, "en"])
    table = folder / "clips.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["file", "speaker", "emotion", "sex", "sentence", "language"])
        writer.writerows(rows)
    return table


def syllables(emotion: str, *, speaker: int = 0, seed: int = 0, seconds: float = 1.0) -> Samples:
    """(samples,) at 16 kHz: vowels in the prosody of an emotion; takes a few milliseconds.

    Raises:
        UnknownName: an emotion without prosody.

    >>> syllables("happy", seconds=0.5).shape
    (8000,)
    """
    if emotion not in PROSODY:
        raise UnknownName("prosody for the emotion", emotion, PROSODY)
    clip = Clip.draw(seed, speaker, emotion, 1, "")
    return clip.recorded(clip.syllables(seconds), pause_s=0.0)
