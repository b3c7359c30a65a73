"""CREMA-D: 91 actors, 12 sentences, six emotions, and the votes of listeners for each clip."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from emotone.data.corpora import Corpus, Download, IndexEntry
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, UnknownName

_SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
_EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_VOTES = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
# some copies have 1040_ITH_SAD_X instead of 1040_ITH_SAD_XX
_NAME = re.compile(rf"(10[0-9]{{2}})_({'|'.join(_SENTENCES)})_({'|'.join(_EMOTIONS)})_(HI|LO|MD|XX?)")
_ACTORS = [str(actor) for actor in range(1001, 1092)]
# VideoDemographics.csv, column Sex
_WOMEN = (
    "1002 1003 1004 1006 1007 1008 1009 1010 1012 1013 1018 1020 1021 1024 1025 1028 1029 1030 1037 1043 1046 1047 "
    "1049 1052 1053 1054 1055 1056 1058 1060 1061 1063 1072 1073 1074 1075 1076 1078 1079 1082 1084 1089 1091"
)
_HOME = "CheyneyComputerScience/CREMA-D"
_TABLES = ("processedResults/tabulatedVotes.csv", "processedResults/summaryTable.csv", "VideoDemographics.csv")


class CremaD(Corpus):
    """CREMA-D, 7442 clips.

    Args:
        label: `acted`, the intended emotion (all clips, the default); or `majority`, the most frequent vote of the
            listeners of the audio alone. The 644 clips with a tie are left out; the counts are then angry 986,
            disgust 547, fear 645, happy 353, neutral 3897, sad 370.

    If tabulatedVotes.csv is below its folder, `votes` has the shares of the listeners of the audio alone, and
    `listeners` their number.
    """

    name = "crema_d"
    title = "Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D)"
    language = "en"
    licence = "ODbL 1.0"
    citation = (
        "Cao H, Cooper DG, Keutmann MK, Gur RC, Nenkova A, Verma R (2014) CREMA-D: Crowd-sourced Emotional Multimodal "
        "Actors Dataset. IEEE Transactions on Affective Computing 5(4): 377-390. doi:10.1109/TAFFC.2014.2336244"
    )
    homepage = "https://github.com/CheyneyComputerScience/CREMA-D"
    obtain = (
        "Run `emotone corpora get crema_d`, or clone https://github.com/CheyneyComputerScience/CREMA-D with Git LFS "
        "there (its AudioWAV folder and processedResults/tabulatedVotes.csv are read)."
    )
    clips = 7442
    speakers = 91
    classes = {"neutral": 1087} | dict.fromkeys(["angry", "disgust", "fear", "happy", "sad"], 1271)
    # EMO-SUPERB (Wu et al. 2024): blocks of 18 actors, 19 in the last
    folds = (*(tuple(_ACTORS[first : first + 18]) for first in (0, 18, 36, 54)), tuple(_ACTORS[72:]))

    def __init__(self, label: Literal["acted", "majority"] = "acted") -> None:
        if label not in ("acted", "majority"):
            raise UnknownName("label of CREMA-D", label, ["acted", "majority"])
        self.label = label

    def parse(self, path: Path) -> Utterance | None:
        match = _NAME.fullmatch(path.stem)
        if match is None or match[1] not in _ACTORS:
            return None
        actor, sentence, emotion, level = match.groups()
        level = "XX" if level == "X" else level
        return Utterance(
            corpus=self.name,
            id=f"{actor}_{sentence}_{emotion}_{level}",
            file=path,
            emotion=_EMOTIONS[emotion],
            speaker=f"{self.name}/{actor}",
            sex="female" if actor in _WOMEN else "male",
            language=self.language,
            intensity="" if level == "XX" else level,  # XX: the actor was given no level
            sentence=sentence,
        )

    def read(self, root: Path) -> Table:
        """Every utterance below `root`, with the votes of the listeners if available.

        Raises:
            CorpusError: no clips, or `label="majority"` without a table of votes.
        """
        clips = super().read(root)
        counts = _counts(_find(root, "tabulatedVotes.csv"))
        totals = {clip: sum(votes.values()) for clip, votes in counts.items()}
        votes = {clip: {name: n / totals[clip] for name, n in each.items()} for clip, each in counts.items()}
        clips = Table(replace(row, votes=votes.get(row.id, {}), listeners=totals.get(row.id, 0)) for row in clips)
        if self.label == "acted":
            return clips
        majority = _majority(votes, _find(root, "summaryTable.csv"))
        if not majority:
            raise CorpusError(
                f"label='majority' needs tabulatedVotes.csv or summaryTable.csv below {root}; take them from "
                f"processedResults of {self.homepage}, or use label='acted'"
            )
        return Table(replace(clip, emotion=majority[clip.id]) for clip in clips if clip.id in majority)

    def index(self) -> dict[str, IndexEntry]:
        # 16 bit, mono, 16 kHz after a header of about 44 bytes: the size gives the duration
        return {
            stem: replace(entry, seconds=(entry.size_bytes - 44) / 2 / 16_000)
            for stem, entry in super().index().items()
        }

    def downloads(self) -> Sequence[Download]:
        sounds = f"https://media.githubusercontent.com/media/{_HOME}/master/AudioWAV"  # Git LFS serves from here
        tables = f"https://github.com/{_HOME}/raw/master"
        return (
            *(Download(f"{tables}/{path}", path) for path in _TABLES),
            *(
                Download(f"{sounds}/{entry.stem}.wav", f"AudioWAV/{entry.stem}.wav", entry.checksum)
                for entry in self.index().values()
            ),
        )


def _find(root: Path, name: str) -> Path | None:
    return next(iter(sorted(Path(root).rglob(name))), None)


def _rows(path: Path | None) -> Iterator[dict[str, str]]:
    if path is not None:
        with path.open(encoding="utf-8", newline="") as handle:
            yield from csv.DictReader(handle)


def _counts(path: Path | None) -> dict[str, dict[str, int]]:
    """Clip -> emotion -> number of listeners of the audio alone who chose it.

    The first digit of the unnamed column is the modality (1 audio, 2 video, 3 both).
    """
    counts = {}
    for row in _rows(path):
        votes = {emotion: int(row[letter]) for letter, emotion in _VOTES.items()}
        if row[""].startswith("1") and any(votes.values()):
            counts[row["fileName"]] = votes
    return counts


def _majority(votes: Mapping[str, Mapping[str, float]], summary: Path | None) -> dict[str, str]:
    """Clip -> the most frequent vote; without clips with a tie."""
    if votes:
        tops = {clip: [name for name in share if share[name] == max(share.values())] for clip, share in votes.items()}
    else:
        tops = {row["FileName"]: [_VOTES[vote] for vote in row["VoiceVote"].split(":")] for row in _rows(summary)}
    return {clip: top[0] for clip, top in tops.items() if len(top) == 1}
