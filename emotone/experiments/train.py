"""A recipe -> a run: read the corpora, split by speaker, extract, train, score, keep."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotone.analysis import embedding_map
from emotone.analysis.audit import audit
from emotone.data import corpora, splits
from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold
from emotone.errors import EmotoneError, SplitError
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.evaluation.votes import evaluate_votes
from emotone.features.extraction.feature_set import FeatureSet
from emotone.inference import predictor
from emotone.reports import model_card
from emotone.reports.run_page import write_report
from emotone.runs import inputs as experiment_inputs
from emotone.runs import leak_simulation
from emotone.runs import recipe as recipes
from emotone.runs import training_examples as training_side
from emotone.runs.dataset import Dataset, read_data
from emotone.runs.recipe import Recipe
from emotone.runs.run import SCORES_ALONE, Run, environment
from emotone.runs.speakers.feature_centring import NO_EXPORT, Centred, SpeakerAdaptation
from emotone.runs.speakers.history import caveat
from emotone.training import onnx_export as export
from emotone.training.examples import Epoch, Examples
from emotone.training.fit import FittedLinear, FittedNetwork, fit

FINAL = "all"
"""Name of the fit on all clips, whose model the run keeps."""
_PARITY_CLIPS = 8


class Interrupted(EmotoneError):
    """Ctrl-C: what is finished is kept, and the same command goes on from there."""


@dataclass(frozen=True)
class Step:
    """Where a long training is, for whoever draws the progress."""

    fold: int
    folds: int
    name: str
    epochs: int
    epoch: Epoch | None = None


def train(
    recipe: Recipe | str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    changes: Iterable[str] = (),
    keep_model: bool = True,
    keep_folds: bool = False,
    progress: Progress = no_progress,
    on_step: Callable[[Step], None] | None = None,
) -> Run:
    """A finished run: scores from folds, and a model trained on all clips.

    Begun before in the same folder, it goes on where it stopped and ends as if it had not.

    Args:
        recipe: a recipe, or the path of one.
        data: folder with one folder per corpus; None is `$EMOTONE_DATA`, or the current folder.
        out: the run's folder; None is `runs/<name of the recipe file>`.
        changes: `key=value` overrides.
        keep_model: False leaves out the model trained on all clips; the scores are the same. A later call makes it.
        keep_folds: keep the model of every fold that is trained in this call, too: what hears its tested voices as
            voices never heard, as `emotone stress` needs it.
        progress: called while features are extracted.
        on_step: called when a fold begins and after each epoch.

    Raises:
        EmotoneError: the text says what to do; `Interrupted` after Ctrl-C.
    """
    if not isinstance(recipe, Recipe):
        out = out or Path("runs") / Path(recipe).stem
        recipe = recipes.load(recipe, changes)
    dataset = read_data(recipe, corpora.data_folder(data))
    run = Run.begin(out or "runs/run", recipe, experiment_inputs.identity(recipe, dataset))
    is_new = not run.finished or (keep_model and not run.has_model)
    if is_new:
        _Experiment(recipe, dataset, run, keep_model, keep_folds, progress, on_step or (lambda step: None)).run()
    if is_new or not (run.folder / "report.html").exists():
        audit.write_audit(run, progress=progress)
        embedding_map.write_map(run, seed=recipe.seed)
        write_report(run.folder)
        model_card.write_card(run.folder)
    return run


class _Experiment:
    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        run: Run,
        keep_model: bool,
        keep_folds: bool,
        progress: Progress,
        on_step: Callable[[Step], None],
    ) -> None:
        self.recipe, self.run_folder, self.progress, self.on_step = recipe, run, progress, on_step
        self.keep_model, self.keep_folds = keep_model, keep_folds
        self.started = time.monotonic()
        self.model = recipe.make_model()
        self.caveats = [*recipe.make_feature().caveats, *self.model.caveats]
        if recipe.data.leak is not None:
            self.caveats.append(f"simulated leak, not a result: {leak_simulation.LEAKS[recipe.data.leak]}")
        self.features = experiment_inputs.features(recipe, dataset.table, progress=progress)
        readable = set(self.features.table.column("key").tolist())
        self.dataset = dataset
        kept = dataset.take(np.array([row.key in readable for row in dataset.table]))
        self.kept, self.features = leak_simulation.before_splitting(kept, self.features, recipe, progress=progress)
        self.table, self.labels = self.kept.table, self.kept.labels
        self.corpus_of, self.speaker_of = training_side.whose(self.table)
        self.classes = dataset.map.classes
        folds = self.kept.folds(recipe)
        self.folds = [leak_simulation.in_fold(fold, recipe.data.leak) for fold in folds[: recipe.data.run_folds]]
        self.folds_made = len(folds)
        history = experiment_inputs.history(recipe, self.features.table, progress=progress)
        self.adaptation = None if history is None else SpeakerAdaptation(self.features, history)
        self.adapted = None if history is None else history.facts(self.folds)
        if self.adapted is not None and (line := caveat(self.adapted)):
            self.caveats.append(line)
        self.seconds_fitting = 0.0

    def run(self) -> None:
        names = [fold.name for fold in self.folds]
        self.run_folder.write_utterances(self.table)
        for number, fold in enumerate(self.folds):
            if not (self.run_folder.fold(fold.name) / "predictions.csv").exists():
                fitted = self._fit(fold, number)
                self._keep_fold(fold, fitted)
        predictions = Predictions.concatenate(
            [Predictions.from_csv(self.run_folder.fold(name) / "predictions.csv") for name in names]
        )
        predictions.to_csv(self.run_folder.folder / "predictions.csv")
        self.run_folder.gather_curves(names)
        scores = {**evaluation.evaluate(predictions), "votes": evaluate_votes(predictions, self.kept.votes)}
        difference, not_exported = None, SCORES_ALONE
        if self.keep_model:
            everything = splits.everything(self.table, self.labels, name=FINAL, seed=self.recipe.seed)
            difference, not_exported = self._keep_model(self._fit(everything, len(self.folds)), scores)
            names = [*names, FINAL]
        fitting = self._seconds_fitting(names)
        seconds = time.monotonic() - self.started - self.seconds_fitting + fitting
        self.run_folder.write_json("environment.json", environment(seconds, parity=difference))
        about = {**self._about(names[-1], fitting), "not_exported": not_exported}
        self.run_folder.write_json("scores.json", {**about, **scores})
        _forget(self.run_folder.fold(FINAL))

    @property
    def _title(self) -> str:
        untrained = any(caveat.startswith("untrained") for caveat in self.caveats)
        return self.recipe.title + (" [untrained plumbing, not a result]" if untrained else "")

    def _fit(self, fold: Fold, number: int) -> FittedLinear | FittedNetwork:
        recipe, folder = self.recipe, self.run_folder.fold(fold.name)
        epochs = recipe.training.epochs
        fits = len(self.folds) + self.keep_model
        self.on_step(Step(number, fits, fold.name, epochs))
        started = time.monotonic()
        offsets = None if self.adaptation is None else self.adaptation.offsets(fold)
        train_side = training_side.examples(fold, recipe, self.kept, self.features, offsets, progress=self.progress)
        learned = set(train_side.labels[train_side.rows].tolist())
        if unheard := [label for number, label in enumerate(self.classes) if number not in learned]:
            raise SplitError(
                f"fold {fold.name}: no training clip is {' or '.join(unheard)}; too few speakers have it. Leave it out "
                "with data.labels or data.changes, or set data.folds"
            )
        fitted = fit(
            self.model,
            train_side,
            Examples(
                self._heard(fold),
                self.labels,
                fold.development,
                targets=self.kept.targets,
                only_watched=recipe.data.leak == "selection",
                corpora=self.corpus_of,
                speakers=self.speaker_of,
            ),
            len(self.classes),
            leak_simulation.training_of(recipe),
            seed=recipe.seed if recipe.training.seed is None else recipe.training.seed,
            augmentations=recipe.batch_augmentations(),
            checkpoint=folder / "checkpoint.pt",
            on_epoch=lambda epoch: self.on_step(Step(number, fits, fold.name, epochs, epoch)),
        )
        seconds = time.monotonic() - started
        self.seconds_fitting += seconds
        earlier = max(0.0, sum(epoch.seconds for epoch in fitted.curve) - seconds)  # epochs before an interruption
        about = {"seconds": round(seconds + earlier, 3), "parameters": fitted.parameters}
        self.run_folder.write_json(f"folds/{fold.name}/fitted.json", about)
        if not fitted.finished:
            self._interrupted(fitted, fold)
        return fitted

    def _heard(self, fold: Fold) -> FeatureSet:
        """The features as the fold's model hears them: as they are, or each centred on its speaker."""
        if self.adaptation is None:
            return self.features
        return Centred(self.features, self.adaptation.offsets(fold), beside=self._beside)

    @property
    def _beside(self) -> bool:
        return self.recipe.data.speaker_views == "with_original"

    def _keep_fold(self, fold: Fold, fitted: FittedLinear | FittedNetwork) -> None:
        """What a fold leaves; its predictions come last, for with them it is done."""
        run, folder, features = self.run_folder, self.run_folder.fold(fold.name), self._heard(fold)
        run.write_curve(fold.name, fitted.curve)
        self.kept.predictions(fold.development, fold.name, fitted.development).to_csv(folder / "development.csv")
        if isinstance(fitted, FittedNetwork):
            embeddings = fitted.embeddings(features, np.arange(len(self.table)))
            if embeddings is not None:
                run.write_embeddings(fold.name, embeddings)
        if self.keep_folds:
            self._exported(fitted, self._facts(fold), folder, fold)
        tested = fitted.log_probabilities(features, fold.test)
        self.kept.predictions(fold.test, fold.name, tested).to_csv(folder / "predictions.csv")
        _forget(folder)

    def _keep_model(
        self, fitted: FittedLinear | FittedNetwork, scores: dict[str, Any] | None, why: str = ""
    ) -> tuple[float | None, str]:
        """Write the model; (largest difference of the exported one, why there is none: one of the two is empty)."""
        folder = self.run_folder.folder / "model"
        everything = splits.everything(self.table, self.labels, name=FINAL, seed=self.recipe.seed)
        facts = self._facts(everything, scores["scores"]["uar"] if scores else None, why)
        return self._exported(fitted, facts, folder, everything)

    def _exported(
        self, fitted: FittedLinear | FittedNetwork, facts: export.ModelFacts, folder: Path, fold: Fold
    ) -> tuple[float | None, str]:
        """As `export.keep`, compared with the original on a few clips."""
        rows = np.linspace(0, len(self.table) - 1, min(_PARITY_CLIPS, len(self.table)), dtype=np.int64)
        refused = NO_EXPORT if self.adaptation and not self._beside else ""
        left = folder / predictor.NOT_EXPORTED
        if isinstance(fitted, FittedLinear):
            corpora = np.unique(self.table.column("corpus"))  # numbered as `training_side.whose` does
            facts = facts.model_copy(update={"sides": tuple(str(corpora[number]) for number in fitted.sides)})
        return export.keep(fitted, self.model, facts, folder, self._heard(fold), rows, left=left, refused=refused)

    def _facts(self, fold: Fold, uar: dict[str, float | None] | None = None, why: str = "") -> export.ModelFacts:
        """What the model of a fold says of itself."""
        return export.ModelFacts(
            title=self._title,
            classes=self.classes,
            audio=self.recipe.audio,
            feature={"name": self.recipe.feature.name, **self.recipe.make_feature().model_dump(mode="json")},
            trained_on=tuple(self.table.corpora()),
            protocol=self.recipe.data.protocol,
            uar=uar,
            feature_version=self.recipe.make_feature().version,
            feature_identity=self.recipe.make_feature().identity,
            unfinished=why,
            adaptation=self._speaker_facts(fold),
        )

    def _speaker_facts(self, fold: Fold) -> export.SpeakerFacts | None:
        """By what a speaker who was heard before is told from others; None where the model does not know how."""
        if self.adaptation is None or not self._beside:
            return None
        shifts = self.adaptation.emotion_shifts(fold, self.labels, len(self.classes))
        return export.SpeakerFacts.of(self.adaptation.average(fold), shifts)

    def _interrupted(self, fitted: FittedLinear | FittedNetwork, fold: Fold) -> None:
        """Keep the best so far as the run's model, then say how to go on."""
        done = len(fitted.curve)
        if done:
            self._keep_model(fitted, None, f"stopped by hand in fold {fold.name} after epoch {done}")
        kept = f"the best so far is kept in {self.run_folder.folder / 'model'}; " if done else ""
        raise Interrupted(f"stopped in fold {fold.name} after {done} epochs; {kept}the same command goes on from here")

    def _seconds_fitting(self, names: Sequence[str]) -> float:
        """Of all folds, in this process and in those before it."""
        return float(sum(self.run_folder.read_json(f"folds/{name}/fitted.json")["seconds"] for name in names))

    def _about(self, last_fit: str, train_seconds: float) -> dict[str, Any]:
        source = self.recipe.source
        return {
            "title": self._title,
            "caveats": self.caveats,
            "claimed": dict(source.claimed) if source else None,
            "claimed_on": source.claimed_on if source else "",
            "protocol": self.recipe.data.protocol,
            "learned_from": self._learned_from(),
            "speaker_independent": self.recipe.data.leak is None
            and all(splits.speaker_independent(fold, self.table) for fold in self.folds),
            "development_by": sorted({fold.development_by for fold in self.folds}),
            "labels_note": self.dataset.map.describe(),
            "targets": self.recipe.data.targets,
            "speaker_adaptation": self.adapted,
            "dropped": self.dataset.dropped,
            "missing": self.dataset.missing,
            "failures": [
                {"key": key, "file": str(file), "reason": reason} for key, file, reason in self.features.failures
            ],
            "folds": len(self.folds),
            "folds_made": self.folds_made,
            "seed": self.recipe.seed,
            "parameters": self.run_folder.read_json(f"folds/{last_fit}/fitted.json")["parameters"],
            "train_seconds": round(train_seconds, 1),
            "clips_fingerprint": self.dataset.fingerprint,
        }

    def _learned_from(self) -> list[str]:
        """The corpora of the training clips, where those that are tested are others; else none need be named."""
        if not self.recipe.data.test_on:
            return []
        rows = np.concatenate([fold.train for fold in self.folds])
        return self.table.take(rows).corpora()


def _forget(folder: Path) -> None:
    """Away with what a fold's training would have gone on from."""
    for checkpoint in folder.glob("*checkpoint.pt"):
        checkpoint.unlink()
