"""The worker that runs the examples, the folder that they run in, and how many there are."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from tests.conftest import REPOSITORY
from tests.fuzz import box

EXAMPLES = int(os.environ.get("EMOTONE_FUZZ") or 0)  # per test; 0: few, the same in every run
settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES or 6,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
MAX_CPU_S = 5.0
MAX_MORE_MB = 350  # besides what the imports take, so that 500 MB are not passed
MAX_LINES = 12


class Outcome(NamedTuple):
    """Exit status, CPU seconds, MB besides the imports, and what was printed."""

    status: int
    cpu_s: float
    more_mb: float
    stdout: str
    stderr: str


class Worker:
    """The process of `worker.py`; `run` asks it for an example and counts it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.examples, self.numbers = folder, 0, itertools.count()
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "100",
            "HOME": str(folder),
            "EMOTONE_CACHE": str(folder / "cache"),
            "EMOTONE_VOICES": str(folder / "voices"),
        }
        for name in ("EMOTONE_DATA", "XDG_CACHE_HOME", "XDG_DATA_HOME", "PYTHONIOENCODING"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=REPOSITORY,
            env=environment,
            text=True,
        )
        assert self._answer()["ready"]

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def run(self, **request: Any) -> Outcome:
        """The outcome of a request, before it is checked."""
        assert self.process.stdin is not None
        self.examples += 1
        request["log"] = str(self.folder / "logs" / str(next(self.numbers)))
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        outcome = Outcome(**self._answer())
        for ending in (".out", ".err"):
            Path(request["log"] + ending).unlink(missing_ok=True)
        return outcome

    def close(self) -> None:
        """End the process."""
        self.process.communicate(timeout=30)


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """The process, with what trained models it needs."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "logs").mkdir()
    started = Worker(folder)
    try:
        box.write(folder / "template", lambda *words: trained(started, folder / "template", words))
        started.examples = 0
        yield started
    finally:
        started.close()


def trained(worker: Worker, cwd: Path, words: tuple[str, ...]) -> None:
    """Run a command that must succeed."""
    outcome = worker.run(call="cli", argv=list(words), cwd=str(cwd))
    assert outcome.status == 0, outcome.stderr


@pytest.fixture
def run(worker: Worker, tmp_path: Path, record_property: Any) -> Iterator[Any]:
    """Run a command in a copy of the template folder, a new one after a change; check what holds for every command."""
    before, folders = worker.examples, itertools.count()
    folder, state = tmp_path, {}

    def in_box(argv: list[str], *, place: str = "", files: dict[bytes, bytes] | None = None, **request: Any) -> Outcome:
        nonlocal folder, state
        if not state or state != box.state(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder = tmp_path / str(next(folders))
            box.copy(worker.folder / "template", folder)
            state = box.state(folder)
        for name, content in (files or {}).items():
            with suppress(OSError, ValueError):  # a name that this file system does not take
                Path(folder, os.fsdecode(name)).write_bytes(content)
        with fed_pipes(folder, argv):
            outcome = worker.run(call="cli", argv=argv, cwd=place or str(folder), **request)
        check(outcome, silent=request.get("stdout") in ("broken pipe", "closed"))
        return outcome

    yield in_box
    record_property("examples", worker.examples - before)


@pytest.fixture
def read(worker: Worker, tmp_path: Path, record_property: Any) -> Iterator[Any]:
    """Read the bytes of a sound file."""
    before = worker.examples

    def of_bytes(content: bytes, name: str = "sound.wav") -> Outcome:
        path = tmp_path / name
        path.write_bytes(content)
        outcome = worker.run(call="read", path=str(path), cwd=str(tmp_path))
        check(outcome)
        return outcome

    yield of_bytes
    record_property("examples", worker.examples - before)


def check(outcome: Outcome, *, silent: bool = False) -> None:
    """What holds for every command, whatever it is given; `silent` if it may fail without a word, as `yes | head`."""
    shown = f"status {outcome.status}\n{outcome.stderr[:3000]}"
    for mark in ("Traceback", "Exception ignored", "Warning:", "object at 0x"):
        assert mark not in outcome.stderr, shown
    assert outcome.status in (0, 1, 2, 130), shown
    lines = outcome.stderr.splitlines()
    assert len(lines) <= MAX_LINES, shown
    assert all(len(line) < 3000 for line in lines), shown
    assert silent or outcome.status == 0 or lines or outcome.stdout, "it failed without a word"
    assert outcome.cpu_s < MAX_CPU_S, f"{outcome.cpu_s:.1f} s of CPU"
    assert outcome.more_mb < MAX_MORE_MB, f"{outcome.more_mb:.0f} MB besides the imports"


@pytest.fixture(autouse=True, scope="session")
def profile() -> Iterator[None]:
    """The number of examples, and whether they are the same in every run."""
    with suppress(ValueError):
        settings.load_profile("fuzz")
    yield
    settings.load_profile("repeatable")


class fed_pipes:  # noqa: N801 (used as a function)
    """Threads that write a recording or a table to the pipes that a command names, at most three times each."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        named = {name for name in box.PIPES if any(name in word for word in argv)}
        self.pipes = {folder / name: (folder / box.PIPES[name]).read_bytes() for name in named}

    def __enter__(self) -> None:
        for path, content in self.pipes.items():
            threading.Thread(target=self._feed, args=(path, content), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        for path in self.pipes:  # lets a thread go that waits for a reader
            for _ in range(3):
                with suppress(OSError):
                    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))

    @staticmethod
    def _feed(path: Path, content: bytes) -> None:
        for _ in range(3):
            with suppress(OSError), path.open("wb", buffering=0) as pipe:
                pipe.write(content)
            time.sleep(0.3)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The number of examples of each test, and the seed."""
    counts = {
        report.nodeid: dict(report.user_properties).get("examples", 0)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
    }
    if EXAMPLES and any(counts.values()):
        seed = config.getoption("hypothesis_seed", None)
        terminalreporter.write_line(f"{sum(counts.values()):,} examples, --hypothesis-seed={seed}")
        for name, count in counts.items():
            terminalreporter.write_line(f"{count:>8,}  {name}")
