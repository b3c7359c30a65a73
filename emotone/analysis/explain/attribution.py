"""Attribution of a score to the features of a clip: exact for linear models, else integrated gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from emotone.data.progress import Progress, no_progress
from emotone.features import Values
from emotone.models.linear.affine import Affine
from emotone.training.examples import Floats
from emotone.training.fit import FittedLinear, FittedNetwork

FIRST_STEPS, MOST_STEPS = 32, 864  # 32 * 3 ** 3
TOLERANCE = 0.001
"""Largest completeness gap, as a share of the sum of absolute contributions."""
_AT_ONCE = 200_000  # values in a batch of steps


@dataclass(frozen=True)
class Attribution:
    """Contribution of each feature value of a clip to a score.

    The score is the calibrated logit of one class minus the mean logit of the others.

    Attributes:
        values: in the shape of the features; in nats, negative against the class.
        score: of the clip.
        baseline: score of the training mean.
        steps: number of gradients between the two; 0 if the contributions are exact.
    """

    values: Floats
    score: float
    baseline: float
    steps: int

    @property
    def gap(self) -> float:
        """Sum of the contributions minus `score - baseline`; 0 by the axiom of completeness."""
        return float(self.values.sum()) - (self.score - self.baseline)

    @property
    def complete(self) -> bool:
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
    progress: Progress = no_progress,
) -> Attribution:
    """Contribution of each value to the score of a class: exact for a linear model, integrated gradients for others.

    Gradients are taken at the middles of 32 equal steps on the straight line from the baseline to the clip, then of
    three times as many, until the gap is within `TOLERANCE` or there are 864 steps.

    Source: Sundararajan, Taly & Yan, ICML 2017.

    Args:
        values: the features of one clip.
        label: number of the class.
        progress: called after each batch of steps.
    """
    if isinstance(fitted, FittedLinear):
        return _of_affine(fitted.affine, values, label)
    import torch

    start = torch.zeros(values.shape) + fitted.module.get_buffer("mean")  # the training mean
    way = torch.as_tensor(values) - start
    direction = against_others(len(logits(fitted, values)), label)
    score, baseline = (float(logits(fitted, end.numpy()) @ direction) for end in (start + way, start))
    weights = torch.as_tensor(direction * fitted.sharpness, dtype=torch.float32)

    def gradients(shares: Floats) -> Floats:
        """Sum of the gradients at these shares of the way from the baseline to the clip."""
        total, batch = np.zeros(values.shape), max(1, _AT_ONCE // values.size)
        for first in range(0, len(shares), batch):
            share = torch.as_tensor(shares[first : first + batch], dtype=torch.float32)
            points = (start + share.view(-1, *[1] * values.ndim) * way).requires_grad_()
            (found,) = torch.autograd.grad((fitted.module(points, None).float() @ weights).sum(), points)
            total += found.double().sum(dim=0).numpy()
            progress("integrated gradients", steps - len(shares) + first + len(share), steps)
        return total

    steps = FIRST_STEPS
    total = gradients((np.arange(steps) + 0.5) / steps)
    while True:
        found = Attribution(way.double().numpy() * total / steps, score, baseline, steps)
        if found.complete or steps == MOST_STEPS:
            return found
        steps *= 3
        finer = np.arange(steps)
        total += gradients((finer[finer % 3 != 1] + 0.5) / steps)  # the middle of each three is done


def _of_affine(affine: Affine, values: Values, label: int) -> Attribution:
    direction = against_others(len(affine.bias), label)
    scaled = affine.standardise(values, affine.mean, affine.scale)
    score = float(affine.scores(values[np.newaxis])[0] @ direction)
    baseline = float(affine.scores_at(np.zeros_like(scaled)[np.newaxis])[0] @ direction)
    return Attribution(scaled * (affine.weights @ direction), score, baseline, 0)


def against_others(classes: int, label: int) -> Floats:
    """(classes,) 1 for the class, the same negative number for the others, summing to -1.

    >>> against_others(3, 1).tolist()
    [-0.5, 1.0, -0.5]
    """
    return np.where(np.arange(classes) == label, 1.0, -1.0 / (classes - 1))
