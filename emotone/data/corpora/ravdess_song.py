"""RAVDESS, song: the actors of the speech part sing the same two sentences with six emotions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emotone.data.corpora import Corpus, Download
from emotone.data.corpora.ravdess import Ravdess, parse_channel
from emotone.data.utterance import Utterance


class RavdessSong(Corpus):
    """RAVDESS, the 1012 sung audio-only clips; its speakers are those of `ravdess`, without actor 18."""

    name = "ravdess_song"
    title = "Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), song"
    language = "en"
    licence = Ravdess.licence
    citation = Ravdess.citation
    homepage = Ravdess.homepage
    obtain = (
        "Run `emotone corpora get ravdess_song`, or download Audio_Song_Actors_01-24.zip from "
        "https://zenodo.org/records/1188976 and unpack it there."
    )
    clips = 1012
    speakers = 23
    classes = {"neutral": 92} | dict.fromkeys(["calm", "happy", "sad", "angry", "fear"], 184)
    folds = tuple(tuple(actor for actor in fold if actor != "18") for fold in Ravdess.folds)

    def parse(self, path: Path) -> Utterance | None:
        utterance = parse_channel(path, self.name, "02")
        return utterance if utterance is not None and utterance.emotion in self.classes else None

    def downloads(self) -> Sequence[Download]:
        archive = "Audio_Song_Actors_01-24.zip"
        url = f"https://zenodo.org/records/1188976/files/{archive}?download=1"
        return (Download(url, archive, "md5:5411230427d67a21e18aa4d466e6d1b9"),)
