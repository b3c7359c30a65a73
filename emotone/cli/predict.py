"""`emotone predict`: what is heard, when, how sure."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import Json, print_json, print_table, progress_bars
from emotone.data.progress import track
from emotone.errors import AudioError, EmotoneError
from emotone.files import atomic_write

if TYPE_CHECKING:
    from emotone.inference.prediction import Prediction, Segment

Model = Annotated[str, typer.Option("--model", "-m", help="default, a run folder, or an exported .onnx file.")]
LONG_BYTES = 2_000_000
LOW_CONFIDENCE = "low_confidence"  # as in prediction, which is not imported before it is needed
_COLUMNS = ("file", "duration_s", "label", "reason", "confidence")


def add_to(app: typer.Typer) -> None:
    """Put the command of this file on the app."""
    app.command()(predict)


def predict(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    model: Model = "default",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a .json or .csv file.")] = None,
    labels: Annotated[str, typer.Option("--labels", help="all, four, five, six, seven, or labels by comma.")] = "all",
    speaker: Annotated[
        str, typer.Option("--speaker", help="A voice that `emotone enrol` keeps: all recordings are of it.")
    ] = "",
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Each recording is of one speaker: learn its voice from all of it first.")
    ] = False,
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Name no emotion where there is no speech to hear one in.")
    ] = True,
    least: Annotated[
        float | None,
        typer.Option("--least", min=0, max=1, help="Confidence under which no emotion is named; 0: always name one."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what emotion is heard in recordings, over time, and how sure the model is."""
    if output is not None and output.suffix not in (".json", ".csv"):
        raise EmotoneError(f"{output}: cannot write {output.suffix or 'a file without an ending'}; use .json or .csv")
    from emotone.inference import voice_profile as voices
    from emotone.inference.predictor import load_model

    if speaker and adapt:
        raise EmotoneError("--speaker names a voice that is known, --adapt learns one from the recording; take one")
    files = files_of(sources)
    predictor = load_model(model, threads=0 if _is_one_long(files) else 1, gate=gate)
    voice = voices.Voice.from_json(voices.path_of(speaker)) if speaker else None
    wanted = labels.split(",") if "," in labels else labels
    if predictor.unfinished:
        typer.echo(f"emotone: this model is unfinished: {predictor.unfinished}", err=True)
    results, failures = [], []
    all_heard = predictor.predict_many(files, voice=voice, adapt=adapt, labels=wanted, least=least)
    with (
        closing(all_heard) as heard,
        progress_bars() as progress,
    ):  # after Ctrl-C, too: what is still to be heard is then not waited for
        for source, result in zip(files, track(heard, "recordings", len(files), progress), strict=True):
            if isinstance(result, EmotoneError):
                failures.append({"file": source, "error": str(result)})
            else:
                results.append(result)
    single = len(sources) == 1 and len(results) == 1 and not failures
    content: Any = None
    if json or output is not None:
        as_dicts = [result.as_dict() for result in results]
        content = as_dicts[0] if single else [*as_dicts, *failures]
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


def files_of(sources: list[str]) -> list[str]:
    from emotone.audio.read import EXTENSIONS

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


def _is_one_long(files: list[str]) -> bool:
    """A recording for whose sake it pays to start threads; it takes longer than to hear a short one."""
    return len(files) == 1 and Path(files[0]).is_file() and Path(files[0]).stat().st_size > LONG_BYTES


def _print(results: list[Prediction]) -> None:
    rows = []
    for result in results:
        shown = sorted(result.scores.items(), key=lambda item: -item[1])[0 if result.reason else 1 : 3]
        others = ", ".join(f"{label} {share:.2f}" for label, share in shown)
        heard_nothing = result.reason not in ("", LOW_CONFIDENCE)
        rows.append((result.file, f"{result.duration_s:.2f} s", *_heard(result), "" if heard_nothing else others))
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

    with atomic_write(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as handle:
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
