"""Builds the model that comes with emotone from the corpora.

python -m scripts.default_model.build           train what is not trained yet, put it together, write the file
python -m scripts.default_model.build --ablate  also train what is only measured (another seed, parts left out)

As many members are trained at once as there are processors. What was trained is kept under runs/default; stopped and
begun again, it goes on from there.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotone.experiments import export as deploy
from emotone.experiments import train as experiment
from emotone.experiments.ensemble import ensemble
from emotone.inference.predictor import DEFAULT_MODEL
from emotone.inference.processes import map_in_processes
from emotone.runs.run import Run

ROOT = Path(__file__).parents[2]
RECIPES, RUNS = ROOT / "recipes" / "default", ROOT / "runs" / "default"
TITLE = "emotone's default model: kernel machines, a perceptron, networks on contours and on log-mels, from scratch"
MOST_BYTES = 6_000_000
KINDS = ("kernel", "correlations", "mlp", "contours", "log-mels")
"""Of members; what takes longest to train stands last."""
LEARNED_BY_CHANCE = ("mlp", "contours", "log-mels")
"""Of these kinds there is one more of another seed, which is only measured; the rest of chance is alike."""
AS_THEY_ARE = ("contours", "log-mels")
"""Kinds that hear the clips of known speakers as those of others; only their scores are centred."""
SEED, OTHER_SEED = 0, 1
SHARES = {
    "": {
        "ravdess": (0.2, 0.2, 0.0, 0.4, 0.2),
        "emodb": (0.1, 0.3, 0.2, 0.2, 0.2),
        "nemo": (0.3, 0.0, 0.2, 0.2, 0.3),
        "tess": (0.2, 0.17, 0.13, 0.27, 0.23),
    },
    "-known": {
        "ravdess": (0.3, 0.1, 0.0, 0.3, 0.3),
        "emodb": (0.3, 0.2, 0.2, 0.2, 0.1),
        "nemo": (0.3, 0.0, 0.2, 0.3, 0.2),
        "tess": (0.3, 0.1, 0.13, 0.27, 0.2),
    },
}
"""For speakers that are not known, and that are: corpus -> what each kind of member has to say of clips that sound so;
chosen by development speakers (default_model_shares.py). TESS has the mean of the others: it has none of its own."""
KNOWN_S = 60.0
"""Seconds of speech of a known speaker, as in the recipes."""


def member(kind: str, suffix: str = "", seed: int = SEED) -> str:
    """The run of a kind, for speakers that are not known or (`-known`) that are; some kinds have one for both.

    >>> member("kernel", "-known"), member("mlp", "-known", 1), member("contours", "-known")
    ('kernel-known', 'mlp-known-1', 'contours-0')
    """
    name = recipe(kind, suffix)
    return f"{name}-{seed}" if kind in LEARNED_BY_CHANCE else name


def recipe(kind: str, suffix: str = "") -> str:
    """The name of its recipe."""
    return kind if kind in AS_THEY_ARE else f"{kind}{suffix}"


def members(suffix: str = "", seed: int = SEED) -> list[str]:
    """The runs of an ensemble."""
    return [member(kind, suffix, seed) for kind in KINDS]


RECIPE_OF = {
    member(kind, suffix, seed): recipe(kind, suffix)
    for seed in (SEED, OTHER_SEED)
    for kind in KINDS
    for suffix in SHARES
}
"""Name of a run -> its recipe."""
ABLATIONS = {
    "kernel, corpora share everything": ["model.own_penalty=0"],
    "kernel, copies only faster or slower": ["augment.waveform=[{name: speed, slowest: 0.85, fastest: 1.18}]"],
    "kernel, no copies": ["augment.copies=0", "augment.waveform=[]"],
}
"""The kernel machine with something left out; measured, not shipped."""
LEFT_ONE_OUT = "leave-one-out"
"""Where every member is trained once more, with every speaker of EmoDB and nEMO in a fold of his or her own."""


@dataclass(frozen=True)
class Training:
    """Of one member; `whole`: with a model of all clips, which is to be shipped."""

    name: str
    out: Path
    data: str | None
    changes: tuple[str, ...]
    whole: bool
    keep_folds: bool = True

    def run(self) -> float:
        """Where it is not finished yet; the minutes that it took."""
        started = time.monotonic()
        seed = [f"training.seed={OTHER_SEED}"] if self.name.endswith(f"-{OTHER_SEED}") else []
        experiment.train(
            RECIPES / f"{RECIPE_OF[self.name]}.yaml",
            data=self.data,
            out=self.out,
            changes=[*self.changes, *seed],
            keep_folds=self.keep_folds,
            keep_model=self.whole,
            on_step=self._tell,
        )
        return (time.monotonic() - started) / 60

    def _tell(self, step: experiment.Step) -> None:
        """A line on standard error as each fold begins: bars of several processes would overwrite each other."""
        if step.epoch is None:
            sys.stderr.write(f"{time.strftime('%H:%M')} {self.out}: fold {step.fold + 1} of {step.folds}\n")


def trainings(
    names: Iterable[str], runs: Path, data: str | None, changes: Sequence[str] = (), *, whole: bool
) -> list[Training]:
    """Of these members, what takes longest first."""
    longest_first = sorted(dict.fromkeys(names), key=lambda name: -KINDS.index(RECIPE_OF[name].removesuffix("-known")))
    return [Training(name, runs / name, data, tuple(changes), whole) for name in longest_first]


def train(all_of_them: Sequence[Training], processes: int) -> None:
    """So many at once; lines on standard error say how far they are."""
    sys.stderr.write(f"{len(all_of_them)} to train, {processes} at once; what is done already takes no time\n")
    done = zip(all_of_them, map_in_processes(Training.run, all_of_them, processes), strict=True)
    for number, (training, minutes) in enumerate(done, start=1):
        sys.stderr.write(f"{number} of {len(all_of_them)}: {training.out}, {minutes:.0f} min\n")


def build(runs: Path, data: str | None, processes: int) -> None:
    """Train, put together, write the file that comes with emotone."""
    train(trainings((name for suffix in SHARES for name in members(suffix)), runs, data, whole=True), processes)
    made = together(runs)
    DEFAULT_MODEL.parent.mkdir(exist_ok=True)
    deploy.export(made["default"].folder, DEFAULT_MODEL, known=made["default-known"].folder, title=TITLE)
    size = DEFAULT_MODEL.stat().st_size
    sys.stderr.write(f"{DEFAULT_MODEL}: {size / 1e6:.2f} MB\n")
    if size > MOST_BYTES:
        raise SystemExit(f"{DEFAULT_MODEL} has {size} bytes; at most {MOST_BYTES} are right")


def ablate(runs: Path, data: str | None, processes: int) -> None:
    """What is only measured: another seed, the kernel machine with something left out, all with a speaker left out."""
    shipped = [name for suffix in SHARES for name in members(suffix)]
    left_out = [
        Training("kernel", ablation(runs, name), data, tuple(changes), whole=False, keep_folds=False)
        for name, changes in ABLATIONS.items()
    ]
    train(
        [
            *trainings([name for name in RECIPE_OF if name not in shipped], runs, data, whole=True),
            *left_out,
            *trainings(shipped, runs / LEFT_ONE_OUT, data, ["data.folds=10"], whole=False),
        ],
        processes,
    )
    together(runs, OTHER_SEED)


def is_finished(runs: Path, seed: int = SEED) -> bool:
    """Whether all members of a seed in a folder, for unknown and for known speakers, are trained."""
    return all((runs / name / "scores.json").is_file() for suffix in SHARES for name in members(suffix, seed))


def ablation(runs: Path, name: str) -> Path:
    """The folder of one of them."""
    return runs / "ablations" / name.replace(", ", "-").replace(" ", "_")


def together(runs: Path, seed: int = SEED) -> dict[str, Run]:
    """The ensembles for unknown and for known speakers; of the other seed, that it may be stressed, too."""
    made = {}
    for suffix, heard_s in (("", None), ("-known", KNOWN_S)):
        folders = [runs / one for one in members(suffix, seed)]
        out = runs / f"{'default' if seed == SEED else 'other-seed'}{suffix}"
        made[out.name] = ensemble(folders, out=out, weights=SHARES[suffix], speaker_seconds=heard_s)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with one folder per corpus; $EMOTONE_DATA if not given")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    parser.add_argument("--ablate", action="store_true", help="only what is measured beside the model")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="members trained at once")
    given = parser.parse_args()
    (ablate if given.ablate else build)(given.runs, given.data, given.processes)


if __name__ == "__main__":
    from scripts.default_model.build import main as as_module  # by this name other processes find what they are handed

    as_module()
