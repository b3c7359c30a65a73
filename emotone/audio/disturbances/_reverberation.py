"""Room impulse responses: early reflections by the image source method, then exponentially decaying noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotone.audio.disturbances._group import Sound

_SPEED_M_S = 343.0
_EARLY_S = 0.05
"""Until then reflections are modelled one by one; later ones are so dense that noise stands for them."""
_MARGIN_M = 0.5
_DECAY = 3 * np.log(10)
"""Natural logarithm of an amplitude ratio of 60 dB."""


@dataclass(frozen=True)
class Room:
    """A box-shaped room with the same absorption at every wall.

    Attributes:
        size_m: length, width, height.
        rt60_s: reverberation time, in which the level falls by 60 dB.
    """

    size_m: tuple[float, float, float]
    rt60_s: float

    def response(self, distance_m: float, rate_hz: int, rng: np.random.Generator) -> Sound:
        """(samples,) impulse response between random positions of talker and microphone; direct sound: 1, at 0.

        Early reflections by the image source method (Allen and Berkley, JASA 65, 1979), with Eyring's absorption; from
        50 ms on, Gaussian noise with the expected power of the images.
        """
        talker, microphone = self._places(distance_m, rng)
        response = np.zeros(max(1, round(self.rt60_s * rate_hz)))
        delay_s, amplitude = self._images(talker, microphone, distance_m)
        place = np.round((delay_s - delay_s.min()) * rate_hz).astype(np.int64)
        near = place < min(round(_EARLY_S * rate_hz), response.size)
        np.add.at(response, place[near], amplitude[near])
        late = np.arange(round(_EARLY_S * rate_hz), response.size)
        volume = float(np.prod(self.size_m))
        time_s = late / rate_hz + distance_m / _SPEED_M_S
        power = 4 * np.pi * _SPEED_M_S / (volume * rate_hz) * np.exp(-2 * _DECAY * time_s / self.rt60_s)
        response[late] += distance_m * np.sqrt(power) * rng.standard_normal(late.size)
        return response

    def _places(self, distance_m: float, rng: np.random.Generator) -> tuple[Sound, Sound]:
        """(3,) positions of talker and microphone, at least half a metre from any wall."""
        size = np.array(self.size_m)
        angle, rise = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.2)
        way = np.array([np.cos(angle), np.sin(angle), rise])
        way *= distance_m / np.linalg.norm(way)
        free = np.maximum((size - np.abs(way)) / 2 - _MARGIN_M, 0)
        middle = size / 2 + rng.uniform(-1, 1, 3) * free
        return middle - way / 2, middle + way / 2

    def _images(self, talker: Sound, microphone: Sound, distance_m: float) -> tuple[Sound, Sound]:
        """(images,) delays in seconds and amplitudes of early reflections and direct sound (amplitude 1)."""
        size = np.array(self.size_m)
        area = 2 * float(size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
        reflected = np.exp(-0.161 * float(np.prod(size)) / (area * self.rt60_s) / 2)  # amplitude, Eyring
        offsets, bounces = [], []
        for axis in range(3):
            most = int(np.ceil((_SPEED_M_S * _EARLY_S + distance_m) / (2 * size[axis]))) + 1
            number = np.arange(-most, most + 1)
            even = 2 * number * size[axis] + talker[axis] - microphone[axis]
            odd = 2 * number * size[axis] - talker[axis] - microphone[axis]
            offsets.append(np.concatenate([even, odd]))
            bounces.append(np.concatenate([2 * np.abs(number), np.abs(2 * number - 1)]))
        x, y, z = np.meshgrid(*offsets, indexing="ij")
        count = np.add.outer(np.add.outer(bounces[0], bounces[1]), bounces[2]).ravel()
        far_m = np.sqrt(x**2 + y**2 + z**2).ravel()
        return far_m / _SPEED_M_S, distance_m / far_m * reflected**count
