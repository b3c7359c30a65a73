"""`emotone train`, `ensemble`, `benchmark`, `compare`, `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotone.cli.output import Data, Json, Set, print_json, print_table, training_bar
from emotone.errors import RecipeError, UnknownName

if TYPE_CHECKING:
    from emotone.runs.run import Run

Protocol = Annotated[
    str | None, typer.Option("--protocol", help="speakers (default: no voice on two sides), random, cross-corpus.")
]


def add_to(app: typer.Typer) -> None:
    """Put the commands of this file on the app."""
    app.command()(train)
    app.command()(ensemble)
    app.command()(benchmark)
    app.command()(compare)
    app.command()(demo)


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file.")],
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the run; runs/NAME if not given.")] = None,
    set_: Set = None,
    protocol: Protocol = None,
    keep_folds: Annotated[
        bool, typer.Option("--keep-folds", help="Keep the model of each fold, too, for `emotone stress`.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a recipe under its folds, score it, and keep a model trained on all clips."""
    from emotone.experiments import train as experiment

    with training_bar() as begin:
        run = experiment.train(
            recipe,
            data=data,
            out=out,
            changes=_changes(set_, protocol),
            keep_folds=keep_folds,
            progress=True,
            on_step=begin(str(recipe)),
        )
    _show(run, json)


def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs with the same clips and folds.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the ensemble.")],
    level: Annotated[
        str, typer.Option("--level", help="scores: average what they say; features: learn from what they classify.")
    ] = "scores",
    weights: Annotated[
        str,
        typer.Option("--weights", help="equal, or development: of scores, chosen on each fold's development clips."),
    ] = "equal",
    speaker_seconds: Annotated[
        float | None,
        typer.Option(help="Of scores: seconds of each speaker heard first, on whose mean scores are centred."),
    ] = None,
    json: Json = False,
) -> None:
    """Make one run of several finished ones; it is scored, compared and reported as they are."""
    from emotone.experiments.ensemble import ensemble as ensemble_of

    run = ensemble_of(list(runs), out=out, level=level, weights=weights, speaker_seconds=speaker_seconds, progress=True)
    _show(run, json)


