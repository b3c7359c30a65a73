"""Attention weights of a network over time, and Grad-CAM of its last convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from emotone.features import Values
from emotone.models.layers.pooling import AttentionPool
from emotone.training.examples import Floats


def attention(module: nn.Module, values: Values) -> tuple[Floats, Floats] | None:
    """(places + 1,) edges and (places,) weights that sum to 1; None without attention pooling.

    Edges are in columns of the clip: frames, pixels or samples. Convolutions merge several columns into one place.
    """
    kept: list[Tensor] = []

    def keep(pool: nn.Module, inputs: tuple[Tensor, Tensor | None], output: Tensor) -> None:
        assert isinstance(pool, AttentionPool)
        kept.append(pool.weights(*inputs))

    pools = [layer for layer in module.modules() if isinstance(layer, AttentionPool)]
    hooks = [pool.register_forward_hook(keep) for pool in pools]
    try:
        with torch.inference_mode():
            module(torch.as_tensor(values)[None], None)
    finally:
        for hook in hooks:
            hook.remove()
    if not kept or len(kept[0]) != 1:  # a network that splits a clip into windows has several attentions
        return None
    weights = kept[0][0, :, 0].double().numpy()
    columns = values.shape[-1] if values.ndim == 3 else values.shape[0]
    width = _place_width([*module.modules()], columns, len(weights))
    return np.minimum(np.arange(len(weights) + 1) * width, columns), weights


def grad_cam(module: nn.Module, values: Values, direction: Floats) -> Floats | None:
    """(rows, columns) 0 .. 1, relevance of each place of the last convolution for a class; None without one.

    Rows and columns are those of the network's input: a picture's own, or bands and frames. The maps after the last
    two-dimensional convolution and its activation are summed, each weighted by the mean of its gradient; negative
    values become 0, the largest becomes 1, and each place is spread over its input cells. A convolution without an
    activation only cuts the picture into patches; it has no maps.

    Source: Selvaraju et al., ICCV 2017.

    Args:
        direction: (classes,) the score is the logits times this.
    """
    layers = [*module.modules()]
    convolutions = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    activations = [place for place, layer in enumerate(layers) if isinstance(layer, nn.ReLU | nn.Hardswish)]
    behind = [place for place in activations if convolutions and place > convolutions[-1]]
    if not behind:
        return None
    kept: dict[nn.Module, Tensor] = {}  # of an activation that is used more than once, the last maps count
    hooks = [
        layers[place].register_forward_hook(lambda layer, inputs, output: kept.update({layer: output}))
        for place in behind
    ]
    try:
        inputs = torch.as_tensor(values)[None].requires_grad_()
        score = module(inputs, None)[0].float() @ torch.as_tensor(direction, dtype=torch.float32)
    finally:
        for hook in hooks:
            hook.remove()
    last = next((place for place in behind if layers[place] in kept and kept[layers[place]].ndim == 4), None)
    if last is None:  # activations of squeeze-and-excitation act on averages, not on maps
        return None
    maps = kept[layers[last]]
    if len(maps) != 1:  # several windows of one clip
        return None
    (gradient,) = torch.autograd.grad(score, maps)
    relevance = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1)[0].relu().detach().double().numpy()
    relevance = relevance / (relevance.max() or 1.0)
    rows, columns = values.shape[-2:] if values.ndim == 3 else values.shape[::-1]
    upto = layers[:last]
    for axis, cells in enumerate((rows, columns)):
        place = np.arange(cells) // _place_width(upto, cells, relevance.shape[axis])
        covered = place < relevance.shape[axis]  # strides leave out cells at the end
        spread = relevance.take(np.minimum(place, relevance.shape[axis] - 1).astype(int), axis=axis)
        relevance = spread * (covered[:, None] if axis == 0 else covered)
    return np.asarray(relevance)


def _place_width(layers: Sequence[nn.Module], columns: int, places: int) -> float:
    """Number of columns of a clip per place after these layers.

    If strides do not divide the clip, columns at its end are left out, or the last place is shorter.
    """
    strides = [layer.stride for layer in layers if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    width = math.prod(stride[-1] if isinstance(stride, tuple) else int(stride) for stride in strides)
    return width if columns // width <= places <= -(-columns // width) else columns / places
