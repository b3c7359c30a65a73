"""Linear support vector machine, one class against the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.models import LinearModel
from emotone.models._affine import Affine, Floats, from_decision


class LinearSvm(LinearModel):
    """Linear SVM with squared hinge loss, on standardised features.

    Source: Fan et al. 2008, LIBLINEAR; scikit-learn's `LinearSVC`.
    """

    inverse_penalty: float = Field(0.001, gt=0, description="C: larger trusts the training clips more.")
    iterations: int = Field(5000, gt=0, description="Most steps of the solver.")

    def fit(
        self,
        values: NDArray[np.float32],
        labels: NDArray[np.int64],
        classes: int,
        weights: Any,
        scaling: tuple[Floats, Floats] | None = None,
    ) -> Affine:
        from sklearn.svm import LinearSVC

        mean, scale = scaling or Affine.standardiser(values)
        solver = LinearSVC(
            C=self.inverse_penalty, max_iter=self.iterations, class_weight=dict(enumerate(weights)), random_state=0
        )
        solver.fit(Affine.standardise(values, mean, scale), labels)
        return from_decision(mean, scale, solver.coef_, solver.intercept_)
