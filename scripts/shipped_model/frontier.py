"""Accuracy against time and size of truncated Whisper encoders: results/frontier.json, .md and .svg.

python -m scripts.shipped_model.frontier --checkpoint default=FOLDER --checkpoint fast=FOLDER

For each encoder and each number of layers k: ridge regression on mean and deviation over time of the mean of layers 1
to k, trained on all corpora. It is tested on unseen speakers (five folds), and on corpora left out. Size and time are
those of the int8 graph. The shipped models, with their own networks, stand beside them (results/default-model.json).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from emotone.data.corpora import data_folder
from emotone.experiments import train as experiment
from emotone.features.encoder import Encoder
from emotone.files import atomic_write
from emotone.inference.onnx_file import open_session
from emotone.inference.predictor import SHIPPED
from emotone.inference.speech_model import LENGTHS, SAMPLES, SHIFT
from emotone.reports.charts.drawing import INK, LINE_STYLES, figure_in_page_colours, standing_alone, svg
from emotone.runs import recipe as recipes
from emotone.runs.run import environment
from emotone.training import onnx_weights
from scripts.shipped_model.build import CORPORA, LEFT_OUT_LABELS, ROOT, RUNS
from scripts.shipped_model.measure import by_corpus

LAYERS = {"default": range(2, 7), "fast": range(1, 5)}
"""Model -> numbers of layers of its encoder that are tried."""
NAMES = {"default": "whisper-base", "fast": "whisper-tiny.en"}
SECONDS, REPEATS = 3.0, 30
SHOWN = ("ravdess", "emodb", "nemo", "ased")


def measured(model: str, layers: int, checkpoint: str, data: Path | None) -> dict[str, Any]:
    """Scores, milliseconds and megabytes of one truncated encoder."""
    content: dict[str, Any] = {
        "title": f"{NAMES[model]}, {layers} layers, ridge regression",
        "data": {"corpora": list(CORPORA), "folds": 5, "development": "none"},
        "audio": {"trim_db": 40},
        "feature": {
            "name": "encoder",
            "checkpoint": checkpoint,
            "layer": list(range(1, layers + 1)),
            "pooling": "mean_std",
            "seconds": "clip",
        },
        "model": {"name": "ridge"},
        "training": {"class_weights": 1.0, "absent_class_weight": 0.0},
    }
    folder = RUNS / "frontier" / f"{NAMES[model]}-{layers}"
    run = experiment.train(recipes.parse(content), data=data, out=folder / "speakers", keep_model=False)
    corpora = {}
    for corpus in CORPORA:
        left = {"protocol": "cross-corpus", "test_on": [corpus], "training_labels": "all", "labels": LEFT_OUT_LABELS}
        without = content | {"data": {"corpora": list(CORPORA), "development": "none", **left}}
        tested = experiment.train(recipes.parse(without), data=data, out=folder / corpus, keep_model=False)
        corpora[corpus] = by_corpus(tested.predictions)[corpus]["scores"]["uar"]
    graph = Encoder(**{name: value for name, value in content["feature"].items() if name != "name"}).graph()
    assert graph is not None
    small = onnx_weights.quantised(graph)
    return {
        "encoder": NAMES[model],
        "layers": layers,
        "megabytes": small.ByteSize() / 1e6,
        "milliseconds": milliseconds(small.SerializeToString()),
        "speakers": {name: scores["scores"]["uar"] for name, scores in by_corpus(run.predictions).items()},
        "corpora": corpora,
    }


def milliseconds(model: bytes | Path) -> float:
    """The time of a graph for 3 s of noise on one thread, the best of 30."""
    import onnxruntime

    if isinstance(model, Path):
        session = open_session(model, 1)
    else:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    samples = np.random.default_rng(0).normal(scale=0.1, size=(1, round(SECONDS * 16_000))).astype(np.float32)
    feed = {SAMPLES: samples, LENGTHS: np.array([samples.shape[1]])}
    for item in session.get_inputs():
        if item.name == SHIFT:
            feed[SHIFT] = np.zeros((1, item.shape[1]), dtype=np.float32)
    best = np.inf
    outputs = [item.name for item in session.get_outputs() if item.name in ("values", "log_probabilities")]
    for _ in range(REPEATS):
        started = time.perf_counter()
        session.run(outputs, feed)
        best = min(best, time.perf_counter() - started)
    return 1000 * float(best)


def shipped() -> list[dict[str, Any]]:
    """The same numbers of the shipped models, as far as they are measured."""
    page = json.loads((ROOT / "results" / "default-model.json").read_text(encoding="utf-8"))["models"]
    return [
        {
            "encoder": name,
            "layers": None,
            "megabytes": SHIPPED[name].stat().st_size / 1e6,
            "milliseconds": milliseconds(SHIPPED[name]),
            "speakers": {corpus: scores["uar"] for corpus, scores in found["speakers"]["alone"].items()},
            "corpora": {corpus: scores["uar"] for corpus, scores in found["corpora"]["alone"].items()},
        }
        for name, found in page.items()
    ]


def mean(scores: Mapping[str, Mapping[str, float]]) -> float:
    """Mean UAR over the corpora shown."""
    return float(np.mean([scores[corpus]["value"] for corpus in SHOWN]))


def picture(rows: list[dict[str, Any]]) -> str:
    """SVG: mean UAR against milliseconds; filled marks for unseen speakers, open ones for corpora left out."""
    with figure_in_page_colours(6.4, 3.6) as figure:
        axes = figure.subplots()
        for number, encoder in enumerate(dict.fromkeys(row["encoder"] for row in rows)):
            own = [row for row in rows if row["encoder"] == encoder]
            colour, _, marker, _ = LINE_STYLES[number % len(LINE_STYLES)]
            for kind, filled, dashes in (("speakers", colour, "-"), ("corpora", "none", ":")):
                x, y = [row["milliseconds"] for row in own], [100 * mean(row[kind]) for row in own]
                label = f"{encoder}, unseen {kind}"
                axes.plot(x, y, dashes, marker=marker, color=colour, mfc=filled, ms=6, label=label)
            for row in own:
                text = f"{row['layers']}" if row["layers"] else f"{row['megabytes']:.1f} MB"
                axes.annotate(
                    text,
                    (row["milliseconds"], 100 * mean(row["speakers"])),
                    xytext=(0, 7),
                    textcoords="offset points",
                    ha="center",
                    color=INK,
                    fontsize=8,
                )
        axes.set_xlabel("milliseconds for 3 s, one thread, int8")
        axes.set_ylabel(f"mean UAR of {len(SHOWN)} corpora, %")
        axes.set_xlim(left=0)
        axes.margins(y=0.12)
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=2)
        numbers = "; ".join(
            f"{row['encoder']} {row['layers'] or ''}: {row['milliseconds']:.0f} ms, "
            f"{100 * mean(row['speakers']):.0f} %, left out {100 * mean(row['corpora']):.0f} %"
            for row in rows
        )
        return svg(figure, "frontier", f"UAR against time. {numbers}")


def markdown(content: Mapping[str, Any]) -> str:
    """The page."""
    about = content["about"]
    lines = [
        "# Accuracy, time and size of truncated Whisper encoders",
        "",
        "Written by `python -m scripts.shipped_model.frontier` (emotone "
        f"{about['emotone']}, commit {about['commit']}, {about['hardware']}).",
        "UAR in %; unseen speakers (five folds) / corpus left out. Rows with layers: frozen encoder, the mean of",
        "layers 1 to k, its mean and deviation over time, ridge regression. `default`, `fast`: the shipped networks.",
        "",
        "![UAR against milliseconds for each encoder and number of layers; the table has the numbers](frontier.svg)",
        "",
        f"| encoder | layers | ms for 3 s | MB (int8) | {' | '.join(CORPORA)} |",
        "|---" * (4 + len(CORPORA)) + "|",
    ]
    for row in content["rows"]:
        cells = [row["encoder"], str(row["layers"] or "-"), f"{row['milliseconds']:.1f}", f"{row['megabytes']:.1f}"]
        cells += [
            f"{100 * row['speakers'][corpus]['value']:.1f} / {100 * row['corpora'][corpus]['value']:.1f}"
            for corpus in CORPORA
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with one folder per corpus; $EMOTONE_DATA if not given")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="MODEL=FOLDER", help="its encoder")
    given = parser.parse_args()
    data = data_folder(given.data)
    checkpoints = NAMES | dict(pair.partition("=")[::2] for pair in given.checkpoint)
    tried = [(model, layers) for model, counts in LAYERS.items() for layers in counts]
    rows = [measured(model, layers, checkpoints[model], data) for model, layers in track(tried, "encoders")]
    content = {"about": environment(0.0), "rows": [*rows, *shipped()]}
    for name, text in (
        ("frontier.json", json.dumps(content, indent=1) + "\n"),
        ("frontier.md", markdown(content)),
        ("frontier.svg", standing_alone(picture(content["rows"]))),
    ):
        with atomic_write(ROOT / "results" / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
