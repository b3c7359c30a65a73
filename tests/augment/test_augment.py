"""Properties of every augmentation, and that augmentation is applied in training only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone import augment
from emotone.audio import synthetic
from emotone.augment import Augmentation
from emotone.augment.gaussian_noise import GaussianNoise
from emotone.augment.spec_augment import SpecAugment
from emotone.augment.time_shift import TimeShift
from emotone.data import splits
from emotone.evaluation.scores import Predictions
from emotone.experiments import train as experiment
from emotone.features.extraction import extract as extraction
from emotone.runs.dataset import read_data

CASES = [(name, domain) for name in augment.shelf.names() for domain in augment.shelf.get(name).domains]
RATE_HZ = 16_000


def example(domain: str) -> NDArray[np.float32]:
    if domain == "waveform":
        return synthetic.syllables("happy", seed=3)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 40)) if domain == "spectrogram" else rng.random((3, 32, 40))
    return values.astype(np.float32)


@pytest.mark.parametrize(("name", "domain"), CASES)
def test_an_augmentation_depends_on_its_rng_alone(name: str, domain: str) -> None:
    change, values = augment.make(name), example(domain)
    first, again, other = (change(values, np.random.default_rng(seed), RATE_HZ) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize(("name", "domain"), CASES)
def test_an_augmentation_leaves_its_input_unchanged(name: str, domain: str) -> None:
    values = example(domain)
    before = values.copy()
    changed = augment.make(name)(values, np.random.default_rng(1), RATE_HZ)
    np.testing.assert_array_equal(values, before)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    if domain == "waveform":
        assert changed.ndim == 1
        assert 0.5 < changed.size / values.size < 2
    else:
        assert changed.shape == values.shape
    if domain == "image":
        assert changed.min() >= 0
        assert changed.max() <= 1


@pytest.mark.parametrize(("name", "domain"), CASES)
def test_an_augmentation_keeps_most_of_the_clip(name: str, domain: str) -> None:
    values = example(domain)
    changed = augment.make(name)(values, np.random.default_rng(1), RATE_HZ)
    assert 0.5 < np.std(changed) / np.std(values) < 2


def test_time_stretch_changes_length_and_pitch_shift_does_not() -> None:
    tone = np.sin(2 * np.pi * 220 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)

    def loudest_hz(samples: NDArray[np.float32]) -> float:
        middle = samples[2000:-2000]
        return float(np.abs(np.fft.rfft(middle)).argmax() * RATE_HZ / middle.size)

    faster = augment.make("time_stretch", slowest=1.2, fastest=1.2)(tone, np.random.default_rng(0), RATE_HZ)
    assert faster.size == pytest.approx(RATE_HZ / 1.2, rel=0.01)
    assert loudest_hz(faster) == pytest.approx(220, rel=0.02)
    shifted = augment.make("pitch_shift", semitones=2.0)(tone, np.random.default_rng(3), RATE_HZ)
    assert shifted.size == tone.size
    assert loudest_hz(shifted) != pytest.approx(220, rel=0.005)
    assert 220 * 2 ** (-2.2 / 12) < loudest_hz(shifted) < 220 * 2 ** (2.2 / 12)


@pytest.mark.parametrize(("shape", "axis"), [((40, 3), 0), ((3, 5, 40), 2)])
def test_a_time_shift_moves_along_time_alone_and_no_further_than_asked(shape: tuple[int, ...], axis: int) -> None:
    clip = np.random.default_rng(0).random(shape, dtype=np.float32)
    shifts = set()
    for seed in range(60):
        moved = TimeShift(share=0.1)(clip, np.random.default_rng(seed), 0)
        shifts |= {by for by in range(-20, 20) if np.array_equal(moved, np.roll(clip, by, axis=axis))}
    assert shifts == set(range(-4, 5))


def test_a_gap_can_repeat_the_edge() -> None:
    clip = np.arange(10, dtype=np.float32)[:, None]
    for seed in range(10):
        moved = TimeShift(share=0.5, gap="edge")(clip, np.random.default_rng(seed), 0)[:, 0]
        assert (np.diff(moved) >= 0).all(), "nothing wraps around from the other end"


def test_noise_is_measured_in_the_unit_of_its_domain() -> None:
    rng = np.random.default_rng(0)
    spectrogram = 20 * rng.standard_normal((200, 40), dtype=np.float32)
    picture = np.full((3, 64, 64), 0.5, dtype=np.float32)
    for clip, unit in ((np.zeros(8000, dtype=np.float32), 1), (spectrogram, spectrogram.std()), (picture, 1)):
        noise = GaussianNoise(amount=0.02)(clip, rng, 16_000) - clip
        assert noise.std() == pytest.approx(0.02 * unit, rel=0.05)


def test_augmentation_is_never_applied_in_evaluation(
    syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network with SpecAugment: only training clips are changed."""
    from emotone.runs import recipe as recipes

    changed: list[NDArray[np.float32]] = []
    plain = SpecAugment.__call__

    def recorded(self: Augmentation, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> object:
        changed.append(values.copy())
        return plain(self, values, rng, rate_hz)  # type: ignore[arg-type]

    monkeypatch.setattr(SpecAugment, "__call__", recorded)
    recipe = recipes.parse(
        {
            "title": "recorded calls",
            "data": {"corpora": [str(syllables)], "folds": 2},
            "audio": {"seconds": 1},
            "feature": {"name": "log_mel", "mels": 16, "n_fft": 512, "hop": 512},
            "augment": {"spectrogram": ["spec_augment"]},
            "model": {"name": "cnn", "channels": [4], "dropout": [0.0]},
            "training": {"epochs": 1, "precision": "fp32"},
        }
    )
    run = experiment.train(recipe, out=tmp_path / "run")
    dataset = read_data(recipe.data, tmp_path)
    speakers = dataset.table.column("speaker")
    values = extraction.extract(dataset.table, recipe.make_feature(), recipe.audio, cache=None, workers=1)
    owner = {np.asarray(clip).tobytes(): speaker for clip, speaker in zip(values, speakers, strict=True)}
    touched = [owner[clip.tobytes()] for clip in changed]
    folds = splits.folds(dataset.table, dataset.labels, count=2)
    everything = splits.everything(dataset.table, dataset.labels)
    expected = sorted(speakers[np.concatenate([*(fold.train for fold in folds), everything.train])].tolist())
    assert sorted(touched) == expected
    assert len(Predictions.from_csv(run.folder / "predictions.csv")) == len(dataset.table)


def test_a_warped_spectrogram_is_the_clip_at_another_speed_and_pitch() -> None:
    frames, bands = np.mgrid[:60, :40].astype(np.float32)
    marked = np.exp(-(((frames - 40) / 4) ** 2) - ((bands - 20) / 2) ** 2)

    def peak(**settings: float) -> tuple[int, int]:
        still = {"speed": 0.0, "shift": 0.0, "stretch": 0.0}
        changed = augment.make("mel_warp", **{**still, **settings})(marked, np.random.default_rng(2), RATE_HZ)
        frame, band = np.unravel_index(changed.argmax(), changed.shape)
        return int(frame), int(band)

    assert peak() == (40, 20)
    frame, band = peak(speed=0.5)
    assert frame != 40, "closer to the middle if it is faster, farther from it if slower"
    assert band == 20
    assert peak(shift=6.0)[0] == 40
    assert peak(shift=6.0)[1] != 20


def test_an_equaliser_changes_every_frame_alike_and_a_floor_only_raises() -> None:
    values = example("spectrogram") * 10
    changed = augment.make("equaliser", floor_share=0.0)(values, np.random.default_rng(1), RATE_HZ)
    np.testing.assert_allclose(changed - values, np.broadcast_to((changed - values)[:1], values.shape), atol=1e-4)
    floored = augment.make("equaliser", most_db=0.0, curve_db=0.0, floor_share=1.0, floor_db=(-5.0, -5.0))(
        values, np.random.default_rng(1), RATE_HZ
    )
    power = 10 ** (values / 10) + 10 ** ((values.mean(axis=0) - 5) / 10)
    np.testing.assert_allclose(floored, 10 * np.log10(power), atol=1e-3)
