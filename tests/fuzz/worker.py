"""A process that has imported emotone and runs each example in a fork of itself: fast, isolated, and measured.

It reads a request per line (JSON) from standard input and answers with a line. A fork has its own working folder,
environment and standard streams; its exit status, CPU seconds and memory are those of the operating system.
"""

from __future__ import annotations

import json
import os
import pkgutil
import resource
import signal
import socket
import sys
import time
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

MODULES = ("onnx", "onnxruntime", "sklearn.linear_model", "scipy.signal", "scipy.stats", "jinja2", "rich.table", "av")
CPU_S = 10  # then the fork is killed; the tests allow less
WALL_S = 60.0  # for a fork that waits
DATA_BYTES = 4 * 2**30
SLEEP = time.sleep


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    imports()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers.write(json.dumps({"ready": peak_kb}) + "\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(run(json.loads(line), peak_kb)) + "\n")
        answers.flush()


def imports() -> None:
    """Import what commands import when they run, and keep every example off the network."""
    import emotone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(emotone.__path__, "emotone."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
        for name in MODULES:
            import_module(name)

    def offline(*_: Any) -> NoReturn:
        raise OSError("this test has no network")

    socket.socket.connect = offline  # type: ignore[method-assign]
    socket.getaddrinfo = offline
    time.sleep = lambda *_: None  # between two attempts to download


def run(request: dict[str, Any], peak_kb: int) -> dict[str, Any]:
    """The exit status (negative: the signal that ended it), CPU seconds, memory in MB and output of a request."""
    errors, output = Path(request["log"] + ".err"), Path(request["log"] + ".out")
    child = os.fork()
    if child == 0:
        _child(request, output, errors)
    waiting_until = time.monotonic() + WALL_S
    while True:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > waiting_until:
            os.kill(child, signal.SIGKILL)
        SLEEP(0.002)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "cpu_s": used.ru_utime + used.ru_stime,
        "more_mb": max(used.ru_maxrss - peak_kb, 0) / 1000,
        "stderr": errors.read_text(encoding="utf-8", errors="backslashreplace")[:20_000],
        "stdout": output.read_text(encoding="utf-8", errors="backslashreplace")[:200_000],
    }


def _child(request: dict[str, Any], output: Path, errors: Path) -> NoReturn:
    """Run the request as a fresh interpreter would, and end the process."""
    status = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES, DATA_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _environment(request, output, errors)
        status = _call(request)
    except BaseException:
        with suppress(Exception):
            os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _environment(request: dict[str, Any], output: Path, errors: Path) -> None:
    streams = {0: request.get("stdin", os.devnull), 1: request.get("stdout", str(output)), 2: str(errors)}
    output.touch()
    errors.touch()
    for number, place in streams.items():
        os.close(number)
        if place == "broken pipe":
            reading, writing = os.pipe()
            os.close(reading)
            os.dup2(writing, number)
        elif place != "closed":
            opened = os.open(place, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o644)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    for name, value in request.get("env", {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.chdir(request["cwd"])
    if request.get("remove_cwd"):
        os.rmdir(request["cwd"])
    encoding, _, handler = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = None
        with suppress(OSError):
            os.fstat(number)
            how = handler or ("backslashreplace" if number == 2 else "strict")
            mode, lines = "w" if number else "r", 1 if number == 2 else -1
            stream = open(number, mode, lines, encoding=encoding, errors=how, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _call(request: dict[str, Any]) -> int:
    """The exit status of a command, or of reading a file: 2 after an error that is raised on purpose."""
    if request["call"] == "cli":
        from emotone.cli import main as command

        sys.argv = ["emotone", *request["argv"]]
        status = _status(command)
    else:
        status = _status(lambda: _read(request["path"]))
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as problem:  # as the interpreter does at its end
        sys.stderr.write(f"Exception ignored in: <stdout>\n{problem}\n")
        return 120
    return status


def _status(command: Any) -> int:
    try:
        command()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        sys.stderr.write(traceback.format_exc())
        return 1
    return 0


def _read(path: str) -> None:
    """Read a sound file, and its duration, as the first layer of the package does."""
    import numpy as np

    from emotone.audio import read as audio
    from emotone.cli.output import prepare_streams
    from emotone.errors import EmotoneError

    prepare_streams()  # of the notes of decoders
    try:
        samples = audio.read(path)
        assert samples.dtype == np.float32, samples.dtype
        assert samples.ndim == 1, samples.shape
        assert np.isfinite(samples).all(), "samples that are not finite"
        assert audio.duration_s(path) >= 0
    except EmotoneError as problem:
        reason = problem
    else:
        return
    assert "\n" not in str(reason), reason
    sys.stderr.write(f"{reason}\n")
    raise SystemExit(2)


if __name__ == "__main__":
    main()
