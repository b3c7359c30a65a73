"""Pretrained speech encoders on disk: where one lies, what it is, and whether it is whole. Never imports torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from emotone.errors import MissingExtra, ModelError
from emotone.models.pretrained.catalogue import KNOWN, TINY, Known

FAMILIES = ("data2vec-audio", "hubert", "wav2vec2", "wavlm", "whisper")
"""What `model_type` in a config.json may be."""
UNTRAINED = "random:"
"""A name that begins so asks for random weights: `random:wavlm` (tiny), or `random:FOLDER` with a config.json."""
_CHUNK = 1 << 24


@dataclass(frozen=True)
class Checkpoint:
    """A speech encoder that is here.

    Attributes:
        name: as it was asked for.
        folder: where its files lie; None for random weights of a tiny size.
        config: config.json.
        sound: preprocessor_config.json: what the encoder wants done to its samples.
        weights: its files of weights; none where they are to be random.
        commit: of the hub's repository, or nothing.
    """

    name: str
    folder: Path | None
    config: dict[str, Any]
    sound: dict[str, Any]
    weights: tuple[Path, ...] = ()
    commit: str = ""

    @property
    def family(self) -> str:
        """One of `FAMILIES`."""
        return str(self.config["model_type"])

    @property
    def layers(self) -> int:
        """Transformer layers of the encoder."""
        return int(self.config.get("encoder_layers" if self.family == "whisper" else "num_hidden_layers", 12))

    @property
    def dims(self) -> int:
        """Numbers per frame."""
        return int(self.config.get("d_model" if self.family == "whisper" else "hidden_size", 768))

    def check_layer(self, layer: int | str) -> None:
        """Refuse the number of a layer that it does not have.

        Raises:
            ModelError: there is none.
        """
        if isinstance(layer, int) and not 0 <= layer <= self.layers:
            raise ModelError(f"{self.name} has layers 0 to {self.layers}; no layer {layer}")

    @property
    def rate_hz(self) -> int:
        """The rate its samples must have."""
        return int(self.sound.get("sampling_rate", 16_000))

    @property
    def untrained(self) -> bool:
        """True for random weights."""
        return self.name.startswith(UNTRAINED)

    @property
    def known(self) -> Known | None:
        """Its entry in `KNOWN`, if it has one."""
        return next((one for short, one in KNOWN.items() if self.name in (short, one.hub_id)), None)

    @property
    def identity(self) -> str:
        """What its numbers depend on: hub id and commit, or a hash of config and weights of a folder."""
        if self.commit:
            return f"{_hub_id(self.name)}@{self.commit}"
        facts = json.dumps([self.config, self.sound], sort_keys=True)
        contents = [_hash(file, file.stat().st_size, file.stat().st_mtime_ns) for file in self.weights]
        kind = UNTRAINED if self.untrained else ""
        return kind + blake2b("\n".join([facts, *contents]).encode(), digest_size=16).hexdigest()

    @property
    def caveats(self) -> list[str]:
        """What a reader of scores made with it must be told."""
        if self.untrained:
            return [f"untrained plumbing, not a result: the encoder ({self.name}) has random weights"]
        if self.known is None:
            return []
        said = f"the encoder is {self.known.hub_id} ({self.known.licence})"
        tuned = ", ".join(self.known.emotions_from)
        return [f"{said}, tuned on the emotions of {tuned}: a score there is not of unheard voices" if tuned else said]


def find(name: str, revision: str = "main") -> Checkpoint:
    """The checkpoint of this name, if it is here; nothing is ever downloaded.

    Args:
        name: a folder, a short name of `KNOWN`, an id of the Hugging Face hub that was downloaded before, or
            `random:...`.
        revision: branch, tag or commit on the hub.

    Raises:
        ModelError: it is not here, not whole, or no speech encoder; one line says what to do.

    >>> find("random:wavlm").layers
    3
    """
    if name.startswith(UNTRAINED):
        return _random(name)
    folder, commit = Path(name), ""
    if not folder.is_dir():
        if folder.exists() or name.startswith((".", "/", "~")):
            raise ModelError(f"no folder {name}; a checkpoint is a folder with config.json and model.safetensors")
        folder, commit = _snapshot(_hub_id(name), revision), ""
        commit = folder.name
    config, sound = _config(folder), _sound(folder)
    weights = _weights(folder, name)
    return Checkpoint(name, folder, config, sound, weights, commit)


def tiny_like(name: str) -> str:
    """The name of a tiny checkpoint with random weights, of the family that a name speaks of.

    >>> tiny_like("microsoft/wavlm-large"), tiny_like("facebook/wav2vec2-xls-r-300m")
    ('random:wavlm', 'random:wav2vec2')
    """
    spoken = _hub_id(name).lower()
    return UNTRAINED + next((family for family in TINY if family.partition("-")[0] in spoken), "wav2vec2")


def _hub_id(name: str) -> str:
    return KNOWN[name].hub_id if name in KNOWN else name


def _random(name: str) -> Checkpoint:
    of = name.removeprefix(UNTRAINED)
    if of in TINY:
        sound: dict[str, Any] = {"sampling_rate": 16_000, "do_normalize": of != "whisper"}
        if of == "whisper":
            sound |= {"feature_size": 16, "chunk_length": 1, "n_fft": 400, "hop_length": 160}
        return Checkpoint(name, None, {"model_type": of, **TINY[of]}, sound)
    if Path(of).is_dir():
        return Checkpoint(name, Path(of), _config(Path(of)), _sound(Path(of)))
    raise ModelError(f"{name!r}: after `random:` comes one of {', '.join(FAMILIES)}, or a folder with config.json")


def _snapshot(hub_id: str, revision: str) -> Path:
    """The folder of a hub repository in the local cache; its name is the commit."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        raise MissingExtra(f"the checkpoint {hub_id!r}", "encoders") from None
    try:
        found = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    except HFValidationError:
        found = None
    if not isinstance(found, str | os.PathLike):
        at = "" if revision == "main" else f" --revision {revision}"
        raise ModelError(
            f"no checkpoint {hub_id!r} here; `hf download {hub_id}{at}` fetches it, or set checkpoint to a folder "
            "that holds config.json, preprocessor_config.json and model.safetensors"
        )
    return Path(found).parent


