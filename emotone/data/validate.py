"""Integrity check of a corpus folder: every file compared with the published list."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emotone.audio import read as audio
from emotone.audio.folder import sound_files
from emotone.data.corpora import IndexEntry, published
from emotone.data.progress import Progress, no_progress, track
from emotone.data.utterance import Utterance
from emotone.errors import AudioError

TOLERANCE_S = 0.05
"""Tolerance for the length of another encoding: codecs pad, resamplers round."""

Proof = Literal["checksum", "duration", "decoding"]


@dataclass(frozen=True)
class Check:
    """Result of checking the folder of a corpus.

    Attributes:
        corpus: its name.
        root: the folder.
        found, expected: number of clips found, of clips published.
        missing: ids of the published clips that were not found, sorted; empty if no list was published.
        extra: audio files that are not published clips, or duplicates of one.
        damaged: files that are damaged, each with the reason.
        classes: emotion -> (clips found, clips published).
        speakers: (found, published).
        listed: whether a list of the published files exists.
        proofs: number of intact clips by kind of proof: `checksum` (identical to the published file), `duration`
            (another encoding of the same duration, decoded completely) or `decoding` (no list was published).
    """

    corpus: str
    root: Path
    found: int
    expected: int
    missing: tuple[str, ...]
    extra: tuple[Path, ...]
    damaged: tuple[tuple[Path, str], ...]
    classes: Mapping[str, tuple[int, int]]
    speakers: tuple[int, int]
    listed: bool
    proofs: Mapping[Proof, int]

    @property
    def ok(self) -> bool:
        """Whether every published clip was found intact; extra files do not matter."""
        return self.found == self.expected and not self.missing and not self.damaged

    def as_dict(self) -> dict[str, Any]:
        """All attributes as JSON types; files relative to `root`."""
        return {
            "corpus": self.corpus,
            "root": str(self.root),
            "ok": self.ok,
            "found": self.found,
            "expected": self.expected,
            "speakers": dict(zip(("found", "expected"), self.speakers, strict=True)),
            "classes": {
                name: {"found": found, "expected": expected} for name, (found, expected) in self.classes.items()
            },
            "listed": self.listed,
            "proofs": dict(self.proofs),
            "missing": list(self.missing),
            "damaged": [{"file": self._short(path), "reason": reason} for path, reason in self.damaged],
            "extra": [self._short(path) for path in self.extra],
        }

    def as_text(self, most: int = 10) -> str:
        """A readable summary; long lists are cut after `most` items."""
        counts = ", ".join(f"{name} {found} of {expected}" for name, (found, expected) in self.classes.items())
        proofs = ", ".join(f"{count} by {proof}" for proof, count in self.proofs.items()) or "none"
        problems = [
            "incomplete" if self.missing or self.found < self.expected else "",
            "damaged" if self.damaged else "",
            "with clips that are not published" if self.found > self.expected else "",
        ]
        verdict = ", ".join(filter(None, problems)) or "complete and intact"
        lines = [
            f"{self.corpus}: {self.found} of {self.expected} clips, {verdict}",
            f"speakers: {self.speakers[0]} of {self.speakers[1]}",
            f"emotions: {counts}",
            f"intact by: {proofs}",
        ]
        if not self.listed:
            lines.append(
                "no list of its files is published: missing files cannot be named, checksums cannot be compared"
            )
        lines += _some("missing", list(self.missing), most)
        lines += _some("damaged", [f"{self._short(path)} ({reason})" for path, reason in self.damaged], most)
        lines += _some("extra", [self._short(path) for path in self.extra], most)
        return "\n".join(lines)

    def _short(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def check(name: str, root: str | os.PathLike[str], progress: Progress = no_progress) -> Check:
    """Check the folder of a corpus: which clips are found, missing or damaged.

    Original files are compared with their published checksum. Others (another encoding, another sampling rate) must
    decode completely and have the duration of the original within 50 ms; if no list of files was published, the
    duration given in their header.

    Args:
        name: a published corpus.
        root: its folder.
        progress: called after each clip.

    Raises:
        UnknownName: no such corpus.
        CorpusError: the folder is absent or holds no clip of the corpus.
    """
    corpus, root = published(name), Path(root)
    clips = corpus.read(root)
    index = corpus.index()
    found = {clip.id: clip for clip in clips}

    def verdict(clip: Utterance) -> tuple[Proof | None, str]:
        return _verdict(clip, index.get(clip.id))

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding and hashing release the GIL
        verdicts = dict(zip(found, track(pool.map(verdict, clips), name, len(clips), progress), strict=True))

    known = {clip.file for clip in clips if not index or clip.id in index}
    emotions = Counter(clip.emotion for clip in clips)
    return Check(
        corpus=name,
        root=root,
        found=len(clips),
        expected=corpus.clips,
        missing=tuple(sorted(index.keys() - found.keys())),
        extra=tuple(path for path in sound_files(root) if path not in known),
        damaged=tuple((found[key].file, reason) for key, (proof, reason) in verdicts.items() if proof is None),
        classes={emotion: (emotions[emotion], count) for emotion, count in corpus.classes.items()},
        speakers=(len({clip.speaker for clip in clips}), corpus.speakers),
        listed=bool(index),
        proofs=Counter(proof for proof, _ in verdicts.values() if proof is not None),
    )


def _verdict(clip: Utterance, entry: IndexEntry | None) -> tuple[Proof | None, str]:
    """The proof that a clip is intact, or None and the problem."""
    path = clip.file
    if entry is not None and path.suffix.lower() == ".wav" and path.stat().st_size == entry.size_bytes:
        kind, _, published_sum = entry.checksum.partition(":")
        found_sum = hashlib.new(kind, path.read_bytes()).hexdigest()
        if found_sum == published_sum:
            return "checksum", ""
        return None, f"its {kind} is {found_sum}, published is {published_sum}"
    try:
        decoded_s = audio.read(path).size / audio.RATE_HZ
        claimed_s = audio.duration_s(path) if entry is None or entry.seconds is None else entry.seconds
    except AudioError as problem:
        return None, str(problem).removeprefix(f"{path}: ")
    if abs(decoded_s - claimed_s) > TOLERANCE_S:
        source = "its header" if entry is None or entry.seconds is None else "the original"
        return None, f"{decoded_s:.2f} s long, {source} has {claimed_s:.2f} s"
    return ("decoding" if entry is None else "duration"), ""


def _some(title: str, items: list[str], most: int) -> list[str]:
    """One line per item under a title, and a count of the items after the first `most`; empty without items."""
    if not items:
        return []
    rest = [f"  ... and {len(items) - most} more"] if len(items) > most else []
    return [f"{title}: {len(items)}", *(f"  {item}" for item in items[:most]), *rest]
