"""Whisper checkpoints in the format of CTranslate2, against the same weights read by transformers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.errors import ModelError
from emotone.features.encoder import Encoder
from emotone.models.pretrained import checkpoints, ctranslate2
from emotone.models.pretrained.catalogue import KNOWN, Known
from emotone.models.pretrained.encoders import load
from emotone.models.pretrained.optional import transformers
from tests.helpers.checkpoints import sound

DIMS, LAYERS = 64, 2
CONFIG = {
    "d_model": DIMS,
    "encoder_layers": LAYERS,
    "encoder_attention_heads": 1,
    "encoder_ffn_dim": 96,
    "num_mel_bins": 80,
    "max_source_positions": 100,
    "decoder_layers": 1,
    "decoder_attention_heads": 1,
    "decoder_ffn_dim": 8,
    "vocab_size": 4,
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0),
}


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def model_bin(tensors: dict[str, NDArray[Any]], *, specification: str = "WhisperSpec", kind: int = 4) -> bytes:
    """The file that CTranslate2's converter writes: settings have no dimension, weights are float16."""
    content = struct.pack("<I", 6) + text(specification) + struct.pack("<I", 3) + struct.pack("<I", len(tensors) + 1)
    content += text("encoder/num_heads") + struct.pack("<BBI", 0, 2, 2) + struct.pack("<h", 1)
    for name, array in tensors.items():
        values = array.astype(np.float16).tobytes()
        content += text(name) + struct.pack("<B", array.ndim) + struct.pack(f"<{array.ndim}I", *array.shape)
        content += struct.pack("<BI", kind, len(values)) + values
    return content


