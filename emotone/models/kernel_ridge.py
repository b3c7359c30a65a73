"""Kernel ridge regression on +-1 targets, with few landmarks, so that it stays small and fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.linalg import block_diag

from emotone.models.linear.affine import DomainClassifier, Floats, Kernel, domains_of
from emotone.models.ridge import Ridge

_DOMAIN_PENALTY = 3000.0
_DOMAIN_FACTOR = 6.0
"""Factor on the outputs of the domain classifier: 1 and 0 become odds of exp(6)."""


class KernelRidge(Ridge):
    """Ridge regression on a Gaussian kernel between each clip and a set of landmarks, in standardised features.

    The landmarks are training clips drawn at random; with one landmark per clip it is textbook kernel ridge regression.
    With several corpora, distinguished by their classes (`training.absent_class_weight`), each corpus has a linear
    model of its own in addition to the shared one; a clip gets the corpus models weighted by the probability that it
    belongs to each corpus.

    Source: Saunders et al. 1998; landmarks of Williams & Seeger, NIPS 2001 (the Nystroem method); shared and
    task-specific parts of Evgeniou & Pontil, KDD 2004.
    """

    penalty: float = Field(0.25, gt=0, description="L2 penalty (lambda): larger values shrink the weights more.")
    width: float = Field(0.25, gt=0, description="The kernel is exp(-width * mean squared difference of the features).")
    landmarks: int = Field(800, ge=1, description="Training clips that clips are compared with; all, where fewer.")
    components: int = Field(
        400,
        ge=0,
        description="Principal components in which clips are compared, if there are more; 0: all features.",
    )
    own_penalty: float = Field(
        2000.0, ge=0, description="L2 penalty of the linear model of each of several corpora; 0: a shared model only."
    )
    with_original: bool = Field(
        False,
        description="Clips are compared in the first half of the features, corpora are distinguished in the second: "
        "for features of data.speaker_views=with_original. Otherwise all features serve both.",
    )

    def scaling(self, values: NDArray[np.float32], class_mask: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation within corpora, averaged over them: differences between corpora do not count."""
        domains = domains_of(class_mask)
        groups = [values[domains == domain] for domain in range(domains.max() + 1)]
        means = np.mean([group.mean(axis=0, dtype=np.float64) for group in groups], axis=0)
        scale = np.sqrt(np.mean([group.var(axis=0, dtype=np.float64) for group in groups], axis=0))
        return means, np.where(scale > 1e-9 * (1 + np.abs(means)), scale, 1.0)

    def kernel(self, x: Floats, class_mask: Floats) -> Kernel:
        domains = domains_of(class_mask)
        compared = x[:, : x.shape[1] // 2] if self.with_original else x
        project = 0 < self.components < compared.shape[1]
        axes = _half(_principal_axes(compared, self.components)) if project else None
        others = x.shape[1] - compared.shape[1]
        if others:
            axes = np.eye(compared.shape[1]) if axes is None else axes
            axes = np.concatenate([axes, np.zeros((others, axes.shape[1]))])
        landmarks = x[_landmark_rows(domains, self.landmarks)]
        classifier = None
        if domains.max() and self.own_penalty:
            unshifted = np.concatenate([np.zeros_like(compared), x[:, compared.shape[1] :]], axis=1) if others else x
            classifier = _fit_domains(unshifted, domains)
        landmarks = _half(landmarks if axes is None else landmarks @ axes)
        return Kernel(landmarks, axes, self.width / compared.shape[1], classifier)

    def whitener(self, kernel: Kernel) -> Floats:
        """After it, one penalty is both that on the kernel's function and that on the corpora's linear models."""
        shared = super().whitener(kernel)
        if kernel.domains is None:
            return shared
        columns = kernel.domains.axes.shape[1] * kernel.landmarks.shape[1]
        return np.asarray(block_diag(shared, np.sqrt(self.penalty / self.own_penalty) * np.eye(columns)))


def _landmark_rows(domains: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Rows of the landmarks: the same number from each domain, as far as it has enough clips."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(domains))
    rank = np.empty(len(domains), dtype=np.int64)  # position of each clip within its domain
    for domain in np.unique(domains):
        rows = order[domains[order] == domain]
        rank[rows] = np.arange(len(rows))
    return np.sort(np.lexsort((rng.permutation(len(domains)), rank))[:count])


def _fit_domains(x: Floats, domains: NDArray[np.int64]) -> DomainClassifier:
    """Ridge regression on one-hot domains, every domain with the same total weight; its outputs are scaled up."""
    weights = 1 / np.bincount(domains)[domains]
    weights = weights / weights.mean()
    targets = np.eye(domains.max() + 1)[domains]
    mean, frequencies = np.average(x, axis=0, weights=weights), np.average(targets, axis=0, weights=weights)
    centred = x - mean
    gram = (centred * weights[:, None]).T @ centred
    gram[np.diag_indices_from(gram)] += _DOMAIN_PENALTY
    axes = np.linalg.solve(gram, (centred * weights[:, None]).T @ (targets - frequencies))
    return DomainClassifier(_DOMAIN_FACTOR * axes, _DOMAIN_FACTOR * (frequencies - mean @ axes))


def _half(values: Floats) -> Floats:
    """Rounded to half precision, so that a model file of half the size is the same model."""
    return values.astype(np.float16).astype(np.float64)


def _principal_axes(x: Floats, count: int) -> Floats:
    """(dims, count) directions of largest variance."""
    centred = x - x.mean(axis=0)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    largest = np.abs(vectors).argmax(axis=0)  # the sign of an eigenvector is arbitrary
    return np.asarray(vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])]))
