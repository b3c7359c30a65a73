"""Speech encoders: samples -> hidden states over time, with the weights of a checkpoint."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch

from emotone.errors import ModelError
from emotone.models.pretrained import checkpoints, ctranslate2
from emotone.models.pretrained.checkpoints import Checkpoint
from emotone.models.pretrained.encoders._hidden import SpeechEncoder
from emotone.models.pretrained.encoders._waveform import WaveformEncoder
from emotone.models.pretrained.encoders._whisper import WhisperEncoder, Window
from emotone.models.pretrained.optional import peft, transformers

__all__ = ["SpeechEncoder", "WhisperEncoder", "Window", "add_adapters", "load", "shared"]
_MAY_BE_ABSENT = ("masked_spec_embed", "embed_positions.weight")  # the first is used in training only


def load(checkpoint: Checkpoint, seconds: Window = None) -> SpeechEncoder:
    """A new encoder with the checkpoint's weights, on the CPU, in evaluation mode.

    Heads of a checkpoint (for speech recognition, for emotions) are left out; code that comes with it is never run.

    Args:
        checkpoint: of `checkpoints.find`.
        seconds: the window of Whisper, up to the 30 s for which it was trained; longer clips are several windows, and
            the last one is padded. `clip`: the window is the clip, or each piece of 30 s. None: 30 s. Other encoders
            take clips of any length.

    Raises:
        MissingExtra: transformers is absent.
        ModelError: the weights cannot be read, or are those of another architecture.
    """
    if checkpoint.family == "wavlm":  # transformers passes two masks of different types
        warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask", UserWarning)
    if checkpoint.untrained:
        core = _random(checkpoint)
    else:
        core = _ctranslate2(checkpoint) if checkpoint.ctranslate2 else _pretrained(checkpoint)
    if checkpoint.family == "whisper":
        return WhisperEncoder(core, checkpoint, seconds).eval()
    return WaveformEncoder(core, checkpoint).eval()


def add_adapters(encoder: SpeechEncoder, rank: int) -> None:
    """Add low-rank adapters (LoRA) to the encoder's linear layers; only they are trained, and they start at zero.

    Raises:
        MissingExtra: peft is absent.
    """
    module = peft()
    encoder.requires_grad_(False)
    names = [
        name
        for name, part in encoder.core.named_modules()
        if isinstance(part, torch.nn.Linear) and name.endswith(encoder.adaptable)
    ]
    module.inject_adapter_in_model(module.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names), encoder.core)


def shared(name: str, revision: str = "main", seconds: Window = None) -> SpeechEncoder:
    """The encoder for inference: loaded once per process, on the GPU where there is one; `seconds` as in `load`."""
    checkpoint = checkpoints.find(name, revision)
    return _kept(name, revision, seconds, checkpoint.identity)


@lru_cache(maxsize=1)
def _kept(name: str, revision: str, seconds: Window, identity: str) -> SpeechEncoder:
    """`identity` is an argument so that a changed checkpoint is loaded again."""
    encoder = load(checkpoints.find(name, revision), seconds).requires_grad_(False)
    return encoder.to("cuda" if torch.cuda.is_available() else "cpu")


def _pretrained(checkpoint: Checkpoint) -> Any:
    with _quiet():
        try:
            core, report = transformers().AutoModel.from_pretrained(
                os.fspath(checkpoint.folder or ""),
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
        except Exception as problem:  # each kind of file has its own errors
            reason = " ".join(str(problem).split())[:200]
            raise ModelError(
                f"{checkpoint.folder}: not readable as a {checkpoint.family} encoder ({reason}); download the "
                "checkpoint again, config.json and weights"
            ) from problem
    part = "encoder." if checkpoint.family == "whisper" else ""
    absent = sorted(key for key in report["missing_keys"] if key.startswith(part) and not key.endswith(_MAY_BE_ABSENT))
    if absent:
        raise ModelError(
            f"{checkpoint.folder}: {len(absent)} weights of a {checkpoint.family} are absent, {absent[0]} among them; "
            "take config.json and weights from one checkpoint"
        )
    return core


def _ctranslate2(checkpoint: Checkpoint) -> Any:
    """The encoder of a Whisper model of CTranslate2, below a decoder of one small layer that is not used."""
    decoder = {"decoder_layers": 1, "decoder_attention_heads": 1, "decoder_ffn_dim": 1, "vocab_size": 1}
    tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0)
    core = _random(replace(checkpoint, config={**checkpoint.config, **decoder, **tokens, "max_target_positions": 1}))
    weights = ctranslate2.encoder(checkpoint.weights[0])
    absent, unknown = core.get_encoder().load_state_dict(
        {name: torch.from_numpy(array) for name, array in weights.items()}, strict=False
    )
    if absent or unknown:
        raise ModelError(
            f"{checkpoint.weights[0]}: {len(absent)} weights of Whisper's encoder are absent and {len(unknown)} are "
            f"unknown ({[*absent, *unknown][0]}); download the model again"
        )
    return core


def _random(checkpoint: Checkpoint) -> Any:
    module = transformers()
    with _quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = dict(checkpoint.config)
        return module.AutoModel.from_config(module.AutoConfig.for_model(config.pop("model_type"), **config))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the log and progress bars of transformers: it reports every head that is left out."""
    logging: Any = transformers().utils.logging
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
