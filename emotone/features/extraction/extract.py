"""Features of every clip of a table: computed once, in parallel, and kept on disk in whole blocks."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from emotone.audio import read as audio
from emotone.audio.read import AudioSettings
from emotone.audio.steady_tones import cleaned
from emotone.augment import Augmentation
from emotone.data.utterance import Table, Utterance
from emotone.errors import AudioError, EmotoneError, LengthMismatch, ModelError, RecipeError, TableError
from emotone.features import Feature, Values
from emotone.features.extraction import cache as blocks
from emotone.features.extraction.feature_set import Failure, FeatureSet

BLOCK = 128
"""Clips per file on disk; a run that is stopped loses at most the blocks it was working on."""
_LAYOUT = 1  # raised whenever blocks of old are not to be read any more
_PATIENCE_S = 2.0  # a progress bar for less is noise


def extract(
    table: Table,
    feature: Feature,
    audio: AudioSettings,
    *,
    cache: Path | None,
    workers: int | None = None,
    progress: bool = False,
) -> FeatureSet:
    """The features of every clip that can be read; the others are in its `failures`.

    Args:
        table: the clips.
        feature: what to compute.
        audio: what to do to the sound before.
        cache: folder for the blocks; None computes anew and keeps them in memory. A block is found again by the
            content of its files, the stretches meant, and all settings; where the files lie does not matter.
        workers: processes; None takes every core, 1 stays in this process.
        progress: show a bar when it takes longer than two seconds.

    Raises:
        TableError: the table is empty.
        AudioError: not a single clip can be read.
    """
    if not len(table):
        raise TableError("no clips to compute features of; is everything dropped by the labels asked for?")
    clips = [_Clip(utterance) for utterance in table]
    values = _all(clips, _Work(feature, audio), cache, workers, progress)
    failures = [
        Failure(clip.utterance.key, clip.utterance.file, one)
        for clip, one in zip(clips, values, strict=True)
        if isinstance(one, str)
    ]
    if len(failures) == len(clips):
        raise AudioError(f"none of {len(clips)} clips can be read; the first: {failures[0].reason}")
    read = [row for row, one in enumerate(values) if not isinstance(one, str)]
    return FeatureSet(table.take(read), [one for one in values if not isinstance(one, str)], failures)


def extract_copies(
    table: Table,
    rows: ArrayLike,
    copies: ArrayLike,
    feature: Feature,
    audio: AudioSettings,
    augmentations: Sequence[Augmentation],
    *,
    seed: int,
    cache: Path | None,
    each_copy: Literal["all", "one"] = "all",
    workers: int | None = None,
    progress: bool = False,
) -> FeatureSet:
    """The features of augmented copies of some clips, one per row asked for; their ids end in `#<copy>`.

    The sound is changed after it is read and cleaned, before it is trimmed, normalised or padded. Chance depends on
    seed, clip and number of the copy alone: the same copy is the same on every machine.

    Args:
        table: clips that can be read.
        rows: (copies,) positions in the table.
        copies: (copies,) number of each copy, 1 or more; no (row, copy) stands twice. They go on after copies of the
            clip that the table already holds.
        feature, audio, cache, workers, progress: as for `extract`.
        augmentations: changes to waveforms.
        seed: of all chance.
        each_copy: `all` makes these changes one after the other; `one` makes one of them, chosen by chance.

    Raises:
        RecipeError: an augmentation is not for waveforms.
        TableError: nothing is asked for, or a copy twice.
        AudioError: a clip cannot be read.
    """
    rows, copies = np.asarray(rows), np.asarray(copies)
    if len(rows) != len(copies):
        raise LengthMismatch("rows", len(rows), "copies", len(copies))
    if not len(rows) or copies.min() < 1:
        raise TableError("augmented copies are numbered from 1, and one must be asked for; copy 0 is the clip itself")
    for augmentation in augmentations:
        if "waveform" not in augmentation.domains:
            changed = " or ".join(augmentation.domains)
            raise RecipeError(f"{type(augmentation).__name__} changes a {changed}; copies need one for waveforms")
    there = Counter(key.rpartition("#")[0] for key in table.column("key").tolist())
    clips = [
        _Clip(table[row], copy + there[table[row].key])
        for row, copy in zip(rows.tolist(), copies.tolist(), strict=True)
    ]
    named = Table(replace(clip.utterance, id=f"{clip.utterance.id}#{clip.copy}") for clip in clips)
    values = _all(clips, _Work(feature, audio, tuple(augmentations), seed, each_copy), cache, workers, progress)
    for one in values:
        if isinstance(one, str):
            raise AudioError(f"{one} (met while making augmented copies)")
    return FeatureSet(named, [one for one in values if not isinstance(one, str)])


class _Clip(NamedTuple):
    utterance: Utterance
    copy: int = 0


@dataclass(frozen=True)
class _Work:
    """What is done to every clip."""

    feature: Feature
    audio: AudioSettings
    augmentations: tuple[Augmentation, ...] = ()
    seed: int = 0
    each_copy: Literal["all", "one"] = "all"

    def __call__(self, clip: _Clip) -> Values | str:
        """The features of a clip, or the reason why there are none."""
        utterance, rate_hz = clip.utterance, self.audio.rate_hz
        try:
            samples = audio.read(utterance.file, rate_hz, start_s=utterance.start_s, end_s=utterance.end_s)
            samples = cleaned(samples, self.audio)
            if clip.copy:
                name = f"{self.seed}\n{utterance.key}\n{clip.copy}"
                rng = np.random.default_rng(int.from_bytes(blake2b(name.encode(), digest_size=16).digest(), "little"))
                for augmentation in self._chosen(rng):
                    samples = augmentation(samples, rng, rate_hz)
            values = self.feature.extract(self.audio(samples), rate_hz)
        except ModelError:  # an encoder that cannot be loaded fails for every clip
            raise
        except EmotoneError as problem:
            return str(problem)
        if not np.isfinite(values).all():
            return f"{utterance.file}: {_name(self.feature)} gave numbers that are not finite"
        return np.asarray(values, dtype=np.float32)

    def _chosen(self, rng: np.random.Generator) -> Sequence[Augmentation]:
        """The augmentations of one copy."""
        if self.each_copy == "all" or not self.augmentations:
            return self.augmentations
        return [self.augmentations[rng.integers(len(self.augmentations))]]

    def facts(self, clips: Sequence[_Clip], contents: dict[Path, str]) -> dict[str, Any]:
        """All that the features of these clips depend on."""
        facts: dict[str, Any] = {
            "layout": _LAYOUT,
            "audio": self.audio.model_dump(mode="json"),
            "feature": [_name(self.feature), self.feature.version, self.feature.model_dump(mode="json")],
            "clips": [[contents[clip.file], clip.start_s, clip.end_s] for clip, _ in clips],
        }
        if self.feature.identity:
            facts["identity"] = self.feature.identity
        if any(clip.copy for clip in clips):
            facts["seed"] = self.seed
            facts["augmentations"] = [[_name(change), change.model_dump(mode="json")] for change in self.augmentations]
            facts["each_copy"] = self.each_copy
            facts["copies"] = [[clip.key, copy] for clip, copy in clips]
        return facts


def _all(
    clips: Sequence[_Clip], work: _Work, cache: Path | None, workers: int | None, progress: bool
) -> list[Values | str]:
    """The features, or the reason why there are none, of every clip in order."""
    _ = work.feature.identity  # raises when what the feature needs is absent, before every clip says so
    # A corpus begins a block, so that its blocks are found again when others stand before it in the table.
    corpora = [list(group) for _, group in groupby(clips, key=lambda clip: clip.utterance.corpus)]
    parts = [corpus[first : first + BLOCK] for corpus in corpora for first in range(0, len(corpus), BLOCK)]
    paths: list[Path | None] = [None] * len(parts)
    done: dict[int, list[Values | str]] = {}
    if cache is not None:
        folder = Path(cache) / _name(work.feature).rpartition(".")[2]
        folder.mkdir(parents=True, exist_ok=True)
        blocks.sweep(folder)
        contents = blocks.contents_of([clip.utterance.file for clip in clips])
        for number, block in enumerate(parts):
            key = blake2b(json.dumps(work.facts(block, contents)).encode(), digest_size=16).hexdigest()
            paths[number] = path = folder / key
            if (kept := blocks.load(path, len(block))) is not None:
                done[number] = [*kept]
    todo = [(number, parts[number], work, paths[number]) for number in range(len(parts)) if number not in done]
    for number, values in _shown(_computed(todo, workers), len(todo), _name(work.feature), progress):
        path = paths[number]
        found = blocks.load(path, len(parts[number])) if values is None and path is not None else values
        if found is None:
            raise TableError(f"{path}.npy was written and cannot be read back; is the disk full, or being cleared?")
        done[number] = [*found]
    return [one for number in range(len(parts)) for one in done[number]]


_Todo = tuple[int, list[_Clip], _Work, Path | None]


def _computed(todo: Sequence[_Todo], workers: int | None) -> Iterator[tuple[int, list[Values | str] | None]]:
    """Number and features of each block as it is ready, None where they lie on disk."""
    if todo and (most := todo[0][2].feature.processes) is not None:
        workers = min(workers or most, most)
    if workers == 1 or len(todo) <= 1:
        yield from (_block(*one) for one in todo)
        return
    from joblib import Parallel, cpu_count, delayed, parallel_config

    with parallel_config("loky", inner_max_num_threads=1):  # processes share the cores already
        pool = Parallel(min(workers or cpu_count(), len(todo)), return_as="generator_unordered")
    yield from pool(delayed(_block)(*one) for one in todo)


def _block(number: int, clips: list[_Clip], work: _Work, path: Path | None) -> tuple[int, list[Values | str] | None]:
    """Compute a block and write it; one that holds a failure is not kept: a repaired file deserves another try."""
    values = [work(clip) for clip in clips]
    whole = [one for one in values if not isinstance(one, str)]
    if path is None or len(whole) < len(values):
        return number, values
    blocks.save(path, whole, {"feature": _name(work.feature), "first": clips[0].utterance.key})
    return number, None


def _name(item: Feature | Augmentation) -> str:
    """`emotone.features.log_mel.LogMel`: where the class is written, and what it is called."""
    return f"{type(item).__module__}.{type(item).__qualname__}"


def _shown(results: Iterator[Any], total: int, what: str, progress: bool) -> Iterator[Any]:
    """The same results, under a bar once they have taken a while."""
    if not progress:
        yield from results
        return
    from rich.console import Console
    from rich.progress import Progress

    started = time.monotonic()
    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what.rpartition(".")[2], total=total)
    try:
        for result in results:
            bar.advance(task)
            if time.monotonic() - started > _PATIENCE_S:
                bar.start()  # does nothing when it runs already
            yield result
    finally:
        bar.stop()
