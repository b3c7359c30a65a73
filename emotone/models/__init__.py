"""Models: features -> scores of the emotions. One file per architecture, named as in the literature."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from emotone.errors import ModelError
from emotone.models.linear.affine import Affine, Floats
from emotone.registry import Shelf

if TYPE_CHECKING:
    from torch import nn

shelf = Shelf("emotone.models", "model")


class Model(BaseModel, ABC):
    """The contract of the shelf: settings as fields, and the kinds of feature it takes.

    There are two families: a `LinearModel` fits itself in closed form or by a convex solver; a `Network` builds a
    module, which the training loop fits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    takes: ClassVar[tuple[str, ...]]
    """Kinds of feature: `vector`, `sequence`, `image`, `waveform`."""

    @property
    def identity(self) -> str:
        """What a fit depends on besides the settings, such as the weights of an encoder.

        Raises:
            EmotoneError: something it needs is absent; this is checked before anything is trained.
        """
        return ""

    @property
    def caveats(self) -> list[str]:
        """Sentences that must accompany every score made with it."""
        return []

    @property
    def untrained(self) -> dict[str, Any]:
        """Settings that replace pretrained weights by random ones; empty where it needs no pretrained weights."""
        return {}


class LinearModel(Model, ABC):
    """A model whose scores are linear in the standardised features."""

    takes: ClassVar[tuple[str, ...]] = ("vector",)
    learns_votes: ClassVar[bool] = False
    """Whether it can be fitted to a distribution over the classes in place of a label."""
    one_vs_rest: ClassVar[bool] = False
    """Whether each class is fitted separately, so that a clip may count for one class and not for another."""

    def fit(
        self,
        values: NDArray[np.float32],
        targets: Floats,
        weights: ArrayLike,
        scaling: tuple[Floats, Floats] | None = None,
        class_mask: Floats | None = None,
    ) -> Affine:
        """The fitted model.

        Args:
            values: (clips, dims), not scaled.
            targets: (clips, classes) target distribution of each clip, one-hot for a label; every class has a clip.
            weights: (classes,) or (clips, classes) weight of the part of a clip that belongs to each class.
            scaling: (dims,) mean and (dims,) standard deviation; None: those of `values`, which is the honest choice.
            class_mask: (clips, classes) how much a clip counts for or against each class, 0 .. 1; None: 1.

        Raises:
            ModelError: a target is not one-hot and the model learns from labels only; or a mask is given and the
                model fits all classes jointly.
        """
        if not self.learns_votes and (targets.max(axis=1) < 1).any():
            raise ModelError(
                f"{type(self).__name__} learns from one label per clip, not from votes; pass one-hot targets, set "
                f"data.targets=label in a recipe, or use another model: {_having('learns_votes')}"
            )
        if class_mask is not None and not self.one_vs_rest:
            raise ModelError(
                f"{type(self).__name__} learns all classes at once and takes no class_mask; pass None, set "
                f"training.absent_class_weight=1 in a recipe, or use another model: {_having('one_vs_rest')}"
            )
        class_mask = np.ones_like(targets) if class_mask is None else class_mask
        mean, scale = scaling or Affine.standardiser(values)
        x = Affine.standardise(values, mean, scale)
        weights = np.broadcast_to(np.asarray(weights, dtype=np.float64), targets.shape)
        return Affine(mean, scale, *self.solve(x, targets, weights, class_mask))

    @abstractmethod
    def solve(self, x: Floats, targets: Floats, weights: Floats, class_mask: Floats) -> tuple[Floats, Floats]:
        """(dims, classes) weights and (classes,) bias for standardised clips.

        Arguments as of `fit`, `weights` and `class_mask` both (clips, classes); the mask is 1 unless `one_vs_rest`.
        """


class Network(Model, ABC):
    """A model that is a `torch.nn.Module`: `forward(values, lengths) -> (batch, classes)` logits.

    `values` is (batch, frames, dims) for a sequence, (batch, channels, height, width) for an image, (batch, samples)
    for a waveform; `lengths` is (batch,) valid frames, or None where all are valid. Padding after a clip's end must
    not change its scores; a network that cannot guarantee this sets `one_length`.

    `training.l2` penalises all weights of two or more dimensions, or those that the module's method
    `regularised() -> list[Tensor]` returns, where it has one.
    """

    one_length: ClassVar[bool] = False
    """True where every clip must have the same number of frames (the recipe sets `audio.seconds`)."""
    takes_history: ClassVar[bool] = False
    """True where `forward` takes (batch, batch) weights of speaker histories as a third argument; see
    `training.histories`. Its module then has `embed`, `over_time` and the last linear layer `out`."""
    frame_step: ClassVar[int] = 0
    """Frames from one window of `over_time` to the next; 0: it has no such method."""

    standardise: Literal["band", "all", "none"] = Field(
        "band",
        description="Standardise the input by mean and standard deviation of the training clips: per band (of an "
        "image: per channel), over all values, or not at all.",
    )

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A fresh module for clips of this shape (frames may be any number), with random or pretrained weights."""

    @property
    def evaluation_windows(self) -> tuple[int, int] | None:
        """(windows, frames of each) that it takes of a clip outside of training, as `ClipWindows` cuts them out; None:
        the whole clip."""
        return None

    def parameter_groups(self, module: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        """Groups of weights that are trained at any time, each with its factor on the learning rate."""
        return [([weight for weight in module.parameters() if weight.requires_grad], 1.0)]

    def on_epoch(self, module: nn.Module, epoch: int) -> None:
        """Called with the built module before each epoch, from 1; its effect depends on `epoch` alone."""

    def no_export(self, module: nn.Module) -> str:
        """Why the module cannot become one ONNX file; empty where it can."""
        return ""


def _having(ability: str) -> str:
    """Names of the linear models with this class variable."""
    return ", ".join(name for name in shelf.names() if getattr(shelf.get(name), ability, False))


def make(name: str, **settings: Any) -> Model:
    """The model of this name with these settings.

    >>> make("ridge", penalty=10.0).penalty
    10.0
    """
    model: Model = shelf.get(name)(**settings)
    return model
