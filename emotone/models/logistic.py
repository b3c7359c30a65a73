"""Multinomial logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.models import LinearModel
from emotone.models._affine import Affine, Floats, from_decision


class Logistic(LinearModel):
    """Logistic regression with an L2 penalty, on standardised features.

    Source: Cox 1958; scikit-learn's L-BFGS solver.
    """

    inverse_penalty: float = Field(1.0, gt=0, description="C: larger trusts the training clips more.")
    iterations: int = Field(1000, gt=0, description="Most steps of the solver.")

    def fit(
        self,
        values: NDArray[np.float32],
        labels: NDArray[np.int64],
        classes: int,
        weights: Any,
        scaling: tuple[Floats, Floats] | None = None,
    ) -> Affine:
        from sklearn.linear_model import LogisticRegression

        mean, scale = scaling or Affine.standardiser(values)
        solver = LogisticRegression(
            C=self.inverse_penalty, max_iter=self.iterations, class_weight=dict(enumerate(weights))
        )
        solver.fit(Affine.standardise(values, mean, scale), labels)
        return from_decision(mean, scale, solver.coef_, solver.intercept_)
