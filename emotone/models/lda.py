"""Linear discriminant analysis with shrinkage."""

from __future__ import annotations

from pydantic import Field

from emotone.models import LinearModel
from emotone.models.linear.affine import Floats, of_decision


class Lda(LinearModel):
    """LDA whose within-class covariance is shrunk towards a multiple of the identity, on standardised features.

    With more features than clips the plain covariance is singular; shrinkage makes it invertible.
    Class weights set the priors. Source: Fisher 1936; Friedman 1989; scikit-learn's least-squares solver.
    """

    shrinkage: float = Field(0.5, ge=0, le=1, description="0: the plain covariance; 1: the identity.")

    def solve(self, x: Floats, targets: Floats, weights: Floats, class_mask: Floats) -> tuple[Floats, Floats]:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        priors = (targets * weights).sum(axis=0)
        solver = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage, priors=priors / priors.sum())
        solver.fit(x, targets.argmax(axis=1))
        return of_decision(solver.coef_, solver.intercept_)
