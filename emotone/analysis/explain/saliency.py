"""Where a network looked in a clip: its attention over time, and Grad-CAM at its last convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from emotone.features import Values
from emotone.models.layers.common import AttentionPool
from emotone.models.layers.pooling import Pooling
from emotone.training.examples import Floats


def attention(module: nn.Module, values: Values) -> tuple[Floats, Floats] | None:
    """(places + 1,) edges and (places,) weights, which sum to one; None where nothing pools by attention.

    Edges are counted in columns of the clip: frames, pixels or samples. A place is what convolutions made of some.
    """
    kept: list[Tensor] = []

    def keep(pool: nn.Module, inputs: tuple[Tensor, Tensor | None], output: Tensor) -> None:
        assert isinstance(pool, AttentionPool | Pooling)
        kept.append(pool.weights(*inputs))

    pools = [
        layer
        for layer in module.modules()
        if isinstance(layer, AttentionPool) or (isinstance(layer, Pooling) and layer.kind == "attention")
    ]
    hooks = [pool.register_forward_hook(keep) for pool in pools]
    try:
        with torch.inference_mode():
            module(torch.as_tensor(values)[None], None)
    finally:
        for hook in hooks:
            hook.remove()
    if not kept or len(kept[0]) != 1:  # a network that hears a clip in several windows has no one attention
        return None
    weights = kept[0][0, :, 0].double().numpy()
    columns = values.shape[-1] if values.ndim == 3 else values.shape[0]
    width = _place_width([*module.modules()], columns, len(weights))
    return np.minimum(np.arange(len(weights) + 1) * width, columns), weights


def grad_cam(module: nn.Module, values: Values, direction: Floats) -> Floats | None:
    """(rows, columns) 0 .. 1, how much each place of the last convolution spoke for a class; None without one.

    Rows and columns are those of the picture that the network sees: a picture's own, or bands and frames. The maps
    behind the last two-dimensional convolution and its activation are added up, each times the mean of its gradient;
    what is negative becomes zero, the most becomes one, and the places are spread over the cells they come from. A
    convolution without an activation only cuts the picture into patches; it has no maps.

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
    kept: dict[nn.Module, Tensor] = {}  # an activation may be used more than once: its last maps count
    hooks = [
        layers[place].register_forward_hook(lambda layer, inputs, output: kept.update({layer: output}))
        for place in behind
    ]
    try:
        heard = torch.as_tensor(values)[None].requires_grad_()
        score = module(heard, None)[0].float() @ torch.as_tensor(direction, dtype=torch.float32)
    finally:
        for hook in hooks:
            hook.remove()
    last = next((place for place in behind if layers[place] in kept and kept[layers[place]].ndim == 4), None)
    if last is None:  # none of maps: squeezing and excitation has one of averages
        return None
    maps = kept[layers[last]]
    if len(maps) != 1:  # several windows of one clip
        return None
    (gradient,) = torch.autograd.grad(score, maps)
    seen = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1)[0].relu().detach().double().numpy()
    seen = seen / (seen.max() or 1.0)
    rows, columns = values.shape[-2:] if values.ndim == 3 else values.shape[::-1]
    upto = layers[:last]
    for axis, cells in enumerate((rows, columns)):
        place = np.arange(cells) // _place_width(upto, cells, seen.shape[axis])
        known = place < seen.shape[axis]  # what strides leave out at the end was not seen
        spread = seen.take(np.minimum(place, seen.shape[axis] - 1).astype(int), axis=axis)
        seen = spread * (known[:, None] if axis == 0 else known)
    return np.asarray(seen)


def _place_width(layers: Sequence[nn.Module], columns: int, places: int) -> float:
    """How many columns of a clip lie under one of the places that these layers made of them.

    Strides that do not divide the clip leave columns at its end out, or make a last place that is cut short.
    """
    strides = [layer.stride for layer in layers if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    width = math.prod(stride[-1] if isinstance(stride, tuple) else int(stride) for stride in strides)
    return width if columns // width <= places <= -(-columns // width) else columns / places
