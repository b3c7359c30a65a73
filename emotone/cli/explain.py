"""`emotone explain`: attribution of a prediction to time, frequencies and features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Json, print_json, progress_bars, writable_output


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(explain)


def explain(
    run: Annotated[Path, typer.Argument(help="A finished run, or its model folder.")],
    file: Annotated[str, typer.Argument(help="A sound file, or - for standard input.")],
    label: Annotated[
        str | None, typer.Option("--label", help="Explain this label instead of the predicted one.")
    ] = None,
    at: Annotated[
        float, typer.Option("--at", help="Second of a long recording; the piece around it is explained.")
    ] = 0.0,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; <name of the file>.explain.html if not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Show which moments, frequencies and features of a recording led to the predicted emotion."""
    from emotone.analysis.explain.explain import explain as explained
    from emotone.analysis.explain.page import write_page

    stem = "standard-input" if file == "-" else Path(file).stem
    place = writable_output(out or Path(f"{stem}.explain.html"), ending=".html", parents=True)
    with progress_bars() as progress:
        found = explained(run, file, label=label, at_s=at, progress=progress)
    page = write_page(found, place)
    if json:
        print_json({**found.as_dict(), "page": str(page)})
        return
    prediction, parts = found.prediction, found.attribution
    typer.echo(f"{prediction.file}: {prediction.label}, confidence {100 * prediction.confidence:.0f} %")
    if found.gate_reason:
        typer.echo(f"`emotone predict` gives no emotion here: {found.gate_reason.replace('_', ' ')}")
    how = "exact" if parts.steps == 0 else f"integrated gradients, {parts.steps} steps"
    typer.echo(
        f"score of {found.label} {parts.score:+.3f}, of the training mean {parts.baseline:+.3f}; "
        f"the attributions sum to the difference within {parts.gap:+.1e} ({how})"
    )
    typer.echo(f"{page}  (contains the recording)")
