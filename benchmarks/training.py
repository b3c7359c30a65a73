"""Training clips per second of every architecture, in fp32 and in bf16 with channels last, in one run.

    python benchmarks/training.py [--steps 8] [--json]

Batches of 32 random clips in the shape of the recipe's feature; forward, backward and step, on all cores. The two
precisions alternate; the result is the median of the steps. Also: one epoch of a recipe over a real corpus,

    python benchmarks/training.py --epoch recipes/utbm/cnn-blstm-attention.yaml --corpus ravdess [--data FOLDER]

with reading, augmentation and evaluation of the development clips, as in `emotone train`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotone.experiments import train as experiment
from emotone.experiments.train import Step
from emotone.models import Network
from emotone.models.layers.standardised import Standardised
from emotone.runs import recipe as recipes
from emotone.training.loop import keep_memory
from emotone.training.optimizer import make_optimizer

RECIPES = Path(__file__).parent.parent / "recipes"
SHAPES = {
    "sononet/cnn": (94, 128),
    "sononet/bigru-attention": (94, 128),
    "nancy/mel-cnn": (94, 128),
    "nancy/mfcc-cnn-lstm": (100, 40),
    "ba865/cnn": (130, 141),
    "related/deep-stride-cnn": (125, 128),
    "related/lstm": (150, 40),
    "related/cnn2d": (150, 64),
    "related/cnn2d-lstm-attention": (150, 64),
    "utbm/cnn": (3, 128, 128),
    "utbm/lstm": (3, 128, 128),
    "utbm/cnn-lstm": (3, 128, 128),
    "utbm/cnn-blstm-attention": (3, 128, 128),
    "utbm/mobilenetv3": (3, 128, 128),
    "utbm/resnet50": (3, 128, 128),
    "utbm/vgg19": (3, 128, 128),
}
BATCH, CLASSES = 32, 7


class Trainer:
    """One network in one precision, a step at a time."""

    def __init__(self, name: str, shape: tuple[int, ...], bf16: bool) -> None:
        weights = ["model.weights=random"] if name in ("utbm/mobilenetv3", "utbm/resnet50", "utbm/vgg19") else []
        recipe = recipes.load(RECIPES / f"{name}.yaml", weights)
        model = recipe.make_model()
        assert isinstance(model, Network)
        torch.manual_seed(0)
        bands = np.zeros((1, 1, 1) if len(shape) == 3 else 1, dtype=np.float32)
        self.module = Standardised(model.build(shape, CLASSES), bands, bands + 1).train()
        self.bf16 = bf16
        if bf16:
            self.module = self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(model.parameter_groups(self.module.network), recipe.training)
        self.values = torch.randn(BATCH, *shape)
        self.lengths = torch.full((BATCH,), shape[0] if len(shape) == 2 else shape[-1])
        self.labels = torch.arange(BATCH) % CLASSES

    def step(self) -> float:
        """Seconds of one step."""
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            scores = self.module(self.values, self.lengths)
        torch.nn.functional.cross_entropy(scores.float(), self.labels).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return time.perf_counter() - started


def measure(name: str, shape: tuple[int, ...], steps: int) -> dict[str, float]:
    """Clips per second in both precisions."""
    trainers = {"fp32": Trainer(name, shape, False), "bf16": Trainer(name, shape, True)}
    seconds: dict[str, list[float]] = {precision: [] for precision in trainers}
    for number in range(steps + 2):  # the first two warm up
        for precision, trainer in trainers.items():
            taken = trainer.step()
            if number >= 2:
                seconds[precision].append(taken)
    parameters = sum(weight.numel() for weight in trainers["fp32"].module.parameters())
    rates = {precision: BATCH / float(np.median(taken)) for precision, taken in seconds.items()}
    return {**rates, "ratio": rates["bf16"] / rates["fp32"], "parameters": parameters}


def epoch_seconds(path: Path, corpus: str, data: str | None, epochs: int) -> dict[str, Any]:
    """Seconds of each epoch of a recipe over all clips of a corpus except those of its development speakers."""
    seconds: list[float] = []

    def collect(step: Step) -> None:
        if step.epoch is not None:
            seconds.append(step.epoch.seconds)

    changes = [f"data.corpora=[{corpus}]", f"training.epochs={epochs}", "training.patience=0", "data.balance=none"]
    changes += ["data.protocol=random", "data.folds=20", "data.run_folds=1"]
    with tempfile.TemporaryDirectory() as folder:
        run = experiment.train(
            path, data=data, changes=changes, out=Path(folder) / "run", keep_model=False, on_step=collect
        )
        clips = round(run.scores["clips"] * 20 * 0.95)  # one fold of twenty is tested
    return {
        "recipe": str(path),
        "corpus": corpus,
        "clips": clips,
        "epoch_s": float(np.median(seconds)),
        "epochs": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--epoch", type=Path, help="a recipe: measure its epochs over a corpus instead")
    parser.add_argument("--corpus", default="ravdess")
    parser.add_argument("--data", help="folder of the corpora; $EMOTONE_DATA if not given")
    options = parser.parse_args()
    keep_memory()
    torch.set_flush_denormal(True)
    facts = {"machine": platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__}
    if options.epoch is not None:
        print(json.dumps({**epoch_seconds(options.epoch, options.corpus, options.data, 3), **facts}))
        return
    found = {}
    if not options.json:
        print(f"{'network':<30}{'parameters':>12}{'fp32':>8}{'bf16':>8}{'ratio':>7}   clips/s")
    for name, shape in SHAPES.items():
        row = found[name] = measure(name, shape, options.steps)
        if not options.json:
            print(f"{name:<30}{row['parameters']:>12,}{row['fp32']:>8.0f}{row['bf16']:>8.0f}{row['ratio']:>7.2f}")
    if options.json:
        print(json.dumps({"clips_per_s": found, **facts}, indent=1))


if __name__ == "__main__":
    main()
