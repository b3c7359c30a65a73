"""Train, development and test folds: speaker-independent, random by clip, or cross-corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.data.sampling import deal
from emotone.data.speaker_ids import require_one_spelling
from emotone.data.utterance import Table
from emotone.errors import LengthMismatch, SplitError, UnknownName

Rows = NDArray[np.int64]
Protocol = Literal["speakers", "random", "cross-corpus"]
TestSpeakers = Literal["leave-one-speaker-out"] | tuple[tuple[str, ...], ...]

PROTOCOLS: tuple[Protocol, ...] = ("speakers", "random", "cross-corpus")
_USUAL = 5  # folds, if neither the corpus nor the caller gives a number
_DEVELOPMENT_IS_NEXT_FOLD = ("crema_d",)  # as in EMO-SUPERB (Wu et al. 2024)


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions in a table of the training, development and test clips.

    Attributes:
        name: number of the fold in the corpus's protocol, or the corpus that is left out.
        train, development, test: row positions, ascending; no row is in two of them.
        development_by: `speakers` if no speaker is in both train and development; `clips` if the training side has
            too few speakers for that, or the protocol is `random`.
    """

    name: str
    train: Rows
    development: Rows
    test: Rows
    development_by: Literal["speakers", "clips"]

    @property
    def training_side(self) -> Rows:
        """All rows that a model of the fold may learn from: train, then development."""
        return np.concatenate([self.train, self.development])

    def without_development(self) -> Fold:
        """The fold with its development clips among the training clips."""
        return replace(self, train=np.sort(self.training_side), development=self.development[:0])


def folds(
    table: Table,
    labels: ArrayLike,
    protocol: Protocol = "speakers",
    *,
    seed: int = 0,
    count: int | None = None,
    default_folds: Mapping[str, TestSpeakers | None] | None = None,
    test_on: Sequence[str] = (),
) -> list[Fold]:
    """Folds of clips; every clip is tested in exactly one of them (a single random split tests a fifth).

    `speakers`: speaker-independent. Each corpus uses its default folds; without them, group k-fold over its speakers,
    stratified by label. With several corpora, folds of the same number are merged, and folds beyond the fifth wrap
    around (ten folds become five of two); a corpus with fewer folds is not tested in the later ones. Folds without a
    clip are left out.

    `random`: stratified by corpus and label, clip by clip, so that speakers are on both sides. One 80/20 split, as in
    most reports, unless `count` is given.

    `cross-corpus`: each corpus is tested with a model that was trained on the others, without the tested speakers; or,
    with `test_on`, several corpora are tested together with one model of the others.

    Development clips come from the training side: about 15 % of the speakers of each corpus, stratified by sex
    (CREMA-D: the next block of speakers); a fifth of the clips of a corpus with one speaker on that side; an eighth of
    the clips under `random`.

    Args:
        table: the clips.
        labels: (clips,) labels for the stratification.
        protocol: one of the three above.
        seed: of the random choices that the corpora leave open.
        count: number of folds. Default folds beyond it wrap around. None: the default folds of a single corpus,
            otherwise five, or the number of speakers if that is smaller; for `random`, one split.
        default_folds: corpus -> `leave-one-speaker-out`, or the test speakers of each fold without their `<corpus>/`.
        test_on: for `cross-corpus` only: the corpora that are tested; empty: each in turn.

    Raises:
        SplitError: the clips cannot be split in this way, or a speaker is not in the default folds.
        LengthMismatch: not one label per clip.
        UnknownName: no such protocol.
        TableError: a speaker has more than one spelling.

    >>> from pathlib import Path
    >>> from emotone.data.utterance import Utterance
    >>> clips = Table(Utterance("x", f"{i}", Path(f"{i}.wav"), "sad", f"x/{i // 2}") for i in range(6))
    >>> [fold.test.tolist() for fold in folds(clips, ["sad"] * 6, default_folds={"x": "leave-one-speaker-out"})]
    [[0, 1], [2, 3], [4, 5]]
    """
    labels = np.asarray(labels)
    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS)
    if len(labels) != len(table):
        raise LengthMismatch("labels", len(labels), "the table", len(table))
    if len(table) == 0:
        raise SplitError("no clips to split; does the label map drop all of them?")
    if count is not None and count < 2:
        raise SplitError(f"folds={count} leaves nothing to learn from; use folds=2 or more")
    require_one_spelling(table.column("speaker").tolist())
    clips = _Clips(table, labels)
    if protocol == "random":
        return _by_clip(clips, count or _USUAL, seed)[: count or 1]
    if protocol == "cross-corpus":
        return _by_corpus(clips, count, seed, test_on)
    return _by_speaker(clips, count, seed, default_folds or {})


