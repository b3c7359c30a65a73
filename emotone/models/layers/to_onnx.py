"""A module as an ONNX graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from emotone.errors import ModelError

if TYPE_CHECKING:
    import onnx

_LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir")


def onnx_graph(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    dynamic: Sequence[Any],
    outputs: Sequence[str],
    opset: int,
    *,
    name: str = "the network",
) -> onnx.ModelProto:
    """The graph of a module in evaluation mode, without the exporter's notes on where each node came from.

    Args:
        inputs: name -> an example; a batch of two or more, since the exporter treats a size of one as fixed.
        dynamic: of each argument, axis -> `torch.export.Dim`; for a variable number of arguments, a tuple of these.
        outputs: names of the outputs, which are a tensor or a tuple.
        opset: version of the standard operators.
        name: of the module, for the error.

    Raises:
        ModelError: torch cannot export it.
    """
    loggers = [logging.getLogger(each) for each in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter
            program = torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=tuple(dynamic),
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
    except Exception as problem:  # the exporter raises many kinds of errors
        reason = next(iter(str(problem).split("\n")), "")
        raise ModelError(
            f"torch cannot export {name} to ONNX ({type(problem).__name__}: {reason[:200]}); "
            "use operators that torch.onnx.export supports"
        ) from problem
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    if program is None:
        raise ModelError("torch.onnx.export returned no program; use a release of torch that supports dynamo=True")
    graph = program.model_proto
    for item in (graph, graph.graph, *graph.graph.node, *graph.graph.value_info):
        del item.metadata_props[:]
    return graph
