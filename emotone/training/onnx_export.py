"""A fitted model -> one ONNX file that carries its own settings, checked against the original."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from emotone.audio.read import AudioSettings
from emotone.errors import ModelError
from emotone.files import atomic_write
from emotone.inference.clip_windows import ClipWindows
from emotone.inference.onnx_model import FORMAT
from emotone.models import Model, Network
from emotone.models.linear.affine import Affine
from emotone.training.examples import Values
from emotone.training.fit import FittedLinear, FittedNetwork
from emotone.training.onnx_linear import OPSET, affine_graph

if TYPE_CHECKING:
    import onnx
    from torch import nn

PARITY = 1e-4
_MANY = 1024
"""Numbers that a matrix must hold to be worth holding short."""


class SpeakerFacts(BaseModel):
    """By what clips of a speaker are shifted who was heard before; see `speaker_shift`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    average: tuple[float, ...] = Field(description="(dims,) the mean of the training speakers' means.")
    emotion_shifts: tuple[tuple[float, ...], ...] = Field(description="(classes, dims) what each emotion does to it.")
    beside: bool = Field(True, description="Behind the shifted values it hears them as they are.")

    @classmethod
    def of(cls, average: NDArray[Any], emotion_shifts: NDArray[Any]) -> SpeakerFacts:
        """Of arrays; five digits are kept."""
        return cls(average=_short(average), emotion_shifts=tuple(_short(row) for row in emotion_shifts))


def _short(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values.tolist())


class ModelFacts(BaseModel):
    """What an ONNX file says of itself, as JSON in its metadata under the key `emotone`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(FORMAT, description="Version of this form.")
    title: str = Field(description="The recipe's title.")
    classes: tuple[str, ...] = Field(description="Labels, in the order of the output.")
    audio: AudioSettings = Field(description="What is done to a clip before its features.")
    feature: dict[str, Any] = Field(description="Name and settings of the feature.")
    trained_on: tuple[str, ...] = Field(description="Corpora.")
    protocol: str = Field(description="How the scores were measured.")
    uar: dict[str, float | None] | None = Field(None, description="value, low, high of the run's cross-validation.")
    feature_version: int = Field(0, description="Version of the feature's numbers; 0: not said.")
    feature_identity: str = Field("", description="What the feature's numbers depend on beside its settings.")
    unfinished: str = Field("", description="Why training stopped early, if it did.")
    sides: tuple[str, ...] = Field((), description="Corpora that the output `sides` tells apart, in its order.")
    adaptation: SpeakerFacts | None = Field(None, description="How it is adapted to a speaker; none: it is not.")
    windows: ClipWindows | None = Field(None, description="What it hears of a clip; none: all of it.")


def export(
    fitted: FittedLinear | FittedNetwork,
    model: Model,
    facts: ModelFacts,
    path: Path,
    values: Values,
    rows: NDArray[Any],
) -> float:
    """Write the ONNX file; the largest difference of a probability to the original's on these clips.

    The graph takes `values`, (batch, ...) features, and gives `log_probabilities`, (batch, classes).

    Raises:
        ModelError: it cannot become an ONNX file, or the difference is over 1e-4; nothing is written.
    """
    import onnx

    if isinstance(fitted, FittedNetwork) and isinstance(model, Network) and (reason := model.no_export(fitted.module)):
        raise ModelError(reason)

    if isinstance(fitted, FittedLinear):
        graph = affine_graph(fitted.affine)
    else:
        one_length = isinstance(model, Network) and model.one_length
        if facts.adaptation is None:
            facts = facts.model_copy(update={"windows": _windows(fitted, model)})
        graph = held_short(_network_graph(fitted, one_length, values, int(rows[0])))
    entry = graph.metadata_props.add()
    entry.key, entry.value = "emotone", facts.model_dump_json()
    difference = _difference(graph.SerializeToString(), fitted, values, rows)
    if difference > PARITY:
        raise ModelError(f"the exported graph differs from the model by {difference:.2g} (at most {PARITY:g} is right)")
    with atomic_write(path) as temporary:
        onnx.save(graph, str(temporary), format="protobuf")
    return difference


def keep(
    fitted: FittedLinear | FittedNetwork,
    model: Model,
    facts: ModelFacts,
    folder: Path,
    values: Values,
    rows: NDArray[Any],
    *,
    left: Path,
    refused: str = "",
) -> tuple[float | None, str]:
    """Write weights and ONNX file to a run's `model` folder; (largest difference, ""), or (None, why there is no ONNX).

    Args:
        facts, values, rows: as of `export`.
        left: file in which to leave why there is none.
        refused: why it must not be exported, if it must not.
    """
    save_weights(fitted, folder / "weights.safetensors")
    try:
        if refused:
            raise ModelError(refused)
        difference = export(fitted, model, facts, folder / "model.onnx", values, rows)
    except ModelError as problem:  # a long training must not be lost for it
        (folder / "model.onnx").unlink(missing_ok=True)
        left.write_text(f"{problem}\n", encoding="utf-8")
        return None, str(problem)
    left.unlink(missing_ok=True)
    return difference, ""


def save_weights(fitted: FittedLinear | FittedNetwork, path: Path) -> None:
    """The weights alone, as safetensors, for those who carry on with them in other tools."""
    from safetensors.numpy import save_file

    if isinstance(fitted, FittedLinear):
        arrays = {name: np.ascontiguousarray(array) for name, array in fitted.affine.arrays().items()}
        beside: dict[str, Any] = {"sharpness": 1.0}  # the weights and the bias hold it, and the offsets
    else:
        arrays = {name: weight.numpy().copy() for name, weight in fitted.module.state_dict().items()}
        beside = {"sharpness": fitted.sharpness, "offsets": fitted.offsets.tolist()}
    with atomic_write(path) as temporary:
        save_file(arrays, temporary, metadata={name: json.dumps(value) for name, value in beside.items()})


def load_weights(path: Path, model: Model, shape: tuple[int, ...], classes: int) -> FittedLinear | FittedNetwork:
    """What `save_weights` wrote, as a fitted model again: the same probabilities. Curve and development are empty.

    Args:
        path: the file.
        model: the settings that it was fitted with.
        shape: of a clip's features.
        classes: how many the model tells apart.

    Raises:
        ModelError: not such a file, or weights of another model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            beside = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
    except (OSError, SafetensorError) as problem:
        raise ModelError(f"{path}: not readable as weights ({problem}); train again") from problem
    nothing = np.zeros((0, classes))
    try:
        if not isinstance(model, Network):
            return FittedLinear(Affine.of_arrays(arrays), nothing)
        module = _module(arrays, model, shape, classes)
        return FittedNetwork(module, beside["sharpness"], nothing, [], offsets=np.array(beside["offsets"]))
    except (KeyError, TypeError, RuntimeError) as problem:  # names or shapes that do not fit
        reason = " ".join(str(problem).split())[:200]
        raise ModelError(f"{path}: not the weights of this {type(model).__name__} ({reason})") from problem


