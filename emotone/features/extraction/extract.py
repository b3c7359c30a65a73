"""Parallel, cached feature extraction for all clips of a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from emotone.audio import read as audio
from emotone.audio.blas import one_thread
from emotone.audio.read import AudioSettings
from emotone.audio.steady_tones import cleaned
from emotone.augment import Augmentation
from emotone.data.progress import Progress, no_progress, track
from emotone.data.sampling import rng_from
from emotone.data.utterance import Table, Utterance
from emotone.errors import AudioError, EmotoneError, LengthMismatch, ModelError, RecipeError, TableError
from emotone.features import Feature, Values
from emotone.features.extraction import cache as blocks
from emotone.features.extraction.feature_set import Failure, FeatureSet

BLOCK = 128
"""Clips per file on disk; an interrupted run loses at most the blocks in progress."""
_LARGEST_HALF = float(np.finfo(np.float16).max)
_LAYOUT = 1  # raised whenever old blocks must not be read any more


def extract(
    table: Table,
    feature: Feature,
    audio: AudioSettings,
    *,
    cache: Path | None,
    workers: int | None = None,
    progress: Progress = no_progress,
) -> FeatureSet:
    """The features of every clip that can be read; the others are in its `failures`.

    Args:
        table: the clips.
        feature: the feature to compute.
        audio: preprocessing of the audio.
        cache: folder of the blocks; None computes everything and keeps it in memory. A block is found by the content
            of its files, the stretches used, and all settings; paths do not matter.
        workers: processes; None uses every core, 1 stays in this process.
        progress: called after each block of clips that is computed.

    Raises:
        TableError: the table is empty.
        AudioError: no clip can be read.
    """
    if not len(table):
        raise TableError("no clips to compute features of; do the chosen labels drop all of them?")
    clips = [_Clip(utterance) for utterance in table]
    values = _all(clips, _Work(feature, audio), cache, workers, progress)
    failures = [
        Failure(clip.utterance.key, clip.utterance.file, value)
        for clip, value in zip(clips, values, strict=True)
        if isinstance(value, str)
    ]
    if len(failures) == len(clips):
        raise AudioError(f"none of {len(clips)} clips can be read; the first: {failures[0].reason}")
    read = [row for row, value in enumerate(values) if not isinstance(value, str)]
    return FeatureSet(table.take(read), [value for value in values if not isinstance(value, str)], failures)


@dataclass(frozen=True, eq=False)
class Copies:
    """Augmented copies of some clips: of which, and how each is changed.

    What is random in a copy depends on seed, clip and number alone: the same copy is the same on every machine.

    Attributes:
        rows: (copies,) positions in a table.
        numbers: (copies,) number of each copy, 1 or more; each (row, number) once. The numbers continue after copies of
            the clip that the table already holds.
        augmentations: changes to waveforms.
        seed: of every random choice.
        each_copy: `all` makes these changes one after the other; `one` makes one of them, chosen at random.

    Raises:
        RecipeError: an augmentation is not for waveforms.
        TableError: nothing is asked for, or a number is below 1.
        LengthMismatch: not one number per row.
    """

    rows: ArrayLike
    numbers: ArrayLike
    augmentations: Sequence[Augmentation]
    seed: int
    each_copy: Literal["all", "one"] = "all"

    def __post_init__(self) -> None:
        rows, numbers = np.asarray(self.rows), np.asarray(self.numbers)
        if len(rows) != len(numbers):
            raise LengthMismatch("rows", len(rows), "numbers", len(numbers))
        if not len(rows) or numbers.min() < 1:
            raise TableError(
                "augmented copies are numbered from 1, and one must be asked for; copy 0 is the clip itself"
            )
        for augmentation in self.augmentations:
            if "waveform" not in augmentation.domains:
                changed = " or ".join(augmentation.domains)
                raise RecipeError(f"{type(augmentation).__name__} changes a {changed}; copies need one for waveforms")

    def change(self, samples: Values, key: str, number: int, rate_hz: int) -> Values:
        """(samples,) of a clip -> (samples,) of its copy of this number."""
        rng = rng_from(self.seed, key, number)
        for augmentation in self._chosen(rng):
            samples = augmentation(samples, rng, rate_hz)
        return samples

    def _chosen(self, rng: np.random.Generator) -> Sequence[Augmentation]:
        """The augmentations of one copy."""
        if self.each_copy == "all" or not self.augmentations:
            return self.augmentations
        return [self.augmentations[int(rng.integers(len(self.augmentations)))]]


def extract_copies(
    table: Table,
    copies: Copies,
    feature: Feature,
    audio: AudioSettings,
    *,
    cache: Path | None,
    workers: int | None = None,
    progress: Progress = no_progress,
) -> FeatureSet:
    """The features of augmented copies of some clips, in the order asked for; their ids end in `#<number>`.

    The sound is changed after it is read and cleaned, before it is trimmed, normalised or padded.

    Args:
        table: clips that can be read.
        copies: which copies of which clips.
        feature, audio, cache, workers, progress: as for `extract`.

    Raises:
        TableError: a copy is asked for twice.
        AudioError: a clip cannot be read.
    """
    held = Counter(key.rpartition("#")[0] for key in table.column("key").tolist())
    clips = [
        _Clip(table[row], number + held[table[row].key])
        for row, number in zip(np.asarray(copies.rows).tolist(), np.asarray(copies.numbers).tolist(), strict=True)
    ]
    named = Table(replace(clip.utterance, id=f"{clip.utterance.id}#{clip.copy}") for clip in clips)
    values = _all(clips, _Work(feature, audio, copies), cache, workers, progress)
    for value in values:
        if isinstance(value, str):
            raise AudioError(f"{value} (while making augmented copies)")
    return FeatureSet(named, [value for value in values if not isinstance(value, str)])


class _Clip(NamedTuple):
    utterance: Utterance
    copy: int = 0


@dataclass(frozen=True)
class _Work:
    """The work for each clip."""

    feature: Feature
    audio: AudioSettings
    copies: Copies | None = None

    def __call__(self, clip: _Clip) -> Values | str:
        """The features of a clip, or the reason why it has none."""
        utterance, rate_hz = clip.utterance, self.audio.rate_hz
        try:
            samples = audio.read(
                utterance.file,
                rate_hz,
                channel=self.audio.channel,
                start_s=utterance.start_s,
                end_s=utterance.end_s,
            )
            samples = cleaned(samples, self.audio)
            if self.copies is not None:
                samples = self.copies.change(samples, utterance.key, clip.copy, rate_hz)
            values = self.feature.extract(self.audio(samples), rate_hz)
        except ModelError:  # an encoder that cannot be loaded fails for all clips
            raise
        except EmotoneError as problem:
            return str(problem)
        except Exception as problem:  # whatever a library raises of one clip; the others are not lost
            return f"{utterance.file}: {type(problem).__name__}: {' '.join(str(problem).split())}"
        if not np.isfinite(values).all():
            return f"{utterance.file}: {_name(self.feature)} returned values that are not finite"
        if self.feature.half_precision:
            return values.clip(-_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
        return np.asarray(values, dtype=np.float32)

    def facts(self, clips: Sequence[_Clip], contents: dict[Path, str]) -> dict[str, Any]:
        """Everything that the features of these clips depend on."""
        facts: dict[str, Any] = {
            "layout": _LAYOUT,
            "audio": self.audio.model_dump(mode="json"),
            "feature": [_name(self.feature), self.feature.version, self.feature.model_dump(mode="json")],
            "clips": [[contents[clip.file], clip.start_s, clip.end_s] for clip, _ in clips],
        }
        if self.feature.identity:
            facts["identity"] = self.feature.identity
        if self.copies is not None:
            changes = self.copies.augmentations
            facts["seed"] = self.copies.seed
            facts["augmentations"] = [[_name(change), change.model_dump(mode="json")] for change in changes]
            facts["each_copy"] = self.copies.each_copy
            facts["copies"] = [[clip.key, copy] for clip, copy in clips]
        return facts


def _all(
    clips: Sequence[_Clip], work: _Work, cache: Path | None, workers: int | None, progress: Progress
) -> list[Values | str]:
    """Features of every clip, in order, or the reason why a clip has none."""
    _ = work.feature.identity  # raises if something that the feature needs is missing
    # Each corpus starts a new block, so that its blocks are found again in any combination of corpora.
    corpora = [list(group) for _, group in groupby(clips, key=lambda clip: clip.utterance.corpus)]
    parts = [corpus[first : first + BLOCK] for corpus in corpora for first in range(0, len(corpus), BLOCK)]
    paths: list[Path | None] = [None] * len(parts)
    done: dict[int, list[Values | str]] = {}
    folder = None if cache is None else Path(cache) / _name(work.feature).rpartition(".")[2]
    if folder is not None:
        contents = blocks.contents_of([clip.utterance.file for clip in clips])
        for number, block in enumerate(parts):
            key = blake2b(json.dumps(work.facts(block, contents)).encode(), digest_size=16).hexdigest()
            paths[number] = folder / key
            if (kept := blocks.load(folder / key, len(block))) is not None:
                done[number] = [*kept]
        if len(done) < len(parts) and blocks.usable(folder):
            blocks.sweep(folder)
        elif len(done) < len(parts):  # blocks of a folder that cannot be written are read all the same
            paths = [None] * len(parts)
    todo = [(number, parts[number], work, paths[number]) for number in range(len(parts)) if number not in done]
    computed = _computed(todo, workers)
    if todo:
        computed = track(computed, _name(work.feature).rpartition(".")[2], len(todo), progress)
    for number, values, not_written in computed:
        path = paths[number]
        if not_written:
            blocks.warn_without(not_written)
        if values is None and path is not None:
            values = blocks.load(path, len(parts[number]))
        # a block that was written and cannot be read back, as in a folder that is being cleared, is computed again
        done[number] = [*values] if values is not None else [work(clip) for clip in parts[number]]
    return [value for number in range(len(parts)) for value in done[number]]


_Todo = tuple[int, list[_Clip], _Work, Path | None]
_Computed = tuple[int, Sequence[Values | str] | None, str]


def _computed(todo: Sequence[_Todo], workers: int | None) -> Iterator[_Computed]:
    """Number and features of each block as soon as it is ready, None if they are on disk; and why they are not."""
    if todo and (most := todo[0][2].feature.processes) is not None:
        workers = min(workers or most, most)
    if workers == 1 or len(todo) <= 1:
        yield from (_block(*item) for item in todo)
        return
    from joblib import Parallel, cpu_count, delayed, parallel_config

    with parallel_config("loky", inner_max_num_threads=1):  # processes share the cores already
        pool = Parallel(min(workers or cpu_count(), len(todo)), return_as="generator_unordered")
    try:
        yield from pool(delayed(_block)(*item) for item in todo)
    except BrokenExecutor as problem:
        raise EmotoneError(
            "a process ended while features were computed; is there enough memory? The same command continues from "
            "the blocks that are finished"
        ) from problem


def _block(number: int, clips: list[_Clip], work: _Work, path: Path | None) -> _Computed:
    """Compute a block and write it; a block with a failure is not written, so that a repaired file is read again.

    A block that another program wrote in the meantime is taken as it is.
    """
    if path is not None and blocks.load(path, len(clips)) is not None:
        return number, None, ""
    with one_thread():
        values = [work(clip) for clip in clips]
    complete = [value for value in values if not isinstance(value, str)]
    if path is None or len(complete) < len(values):
        return number, values, ""
    try:
        blocks.save(path, complete, {"feature": _name(work.feature), "first": clips[0].utterance.key})
    except OSError as problem:  # a full disk loses no feature
        return number, values, f"{path.parent} cannot be written ({problem.strerror})"
    return number, None, ""


def _name(item: Feature | Augmentation) -> str:
    """Module and name of the class: `emotone.features.log_mel.LogMel`."""
    return f"{type(item).__module__}.{type(item).__qualname__}"
