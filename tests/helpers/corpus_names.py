"""All file names of the published corpora, generated from their grammars; and short audio files with such names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import soundfile


@dataclass(frozen=True)
class Name:
    """An original path, without extension, and the metadata in it."""

    path: str
    metadata: dict[str, str] = field(hash=False)


def names(corpus: str) -> list[Name]:
    """All names of a corpus's grammar."""
    return list(_GRAMMARS[corpus]())


def some(corpus: str, most: int = 60) -> list[Name]:
    """A cross-section of about `most` names, spread over speakers and emotions."""
    chosen: dict[tuple[str, str], Name] = {}
    for name in names(corpus):
        chosen.setdefault((name.metadata["speaker"], name.metadata["emotion"]), name)
    step = max(1, len(chosen) // most)
    return list(chosen.values())[::step]


def write(root: Path, chosen: Iterable[Name], extension: str = ".flac", seconds: float = 0.1) -> None:
    """A quiet hum under each name."""
    hum = 0.1 * np.sin(np.arange(int(16_000 * seconds)) / 9)
    for name in chosen:
        path = root / f"{name.path}{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, hum, 16_000)


def _ravdess(corpus: str, channel: str, emotions: list[str], actors: Iterable[int]) -> Iterator[Name]:
    for actor, (number, emotion) in product(actors, enumerate(emotions, start=1)):
        for intensity, sentence, take in product(["01", "02"], ["01", "02"], ["01", "02"]):
            if emotion == "neutral" and intensity == "02":
                continue
            yield Name(
                f"Actor_{actor:02d}/03-{channel}-{number:02d}-{intensity}-{sentence}-{take}-{actor:02d}",
                {
                    "corpus": corpus,
                    "speaker": f"ravdess/{actor:02d}",
                    "sex": "male" if actor % 2 else "female",
                    "language": "en",
                    "emotion": emotion,
                    "intensity": "normal" if intensity == "01" else "strong",
                    "sentence": sentence,
                    "repetition": take,
                },
            )


def _speech() -> Iterator[Name]:
    emotions = ["neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise"]
    return _ravdess("ravdess", "01", emotions, range(1, 25))


def _song() -> Iterator[Name]:
    actors = [actor for actor in range(1, 25) if actor != 18]
    return _ravdess("ravdess_song", "02", ["neutral", "calm", "happy", "sad", "angry", "fear"], actors)


def _savee() -> Iterator[Name]:
    letters = {"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad", "su": "surprise"}
    for speaker, (letter, emotion) in product(["DC", "JE", "JK", "KL"], letters.items()):
        for number in range(1, 31 if letter == "n" else 16):
            take = f"{letter}{number:02d}"
            metadata = {"speaker": f"savee/{speaker}", "sex": "male", "language": "en", "emotion": emotion}
            yield Name(f"AudioData/{speaker}/{take}", {**metadata, "sentence": take})


def _tess() -> Iterator[Name]:
    emotions = ["angry", "disgust", "fear", "happy", "neutral", "ps", "sad"]
    for speaker, emotion, word in product(["OAF", "YAF"], emotions, [f"word{letter}" for letter in "abcdefghij"]):
        metadata = {"speaker": f"tess/{speaker}", "sex": "female", "language": "en", "sentence": word}
        yield Name(
            f"{speaker}_{emotion}/{speaker}_{word}_{emotion}",
            {**metadata, "emotion": "surprise" if emotion == "ps" else emotion},
        )


def _emodb() -> Iterator[Name]:
    speakers = dict(zip(["03", "08", "09", *map(str, range(10, 17))], "mffmmmffmf", strict=True))
    letters = dict(zip("WLEAFTN", ["angry", "boredom", "disgust", "fear", "happy", "sad", "neutral"], strict=True))
    sentences = ["a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10"]
    for (speaker, sex), (letter, emotion), sentence, take in product(
        speakers.items(), letters.items(), sentences, "ab"
    ):
        metadata = {"speaker": f"emodb/{speaker}", "sex": "male" if sex == "m" else "female", "language": "de"}
        yield Name(
            f"wav/{speaker}{sentence}{letter}{take}",
            {**metadata, "emotion": emotion, "sentence": sentence, "repetition": take},
        )


def _nemo() -> Iterator[Name]:
    speakers = dict(zip(["EB0", "IC0", "KD0", "KS0", "MK0", "MP0", "SM0", "TP0", "WR0"], "fffmfmmmm", strict=True))
    emotions = {
        "anger": "angry",
        "fear": "fear",
        "happiness": "happy",
        "neutral": "neutral",
        "sadness": "sad",
        "surprised": "surprise",
    }
    for (speaker, sex), (word, emotion), sentence in product(speakers.items(), emotions.items(), range(1, 91)):
        metadata = {"speaker": f"nemo/{speaker}", "sex": "male" if sex == "m" else "female", "language": "pl"}
        yield Name(f"samples/{speaker}_{word}_{sentence}", {**metadata, "emotion": emotion, "sentence": str(sentence)})


def _crema_d() -> Iterator[Name]:
    emotions = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
    sentences = ["IEO", "DFA", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI"]
    for actor, sentence, (code, emotion) in product(range(1001, 1092), sentences, emotions.items()):
        for level in ["LO", "MD", "HI"] if sentence == "IEO" and code != "NEU" else ["XX"]:
            metadata = {"speaker": f"crema_d/{actor}", "language": "en", "emotion": emotion, "sentence": sentence}
            intensity = "" if level == "XX" else level
            yield Name(f"AudioWAV/{actor}_{sentence}_{code}_{level}", {**metadata, "intensity": intensity})


def _jl() -> Iterator[Name]:
    emotions = ["angry", "excited", "happy", "neutral", "sad"]
    emotions += ["anxious", "apologetic", "assertive", "concerned", "encouraging"]
    for sex, number, emotion in product(["female", "male"], "12", emotions):
        for sentence, session, take in product(range(1, 16), "ab", "12"):
            metadata = {"speaker": f"jl/{sex}{number}", "sex": sex, "language": "en", "emotion": emotion}
            yield Name(
                f"Raw JL corpus/JL(wav+txt)/{sex}{number}_{emotion}_{sentence}{session}_{take}",
                {**metadata, "sentence": str(sentence), "repetition": f"{session}{take}"},
            )


def _esd(corpus: str, language: str, first: int, sexes: str) -> Iterator[Name]:
    emotions = ["Neutral", "Angry", "Happy", "Sad", "Surprise"]
    for (offset, sex), (block, emotion), sentence in product(enumerate(sexes), enumerate(emotions), range(350)):
        speaker = f"{first + offset:04d}"
        metadata = {"speaker": f"{corpus}/{speaker}", "sex": "male" if sex == "m" else "female", "language": language}
        yield Name(
            f"{speaker}/{emotion}/{speaker}_{350 * block + sentence + 1:06d}",
            {**metadata, "emotion": emotion.lower(), "sentence": str(sentence + 1)},
        )


def _ased() -> Iterator[Name]:
    emotions = {"n1": "neutral", "f2": "fear", "h3": "happy", "s4": "sad", "a5": "angry"}
    folders = {"n1": "01Neutral", "f2": "02Fearful", "h3": "03Happy", "s4": "04Sad", "a5": "05Angry"}
    for speaker, (code, emotion), sentence, take in product(range(1, 66), emotions.items(), range(1, 8), range(1, 3)):
        sex = "" if speaker in (9, 15, 21, 23, 25) else "male" if speaker % 2 else "female"
        metadata = {"speaker": f"ased/{speaker:02d}", "sex": sex, "language": "am", "emotion": emotion}
        yield Name(
            f"{folders[code]}/{code}-{sentence:02d}-{take:02d}-{'02' if speaker % 2 else '01'}-{speaker:02d}",
            {**metadata, "sentence": f"{code[1]}-{sentence:02d}", "repetition": f"{take:02d}"},
        )


def _emotiontts() -> Iterator[Name]:
    speakers = {
        **{f"em{letter}": "plain-to-emotional" for letter in "abfgh"},
        **{f"ne{letter}": "emotional-to-emotional" for letter in "abcdeklmno"},
    }
    emotions = ["neutral", "happy", "angry", "sad"]
    for (speaker, folder), (block, emotion), number in product(speakers.items(), enumerate(emotions), range(1, 6)):
        sentence = f"plain-{number}" if folder.startswith("plain") else f"{emotion}-{number}"
        metadata = {"speaker": f"emotiontts/{speaker}", "sex": "", "language": "ko", "emotion": emotion}
        yield Name(f"{folder}/{speaker}/wav/{speaker}{100 * block + number:05d}", {**metadata, "sentence": sentence})


_GRAMMARS = {
    "ravdess": _speech,
    "ravdess_song": _song,
    "savee": _savee,
    "tess": _tess,
    "emodb": _emodb,
    "nemo": _nemo,
    "crema_d": _crema_d,
    "jl": _jl,
    "ased": _ased,
    "emotiontts": _emotiontts,
    "esd_english": lambda: _esd("esd_english", "en", 11, "mmmmfffffm"),
    "esd_mandarin": lambda: _esd("esd_mandarin", "zh", 1, "fffmmmfmfm"),
}
FULL_GRIDS = ("ravdess", "ravdess_song", "savee", "jl", "emotiontts", "esd_english", "esd_mandarin")
"""Corpora that have exactly the files their grammar can name; the others have fewer, TESS has other words."""
SEX_UNKNOWN = ("ased", "emotiontts")
"""Corpora in which some or all clips do not state the sex of their speaker."""
