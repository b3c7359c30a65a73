"""`emotone enrol`: make the voice profile of a speaker."""

from __future__ import annotations

from typing import Annotated

import typer

from emotone.cli.output import Json, print_json, progress_bars
from emotone.cli.predict import Model, files_of
from emotone.data.progress import track

SHORT_S = 10


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(enrol)


def enrol(
    name: Annotated[str, typer.Argument(help="Name of the speaker.")],
    sources: Annotated[list[str], typer.Argument(help="Recordings of this speaker only: files or folders.")],
    model: Model = "default",
    json: Json = False,
) -> None:
    """Make a voice profile, without audio, for `emotone predict --speaker NAME`."""
    from emotone.inference import voice_profile as voices
    from emotone.inference.predictor import load_model

    path = voices.path_of(name)
    files = files_of(sources)
    predictor = load_model(model)
    with progress_bars() as progress:
        voice = predictor.enrol(track(files, "enrolling", len(files), progress))
    path.parent.mkdir(parents=True, exist_ok=True)
    voice.to_json(path)
    about = {"name": name, "seconds": round(voice.seconds, 1), "files": len(files), "file": str(path)}
    if json:
        print_json(about)
        return
    typer.echo(f"{name}: {about['seconds']} s of speech in {len(files)} files; voice profile {path}")
    if voice.seconds < SHORT_S:
        typer.echo(f"emotone: less than {SHORT_S} s of speech help little; a minute is nearly enough", err=True)
