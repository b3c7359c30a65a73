"""A feature whose ONNX graph is made by hand: the samples of a clip in frames of 16."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emotone.features import Feature, Kind, Values

SIZE = 16


class WaveformFrames(Feature):
    """(frames, 16) samples, ten times as large, or (16,) their mean over the frames."""

    pooling: Literal["mean", "none"] = "none"

    @property
    def processes(self) -> int | None:
        return 1  # the shelf of another process would not have it

    @property
    def kind(self) -> Kind:  # type: ignore[override]  # the pooling decides
        return "sequence" if self.pooling == "none" else "vector"

    def extract(self, samples: Values, rate_hz: int) -> Values:
        frames = 10 * samples[: len(samples) // SIZE * SIZE].reshape(-1, SIZE)
        return frames if self.pooling == "none" else frames.mean(axis=0)

    @property
    def identity(self) -> str:
        return "made by hand"

    def graph(self) -> onnx.ModelProto:
        """Inputs `samples` and `lengths`, outputs `values` and, for a sequence, `frames`; padding must be zero."""
        nodes = [
            ("Mod", "sizes size", "rest", {}),
            ("Sub", "sizes rest", "whole", {}),
            ("Slice", "samples zeros whole ones", "cut", {}),
            ("Reshape", "cut shape", "rows", {}),
            ("Div", "lengths size", "frames", {}),
        ]
        constants = {
            "shape": np.array([0, -1, SIZE]),
            "size": np.array(SIZE),
            "ten": np.float32(10),
            "zeros": np.array([0]),
            "ones": np.array([1]),
        }
        made = [
            helper.make_node("Shape", ["samples"], ["sizes"], start=1),
            *(helper.make_node(kind, given.split(), [out], **more) for kind, given, out, more in nodes),
        ]
        outputs = [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["batch", "frames", SIZE])]
        if self.pooling == "none":
            made.append(helper.make_node("Mul", ["rows", "ten"], ["values"]))
            outputs.append(helper.make_tensor_value_info("frames", TensorProto.INT64, ["batch"]))
        else:
            made += [
                helper.make_node("Mul", ["rows", "ten"], ["scaled"]),
                helper.make_node("ReduceSum", ["scaled", "ones"], ["summed"], keepdims=0),
                helper.make_node("Cast", ["frames"], ["counts"], to=TensorProto.FLOAT),
                helper.make_node("Unsqueeze", ["counts", "ones"], ["columns"]),
                helper.make_node("Div", ["summed", "columns"], ["values"]),
            ]
            outputs = [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["batch", SIZE])]
        inputs = [
            helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", "samples"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
        ]
        tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
        graph = helper.make_graph(made, "frames", inputs, outputs, tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
