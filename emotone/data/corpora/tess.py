"""TESS: two Canadian women, 200 words in seven emotions."""

from __future__ import annotations

import re
from pathlib import Path

from emotone.data.corpora import Corpus
from emotone.data.utterance import Utterance

_NAME = re.compile(r"(OAF|OA|YAF)_([a-z]+)_(angry|disgust|fear|happy|neutral|ps|sad)")


class Tess(Corpus):
    """TESS, 2800 clips. Trained on both speakers, models score near 100 %; from one to the other, about 50 %."""

    name = "tess"
    title = "Toronto Emotional Speech Set (TESS)"
    language = "en"
    licence = "CC BY-NC-ND 4.0"
    citation = (
        "Pichora-Fuller MK, Dupuis K (2020) Toronto emotional speech set (TESS). Borealis. doi:10.5683/SP2/E8H2MF"
    )
    homepage = "https://doi.org/10.5683/SP2/E8H2MF"
    obtain = "Open https://doi.org/10.5683/SP2/E8H2MF, choose Access Dataset, download the ZIP and unpack it there."
    clips = 2800
    speakers = 2
    classes = dict.fromkeys(["angry", "disgust", "fear", "happy", "neutral", "surprise", "sad"], 400)
    folds = "leave-one-speaker-out"

    def parse(self, path: Path) -> Utterance | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        speaker, word, emotion = match.groups()
        speaker = "YAF" if speaker == "YAF" else "OAF"  # one file is called OA_bite_neutral
        return Utterance(
            corpus=self.name,
            id=path.stem,
            file=path,
            emotion="surprise" if emotion == "ps" else emotion,  # ps: pleasant surprise
            speaker=f"{self.name}/{speaker}",
            sex="female",
            language=self.language,
            sentence=word,
        )
