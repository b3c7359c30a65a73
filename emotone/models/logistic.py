"""Multinomial logistic regression."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.models import LinearModel
from emotone.models._affine import Affine, Floats, from_decision


class Logistic(LinearModel):
    """Logistic regression with an L2 penalty, on standardised features.

    Votes are learned as copies of a clip, one per class, weighted by its share: together the cross-entropy with the
    distribution. Source: Cox 1958; scikit-learn's L-BFGS solver.
    """

    inverse_penalty: float = Field(1.0, gt=0, description="C: larger trusts the training clips more.")
    iterations: int = Field(1000, gt=0, description="Most steps of the solver.")

    learns_votes: ClassVar[bool] = True

    def fit(
        self,
        values: NDArray[np.float32],
        labels: NDArray[np.int64],
        classes: int,
        weights: Any,
        scaling: tuple[Floats, Floats] | None = None,
    ) -> Affine:
        return self.fit_shares(values, np.eye(classes)[labels], weights, scaling)

    def fit_shares(
        self,
        values: NDArray[np.float32],
        shares: Floats,
        weights: Any,
        scaling: tuple[Floats, Floats] | None = None,
    ) -> Affine:
        from sklearn.linear_model import LogisticRegression

        mean, scale = scaling or Affine.standardiser(values)
        clips, labels = np.nonzero(shares)  # a copy of a clip per class that it has a share of
        parts = shares[clips, labels] * np.asarray(weights, dtype=np.float64)[labels]
        solver = LogisticRegression(C=self.inverse_penalty, max_iter=self.iterations)
        solver.fit(Affine.standardise(values, mean, scale)[clips], labels, sample_weight=parts)
        return from_decision(mean, scale, solver.coef_, solver.intercept_)
