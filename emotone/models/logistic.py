"""Multinomial logistic regression."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from emotone.models import LinearModel
from emotone.models.linear.affine import Floats, of_decision


class Logistic(LinearModel):
    """Logistic regression with an L2 penalty, on standardised features.

    Votes are learned as copies of a clip, one per class, weighted by its share: together the cross-entropy with the
    distribution. Source: Cox 1958; scikit-learn's L-BFGS solver.
    """

    inverse_penalty: float = Field(1.0, gt=0, description="C: larger trusts the training clips more.")
    iterations: int = Field(1000, gt=0, description="Most steps of the solver.")

    learns_votes: ClassVar[bool] = True

    def solve(self, x: Floats, shares: Floats, weights: Floats, counts: Floats) -> tuple[Floats, Floats]:
        from sklearn.linear_model import LogisticRegression

        clips, labels = np.nonzero(shares)  # a copy of a clip per class that it has a share of
        solver = LogisticRegression(C=self.inverse_penalty, max_iter=self.iterations)
        solver.fit(x[clips], labels, sample_weight=shares[clips, labels] * weights[clips, labels])
        return of_decision(solver.coef_, solver.intercept_)
