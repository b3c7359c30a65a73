"""Writes the index of a corpus, emotone/data/corpora/_index/NAME.csv, from the files as distributed (WAV)."""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path

from emotone.audio.read import duration_s
from emotone.data.corpora import published
from emotone.errors import CorpusError

INDEX = Path(__file__).parents[2] / "emotone" / "data" / "corpora" / "_index"


def write_index(name: str, root: Path, out: Path) -> None:
    """A row per clip of the corpus below `root`: id, bytes, MD5, seconds.

    Raises:
        CorpusError: clips are missing, or in another encoding than the distribution's WAV.
    """
    corpus = published(name)
    clips = corpus.read(root)
    others = [clip.file for clip in clips if clip.file.suffix.lower() != ".wav"]
    if others or len(clips) != corpus.clips:
        raise CorpusError(
            f"{root} holds {len(clips)} of {corpus.clips} clips, {len(others)} of them not WAV; all are needed"
        )
    with out.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["stem", "bytes", "checksum", "seconds"])
        for clip in clips:
            data = clip.file.read_bytes()
            digest = hashlib.md5(data).hexdigest()
            writer.writerow([clip.id, len(data), f"md5:{digest}", f"{duration_s(clip.file):.4f}"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a corpus on the shelf")
    parser.add_argument("root", type=Path, help="its folder")
    arguments = parser.parse_args()
    write_index(arguments.name, arguments.root, INDEX / f"{arguments.name}.csv")
