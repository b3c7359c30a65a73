"""A trained network over many clips in evaluation mode: its logits, and its embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.training.examples import Floats, Values

EVALUATION_BATCH, EVALUATION_FRAMES = 128, 1_000_000
"""Maximum of clips, and of frames or samples with padding, in a batch."""


def logits(module: nn.Module, values: Values, rows: NDArray[np.int64]) -> Floats:
    """(clips, classes) logits in evaluation mode, without augmentation."""
    return _in_batches(module, values, rows, lambda output: output)


def embeddings(module: nn.Module, values: Values, rows: NDArray[np.int64]) -> NDArray[np.float16] | None:
    """(clips, dims) input of the last linear layer; None if there is none, or if its input is not one vector per clip.

    Runs on the GPU where there is one, because it runs on every clip, the training clips too.
    """
    linear = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    inputs: list[Tensor] = []

    def store(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        inputs[:] = [given[0]] if given[0].ndim == 2 else []

    if not linear:
        return None
    home = next(module.parameters()).device
    hook = linear[-1].register_forward_pre_hook(store)
    try:
        module.to("cuda" if torch.cuda.is_available() else home)
        found = _in_batches(module, values, rows, lambda output: inputs.pop() if inputs else output[:, :0])
    finally:
        hook.remove()
        module.to(home)
    most = float(np.finfo(np.float16).max)
    return found.clip(-most, most).astype(np.float16) if found.shape[1] else None


def similar_lengths(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Positions of the clips of each batch: clips of similar length, within the limits of an evaluation batch."""
    order = np.argsort(lengths, kind="stable")
    first = 0
    while first < len(order):
        last = first + 1
        while (
            last < min(len(order), first + EVALUATION_BATCH)
            and (last + 1 - first) * lengths[order[last]] <= EVALUATION_FRAMES
        ):
            last += 1
        yield order[first:last]
        first = last


def _in_batches(module: nn.Module, values: Values, rows: NDArray[np.int64], of: Callable[[Tensor], Tensor]) -> Floats:
    """(clips, dims) `of` each batch's output, in the order of the rows."""
    device = next(module.parameters()).device
    found: Floats | None = None
    with torch.inference_mode():
        for places in similar_lengths(values.lengths[rows]):
            batch, lengths = values.padded(rows[places])
            output = of(module(torch.as_tensor(batch, device=device), torch.as_tensor(lengths, device=device)))
            found = np.empty((len(rows), output.shape[1])) if found is None else found
            found[places] = output.double().cpu().numpy()
    return np.empty((0, 0)) if found is None else found
