"""Spectrogram pictures: the right way up, exact to the byte, and made without any drawing package."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import matplotlib
import numpy as np
import pytest
import torch

from emotone.audio.synthetic import syllables
from emotone.features import make
from emotone.features._colours import ColourMap, colour_table
from emotone.features.spectrogram_image import SpectrogramImage, _resizing, from_pixels, to_pixels


def tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(16_000 * seconds)) / 16_000).astype(np.float32)


@pytest.mark.parametrize("name", get_args(ColourMap))
def test_the_colours_are_those_of_matplotlib(name: ColourMap) -> None:
    theirs = matplotlib.colormaps[name](np.arange(256))[:, :3]
    assert np.array_equal(colour_table(name), np.rint(255 * theirs))


@pytest.mark.parametrize(("before", "after"), [(94, 128), (128, 128), (300, 128), (7, 16), (1, 8)])
def test_resizing_is_that_of_torch(before: int, after: int) -> None:
    picture = np.random.default_rng(0).random((before, before + 3))
    ours = _resizing(before, after) @ picture @ _resizing(before + 3, after).T
    theirs = torch.nn.functional.interpolate(
        torch.as_tensor(picture)[None, None], size=(after, after), mode="bilinear", antialias=True
    )
    np.testing.assert_allclose(ours, theirs[0, 0].numpy(), atol=1e-12)


def test_low_tones_are_at_the_bottom_and_late_sounds_on_the_right() -> None:
    feature = SpectrogramImage(size=64, colours="gray")

    def loudest(samples: np.ndarray) -> tuple[int, int]:
        picture = feature.extract(samples.astype(np.float32), 16_000)[0]
        return int(picture.mean(axis=1).argmax()), int(picture.mean(axis=0).argmax())

    assert loudest(tone(200))[0] > 48
    assert loudest(tone(6000))[0] < 16
    silence = np.zeros(16_000)
    assert loudest(np.concatenate([silence, tone(1000, 0.1)]))[1] > 48
    assert loudest(np.concatenate([tone(1000, 0.1), silence]))[1] < 16


def test_every_number_fits_a_byte_and_comes_back_from_one() -> None:
    image = make("spectrogram_image", size=48).extract(syllables("happy"), 16_000)
    assert image.shape == (3, 48, 48)
    assert image.min() >= 0
    assert image.max() <= 1
    assert len(np.unique(to_pixels(image))) > 50
    assert np.array_equal(from_pixels(to_pixels(image)), image)


def test_a_picture_needs_no_drawing_package() -> None:
    code = (
        "import sys, numpy as np\nfrom emotone.features import make\n"
        "make('spectrogram_image').extract(np.ones(4000, dtype=np.float32), 16000)\n"
        "print(*({'matplotlib', 'PIL', 'torch', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
