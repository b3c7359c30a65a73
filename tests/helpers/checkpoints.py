"""Tiny checkpoints with random weights, saved by transformers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emotone.models.pretrained import checkpoints
from emotone.models.pretrained.optional import transformers
from emotone.runs import recipe as recipes

STABLE = "wav2vec2 of layer norms"


KINDS = (*checkpoints.FAMILIES, STABLE)


def sound(samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise with rising amplitude."""
    noise = np.random.default_rng(seed).standard_normal(samples) * np.geomspace(1e-3, 0.3, samples)
    return noise.astype(np.float32)


def write_checkpoint(folder: Path, kind: str) -> Path:
    """A tiny checkpoint with random weights, saved by transformers itself; wav2vec2's carries a head."""
    module = transformers()
    found = checkpoints.find(f"random:{'wav2vec2' if kind == STABLE else kind}")
    config = module.AutoConfig.for_model(found.family, **{k: v for k, v in found.config.items() if k != "model_type"})
    if kind == STABLE:
        config.update({"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True})
    torch.manual_seed(1)
    headed = module.Wav2Vec2ForSequenceClassification
    (headed(config) if kind == "wav2vec2" else module.AutoModel.from_config(config)).save_pretrained(folder)
    extractor = module.WhisperFeatureExtractor if kind == "whisper" else module.Wav2Vec2FeatureExtractor
    extractor(**found.sound).save_pretrained(folder)
    return folder


def recipe(syllables: Path, feature: Any, model: Any) -> recipes.Recipe:
    training = {"epochs": 1, "batch": 8, "batch_frames": 100_000, "scheduler": "linear", "precision": "fp32"}
    data = {"corpora": [str(syllables)], "folds": 2}
    content = {"title": "tiny", "data": data, "feature": feature, "model": model, "training": training}
    return recipes.parse({**content, "audio": {"seconds": 0.3}})
