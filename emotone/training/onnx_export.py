"""Export of a fitted model to weights and one ONNX file, which contains its settings and is checked against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from emotone.audio.read import AudioSettings
from emotone.errors import EmotoneError, ModelError
from emotone.features.waveform import Waveform
from emotone.files import atomic_write
from emotone.inference.clip_windows import ClipWindows
from emotone.inference.onnx_file import FORMAT
from emotone.inference.speech_model import LOG_PROBS, SHIFT
from emotone.models import Model, Network
from emotone.models.linear.affine import Affine
from emotone.training.examples import Values
from emotone.training.fit import FittedLinear, FittedNetwork
from emotone.training.onnx_compose import composed, opset
from emotone.training.onnx_linear import OPSET, affine_graph
from emotone.training.onnx_weights import in_half_precision

if TYPE_CHECKING:
    import onnx
    from torch import nn

PARITY = 1e-4
"""Largest difference of a probability between the model and its ONNX file."""


class SpeakerAdaptation(BaseModel):
    """How the embedding is centred on an enrolled speaker or domain; see `speaker_shift`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    average: tuple[float, ...] = Field(description="(dims,) mean of the training speakers' means.")
    emotion_shifts: tuple[tuple[float, ...], ...] = Field(description="(classes, dims) shift by each emotion.")

    @classmethod
    def of(cls, average: NDArray[Any], emotion_shifts: NDArray[Any]) -> SpeakerAdaptation:
        """From arrays, rounded to five digits."""
        return cls(average=_rounded(average), emotion_shifts=tuple(_rounded(row) for row in emotion_shifts))


def _rounded(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values.tolist())


