"""Korean emotional speech of emotiontts_open_db: fifteen speakers, four emotions; the public part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from emotone.data.corpora import Corpus, Download
from emotone.data.utterance import Utterance

_NAME = re.compile(r"((?:em[abfgh])|(?:ne[abcdeklmno]))([0-9]{5})")  # speaker, number: nea00001
_EMOTIONS = ("neutral", "happy", "angry", "sad")  # of numbers 1-100, 101-200, 201-300, 301-400


class Emotiontts(Corpus):
    """Emotional speech of KAIST and Selvas AI, 300 public clips (five of each speaker's hundred per emotion).

    Ten speakers (`ne.`) read sentences that fit the emotion, five (`em.`) the same plain sentences in every emotion.
    """

    name = "emotiontts"
    title = "emotiontts_open_db, emotional speech (public part)"
    language = "ko"
    licence = "CC BY-NC-SA; research only"
    citation = "KAIST and Selvas AI: emotiontts_open_db, Dataset/SpeechCorpus/Emotional."
    homepage = "https://github.com/emotiontts/emotiontts_open_db"
    obtain = (
        "Run `emotone corpora get emotiontts`, or download https://github.com/emotiontts/emotiontts_open_db and put "
        "the folders of Dataset/SpeechCorpus/Emotional there."
    )
    clips = 300
    speakers = 15
    classes = dict.fromkeys(_EMOTIONS, 75)
    # one speaker of plain sentences and two of emotional sentences in each
    folds = (
        ("ema", "nea", "nek"),
        ("emb", "neb", "nel"),
        ("emf", "nec", "nem"),
        ("emg", "ned", "nen"),
        ("emh", "nee", "neo"),
    )

    def parse(self, path: Path) -> Utterance | None:
        match = _NAME.fullmatch(path.stem)
        if match is None or not 1 <= int(match[2]) <= 100 * len(_EMOTIONS):
            return None
        speaker, number = match[1], int(match[2])
        block, sentence = divmod(number - 1, 100)
        return Utterance(
            corpus=self.name,
            id=path.stem,
            file=path,
            emotion=_EMOTIONS[block],
            speaker=f"{self.name}/{speaker}",
            language=self.language,
            # the same plain sentence has the same place in each hundred; other sentences belong to one emotion
            sentence=f"plain-{sentence + 1}" if speaker.startswith("em") else f"{_EMOTIONS[block]}-{sentence + 1}",
        )

    def downloads(self) -> Sequence[Download]:
        return (Download("https://github.com/emotiontts/emotiontts_open_db/archive/HEAD.zip", "emotiontts.zip"),)
