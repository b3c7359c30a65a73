"""`emotone predict`: what is heard, when, how sure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import Json, print_json, print_table
from emotone.errors import AudioError, EmotoneError, MissingExtra, ModelError
from emotone.whole import whole

if TYPE_CHECKING:
    from emotone.predictor import Prediction, Segment

_COLUMNS = ("file", "duration_s", "label", "reason", "confidence")


def add_to(app: typer.Typer) -> None:
    """Put the command of this file on the app."""
    app.command()(predict)


def predict(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="A run folder, or an exported .onnx file.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a .json or .csv file.")] = None,
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Name no emotion where there is no speech to hear one in.")
    ] = True,
    json: Json = False,
) -> None:
    """Say what emotion is heard in recordings, over time, and how sure the model is."""
    if model is None:
        raise ModelError("no model was named and none is built in; pass --model RUN (`emotone train` makes a run)")
    if output is not None and output.suffix not in (".json", ".csv"):
        raise EmotoneError(f"{output}: cannot write {output.suffix or 'a file without an ending'}; use .json or .csv")
    from emotone.predictor import load_model

    predictor = load_model(model, gate=gate)
    if predictor.unfinished:
        typer.echo(f"emotone: this model is unfinished: {predictor.unfinished}", err=True)
    results, failures = [], []
    for source in _bar(_expanded(sources)):
        try:
            results.append(predictor.predict(source))
        except (AudioError, MissingExtra) as problem:
            failures.append({"file": source, "error": str(problem)})
    single = len(sources) == 1 and len(results) == 1 and not failures
    content: Any = results[0].as_dict() if single else [*(result.as_dict() for result in results), *failures]
    if output is not None:
        _write(output, results, failures, content)
    if json:
        print_json(content)
    elif output is None:
        _print(results)
    for failure in failures:
        typer.echo(f"emotone: {failure['error']}", err=True)
    if failures:
        raise typer.Exit(1)


def _expanded(sources: list[str]) -> list[str]:
    from emotone.audio import EXTENSIONS

    files: list[str] = []
    for source in sources:
        if source != "-" and Path(source).is_dir():
            inside = sorted(str(path) for path in Path(source).rglob("*") if path.suffix.lower() in EXTENSIONS)
            if not inside:
                raise AudioError(f"{source}: no sound file in this folder")
            files += inside
        else:
            files.append(source)
    return files


def _bar(files: list[str]) -> Any:
    if len(files) < 50:
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "predicting", console=Console(stderr=True), transient=True)


def _print(results: list[Prediction]) -> None:
    rows = []
    for result in results:
        shown = sorted(result.scores.items(), key=lambda item: -item[1])[1:3]
        others = "" if result.reason else ", ".join(f"{label} {share:.2f}" for label, share in shown)
        rows.append((result.file, f"{result.duration_s:.2f} s", *_heard(result), others))
        if len(result.segments) > 1:
            rows += [("", f"{part.start_s:.1f} - {part.end_s:.1f} s", *_heard(part), "") for part in result.segments]
    if rows:
        print_table(("file", "length", "heard", "sure", "next"), rows)


def _heard(result: Prediction | Segment) -> tuple[str, str]:
    """The label and how sure it is; of `unsure` the reason."""
    if result.reason:
        return f"{result.label} ({result.reason.replace('_', ' ')})", ""
    return result.label, f"{result.confidence:.2f}"


def _write(output: Path, results: list[Prediction], failures: list[dict[str, str]], content: Any) -> None:
    import csv
    import json

    with whole(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as handle:
        if output.suffix == ".json":
            json.dump(content, handle, indent=1, ensure_ascii=False)
        else:
            writer = csv.writer(handle)
            classes = list(results[0].scores) if results else []
            writer.writerow([*_COLUMNS, *classes, "error"])
            for result in (item.as_dict() for item in results):
                writer.writerow([*(result[key] for key in _COLUMNS), *result["scores"].values(), ""])
            for failure in failures:
                writer.writerow([failure["file"], *[""] * (len(_COLUMNS) - 1 + len(classes)), failure["error"]])
