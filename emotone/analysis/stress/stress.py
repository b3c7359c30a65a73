"""Stress test of a model: robustness to disturbed recordings, fairness between groups of speakers."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emotone import features
from emotone.analysis.per_clip import per_clip
from emotone.analysis.stress import fairness, robustness
from emotone.analysis.stress.fairness import Comparison
from emotone.analysis.stress.held_out_models import SEEN, HeldOutModels, held_out_models
from emotone.analysis.stress.result import StressResult
from emotone.analysis.stress.robustness import Clips
from emotone.analysis.stress.sample import balanced
from emotone.audio import read as audio
from emotone.audio.disturbances import GROUPS
from emotone.audio.source import printable
from emotone.data.corpora import data_folder, locate, published_names
from emotone.data.labels import label_map
from emotone.data.progress import Progress, no_progress
from emotone.data.sampling import rng_from
from emotone.data.speaker_ids import merged
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, EmotoneError
from emotone.runs.run import environment

CLIPS = 600
"""Default size of the sample: intervals of a few points, in a few minutes."""
THREADS = 2
_DISTURBANCES = [disturbance for group in GROUPS for disturbance in group.disturbances]
_PITCH_HZ = (50.0, 350.0)
"""Range of a clip's mean pitch; values outside are treated as measurement errors, as in ser-tests."""


