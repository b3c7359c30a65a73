"""Mixup: each clip of a training batch is blended with another, and what it should be heard as with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Mixture:
    """How the clips of one batch are blended, and their losses with them.

    Attributes:
        partners: (batch,) position of the clip that each is blended with.
        share: how much of a blend is the clip itself, 0.5 .. 1; the rest is its partner.
    """

    partners: NDArray[np.int64]
    share: float

    def blend(
        self, values: NDArray[np.float32], lengths: NDArray[np.int64], silence: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(batch, longest, ...) blended clips and (batch,) their lengths, each that of the longer of the two.

        Args:
            silence: what stands behind the end of the shorter one, (bands,) or (1,): the mean by which a network
                scales its input, so that it adds nothing there.
        """
        behind = np.arange(values.shape[1]) >= lengths[:, None]
        if behind.any():
            values = np.where(behind.reshape(*behind.shape, *(1,) * (values.ndim - 2)), silence, values)
        blended = self.share * values + (1 - self.share) * values[self.partners]
        return blended, np.maximum(lengths, lengths[self.partners])


def draw(clips: int, alpha: float, share: float, rng: np.random.Generator) -> Mixture | None:
    """How a batch of so many clips is blended; None where it stays as it is.

    One part for the whole batch, from Beta(alpha, alpha), and partners by permutation. The larger part is called the
    clip's own, which changes no loss: of two clips that are partners it is the same which one is called first.

    Source: Zhang et al., ICLR 2018, mixup: Beyond Empirical Risk Minimization.

    Args:
        alpha: near 0 clips stay nearly what they are, at 1 every part is as likely.
        share: share of batches that are blended.
    """
    if rng.random() >= share:
        return None
    part = float(rng.beta(alpha, alpha))
    own = max(part, 1 - part)
    return Mixture(rng.permutation(clips), own) if own < 1 else None
