"""Is this corpus complete and whole? Every file of a folder, held against what was published."""

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
from emotone.data.corpora import IndexEntry, published, sound_files
from emotone.data.progress import Progress, no_progress, track
from emotone.data.utterance import Utterance
from emotone.errors import AudioError

TOLERANCE_S = 0.05
"""How far another encoding may be from the length of the original: codecs pad, resamplers round."""

Proof = Literal["checksum", "duration", "decoding"]


@dataclass(frozen=True)
class Check:
    """What a folder holds of a corpus.

    Attributes:
        corpus: its name.
        root: the folder.
        found, expected: clips there, clips published.
        missing: ids of the published clips that are not there, sorted; empty where no list was published.
        extra: sound files that are no published clip, or are one for the second time.
        damaged: files that are there but not whole, each with the reason.
        classes: emotion -> (clips there, clips published).
        speakers: (there, published).
        listed: whether a list of the published files is there to compare with.
        proofs: how many clips were found whole by what: `checksum` (as distributed, byte by byte), `duration`
            (another encoding, decoded to its end, as long as the original) or `decoding` (no list was published).
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
        """Every published clip is there and whole; second copies and other sounds do no harm."""
        return self.found == self.expected and not self.missing and not self.damaged

    def as_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON knows; files relative to `root`."""
        return {
            "corpus": self.corpus,
            "root": str(self.root),
            "ok": self.ok,
            "found": self.found,
            "expected": self.expected,
            "speakers": dict(zip(("found", "expected"), self.speakers, strict=True)),
            "classes": {name: {"found": here, "expected": all_} for name, (here, all_) in self.classes.items()},
            "listed": self.listed,
            "proofs": dict(self.proofs),
            "missing": list(self.missing),
            "damaged": [{"file": self._short(path), "reason": reason} for path, reason in self.damaged],
            "extra": [self._short(path) for path in self.extra],
        }

    def as_text(self, most: int = 10) -> str:
        """A summary for people; of long lists the first `most`."""
        counts = ", ".join(f"{name} {here} of {all_}" for name, (here, all_) in self.classes.items())
        proofs = ", ".join(f"{count} by {proof}" for proof, count in self.proofs.items()) or "none"
        wrong = [
            "not complete" if self.missing or self.found < self.expected else "",
            "damaged" if self.damaged else "",
            "with clips that were never published" if self.found > self.expected else "",
        ]
        verdict = ", ".join(filter(None, wrong)) or "complete and whole"
        lines = [
            f"{self.corpus}: {self.found} of {self.expected} clips, {verdict}",
            f"speakers: {self.speakers[0]} of {self.speakers[1]}",
            f"emotions: {counts}",
            f"found whole: {proofs}",
        ]
        if not self.listed:
            lines.append("no list of its files is published: missing ones cannot be named, nor checksums compared")
        lines += _some("missing", list(self.missing), most)
        lines += _some("damaged", [f"{self._short(path)} ({reason})" for path, reason in self.damaged], most)
        lines += _some("extra", [self._short(path) for path in self.extra], most)
        return "\n".join(lines)

    def _short(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def check(name: str, root: str | os.PathLike[str], progress: Progress = no_progress) -> Check:
    """What is there of a corpus, what is missing, what is damaged.

    Files as distributed are held against their published checksum. Others (another encoding, another rate) must
    decode to their end and be as long as the original within 50 ms; where no list of files was published, as long
    as their own header says.

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
    """What proves a clip whole, or None and what is wrong with it."""
    path = clip.file
    if entry is not None and path.suffix.lower() == ".wav" and path.stat().st_size == entry.size_bytes:
        kind, _, wanted = entry.checksum.partition(":")
        came = hashlib.new(kind, path.read_bytes()).hexdigest()
        return ("checksum", "") if came == wanted else (None, f"its {kind} is {came}, published is {wanted}")
    try:
        decoded_s = audio.read(path).size / audio.RATE_HZ
        claimed_s = audio.duration_s(path) if entry is None or entry.seconds is None else entry.seconds
    except AudioError as problem:
        return None, str(problem).removeprefix(f"{path}: ")
    if abs(decoded_s - claimed_s) > TOLERANCE_S:
        owner = "its header says" if entry is None or entry.seconds is None else "the original has"
        return None, f"{decoded_s:.2f} s long, {owner} {claimed_s:.2f} s"
    return ("decoding" if entry is None else "duration"), ""


def _some(title: str, items: list[str], most: int) -> list[str]:
    """A line per item under its title; none where there is no item, and a count for those past the first `most`."""
    if not items:
        return []
    rest = [f"  ... and {len(items) - most} more"] if len(items) > most else []
    return [f"{title}: {len(items)}", *(f"  {item}" for item in items[:most]), *rest]
