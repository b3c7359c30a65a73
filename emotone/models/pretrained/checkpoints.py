"""Pretrained speech encoders on disk: lookup by name, config, and completeness of the files. Never imports torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from emotone.errors import MissingExtra, ModelError
from emotone.models.pretrained import ctranslate2
from emotone.models.pretrained.catalogue import KNOWN, TINY, Known

FAMILIES = ("data2vec-audio", "hubert", "wav2vec2", "wavlm", "whisper")
"""Supported values of `model_type` in a config.json."""
UNTRAINED = "random:"
"""Prefix of names of encoders with random weights: `random:wavlm` (tiny), or `random:FOLDER` with a config.json."""
_CHUNK = 1 << 24


@dataclass(frozen=True)
class Checkpoint:
    """A speech encoder on this machine.

    Attributes:
        name: as given to `find`.
        folder: of its files; None for a tiny one with random weights.
        config: content of config.json.
        sound: content of preprocessor_config.json: how its samples are preprocessed.
        weights: files of weights; empty for random weights.
        commit: of the hub's repository; empty for a folder.
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
        """Number of transformer layers."""
        return int(self.config.get("encoder_layers" if self.family == "whisper" else "num_hidden_layers", 12))

    @property
    def dims(self) -> int:
        """Values per frame."""
        return int(self.config.get("d_model" if self.family == "whisper" else "hidden_size", 768))

    def check_layer(self, layer: int | str | tuple[int, ...]) -> None:
        """Refuse the number of a layer that it does not have, or of one of several.

        Raises:
            ModelError: there is no such layer.
        """
        for number in layer if isinstance(layer, tuple) else (layer,):
            if isinstance(number, int) and not 0 <= number <= self.layers:
                raise ModelError(
                    f"{self.name} has layers 0 to {self.layers}, no layer {number}; set layer to one of them, or to "
                    "last"
                )

    @property
    def rate_hz(self) -> int:
        """Sampling rate of its input."""
        return int(self.sound.get("sampling_rate", 16_000))

    @property
    def untrained(self) -> bool:
        """True for random weights."""
        return self.name.startswith(UNTRAINED)

    @property
    def known(self) -> Known | None:
        """Its entry in `KNOWN`, if it has one: by its name, or by the digest of a Whisper encoder."""
        digest = _encoder_digest(*_version(self.weights[0])) if self.ctranslate2 else None
        return next(
            (
                known
                for short, known in KNOWN.items()
                if self.name in (short, known.hub_id) or (digest and digest == known.encoder_sha256)
            ),
            None,
        )

    @property
    def ctranslate2(self) -> bool:
        """True for a Whisper model in the format of CTranslate2."""
        return bool(self.weights) and self.weights[0].name == ctranslate2.FILE

    @property
    def identity(self) -> str:
        """What its output depends on: hub id and commit, or a hash of config and weights of a folder."""
        if self.commit:
            return f"{_hub_id(self.name)}@{self.commit}"
        facts = json.dumps([self.config, self.sound], sort_keys=True)
        contents = [_hash(*_version(file)) for file in self.weights]
        kind = UNTRAINED if self.untrained else ""
        return kind + blake2b("\n".join([facts, *contents]).encode(), digest_size=16).hexdigest()

    @property
    def caveats(self) -> list[str]:
        """Sentences that must accompany every score made with it."""
        if self.untrained:
            return [f"untrained, not a result: the encoder ({self.name}) has random weights"]
        if self.known is None:
            return []
        encoder = f"the encoder is {self.known.hub_id} ({self.known.licence})"
        tuned = ", ".join(self.known.emotions_from)
        return [f"{encoder}, fine-tuned on {tuned}: scores on it are not speaker-independent" if tuned else encoder]


def find(name: str, revision: str = "main") -> Checkpoint:
    """The checkpoint of this name on this machine; nothing is downloaded.

    Args:
        name: a folder (of transformers, or a Whisper model of CTranslate2, as faster-whisper stores it), a short name
            of `KNOWN`, an id of the Hugging Face hub that was downloaded before, or `random:...`.
        revision: branch, tag or commit on the hub.

    Raises:
        ModelError: it is absent, incomplete, or not a supported speech encoder.

    >>> find("random:wavlm").layers
    3
    """
    if name.startswith(UNTRAINED):
        return _random(name)
    folder, commit = Path(name), ""
    if not folder.is_dir():
        if folder.exists() or name.startswith((".", "/", "~")):
            raise ModelError(
                f"{name} is not a folder; set checkpoint to a folder with config.json, preprocessor_config.json and "
                f"model.safetensors, or with {ctranslate2.FILE} of a Whisper model for faster-whisper"
            )
        folder = _snapshot(_hub_id(name), revision)
        commit = folder.name
    if (folder / ctranslate2.FILE).is_file():
        return _whisper(name, folder, commit)
    config, sound = _config(folder), _sound(folder)
    weights = _weights(folder, name)
    return Checkpoint(name, folder, config, sound, weights, commit)


def tiny_like(name: str) -> str:
    """The name of a tiny checkpoint with random weights, of the family that a name contains.

    >>> tiny_like("microsoft/wavlm-large"), tiny_like("facebook/wav2vec2-xls-r-300m")
    ('random:wavlm', 'random:wav2vec2')
    """
    lower = _hub_id(name).lower()
    return UNTRAINED + next((family for family in TINY if family.partition("-")[0] in lower), "wav2vec2")