class ModelMetadata(BaseModel):
    """Metadata of an ONNX file, as JSON under the key `emotone`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(FORMAT, description="Version of this metadata.")
    title: str = Field(description="The recipe's title.")
    classes: tuple[str, ...] = Field(description="Labels, in the order of the output.")
    audio: AudioSettings = Field(description="Audio settings of its features.")
    feature: dict[str, Any] = Field(description="Name and settings of the feature.")
    trained_on: tuple[str, ...] = Field(description="Training corpora.")
    protocol: str = Field(description="How the scores were measured.")
    uar: dict[str, float | None] | None = Field(None, description="value, low, high of the run's cross-validation.")
    feature_version: int = Field(0, description="Version of the feature; 0: unknown.")
    feature_identity: str = Field("", description="What the feature depends on besides its settings.")
    unfinished: str = Field("", description="Why training stopped early, if it did.")
    adaptation: SpeakerAdaptation | None = Field(None, description="How it is adapted to a speaker; none: not at all.")
    encoder: dict[str, Any] | None = Field(
        None, description="Name, settings and identity of the feature in the graph; none: the graph takes a feature."
    )
    frame_step_s: float = Field(
        0.0, description="Seconds from one window of the output `frame_scores` to the next; 0: it has none."
    )
    windows: ClipWindows | None = Field(None, description="Windows of a clip that are its input; none: the whole clip.")


def export(
    fitted: FittedLinear | FittedNetwork,
    model: Model,
    metadata: ModelMetadata,
    path: Path,
    values: Values,
    rows: NDArray[Any],
    feature: onnx.ModelProto | None = None,
) -> float:
    """Write the ONNX file; the largest difference of a probability between it and the model on these clips.

    Input `values`: (batch, ...) features. Output `log_probabilities`: (batch, classes). With the graph of the feature,
    the file has its inputs `samples` (batch, samples) and `lengths` (batch,) instead; see `padded_network_graph` for
    the others. What is compared is the part after the feature.

    Args:
        metadata: of the file.
        path: the new file.
        values: features, of which the clips in `rows` are compared.
        feature: graph of the feature, see `Feature.graph`; None: the file takes the feature.

    Raises:
        ModelError: the model cannot be exported, or the difference is larger than 1e-4; nothing is written.
    """
    import onnx

    if isinstance(fitted, FittedNetwork) and isinstance(model, Network) and (reason := model.no_export(fitted.module)):
        raise ModelError(reason)

    graph = _graph(fitted, model, values, rows, feature)
    if isinstance(fitted, FittedNetwork):
        graph = in_half_precision(graph)
    difference = _difference(graph.SerializeToString(), fitted, values, rows)
    if difference > PARITY:
        raise ModelError(
            f"a probability of the exported ONNX graph differs from the model's by {difference:.2g}, more than "
            f"{PARITY:g}; the weights are kept, so report the architecture as an issue"
        )
    if feature is not None:
        graph, metadata = in_half_precision(composed(feature, graph)), _of_samples(metadata)
    elif isinstance(model, Network) and model.takes_history:  # without samples, nothing can be adapted
        metadata = metadata.model_copy(update={"adaptation": None, "frame_step_s": 0.0})
    elif isinstance(fitted, FittedNetwork):
        metadata = metadata.model_copy(update={"windows": _windows(fitted, model)})
    entry = graph.metadata_props.add()
    entry.key, entry.value = "emotone", metadata.model_dump_json()
    with atomic_write(path) as temporary:
        onnx.save(graph, str(temporary), format="protobuf")
    return difference


def write_model(
    fitted: FittedLinear | FittedNetwork,
    model: Model,
    metadata: ModelMetadata,
    folder: Path,
    values: Values,
    rows: NDArray[Any],
    *,
    reason_file: Path,
    refused: str = "",
    feature: Callable[[], onnx.ModelProto | None] = lambda: None,
) -> tuple[float | None, str]:
    """Write weights and ONNX file to a run's `model` folder.

    Args:
        metadata, values, rows: as of `export`.
        reason_file: file for the reason if there is no ONNX file.
        refused: reason not to export the model; empty to export it.
        feature: gives the graph of the feature, as of `export`; may raise an EmotoneError.

    Returns:
        (largest difference of a probability, ""), or (None, reason) without an ONNX file.
    """
    save_weights(fitted, folder / "weights.safetensors")
    try:
        if refused:
            raise ModelError(refused)
        difference = export(fitted, model, metadata, folder / "model.onnx", values, rows, feature())
    except EmotoneError as problem:  # the result of a long training is kept
        (folder / "model.onnx").unlink(missing_ok=True)
        reason_file.write_text(f"{problem}\n", encoding="utf-8")
        return None, str(problem)
    reason_file.unlink(missing_ok=True)
    return difference, ""


def save_weights(fitted: FittedLinear | FittedNetwork, path: Path) -> None:
    """Write the weights as safetensors, with factor and offsets of the calibration in the metadata."""
    from safetensors.numpy import save

    if isinstance(fitted, FittedLinear):
        arrays = {name: np.ascontiguousarray(array) for name, array in fitted.affine.arrays().items()}
        metadata: dict[str, Any] = {"sharpness": 1.0}  # weights and bias include calibration and offsets
    else:
        arrays = {name: weight.numpy().copy() for name, weight in fitted.module.state_dict().items()}
        metadata = {"sharpness": fitted.sharpness, "offsets": fitted.offsets.tolist()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(arrays, {name: json.dumps(value) for name, value in metadata.items()}))


def load_weights(path: Path, model: Model, shape: tuple[int, ...], classes: int) -> FittedLinear | FittedNetwork:
    """The fitted model that `save_weights` wrote, with the same probabilities; curve and development are empty.

    Args:
        path: the file.
        model: settings of the fitted model.
        shape: of a clip's features.
        classes: number of classes.

    Raises:
        ModelError: the file is not readable, or the weights are those of another model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
            metadata = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
    except (OSError, ValueError, SafetensorError) as problem:
        raise ModelError(f"{path}: not readable as weights ({problem}); train the run again") from problem
    no_clips = np.zeros((0, classes))
    try:
        if not isinstance(model, Network):
            return FittedLinear(Affine.of_arrays(arrays), no_clips)
        module = _module(arrays, model, shape, classes)
        return FittedNetwork(module, metadata["sharpness"], no_clips, [], offsets=np.array(metadata["offsets"]))
    except (KeyError, TypeError, RuntimeError) as problem:  # missing names or wrong shapes
        reason = " ".join(str(problem).split())[:200]
        raise ModelError(
            f"{path}: not the weights of this {type(model).__name__} ({reason}); use recipe and weights of one run"
        ) from problem


