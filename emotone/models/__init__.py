"""Models: numbers -> emotions. One file per architecture, named as in the literature."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from emotone.errors import ModelError
from emotone.models.linear.affine import Affine, Floats, Kernel, sides_of
from emotone.registry import Shelf

if TYPE_CHECKING:
    from torch import nn

shelf = Shelf("emotone.models", "model")


class Model(BaseModel, ABC):
    """The contract of the shelf: settings as fields, and the kinds of feature it takes.

    There are two families, and nothing above this floor needs to know a third: a `LinearModel` fits itself in
    closed form or by a convex solver; a `Network` says how it is built, and the one training loop fits it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    takes: ClassVar[tuple[str, ...]]
    """Kinds of feature: `vector`, `sequence`, `image`, `waveform`."""

    @property
    def identity(self) -> str:
        """What a fit depends on beside the settings, such as the weights of an encoder.

        Raises:
            EmotoneError: something it needs is not here; asked before anything is trained.
        """
        return ""

    @property
    def caveats(self) -> list[str]:
        """Sentences that must stand beside every score made with it."""
        return []

    @property
    def untrained(self) -> dict[str, Any]:
        """Settings under which random weights stand in for pretrained ones; empty where it needs none."""
        return {}


class LinearModel(Model, ABC):
    """A model whose scores are linear in the standardised features."""

    takes: ClassVar[tuple[str, ...]] = ("vector",)
    learns_votes: ClassVar[bool] = False
    """Whether its loss has a meaning for a distribution over the classes."""
    classes_apart: ClassVar[bool] = False
    """Whether it learns each class by itself, so that a clip may count for one and not for another."""

    def fit(
        self,
        values: NDArray[np.float32],
        shares: Floats,
        weights: ArrayLike,
        scaling: tuple[Floats, Floats] | None = None,
        counts: Floats | None = None,
    ) -> Affine:
        """The fitted map.

        Args:
            values: (clips, dims), not scaled.
            shares: (clips, classes) the distribution each clip should be given, each row summing to one; a label is
                certain, and every class has some share.
            weights: (classes,) or (clips, classes) weight of the part of a clip that belongs to each class.
            scaling: (dims,) mean and (dims,) deviation; None: those of `values`, which is how it should be.
            counts: (clips, classes) how much a clip counts for or against each class; None: all alike.

        Raises:
            ModelError: a row is no label, and the model learns from one label per clip; or clips do not count alike for
                every class, and the model learns all classes at once.
        """
        if not self.learns_votes and (shares.max(axis=1) < 1).any():
            raise ModelError(f"{type(self).__name__} learns from one label per clip, not from votes")
        if counts is not None and not self.classes_apart:
            raise ModelError(
                f"{type(self).__name__} learns all classes at once; it needs training.absent_class_weight=1"
            )
        counts = np.ones_like(shares) if counts is None else counts
        mean, scale = scaling or self.scaling(values, counts)
        x = Affine.standardise(values, mean, scale)
        weights = np.broadcast_to(np.asarray(weights, dtype=np.float64), shares.shape)
        kernel = self.kernel(x, counts)
        if kernel is None:
            return Affine(mean, scale, *self.solve(x, shares, weights, counts))
        whitener, sides = self.whitener(kernel), sides_of(counts)
        columns = kernel(x, np.eye(sides.max() + 1)[sides]) @ whitener
        among, bias = self.solve(columns, shares, weights, counts)
        return Affine(mean, scale, whitener @ among, bias, kernel)

    def scaling(self, values: NDArray[np.float32], counts: Floats) -> tuple[Floats, Floats]:
        """(dims,) mean and (dims,) deviation by which clips are standardised."""
        return Affine.standardiser(values)

    def kernel(self, x: Floats, counts: Floats) -> Kernel | None:
        """How like each landmark a clip is, where the model is linear in that; None: in the features themselves.

        Arguments as of `solve`.
        """
        return None

    def whitener(self, kernel: Kernel) -> Floats:
        """(columns, columns) what the kernel's columns are multiplied by before `solve`."""
        return kernel.whitener()

    @abstractmethod
    def solve(self, x: Floats, shares: Floats, weights: Floats, counts: Floats) -> tuple[Floats, Floats]:
        """(dims, classes) weights and (classes,) bias for standardised clips.

        Arguments as of `fit`, `weights` and `counts` both (clips, classes); all counts are 1 unless `classes_apart`.
        """


class Network(Model, ABC):
    """A model that is a `torch.nn.Module`: `forward(values, lengths) -> (batch, classes)` logits.

    `values` is (batch, frames, dims) for a sequence, (batch, channels, height, width) for an image, (batch, samples)
    for a waveform; `lengths` is (batch,) valid frames, or None where all are valid. What lies behind a clip's length
    must not change its scores; a network that cannot promise that says so with `one_length`.

    `training.l2` pulls on all weights of two or more dimensions, or on those that the module's method
    `regularised() -> list[Tensor]` gives, where it has one.
    """

    one_length: ClassVar[bool] = False
    """True where every clip must have the same number of frames (the recipe sets `audio.seconds`)."""

    standardise: Literal["band", "all", "none"] = Field(
        "band",
        description="Input scaled by the training clips' mean and deviation: per band (of a picture: per channel), "
        "over all, or not.",
    )

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A fresh module for clips of this shape (frames may be any number), with random or pretrained weights."""

    @property
    def hears(self) -> tuple[int, int] | None:
        """(windows, frames of each) of a clip that it hears outside of training, as `ClipWindows` cuts them out; None:
        all of it."""
        return None

    def parameter_groups(self, module: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        """Weights that will ever learn, each group with its factor on the learning rate."""
        return [([weight for weight in module.parameters() if weight.requires_grad], 1.0)]

    def on_epoch(self, module: nn.Module, epoch: int) -> None:
        """Called with the built module before each epoch, from 1; what it does depends on `epoch` alone."""

    def no_export(self, module: nn.Module) -> str:
        """Why the module cannot become one ONNX file; empty where it can."""
        return ""


def make(name: str, **settings: Any) -> Model:
    """The model of this name with these settings.

    >>> make("ridge", penalty=10.0).penalty
    10.0
    """
    model: Model = shelf.get(name)(**settings)
    return model
