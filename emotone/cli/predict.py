"""`emotone predict`: the emotion in recordings, over time, with its confidence."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import Json, check_stdout, print_json, print_table, progress_bars, writable_output
from emotone.errors import AudioError, EmotoneError
from emotone.files import atomic_write

if TYPE_CHECKING:
    from emotone.inference.prediction import Prediction, Segment

Channel = Annotated[
    str, typer.Option("--channel", help="mix, left, right or loudest of several channels; as trained if not given.")
]
Model = Annotated[str, typer.Option("--model", "-m", help="default, fast, a run folder, or an exported .onnx file.")]
LONG_BYTES = 2_000_000
LOW_CONFIDENCE = "low_confidence"  # as in inference/prediction.py, which is imported only when needed
_COLUMNS = ("file", "duration_s", "label", "reason", "confidence", "arousal", "valence")


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(predict)


def predict(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    model: Model = "default",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a .json or .csv file.")] = None,
    labels: Annotated[str, typer.Option("--labels", help="all, four, five, six, seven, or labels by comma.")] = "all",
    speaker: Annotated[
        str, typer.Option("--speaker", help="Name of an enrolled speaker (`emotone enrol`) of all recordings.")
    ] = "",
    adapt: Annotated[
        bool,
        typer.Option("--adapt", help="Each recording is of one speaker: make a voice profile from all of it first."),
    ] = False,
    domain: Annotated[
        str, typer.Option("--domain", help="Name of an enrolled domain (`emotone enrol --domain`) of all recordings.")
    ] = "",
    adapt_domain: Annotated[
        bool,
        typer.Option("--adapt-domain", help="All recordings are of one domain: make its profile from them first."),
    ] = False,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Predict no emotion if there is no speech.")] = True,
    min_confidence: Annotated[
        float | None,
        typer.Option("--min-confidence", min=0, max=1, help="Below it no emotion is predicted; 0: always predict one."),
    ] = None,
    channel: Channel = "",
    json: Json = False,
) -> None:
    """Predict the emotion in recordings, over time, with its confidence."""
    if output is None:
        check_stdout()
    elif output.suffix.lower() not in (".json", ".csv"):
        raise EmotoneError(f"{output}: cannot write {output.suffix or 'a file without an ending'}; use .json or .csv")
    else:
        writable_output(output)
    from emotone.audio.mono import check_channel
    from emotone.audio.read import name_of
    from emotone.inference import domain_profile as domains
    from emotone.inference import voice_profile as voices
    from emotone.inference.predictor import load_model

    if speaker and adapt:
        raise EmotoneError(
            "--speaker uses a known voice profile, --adapt makes one from the recording; use one of them"
        )
    if domain and adapt_domain:
        raise EmotoneError(
            "--domain uses a known domain profile, --adapt-domain makes one from all recordings; use one of them"
        )
    unreadable: dict[str, AudioError] = {}
    files = files_of(sources, unreadable)
    predictor = load_model(model, threads=0 if _is_one_long(files) else 1, gate=gate)
    chosen = [label.strip() for label in labels.split(",") if label.strip()] if "," in labels else labels
    if predictor.unfinished:
        typer.echo(f"emotone: this model is unfinished: {predictor.unfinished}", err=True)
    results: list[Prediction] = []
    failures = [{"file": folder, "error": str(error)} for folder, error in unreadable.items()]
    options: dict[str, Any] = {
        "voice": voices.Voice.from_json(voices.path_of(speaker)) if speaker else None,
        "domain": domains.Domain.from_json(domains.path_of(domain)) if domain else None,
        "adapt": adapt,
        "adapt_domain": adapt_domain,
        "labels": chosen,
        "channel": check_channel(channel) if channel else None,
    }
    with progress_bars() as progress:
        predictions = predictor.predict_many(files, min_confidence=min_confidence, progress=progress, **options)
        with closing(predictions):  # after Ctrl-C, too: then nothing is waited for
            for source, result in zip(files, predictions, strict=True):
                if isinstance(result, EmotoneError):
                    failures.append({"file": name_of(source), "error": str(result)})
                else:
                    results.append(result)
    single = len(sources) == 1 and len(results) == 1 and not failures
    content: Any = None
    if json or output is not None:
        as_dicts = [result.as_dict() for result in results]
        content = as_dicts[0] if single else [*as_dicts, *failures]
    problem = None if output is None else _write(output, results, failures, content)
    if json:
        print_json(content)
    elif output is None or problem is not None:  # what was computed is not lost
        _print(results)
    for failure in failures:
        typer.echo(f"emotone: {failure['error']}", err=True)
    if problem is not None:
        raise EmotoneError(f"{output}: cannot be written ({problem.strerror or problem}); the predictions are printed")
    if failures:
        raise typer.Exit(1)


def files_of(sources: list[str], unreadable: dict[str, AudioError] | None = None) -> list[str]:
    """The sources, with the sound files in a folder in place of the folder.

    Args:
        sources: files, folders, or `-`.
        unreadable: collects an error for each folder without sound files, or that cannot be entered; without it, the
            first is raised.
    """
    from emotone.audio.folder import sound_files

    files: list[str] = []
    for source in sources:
        if source == "-" or not os.path.isdir(source):
            files.append(source)
            continue
        failures: dict[str, AudioError] = {}
        inside = [str(path) for path in sound_files(source, failures)]
        if not inside and not failures:
            failures[source] = AudioError(f"{source}: no sound file in this folder")
        if unreadable is None and failures:
            raise next(iter(failures.values()))
        if unreadable is not None:
            unreadable.update(failures)
        files += inside
    return files


def _is_one_long(files: list[str]) -> bool:
    """Whether it is a single long recording, for which it pays to start threads."""
    return len(files) == 1 and os.path.isfile(files[0]) and os.path.getsize(files[0]) > LONG_BYTES


def _print(results: list[Prediction]) -> None:
    rows = []
    for result in results:
        shown = sorted(result.scores.items(), key=lambda item: -item[1])[0 if result.reason else 1 : 3]
        others = ", ".join(f"{label} {share:.2f}" for label, share in shown)
        refused = result.reason not in ("", LOW_CONFIDENCE)
        rows.append((result.file, f"{result.duration_s:.2f} s", *_verdict(result), "" if refused else others))
        if len(result.segments) > 1:
            rows += [("", f"{part.start_s:.1f} - {part.end_s:.1f} s", *_verdict(part), "") for part in result.segments]
    if rows:
        print_table(("file", "length", "emotion", "confidence", "next"), rows)


def _verdict(result: Prediction | Segment) -> tuple[str, str]:
    """The label and its confidence; for `unsure` the reason."""
    if result.reason:
        return f"{result.label} ({result.reason.replace('_', ' ')})", ""
    return result.label, f"{result.confidence:.2f}"


def _write(output: Path, results: list[Prediction], failures: list[dict[str, str]], content: Any) -> OSError | None:
    """Write the file; an error is returned. Bytes of names that are not UTF-8 are escaped."""
    try:
        _write_file(output, results, failures, content)
    except OSError as problem:
        return problem
    return None


def _write_file(output: Path, results: list[Prediction], failures: list[dict[str, str]], content: Any) -> None:
    import csv
    import json

    text: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    with atomic_write(output) as temporary, temporary.open("w", **text) as handle:
        if output.suffix.lower() == ".json":
            json.dump(content, handle, indent=1, ensure_ascii=False)
        else:
            writer = csv.writer(handle)
            classes = list(results[0].scores) if results else []
            writer.writerow([*_COLUMNS, *classes, "error"])
            for result in (item.as_dict() for item in results):
                writer.writerow([*(result[key] for key in _COLUMNS), *result["scores"].values(), ""])
            for failure in failures:
                writer.writerow([failure["file"], *[""] * (len(_COLUMNS) - 1 + len(classes)), failure["error"]])
