"""Arguments of a prediction, checked before any recording is read."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

from emotone.audio.mono import Channel, check_channel
from emotone.audio.read import name_of
from emotone.errors import EmotoneError, ModelError
from emotone.inference.domain_profile import MIN_RECORDINGS, Domain
from emotone.inference.ensemble import Ensemble
from emotone.inference.label_calibration import LabelCalibration
from emotone.inference.prediction import Segment
from emotone.inference.speaker_turns import Turn
from emotone.inference.voice_profile import Voice


def _nothing(_: Segment) -> None:
    """What is done with a segment if nobody asks."""


def _never() -> bool:
    """Whether a prediction stops early if nobody asks."""
    return False


class Options(NamedTuple):
    """The arguments of `Predictor.predict`, except the source."""

    rate_hz: int | None
    voice: Voice | None
    domain: Domain | None
    adapt: bool
    labels: LabelCalibration
    min_confidence: float
    channel: Channel | Literal["split"] | None
    turns: tuple[Turn, ...] = ()
    smooth_s: float = 0.0
    on_segment: Callable[[Segment], object] = _nothing
    should_stop: Callable[[], bool] = _never


def checked_options(
    ensemble: Ensemble,
    rate_hz: int | None,
    voice: Voice | None,
    domain: Domain | None,
    adapt: bool,
    labels: str | Sequence[str],
    min_confidence: float | None,
    channel: Channel | Literal["split"] | None,
    turns: Sequence[Turn] = (),
    smooth_s: float = 0.0,
) -> Options:
    """The options, with the calibration and the threshold for these labels.

    Raises:
        ModelError: the model cannot be adapted, or a profile belongs to another model.
        EmotoneError: an argument of a wrong type or value, or unknown labels.
    """
    if rate_hz is not None and (not isinstance(rate_hz, Integral) or isinstance(rate_hz, bool) or rate_hz <= 0):
        raise EmotoneError(f"rate_hz must be a positive whole number of Hz; came {rate_hz!r:.100}")
    if channel is not None and channel != "split":
        check_channel(channel)
    if not isinstance(smooth_s, Real) or not 0 <= smooth_s < math.inf:
        raise EmotoneError(f"smooth_s must be a number of seconds from 0 on; came {smooth_s!r:.100}")
    if adapt:
        check_adapts(ensemble)
    if voice is not None and not isinstance(voice, Voice):
        raise EmotoneError(f"voice must be a voice profile, from enrol or Voice.from_json; came {type(voice).__name__}")
    if voice is not None and adapt:
        raise EmotoneError("voice= is a known voice profile, adapt=True makes one from the recording; use one of them")
    if voice is not None and voice.model != ensemble.identity:
        raise ModelError("this voice profile was made with another model; enrol the speaker with this one")
    if voice is not None and not ensemble.is_complete(voice):
        raise ModelError("this voice profile is damaged; enrol the speaker again")
    if domain is not None:
        check_domain(ensemble, domain)
    if not isinstance(labels, str):
        labels = _label_names(labels)
    calibration = LabelCalibration.of(labels, ensemble.classes, ensemble.models[0].label_sets)
    least = calibration.min_confidence if min_confidence is None else min_confidence
    if not isinstance(least, Real) or not 0 <= least <= 1:
        raise EmotoneError(f"min_confidence must be a number from 0 to 1; came {least!r:.100}")
    return Options(rate_hz, voice, domain, adapt, calibration, float(least), channel, tuple(turns), float(smooth_s))


def check_adapts(ensemble: Ensemble) -> None:
    """Raise a `ModelError` if the model cannot be adapted to a speaker or a domain."""
    if not ensemble.adapts:
        title = ensemble.models[0].title
        raise ModelError(f"{title}: this model cannot be adapted to a speaker or a domain; the default model can")


def check_domain(ensemble: Ensemble, domain: Any) -> None:
    """Raise an `EmotoneError` if it is not a domain profile of this model."""
    if not isinstance(domain, Domain):
        came = type(domain).__name__
        raise EmotoneError(f"domain must be a domain profile, from enrol_domain or Domain.from_json; came {came}")
    check_adapts(ensemble)
    if domain.model != ensemble.identity:
        raise ModelError("this domain profile was made with another model; enrol the domain with this one")
    if not ensemble.is_complete(domain):
        raise ModelError("this domain profile is damaged; enrol the domain again")


def check_enough(usable: int, given: int) -> None:
    """Raise an `EmotoneError` if these are too few recordings for a domain profile."""
    if usable < MIN_RECORDINGS:
        came = f"{given} came" if usable == given else f"{usable} of {given} can be used"
        raise EmotoneError(f"a domain needs {MIN_RECORDINGS} recordings or more, {came}; give more of them")


def check_rereadable(sources: Iterable[Any]) -> None:
    """Raise an `EmotoneError` if one of the sources can be read only once."""
    for source in sources:
        if (isinstance(source, str) and source == "-") or hasattr(source, "read"):
            raise EmotoneError(f"adapt_domain reads every recording twice, {name_of(source)} only once; give a file")


def check_several(sources: Any) -> None:
    """Raise an `EmotoneError` if it is a single recording, or nothing to iterate over.

    >>> check_several("call.wav")
    Traceback (most recent call last):
    emotone.errors.EmotoneError: expected several recordings, such as ["call.wav"]; came a single one ('call.wav')
    """
    if isinstance(sources, str | bytes | os.PathLike) or hasattr(sources, "read"):
        raise EmotoneError(f'expected several recordings, such as ["call.wav"]; came a single one ({sources!r:.100})')
    if not isinstance(sources, Iterable):
        raise EmotoneError(f'expected several recordings, such as ["call.wav"]; came {type(sources).__name__}')


def checked_workers(workers: int | None) -> int:
    """The number of workers; None: one per core."""
    if workers is None:
        return os.cpu_count() or 1
    if not isinstance(workers, Integral) or isinstance(workers, bool) or workers < 1:
        raise EmotoneError(f"workers must be a whole number from 1 on, or None for one per core; came {workers!r:.100}")
    return int(workers)


def _label_names(labels: Any) -> tuple[str, ...]:
    try:
        names = tuple(labels)
    except TypeError:
        names = (None,)
    if not all(isinstance(name, str) for name in names):
        raise EmotoneError(f"labels must be the name of a label set or several labels; came {labels!r:.100}")
    return names
