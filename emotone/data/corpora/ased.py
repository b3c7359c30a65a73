"""ASED: 65 Amharic speakers, five emotions, seven sentences each, in ordinary rooms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from emotone.data.corpora import Corpus, Download
from emotone.data.utterance import Utterance

# emotion letter and number of its folder, sentence, repetition, sex, speaker: a5-03-01-02-50; one name has a capital
_NAME = re.compile(r"([nfhsa])([1-5])-([0-9]{2})-([0-9]{2})-(01|02)-([0-9]{2})", re.IGNORECASE)
_EMOTIONS = {"n": "neutral", "f": "fear", "h": "happy", "s": "sad", "a": "angry"}
_UNSURE_SEX = ("09", "15", "21", "23", "25")  # these carry both codes
_SPEAKERS = 65
_FOLD = 13


class Ased(Corpus):
    """ASED, 2474 clips of 2 to 4 seconds; words and emotion are confounded but for two sentences that all share."""

    name = "ased"
    title = "Amharic Speech Emotion Dataset (ASED)"
    language = "am"
    licence = "research use; no licence file"
    citation = (
        "Retta EA, Almekhlafi E, Sutcliffe R, Mhamed M, Ali H, Feng J (2022) A New Amharic Speech Emotion Dataset and "
        "Classification Benchmark. ACM Transactions on Asian and Low-Resource Language Information Processing. "
        "doi:10.1145/3529759"
    )
    homepage = "https://github.com/Ethio2021/ASED_V1"
    obtain = (
        "Run `emotone corpora get ased`, or download https://github.com/Ethio2021/ASED_V1 and put its folders "
        "01Neutral to 05Angry there."
    )
    clips = 2474
    speakers = _SPEAKERS
    classes: ClassVar[Mapping[str, int]] = {"angry": 486, "fear": 510, "happy": 486, "neutral": 522, "sad": 470}
    folds = tuple(
        tuple(f"{speaker:02d}" for speaker in range(first, first + _FOLD)) for first in range(1, _SPEAKERS + 1, _FOLD)
    )

    def parse(self, path: Path) -> Utterance | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        letter, number, sentence, repetition, sex, speaker = match.groups()
        emotion = _EMOTIONS[letter.lower()]
        if list(_EMOTIONS.values())[int(number) - 1] != emotion or not 1 <= int(speaker) <= _SPEAKERS:
            return None
        return Utterance(
            corpus=self.name,
            id=path.stem,
            file=path,
            emotion=emotion,
            speaker=f"{self.name}/{speaker}",
            sex="" if speaker in _UNSURE_SEX else {"01": "female", "02": "male"}[sex],
            language=self.language,
            sentence=f"{number}-{sentence}",
            repetition=repetition,
        )

    def downloads(self) -> Sequence[Download]:
        return (Download("https://github.com/Ethio2021/ASED_V1/archive/HEAD.zip", "ased.zip"),)
