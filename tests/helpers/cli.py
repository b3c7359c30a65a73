"""Run the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from emotone.audio.folder import sound_files


def emotone(
    *words: object, check: int | None = 0, stdin: bytes | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the command, with more environment variables; fail with its stderr if the exit status is not as expected."""
    command = [sys.executable, "-m", "emotone", *map(str, words)]
    done = subprocess.run(command, capture_output=True, input=stdin, timeout=300, env={**os.environ, **(env or {})})
    if check is not None:
        assert done.returncode == check, done.stderr.decode()
    return done


def recipe_file(folder: Path, clips: Path, content: dict[str, Any]) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**content, "data": {**content["data"], "corpora": [str(clips)]}}), encoding="utf-8")
    return path


def a_clip(clips: Path) -> Path:
    """A sound file of a synthetic corpus."""
    return next(sound_files(clips.parent))


def heavy_imports(words: list[str]) -> set[str]:
    code = (
        "import sys\nfrom emotone.cli import main\nsys.argv = ['emotone', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\nLOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "emotone.cli" in loaded
    return loaded & {"torch", "sklearn", "pandas", "matplotlib", "librosa"}