def everything(table: Table, labels: ArrayLike, *, name: str = "all", seed: int = 0) -> Fold:
    """One fold without test clips, for the final model: all clips are training or development clips."""
    clips = _Clips(table, np.asarray(labels))
    return _with_development(clips, name, np.empty(0, dtype=np.int64), np.arange(len(table)), [seed, 0])


def speaker_independent(fold: Fold, table: Table) -> bool:
    """Whether test speakers are unseen in training, and development speakers are as separate as the fold states."""
    speaker = table.column("speaker")
    train, development, test = (set(speaker[rows]) for rows in (fold.train, fold.development, fold.test))
    unseen = not test & (train | development)
    return unseen and (fold.development_by == "clips" or not train & development)


class _Clips:
    """The columns needed for splitting.

    A speaker of two corpora (RAVDESS speech and song) is one person: all clips follow the folds of the corpus in which
    the speaker appears first, the home corpus.
    """

    def __init__(self, table: Table, labels: NDArray[Any]) -> None:
        self.labels = labels
        self.speaker = table.column("speaker")
        self.corpus = table.column("corpus")
        self.corpora = table.corpora()
        self.sex = {row.speaker: row.sex for row in reversed(table)}
        self.home = {row.speaker: row.corpus for row in reversed(table)}

    def speakers(self, rows: Rows | None = None) -> dict[str, list[str]]:
        """Home corpus -> its speakers among these rows, sorted."""
        present = np.unique(self.speaker if rows is None else self.speaker[rows]).tolist()
        grouped: dict[str, list[str]] = {corpus: [] for corpus in self.corpora}
        for speaker in present:
            grouped[self.home[speaker]].append(speaker)
        return {corpus: speakers for corpus, speakers in grouped.items() if speakers}


def _by_clip(clips: _Clips, count: int, seed: int) -> list[Fold]:
    if count > len(clips.labels):
        raise SplitError(f"{count} folds need {count} clips, this set has {len(clips.labels)}")
    rng = np.random.default_rng([seed, 0])
    strata = np.char.add(np.char.add(clips.corpus, "/"), clips.labels.astype(str))
    hand = deal(strata, count, rng)
    made = []
    for number in range(count):
        test, rest = np.flatnonzero(hand == number), np.flatnonzero(hand != number)
        development = deal(strata[rest], 8, np.random.default_rng([seed, 1 + number])) == 0
        made.append(_fold(str(number + 1), rest[~development], rest[development], test, "clips"))
    return made


def _by_corpus(clips: _Clips, count: int | None, seed: int, test_on: Sequence[str]) -> list[Fold]:
    corpora = clips.corpora
    if len(corpora) < 2:
        raise SplitError(f"cross-corpus needs 2 corpora or more, this set has only {corpora[0]}; add one")
    if count is not None:
        raise SplitError(f"cross-corpus has a fold per corpus, here {len(corpora)}; remove folds={count}")
    if unknown := [name for name in test_on if name not in corpora]:
        raise UnknownName("corpus to test on", unknown[0], corpora)
    made = []
    for number, group in enumerate([test_on] if test_on else [[corpus] for corpus in corpora]):
        name, tested = "+".join(group), np.isin(clips.corpus, group)
        known = np.isin(clips.speaker, clips.speaker[tested])
        if known.all():
            raise SplitError(f"every speaker outside {name} is also in {name}: no unseen speakers to train on")
        made.append(_with_development(clips, name, np.flatnonzero(tested), np.flatnonzero(~known), [seed, number]))
    return made


def _by_speaker(
    clips: _Clips, count: int | None, seed: int, default_folds: Mapping[str, TestSpeakers | None]
) -> list[Fold]:
    speakers = clips.speakers()
    total = sum(len(names) for names in speakers.values())
    wanted = count or 2
    if wanted > total:
        advice = f"use folds={total} or fewer" if total > 1 else "add speakers, or use protocol=random, split by clip"
        raise SplitError(f"{wanted} folds need {wanted} speakers, this set has {total}; {advice}")

    number: dict[str, int] = {}  # speaker -> fold
    for corpus, names in speakers.items():
        fact = default_folds.get(corpus)
        if fact is None:
            number |= _stratified(clips, names, min(count or _USUAL, len(names)), seed)
        else:
            number |= _as_published(corpus, names, fact)
    if count is not None or len(speakers) > 1:
        number = {speaker: fold % (count or _USUAL) for speaker, fold in number.items()}

    filled = sorted(set(number.values()))
    if len(filled) < wanted:
        raise SplitError(
            f"{wanted} folds asked for, the {total} speakers of {', '.join(speakers)} lie in {len(filled)}; "
            + (f"use folds={len(filled)}" if len(filled) > 1 else "use more of the corpus, or protocol=random")
        )
    fold_of_clip = np.array([number[speaker] for speaker in clips.speaker])
    digits = len(str(filled[-1] + 1))
    return [
        _with_development(
            clips,
            f"{fold + 1:0{digits}}",
            np.flatnonzero(fold_of_clip == fold),
            np.flatnonzero(fold_of_clip != fold),
            [seed, fold],
            _next_block(clips, number, fold),
        )
        for fold in filled
    ]


