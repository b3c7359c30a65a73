"""Mixup: each clip of a training batch is mixed with another one, and so are their losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Mixture:
    """How the clips of one batch are mixed.

    Attributes:
        partners: (batch,) position of the clip that each clip is mixed with.
        share: share of the clip itself, 0.5 .. 1; the rest is its partner.
    """

    partners: NDArray[np.int64]
    share: float

    def mix(
        self, values: NDArray[np.float32], lengths: NDArray[np.int64], silence: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(batch, longest, ...) mixed clips and (batch,) their lengths, each that of the longer of the two.

        Args:
            silence: value after the end of the shorter clip, (bands,) or (1,): the mean by which a network standardises
                its input, so that it adds nothing there.
        """
        padding = np.arange(values.shape[1]) >= lengths[:, None]
        if padding.any():
            values = np.where(padding.reshape(*padding.shape, *(1,) * (values.ndim - 2)), silence, values)
        mixed = self.share * values + (1 - self.share) * values[self.partners]
        return mixed, np.maximum(lengths, lengths[self.partners])


def draw(clips: int, alpha: float, share: float, rng: np.random.Generator) -> Mixture | None:
    """A random mixture of a batch of so many clips; None where the batch is not mixed.

    The share is one for the whole batch, from Beta(alpha, alpha); partners are a permutation. The larger part is the
    clip itself, which changes no loss: a pair has the same loss in either order.

    Source: Zhang et al., ICLR 2018, mixup: Beyond Empirical Risk Minimization.

    Args:
        alpha: near 0, clips are hardly changed; at 1, all shares are equally likely.
        share: share of batches that are mixed.
    """
    if rng.random() >= share:
        return None
    part = float(rng.beta(alpha, alpha))
    larger = max(part, 1 - part)
    return Mixture(rng.permutation(clips), larger) if larger < 1 else None
