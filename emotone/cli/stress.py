"""`emotone stress`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import Data, Json, print_json, print_table, progress_bars, writable_output

if TYPE_CHECKING:
    from emotone.analysis.stress.result import StressResult


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(stress)


def stress(
    model: Annotated[str, typer.Argument(help="A run folder, or an exported .onnx file.")],
    data: Data = None,
    corpora: Annotated[
        str, typer.Option("--corpora", help="Corpora or tables, by comma; every corpus in --data if not given.")
    ] = "",
    clips: Annotated[int, typer.Option("--clips", min=1, help="Largest size of the sample.")] = 600,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample and of every disturbance.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for stress.json, stress.html and stress.md.")
    ] = None,
    json: Json = False,
) -> None:
    """Test robustness to disturbed recordings, and fairness between women and men, low and high voices."""
    from emotone.analysis.stress.stress import stress as stressed

    names = [name.strip() for name in corpora.split(",") if name.strip()]
    if out is not None:
        writable_output(out, folder=True)
    with progress_bars() as progress:
        found = stressed(model, data=data, corpora=names, clips=clips, seed=seed, progress=progress)
    if json:
        print_json(found.as_dict())
    else:
        _print(found)
    if out is not None:
        from emotone.analysis.stress.page import write

        typer.echo(f"\n{write(found, out)}", err=json)
    for failure in found.failures:
        typer.echo(f"emotone: left out: {failure['reason']}", err=True)
    if found.failures:
        raise typer.Exit(1)


def _print(found: StressResult) -> None:
    from emotone.reports.wording import percent

    plain = found.as_dict()
    corpora = ", ".join(f"{name} {facts['clips']}" for name, facts in plain["corpora"].items())
    typer.echo(f"{found.title}\n{found.clips} clips of {found.speakers} speakers ({corpora}), seed {found.seed}")
    for sentence in (*(f"! {caveat}" for caveat in found.caveats), found.marked_speakers_note, *found.notes()):
        typer.echo(sentence)
    typer.echo(f"UAR undisturbed {percent(plain['uar'])}\n")
    print_table(("", "unchanged, % [95 %]", "change of UAR, points [95 %]", "verdict"), list(_disturbances(plain)))
    for comparison in plain["fairness"]:
        groups = ", ".join(f"{group['name']} {percent(group['uar'])}" for group in comparison["groups"])
        typer.echo(f"\nfairness by {comparison['by']}: {comparison['verdict']}; UAR {groups or 'of one group at most'}")
        if comparison["gaps"]:
            columns = ("largest gap, points", "", "passes up to", "random models", "permuted speakers", "verdict")
            print_table(columns, list(_gaps(comparison)))
    typer.echo(
        "\nRandom models, permuted speakers: 95 % of simulated fair models, and of random permutations of the speakers "
        "between the groups, have no larger gap."
    )


def _disturbances(plain: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row per group, then one for each of its disturbances."""
    from emotone.reports.wording import percent

    for group in plain["groups"]:
        least = group["least_uar_change"]
        limits = (
            f"at least {100 * group['least_unchanged']:.0f}",
            "" if least is None else f"at least {100 * least:.0f}",
        )
        yield group["name"].upper(), *limits, group["verdict"]
        for one in group["outcomes"]:
            verdict = one["verdict"] + (", close" if one["close"] else "")
            yield f"  {one['name']}", percent(one["unchanged"]), percent(one["uar_change"]), verdict


def _gaps(comparison: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row per score."""
    for gap in comparison["gaps"]:
        what = f"  {gap['score']}" + (f", of {gap['label']}" if gap["label"] else "")
        numbers = (f"{100 * gap[name]:.1f}" for name in ("value", "limit", "random_models", "permuted_speakers"))
        yield what, *numbers, gap["verdict"]
