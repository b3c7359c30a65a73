"""The members of the ensembles that tests train."""

from __future__ import annotations

from typing import Any

MEMBERS: dict[str, dict[str, Any]] = {
    "ridge": {
        "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
        "model": {"name": "ridge", "penalty": 10},
    },
    "network": {
        "audio": {"rate_hz": 8000, "seconds": 1},
        "feature": {"name": "log_mel", "mels": 16, "n_fft": 256, "hop": 128},
        "model": {"name": "cnn", "channels": [4, 8], "dropout": [0, 0]},
        "training": {"epochs": 3, "batch": 16, "patience": 0, "learning_rate": 3e-3, "precision": "fp32"},
    },
}
