"""Multinomial logistic regression."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from emotone.models import LinearModel
from emotone.models.linear.affine import Floats, of_decision


class Logistic(LinearModel):
    """Logistic regression with an L2 penalty, on standardised features.

    Votes are fitted as one weighted copy of the clip per class, which gives the cross-entropy with the distribution.

    Source: Cox 1958; scikit-learn's L-BFGS solver.
    """

    inverse_penalty: float = Field(
        1.0, gt=0, description="C = 1 / penalty: larger values fit the training clips more closely."
    )
    iterations: int = Field(1000, gt=0, description="Maximum iterations of the solver.")

    learns_votes: ClassVar[bool] = True

    def solve(self, x: Floats, targets: Floats, weights: Floats, class_mask: Floats) -> tuple[Floats, Floats]:
        from sklearn.linear_model import LogisticRegression

        clips, labels = np.nonzero(targets)  # one copy of a clip per class with votes
        solver = LogisticRegression(C=self.inverse_penalty, max_iter=self.iterations)
        solver.fit(x[clips], labels, sample_weight=targets[clips, labels] * weights[clips, labels])
        return of_decision(solver.coef_, solver.intercept_)
