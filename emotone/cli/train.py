"""`emotone train`: one recipe, trained and scored under its folds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import (
    Data,
    Json,
    Set,
    print_json,
    print_table,
    progress_bars,
    training_progress,
)
from emotone.errors import UnknownName

if TYPE_CHECKING:
    from emotone.runs.run import Run


Protocol = Annotated[
    str | None,
    typer.Option("--protocol", help="speakers (default: no speaker in train and test), random, cross-corpus."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(train)


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file.")],
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the run; runs/NAME if not given.")] = None,
    set_: Set = None,
    protocol: Protocol = None,
    keep_folds: Annotated[
        bool, typer.Option("--keep-folds", help="Also keep the model of each fold, for `emotone stress`.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a recipe under its folds, score it, and keep a model trained on all clips."""
    from emotone.experiments import train as experiment

    changes = [*(set_ or []), *([f"data.protocol={known_protocol(protocol)}"] if protocol else [])]
    with progress_bars() as progress:
        run = experiment.train(
            recipe,
            data=data,
            out=out,
            changes=changes,
            keep_folds=keep_folds,
            progress=progress,
            on_step=training_progress(progress, str(recipe)),
        )
    print_run(run, json)


def known_protocol(protocol: str) -> str:
    """The name of a protocol; an `UnknownName` is raised for others."""
    from emotone.data.splits import PROTOCOLS

    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS)
    return protocol


def print_run(run: Run, json: bool) -> None:
    """Print the scores of a run and what they leave out; exit status 1 if clips could not be used."""
    scores = run.scores
    audit = run.read_json("audit.json") if (run.folder / "audit.json").is_file() else None
    for name, reason in scores["missing"].items():
        typer.echo(
            f"emotone: without {name}: {reason} The scores are only of {', '.join(scores['corpora'])}.", err=True
        )
    for failure in scores["failures"]:
        typer.echo(f"emotone: left out: {failure['reason']}", err=True)
    if scores["failures"]:
        from emotone.reports.wording import counted

        typer.echo(f"emotone: {counted(len(scores['failures']), 'clip')} left out, see above", err=True)
    if json:
        shown = {name: audit[name] for name in ("verdict", "line")} if audit else None
        print_json({"run": str(run.folder), "report": str(run.folder / "report.html"), "audit": shown, **scores})
    else:
        _print_scores(str(run.folder), scores)
        if audit:
            typer.echo(f"audit: {_audit_line(audit)}")
    if scores["failures"]:
        raise typer.Exit(1)


def _audit_line(audit: dict[str, Any]) -> str:
    """The verdict of the run's own audit, with the leaks that it found.

    >>> _audit_line({"verdict": "clean", "line": "clean: nothing found.", "findings": [], "unreadable": []})
    'clean'
    """
    if audit["verdict"] == "leak":
        leaks = [finding["message"] for finding in audit["findings"] if finding["severity"] == "leak"]
        return f"{len(leaks)} {'leak' if len(leaks) == 1 else 'leaks'}: {' '.join(leaks)} See report.html."
    return "clean" if audit["verdict"] == "clean" and not audit["unreadable"] else str(audit["line"])


def _print_scores(folder: str, scores: dict[str, Any]) -> None:
    from emotone.reports.wording import folds_of, percent, votes_of

    independent = scores["speaker_independent"]
    mark = "speaker-independent" if independent else "NOT speaker-independent: the same speakers are in train and test"
    typer.echo(f"{scores['title']}\n{scores['protocol']}, {folds_of(scores)}, {mark}")
    for caveat in scores.get("caveats", []):
        typer.echo(f"! {caveat}")
    typer.echo(f"{scores['clips']} clips of {scores['speakers']} speakers; {scores['labels_note']}\n")
    rows = [("all", *(percent(scores["scores"][name]) for name in ("uar", "accuracy", "macro_f1")))]
    if len(scores["corpora"]) > 1:
        rows = [("mean over corpora", *rows[0][1:])]
        for corpus, part in scores["per_corpus"].items():
            rows.append((corpus, *(percent(part["scores"][name]) for name in ("uar", "accuracy", "macro_f1"))))
    print_table(("corpus", "UAR [95 %]", "accuracy", "macro-F1"), rows)
    if scores.get("votes"):
        typer.echo(f"\n{scores['votes']['clips']} clips with listeners' votes")
        print_table(("compared with the votes", "[95 %]"), votes_of(scores["votes"]))
    file, weights = (
        ("ensemble.json", "") if "ensemble" in scores else ("model.onnx", f"{folder}/model/weights.safetensors  ")
    )
    model = f"{folder}/model/{file}  (emotone predict FILE --model {folder})"
    if scores.get("not_exported"):
        model = f"{weights}(no exported model: {scores['not_exported']})"
    typer.echo(f"\nreport  {folder}/report.html\nmodel   {model}")
