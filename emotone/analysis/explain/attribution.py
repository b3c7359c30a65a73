"""A score taken apart into what each of a clip's features adds to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from emotone.features import Values
from emotone.models.linear.affine import Affine
from emotone.training.examples import Floats
from emotone.training.fit import FittedLinear, FittedNetwork

FIRST_STEPS, MOST_STEPS = 32, 864  # 32 * 3 ** 3
TOLERANCE = 0.001
"""How far the parts may miss the score, as a share of all that they add and take away."""
_AT_ONCE = 200_000  # values in a batch of steps


@dataclass(frozen=True)
class Attribution:
    """What each value of a clip's features adds to a score.

    The score is how far the logit of one class, as calibrated, lies above the mean of the others.

    Attributes:
        values: in the shape of the features; in nats, negative where a value speaks against the class.
        score: of the clip.
        baseline: of a clip that has the training clips' mean everywhere.
        steps: places between the two at which the gradient was taken; 0 where the values are exact.
    """

    values: Floats
    score: float
    baseline: float
    steps: int

    @property
    def gap(self) -> float:
        """What the values sum to, less what they should: `score - baseline`. The axiom of completeness asks for 0."""
        return float(self.values.sum()) - (self.score - self.baseline)

    @property
    def adds_up(self) -> bool:
        """Whether the gap is within `TOLERANCE`."""
        return abs(self.gap) <= TOLERANCE * float(np.abs(self.values).sum())


def logits(fitted: FittedLinear | FittedNetwork, values: Values) -> Floats:
    """(classes,) calibrated scores of one clip, before softmax."""
    if isinstance(fitted, FittedLinear):
        return np.asarray(fitted.affine.scores(values[np.newaxis])[0])
    import torch

    with torch.inference_mode():
        out = fitted.module(torch.as_tensor(values)[None], None)[0]
    return np.asarray(fitted.sharpness * out.double().numpy() + fitted.offsets)


def log_probabilities(fitted: FittedLinear | FittedNetwork, values: Values) -> Floats:
    """(classes,) of one clip."""
    return np.asarray(log_softmax(logits(fitted, values)))


def attribute(
    fitted: FittedLinear | FittedNetwork,
    values: Values,
    label: int,
    *,
    on_step: Callable[[int, int], None] | None = None,
) -> Attribution:
    """What each value adds to the score of a class: exact for a linear model, integrated gradients for others.

    The gradient is taken at the middles of 32 equal steps on the straight line from the baseline to the clip, then of
    three times as many, until the sum is right within `TOLERANCE` or 864 are done.

    Source: Sundararajan, Taly & Yan, ICML 2017.

    Args:
        values: the features of one clip.
        label: number of the class.
        on_step: called with (steps done, steps planned).
    """
    if isinstance(fitted, FittedLinear):
        return _of_affine(fitted.affine, values, label)
    import torch

    start = torch.zeros(values.shape) + fitted.module.get_buffer("mean")  # what the network hears as nothing
    way = torch.as_tensor(values) - start
    direction = against_others(len(logits(fitted, values)), label)
    score, baseline = (float(logits(fitted, end.numpy()) @ direction) for end in (start + way, start))
    pull = torch.as_tensor(direction * fitted.sharpness, dtype=torch.float32)

    def gradients(shares: Floats) -> Floats:
        """The sum of the gradients at these shares of the way."""
        total, batch = np.zeros(values.shape), max(1, _AT_ONCE // values.size)
        for first in range(0, len(shares), batch):
            share = torch.as_tensor(shares[first : first + batch], dtype=torch.float32)
            points = (start + share.view(-1, *[1] * values.ndim) * way).requires_grad_()
            (found,) = torch.autograd.grad((fitted.module(points, None).float() @ pull).sum(), points)
            total += found.double().sum(dim=0).numpy()
            if on_step is not None:
                on_step(steps - len(shares) + first + len(share), steps)
        return total

    steps = FIRST_STEPS
    total = gradients((np.arange(steps) + 0.5) / steps)
    while True:
        found = Attribution(way.double().numpy() * total / steps, score, baseline, steps)
        if found.adds_up or steps == MOST_STEPS:
            return found
        steps *= 3
        finer = np.arange(steps)
        total += gradients((finer[finer % 3 != 1] + 0.5) / steps)  # the middle of each three is known


def _of_affine(affine: Affine, values: Values, label: int) -> Attribution:
    direction = against_others(len(affine.bias), label)
    scaled = affine.standardise(values, affine.mean, affine.scale)
    score = float(affine.scores(values[np.newaxis])[0] @ direction)
    baseline = float(affine.scores_at(np.zeros_like(scaled)[np.newaxis])[0] @ direction)
    steps = 0 if affine.kernel is None else MOST_STEPS  # cheap: no network is run
    way = (np.arange(max(steps, 1))[:, None] + 0.5) / max(steps, 1) * scaled
    return Attribution(scaled * affine.gradient(way, direction).mean(axis=0), score, baseline, steps)


def against_others(classes: int, label: int) -> Floats:
    """(classes,) 1 for the class, the others sharing -1.

    >>> against_others(3, 1).tolist()
    [-0.5, 1.0, -0.5]
    """
    return np.where(np.arange(classes) == label, 1.0, -1.0 / (classes - 1))
