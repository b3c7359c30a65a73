"""`emotone enrol`: keep a speaker's voice profile."""

from __future__ import annotations

from typing import Annotated

import typer

from emotone.cli.output import Json, print_json, progress_bars
from emotone.cli.predict import Model, files_of
from emotone.data.progress import track

FEW_S = 10


def add_to(app: typer.Typer) -> None:
    """Put the command of this file on the app."""
    app.command()(enrol)


def enrol(
    name: Annotated[str, typer.Argument(help="What to call the voice.")],
    sources: Annotated[list[str], typer.Argument(help="Recordings of that speaker alone: files or folders.")],
    model: Model = "default",
    json: Json = False,
) -> None:
    """Keep how a speaker sounds, without any sound: `emotone predict --speaker NAME` then knows the voice."""
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
    typer.echo(f"{name}: {about['seconds']} s of speech heard in {len(files)} files, kept in {path}")
    if voice.seconds < FEW_S:
        typer.echo(f"emotone: under {FEW_S} s little is learned of a voice; a minute does most of the good", err=True)
