"""Linear support vector machine, one-vs-rest."""

from __future__ import annotations

from pydantic import Field

from emotone.models import LinearModel
from emotone.models.linear.affine import Floats, of_decision


class LinearSvm(LinearModel):
    """Linear SVM with squared hinge loss, on standardised features.

    Source: Fan et al. 2008, LIBLINEAR; scikit-learn's `LinearSVC`.
    """

    inverse_penalty: float = Field(
        0.001, gt=0, description="C = 1 / penalty: larger values fit the training clips more closely."
    )
    iterations: int = Field(5000, gt=0, description="Maximum iterations of the solver.")

    def solve(self, x: Floats, targets: Floats, weights: Floats, class_mask: Floats) -> tuple[Floats, Floats]:
        from sklearn.svm import LinearSVC

        solver = LinearSVC(C=self.inverse_penalty, max_iter=self.iterations, random_state=0)
        solver.fit(x, targets.argmax(axis=1), sample_weight=(targets * weights).sum(axis=1))
        return of_decision(solver.coef_, solver.intercept_)
