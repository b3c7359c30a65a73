"""The ONNX graph of a Whisper encoder has the values of the feature, alone and in a padded batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from emotone.features import make
from emotone.models.pretrained import checkpoints, encoders
from emotone.models.pretrained.encoders import WhisperEncoder
from emotone.models.pretrained.encoders._whisper import ceil_div
from emotone.models.pretrained.encoders.onnx_graph import LogMel, _Positions
from emotone.training import onnx_weights
from tests.helpers.checkpoints import sound, write_checkpoint

SIZES = (1, 319, 3_200, 9_001, 16_000, 40_000)  # a piece has 16,000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"), "whisper")


def run(graph: onnx.ModelProto, clips: list[NDArray[np.float32]]) -> dict[str, Any]:
    """The outputs for a padded batch."""
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    samples = np.zeros((len(clips), max(clip.size for clip in clips)), dtype=np.float32)
    for row, clip in zip(samples, clips, strict=True):
        row[: clip.size] = clip
    names = [output.name for output in session.get_outputs()]
    given = {"samples": samples, "lengths": np.array([clip.size for clip in clips])}
    return dict(zip(names, session.run(names, given), strict=True))


@pytest.mark.parametrize(("layer", "pooling"), [((1, 2), "none"), ("last", "mean_std"), (2, "mean")])
def test_the_graph_has_the_values_of_the_feature(layer: Any, pooling: str, folder: Path) -> None:
    feature = make("encoder", checkpoint=str(folder), layer=layer, pooling=pooling, seconds="clip")
    graph = feature.graph()
    assert graph is not None
    onnx.checker.check_model(graph, full_check=True)
    assert not {node.op_type for node in graph.graph.node} & {"DFT", "STFT", "Conv", "Gemm"}
    assert {imported.domain for imported in graph.opset_import} == {""}
    clips = [sound(size, seed) for seed, size in enumerate(SIZES)]
    expected = [feature.extract(clip, 16_000) for clip in clips]
    short = clips[:-2]
    for batch in (clips, short, *([clip] for clip in clips)):
        found = run(graph, batch)
        for row, clip in enumerate(batch):
            values = expected[[one is clip for one in clips].index(True)]
            if pooling == "none":
                assert found["frames"][row] == len(values)
                assert not found["values"][row, len(values) :].any()
            shown = found["values"][row, : len(values)] if pooling == "none" else found["values"][row]
            np.testing.assert_allclose(shown, values, atol=1e-4)
    assert set(found) == ({"values", "frames"} if pooling == "none" else {"values"})


def test_integer_weights_change_the_values_little_and_no_batch_changes_them(folder: Path) -> None:
    feature = make("encoder", checkpoint=str(folder), layer=(1, 2), pooling="none", seconds="clip")
    graph, clips = feature.graph(), [sound(size, seed) for seed, size in enumerate(SIZES[2:])]
    small = onnx_weights.quantised(onnx_weights.in_half_precision(graph))
    together = run(small, clips)["values"]
    for row, clip in enumerate(clips):
        alone = run(small, [clip])["values"][0]
        np.testing.assert_allclose(together[row, : len(alone)], alone, atol=1e-5)
        assert np.corrcoef(alone.ravel(), feature.extract(clip, 16_000).ravel())[0, 1] > 0.99


def test_the_log_mel_spectrogram_is_that_of_the_encoder(folder: Path) -> None:
    encoder = encoders.load(checkpoints.find(str(folder)), "clip")
    assert isinstance(encoder, WhisperEncoder)
    ours = LogMel(encoder.n_fft, encoder.hop, encoder.bands)
    samples, lengths = torch.zeros(3, 9_600), torch.tensor([9_600, 4_001, 0])
    for row, size in enumerate(lengths.tolist()):
        samples[row, :size] = torch.from_numpy(sound(size + 1)[:size])
    expected, _ = encoder._clip_log_mel(samples, ceil_div(lengths, encoder.hop))
    found, _ = ours(samples, ceil_div(lengths, encoder.hop))
    np.testing.assert_allclose(found.mT, expected, atol=1e-4)


def test_positions_of_whisper_are_computed_and_others_kept() -> None:
    angles = np.arange(50)[:, None] * 10_000.0 ** (-np.arange(8) / 7)
    table = torch.tensor(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), dtype=torch.float32)
    for positions, computed in ((table, True), (table.half().float(), True), (table + 0.01, False)):
        module = _Positions(positions)
        assert module.computed is computed
        np.testing.assert_allclose(module(30), positions[:30], atol=1e-3)


def test_only_whisper_with_the_clip_as_its_window_has_a_graph(folder: Path) -> None:
    for settings in ({"checkpoint": str(folder)}, {"checkpoint": "random:hubert", "seconds": "clip"}):
        assert make("encoder", **settings).graph() is None
    assert make("log_mel").graph() is None


def test_a_graph_is_made_once_and_given_as_a_copy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feature = make("encoder", checkpoint=str(folder), layer=2, seconds="clip")
    first = feature.graph()
    assert first is not None
    monkeypatch.setattr(encoders, "load", None)
    del first.graph.node[:]
    again = feature.graph()
    assert again is not None
    assert len(again.graph.node) > 0
