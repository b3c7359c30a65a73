"""Runs, models and tables whose names are not UTF-8."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.helpers.cli import a_clip, emotone, recipe_file

TINY = {"title": "Tiny", "data": {"folds": 3}, "feature": "mean_std", "model": "ridge"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names in UTF-8 only")
def test_a_run_of_any_name_is_compared_combined_exported_and_used(syllables: Path, tmp_path: Path) -> None:
    def place(name: str) -> str:
        return f"{tmp_path}/caf\udce9-{name}"

    recipe, clip = recipe_file(tmp_path, syllables, TINY), a_clip(syllables)
    emotone("train", recipe, "--out", place("run"))
    emotone("benchmark", recipe, "--out", place("bench"))
    assert b'href="caf%E9-bench/' in Path(place("bench.html")).read_bytes()
    emotone("export", place("run"), "-o", place("model.onnx"))
    emotone("predict", clip, "--model", place("model.onnx"))
    emotone("ensemble", place("run"), place("run"), "-o", place("ensemble"))
    done = emotone("predict", clip, "--model", place("ensemble"))
    assert os.fsencode(clip.name) in done.stdout
