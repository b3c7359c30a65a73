"""How a model is trained: the part `training` of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """A part of a recipe: unknown keys are errors, values cannot be changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSettings(Settings):
    seed: int | None = Field(
        None, ge=0, description="Of training alone, so that members of an ensemble share development clips. none: seed."
    )
    epochs: int = Field(50, gt=0, description="Most passes over the training clips.")
    batch: int = Field(32, gt=0, description="Clips per batch.")
    batch_frames: int | None = Field(
        None, gt=0, description="Most frames or samples per batch, padding counted; clips of like length share one."
    )
    accumulate: int = Field(1, gt=0, description="Batches whose gradients make one step.")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adamw", description="How the weights move.")
    learning_rate: float = Field(1e-3, gt=0, description="Step size (for one_cycle: its peak).")
    weight_decay: float = Field(0.01, ge=0, description="Pull towards zero on weights of two or more dimensions.")
    l2: float = Field(
        0.0, ge=0, description="Adds this times the sum of squares of the weights to the loss (Keras's l2 regulariser)."
    )
    clip_norm: float | None = Field(1.0, gt=0, description="Longest gradient; longer ones are scaled down.")
    scheduler: Literal["none", "plateau", "cosine", "one_cycle", "linear"] = Field(
        "plateau", description="Step size over time; linear: up during the warm-up, then down to zero."
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="Share of all steps in which a linear schedule rises.")
    patience: int = Field(8, ge=0, description="Epochs without a better development score before stopping; 0: never.")
    monitor: Literal["loss", "uar"] = Field("loss", description="The development score that picks the best epoch.")
    ema: float = Field(
        0.0, ge=0, lt=1, description="Judged and kept are the mean of a network's weights over steps; so much is old."
    )
    refit_on_all: bool = Field(
        False, description="A network, once calibrated, learns anew from training and development clips together."
    )
    half_precision: bool = Field(
        False,
        description="A network's matrices are rounded to half precision once they are learned: a smaller ONNX file "
        "that hears what the network hears.",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the target spread over all classes.")
    class_weights: float = Field(0.0, ge=0, le=1, description="Weight of a class: (1 / its frequency) to this power.")
    absent_class_weight: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much a clip counts against a class that its corpus lacks; under 1, class weights, too, are "
        "those within each corpus.",
    )
    speaker_clips: int | None = Field(
        None, gt=0, description="Most clips of one speaker in a network's epoch, chosen anew for each; none: all."
    )
    mixup: float = Field(
        0.0, ge=0, description="Training clips of a network blended in pairs, parts from Beta(this, this); 0: not."
    )
    mixup_share: float = Field(0.5, gt=0, le=1, description="Share of training batches that mixup blends.")
    auxiliary: Literal["", "intensity", "arousal"] = Field(
        "",
        description="A network also learns each clip's intensity, in its corpus's words, or its emotion's arousal.",
    )
    auxiliary_weight: float = Field(0.3, gt=0, description="Loss of the auxiliary target, times that of the classes.")
    thresholds: bool = Field(
        False, description="An offset per class on the log-probabilities, chosen for UAR on the development clips."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 for networks where the processor has instructions for it, else fp32."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> TrainingSettings:
        if self.warmup and self.scheduler != "linear":
            raise ValueError(f"warmup needs scheduler linear, not {self.scheduler}")
        if self.auxiliary and self.absent_class_weight < 1:
            raise ValueError("an auxiliary target is learned with absent_class_weight 1 only; leave one of them out")
        if self.batch_frames and self.speaker_clips:
            raise ValueError("speaker_clips chooses clips for batches of as many clips; leave batch_frames out")
        if self.batch_frames and self.scheduler == "one_cycle":
            raise ValueError("one_cycle needs as many steps in every epoch; with batch_frames take linear or cosine")
        return self
