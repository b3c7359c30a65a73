"""`emotone corpora`: list, get, check, explore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from emotone.cli.output import Data, Json, print_json, print_table, progress_bars, writable_output

corpora = typer.Typer(
    name="corpora",
    help="List corpora; get, check and explore one.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to the app."""
    app.add_typer(corpora)


@corpora.callback(invoke_without_command=True)
def list_(context: typer.Context, data: Data = None, json: Json = False) -> None:
    """List the corpora: clips, speakers, classes, licence, and whether the corpus is in --data."""
    if context.invoked_subcommand is not None:
        return
    from emotone.data.corpora import data_folder, published, published_names

    rows: list[dict[str, Any]] = []
    for name in published_names():
        facts = published(name)
        root = data_folder(data) / name
        rows.append(
            {
                "name": name,
                "title": facts.title,
                "language": facts.language,
                "clips": facts.clips,
                "speakers": facts.speakers,
                "classes": dict(facts.classes),
                "licence": facts.licence,
                "citation": facts.citation,
                "homepage": facts.homepage,
                "obtain": facts.obtain,
                "here": str(root) if root.is_dir() else None,
            }
        )
    if json:
        print_json(rows)
        return
    columns = ("name", "language", "clips", "speakers", "classes", "licence", "here")
    table = [
        (
            row["name"],
            row["language"],
            row["clips"],
            row["speakers"],
            len(row["classes"]),
            row["licence"],
            row["here"] or "-",
        )
        for row in rows
    ]
    print_table(columns, table)


@corpora.command()
def get(name: str, data: Data = None) -> None:
    """Download a corpus with checksums, or explain how to obtain it."""
    from emotone.data.corpora import data_folder
    from emotone.data.download import obtain

    writable_output(data_folder(data), folder=True)
    with progress_bars() as progress:
        folder = obtain(name, data_folder(data), progress=progress)
    typer.echo(str(folder))


@corpora.command()
def check(name: str, root: Path, json: Json = False) -> None:
    """Compare every file with the index of the corpus. Exit status 1 if a file is missing, extra or damaged."""
    from emotone.data.validate import check as checked

    with progress_bars() as progress:
        result = checked(name, root, progress=progress)
    if json:
        print_json(result.as_dict())
    else:
        typer.echo(result.as_text())
    if not result.ok:
        raise typer.Exit(1)


@corpora.command()
def explore(
    name: str,
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the page; runs/explore-NAME if not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Count clips and seconds, measure pitch and energy per emotion; write a page with charts."""
    from emotone.analysis.corpus import explore as explored
    from emotone.data.corpora import data_folder, locate

    folder = out or Path("runs") / f"explore-{Path(name).stem}"
    writable_output(folder, folder=True)
    reader, root = locate(name, data_folder(data))
    with progress_bars() as progress:
        result = explored(reader.name, root, folder, progress=progress)
    if json:
        print_json(result)
    else:
        _print_exploration(result, folder)
    for failure in result["failures"]:
        typer.echo(f"emotone: left out: {failure['reason']}", err=True)
    if result["failures"]:
        raise typer.Exit(1)


def _print_exploration(result: dict[str, Any], folder: Path) -> None:
    rows = [
        (emotion, facts["clips"], *(_mean(facts[key]) for key in ("duration_s", "pitch_hz", "energy_db")))
        for emotion, facts in result["per_emotion"].items()
    ]
    print_table(("emotion", "clips", "seconds", "pitch (Hz)", "energy (dB)"), rows)
    typer.echo(f"\n{folder / 'explore.html'}")


def _mean(facts: dict[str, Any]) -> str:
    return "-" if facts["mean"] is None else f"{facts['mean']:.2f}"
