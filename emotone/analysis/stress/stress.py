"""A model and disturbed recordings -> what it still hears, and whether it hears groups of voices alike."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from emotone import features
from emotone.analysis.stress import fairness, robustness
from emotone.analysis.stress import held_out_models as unheard_voices
from emotone.analysis.stress.fairness import Comparison
from emotone.analysis.stress.held_out_models import Hearers
from emotone.analysis.stress.result import Endurance
from emotone.analysis.stress.robustness import Clips
from emotone.analysis.stress.sample import balanced
from emotone.audio import read as audio
from emotone.audio.disturbances import GROUPS
from emotone.data.corpora import data_folder, locate, published_names
from emotone.data.labels import label_map
from emotone.data.sampling import rng_from
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, EmotoneError, ModelError
from emotone.runs.run import environment

CLIPS = 600
"""Enough for intervals of some points, in some minutes."""
THREADS = 2
_DISTURBANCES = [one for group in GROUPS for one in group.disturbances]
_PITCH_HZ = (50.0, 350.0)
"""Of a clip; what lies outside is taken for an error of measurement, as in ser-tests."""


def stress(
    model: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    corpora: Sequence[str] = (),
    clips: int = CLIPS,
    seed: int = 0,
    progress: bool = False,
) -> Endurance:
    """What a model still hears when recordings are disturbed, and whether it hears groups of voices alike.

    Where a run kept the models of its folds, every clip is heard by that of the fold that tested its speaker.

    Args:
        model: a run folder or an exported model, as in `load_model`.
        data: folder with one folder per corpus; None is `$EMOTONE_DATA`, or the current folder.
        corpora: names, or tables of one's own; empty takes every corpus that is there.
        clips: how many are drawn at most; every corpus, speaker and emotion has its share.
        seed: of the sample, of every disturbance and of all resampling.
        progress: draw a bar over all clips and disturbances.

    Raises:
        ModelError: there is no such model.
        CorpusError: no clip is there that it can be tried on.
        UnknownName: a corpus that nobody knows.
    """
    started = time.monotonic()
    who = unheard_voices.hearers(model)
    here, missing = _here(corpora, data)
    labels = label_map(who.model.classes, here.column("emotion").tolist(), who.label_changes)
    dropped = Counter(clip.emotion for clip in here if labels(clip.emotion) is None)
    known = [replace(clip, emotion=label) for clip in here if (label := labels(clip.emotion)) is not None]
    table = Table(clip for clip in known if not who.of_folds or who.fair(clip))
    if not len(table):
        raise CorpusError(
            f"the model cannot be tried on {', '.join(here.corpora())}: it knows {', '.join(who.model.classes)}, and "
            "of these emotions there is no clip of a voice that it has not learned from"
        )
    heard, failures = _listen(table.take(balanced(table, clips, seed)), who, seed, progress)
    if not heard:
        raise CorpusError(f"none of {len(failures)} clips can be heard; the first: {failures[0]['reason']}")
    return Endurance(
        model=os.fspath(model),
        title=who.model.title,
        classes=who.model.classes,
        caveats=who.caveats,
        **_scored(heard, who, seed),
        labels_note=labels.describe(),
        dropped=dict(sorted(dropped.items())),
        left_out=len(known) - len(table),
        missing=missing,
        failures=failures,
        seed=seed,
        environment=environment(time.monotonic() - started),
    )


def _here(names: Sequence[str], data: str | os.PathLike[str] | None) -> tuple[Table, dict[str, str]]:
    """The clips of these corpora, or of every one that has a folder here; and why such a one holds none.

    Raises:
        CorpusError: a corpus that is named is not here, or there is none at all.
    """
    folder = data_folder(data)
    wanted = list(dict.fromkeys(names)) or [name for name in published_names() if (folder / name).is_dir()]
    tables, missing = [], {}
    for name in wanted:
        reader, root = locate(name, folder)
        try:
            tables.append(reader.read(root))
        except CorpusError as problem:
            if names:
                raise
            missing[name] = str(problem)
    if not tables:
        raise CorpusError(
            f"no corpus with sound in {folder.absolute()}; --data names the folder that holds one folder per corpus, "
            "--corpora a table of your own"
        )
    return Table(clip for table in tables for clip in table), missing


@dataclass(frozen=True)
class _Heard:
    """What was heard in one clip: `plain` without any disturbance, `disturbed` in their order."""

    clip: Utterance
    plain: str
    disturbed: Sequence[str]
    pitch_hz: float | None


def _listen(table: Table, who: Hearers, seed: int, progress: bool) -> tuple[list[_Heard], list[dict[str, str]]]:
    """What was heard in every clip, undisturbed and under every disturbance; and the clips that cannot be heard."""
    stopped = threading.Event()
    pool = ThreadPoolExecutor(THREADS)
    with _bar(len(table) * (1 + len(_DISTURBANCES)), progress) as advance:
        try:
            met = list(pool.map(partial(_listen_to, who=who, seed=seed, advance=advance, stopped=stopped), table))
        finally:
            stopped.set()  # after Ctrl-C nothing more is begun
            pool.shutdown(cancel_futures=True)
    failures = [
        {"key": clip.key, "file": str(clip.file), "reason": one}
        for clip, one in zip(table, met, strict=True)
        if isinstance(one, str)
    ]
    return [one for one in met if isinstance(one, _Heard)], failures


def _listen_to(clip: Utterance, who: Hearers, seed: int, advance: Any, stopped: threading.Event) -> _Heard | str:
    """What was heard in a clip, or why nothing can be."""
    hearer = who.of(clip)
    rate_hz = max(audio.RATE_HZ, hearer.rate_hz)
    try:
        samples = audio.read(clip.file, rate_hz, start_s=clip.start_s, end_s=clip.end_s)
        plain = hearer.predict(samples, rate_hz, least=0).label
        advance(1)
        disturbed = []
        for one in _DISTURBANCES:
            if stopped.is_set():
                break
            disturbed.append(
                hearer.predict(one(samples, rate_hz, _chance(seed, clip, one.name)), rate_hz, least=0).label
            )
            advance(1)
        return _Heard(clip, plain, disturbed, _pitch_hz(samples, rate_hz))
    except ModelError:  # an encoder that cannot be loaded fails for every clip
        raise
    except EmotoneError as problem:
        return str(problem)


def _chance(seed: int, clip: Utterance, name: str) -> np.random.Generator:
    """Decided by seed, clip and disturbance alone: whichever other clips are heard, and in whatever order."""
    return rng_from(seed, clip.key, name)


def _pitch_hz(samples: audio.Samples, rate_hz: int) -> float | None:
    """Mean pitch of the voiced frames; None where no frame is voiced, or where no voice is so high or low."""
    f0_hz = features.make("pitch").extract(samples, rate_hz)[:, 0]
    mean_hz = float(f0_hz[f0_hz > 0].mean()) if (f0_hz > 0).any() else 0.0
    return mean_hz if _PITCH_HZ[0] <= mean_hz <= _PITCH_HZ[1] else None


def _scored(heard: Sequence[_Heard], who: Hearers, seed: int) -> dict[str, Any]:
    """The parts of a `Endurance` that say how well was heard."""
    table = Table(one.clip for one in heard)
    clips = Clips(table.column("emotion"), table.column("speaker"), table.column("corpus"))
    plain = np.array([one.plain for one in heard])
    disturbed = np.array([one.disturbed for one in heard]).T
    after = {one.name: labels for one, labels in zip(_DISTURBANCES, disturbed, strict=True)}
    told = unheard_voices.told(who, table)
    return {
        "corpora": {name: _corpus(table, name, words) for name, words in told.items()},
        "learned": [name for name, words in told.items() if words == unheard_voices.LEARNED],
        "clips": len(table),
        "speakers": len(set(clips.speaker.tolist())),
        "uar": robustness.uar(clips, plain, who.model.classes, seed=seed),
        "groups": [robustness.outcomes(group, clips, plain, after, seed=seed) for group in GROUPS],
        "fairness": _fairness(heard, clips, plain, who.model.classes, seed),
    }


def _corpus(table: Table, name: str, heard: str) -> dict[str, Any]:
    own = [clip for clip in table if clip.corpus == name]
    return {"clips": len(own), "speakers": len({clip.speaker for clip in own}), "heard": heard}


def _fairness(
    heard: Sequence[_Heard], clips: Clips, plain: robustness.Labels, classes: Sequence[str], seed: int
) -> list[Comparison]:
    """By sex, as the corpora state it; by pitch, thirds of the speakers by the mean over their clips."""
    sex = {one.clip.speaker: one.clip.sex for one in heard if one.clip.sex}
    pitches: dict[str, list[float]] = {}
    for one in heard:
        if one.pitch_hz is not None:
            pitches.setdefault(one.clip.speaker, []).append(one.pitch_hz)
    height, told = fairness.pitch_groups({speaker: float(np.mean(all_hz)) for speaker, all_hz in pitches.items()})
    return [
        fairness.compare("sex", sex, ("female", "male"), clips, plain, classes, seed=seed),
        fairness.compare("pitch", height, fairness.PITCHES, clips, plain, classes, told=told, seed=seed),
    ]


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Any]:
    """How far a bar on standard error is to go on."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not (progress and console.is_terminal)) as bar:
        task = bar.add_task("listening", total=total)
        yield partial(bar.advance, task)