def benchmark(
    recipes: Annotated[list[Path], typer.Argument(help="Recipe files, or folders of them.")],
    corpora: Annotated[str, typer.Option("--corpora", help="Corpora, by comma, each alone; a+b: together.")] = "",
    instead: Annotated[
        str, typer.Option("--instead", help="Corpora, by comma, for recipes of which no corpus is here.")
    ] = "",
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the runs; the table is written beside it.")] = Path(
        "runs/benchmark"
    ),
    set_: Set = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol", help="speakers, random; cross-corpus: every pair, as a matrix; by comma, side by side."
        ),
    ] = "",
    vary: Annotated[
        list[str] | None, typer.Option("--vary", help="KEY=A,B,C: the setting at each value; may be repeated.")
    ] = None,
    leaks: Annotated[
        bool, typer.Option("--leaks", help="With each mistake planted in turn: what it adds to the honest score.")
    ] = False,
    scores_only: Annotated[
        bool, typer.Option("--scores-only", help="Leave out the model that each run would train on all clips.")
    ] = False,
    finished_only: Annotated[
        bool, typer.Option("--finished-only", help="Train nothing: the table of the runs that are there.")
    ] = False,
    plumbing: Annotated[
        bool,
        typer.Option("--plumbing", help="Where pretrained weights are absent, try random ones; no result."),
    ] = False,
    with_: Annotated[
        list[Path] | None,
        typer.Option("--with", help="The .json of another table, to show its rows too; may be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Runs per cell; the table shows means.")] = 1,
    json: Json = False,
) -> None:
    """Train recipes on corpora and put their scores in one table. Finished cells are not run again."""
    from emotone.experiments import benchmark as bench
    from emotone.reports import markdown as tables
    from emotone.reports import wording

    with training_bar() as begin:
        result = bench.benchmark(
            recipes,
            corpora=_listed(corpora),
            instead=_listed(instead),
            protocols=[_known(name) for name in _listed(protocol)],
            vary=dict(_varied(one) for one in vary or []),
            data=data,
            out=out,
            changes=set_ or [],
            seeds=seeds,
            leaks=leaks,
            keep_models=not scores_only,
            finished_only=finished_only,
            plumbing=plumbing,
            beside=with_ or [],
            progress=True,
            on_cell=lambda cell, seed: begin(f"{cell.name} on {cell.corpora}"),
        )
    if json:
        print_json(bench.as_dict(result))
    else:
        rows = [
            (
                wording.marked(row["recipe"], row),
                wording.corpora_of(row),
                wording.protocol_of(row),
                *(wording.percent(row[score]) for score in tables.SCORES),
                f"{row['parameters']:,}",
                f"{row['seconds']:.0f}",
            )
            for row in result.rows
            if not row.get("cross")
        ]
        for matrix in result.matrices:
            lines = [(line["train_on"], *map(tables.crossed, line["cells"])) for line in matrix["lines"]]
            columns = ("learned from", *(f"on {name}" for name in matrix["corpora"]))
            print_table(columns, lines, title=f"{wording.marked(matrix['recipe'], matrix)}: UAR")
        columns = ("recipe", "corpus", "protocol", "UAR [95 %]", "accuracy", "macro-F1", "parameters", "seconds")
        if rows:
            print_table(columns, rows)
        typer.echo(f"\n{out}.html")
    for failure in result.failures:
        typer.echo(f"emotone: {failure['recipe']} on {failure['corpora']}: {failure['reason']}", err=True)
    if result.failures or any(row["failures"] for row in result.rows):
        raise typer.Exit(1)


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; the later ones are held against the first.")],
    half_width: Annotated[
        float | None,
        typer.Option("--half-width", help="Points of UAR: how many speakers would give intervals of +- so many."),
    ] = None,
    json: Json = False,
) -> None:
    """Put runs side by side, with intervals and paired tests over speakers."""
    from emotone.experiments.compare import compare as compared
    from emotone.reports.wording import marked, percent, protocol_of

    result = compared(list(runs), half_width=None if half_width is None else half_width / 100)
    if json:
        print_json(result)
        return
    rows = []
    for row, difference in zip(result["runs"], [None, *result["differences"]], strict=True):
        change = "" if difference is None else percent(difference["uar"])
        p_values = ["", ""] if difference is None else [f"{difference[name]:.3g}" for name in ("p_value", "p_holm")]
        shown = (row["run"], marked(row["title"], row), protocol_of(row), percent(row["scores"]["uar"]))
        rows.append((*shown, change, *p_values))
    columns = ("run", "title", "protocol", "UAR [95 %]", "difference", "p", "p (Holm)")
    several = len(result["differences"]) > 1  # of one difference both p-values are the same
    print_table(columns if several else columns[:-1], rows if several else [row[:-1] for row in rows])
    if half_width is not None:
        typer.echo(f"\nspeakers like these for an interval of +-{half_width:g} points:")
        for one in (*result["runs"], *result["differences"]):
            needed = one["speakers_needed"]
            which = "UAR" if "scores" in one else "difference"
            told = "cannot be said: no interval" if needed is None else f"{needed} (there are {one['speakers']})"
            typer.echo(f"  {which} of {one['run']}: {told}")


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the made-up corpus and the runs.")] = Path("demo"),
    seed: Annotated[int, typer.Option("--seed", help="Decides the made-up speech and the training.")] = 0,
    json: Json = False,
) -> None:
    """Make up speech, train two models on it, compare them, write a report, predict a clip. Offline."""
    from emotone.experiments.demo import demo as run_demo

    with training_bar() as begin:
        result = run_demo(out, seed=seed, begin=begin)
    if json:
        print_json(result)
        return
    typer.echo(
        "This speech is synthetic (espeak-ng): the numbers show that the parts work, not how well people are heard.\n"
    )
    rows = [(row["title"], *(_percent(row[score]) for score in ("uar", "accuracy"))) for row in result["rows"]]
    print_table(("model", "UAR [95 %], new voices", "accuracy"), rows)
    difference = result["difference"]
    typer.echo(f"\ndifference in UAR {_percent(difference['uar'])}, p = {difference['p_value']:.3g}")
    heard = result["prediction"]
    typer.echo(f"report      {result['report']}")
    made_up_as = f"a new voice, made up as {result['made_up_as']}"
    typer.echo(f"prediction  {heard['file']}: {heard['label']} ({heard['confidence']:.2f}); {made_up_as}")


def _percent(interval: dict[str, Any]) -> str:
    from emotone.reports.wording import percent

    return percent(interval)


def _changes(set_: list[str] | None, protocol: str | None) -> list[str]:
    return [*(set_ or []), *([f"data.protocol={_known(protocol)}"] if protocol else [])]


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _varied(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    if not equals or not _listed(values):
        raise RecipeError(f"--vary {text!r}: expected key=value,value, as in data.balance=none,oversample")
    return key, _listed(values)


def _known(protocol: str) -> str:
    from emotone.data.splits import PROTOCOLS

    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS)
    return protocol


def _show(run: Run, json: bool) -> None:
    """The scores of a run, and what they leave out; exit status 1 where clips could not be used."""
    scores = run.scores
    for name, reason in scores["missing"].items():
        typer.echo(
            f"emotone: without {name}: {reason} The scores speak only for {', '.join(scores['corpora'])}.", err=True
        )
    for failure in scores["failures"]:
        typer.echo(f"emotone: left out: {failure['reason']}", err=True)
    if json:
        print_json({"run": str(run.folder), "report": str(run.folder / "report.html"), **scores})
    else:
        _print_scores(str(run.folder), scores)
    if scores["failures"]:
        raise typer.Exit(1)


def _print_scores(folder: str, scores: dict[str, Any]) -> None:
    from emotone.reports.run_wording import folds_of
    from emotone.reports.wording import percent, votes_of

    independent = scores["speaker_independent"]
    mark = "speaker-independent" if independent else "NOT speaker-independent: the same voices are in train and test"
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
        print_table(("against the votes", "[95 %]"), votes_of(scores["votes"]))
    file, weights = (
        ("ensemble.json", "") if "ensemble" in scores else ("model.onnx", f"{folder}/model/weights.safetensors  ")
    )
    model = f"{folder}/model/{file}  (emotone predict FILE --model {folder})"
    if scores.get("not_exported"):
        model = f"{weights}(no exported model: {scores['not_exported']})"
    typer.echo(f"\nreport  {folder}/report.html\nmodel   {model}")
