"""`emotone predict`: the emotion in recordings, over time, with its confidence."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import Json, check_stdout, print_json, print_table, progress_bars, writable_output
from emotone.errors import AudioError, EmotoneError, MissingExtra

if TYPE_CHECKING:
    from emotone.inference.prediction import Prediction, Segment
    from emotone.inference.predictor import Predictor

Channel = Annotated[
    str, typer.Option("--channel", help="mix, left, right or loudest of several channels; as trained if not given.")
]
Channels = Annotated[
    str,
    typer.Option(
        "--channel", "--channels", help="mix, left, right, loudest, or split: each for itself; as trained if not given."
    ),
]
Model = Annotated[str, typer.Option("--model", "-m", help="default, fast, a run folder, or an exported .onnx file.")]
LONG_BYTES = 2_000_000
LOW_CONFIDENCE = "low_confidence"  # as in inference/prediction.py, which is imported only when needed


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(predict)


def predict(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    model: Model = "default",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A .csv, .json or .parquet file, or a folder .audformat; of one recording also .TextGrid, .srt, .vtt, "
            ".rttm, .txt (Audacity); with --format a folder.",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", help="Write a file of this format for each recording into the folder -o."),
    ] = "",
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the one recording over time: a .svg or .png file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="A page that shows the one recording over time and plays it.")
    ] = None,
    segments: Annotated[bool, typer.Option("--segments", help="In tables, a row for each segment.")] = False,
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
    channel: Channels = "",
    speakers: Annotated[
        Path | None, typer.Option("--speakers", help="An RTTM file: who speaks when in the one recording.")
    ] = None,
    smooth: Annotated[
        float, typer.Option("--smooth", min=0, help="Seconds over which segments influence the next one; 0: none.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """Predict the emotion in recordings, over time, with its confidence."""
    if output is None:
        check_stdout()
        if form:
            raise EmotoneError("--format writes files into a folder; name it with -o")
    else:
        from emotone.inference import formats

        written = formats.of(f"x.{form}" if form else output)
        writable_output(output, folder=bool(form) or written.folder)
    if plot is not None or html is not None:
        plot, html = _checked_pictures(plot, html)
    from emotone.audio.mono import check_channel
    from emotone.audio.read import name_of
    from emotone.inference import domain_profile as domains
    from emotone.inference import voice_profile as voices
    from emotone.inference.predictor import load_model
    from emotone.inference.speaker_turns import read_rttm

    _check_profiles(speaker, adapt, domain, adapt_domain)
    unreadable: dict[str, AudioError] = {}
    files = files_of(sources, unreadable)
    if output is not None and not form:
        formats.check_number(output, formats.of(output), len(files))
    if plot is not None or html is not None:
        _check_replayable(files)
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
        "labels": chosen,
        "channel": channel if channel == "split" else check_channel(channel) if channel else None,
        "smooth_s": smooth,
        "min_confidence": min_confidence,
    }
    if speakers is not None and len(files) != 1:
        raise EmotoneError(f"--speakers states the turns of one recording; {len(files)} recordings came")
    live = len(files) == 1 and not adapt_domain and output is None and not json
    found: Iterable[Prediction | EmotoneError]
    if len(files) == 1 and not adapt_domain:
        turns = read_rttm(speakers, Path(files[0]).stem) if speakers is not None else ()
        found = [_of_one(predictor, files[0], turns=turns, on_segment=_print_segment if live else None, **options)]
    else:
        found = _of_many(predictor, files, adapt_domain=adapt_domain, **options)
    for source, result in zip(files, found, strict=True):
        if isinstance(result, EmotoneError):
            failures.append({"file": name_of(source), "error": str(result)})
        else:
            results.append(result)
    problem = None if output is None else _write(output, form, results, failures, segments=segments)
    if json:
        as_dicts = [result.as_dict() for result in results]
        single = len(sources) == 1 and len(results) == 1 and not failures
        print_json(as_dicts[0] if single else [*as_dicts, *failures])
    elif output is None or problem is not None:  # what was computed is not lost
        _print(results, with_segments=not live)
    if results and (plot is not None or html is not None):
        _draw(results[0], files[0], plot, html, options["channel"])
    problems = [failure["error"] for failure in failures] + [result.problem for result in results if result.problem]
    for text in problems:
        typer.echo(f"emotone: {text}", err=True)
    if problem is not None:
        raise EmotoneError(f"{output}: cannot be written ({problem.strerror or problem}); the predictions are printed")
    if problems:
        raise typer.Exit(1)


def _check_profiles(speaker: str, adapt: bool, domain: str, adapt_domain: bool) -> None:
    """Raise an EmotoneError if a profile is both known and to be made."""
    if speaker and adapt:
        raise EmotoneError(
            "--speaker uses a known voice profile, --adapt makes one from the recording; use one of them"
        )
    if domain and adapt_domain:
        raise EmotoneError(
            "--domain uses a known domain profile, --adapt-domain makes one from all recordings; use one of them"
        )


def _of_many(predictor: Predictor, files: list[str], **options: Any) -> Iterator[Prediction | EmotoneError]:
    """The predictions of several recordings, with a progress bar."""
    with progress_bars() as progress, closing(predictor.predict_many(files, progress=progress, **options)) as found:
        yield from found  # after Ctrl-C nothing is waited for


def _of_one(predictor: Predictor, file: str, **options: Any) -> Prediction | EmotoneError:
    """The prediction of one recording. Ctrl-C ends a long one early, and what was read is kept."""
    stopped: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda number, _: _stop(stopped, number)) if main else None
    try:
        return predictor.predict(file, should_stop=lambda: bool(stopped), **options)
    except (AudioError, MissingExtra) as problem:
        return problem
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


def _stop(stopped: list[int], number: int) -> None:
    """Note the first Ctrl-C; the second one ends the program at once."""
    if stopped:
        raise KeyboardInterrupt
    stopped.append(number)


def _print_segment(segment: Segment) -> None:
    """A line for a stretch of speech of a long recording, as soon as it is known."""
    label, confidence = _verdict(segment)
    who = " ".join(part for part in (segment.channel, segment.speaker) if part)
    typer.echo(f"{segment.start_s:9.2f} - {segment.end_s:.2f} s  {label} {confidence}  {who}".rstrip())


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


def _print(results: list[Prediction], *, with_segments: bool = True) -> None:
    rows = []
    for result in results:
        shown = sorted(result.scores.items(), key=lambda item: -item[1])[0 if result.reason else 1 : 3]
        others = ", ".join(f"{label} {share:.2f}" for label, share in shown)
        refused = result.reason not in ("", LOW_CONFIDENCE)
        rows.append((result.file, f"{result.duration_s:.2f} s", *_verdict(result), "" if refused else others))
        if len(result.segments) > 1 and with_segments:
            rows += [("", f"{part.start_s:.1f} - {part.end_s:.1f} s", *_verdict(part), "") for part in result.segments]
    if rows:
        print_table(("file", "length", "emotion", "confidence", "next"), rows)


def _verdict(result: Prediction | Segment) -> tuple[str, str]:
    """The label and its confidence; for `unsure` the reason."""
    if result.reason:
        return f"{result.label} ({result.reason.replace('_', ' ')})", ""
    return result.label, f"{result.confidence:.2f}"


def _write(
    output: Path, form: str, results: list[Prediction], failures: list[dict[str, str]], *, segments: bool
) -> OSError | None:
    """Write the file, or with `form` a file for each recording into the folder; an error of the disk is returned."""
    from emotone.inference import formats

    try:
        if not form:
            formats.write(output, results, failures, segments=segments)
        for place, name in _names_in(output, form, results).items() if form else ():
            formats.write(place, [results[name]], segments=segments)
    except OSError as problem:
        return problem
    return None


def _checked_pictures(plot: Path | None, html: Path | None) -> tuple[Path | None, Path | None]:
    """The places of picture and page, before the work.

    Raises:
        EmotoneError: a picture of another kind, or a file that cannot be written.
        MissingExtra: matplotlib or jinja2 is absent.
    """
    from importlib.util import find_spec

    from emotone.reports.prediction_plot import check_kind

    if find_spec("matplotlib") is None or (html is not None and find_spec("jinja2") is None):
        raise MissingExtra("drawing a prediction", "train")
    if plot is not None:
        check_kind(plot)
        writable_output(plot)
    return plot, None if html is None else writable_output(html, ending=".html")


def _check_replayable(files: list[str]) -> None:
    """Raise an EmotoneError if there is not one file, which can be read again for its picture."""
    if len(files) != 1:
        raise EmotoneError(f"--plot and --html show one recording, {len(files)} came; give one file")
    if files[0] == "-" or (os.path.exists(files[0]) and not os.path.isfile(files[0])):
        raise EmotoneError(
            "--plot and --html read the recording twice; give a file in place of standard input or a pipe"
        )


def _draw(result: Prediction, source: str, plot: Path | None, html: Path | None, channel: str | None) -> None:
    """Write the picture and the page of a prediction."""
    from emotone.audio.mono import check_channel
    from emotone.audio.peaks import peaks
    from emotone.reports.prediction_page import write_page
    from emotone.reports.prediction_plot import write_plot

    shown = check_channel(channel if channel and channel != "split" else "mix")
    waveform = peaks(source, result.duration_s, channel=shown)
    if plot is not None:
        write_plot(result, waveform, plot)
    if html is not None:
        write_page(result, waveform, source, html, channel=shown)


def _names_in(folder: Path, form: str, results: list[Prediction]) -> dict[Path, int]:
    """File in the folder -> number of the prediction; recordings of the same name get numbers."""
    found: dict[Path, int] = {}
    taken: set[str] = set()  # in small letters, as some file systems compare them
    for number, result in enumerate(results):
        stem, count = Path(result.file).stem or "recording", 1
        while (name := f"{stem}{'' if count == 1 else f'-{count}'}").casefold() in taken:
            count += 1
        taken.add(name.casefold())
        found[folder / f"{name}.{form}"] = number
    return found