def converted(state: dict[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    """CTranslate2's names and fused projections of a Whisper encoder of transformers."""
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    ends = {"weight": "gamma", "bias": "beta"}
    found = {f"encoder/{conv}/{end}": arrays[f"{conv}.{end}"] for conv in ("conv1", "conv2") for end in ends}
    found["encoder/position_encodings/encodings"] = arrays["embed_positions.weight"]
    found |= {f"encoder/layer_norm/{theirs}": arrays[f"layer_norm.{end}"] for end, theirs in ends.items()}
    for number in range(LAYERS):
        ours, theirs = f"layers.{number}", f"encoder/layer_{number}"
        attention = f"{ours}.self_attn"
        keys = np.zeros_like(arrays[f"{attention}.q_proj.bias"])
        found[f"{theirs}/self_attention/linear_0/weight"] = np.concatenate(
            [arrays[f"{attention}.{part}_proj.weight"] for part in "qkv"]
        )
        found[f"{theirs}/self_attention/linear_0/bias"] = np.concatenate(
            [arrays[f"{attention}.q_proj.bias"], keys, arrays[f"{attention}.v_proj.bias"]]
        )
        for end, norm in ends.items():
            found[f"{theirs}/self_attention/linear_1/{end}"] = arrays[f"{attention}.out_proj.{end}"]
            found[f"{theirs}/self_attention/layer_norm/{norm}"] = arrays[f"{ours}.self_attn_layer_norm.{end}"]
            found[f"{theirs}/ffn/layer_norm/{norm}"] = arrays[f"{ours}.final_layer_norm.{end}"]
            for part, linear in (("fc1", "linear_0"), ("fc2", "linear_1")):
                found[f"{theirs}/ffn/{linear}/{end}"] = arrays[f"{ours}.{part}.{end}"]
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same encoder as a folder of transformers and as one of CTranslate2."""
    folder = tmp_path_factory.mktemp("whisper")
    torch.manual_seed(3)
    model = transformers().AutoModel.from_config(transformers().AutoConfig.for_model("whisper", **CONFIG))
    for weight in model.parameters():  # half precision holds every value, so that both files hold the same model
        weight.data = weight.data.half().float()
    model.save_pretrained(folder / "theirs")
    transformers().WhisperFeatureExtractor().save_pretrained(folder / "theirs")
    (folder / "ours").mkdir()
    (folder / "ours" / ctranslate2.FILE).write_bytes(model_bin(converted(model.get_encoder().state_dict())))
    return folder / "theirs", folder / "ours"


def test_both_formats_have_the_same_output(folders: tuple[Path, Path]) -> None:
    theirs, ours = (load(checkpoints.find(str(folder))) for folder in folders)
    clip = sound(24_000)
    for layer in (0, 1, "last"):
        np.testing.assert_allclose(ours.encode(clip, layer), theirs.encode(clip, layer), atol=1e-6)


def test_the_architecture_is_read_from_the_shapes(folders: tuple[Path, Path]) -> None:
    found = checkpoints.find(str(folders[1]))
    assert {key: found.config[key] for key in CONFIG if key in found.config} == {
        key: value for key, value in CONFIG.items() if key in found.config
    }
    assert (found.layers, found.dims, found.rate_hz, found.family) == (LAYERS, DIMS, 16_000, "whisper")


def test_a_known_encoder_is_recognised_by_its_tensors(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checkpoints.find(str(folders[1]))
    assert found.known is None
    digest = ctranslate2.digest(ctranslate2.encoder(folders[1] / ctranslate2.FILE))
    state = load(checkpoints.find(str(folders[0]))).core.state_dict()
    assert digest == ctranslate2.digest({name: tensor.numpy() for name, tensor in state.items()})
    monkeypatch.setitem(KNOWN, "mine", Known("somebody/mine", "MIT", encoder_sha256=digest))
    assert found.caveats == ["the encoder is somebody/mine (MIT)"]


@pytest.mark.parametrize("which", [0, 1])
def test_a_short_window_costs_no_clip_its_place_in_a_batch(folders: tuple[Path, Path], which: int) -> None:
    encoder = load(checkpoints.find(str(folders[which])), seconds=0.5)
    assert encoder.core.embed_positions.num_embeddings == 25
    clips = [sound(length, seed) for seed, length in enumerate((3_000, 8_000, 19_000))]
    lengths = torch.tensor([clip.size for clip in clips])
    batch = torch.zeros(len(clips), int(lengths.max()))
    for row, clip in zip(batch, clips, strict=True):
        row[: clip.size] = torch.from_numpy(clip)
    with torch.inference_mode():
        states, frames = encoder(batch, lengths)
    assert frames is not None
    for clip, state, count in zip(clips, states, frames.tolist(), strict=True):
        alone = encoder.encode(clip)
        assert alone.shape == (count, DIMS)
        np.testing.assert_allclose(state[:count].numpy(), alone, atol=1e-5)


def test_the_feature_takes_the_window(folders: tuple[Path, Path]) -> None:
    vector = Encoder(checkpoint=str(folders[1]), layer=1, pooling="mean_std", seconds=1).extract(sound(9_000), 16_000)
    assert vector.shape == (2 * DIMS,)
    with pytest.raises(ModelError, match=r"positions for 0\.02 to 2 s: set seconds to a value between"):
        Encoder(checkpoint=str(folders[1]), seconds=3).extract(sound(9_000), 16_000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable as a CTranslate2 model"),
        (b"\0" * 40, "not a Whisper model"),
        (model_bin({}, specification="TransformerSpec"), "holds a TransformerSpec, not a Whisper model"),
        (model_bin({}), "no encoder of Whisper in it"),
        (model_bin({"encoder/conv1/weight": np.ones((2, 3, 4))}, kind=1), "quantised; use a version"),
        (model_bin({"encoder/conv1/weight": np.ones((2, 3, 4))})[:-5], "it ends within the tensor"),
    ],
)
def test_another_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / ctranslate2.FILE).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        checkpoints.find(str(tmp_path))


@given(data=st.data())
def test_a_damaged_file_is_refused_or_read(folders: tuple[Path, Path], data: st.DataObject) -> None:
    whole = (folders[1] / ctranslate2.FILE).read_bytes()[:4000]
    content = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in data.draw(st.lists(st.integers(0, max(0, min(200, len(content)) - 1)), max_size=4)):
        if content:
            content[place] = data.draw(st.integers(0, 255))
    file = folders[1].parent / "damaged.bin"
    file.write_bytes(content)
    with pytest.raises(ModelError):
        ctranslate2.config(file)
