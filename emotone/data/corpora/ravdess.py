"""RAVDESS, speech: 24 professional actors, two sentences, eight emotions at two intensities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from emotone.data.corpora import Corpus, Download
from emotone.data.utterance import Utterance

# modality (03: sound only), vocal channel, emotion, intensity, statement, repetition, actor
_NAME = re.compile(r"03-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1[0-9]|2[0-4])")
_EMOTIONS = dict(
    zip(
        ("01", "02", "03", "04", "05", "06", "07", "08"),
        ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise"),
        strict=True,
    )
)
_INTENSITIES = {"01": "normal", "02": "strong"}


class Ravdess(Corpus):
    """RAVDESS, the 1440 spoken audio-only clips."""

    name = "ravdess"
    title = "Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), speech"
    language = "en"
    licence = "CC BY-NC-SA 4.0"
    citation = (
        "Livingstone SR, Russo FA (2018) The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE 13(5): e0196391. doi:10.1371/journal.pone.0196391"
    )
    homepage = "https://zenodo.org/records/1188976"
    obtain = (
        "Run `emotone corpora get ravdess`, or download Audio_Speech_Actors_01-24.zip from "
        "https://zenodo.org/records/1188976 and unpack it there."
    )
    clips = 1440
    speakers = 24
    classes = {"neutral": 96} | dict.fromkeys(["calm", "happy", "sad", "angry", "fear", "disgust", "surprise"], 192)
    # Luna-Jimenez et al. 2021, Sensors 21(22), 7665
    folds = (
        ("02", "05", "14", "15", "16"),
        ("03", "06", "07", "13", "18"),
        ("10", "11", "12", "19", "20"),
        ("08", "17", "21", "23", "24"),
        ("01", "04", "09", "22"),
    )

    def parse(self, path: Path) -> Utterance | None:
        return parse_channel(path, self.name, "01")

    def downloads(self) -> Sequence[Download]:
        archive = "Audio_Speech_Actors_01-24.zip"
        url = f"https://zenodo.org/records/1188976/files/{archive}?download=1"
        return (Download(url, archive, "md5:bc696df654c87fed845eb13823edef8a"),)


def parse_channel(path: Path, corpus: str, wanted_channel: str) -> Utterance | None:
    """The utterance of a RAVDESS file of this vocal channel (`01` speech, `02` song), or None.

    Speech and song share their actors and therefore their speakers: `ravdess/01` is one person in both, so that
    no speaker is on two sides of a split of both.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    channel, emotion, intensity, statement, repetition, actor = match.groups()
    if channel != wanted_channel:
        return None
    return Utterance(
        corpus=corpus,
        id=path.stem,
        file=path,
        emotion=_EMOTIONS[emotion],
        speaker=f"ravdess/{actor}",
        sex="male" if int(actor) % 2 else "female",
        language="en",
        intensity=_INTENSITIES[intensity],
        sentence=statement,
        repetition=repetition,
    )