def _config(folder: Path) -> dict[str, Any]:
    config = _json(folder / "config.json", "the checkpoint's architecture")
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ModelError(f"{folder} holds a {family or 'model of no type'}, no speech encoder: {', '.join(FAMILIES)}")
    return config


def _sound(folder: Path) -> dict[str, Any]:
    return _json(folder / "preprocessor_config.json", "how the checkpoint wants its sound")


def _json(file: Path, what: str) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"no {file.name} in {file.parent}: it says {what}; copy it from where it came") from None
    except (OSError, UnicodeDecodeError, ValueError) as problem:
        raise ModelError(f"{file}: not readable as JSON ({' '.join(str(problem).split())})") from problem
    if not isinstance(content, dict):
        raise ModelError(f"{file}: a mapping is needed; copy it from where it came")
    return content


def _weights(folder: Path, name: str) -> tuple[Path, ...]:
    """Files of weights, safetensors before pickles (which are read as weights only), all parts of them."""
    for whole in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{whole}.index.json"
        parts = [folder / whole]
        if index.is_file():
            parts = [
                folder / part for part in sorted(set(_json(index, "where the weights lie")["weight_map"].values()))
            ]
        if parts[0].is_file():
            for part in parts:
                _check_whole(part, name)
            return tuple(parts)
    raise ModelError(f"no model.safetensors in {folder}; `hf download {_hub_id(name)}` fetches all of a checkpoint")


def _check_whole(file: Path, name: str) -> None:
    """Refuse a safetensors file that is shorter than its header says: its download was cut."""
    if not file.is_file():
        raise ModelError(f"no {file.name} in {file.parent}, which is a part of {name}; download it again")
    if file.suffix != ".safetensors":
        return
    size = file.stat().st_size
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        try:
            header = json.loads(handle.read(length)) if 8 + length <= size else None
        except ValueError:
            header = None
    if not isinstance(header, dict):
        raise ModelError(f"{file}: {size} bytes that are no safetensors file; download it again")
    promised = (
        8 + length + max((entry["data_offsets"][1] for key, entry in header.items() if key[:2] != "__"), default=0)
    )
    if size < promised:
        raise ModelError(f"{file}: {size} of {promised} bytes are there; it was cut short, download it again")


@lru_cache(maxsize=256)
def _hash(file: Path, size_bytes: int, changed_ns: int) -> str:
    """Of a file's bytes; its size and time of change are arguments so that a changed file is read again."""
    content = blake2b(digest_size=16)
    with file.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            content.update(chunk)
    return content.hexdigest()
