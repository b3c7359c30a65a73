"""The environment that a run records."""

from __future__ import annotations

import subprocess

from emotone.runs.run import environment
from tests.conftest import REPOSITORY


def test_a_run_records_the_commit_of_the_code() -> None:
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    commit = environment(0.0)["commit"]
    assert commit is not None
    assert found.stdout.startswith(commit.rstrip("+")), commit
