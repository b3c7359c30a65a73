"""Standardised input of a network: mean and scale of the training clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.models import Network
from emotone.models.layers.standardised import Standardised
from emotone.training.examples import Examples, Values
from emotone.training.forward import similar_lengths


def standardised(model: Network, train: Examples, classes: int) -> Standardised:
    """A new module of the network, with its input standardised as `model.standardise` asks.

    Levels of an auxiliary target get outputs after those of the classes.
    """
    shape = train.values.shape
    mean, scale = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)
    if model.standardise != "none":
        rows = train.rows if train.scaled_by is None else train.scaled_by
        mean, scale = _mean_and_scale(train.values, rows, over_all=model.standardise == "all")
    extra = (1,) * (2 if len(shape) == 3 else 0)  # (channels,) must broadcast to (channels, height, width)
    outputs, kept = (classes + train.level_count, classes) if train.level_count else (classes, None)
    return Standardised(model.build(shape, outputs), mean.reshape(-1, *extra), scale.reshape(-1, *extra), kept)


def _mean_and_scale(
    values: Values, rows: NDArray[np.int64], *, over_all: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation per band of a sequence or channel of an image, or one of each over all values."""
    shape = values.shape
    bands = -3 if len(shape) == 3 else -1
    count, total, squares = 0, np.zeros(shape[bands]), np.zeros(shape[bands])
    for places in similar_lengths(values.lengths[rows]):
        batch, lengths = values.padded(rows[places])
        axes = tuple(axis for axis in range(batch.ndim) if axis != batch.ndim + bands)
        frames = {2: len(batch), 3: int(lengths.sum())}
        count += frames.get(batch.ndim, len(batch) * int(np.prod(batch.shape[2:])))
        total += batch.sum(axis=axes, dtype=np.float64)  # padding is zero and adds nothing
        squares += np.square(batch, dtype=np.float64).sum(axis=axes)
    if over_all:
        total, squares, count = total.sum(keepdims=True), squares.sum(keepdims=True), count * shape[bands]
    mean = (total / count).astype(np.float32)
    scale = np.sqrt(np.maximum(squares / count - np.square(total / count), 1e-10)).astype(np.float32)
    return mean, scale
