"""EmoDB: ten German actors, ten sentences, seven emotions; clips that listeners recognised."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from emotone.data.corpora import Corpus, Download
from emotone.data.utterance import Utterance

# speaker, sentence, first letter of the German word, take: 03a01Fa
_NAME = re.compile(r"(03|08|09|1[0-6])([ab][0-9]{2})([WLEAFTN])([a-z])")
_MEN = ("03", "10", "11", "12", "15")
_EMOTIONS = {
    "W": "angry",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}


class Emodb(Corpus):
    """EmoDB, 535 clips, each recognised by at least 80 % of its listeners."""

    name = "emodb"
    title = "Berlin Database of Emotional Speech (EmoDB)"
    language = "de"
    licence = "free for research; no formal text"
    citation = (
        "Burkhardt F, Paeschke A, Rolfes M, Sendlmeier W, Weiss B (2005) A Database of German Emotional Speech. "
        "Interspeech 2005, pp. 1517-1520. doi:10.21437/Interspeech.2005-446"
    )
    homepage = "http://emodb.bilderbar.info/"
    obtain = (
        "Run `emotone corpora get emodb`, or download emodb.zip from https://zenodo.org/records/7447302 "
        "and unpack it there."
    )
    clips = 535
    speakers = 10
    classes: ClassVar[Mapping[str, int]] = {
        "angry": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
        "happy": 71,
        "neutral": 79,
        "sad": 62,
    }
    folds = "leave-one-speaker-out"

    def parse(self, path: Path) -> Utterance | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        speaker, sentence, letter, take = match.groups()
        return Utterance(
            corpus=self.name,
            id=path.stem,
            file=path,
            emotion=_EMOTIONS[letter],
            speaker=f"{self.name}/{speaker}",
            sex="male" if speaker in _MEN else "female",
            language=self.language,
            sentence=sentence,
            repetition=take,
        )

    def downloads(self) -> Sequence[Download]:
        url = "https://zenodo.org/records/7447302/files/emodb.zip?download=1"
        return (Download(url, "emodb.zip", "md5:9d21362dbc5676ef3ab4745d83ced0db"),)
