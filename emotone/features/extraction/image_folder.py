"""A folder of spectrogram pictures, one `DATASET_Emotion_id.png` per clip, read on access."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from emotone.audio.read import AudioSettings
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, MissingExtra, RecipeError
from emotone.features import Feature, Values
from emotone.features.extraction import cache as blocks
from emotone.features.extraction.feature_set import Failure, FeatureSet, OnDemand
from emotone.features.spectrogram_image import from_pixels, to_pixels
from emotone.files import atomic_write

FACTS = "pictures.json"
"""Settings with which all pictures of a folder were made."""


def file_name(clip: Utterance) -> str:
    """`DATASET_Emotion_id.png`; characters that a file name cannot contain are percent-encoded.

    >>> file_name(Utterance("crema_d", "1001_DFA_ANG_XX", Path("1001_DFA_ANG_XX.wav"), "angry", "crema_d/1001"))
    'CREMA-D_Angry_1001_DFA_ANG_XX.png'
    """
    dataset = quote(clip.corpus.upper().replace("_", "-"), safe="")
    return f"{dataset}_{quote(clip.emotion.capitalize(), safe='')}_{quote(clip.id, safe='')}.png"


def prepare(folder: Path, feature: Feature, audio: AudioSettings) -> None:
    """Create the folder, or check that its pictures were made with these settings.

    Raises:
        RecipeError: its pictures were made with other settings.
    """
    if (folder / FACTS).exists():
        check(folder, feature, audio)
        blocks.sweep(folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    facts = json.dumps(_facts(feature, audio), indent=1) + "\n"
    with atomic_write(folder / FACTS) as temporary:
        temporary.write_text(facts, encoding="utf-8")


def check(folder: Path, feature: Feature, audio: AudioSettings) -> None:
    """Check that the pictures of the folder were made with this feature and these audio settings.

    Raises:
        CorpusError: the folder was not made by emotone.
        RecipeError: they were made with other settings.
    """
    try:
        made = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise CorpusError(f"{folder}: no {FACTS}; `emotone pictures RECIPE --out {folder}` fills it") from None
    for part, wanted in _facts(feature, audio).items():
        if made.get(part) != wanted:
            came, right = _difference(made.get(part), wanted)
            raise RecipeError(
                f"{folder}: its pictures were made with {part} {came}, the recipe has {right}; choose another folder"
            )


def save(path: Path, image: Values) -> None:
    """Write (3, height, width) 0 .. 1 as PNG, atomically.

    Raises:
        MissingExtra: without Pillow.
    """
    picture = _pillow().fromarray(to_pixels(image))
    with atomic_write(path) as temporary:
        picture.save(temporary, format="PNG")


def load(path: Path) -> Values:
    """(3, height, width) 0 .. 1, exactly as saved.

    Raises:
        CorpusError: the file is not a picture.
        MissingExtra: without Pillow.
    """
    pillow = _pillow()
    try:
        with pillow.open(path) as picture:
            return from_pixels(np.asarray(picture.convert("RGB")))
    except (OSError, SyntaxError, ValueError) as problem:  # what Pillow raises for a damaged PNG
        reason = " ".join(str(problem).split())
        raise CorpusError(f"{path}: not readable as a picture ({reason}); delete it and draw it again") from problem


def pictures(table: Table, folder: Path, feature: Feature, audio: AudioSettings) -> FeatureSet:
    """The pictures of clips, read on access; clips without a picture are in `failures`.

    Args:
        table: the clips; their audio files are not needed.
        folder: filled by `emotone pictures`.
        feature, audio: settings of the recipe; the pictures must have been made with them.

    Raises:
        CorpusError: none of the clips has a picture.
        RecipeError: the pictures were made with other settings.
        MissingExtra: without Pillow.
    """
    check(folder, feature, audio)
    paths = [folder / file_name(clip) for clip in table]
    present = {path.name for path in folder.iterdir()}
    drawn = np.array([path.name in present for path in paths], dtype=bool)
    failures = [
        Failure(clip.key, path, f"{path}: no such picture; `emotone pictures` draws it")
        for clip, path, found in zip(table, paths, drawn, strict=True)
        if not found
    ]
    if not drawn.any():
        raise CorpusError(f"{folder}: none of {len(table)} clips has a picture; `emotone pictures RECIPE` draws them")
    files = _Files([path for path, found in zip(paths, drawn, strict=True) if found])
    lengths = np.full(len(files), len(files[0]), dtype=np.int64)
    return FeatureSet(table.take(drawn), files, failures, lengths=lengths)


class _Files(OnDemand):
    """Pictures in files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def at(self, place: int) -> Values:
        return load(self.paths[place])


def _facts(feature: Feature, audio: AudioSettings) -> dict[str, Any]:
    """Everything that a picture depends on, except its clip."""
    return {
        "feature": {"name": type(feature).__name__, "version": feature.version, **feature.model_dump(mode="json")},
        "audio": audio.model_dump(mode="json"),
    }


def _difference(made: Any, wanted: dict[str, Any]) -> tuple[str, str]:
    """The first setting that differs: found value, expected value."""
    made = made if isinstance(made, dict) else {}
    name = next((name for name in wanted if made.get(name) != wanted[name]), "")
    return f"{name} {made.get(name)!r}", repr(wanted.get(name))


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra("reading and writing pictures", "vision") from None
    return Image