def _hub_id(name: str) -> str:
    return KNOWN[name].hub_id if name in KNOWN else name


def _whisper(name: str, folder: Path, commit: str) -> Checkpoint:
    """A Whisper model in the format of CTranslate2, which states neither architecture nor preprocessing."""
    file = folder / ctranslate2.FILE
    config = _ctranslate2_config(*_version(file))
    sound = {"sampling_rate": 16_000, "feature_size": config["num_mel_bins"], "n_fft": 400, "hop_length": 160}
    return Checkpoint(name, folder, config, sound, (file,), commit)


def _random(name: str) -> Checkpoint:
    family = name.removeprefix(UNTRAINED)
    if family in TINY:
        sound: dict[str, Any] = {"sampling_rate": 16_000, "do_normalize": family != "whisper"}
        if family == "whisper":
            sound |= {"feature_size": 16, "chunk_length": 1, "n_fft": 400, "hop_length": 160}
        return Checkpoint(name, None, {"model_type": family, **TINY[family]}, sound)
    folder = Path(family)
    if folder.is_dir():
        return Checkpoint(name, folder, _config(folder), _sound(folder))
    raise ModelError(
        f"checkpoint {name!r}: {family!r} is neither an encoder family nor a folder; write random: and one of "
        f"{', '.join(FAMILIES)}, or a folder with config.json and preprocessor_config.json"
    )


def _snapshot(hub_id: str, revision: str) -> Path:
    """The folder of a hub repository in the local cache, named by the commit."""
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
        option = "" if revision == "main" else f" --revision {revision}"
        names = "" if "/" in hub_id else f", to OWNER/NAME of the hub, or to one of {', '.join(KNOWN)}"
        raise ModelError(
            f"no checkpoint {hub_id!r} in the Hugging Face cache; download it with `hf download {hub_id}{option}`, or "
            f"set checkpoint to a folder with config.json, preprocessor_config.json and model.safetensors{names}"
        )
    return Path(found).parent


def _config(folder: Path) -> dict[str, Any]:
    config = _json(folder / "config.json", "describes the architecture")
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ModelError(
            f"{folder / 'config.json'}: model_type is {json.dumps(family)}, not a supported speech encoder; "
            f"use a checkpoint of {', '.join(FAMILIES)}"
        )
    return config


def _sound(folder: Path) -> dict[str, Any]:
    return _json(folder / "preprocessor_config.json", "describes the preprocessing of samples")


def _json(file: Path, what: str) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"no {file.name} in {file.parent}; it {what}: copy it from where the checkpoint came from"
        ) from None
    except (OSError, UnicodeDecodeError, ValueError) as problem:
        reason = " ".join(str(problem).split())
        raise ModelError(f"{file}: not readable as JSON ({reason}); download the checkpoint again") from problem
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ModelError(f"{file}: a JSON {kind} where an object is needed; download the checkpoint again")
    return content


def _weights(folder: Path, name: str) -> tuple[Path, ...]:
    """All files of weights: safetensors, or pickles, which are read as weights only."""
    for whole in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{whole}.index.json"
        parts = [folder / whole]
        if index.is_file():
            parts = [folder / part for part in _parts(index)]
        if parts[0].is_file():
            for part in parts:
                _check_whole(part, name)
            return tuple(parts)
    raise ModelError(
        f"no model.safetensors or pytorch_model.bin in {folder}; download all files of the checkpoint with "
        f"`hf download {_download_id(name)}`"
    )


def _parts(index: Path) -> list[str]:
    """Names of the files that an index of weights lists."""
    weight_map = _json(index, "lists the files of weights").get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index}: no weight_map with file names in it; download the checkpoint again")
    return sorted({str(file) for file in weight_map.values()})


def _download_id(name: str) -> str:
    """What to write after `hf download`: the hub id, where the name is not a folder."""
    return "ID" if Path(name).is_dir() else _hub_id(name)


def _check_whole(file: Path, name: str) -> None:
    """Refuse a safetensors file that is shorter than its header states, because its download was interrupted."""
    if not file.is_file():
        raise ModelError(
            f"no {file.name} in {file.parent}, which its index lists as a part of {name}; download it again"
        )
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
        raise ModelError(f"{file}: not a safetensors file ({size} bytes); download it again")
    ends = (entry["data_offsets"][1] for key, entry in header.items() if key[:2] != "__")
    expected = 8 + length + max(ends, default=0)
    if size < expected:
        raise ModelError(f"{file}: {size} of {expected} bytes; the download was interrupted, download it again")


def _version(file: Path) -> tuple[Path, int, int]:
    """The file, its size and its time of change: a key under which what was read of it may be kept."""
    return file, file.stat().st_size, file.stat().st_mtime_ns


@lru_cache(maxsize=8)
def _ctranslate2_config(file: Path, size_bytes: int, changed_ns: int) -> dict[str, Any]:
    return ctranslate2.config(file)


@lru_cache(maxsize=8)
def _encoder_digest(file: Path, size_bytes: int, changed_ns: int) -> str:
    return ctranslate2.digest(ctranslate2.encoder(file))


@lru_cache(maxsize=256)
def _hash(file: Path, size_bytes: int, changed_ns: int) -> str:
    """Hash of a file's bytes; size and time of change are arguments so that a changed file is read again."""
    content = blake2b(digest_size=16)
    with file.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            content.update(chunk)
    return content.hexdigest()
