"""An explanation as a page that holds everything, the sound too."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from emotone.analysis.explain.result import Explanation, group_of
from emotone.audio.read import Samples
from emotone.features import Feature
from emotone.features._mel import MelFeature, mel_from_hz
from emotone.features.log_mel import LogMel
from emotone.features.mfcc import Mfcc
from emotone.reports import templates
from emotone.reports.charts.attribution_bars import attribution_bars
from emotone.reports.charts.attribution_over_time import TimeMap, attribution_over_time
from emotone.reports.charts.probability_bars import probability_bars
from emotone.reports.templates import Picture

MOST_FEATURES = 10
_TICKS_HZ = (250, 1000, 4000)


def write_page(found: Explanation, path: str | os.PathLike[str]) -> Path:
    """A self-contained page of it, the sound included; returns its path.

    Raises:
        MissingExtra: matplotlib or jinja2 is absent.
    """
    scores = found.run.scores
    return templates.write(
        path,
        "explain.html",
        {
            "title": f"Heard: {found.prediction.label}",
            "found": found,
            "told": found.as_dict()["explained"],
            "scores": scores,
            "independent": scores["speaker_independent"],
            "chance": 1 / len(scores["classes"]),
            "audio": _data_uri(found.sound, found.rate_hz),
            "where": list(_where(found)),
            "pictures": {name: Picture(svg) for name, svg in _pictures(found).items()},
            "environment": found.run.read_json("environment.json"),
        },
    )


def _pictures(found: Explanation) -> dict[str, str]:
    heard = _spectrogram(found.sound, found.rate_hz)
    feature = found.run.recipe.make_feature()
    drawn = {
        "over_time": attribution_over_time(
            heard,
            found.course,
            end_s=found.seconds,
            sound_s=found.sound_s,
            label=found.label,
            cells=_cells(found, feature),
            grad_cam=_seen(found, feature),
            attention=found.attention,
        ),
        "scores": probability_bars(found.prediction.scores),
    }
    if top := found.features[:MOST_FEATURES]:
        rows = [(f"{row['name']}\n{_deviations(row['deviations'])}", row["adds"]) for row in top]
        drawn["features"] = attribution_bars(rows, found.label, name="features")
    if groups := found.groups:
        drawn["groups"] = attribution_bars([*groups.items()], found.label, name="groups")
    return drawn


def _deviations(number: float) -> str:
    return f"{templates.signed(number, 1)} deviations"


def _where(found: Explanation) -> Iterator[str]:
    """Sentences on which part of the recording was heard, and what was added to it."""
    pieces, piece, (begins_s, ends_s) = found.prediction.segments, found.piece, found.sound_s
    settings = found.run.recipe.audio
    if len(pieces) > 1:
        yield (
            f"The recording is heard in {len(pieces)} pieces. Shown and explained is that from {piece.start_s:.1f} to "
            f"{piece.end_s:.1f} s, by itself heard as {piece.label} ({templates.percent(piece.confidence)}\u00a0%)."
        )
    if found.from_s:
        yield f"0 s here is {templates.signed(found.from_s).lstrip('+')} s of the recording."
    cut_s = piece.end_s - piece.start_s - (ends_s - begins_s)
    filled = begins_s > 0 or ends_s < found.seconds
    if cut_s > 0.005:
        what = []
        if settings.trim_db is not None:
            what.append(f"silence at its ends, {settings.trim_db:g} dB under the loudest frame")
        if settings.seconds is not None and not filled:
            what.append(f"what is over {settings.seconds:g} s")
        yield f"{cut_s:.2f} s were left out: {' or '.join(what)}."
    if filled:
        yield (
            f"Outside of {begins_s:.2f} to {ends_s:.2f} s, the dotted lines, are zeros that fill it up to "
            f"{settings.seconds:g} s; from them a model can tell how long the recording is."
        )
    elif cut_s <= 0.005:
        yield "All of it was heard."


def _spectrogram(sound: Samples, rate_hz: int) -> TimeMap:
    """A log-mel spectrogram to look at, whatever the model's own features are."""
    n_fft = 1 << max(1, round(0.032 * rate_hz) - 1).bit_length()
    feature = LogMel(mels=64, n_fft=n_fft, hop=max(1, rate_hz // 100), fmax_hz=min(8000.0, rate_hz / 2))
    values = feature.extract(sound, rate_hz)
    return TimeMap(values.T.astype(np.float64), _hz_rows(feature, rate_hz, feature.mels))


def _cells(found: Explanation, feature: Feature) -> TimeMap | None:
    """What each cell of the features adds, low frequencies first; None where a moment has one value, or no names."""
    parts = found.parts.values
    if parts.ndim == 3 and isinstance(feature, MelFeature):
        return TimeMap(parts.sum(axis=0)[::-1], _hz_rows(feature, found.rate_hz, parts.shape[1]))
    if parts.ndim != 2 or parts.shape[1] == 1 or found.run.recipe.feature.name == "encoder":
        return None
    if isinstance(feature, MelFeature) and not isinstance(feature, Mfcc):
        return TimeMap(parts.T, _hz_rows(feature, found.rate_hz, feature.mels))
    groups = [group_of(name) for name in found.names]
    return TimeMap(parts.T, {row: name for row, name in enumerate(groups) if name not in groups[:row]})


def _seen(found: Explanation, feature: Feature) -> TimeMap | None:
    """Grad-CAM, low frequencies first."""
    cells = _cells(found, feature)
    if found.seen is None or cells is None:
        return None
    return TimeMap(found.seen[::-1] if feature.kind == "image" else found.seen, cells.rows)


def _hz_rows(feature: MelFeature, rate_hz: int, rows: int) -> dict[float, str]:
    """Row -> frequency, for some frequencies; the rows are the mel bands, or stretched over them."""
    top_hz = feature.fmax_hz or rate_hz / 2
    low, high = mel_from_hz(np.array([feature.fmin_hz, top_hz]), feature.mel_scale)
    inside = [hz for hz in _TICKS_HZ if feature.fmin_hz < hz < top_hz]
    band = (mel_from_hz(np.array(inside, dtype=np.float64), feature.mel_scale) - low) / (high - low)
    places = band * (feature.mels + 1) - 0.5  # of the middle of a band; the outer corners are no middles
    return dict(zip((places * rows / feature.mels - 0.5).tolist(), map(str, inside), strict=True))


def _data_uri(sound: Samples, rate_hz: int) -> str:
    """The sound as FLAC in a data URI; too loud a one is made softer, not cut."""
    written = io.BytesIO()
    soundfile.write(written, sound / max(1.0, float(np.abs(sound).max())), rate_hz, format="FLAC", subtype="PCM_16")
    return "data:audio/flac;base64," + base64.b64encode(written.getvalue()).decode()
