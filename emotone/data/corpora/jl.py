"""JL Corpus: four New Zealanders, five primary and five secondary emotions."""

from __future__ import annotations

import re
from pathlib import Path

from emotone.data.corpora import Corpus
from emotone.data.utterance import Utterance

_PRIMARY = ("angry", "excited", "happy", "neutral", "sad")
_SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")
# speaker, emotion, sentence and session, take: female1_angry_10a_1
_NAME = re.compile(rf"((female|male)[12])_({'|'.join(_PRIMARY + _SECONDARY)})_([1-9]|1[0-5])([ab])_([12])")


class Jl(Corpus):
    """JL Corpus, 2400 clips. Its emotions are kept as it names them: `excited` is not `happy`, nor `anxious` fear."""

    name = "jl"
    title = "JL Corpus"
    language = "en"
    licence = "CC0 1.0"
    citation = (
        "James J, Tian L, Watson C (2018) An Open Source Emotional Speech Corpus for Human Robot Interaction "
        "Applications. Interspeech 2018, pp. 2768-2772. doi:10.21437/Interspeech.2018-1349"
    )
    homepage = "https://www.kaggle.com/datasets/tli725/jl-corpus"
    obtain = (
        "With a Kaggle account, download https://www.kaggle.com/datasets/tli725/jl-corpus and unpack it there "
        "(its folder `JL(wav+txt)` is what is read)."
    )
    clips = 2400
    speakers = 4
    classes = dict.fromkeys([*_PRIMARY, *_SECONDARY], 240)
    folds = "leave-one-speaker-out"

    def parse(self, path: Path) -> Utterance | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        speaker, sex, emotion, sentence, session, take = match.groups()
        return Utterance(
            corpus=self.name,
            id=path.stem,
            file=path,
            emotion=emotion,
            speaker=f"{self.name}/{speaker}",
            sex=sex,
            language=self.language,
            sentence=sentence,
            repetition=f"{session}{take}",
        )