def _module(arrays: dict[str, NDArray[Any]], model: Network, shape: tuple[int, ...], classes: int) -> nn.Module:
    """The network with these weights behind its scaling, in evaluation mode."""
    import torch

    from emotone.models.layers.standardised import Standardised

    state = {name: torch.as_tensor(array) for name, array in arrays.items()}
    mean, scale = arrays["mean"], arrays["scale"]
    module = Standardised(model.build(shape, classes), mean, scale)
    last = [name for name, weight in module.state_dict().items() if len(weight.shape) == 1][-1]
    outputs = len(state[last])  # of the last layer: the classes, and behind them those of an auxiliary target
    if outputs != classes:
        module = Standardised(model.build(shape, outputs), mean, scale, classes)
    module.load_state_dict(state)
    return module.eval()


def _difference(graph: bytes, fitted: FittedLinear | FittedNetwork, values: Values, rows: NDArray[Any]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    worst = 0.0
    for row in rows:
        one = np.array([row])
        (out,) = session.run(["log_probabilities"], {"values": values.padded(one)[0]})
        worst = max(worst, float(np.abs(np.exp(out) - np.exp(fitted.log_probabilities(values, one))).max()))
    return worst


def _network_graph(fitted: FittedNetwork, one_length: bool, values: Values, row: int) -> onnx.ModelProto:
    import torch

    class WithProbabilities(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = fitted.module
            self.register_buffer("offsets", torch.as_tensor(fitted.offsets, dtype=torch.float32))

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return torch.log_softmax(fitted.sharpness * self.network(values, None) + self.offsets, dim=1)

    example = torch.as_tensor(np.repeat(values.padded(np.array([row]))[0], 2, axis=0))
    moving = {0: torch.export.Dim("batch")} | ({} if one_length else {1: torch.export.Dim("frames")})
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [quiet.level for quiet in loggers]
    for quiet in loggers:
        quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
            program = torch.onnx.export(
                WithProbabilities().eval(),
                (example,),
                input_names=["values"],
                output_names=["log_probabilities"],
                dynamic_shapes=(moving,),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as problem:  # the exporter raises what its many parts raise
        reason = next(iter(str(problem).split("\n")), "")
        raise ModelError(f"torch cannot turn it into ONNX ({type(problem).__name__}: {reason[:200]})") from problem
    finally:
        for quiet, level in zip(loggers, levels, strict=True):
            quiet.setLevel(level)
    if program is None:
        raise ModelError("torch gave no ONNX program")
    return program.model_proto


def _windows(fitted: FittedNetwork, model: Model) -> ClipWindows | None:
    """The windows of a clip that it hears; what is usual there is the mean of its training clips."""
    if not isinstance(model, Network) or model.evaluation_windows is None:
        return None
    count, frames = model.evaluation_windows
    mean = fitted.module.get_buffer("mean").numpy()
    shortest = tuple(float(str(number)) for number in mean)  # digits that give the same float32 again
    return ClipWindows(count=count, frames=frames, usual=shortest)


def held_short(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same model: matrices of which half precision has every number are held so, and cast when it is loaded."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.graph.initializer:
        numbers = numpy_helper.to_array(tensor)
        if numbers.dtype != np.float32 or numbers.size < _MANY or np.abs(numbers).max() > np.finfo(np.float16).max:
            continue
        short = numbers.astype(np.float16)
        if np.array_equal(short.astype(np.float32), numbers):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(short, f"{name}_short"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph
