"""`emotone enrol`: make the voice profile of a speaker."""

from __future__ import annotations

from typing import Annotated

import typer

from emotone.cli.output import Json, print_json, progress_bars, writable_output
from emotone.cli.predict import Channel, Model, files_of
from emotone.data.progress import track
from emotone.errors import AudioError, EmotoneError

SHORT_S = 10


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(enrol)


def enrol(
    name: Annotated[str, typer.Argument(help="Name of the speaker.")],
    sources: Annotated[list[str], typer.Argument(help="Recordings of this speaker only: files or folders.")],
    model: Model = "default",
    channel: Channel = "",
    json: Json = False,
) -> None:
    """Make a voice profile, without audio, for `emotone predict --speaker NAME`."""
    from emotone.audio.mono import check_channel
    from emotone.inference import voice_profile as voices
    from emotone.inference.predictor import load_model

    path = voices.path_of(name)
    writable_output(path.parent, folder=True)
    unreadable: dict[str, AudioError] = {}
    files, chosen = files_of(sources, unreadable), check_channel(channel) if channel else None
    predictor = load_model(model)
    errors: list[EmotoneError] = list(unreadable.values())
    with progress_bars() as progress:
        recordings = track(files, "enrolling", len(files), progress)
        try:
            voice = predictor.enrol(recordings, channel=chosen, on_error=errors.append)
        finally:
            for error in errors:
                typer.echo(f"emotone: left out: {error}", err=True)
    voice.to_json(path)
    used, seconds = len(files) + len(unreadable) - len(errors), round(voice.seconds, 1)
    if json:
        failures = [str(error) for error in errors]
        print_json({"name": name, "seconds": seconds, "files": used, "file": str(path), "failures": failures})
    else:
        typer.echo(f"{name}: {seconds} s of speech in {used} files; voice profile {path}")
    if voice.seconds < SHORT_S:
        typer.echo(f"emotone: less than {SHORT_S} s of speech help little; a minute is nearly enough", err=True)
    if errors:
        raise typer.Exit(1)
