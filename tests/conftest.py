"""What several tests share: a small synthetic corpus, a cache of their own, the real corpora if they are here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from emotone.audio import synthetic

REPOSITORY = Path(__file__).parent.parent

settings.register_profile("repeatable", derandomize=True, deadline=None)  # the same examples on every machine
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features go to a folder of this test session, never to the user's cache."""
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def syllables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clips.csv of a tiny corpus: 6 speakers, 3 emotions, 4 sentences, made by numpy alone."""
    folder = tmp_path_factory.mktemp("syllables")
    return synthetic.write(
        folder,
        seed=1,
        speakers=6,
        emotions=("angry", "neutral", "sad"),
        sentences=synthetic.SENTENCES[:4],
        sound="syllables",
    )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real corpora."""
    folder = os.environ.get("EMOTONE_DATA")
    if not folder:
        pytest.skip("EMOTONE_DATA does not name a folder with real corpora")
    return Path(folder)
