"""A recipe file of one corpus, and the table that a benchmark wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from emotone.experiments.benchmark import Options

SCORES_ONLY = Options(keep_models=False)


def recipe_file(folder: Path, name: str, corpus: str, **changes: Any) -> Path:
    content = {
        "title": name,
        "source": {"report": "a test", "id": "X1", "claimed": {"accuracy": 0.9}, "claimed_on": "other voices"},
        "data": {"corpora": [corpus], "folds": 3},
        "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
        "model": {"name": "ridge", "penalty": 10},
        **changes,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def table_of(out: Path) -> str:
    return out.with_name(f"{out.name}.md").read_text(encoding="utf-8")
