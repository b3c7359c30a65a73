"""Ridge regression on +-1 targets, used as a classifier."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from emotone.models import LinearModel
from emotone.models.linear.affine import Floats


class Ridge(LinearModel):
    """Least squares with an L2 penalty, on standardised features; the class with the largest output wins.

    Solved in the smaller of (dims, dims) and (clips, clips), so 1,200 features and 100 clips are as easy as
    the other way round. With votes, the outputs are fitted to their shares. Source: Hoerl & Kennard 1970; dual form of
    Saunders et al. 1998.
    """

    penalty: float = Field(1000.0, gt=0, description="L2 penalty (lambda): larger values shrink the weights more.")

    learns_votes: ClassVar[bool] = True
    one_vs_rest: ClassVar[bool] = True

    def solve(self, x: Floats, targets: Floats, weights: Floats, class_mask: Floats) -> tuple[Floats, Floats]:
        coefficients, bias = np.empty((x.shape[1], targets.shape[1])), np.empty(targets.shape[1])
        outputs, clip_weights = 2 * targets - 1, (targets * weights).sum(axis=1)
        groups = np.unique(class_mask, axis=1, return_inverse=True)[1]
        for group in np.unique(groups):  # classes with the same mask are solved together
            classes = np.flatnonzero(groups == group)
            masked = clip_weights * class_mask[:, classes[0]]
            kept = masked > 0
            coefficients[:, classes], bias[classes] = self._least_squares(
                x[kept], outputs[np.ix_(kept, classes)], masked[kept]
            )
        return coefficients, bias

    def _least_squares(self, x: Floats, outputs: Floats, weights: Floats) -> tuple[Floats, Floats]:
        weights = weights / weights.mean()
        mean, offset = weights @ x / weights.sum(), weights @ outputs / weights.sum()  # centring replaces an intercept
        if x.shape[1] <= len(x):
            gram = (x * weights[:, None]).T @ x - weights.sum() * np.outer(mean, mean)
            gram[np.diag_indices_from(gram)] += self.penalty
            coefficients = np.linalg.solve(gram, x.T @ (weights[:, None] * (outputs - offset)))
        else:
            root = np.sqrt(weights)[:, None]
            left, right = (x - mean) * root, (outputs - offset) * root
            gram = left @ left.T
            gram[np.diag_indices_from(gram)] += self.penalty
            coefficients = left.T @ np.linalg.solve(gram, right)
        return coefficients, offset - mean @ coefficients
