"""`emotone enrol`: make the profile of a speaker, or of a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import Json, print_json, progress_bars, writable_output
from emotone.cli.predict import Channel, Model, files_of
from emotone.data.progress import track
from emotone.errors import AudioError, EmotoneError

if TYPE_CHECKING:
    from emotone.inference.domain_profile import Domain
    from emotone.inference.voice_profile import Voice

SHORT_S = 10


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(enrol)


def enrol(
    name: Annotated[str, typer.Argument(help="Name of the speaker, or of the domain.")],
    sources: Annotated[
        list[str], typer.Argument(help="Recordings of this speaker, or of this domain, only: files or folders.")
    ],
    domain: Annotated[
        bool,
        typer.Option("--domain", help="A domain: recordings of one kind, such as of one telephone line. 5 or more."),
    ] = False,
    model: Model = "default",
    channel: Channel = "",
    json: Json = False,
) -> None:
    """Make a profile, without audio, for `emotone predict --speaker NAME`, or `--domain NAME`."""
    from emotone.audio.mono import check_channel
    from emotone.inference import domain_profile, voice_profile
    from emotone.inference.predictor import load_model

    path = (domain_profile if domain else voice_profile).path_of(name)
    writable_output(path.parent, folder=True)
    unreadable: dict[str, AudioError] = {}
    files, chosen = files_of(sources, unreadable), check_channel(channel) if channel else None
    predictor = load_model(model, threads=1 if domain else 0)  # the recordings of a domain are read in parallel
    errors: list[EmotoneError] = list(unreadable.values())
    options: dict[str, Any] = {"channel": chosen, "on_error": errors.append}
    profile: Voice | Domain
    with progress_bars() as progress:
        try:
            if domain:
                profile = predictor.enrol_domain(files, progress=progress, **options)
            else:
                profile = predictor.enrol(track(files, "enrolling", len(files), progress), **options)
        finally:
            for error in errors:
                typer.echo(f"emotone: left out: {error}", err=True)
    profile.to_json(path)
    _report(name, profile, len(files) + len(unreadable) - len(errors), str(path), errors, json)
    if errors:
        raise typer.Exit(1)


def _report(name: str, profile: Voice | Domain, used: int, path: str, errors: list[EmotoneError], json: bool) -> None:
    from emotone.inference.voice_profile import Voice

    seconds = round(profile.seconds, 1) if isinstance(profile, Voice) else None
    if json:
        length = {} if seconds is None else {"seconds": seconds}
        print_json({"name": name, **length, "files": used, "file": path, "failures": [str(error) for error in errors]})
    elif seconds is None:
        typer.echo(f"{name}: {used} recordings; domain profile {path}")
    else:
        typer.echo(f"{name}: {seconds} s of speech in {used} files; voice profile {path}")
    if seconds is not None and seconds < SHORT_S:
        typer.echo(f"emotone: less than {SHORT_S} s of speech help little; a minute is nearly enough", err=True)
