"""Linear discriminant analysis with shrinkage."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.models import LinearModel
from emotone.models._affine import Affine, Floats, from_decision


class Lda(LinearModel):
    """LDA whose within-class covariance is drawn towards a multiple of the identity, on standardised features.

    With more features than clips the plain covariance cannot be inverted; shrinkage is what makes LDA strong there.
    Class weights set the priors. Source: Fisher 1936; Friedman 1989; scikit-learn's least-squares solver.
    """

    shrinkage: float = Field(0.5, ge=0, le=1, description="0 is the plain covariance, 1 the identity.")

    def fit(
        self,
        values: NDArray[np.float32],
        labels: NDArray[np.int64],
        classes: int,
        weights: Any,
        scaling: tuple[Floats, Floats] | None = None,
    ) -> Affine:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        mean, scale = scaling or Affine.standardiser(values)
        priors = np.bincount(labels, minlength=classes) * np.asarray(weights, dtype=np.float64)
        solver = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage, priors=priors / priors.sum())
        solver.fit(Affine.standardise(values, mean, scale), labels)
        return from_decision(mean, scale, solver.coef_, solver.intercept_)
