"""Contract of every network on the shelf."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotone import models
from emotone.inference.clip_windows import ClipWindows
from emotone.models import Network
from emotone.models.layers.standardised import Standardised
from emotone.models.layers.windowed import windows_at
from emotone.training.forward import embeddings, logits

HEAVY = {"fine_tuned_encoder", "image_backbone"}  # pretrained ones have tests of their own
NETWORKS = [name for name in models.shelf.names() if issubclass(models.shelf.get(name), Network) and name not in HEAVY]
FRAMES, DIMS, CLASSES = 64, 32, 3


def build(name: str, **settings: Any) -> tuple[Network, nn.Module]:
    model = models.make(name, **settings)
    assert isinstance(model, Network)
    torch.manual_seed(0)
    shape = (DIMS,) if "vector" in model.takes else (FRAMES, DIMS)
    return model, model.build(shape, CLASSES).eval()


def clips(model: Network, count: int, frames: int = FRAMES) -> torch.Tensor:
    shape = (count, DIMS) if "vector" in model.takes else (count, frames, DIMS)
    return torch.as_tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_one_finite_logit_per_class(name: str) -> None:
    model, module = build(name)
    with torch.inference_mode():
        logits = module(clips(model, 5), None)
    assert logits.shape == (5, CLASSES)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_of_a_network_can_learn(name: str) -> None:
    model, module = build(name)
    module.train()
    torch.manual_seed(1)
    nn.functional.cross_entropy(module(clips(model, 6), None), torch.arange(6) % CLASSES).backward()
    for weight_name, weight in module.named_parameters():
        assert weight.grad is not None, weight_name
        assert torch.isfinite(weight.grad).all(), weight_name


@pytest.mark.parametrize("name", [name for name in NETWORKS if not models.shelf.get(name).one_length])
def test_padding_changes_no_score(name: str) -> None:
    model, module = build(name)
    if "vector" in model.takes:
        pytest.skip("a vector has no length")
    values = clips(model, 3)
    lengths = torch.tensor([FRAMES, 40, 7])
    for row, length in enumerate(lengths.tolist()):
        values[row, length:] = 0
    with torch.inference_mode():
        together = module(values, lengths)
        alone = torch.cat([module(values[row : row + 1, :length], None) for row, length in enumerate(lengths.tolist())])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [name for name in NETWORKS if models.make(name).evaluation_windows is not None])
@pytest.mark.parametrize("frames", [7, 63, 64, 90, 301])
def test_the_windows_of_a_network_can_be_cut_out_of_a_clip(name: str, frames: int) -> None:
    for views in (1, 2, 3):
        model, network = build(name, window=64, views=views)
        assert model.evaluation_windows == (views, 64)
        values, mean = clips(model, 1, frames), np.linspace(-2, 3, DIMS, dtype=np.float32)
        module = Standardised(network, mean, np.full(DIMS, 1.5, dtype=np.float32)).eval()
        cut = ClipWindows(count=views, frames=64, usual=tuple(mean.tolist())).of(values[0].numpy())
        with torch.inference_mode():
            scores = module(torch.as_tensor(cut)[None], None)
            torch.testing.assert_close(scores, module(values, None), rtol=0, atol=1e-6)


def test_windows_hold_the_frames_of_their_clip_and_zeros_beyond_it() -> None:
    values = 1 + torch.arange(40.0).view(1, 40, 1) + torch.tensor([0.0, 100.0]).view(2, 1, 1)
    taken = windows_at(values, torch.tensor([40, 7]), torch.tensor([[0, 35], [-2, 4]]), 10)
    assert taken.shape == (2, 2, 10, 1)
    assert taken[0, 0, :, 0].tolist() == [*range(1, 11)]
    assert taken[0, 1, :, 0].tolist() == [36, 37, 38, 39, 40, 0, 0, 0, 0, 0]
    assert taken[1, 0, :, 0].tolist() == [0, 0, *range(101, 108), 0]
    assert taken[1, 1, :, 0].tolist() == [105, 106, 107, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["residual_bigru", "residual_bigru_1d"])
def test_a_short_clip_has_a_random_place_in_its_window_in_training_only(name: str) -> None:
    model, module = build(name, window=64)
    values = clips(model, 4, frames=20)
    with torch.inference_mode():
        assert torch.equal(module(values, None), module(values, None))
        alone = module(values[:1], torch.tensor([20]))
        torch.testing.assert_close(alone, module(values, None)[:1])
        module.train()
        assert not torch.equal(module(values, None), module(values, None))


@pytest.mark.parametrize("name", ["residual_bigru", "residual_bigru_1d"])
def test_outside_of_training_a_clip_may_be_shrunk_and_have_another_window(name: str) -> None:
    model, plain = build(name, window=32, views=1)
    _, other = build(name, window=32, views=1, evaluation_window=40, shrink=0.5)
    values = clips(model, 4, frames=48)
    with torch.inference_mode():
        _, longer = build(name, window=40, views=1)
        torch.testing.assert_close(other(values, None), longer(0.5 * values[:, 4:44], None))  # the middle of 48 frames
        learned = []
        for module in (plain.train(), other.train()):
            torch.manual_seed(0)
            learned.append(module(values, None))
    torch.testing.assert_close(*learned)


def test_descriptors_and_stretches_of_time_are_masked_in_training_only() -> None:
    _, module = build("residual_bigru_1d", hidden=0.5, offset=0.0, gaps=1, longest_gap=20, window=64)
    torch.manual_seed(0)
    ones = torch.ones(20, 64, DIMS)
    of_descriptors = module._augmented(ones)
    assert torch.equal(of_descriptors, of_descriptors[:, :1].expand_as(ones))  # the whole clip through
    assert 0.4 < float(of_descriptors.mean()) < 0.6
    of_time = module._with_gaps(ones)
    assert torch.equal(of_time, of_time[:, :, :1].expand_as(ones))
    hidden = (of_time[:, :, 0] == 0).sum(dim=1)
    assert 0 < int(hidden.max()) <= 20
    assert len(set(hidden.tolist())) > 5


class Clips:
    """Features in memory, in the form that a forward pass reads."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values.numpy()
        self.shape = self.values.shape[1:]
        self.lengths = np.full(len(self.values), self.values.shape[1])

    def padded(self, rows: Any) -> tuple[Any, Any]:
        return self.values[rows], self.lengths[rows]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_embeddings_of_a_network_are_what_its_logits_are_made_of(name: str) -> None:
    model, module = build(name)
    values, rows = Clips(clips(model, 5)), np.array([3, 0, 4])
    found = embeddings(module, values, rows)
    assert found is not None
    assert found.dtype == np.float16
    last = [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
    made = found @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    np.testing.assert_allclose(made, logits(module, values, rows), atol=5e-3)


class OverFrames(nn.Module):
    """A linear layer on every frame, then their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, CLASSES)

    def forward(self, values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.layer(values).mean(dim=1)


def test_a_network_whose_last_linear_layer_takes_frames_has_no_embeddings() -> None:
    assert embeddings(OverFrames(), Clips(torch.ones(4, 6, 2)), np.arange(4)) is None


@pytest.mark.parametrize(("lstm", "attention"), [(0, 0), (16, 0), (16, 8)])
def test_the_parts_of_cnn2d_can_be_left_out(lstm: int, attention: int) -> None:
    model, module = build("cnn2d", lstm=lstm, attention=attention)
    assert (module.recurrent is not None) is (lstm > 0)
    assert (module.pool is not None) is (attention > 0)
    with torch.inference_mode():
        assert module(clips(model, 2), None).shape == (2, CLASSES)


def test_the_cnn_may_end_in_a_dense_layer() -> None:
    model, module = build("cnn", channels=(4, 8), dropout=(0, 0), dense=16)
    assert module.dense[1].in_features == 8 * (DIMS // 4) * (FRAMES // 4)
    with torch.inference_mode():
        assert module(clips(model, 2), None).shape == (2, CLASSES)


def attentive(**settings: Any) -> Any:
    return build("attentive_statistics", **{"heads": 2, "dims": 8, "embedding": 6, **settings})[1]


@pytest.mark.parametrize("frames", [1, 4, 99, 300])
def test_the_score_at_a_time_is_that_of_the_window_around_it(frames: int) -> None:
    module = attentive()
    values = clips(models.make("attentive_statistics"), 1, frames)
    with torch.inference_mode():
        steps = module.over_time(values)[0]
        assert len(steps) == frames // 5 + 1
        for step, logits in enumerate(steps):
            window = values[:, max(0, 5 * step - 50) : 5 * step + 50]
            torch.testing.assert_close(logits, module(window)[0], atol=1e-4, rtol=1e-4)


def test_padding_changes_no_score_over_time() -> None:
    module = attentive()
    values = clips(models.make("attentive_statistics"), 2, 300)
    values[1, 120:] = 0
    with torch.inference_mode():
        together = module.over_time(values, torch.tensor([300, 120]))
        torch.testing.assert_close(together[1, :25], module.over_time(values[1:, :120])[0], atol=1e-5, rtol=0)
        shift = torch.ones(2, 6)
        shifted = module.over_time(values, torch.tensor([300, 120]), shift)
        change = -module.out.weight.sum(dim=1)
        torch.testing.assert_close(shifted, together + change, atol=1e-5, rtol=0)


def test_crops_and_gaps_leave_out_frames_in_training_only() -> None:
    module = attentive(crop=0.5, gap=0.5)
    torch.manual_seed(0)
    lengths = torch.tensor([[200.0], [100.0], [40.0], [1.0]])
    valid = (torch.arange(200) < lengths).float().unsqueeze(2)
    kept = torch.stack([(valid * module._kept(valid)).squeeze(2).sum(dim=1) for _ in range(500)])
    assert (kept[:, 3] == 1).all()
    shares = kept / lengths.squeeze(1)
    assert (shares <= 1).all()
    assert shares[:, :2].min() > 0.6 * 0.7 - 0.03
    assert shares[:, 2].min() >= 0.7
    for clip, whole in ((0, 0.25), (1, 0.25), (2, 0.5)):
        assert abs(float((shares[:, clip] == 1).float().mean()) - whole) < 0.08
    values = clips(models.make("attentive_statistics"), 4)
    with torch.inference_mode():
        assert torch.equal(module(values), module(values))
