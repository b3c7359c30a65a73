"""What the files of a run folder must contain, so that a damaged one is found when it is read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class Interval(_Part):
    value: float | None
    low: float | None
    high: float | None


class Scores(_Part):
    uar: Interval
    accuracy: Interval
    macro_f1: Interval


class Failure(_Part):
    key: str
    file: str
    reason: str


class CorpusScores(_Part):
    clips: int
    speakers: int
    scores: Scores
    most_confused: list[dict[str, Any]]


class ScoresFile(_Part):
    """scores.json of a run or an ensemble; more keys are allowed."""

    title: str
    caveats: list[str]
    claimed: dict[str, float] | None
    claimed_on: str
    protocol: str
    speaker_independent: bool
    development_by: list[str]
    labels_note: str
    dropped: int
    missing: dict[str, str]
    failures: list[Failure]
    folds: int
    folds_made: int
    seed: int
    clips_fingerprint: str
    parameters: int
    train_seconds: float
    not_exported: str
    classes: Annotated[list[str], Field(min_length=1)]
    clips: int
    speakers: int
    corpora: list[str]
    scores: Scores
    per_class: dict[str, dict[str, Any]]
    per_corpus: dict[str, CorpusScores]
    per_speaker: dict[str, dict[str, Any]]


class EnvironmentFile(_Part):
    """environment.json."""

    seconds: float
    commit: str | None
    hardware: str
    command: str


class StartedFile(_Part):
    """started.json."""

    inputs: dict[str, Any]
    at: str


class FittedFile(_Part):
    """fitted.json of a fold."""

    seconds: float
    parameters: int


class EnsembleRecipe(_Part):
    """ensemble.yaml."""

    members: Annotated[list[str], Field(min_length=1)]
    level: str


FORMS: dict[str, type[BaseModel]] = {
    "scores.json": ScoresFile,
    "environment.json": EnvironmentFile,
    "started.json": StartedFile,
    "fitted.json": FittedFile,
    "ensemble.yaml": EnsembleRecipe,
}
"""File name -> what it must contain."""
_MAPPING = TypeAdapter(dict[str, Any])


def check(name: str, content: Any) -> dict[str, Any]:
    """The content of a JSON or YAML file, if it is what a file of this name must contain.

    Raises:
        ValueError: it is not; a pydantic.ValidationError.
    """
    if name in FORMS:
        FORMS[name].model_validate(content)
    return _MAPPING.validate_python(content)
