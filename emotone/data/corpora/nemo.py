"""nEMO: nine Polish actors, the same 90 sentences in six emotions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from emotone.data.corpora import Corpus, Download
from emotone.data.utterance import Utterance

# the file names have all of data.tsv except text, age and sex; the sexes below are its column `gender`
_SEXES = {
    "EB0": "female",
    "IC0": "female",
    "KD0": "female",
    "KS0": "male",
    "MK0": "female",
    "MP0": "male",
    "SM0": "male",
    "TP0": "male",
    "WR0": "male",
}
_EMOTIONS = {
    "anger": "angry",
    "fear": "fear",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprise",
}
_NAME = re.compile(rf"({'|'.join(_SEXES)})_({'|'.join(_EMOTIONS)})_([1-9]|[1-8][0-9]|90)")


class Nemo(Corpus):
    """nEMO, 4481 clips."""

    name = "nemo"
    title = "nEMO: Dataset of Emotional Speech in Polish"
    language = "pl"
    licence = "CC BY-NC-SA 4.0"
    citation = "Christop I (2024) nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024. arXiv:2404.06292"
    homepage = "https://github.com/amu-cai/nEMO"
    obtain = "Run `emotone corpora get nemo`, or clone https://github.com/amu-cai/nEMO there."
    clips = 4481
    speakers = 9
    classes: ClassVar[Mapping[str, int]] = {
        "angry": 749,
        "fear": 736,
        "happy": 749,
        "neutral": 809,
        "sad": 769,
        "surprise": 669,
    }
    folds = "leave-one-speaker-out"

    def parse(self, path: Path) -> Utterance | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        speaker, emotion, sentence = match.groups()
        return Utterance(
            corpus=self.name,
            id=path.stem,
            file=path,
            emotion=_EMOTIONS[emotion],
            speaker=f"{self.name}/{speaker}",
            sex=_SEXES[speaker],
            language=self.language,
            sentence=sentence,
        )

    def downloads(self) -> Sequence[Download]:
        # GitHub packs the archive anew on each request: no lasting checksum, so the index vouches for the clips
        return (Download("https://github.com/amu-cai/nEMO/archive/refs/heads/main.zip", "nEMO-main.zip"),)
