"""Own data in a minute: the encoder of a shipped model and a linear model, without torch, as one file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from emotone.audio import read as audio
from emotone.audio.read import RATE_HZ
from emotone.features import make
from emotone.inference.predictor import load_model
from emotone.runs.run import Run
from tests.helpers.cli import a_clip, emotone

HEAVY = ("torch", "sklearn", "transformers", "pandas")


@pytest.fixture(scope="module")
def run(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained in a process of its own, which names the heavy packages that it imported."""
    folder = tmp_path_factory.mktemp("own")
    content = {
        "title": "own clips",
        "data": {"corpora": [str(syllables)], "folds": 3},
        "audio": {"trim_db": 40},
        "feature": {"name": "embedding"},
        "model": {"name": "ridge"},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    code = (
        "import sys\nfrom emotone.cli import main\n"
        f"sys.argv = ['emotone', 'train', {str(folder / 'own.yaml')!r}, '--out', {str(folder / 'run')!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', *({{name.partition('.')[0] for name in sys.modules}} & set({HEAVY})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.rpartition("LOADED")[2].split() == []
    return folder / "run"


def test_a_run_on_the_embedding_is_audited_and_one_file(run: Path, syllables: Path, tmp_path: Path) -> None:
    assert json.loads((run / "audit.json").read_bytes())
    assert Run.open(run).scores["speaker_independent"] is True
    emotone("export", run, "-o", tmp_path / "own.onnx")
    clip = a_clip(syllables)
    expected, found = load_model(run).probabilities(clip), load_model(tmp_path / "own.onnx").probabilities(clip)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_file_computes_the_embedding_itself(run: Path, syllables: Path) -> None:
    (model,) = load_model(run, threads=1).ensemble.models
    samples = audio.read(a_clip(syllables))
    (piece,) = model.features(samples, [(0.0, samples.size / RATE_HZ)])
    values = make("embedding").extract(model.audio(samples), RATE_HZ)
    embedding = model.run([piece]).embedding
    assert embedding is not None
    np.testing.assert_allclose(embedding[0], values, atol=1e-4)


def test_the_encoder_is_that_of_the_shipped_model() -> None:
    samples = np.random.default_rng(0).normal(scale=0.1, size=20_000).astype(np.float32)
    for name in ("fast", "default"):
        (model,) = load_model(name, threads=1).ensemble.models
        (piece,) = model.features(samples, [(0.0, samples.size / RATE_HZ)])
        statistics = model.statistics(piece)  # type: ignore[attr-defined]
        values = make("embedding", model=name).extract(model.audio(samples), RATE_HZ)
        np.testing.assert_allclose(values, statistics, atol=1e-5)
