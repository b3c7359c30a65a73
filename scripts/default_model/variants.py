"""Writes results/default-model-variants.md: the default model with smaller numbers, how good, how large and how fast.

python -m scripts.default_model.build; python -m scripts.default_model.variants
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from emotone.files import atomic_write
from emotone.inference.onnx_model import OnnxModel
from emotone.inference.predictor import DEFAULT_MODEL
from emotone.reports import wording
from emotone.runs.run import environment
from emotone.training.onnx_weights import in_half_precision
from scripts.default_model.build import ROOT, RUNS, SEED
from scripts.default_model.fold_models import Listener
from scripts.default_model.page import by_corpus
from scripts.default_model.text import TARGETS

_LEAST = 1024  # numbers that a tensor must hold to be worth making smaller; export holds no smaller one short
_CLIPS = 300


def as_it_is(file: Path, out: Path) -> None:
    """The file itself."""
    out.write_bytes(file.read_bytes())


def half(file: Path, out: Path) -> None:
    """Every large float32 tensor rounded to half precision, and held so."""
    model = onnx.load(str(file))
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= _LEAST:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16).astype(np.float32), tensor.name))
    onnx.save(in_half_precision(model), str(out))


def eight_bit(file: Path, out: Path) -> None:
    """Matrix products and convolutions in int8, scaled for each clip (onnxruntime's dynamic quantisation)."""
    quantize_dynamic(file, out, weight_type=QuantType.QInt8, extra_options={"MatMulConstBOnly": True})


VARIANTS: dict[str, Callable[[Path, Path], None]] = {"as shipped": as_it_is, "fp16": half, "int8": eight_bit}


def speed_ms(file: Path, pieces: list) -> float:  # type: ignore[type-arg]
    """Milliseconds of the graph per clip, the median; one thread."""
    model, took = OnnxModel(file, threads=1), []
    for piece in pieces:
        started = time.perf_counter()
        model.log_probabilities([piece])
        took.append(1000 * (time.perf_counter() - started))
    return float(np.median(took))


def main(runs: Path) -> None:
    listener = Listener(runs, SEED)
    drawn = np.random.default_rng(0).permutation(len(listener.pieces))[:_CLIPS].tolist()
    some, rows, content = [listener.pieces[row] for row in drawn], [], {}
    with TemporaryDirectory() as folder:
        for name, convert in VARIANTS.items():
            files = {fold: Path(folder) / f"{name}-{fold}.onnx" for fold in listener.files}
            for fold, file in files.items():
                convert(listener.files[fold], file)
            convert(DEFAULT_MODEL, shipped := Path(folder) / f"{name}.onnx")
            scores = by_corpus(listener.listen_to(files))
            size, took_ms = shipped.stat().st_size / 1e6, speed_ms(shipped, some)
            cells = [wording.percent(scores[corpus]["scores"]["uar"]) for corpus in TARGETS]
            rows.append(f"| {name} | {size:.2f} | {took_ms:.2f} | " + " | ".join(cells) + " |")
            uar = {corpus: scores[corpus]["scores"]["uar"] for corpus in TARGETS}
            content[name] = {"megabytes": size, "graph_ms": took_ms, "uar": uar}
    about = environment(0.0)
    lines = [
        "# The default model in lower precision",
        "",
        fill(
            f"Written by `python -m scripts.default_model.variants` (commit {about['commit']}, {about['hardware']}). "
            "UAR in % [95 % over speakers] by the models of the folds, on unseen speakers; size of "
            f"the file; milliseconds of the graph alone per clip (median of {_CLIPS} clips, one thread).",
            116,
        ),
        "",
        "| | MB | ms | " + " | ".join(TARGETS) + " |",
        "|---|---|---|" + "---|" * len(TARGETS),
        *rows,
        "",
        fill(
            "The matrices of kernel machines and perceptrons are float16 in all three, since they were rounded when "
            "they were fitted. The first is published: float16 saves little, int8 is slower here.",
            116,
        ),
    ]
    out = ROOT / "results" / "default-model-variants"
    with atomic_write(out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({"variants": content, "environment": about}, indent=1), encoding="utf-8")
    with atomic_write(out.with_suffix(".md")) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    main(parser.parse_args().runs)
