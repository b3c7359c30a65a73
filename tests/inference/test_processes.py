"""Results from several processes are those of one: in order, with their errors."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.errors import AudioError, EmotoneError, LengthMismatch, MissingExtra, UnknownName
from emotone.inference.processes import map_in_processes


def test_results_come_in_the_order_of_the_items() -> None:
    lengths = [np.arange(number) for number in (3, 0, 7, 1)] * 5
    assert list(map_in_processes(len, lengths, processes=2)) == [3, 0, 7, 1] * 5
    assert list(map_in_processes(len, [], processes=2)) == []


def test_what_a_call_raises_is_raised_here() -> None:
    results = map_in_processes(int, ["1", "two", "3"], processes=1)
    assert next(results) == 1
    with pytest.raises(ValueError, match="'two'"):
        next(results)


def test_a_process_that_dies_is_reported_with_its_item(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EmotoneError, match="status 7 at 7;"):
        list(map_in_processes(os._exit, [7], processes=1))


def test_printed_text_does_not_mix_with_results(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(map_in_processes(partial(print, "printed"), [1, 2], processes=1)) == [None, None]
    assert capfd.readouterr().err.splitlines() == ["printed 1", "printed 2"]


def test_processes_end_with_the_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            begun.append(self)

    monkeypatch.setattr("emotone.inference.processes.subprocess.Popen", Recorded)
    results = map_in_processes(partial(pow, 2), range(100), processes=2)
    assert next(results) == 1
    results.close()
    assert len(begun) == 2
    assert all(one.poll() is not None for one in begun)


def test_a_script_needs_no_guard_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import time\nfrom emotone.inference.processes import map_in_processes\n"
        "for _ in map_in_processes(time.sleep, [0.01, *[60.0] * 8], processes=2):\n    print('begun', flush=True)\n"
    )
    running = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    started = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert time.monotonic() - started < 20
    assert stderr.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    "problem",
    [
        AudioError("a.wav: 0 bytes"),
        MissingExtra("reading a.m4a", "media"),
        UnknownName("corpus", "ravdes", ["ravdess"]),
        LengthMismatch("truth", 2, "prediction", 3),
    ],
)
def test_errors_keep_their_text_on_the_way_between_processes(problem: EmotoneError) -> None:
    again = pickle.loads(pickle.dumps(problem))
    assert (type(again), str(again)) == (type(problem), str(problem))
