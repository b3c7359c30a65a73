"""ESD, English: ten speakers, the same 350 sentences in five emotions."""

from __future__ import annotations

import re
from pathlib import Path

from emotone.data.corpora import Corpus
from emotone.data.utterance import Utterance

_NAME = re.compile(r"(00[0-9]{2})_([0-9]{6})")
_EMOTIONS = ("neutral", "angry", "happy", "sad", "surprise")
_SENTENCES = 350


class EsdEnglish(Corpus):
    """ESD, the 17500 English clips (speakers 0011-0020)."""

    name = "esd_english"
    title = "Emotional Speech Dataset (ESD), English part"
    language = "en"
    licence = "research use only, after signing a licence"
    citation = (
        "Zhou K, Sisman B, Liu R, Li H (2022) Emotional voice conversion: Theory, databases and ESD. "
        "Speech Communication 137: 1-18. doi:10.1016/j.specom.2021.11.006"
    )
    homepage = "https://github.com/HLTSingapore/Emotional-Speech-Data"
    obtain = (
        "Sign the licence linked from https://github.com/HLTSingapore/Emotional-Speech-Data, follow its download "
        "link and unpack the speaker folders 0011 to 0020 there."
    )
    clips = 17500
    speakers = 10
    classes = dict.fromkeys(_EMOTIONS, 3500)
    # two speakers each, one of each sex
    folds = (("0011", "0015"), ("0012", "0016"), ("0013", "0017"), ("0014", "0018"), ("0020", "0019"))

    # from the ReadMe.txt of the corpus
    sexes = dict.fromkeys(["0011", "0012", "0013", "0014", "0020"], "male") | dict.fromkeys(
        ["0015", "0016", "0017", "0018", "0019"], "female"
    )

    def parse(self, path: Path) -> Utterance | None:
        """The utterance of `0011/Angry/0011_000351.wav`, with or without `train`, `evaluation` or `test` between.

        The number also encodes the emotion (1-350 neutral, then angry, happy, sad, surprise), so that a flat folder
        can be read; if a folder names another emotion, the folder is used.
        """
        match = _NAME.fullmatch(path.stem)
        if match is None or match[1] not in self.sexes:
            return None
        speaker, number = match[1], int(match[2])
        if not 1 <= number <= _SENTENCES * len(_EMOTIONS):
            return None
        block, sentence = divmod(number - 1, _SENTENCES)
        folders = [part.lower() for part in path.parts[-3:-1] if part.lower() in _EMOTIONS]
        return Utterance(
            corpus=self.name,
            id=path.stem,
            file=path,
            emotion=folders[-1] if folders else _EMOTIONS[block],
            speaker=f"{self.name}/{speaker}",
            sex=self.sexes[speaker],
            language=self.language,
            sentence=str(sentence + 1),
        )
