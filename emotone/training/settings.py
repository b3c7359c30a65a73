"""Settings of training: the part `training` of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """A part of a recipe: unknown keys are errors, and values cannot be changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrainingSettings(Settings):
    seed: int | None = Field(
        None, ge=0, description="Seed of training only, so that ensemble members share development clips; none: seed."
    )
    epochs: int = Field(50, gt=0, description="Maximum number of passes over the training clips.")
    batch: int = Field(32, gt=0, description="Clips per batch.")
    batch_frames: int | None = Field(
        None, gt=0, description="Most frames or samples per batch, with padding; clips of similar length share one."
    )
    accumulate: int = Field(1, gt=0, description="Batches whose gradients are accumulated for one step.")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adamw", description="Optimizer.")
    learning_rate: float = Field(1e-3, gt=0, description="Learning rate (for one_cycle: its peak).")
    weight_decay: float = Field(0.01, ge=0, description="Weight decay on weights of two or more dimensions.")
    l2: float = Field(
        0.0,
        ge=0,
        description="L2 penalty: this times the sum of squares of the weights is added to the loss (as in Keras).",
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="Maximum norm of the gradient; larger ones are scaled down; none: no limit."
    )
    scheduler: Literal["none", "plateau", "cosine", "one_cycle", "linear"] = Field(
        "plateau", description="Learning-rate schedule; linear: up during the warm-up, then down to zero."
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="Share of all steps in which a linear schedule rises.")
    patience: int = Field(
        8, ge=0, description="Early stopping after so many epochs without a better development score; 0: never."
    )
    monitor: Literal["loss", "uar"] = Field("loss", description="Development score that selects the best epoch.")
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the moving average of a network's weights, evaluated and kept; 0: no average.",
    )
    refit_on_all: bool = Field(
        False, description="Refit a network, once it is calibrated, to training and development clips together."
    )
    half_precision: bool = Field(
        False,
        description="Round a network's matrices to half precision after training: the ONNX file is smaller and gives "
        "the same scores as the network.",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the target that is spread over all classes.")
    class_weights: float = Field(
        0.0, ge=0, le=1, description="Weight of a class in the loss: (1 / its frequency) to this power."
    )
    absent_class_weight: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much a clip counts against a class that its corpus lacks; below 1, class weights are computed "
        "within each corpus.",
    )
    speaker_clips: int | None = Field(
        None,
        gt=0,
        description="Maximum clips of one speaker in an epoch of a network, drawn for each epoch; none: all.",
    )
    corpus_clips: int | None = Field(
        None,
        gt=0,
        description="With speaker_groups: clips of every corpus in an epoch, drawn anew for each epoch, so that every "
        "corpus counts alike; the clips of a smaller one occur again. none: all.",
    )
    speaker_groups: int | None = Field(
        None,
        ge=2,
        description="Batches of a network consist of groups of so many clips of one speaker; none: of single clips.",
    )
    histories: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Probability that the speaker of a group counts as known: from each embedding the mean of other "
        "clips of the group is subtracted.",
    )
    one_emotion_histories: float = Field(
        0.0, ge=0, le=1, description="Share of the known speakers whose other clips are all of one emotion."
    )
    history_frames: int = Field(
        500, gt=0, description="Frames of other clips after which their mean counts half; 500 are 10 s of an encoder."
    )
    mixup: float = Field(
        0.0, ge=0, description="Alpha of mixup, the Beta distribution that training clips are mixed with; 0: no mixup."
    )
    mixup_share: float = Field(0.5, gt=0, le=1, description="Share of training batches with mixup.")
    auxiliary: Literal["", "intensity", "arousal"] = Field(
        "",
        description="Auxiliary target of a network: the intensity that the corpus states, or the emotion's arousal.",
    )
    auxiliary_weight: float = Field(0.3, gt=0, description="Weight of the auxiliary loss; that of the classes has 1.")
    thresholds: bool = Field(
        False, description="Choose an offset per class on the log-probabilities, for UAR on the development clips."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 for networks if the hardware supports it, else fp32."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> TrainingSettings:
        if self.warmup and self.scheduler != "linear":
            raise ValueError(f"warmup={self.warmup} needs scheduler linear, not {self.scheduler}; change one of them")
        if self.auxiliary and self.absent_class_weight < 1:
            raise ValueError("an auxiliary target needs absent_class_weight 1; leave one of them out")
        if self.batch_frames and self.speaker_clips:
            raise ValueError("speaker_clips and batch_frames cannot be combined; leave one of them out")
        if self.batch_frames and self.scheduler == "one_cycle":
            raise ValueError("scheduler one_cycle cannot be combined with batch_frames; use linear or cosine")
        if self.corpus_clips is not None and self.speaker_groups is None:
            raise ValueError("corpus_clips needs speaker_groups, the clips of one speaker in a group; set it")
        if self.speaker_groups is not None:
            self._groups_fit(self.speaker_groups)
        elif self.histories:
            raise ValueError(
                f"histories={self.histories} needs speaker_groups, the clips of one speaker in a group; set it"
            )
        if self.histories and self.mixup:
            raise ValueError("histories and mixup cannot be combined; leave one of them out")
        return self

    def _groups_fit(self, size: int) -> None:
        """Refuse settings that do not fit groups of so many clips."""
        if self.batch_frames:
            raise ValueError("speaker_groups and batch_frames cannot be combined; leave one of them out")
        limits = (("batch", self.batch), ("speaker_clips", self.speaker_clips), ("corpus_clips", self.corpus_clips))
        for name, clips in limits:
            if clips is not None and clips % size:
                raise ValueError(
                    f"{name}={clips} is no multiple of speaker_groups={size}; take {size * max(1, clips // size)}"
                )

    @property
    def schedule_ends(self) -> bool:
        """Whether the learning-rate schedule has a fixed end."""
        return self.scheduler in ("one_cycle", "linear", "cosine")