def _as_published(corpus: str, speakers: Sequence[str], fact: TestSpeakers) -> dict[str, int]:
    """Speaker -> number of the default fold in which the speaker is tested."""
    if fact == "leave-one-speaker-out":
        return {speaker: number for number, speaker in enumerate(speakers)}
    listed = {name: number for number, names in enumerate(fact) for name in names}
    short_name = {speaker: speaker.partition("/")[2] for speaker in speakers}
    if unlisted := [name for name in short_name.values() if name not in listed]:
        # any other assignment would give a score that looks comparable to published ones and is not
        raise SplitError(
            f"the default folds of {corpus} do not contain speaker {', '.join(unlisted)}; "
            "remove those clips, or read them as a table with another name"
        )
    return {speaker: listed[name] for speaker, name in short_name.items()}


def _stratified(clips: _Clips, speakers: Sequence[str], count: int, seed: int) -> dict[str, int]:
    """Speaker -> fold, greedily from the largest: to the fold with the fewest clips of the speaker's labels."""
    rows = np.flatnonzero(np.isin(clips.speaker, speakers))
    names, speaker_of_row = np.unique(clips.speaker[rows], return_inverse=True)
    classes, class_of_row = np.unique(clips.labels[rows], return_inverse=True)
    share = np.zeros((names.size, classes.size))
    np.add.at(share, (speaker_of_row, class_of_row), 1)
    share /= share.sum(axis=0)
    order = np.random.default_rng([seed, 0]).permutation(names.size)
    order = order[np.argsort(-share[order].sum(axis=1), kind="stable")]
    filled, size = np.zeros((count, classes.size)), np.zeros(count, dtype=int)
    number: dict[str, int] = {}
    for done, speaker in enumerate(order):
        crowding = filled @ share[speaker]
        if (size == 0).sum() == names.size - done:  # the empty folds need all remaining speakers
            crowding[size > 0] = np.inf
        fold = int(np.argmin(crowding))
        filled[fold] += share[speaker]
        size[fold] += 1
        number[str(names[speaker])] = fold
    return number


def _next_block(clips: _Clips, number: Mapping[str, int], tested: int) -> set[str]:
    """The speakers of the fold after the test fold, in corpora whose protocol uses them as development set."""
    block: set[str] = set()
    for corpus, speakers in clips.speakers().items():
        others = sorted({number[speaker] for speaker in speakers} - {tested}, key=lambda fold: (fold < tested, fold))
        if corpus in _DEVELOPMENT_IS_NEXT_FOLD and len(others) > 1:
            block |= {speaker for speaker in speakers if number[speaker] == others[0]}
    return block


def _with_development(
    clips: _Clips, name: str, test: Rows, rest: Rows, seed: Sequence[int], preferred: Set[str] = frozenset()
) -> Fold:
    """The fold with these test rows; its development set is drawn from the rest, from the preferred speakers if any."""
    rng = np.random.default_rng([*seed, 1])
    development = np.zeros(len(clips.labels), dtype=bool)
    by: Literal["speakers", "clips"] = "speakers"
    for speakers in clips.speakers(rest).values():
        rows = rest[np.isin(clips.speaker[rest], speakers)]
        if len(speakers) == 1:
            by, hands = "clips", min(5, rows.size)
            development[rows] = (deal(clips.labels[rows], hands, rng) == 0) & (hands > 1)
        else:
            share = max(1, round(0.15 * len(speakers)))
            chosen = preferred & set(speakers) or _some_speakers(speakers, clips.sex, share, rng)
            development[rows] = np.isin(clips.speaker[rows], sorted(chosen))
    return _fold(name, rest[~development[rest]], rest[development[rest]], test, by)


def _some_speakers(speakers: Sequence[str], sex: Mapping[str, str], wanted: int, rng: np.random.Generator) -> set[str]:
    """A random sample of speakers, stratified by sex."""
    by_sex: dict[str, list[str]] = {}
    for i in rng.permutation(len(speakers)):
        by_sex.setdefault(sex[speakers[i]], []).append(speakers[i])
    place = {s: (rank + 0.5) / len(group) for group in by_sex.values() for rank, s in enumerate(group)}
    return set(sorted(place, key=lambda speaker: place[speaker])[:wanted])


def _fold(name: str, train: Rows, development: Rows, test: Rows, by: Literal["speakers", "clips"]) -> Fold:
    if not train.size or not development.size:
        raise SplitError(
            f"fold {name}: {train.size + development.size} clips on the training side cannot be split into training "
            "and development clips; add clips"
        )
    return Fold(name, train, development, test, by)
