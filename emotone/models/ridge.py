"""Ridge regression on +-1 targets, read as a classifier."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.models import LinearModel
from emotone.models.linear.affine import Floats, sides_of


class Ridge(LinearModel):
    """Least squares with an L2 penalty, on standardised features; the class with the largest output wins.

    Solved in the smaller of (dims, dims) and (clips, clips), so 1,200 features and 100 clips are as easy as
    the other way round. Of votes, the outputs are drawn to the shares. Source: Hoerl &
    Kennard 1970; dual form of Saunders et al. 1998.
    """

    penalty: float = Field(1000.0, gt=0, description="Lambda: larger holds the weights closer to zero.")

    learns_votes: ClassVar[bool] = True
    classes_apart: ClassVar[bool] = True

    def solve(self, x: Floats, shares: Floats, weights: Floats, counts: Floats) -> tuple[Floats, Floats]:
        coefficients, bias = np.empty((x.shape[1], shares.shape[1])), np.empty(shares.shape[1])
        targets, share = 2 * shares - 1, (shares * weights).sum(axis=1)
        sides = sides_of(counts)
        alike = np.unique(counts, axis=1, return_inverse=True)[1]
        for number in np.unique(alike):  # classes for which the same clips count are solved together
            classes = np.flatnonzero(alike == number)
            counted = share * counts[:, classes[0]]
            here = counted > 0
            coefficients[:, classes], bias[classes] = self._least_squares(
                x[here], targets[np.ix_(here, classes)], counted[here], sides[here]
            )
        return coefficients, bias

    def _least_squares(
        self, x: Floats, targets: Floats, share: Floats, sides: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        share = share / share.mean()
        middle, offset = share @ x / share.sum(), share @ targets / share.sum()  # the weighted means take the intercept
        if x.shape[1] <= len(x):
            gram = _weighted_gram(x, share, sides) - share.sum() * np.outer(middle, middle)
            gram[np.diag_indices_from(gram)] += self.penalty
            coefficients = np.linalg.solve(gram, x.T @ (share[:, None] * (targets - offset)))
        else:
            root = np.sqrt(share)[:, None]
            left, right = (x - middle) * root, (targets - offset) * root
            gram = left @ left.T
            gram[np.diag_indices_from(gram)] += self.penalty
            coefficients = left.T @ np.linalg.solve(gram, right)
        return coefficients, offset - middle @ coefficients


def _weighted_gram(x: Floats, share: Floats, sides: NDArray[np.int64]) -> Floats:
    """(dims, dims) of clips that weigh (clips,) share; columns in which a side has zeros alone cost it nothing."""
    gram = np.zeros((x.shape[1], x.shape[1]))
    for side in np.unique(sides):
        here = sides == side
        columns = np.flatnonzero(x[here].any(axis=0))
        part = x[np.ix_(here, columns)]
        gram[np.ix_(columns, columns)] += (part * share[here, None]).T @ part
    return gram
