"""Recipe: the settings of one experiment, with types, defaults and descriptions."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emotone import augment as augmentations
from emotone import features, models
from emotone.audio.read import AudioSettings
from emotone.data.speaker_ids import SpeakerIds
from emotone.errors import EmotoneError, RecipeError, UnknownName
from emotone.runs import recipe_files
from emotone.training.settings import Settings, TrainingSettings

Protocol = Literal["speakers", "random", "cross-corpus"]
Leak = Literal["scaling", "selection", "oversampling", "copies", "training"]
_MAX_TEXT = 1000
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Item(BaseModel):
    """Something from a shelf with its settings: `log_mel`, or `{name: log_mel, mels: 64}`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(description="Its name on the shelf.")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """The settings besides the name."""
        return dict(self.model_extra or {})


class SourceSettings(Settings):
    report: str = Field(description="Where the system is described.")
    id: str = Field("", description="Its id there.")
    claimed: dict[str, float] = Field(default_factory=dict, description="Score -> what was claimed, 0 to 1.")
    claimed_on: str = Field("", description="Corpora and split of the claim, as far as the source states them.")
    note: str = Field("", description="What the source leaves open, and what was chosen here.")


class DataSettings(Settings):
    corpora: tuple[Item, ...] = Field(min_length=1, description="Names on the corpus shelf, or paths of tables.")
    labels: Literal["all", "four", "five", "six", "seven"] | tuple[str, ...] = Field(
        "all", description="A common label set, a list of labels, or `all` emotions of the corpora."
    )
    changes: dict[str, str] = Field(
        default_factory=dict,
        description="Emotion -> label or `drop`, in addition to the defaults (calm -> neutral ...).",
    )
    protocol: Protocol = Field(
        "speakers",
        description="speakers: no speaker is on both sides. random: split by clip. cross-corpus: unseen corpora.",
    )
    test_on: tuple[str, ...] = Field(
        (), description="cross-corpus: test only these corpora, with a model trained on the others; none: each in turn."
    )
    training_labels: Literal["shared", "all"] = Field(
        "shared",
        description="cross-corpus: train on the labels that training and test corpora share; or on all labels of the "
        "training corpora, as a model for any corpus is trained.",
    )
    speaker_ids: SpeakerIds = Field(
        "strict",
        description="Ids that differ only by case, blanks, leading zeros or .0: strict, refused; merge, one speaker.",
    )
    folds: int | None = Field(None, ge=2, description="Number of folds; none: the published folds of the corpus, or 5.")
    run_folds: int | None = Field(
        None, ge=1, description="Run only the first N folds; folds: 5 and run_folds: 1 is one split 80/20."
    )
    development: Literal["held_out", "none"] = Field(
        "held_out",
        description="Clips of some training speakers choose the best epoch and calibrate the model; none: all are "
        "trained on, for all epochs, and the model is not calibrated.",
    )
    targets: Literal["label", "votes"] = Field(
        "label", description="Training target: the label, or the votes of listeners (the label where a clip has none)."
    )
    leak: Leak | None = Field(
        None, description="A simulated leak, to measure what it adds to a score; the scores are not a result."
    )
    balance: Literal["none", "undersample", "oversample"] = Field(
        "none",
        description="Training clips: all; or every class cut to the rarest, or raised to the most frequent class.",
    )
    speaker_seconds: Literal["all"] | Seconds | None = Field(
        None,
        description="Subtract from each clip the mean of other clips of its speaker: of N seconds, or of all. Test "
        "speakers too, without labels (transductive). none: no centring.",
    )
    pictures: str | None = Field(
        None, description="Folder of pictures that `emotone pictures` wrote; none: computed from audio."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> DataSettings:
        if self.test_on and self.protocol != "cross-corpus":
            raise ValueError(f"test_on needs protocol cross-corpus, not {self.protocol}")
        if self.training_labels == "all" and not self.test_on:
            raise ValueError("training_labels all needs test_on, the corpora that are not trained on")
        if self.speaker_seconds is not None and (self.protocol == "random" or self.leak):
            raise ValueError(
                "speaker_seconds needs test speakers that are not in training; take protocol speakers or cross-corpus, "
                "without a leak"
            )
        return self


class AugmentSettings(Settings):
    waveform: tuple[Item, ...] = Field((), description="Changes to the waveform of extra copies of training clips.")
    copies: int = Field(
        0, ge=0, description="Extra copies of every training clip, in addition to those of oversampling."
    )
    each_copy: Literal["all", "one"] = Field(
        "all", description="Each copy is changed by all of these in turn, or by one of them, chosen at random."
    )
    spectrogram: tuple[Item, ...] = Field((), description="Changes to the sequences of every training batch.")
    image: tuple[Item, ...] = Field((), description="Changes to the images of every training batch.")


class Recipe(Settings):
    """One experiment. A recipe file holds what differs from these defaults."""

    title: str = Field(description="One line for tables.")
    source: SourceSettings | None = Field(None, description="Where the system is described, and what was claimed.")
    data: DataSettings
    audio: AudioSettings = AudioSettings()
    feature: Item
    augment: AugmentSettings = AugmentSettings()
    model: Item
    training: TrainingSettings = TrainingSettings()
    seed: int = Field(0, ge=0, description="Seed of every random choice.")

    def make_feature(self) -> features.Feature:
        """The feature with its settings."""
        return features.make(self.feature.name, **self.feature.settings)

    def make_model(self) -> models.Model:
        """The model with its settings."""
        return models.make(self.model.name, **self.model.settings)

    def make_augmentations(self, domain: augmentations.Domain) -> list[augmentations.Augmentation]:
        """The augmentations for waveforms, spectrograms or pictures."""
        items: tuple[Item, ...] = getattr(self.augment, domain)
        return [augmentations.make(item.name, **item.settings) for item in items]

    def batch_augmentations(self) -> list[augmentations.Augmentation]:
        """The augmentations for training batches of the feature: of spectrograms or of pictures."""
        return self.make_augmentations("image" if self.make_feature().kind == "image" else "spectrogram")

    def to_yaml(self) -> str:
        """Every setting as YAML, with the defaults: recipe.yaml of a run folder."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)

    def fingerprint(self) -> str:
        """A short hash of everything that changes the result (not title, source and folder of pictures)."""
        settings = self.model_dump(
            mode="json", exclude={"title": True, "source": True, "data": {"pictures", "speaker_ids"}}
        )
        return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def load(path: str | os.PathLike[str], changes: Iterable[str] = ()) -> Recipe:
    """The recipe in a YAML file, what it `extends` included.

    Args:
        path: the file.
        changes: `key.key=value` overrides, the value as YAML (`training.epochs=5`, `data.corpora=[emodb]`).

    Raises:
        RecipeError: not readable, an unknown setting, a wrong value, or files that extend each other in a circle.
    """
    return parse(recipe_files.read(Path(path)), name=str(path), changes=changes)


def parse(content: Mapping[str, Any], *, name: str = "recipe", changes: Iterable[str] = ()) -> Recipe:
    """The recipe in a mapping; raises as `load` does.

    >>> plain = {"title": "x", "data": {"corpora": ["emodb"]}, "feature": "functionals", "model": "lda"}
    >>> parse(plain, changes=["training.epochs=5"]).training.epochs
    5
    """
    try:
        merged = json.loads(json.dumps(content, default=str))
        for change in changes:
            _apply(merged, change)
        json.dumps(merged, ensure_ascii=False).encode("utf-8")  # a run keeps its recipe as UTF-8
    except (TypeError, ValueError, RecursionError) as problem:
        reason = " ".join(str(problem).split())[:_MAX_TEXT]
        raise RecipeError(f"{name}: keys must be text, values text, numbers, lists or mappings ({reason})") from problem
    try:
        recipe = Recipe.model_validate(merged)
        feature, model = recipe.make_feature(), recipe.make_model()
        for domain in get_args(augmentations.Domain):
            recipe.make_augmentations(domain)
    except ValidationError as problem:
        raise RecipeError(f"{name}: {_explain(problem)}") from problem
    except UnknownName as problem:
        raise RecipeError(f"{name}: {' '.join(str(problem).split())[:_MAX_TEXT]}") from problem
    if (misfit := _misfit(recipe, feature, model)) is not None:
        raise RecipeError(f"{name}: {misfit}")
    return recipe


def _needs_development(recipe: Recipe) -> str:
    """The setting for which development clips are needed, or nothing."""
    training = recipe.training
    needs = {
        "training.patience": training.patience > 0,
        "training.refit_on_all": training.refit_on_all,
        "training.thresholds": training.thresholds,
        "training.scheduler plateau": training.scheduler == "plateau",
        "data.leak selection": recipe.data.leak == "selection",
    }
    return next((setting for setting, used in needs.items() if used), "")


def _misfit(recipe: Recipe, feature: features.Feature, model: models.Model) -> str | None:
    """Which settings do not fit together, and what to do; None if all fit."""
    gives = f"{recipe.feature.name} gives {_a(feature.kind)}"
    if feature.kind not in model.takes:
        takes = " or ".join(_a(kind) for kind in model.takes)
        return f"{recipe.model.name} takes {takes}, but {gives}; choose another feature or model"
    if recipe.data.targets == "votes" and isinstance(model, models.LinearModel) and not model.learns_votes:
        able = [name for name in models.shelf.names() if getattr(models.shelf.get(name), "learns_votes", False)]
        return (
            f"{recipe.model.name} learns from one label per clip; for data.targets=votes take {' or '.join(able)}, "
            "or a network"
        )
    if recipe.data.development == "none" and (reason := _needs_development(recipe)):
        return f"data.development none, but {reason} needs development clips; change one of them"
    if recipe.training.histories and not getattr(model, "takes_history", False):
        able = [name for name in models.shelf.names() if getattr(models.shelf.get(name), "takes_history", False)]
        return f"{recipe.model.name} takes no speaker histories; for training.histories take {' or '.join(able)}"
    for domain in get_args(augmentations.Domain):
        for item in recipe.make_augmentations(domain):
            if domain not in item.domains:
                return f"{type(item).__name__} does not work on {_a(domain)}"
    if feature.kind == "image" and recipe.augment.spectrogram:
        return f"augment.spectrogram is for sequences, but {gives}; use augment.image"
    if feature.kind != "image" and recipe.augment.image:
        return f"augment.image is for images, but {gives}; use augment.spectrogram"
    if feature.kind not in ("vector", "sequence") and recipe.data.speaker_seconds is not None:
        return f"data.speaker_seconds centres vectors and sequences, but {gives}; leave it out"
    if feature.kind != "image" and recipe.data.pictures:
        return f"data.pictures holds images, but {gives}; leave it out, or use the feature spectrogram_image"
    return None


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _apply(content: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    if not equals or not key:
        raise RecipeError(f"setting {change!r:.100}: expected key=value, as in training.epochs=5")
    *parents, last = key.strip().split(".")
    place = content
    for parent in parents:
        inner = place.setdefault(parent, {})
        if isinstance(inner, str) and parent in ("feature", "model"):  # `model: lda` is short for `{name: lda}`
            inner = place[parent] = {"name": inner}
        if not isinstance(inner, dict):
            raise RecipeError(f"setting {change!r:.100}: {parent!r} is {inner!r:.50}, which has no settings")
        place = inner
    try:
        place[last] = json.loads(json.dumps(recipe_files.from_yaml(value), default=str))
    except (yaml.YAMLError, TypeError, ValueError) as problem:
        reason = " ".join(str(problem).split())
        raise RecipeError(f"setting {change!r:.100}: {value!r:.50} is not a value ({reason:.200})") from problem


def _explain(problem: ValidationError) -> str:
    """The errors of validation, separated by `;`; for an unknown setting with the nearest known one."""
    lines = []
    for error in problem.errors():
        place = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            known = _fields_at(problem.title, error["loc"])
            try:
                raise UnknownName("setting", place, [".".join([*map(str, error["loc"][:-1]), name]) for name in known])
            except EmotoneError as unknown:
                lines.append(str(unknown))
        else:
            came = "" if error["type"] == "missing" else f", came {error['input']!r:.100}"
            lines.append(f"{place or problem.title}: {error['msg']}{came}")
    return " ".join("; ".join(lines).split())[:_MAX_TEXT]


def _fields_at(title: str, location: tuple[int | str, ...]) -> list[str]:
    """The known settings at the place of an error."""
    if title != "Recipe":  # a feature, model or augmentation: the class has the settings
        for shelf in (features.shelf, models.shelf, augmentations.shelf):
            for name in shelf.names():
                if title == "".join(part.capitalize() for part in name.split("_")):
                    return [*shelf.get(name).model_fields]
        return []
    place: Any = Recipe
    for part in location[:-1]:
        inner = place.model_fields[str(part)].annotation
        place = SourceSettings if part == "source" else inner
    return [*place.model_fields]