def stress(
    model: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    corpora: Sequence[str] = (),
    clips: int = CLIPS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> StressResult:
    """Stress test of a model on disturbed recordings, and comparison of its scores between groups of speakers.

    If a run kept the models of its folds, every clip is classified by that of the fold that tested its speaker.

    Args:
        model: a run folder or an exported model, as in `load_model`.
        data: folder with one folder per corpus; None is `$EMOTONE_DATA`, or the current folder.
        corpora: names, or paths of your own tables; empty takes every corpus in `data`.
        clips: largest size of the sample, balanced over corpora, speakers and emotions.
        seed: of the sample, of every disturbance and of all resampling.
        progress: called after each clip.

    Raises:
        ModelError: there is no such model.
        CorpusError: there is no clip for the test.
        UnknownName: a corpus is unknown.
        EmotoneError: the seed is negative.
    """
    if seed < 0:
        raise EmotoneError(f"seed is {seed}; give a whole number from 0 on")
    started = time.monotonic()
    models = held_out_models(model)
    found, missing = _read(corpora, data)
    labels = label_map(models.model.classes, found.column("emotion").tolist(), models.label_changes)
    dropped = Counter(clip.emotion for clip in found if labels(clip.emotion) is None)
    known = [replace(clip, emotion=label) for clip in found if (label := labels(clip.emotion)) is not None]
    table = Table(clip for clip in known if not models.of_folds or models.is_unseen(clip))
    if not len(table):
        raise CorpusError(
            f"the model cannot be tested on {', '.join(found.corpora())}: its classes are "
            f"{', '.join(models.model.classes)}, and these corpora have no clip of such an emotion by a speaker it was "
            "not trained on"
        )
    classified, failures = _classify_all(table.take(balanced(table, clips, seed)), models, seed, progress)
    if not classified:
        raise CorpusError(f"none of {len(failures)} clips can be read; the first: {failures[0]['reason']}")
    return StressResult(
        model=printable(os.fspath(model)),
        title=models.model.title,
        classes=models.model.classes,
        caveats=models.caveats,
        **_scores(classified, models, seed),
        labels_note=labels.describe(),
        dropped=dict(sorted(dropped.items())),
        left_out=len(known) - len(table),
        missing=missing,
        failures=failures,
        seed=seed,
        environment=environment(time.monotonic() - started),
    )


def _read(names: Sequence[str], data: str | os.PathLike[str] | None) -> tuple[Table, dict[str, str]]:
    """The clips of these corpora, or of every corpus with a folder in `data`; and corpus -> why it has no clip.

    Raises:
        CorpusError: a named corpus is missing, or there is no corpus at all.
    """
    folder = data_folder(data)
    chosen = list(dict.fromkeys(names)) or [name for name in published_names() if (folder / name).is_dir()]
    tables, missing = [], {}
    for name in chosen:
        reader, root = locate(name, folder)
        try:
            tables.append(reader.read(root))
        except CorpusError as problem:
            if names:
                raise
            missing[name] = str(problem)
    if not tables:
        raise CorpusError(
            f"no corpus with audio files in {folder.absolute()}; the data folder has one folder per corpus "
            "(EMOTONE_DATA names it), or give your own table"
        )
    return merged(Table(clip for table in tables for clip in table)), missing


@dataclass(frozen=True)
class _Classified:
    """Predictions for one clip: `plain` without any disturbance, `disturbed` in the order of the disturbances."""

    clip: Utterance
    plain: str
    disturbed: Sequence[str]
    pitch_hz: float | None


def _classify_all(
    table: Table, models: HeldOutModels, seed: int, progress: Progress
) -> tuple[list[_Classified], list[dict[str, str]]]:
    """Predictions for every clip, with and without every disturbance; and the clips that cannot be read."""
    stopped = threading.Event()
    function = partial(_classify, models=models, seed=seed, stopped=stopped)
    try:
        return per_clip(function, table, threads=THREADS, description="disturbed clips", progress=progress)
    finally:
        stopped.set()  # after Ctrl-C no further disturbance is started


def _classify(clip: Utterance, models: HeldOutModels, seed: int, stopped: threading.Event) -> _Classified:
    model = models.model_for(clip)
    rate_hz = max(audio.RATE_HZ, model.rate_hz)
    samples = audio.read(clip.file, rate_hz, channel=model.channel, start_s=clip.start_s, end_s=clip.end_s)
    plain = model.predict(samples, rate_hz, min_confidence=0).label
    disturbed = []
    for disturbance in _DISTURBANCES:
        if stopped.is_set():
            break
        changed = disturbance(samples, rate_hz, _rng(seed, clip, disturbance.name))
        disturbed.append(model.predict(changed, rate_hz, min_confidence=0).label)
    return _Classified(clip, plain, disturbed, _pitch_hz(samples, rate_hz))


def _rng(seed: int, clip: Utterance, name: str) -> np.random.Generator:
    """Generator that depends only on seed, clip and disturbance, not on other clips or their order."""
    return rng_from(seed, clip.key, name)


def _pitch_hz(samples: audio.Samples, rate_hz: int) -> float | None:
    """Mean pitch of the voiced frames; None if no frame is voiced, or if it is outside the range of voices."""
    f0_hz = features.make("pitch").extract(samples, rate_hz)[:, 0]
    mean_hz = float(f0_hz[f0_hz > 0].mean()) if (f0_hz > 0).any() else 0.0
    return mean_hz if _PITCH_HZ[0] <= mean_hz <= _PITCH_HZ[1] else None


def _scores(classified: Sequence[_Classified], models: HeldOutModels, seed: int) -> dict[str, Any]:
    """The parts of a `StressResult` that are computed from predictions."""
    table = Table(result.clip for result in classified)
    clips = Clips(table.column("emotion"), table.column("speaker"), table.column("corpus"))
    plain = np.array([result.plain for result in classified])
    disturbed = np.array([result.disturbed for result in classified]).T
    after = {kind.name: labels for kind, labels in zip(_DISTURBANCES, disturbed, strict=True)}
    used = models.by_corpus(table)
    return {
        "corpora": {name: _corpus(table, name, kind) for name, kind in used.items()},
        "seen_corpora": [name for name, kind in used.items() if kind == SEEN],
        "clips": len(table),
        "speakers": len(set(clips.speaker.tolist())),
        "uar": robustness.uar(clips, plain, models.model.classes, seed=seed),
        "groups": [robustness.outcomes(group, clips, plain, after, seed=seed) for group in GROUPS],
        "fairness": _fairness(classified, clips, plain, models.model.classes, seed),
    }


def _corpus(table: Table, name: str, models: str) -> dict[str, Any]:
    clips = [clip for clip in table if clip.corpus == name]
    return {"clips": len(clips), "speakers": len({clip.speaker for clip in clips}), "models": models}


def _fairness(
    classified: Sequence[_Classified], clips: Clips, plain: robustness.Labels, classes: Sequence[str], seed: int
) -> list[Comparison]:
    """By sex, as the corpora state it; by pitch, thirds of the speakers by the mean pitch of their clips."""
    sex = {result.clip.speaker: result.clip.sex for result in classified if result.clip.sex}
    pitches: dict[str, list[float]] = {}
    for result in classified:
        if result.pitch_hz is not None:
            pitches.setdefault(result.clip.speaker, []).append(result.pitch_hz)
    third, ranges = fairness.pitch_groups({speaker: float(np.mean(all_hz)) for speaker, all_hz in pitches.items()})
    return [
        fairness.compare("sex", sex, ("female", "male"), clips, plain, classes, seed=seed),
        fairness.compare("pitch", third, fairness.PITCHES, clips, plain, classes, descriptions=ranges, seed=seed),
    ]
