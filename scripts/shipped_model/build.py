"""Train the models that come with emotone from the corpora and checkpoints of Whisper, and write their files.

python -m scripts.shipped_model.build --checkpoint default=FOLDER --checkpoint fast=FOLDER

A folder is one of transformers or CTranslate2 (`model.bin`); without it, the checkpoint is taken from the Hugging Face
cache. Of each model are trained: five folds by speakers and the model of all clips; the folds once more with another
seed; and, for each corpus, a model without it, which is tested on it. As many are trained at once as there are
processors. What is finished is kept in runs/default; a build that was stopped continues from there. The
output `speech` is added to the files by scripts.speech_gate.fit, which must follow (`make default-model`).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotone.experiments import train as experiment
from emotone.experiments.export import export
from emotone.inference.predictor import SHIPPED as FILES
from emotone.inference.processes import map_in_processes
from emotone.runs import recipe as recipes
from emotone.runs.run import Run

ROOT = Path(__file__).parents[2]
RECIPES, RUNS = ROOT / "recipes" / "default", ROOT / "runs" / "default"
MOST_BYTES = {"default": 16_000_000, "fast": 6_500_000}
"""Model -> the largest file that is shipped."""
CORPORA = tuple(item.name for item in recipes.load(RECIPES / "default.yaml").data.corpora)
LEFT_OUT_LABELS = "seven"
"""Labels of the models that are tested on a corpus without having been trained on it: calm counts as neutral."""
OTHER_SEED = 1


def left_out(model: str, corpus: str) -> str:
    """The name of the run that is trained without a corpus."""
    return f"{model}-without-{corpus}"


def other_seed(model: str) -> str:
    """The name of the run of the other seed."""
    return f"{model}-seed-{OTHER_SEED}"


@dataclass(frozen=True)
class Training:
    """One run.

    Attributes:
        model: `default` or `fast`.
        out: the folder of the run.
        keep_model: whether a model of all clips is trained, too.
        keep_folds: whether the models of the folds are kept.
    """

    model: str
    out: Path
    data: str | None
    changes: tuple[str, ...] = ()
    keep_model: bool = False
    keep_folds: bool = True

    def run(self) -> float:
        """Train it if it is not finished; the minutes that this took."""
        import torch

        torch.set_num_threads(1)  # as many run at once as there are processors
        started = time.monotonic()
        experiment.train(
            RECIPES / f"{self.model}.yaml",
            data=self.data,
            out=self.out,
            changes=self.changes,
            keep_folds=self.keep_folds,
            keep_model=self.keep_model,
            on_step=self._report,
        )
        return (time.monotonic() - started) / 60

    def _report(self, step: experiment.Step) -> None:
        """A line on standard error as each fold begins: bars of several processes would overwrite each other."""
        if step.epoch is None:
            sys.stderr.write(f"{time.strftime('%H:%M')} {self.out}: fold {step.fold + 1} of {step.folds}\n")


def trainings(
    runs: Path, data: str | None, checkpoints: Mapping[str, str], models: Sequence[str] = tuple(FILES)
) -> list[Training]:
    """All runs, those of the shipped files first."""
    shipped, left, seeds = [], [], []
    for model in models:
        changes = (f"feature.checkpoint={checkpoints[model]}",) if model in checkpoints else ()
        shipped.append(Training(model, runs / model, data, changes, keep_model=True))
        for corpus in CORPORA:
            without = (
                "data.protocol=cross-corpus",
                f"data.test_on=[{corpus}]",
                "data.training_labels=all",
                f"data.labels={LEFT_OUT_LABELS}",
                "data.folds=null",
            )
            left.append(Training(model, runs / left_out(model, corpus), data, (*changes, *without)))
        seeds.append(Training(model, runs / other_seed(model), data, (*changes, f"training.seed={OTHER_SEED}")))
    return [*shipped, *left, *seeds]


def train(runs: Sequence[Training], processes: int) -> None:
    """Train several at once."""
    sys.stderr.write(f"{len(runs)} to train, {processes} at once; finished ones take no time\n")
    done = zip(runs, map_in_processes(Training.run, runs, processes), strict=True)
    for number, (training, minutes) in enumerate(done, start=1):
        sys.stderr.write(f"{number} of {len(runs)}: {training.out}, {minutes:.0f} min\n")


def write(runs: Path, model: str) -> None:
    """Write the file of a model, calibrated on the corpora that were left out."""
    file = FILES[model]
    file.parent.mkdir(exist_ok=True)
    export(runs / model, file, left_out=[runs / left_out(model, corpus) for corpus in CORPORA], weights="int8")
    size = file.stat().st_size
    sys.stderr.write(f"{file}: {size / 1e6:.2f} MB\n")
    if size > MOST_BYTES[model]:
        raise SystemExit(f"{file} has {size} bytes; at most {MOST_BYTES[model]} are allowed")


def is_finished(runs: Path, name: str) -> bool:
    """Whether a run is finished."""
    return Run(runs / name).finished


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with one folder per corpus; $EMOTONE_DATA if not given")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="MODEL=FOLDER", help="its encoder")
    parser.add_argument("--only", choices=sorted(FILES), action="append", help="train and write this model only")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="runs trained at once")
    given = parser.parse_args()
    checkpoints = dict(pair.partition("=")[::2] for pair in given.checkpoint)
    models = given.only or list(FILES)
    train(trainings(given.runs, given.data, checkpoints, models), given.processes)
    for model in models:
        write(given.runs, model)


if __name__ == "__main__":
    from scripts.shipped_model.build import main as as_module  # by this name other processes find what they are given

    as_module()
