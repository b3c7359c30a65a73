"""SAVEE: four British men, 15 sentences per emotion, twice as many neutral ones."""

from __future__ import annotations

import re
from pathlib import Path

from emotone.data.corpora import Corpus
from emotone.data.utterance import Utterance

# AudioData/DC/a01.wav as distributed; DC_a01.wav where people flattened it
_NAME = re.compile(r"(sa|su|a|d|f|h|n)([0-9]{2})")
_SPEAKERS = ("DC", "JE", "JK", "KL")
_EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}


class Savee(Corpus):
    """SAVEE, the audio part: 480 clips."""

    name = "savee"
    title = "Surrey Audio-Visual Expressed Emotion (SAVEE)"
    language = "en"
    licence = "research use only, after registration; no redistribution"
    citation = (
        "Haq S, Jackson PJB (2010) Multimodal Emotion Recognition. In: Machine Audition: Principles, Algorithms and "
        "Systems, IGI Global, pp. 398-423. doi:10.4018/978-1-61520-919-4.ch017"
    )
    homepage = "http://kahlan.eps.surrey.ac.uk/savee/"
    obtain = "Register at http://kahlan.eps.surrey.ac.uk/savee/Download.html and unpack AudioData.zip there."
    clips = 480
    speakers = 4
    classes = {"neutral": 120} | dict.fromkeys(["angry", "disgust", "fear", "happy", "sad", "surprise"], 60)
    folds = "leave-one-speaker-out"

    def parse(self, path: Path) -> Utterance | None:
        speaker, _, take = path.stem.rpartition("_")
        speaker = speaker or path.parent.name
        match = _NAME.fullmatch(take)
        if match is None or speaker not in _SPEAKERS:
            return None
        return Utterance(
            corpus=self.name,
            id=f"{speaker}_{take}",
            file=path,
            emotion=_EMOTIONS[match[1]],
            speaker=f"{self.name}/{speaker}",
            sex="male",
            language=self.language,
            sentence=take,  # sentences are numbered within each emotion
        )
