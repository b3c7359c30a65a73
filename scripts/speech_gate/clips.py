"""What the speech gate is fitted to and measured on: speech, as it is and disturbed, and sounds that are none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from emotone import features
from emotone.audio import read as audio
from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ, Samples
from emotone.data import corpora
from emotone.inference import speech_cues, speech_gate
from emotone.inference.speech_gate import QUIETEST_DB, Levels
from scripts.speech_gate import recording
from scripts.speech_gate.sounds import FAMILIES, drawn

LANGUAGES: Mapping[str, str] = {"ravdess": "English", "tess": "English", "emodb": "German", "nemo": "Polish"}
AS_IT_IS = "as it is"
ROOM = "a silent room (RAVDESS)"
VERSIONS = 4  # of a clip, disturbed
_EDGES_S = (0.5, 8.0)

Chance = np.random.Generator
Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """One sound, as its cues.

    Attributes:
        levels: what else the gate goes by.
        speech: whether it is speech.
        group: its corpus, or its family.
        voice: its speaker, or its kind.
        how: what was done to it.
        beside: of speech, the family of what sounds with it; empty where nothing does.
    """

    cues: speech_cues.Floats
    levels: Levels
    speech: bool
    group: str
    voice: str
    how: str
    beside: str = ""


def heard(sound: Samples, speech: bool, group: str, voice: str, how: str, beside: str = "") -> Heard | None:
    """The sound as its cues; None where the gate would call it too quiet and ask no further."""
    levels, centred = speech_gate.measured(sound.astype(np.float32))
    if levels.peak_db < QUIETEST_DB:
        return None
    return Heard(speech_cues.cues(centred), levels, speech, group, voice, how, beside)


def real_speech(data: Path, seed: int, clips: int) -> Iterator[Heard]:
    """Every clip of the corpora as it is, and some of each corpus disturbed in several ways."""
    for name in LANGUAGES:
        table = corpora.make(name).read(data / name)
        chosen = set(np.random.default_rng([seed, *name.encode()]).permutation(len(table))[:clips].tolist())
        for number, clip in enumerate(bar(list(table), f"{name}, clips")):
            said = audio.read(clip.file)
            rng = np.random.default_rng([seed, *clip.id.encode()])
            yield from _versions(said, name, clip.speaker, rng, VERSIONS if number in chosen else 0)


def made_up_speech(seed: int) -> Iterator[Heard]:
    """Voices of espeak-ng and of pulses through formants, as they are and disturbed."""
    for sound in ("speech", "syllables"):
        with tempfile.TemporaryDirectory() as root:
            synthetic.write(root, seed=seed, sentences=synthetic.SENTENCES[:3], sound=sound)
            for path in bar(sorted(Path(root).rglob("*.flac")), f"made-up {sound}, clips"):
                rng = np.random.default_rng([seed, *path.name.encode()])
                yield from _versions(audio.read(path), "made_up", f"{sound}/{path.parent.name}", rng, 2)


def no_speech(seed: int, each: int) -> Iterator[Heard]:
    """So many sounds of every kind, some mixed with another of their family, most of them recorded somehow."""
    for family, kinds in FAMILIES.items():
        for kind in bar(list(kinds), f"{family}, kinds"):
            rng = np.random.default_rng([seed, *family.encode(), *kind.encode()])
            for _ in range(each):
                made = _made(family, kind, rng, float(np.exp(rng.uniform(*np.log(_EDGES_S)))))
                if (found := heard(made, False, family, kind, "")) is not None:
                    yield found


def rooms(data: Path) -> Iterator[Heard]:
    """Real sound without speech: what RAVDESS's microphone heard half a second and more before an actor speaks."""
    for clip in corpora.make("ravdess").read(data / "ravdess"):
        said = audio.read(clip.file)
        first, _ = audio.ends(said, RATE_HZ, below_db=45)
        silence = said[: max(0, first - RATE_HZ // 10)]
        if silence.size >= RATE_HZ // 2 and (
            one := heard(recording.at_level(silence.astype(float), -20), False, ROOM, clip.speaker, "")
        ):
            yield one


def _versions(said: Samples, group: str, voice: str, rng: Chance, count: int) -> Iterator[Heard]:
    if (plain := heard(said, True, group, voice, AS_IT_IS)) is not None:
        yield plain
    for how in rng.choice(list(DISTURBED), size=count, replace=False):
        voiced, dice = said.astype(np.float64), rng.random()
        if dice < 0.35:  # a higher or a lower voice
            voiced = audio.resample(said, RATE_HZ, int(RATE_HZ * np.exp(rng.uniform(-0.3, 0.3)))).astype(np.float64)
        elif dice < 0.5:
            voiced = _monotone(voiced, rng)
        changed, beside = DISTURBED[how](voiced, rng)
        if how != "very quiet" and rng.random() < 0.5:
            changed = recording.recorded(changed.astype(np.float32), rng)
        if (found := heard(changed, True, group, voice, str(how), beside)) is not None:
            yield found


def _made(family: str, kind: str, rng: Chance, seconds: float) -> Samples:
    made = drawn(family, kind, rng, seconds)
    if rng.random() < 0.25:
        other = list(FAMILIES[family])[rng.integers(len(FAMILIES[family]))]
        made = recording.mixed(made.astype(float), drawn(family, other, rng, seconds), rng.uniform(-5, 10)).astype(
            np.float32
        )
    if rng.random() < 0.2:
        made = _with_pauses(made, rng)
    return recording.recorded(made, rng) if rng.random() < 0.8 else made


def _with_pauses(sound: NDArray[np.floating], rng: Chance) -> NDArray[np.floating]:
    return np.pad(sound, [int(rng.uniform(0, 2.5) * RATE_HZ) for _ in range(2)])


def _part(said: Sound, rng: Chance, seconds: float) -> Sound:
    """A stretch in which at least a tenth is said of what is said in the fullest."""
    size = int(seconds * RATE_HZ)
    if said.size <= size:
        return said
    power = np.concatenate([[0.0], np.cumsum(np.square(said))])
    starts = np.arange(0, said.size - size, RATE_HZ // 20)
    inside = power[starts + size] - power[starts]
    full = starts[inside > 0.1 * inside.max()]
    start = full[rng.integers(full.size)]
    return said[start : start + size]


def _beside(said: Sound, rng: Chance) -> tuple[Sound, str]:
    family = list(FAMILIES)[rng.integers(len(FAMILIES))]
    kind = list(FAMILIES[family])[rng.integers(len(FAMILIES[family]))]
    if family == "silence":
        return said, ""
    return recording.mixed(said, drawn(family, kind, rng, said.size / RATE_HZ), rng.uniform(10, 20)), family


def _whispered(said: Sound, rng: Chance) -> Sound:
    """The same vowels and consonants, breathed: noise in place of the voice, under a smooth spectrum."""
    settings = {"fs": RATE_HZ, "nperseg": 512, "noverlap": 384}
    cepstrum = np.fft.irfft(np.log(np.abs(scipy.signal.stft(said, **settings)[2]) + 1e-5), axis=0)
    cepstrum[25:-25] = 0
    spectrum = np.exp(np.fft.rfft(cepstrum, axis=0).real)
    breath = scipy.signal.stft(rng.standard_normal(said.size), **settings)[2]
    return np.asarray(scipy.signal.istft(spectrum * breath, **settings)[1][: said.size])


def _monotone(said: Sound, rng: Chance) -> Sound:
    """The voice held near its middle pitch, by playing it faster where it is low and slower where it is high."""
    hop = RATE_HZ // 100
    f0_hz = features.make("pitch").extract(said.astype(np.float32), RATE_HZ)[:, 0]
    voiced = np.flatnonzero(f0_hz)
    if voiced.size < 10:
        return said
    melody = np.interp(np.arange(f0_hz.size), voiced, f0_hz[voiced])
    speed = np.clip((np.median(f0_hz[voiced]) / melody) ** rng.uniform(0.6, 1.0), 0.5, 2.0)
    place = np.cumsum(np.interp(np.arange(2 * said.size) / hop, np.arange(speed.size), speed))
    return np.interp(place[place < said.size - 1], np.arange(said.size), said)


def _overdriven(said: Sound, rng: Chance) -> Sound:
    peak = np.abs(said).max()
    return np.clip(said, -peak * rng.uniform(0.5, 1), peak * rng.uniform(0.5, 1))


Disturbance = Callable[[Sound, Chance], tuple[NDArray[np.floating], str]]
DISTURBED: Mapping[str, Disturbance] = {
    "recorded": lambda said, rng: (recording.recorded(said.astype(np.float32), rng), ""),
    "noise at 20 dB": lambda said, rng: (recording.with_noise(said, rng, 20), ""),
    "noise at 10 dB": lambda said, rng: (recording.with_noise(said, rng, 10), ""),
    "another sound 10 to 20 dB below": _beside,
    "telephone": lambda said, rng: (recording.by_telephone(said, rng), ""),
    "in a room": lambda said, rng: (recording.in_a_room(said, rng), ""),
    "very quiet": lambda said, rng: (recording.at_level(said, rng.uniform(-60, -40)), ""),
    "overdriven": lambda said, rng: (_overdriven(said, rng), ""),
    "pauses before and after": lambda said, rng: (
        recording.with_noise(_with_pauses(said, rng), rng, rng.uniform(20, 60)), ""
    ),
    "in a monotone": lambda said, rng: (_monotone(said, rng), ""),
    "1 to 3 s of it": lambda said, rng: (_part(said, rng, rng.uniform(1, 3)), ""),
    "0.5 to 1 s of it": lambda said, rng: (_part(said, rng, rng.uniform(0.5, 1)), ""),
    "whispered, by a vocoder": lambda said, rng: (_whispered(said, rng), ""),
}  # fmt: skip
"""What is done to speech that stays speech."""


def bar(items: Sequence, what: str):
    """The items, with a bar on standard error."""
    return track(items, what, console=Console(stderr=True), transient=True)
