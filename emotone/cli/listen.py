"""`emotone listen`: emotion over time from a microphone, in the terminal."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import print_json, print_table
from emotone.cli.predict import Model
from emotone.errors import AudioError, EmotoneError, MissingExtra

if TYPE_CHECKING:
    from emotone.inference.stream import Result

BLOCK_S = 0.1
_WIDTH = 24


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(listen)


def listen(
    model: Model = "default",
    device: Annotated[str, typer.Option("--device", help="Number or part of the name of a microphone.")] = "",
    list_devices: Annotated[bool, typer.Option("--list-devices", help="Name the microphones, and stop.")] = False,
    file: Annotated[str, typer.Option("--from", help="A recording in place of a microphone.")] = "",
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play the recording of --from at its own speed.")
    ] = False,
    save: Annotated[Path | None, typer.Option("--save", help="Write what is recorded to a .wav or .flac file.")] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Stop after this time; 0: with Ctrl-C.")] = 0.0,
    labels: Annotated[str, typer.Option("--labels", help="all, four, five, six, seven, or labels by comma.")] = "all",
    smooth: Annotated[float, typer.Option("--smooth", min=0, help="As in `emotone predict`.")] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each result.")] = False,
) -> None:
    """Predict emotions while someone speaks; Ctrl-C ends it."""
    if list_devices:
        _print_devices(json)
        return
    if realtime and not file:
        raise EmotoneError("--realtime plays the recording of --from; give one, or leave it out")
    from emotone.inference.stream import Stream

    chosen = [label.strip() for label in labels.split(",") if label.strip()] if "," in labels else labels
    source = _of_file(file, realtime) if file else _of_microphone(device)
    with source as (rate_hz, blocks), _saved(save, rate_hz) as keep:
        stream = Stream(rate_hz, model=model, labels=chosen, smooth_s=smooth)
        shown = _Lines(json)
        try:
            for block in blocks:
                keep(block)
                for result in stream.feed(block):
                    shown(result)
                if seconds and stream.heard_s >= seconds:
                    break
        except KeyboardInterrupt:
            typer.echo("", err=True)
        for result in stream.finish():
            shown(result)


class _Lines:
    """A line for each final result; on a terminal, the line of a stretch that goes on is drawn again and again."""

    def __init__(self, json: bool) -> None:
        import sys

        self._json, self._live = json, sys.stdout.isatty() and not json

    def __call__(self, result: Result) -> None:
        part = result.segment
        if self._json:
            print_json({**part.as_dict(), "final": result.final}, indent=False)
        elif result.final or self._live:
            what = f"unsure ({part.reason.replace('_', ' ')})" if part.reason else part.label
            bar = "#" * round(_WIDTH * part.confidence)
            line = f"{part.start_s:8.1f} - {part.end_s:.1f} s  {what:<26} {part.confidence:.2f} {bar}"
            typer.echo(f"\r\x1b[K{line}" if self._live else line, nl=result.final)


@contextmanager
def _of_file(file: str, realtime: bool) -> Iterator[tuple[float, Iterator[Any]]]:
    """Sampling rate and blocks of a recording."""
    from emotone.audio.blocks import open_blocks

    with open_blocks(file) as recording:
        yield recording.rate_hz, _paced(recording, realtime)
    if recording.problem:
        raise AudioError(recording.problem)


def _paced(recording: Any, realtime: bool) -> Iterator[Any]:
    size, started, played = max(1, round(BLOCK_S * recording.rate_hz)), time.monotonic(), 0
    for long in recording:
        for first in range(0, len(long), size):
            block = long[first : first + size]
            played += len(block)
            if realtime:
                time.sleep(max(0.0, started + played / recording.rate_hz - time.monotonic()))
            yield block


@contextmanager
def _of_microphone(device: str) -> Iterator[tuple[float, Iterator[Any]]]:
    """Sampling rate and blocks of a microphone."""
    sounddevice = _sounddevice()
    recorded: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        facts = sounddevice.query_devices(int(device) if device.isdigit() else device or None, "input")
        rate_hz = float(facts["default_samplerate"])
        stream = sounddevice.InputStream(
            samplerate=rate_hz, device=facts["index"], channels=1, dtype="float32", blocksize=round(BLOCK_S * rate_hz),
            callback=lambda samples, *_: recorded.put(samples[:, 0].copy()),
        )  # fmt: skip
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as problem:
        reason = " ".join(str(problem).split())
        raise EmotoneError(
            f"no microphone {device or 'found'} ({reason}); `emotone listen --list-devices` names them, --from FILE "
            "takes a recording"
        ) from problem
    with stream:
        typer.echo(f"listening to {facts['name']} at {rate_hz:.0f} Hz; Ctrl-C ends it", err=True)
        yield rate_hz, _forever(recorded)


def _forever(recorded: queue.SimpleQueue[Any]) -> Iterator[Any]:
    while True:
        yield recorded.get()


@contextmanager
def _saved(path: Path | None, rate_hz: float) -> Iterator[Any]:
    """A function that keeps a block of sound in a file; the file is complete also after Ctrl-C."""
    if path is None:
        yield lambda block: None
        return
    import soundfile

    from emotone.files import atomic_write

    if path.suffix.lower() not in (".wav", ".flac"):
        raise EmotoneError(f"{path}: cannot save sound there; use .wav or .flac")
    with atomic_write(path) as temporary, temporary.open("wb") as handle:
        files: list[Any] = []

        def keep(block: Any) -> None:
            if not files:
                channels = 1 if block.ndim == 1 else block.shape[1]
                form = path.suffix[1:].upper()
                files.append(soundfile.SoundFile(handle, "w", round(rate_hz), channels, "PCM_16", format=form))
            files[0].write(block)

        try:
            yield keep
        finally:
            for file in files:
                file.close()


def _print_devices(json: bool) -> None:
    devices = [one for one in _sounddevice().query_devices() if one["max_input_channels"] > 0]
    rows = [
        {"number": int(one["index"]), "name": one["name"], "rate_hz": round(one["default_samplerate"])}
        for one in devices
    ]
    if json:
        print_json(rows)
    elif rows:
        print_table(("number", "microphone", "rate, Hz"), [tuple(map(str, row.values())) for row in rows])
    else:
        typer.echo("no microphone found; `emotone listen --from FILE` takes a recording")


def _sounddevice() -> Any:
    """The library, if it is installed with PortAudio."""
    try:
        import sounddevice
    except ImportError as problem:
        raise MissingExtra("listening to a microphone", "live") from problem
    except OSError as problem:
        raise EmotoneError(
            f"sounddevice finds no PortAudio library ({problem}); install it, such as by `apt install libportaudio2`"
        ) from problem
    return sounddevice