def _module(arrays: dict[str, NDArray[Any]], model: Network, shape: tuple[int, ...], classes: int) -> nn.Module:
    """The network with these weights and its standardisation, in evaluation mode."""
    import torch

    from emotone.models.layers.standardised import Standardised

    state = {name: torch.as_tensor(array) for name, array in arrays.items()}
    mean, scale = arrays["mean"], arrays["scale"]
    module = Standardised(model.build(shape, classes), mean, scale)
    last = [name for name, weight in module.state_dict().items() if len(weight.shape) == 1][-1]
    outputs = len(state[last])  # of the last layer: classes, then levels of an auxiliary target
    if outputs != classes:
        module = Standardised(model.build(shape, outputs), mean, scale, classes)
    module.load_state_dict(state)
    return module.eval()


def _graph(
    fitted: FittedLinear | FittedNetwork,
    model: Model,
    values: Values,
    rows: NDArray[Any],
    feature: onnx.ModelProto | None,
) -> onnx.ModelProto:
    """The graph of the model, or what follows the graph of its feature."""
    if isinstance(fitted, FittedLinear):
        return affine_graph(fitted.affine, opset=OPSET if feature is None else opset(feature))
    from emotone.training.onnx_network import network_graph, padded_network_graph

    assert isinstance(model, Network)
    example = values.padded(rows[:1])[0]
    if feature is None:
        return network_graph(fitted, model, example)
    return padded_network_graph(fitted, model, example, opset=opset(feature))


def _of_samples(metadata: ModelMetadata) -> ModelMetadata:
    """The metadata of a file whose graph computes the feature from samples."""
    encoder = {**metadata.feature, "identity": metadata.feature_identity, "version": metadata.feature_version}
    if "checkpoint" in encoder:  # of a folder, the name: where it was is of no use elsewhere
        encoder["checkpoint"] = Path(encoder["checkpoint"]).name
    waveform = Waveform()
    return metadata.model_copy(
        update={
            "feature": {"name": "waveform", **waveform.model_dump(mode="json")},
            "feature_version": waveform.version,
            "feature_identity": waveform.identity,
            "encoder": encoder,
        }
    )


def _difference(graph: bytes, fitted: FittedLinear | FittedNetwork, values: Values, rows: NDArray[Any]) -> float:
    """The largest difference of a probability between graph and model."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    inputs = {item.name: item.shape for item in session.get_inputs()}
    largest = 0.0
    for row in rows:
        clip = np.array([row])
        given: dict[str, NDArray[Any]] = dict(zip(("values", "frames"), values.padded(clip), strict=True))
        if SHIFT in inputs:
            given[SHIFT] = np.zeros((1, inputs[SHIFT][1]), dtype=np.float32)
        (output,) = session.run([LOG_PROBS], {name: array for name, array in given.items() if name in inputs})
        largest = max(largest, float(np.abs(np.exp(output) - np.exp(fitted.log_probabilities(values, clip))).max()))
    return largest


def _windows(fitted: FittedNetwork, model: Model) -> ClipWindows | None:
    """The windows of a clip that the network takes, padded with the mean of its training clips."""
    if not isinstance(model, Network) or model.evaluation_windows is None:
        return None
    count, frames = model.evaluation_windows
    mean = fitted.module.get_buffer("mean").numpy()
    digits = tuple(float(str(number)) for number in mean)  # as many as give the same float32
    return ClipWindows(count=count, frames=frames, usual=digits)
