"""A trained network over many clips, in evaluation mode: its logits, and the embeddings they are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.training.examples import Floats, Values

EVALUATION_BATCH, EVALUATION_FRAMES = 128, 1_000_000  # clips at most; frames or samples at most, padding counted


def logits(module: nn.Module, values: Values, rows: NDArray[np.int64]) -> Floats:
    """(clips, classes) logits in evaluation mode; nothing is augmented here."""
    return _gathered(module, values, rows, lambda out: out)


def embeddings(module: nn.Module, values: Values, rows: NDArray[np.int64]) -> NDArray[np.float16] | None:
    """(clips, dims) what goes into the last linear layer; None where no such layer hears a clip as one vector.

    Every clip is heard here, the training clips too: that is done on the accelerator where there is one.
    """
    linear = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    heard: list[Tensor] = []

    def keep(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        heard[:] = [inputs[0]] if inputs[0].ndim == 2 else []

    if not linear:
        return None
    home = next(module.parameters()).device
    hook = linear[-1].register_forward_pre_hook(keep)
    try:
        module.to("cuda" if torch.cuda.is_available() else home)
        found = _gathered(module, values, rows, lambda out: heard.pop() if heard else out[:, :0])
    finally:
        hook.remove()
        module.to(home)
    most = float(np.finfo(np.float16).max)
    return found.clip(-most, most).astype(np.float16) if found.shape[1] else None


def alike(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Positions of clips to look at together: of like length, not too many, not too long in all."""
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


def _gathered(module: nn.Module, values: Values, rows: NDArray[np.int64], of: Callable[[Tensor], Tensor]) -> Floats:
    """(clips, dims) of what is taken of each batch's output, in the order of the rows."""
    device = next(module.parameters()).device
    found: Floats | None = None
    with torch.inference_mode():
        for places in alike(values.lengths[rows]):
            batch, lengths = values.padded(rows[places])
            out = of(module(torch.as_tensor(batch, device=device), torch.as_tensor(lengths, device=device)))
            found = np.empty((len(rows), out.shape[1])) if found is None else found
            found[places] = out.double().cpu().numpy()
    return np.empty((0, 0)) if found is None else found
