"""Training and test examples of the speech gate: clean speech, disturbed speech, and sounds without speech."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from emotone import features
from emotone.audio import read as audio
from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ, Samples
from emotone.data import corpora
from scripts.speech_gate import recording
from scripts.speech_gate.sounds import FAMILIES, draw

LANGUAGES: Mapping[str, str] = {
    "ravdess": "English",
    "tess": "English",
    "emodb": "German",
    "nemo": "Polish",
    "ased": "Amharic",
    "emotiontts": "Korean",
}
AS_IT_IS = "as it is"
ROOM = "a silent room (RAVDESS)"
VERSIONS = 4  # disturbed versions of a clip
_EDGES_S = (0.5, 8.0)

Rng = np.random.Generator
Sound = NDArray[np.float64]


class Labelled(NamedTuple):
    """A sound, and what it is.

    Attributes:
        samples: (samples,) at 16 kHz.
        speech: whether it is speech.
        group: corpus of speech, family of another sound.
        source: speaker of speech, kind of another sound.
        change: the disturbance of speech; `as it is` if clean, empty for other sounds.
        background: family of the sound mixed to speech; empty if there is none.
    """

    samples: Samples
    speech: bool
    group: str
    source: str
    change: str
    background: str = ""


def real_speech(data: Path, name: str, seed: int, clips: int, disturbed: int) -> Iterator[Labelled]:
    """Random clips of a corpus, and four disturbed versions of the first of them."""
    table = corpora.make(name).read(data / name)
    chosen = np.random.default_rng([seed, *name.encode()]).permutation(len(table))[:clips]
    for number, row in enumerate(chosen.tolist()):
        clip = table[row]
        rng = np.random.default_rng([seed, *clip.id.encode()])
        yield from _versions(audio.read(clip.file), name, clip.speaker, rng, VERSIONS if number < disturbed else 0)


def synthetic_speech(sound: str, seed: int) -> Iterator[Labelled]:
    """Synthetic speech (by espeak-ng: `speech`; pulses through formants: `syllables`), clean and disturbed."""
    with tempfile.TemporaryDirectory() as root:
        synthetic.write(root, seed=seed, sentences=synthetic.SENTENCES[:3], sound=sound)
        for path in sorted(Path(root).rglob("*.flac")):
            rng = np.random.default_rng([seed, *path.name.encode()])
            yield from _versions(audio.read(path), "synthetic", f"{sound}/{path.parent.name}", rng, 2)


def no_speech(family: str, kind: str, seed: int, count: int) -> Iterator[Labelled]:
    """Sounds of one kind: some mixed with another of the same family, most under recording conditions."""
    rng = np.random.default_rng([seed, *family.encode(), *kind.encode()])
    for _ in range(count):
        sound = _random_sound(family, kind, rng, float(np.exp(rng.uniform(*np.log(_EDGES_S)))))
        yield Labelled(sound.astype(np.float32), False, family, kind, "")


def rooms(data: Path) -> Iterator[Labelled]:
    """Real sound without speech: the beginning of RAVDESS's recordings, before the actor speaks."""
    for clip in corpora.make("ravdess").read(data / "ravdess"):
        speech = audio.read(clip.file)
        first, _ = audio.ends(speech, RATE_HZ, below_db=45)
        silence = speech[: max(0, first - RATE_HZ // 10)]
        if silence.size >= RATE_HZ // 2:
            sound = recording.at_level(silence.astype(float), -20).astype(np.float32)
            yield Labelled(sound, False, ROOM, clip.speaker, "")


def _versions(speech: Samples, group: str, source: str, rng: Rng, count: int) -> Iterator[Labelled]:
    yield Labelled(speech, True, group, source, AS_IT_IS)
    for change in rng.choice(list(DISTURBED), size=count, replace=False):
        voiced, dice = speech.astype(np.float64), rng.random()
        if dice < 0.35:  # a higher or a lower voice
            voiced = audio.resample(speech, RATE_HZ, int(RATE_HZ * np.exp(rng.uniform(-0.3, 0.3)))).astype(np.float64)
        elif dice < 0.5:
            voiced = _monotone(voiced, rng)
        changed, background = DISTURBED[change](voiced, rng)
        if change != "very quiet" and rng.random() < 0.5:
            changed = recording.recorded(changed.astype(np.float32), rng)
        yield Labelled(changed.astype(np.float32), True, group, source, str(change), background)


def _random_sound(family: str, kind: str, rng: Rng, seconds: float) -> Samples:
    sound = draw(family, kind, rng, seconds)
    if rng.random() < 0.25:
        other = list(FAMILIES[family])[rng.integers(len(FAMILIES[family]))]
        sound = recording.mixed(sound.astype(float), draw(family, other, rng, seconds), rng.uniform(-5, 10)).astype(
            np.float32
        )
    if rng.random() < 0.2:
        sound = _with_pauses(sound, rng)
    return recording.recorded(sound, rng) if rng.random() < 0.8 else sound


def _with_pauses(sound: NDArray[np.floating], rng: Rng) -> NDArray[np.floating]:
    return np.pad(sound, [int(rng.uniform(0, 2.5) * RATE_HZ) for _ in range(2)])


def _part(speech: Sound, rng: Rng, seconds: float) -> Sound:
    """A random part with at least a tenth of the energy of the loudest part of this length."""
    size = int(seconds * RATE_HZ)
    if speech.size <= size:
        return speech
    power = np.concatenate([[0.0], np.cumsum(np.square(speech))])
    starts = np.arange(0, speech.size - size, RATE_HZ // 20)
    inside = power[starts + size] - power[starts]
    active = starts[inside > 0.1 * inside.max()]
    start = active[rng.integers(active.size)]
    return speech[start : start + size]


def _with_background(speech: Sound, rng: Rng) -> tuple[Sound, str]:
    family = list(FAMILIES)[rng.integers(len(FAMILIES))]
    kind = list(FAMILIES[family])[rng.integers(len(FAMILIES[family]))]
    if family == "silence":
        return speech, ""
    return recording.mixed(speech, draw(family, kind, rng, speech.size / RATE_HZ), rng.uniform(10, 20)), family


def _whisper(speech: Sound, rng: Rng) -> Sound:
    """Whispered speech by a vocoder: noise under the smoothed spectrum."""
    settings = {"fs": RATE_HZ, "nperseg": 512, "noverlap": 384}
    cepstrum = np.fft.irfft(np.log(np.abs(scipy.signal.stft(speech, **settings)[2]) + 1e-5), axis=0)
    cepstrum[25:-25] = 0
    spectrum = np.exp(np.fft.rfft(cepstrum, axis=0).real)
    breath = scipy.signal.stft(rng.standard_normal(speech.size), **settings)[2]
    return np.asarray(scipy.signal.istft(spectrum * breath, **settings)[1][: speech.size])


def _monotone(speech: Sound, rng: Rng) -> Sound:
    """Speech near its median pitch, by a varying playback speed."""
    hop = RATE_HZ // 100
    f0_hz = features.make("pitch").extract(speech.astype(np.float32), RATE_HZ)[:, 0]
    voiced = np.flatnonzero(f0_hz)
    if voiced.size < 10:
        return speech
    melody = np.interp(np.arange(f0_hz.size), voiced, f0_hz[voiced])
    speed = np.clip((np.median(f0_hz[voiced]) / melody) ** rng.uniform(0.6, 1.0), 0.5, 2.0)
    place = np.cumsum(np.interp(np.arange(2 * speech.size) / hop, np.arange(speed.size), speed))
    return np.interp(place[place < speech.size - 1], np.arange(speech.size), speech)


def _overdriven(speech: Sound, rng: Rng) -> Sound:
    peak = np.abs(speech).max()
    return np.clip(speech, -peak * rng.uniform(0.5, 1), peak * rng.uniform(0.5, 1))


Disturbance = Callable[[Sound, Rng], tuple[NDArray[np.floating], str]]
DISTURBED: Mapping[str, Disturbance] = {
    "recorded": lambda speech, rng: (recording.recorded(speech.astype(np.float32), rng), ""),
    "noise at 20 dB": lambda speech, rng: (recording.with_noise(speech, rng, 20), ""),
    "noise at 10 dB": lambda speech, rng: (recording.with_noise(speech, rng, 10), ""),
    "another sound 10 to 20 dB below": _with_background,
    "telephone": lambda speech, rng: (recording.by_telephone(speech, rng), ""),
    "in a room": lambda speech, rng: (recording.in_a_room(speech, rng), ""),
    "very quiet": lambda speech, rng: (recording.at_level(speech, rng.uniform(-60, -40)), ""),
    "overdriven": lambda speech, rng: (_overdriven(speech, rng), ""),
    "pauses before and after": lambda speech, rng: (
        recording.with_noise(_with_pauses(speech, rng), rng, rng.uniform(20, 60)), ""
    ),
    "in a monotone": lambda speech, rng: (_monotone(speech, rng), ""),
    "1 to 3 s of it": lambda speech, rng: (_part(speech, rng, rng.uniform(1, 3)), ""),
    "0.5 to 1 s of it": lambda speech, rng: (_part(speech, rng, rng.uniform(0.5, 1)), ""),
    "whispered, by a vocoder": lambda speech, rng: (_whisper(speech, rng), ""),
}  # fmt: skip
"""Disturbances under which speech must still be accepted."""
