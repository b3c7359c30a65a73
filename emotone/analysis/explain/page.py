"""Explanation as a self-contained page, with the audio."""

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
    """Self-contained page of an explanation, with the audio; returns its path.

    Raises:
        MissingExtra: matplotlib or jinja2 is absent.
    """
    scores = found.run.scores
    return templates.write(
        path,
        "explain.html",
        {
            "title": f"Explanation: {found.prediction.label}",
            "found": found,
            "explained": found.as_dict()["explained"],
            "scores": scores,
            "independent": scores["speaker_independent"],
            "chance": 1 / len(scores["classes"]),
            "audio": _data_uri(found.samples, found.rate_hz),
            "input_notes": list(_input_notes(found)),
            "pictures": {name: Picture(svg) for name, svg in _pictures(found).items()},
            "environment": found.run.read_json("environment.json"),
        },
    )


def _pictures(found: Explanation) -> dict[str, str]:
    feature = found.run.recipe.make_feature()
    drawn = {
        "over_time": attribution_over_time(
            _spectrogram(found.samples, found.rate_hz),
            found.over_time,
            end_s=found.seconds,
            sound_s=found.sound_s,
            label=found.label,
            cells=_cells(found, feature),
            grad_cam=_grad_cam(found, feature),
            attention=found.attention,
        ),
        "scores": probability_bars(found.prediction.scores),
    }
    if top := found.features[:MOST_FEATURES]:
        rows = [(f"{row['name']}\n{_deviations(row['deviations'])}", row["contribution"]) for row in top]
        drawn["features"] = attribution_bars(rows, found.label, name="features")
    if groups := found.groups:
        drawn["groups"] = attribution_bars([*groups.items()], found.label, name="groups")
    return drawn


def _deviations(number: float) -> str:
    return f"{templates.signed(number, 1)} deviations"


def _input_notes(found: Explanation) -> Iterator[str]:
    """Sentences on which part of the recording is the model's input, and what was padded."""
    pieces, piece, (begins_s, ends_s) = found.prediction.segments, found.piece, found.sound_s
    settings = found.run.recipe.audio
    if len(pieces) > 1:
        yield (
            f"The recording is classified in {len(pieces)} pieces. Explained is the piece from {piece.start_s:.1f} to "
            f"{piece.end_s:.1f} s, which is predicted {piece.label} ({templates.percent(piece.confidence)}\u00a0%)."
        )
    if found.offset_s:
        yield f"0 s here is {templates.signed(found.offset_s).lstrip('+')} s of the recording."
    cut_s = piece.end_s - piece.start_s - (ends_s - begins_s)
    padded = begins_s > 0 or ends_s < found.seconds
    if cut_s > 0.005:
        what = []
        if settings.trim_db is not None:
            what.append(f"silence at both ends, {settings.trim_db:g} dB below the loudest frame")
        if settings.seconds is not None and not padded:
            what.append(f"everything beyond {settings.seconds:g} s")
        yield f"{cut_s:.2f} s were left out: {' or '.join(what)}."
    if padded:
        yield (
            f"Before {begins_s:.2f} s and after {ends_s:.2f} s (dotted lines) there is zero padding to "
            f"{settings.seconds:g} s; through it, the duration of the recording can influence the prediction."
        )
    elif cut_s <= 0.005:
        yield "The whole recording is the model's input."


def _spectrogram(sound: Samples, rate_hz: int) -> TimeMap:
    """Log-mel spectrogram for the page, independent of the model's features."""
    n_fft = 1 << max(1, round(0.032 * rate_hz) - 1).bit_length()
    feature = LogMel(mels=64, n_fft=n_fft, hop=max(1, rate_hz // 100), fmax_hz=min(8000.0, rate_hz / 2))
    values = feature.extract(sound, rate_hz)
    return TimeMap(values.T.astype(np.float64), _hz_rows(feature, rate_hz, feature.mels))


def _cells(found: Explanation, feature: Feature) -> TimeMap | None:
    """Contribution of each cell, low frequencies first; None if a moment has one value or the features no names."""
    parts = found.attribution.values
    if parts.ndim == 3 and isinstance(feature, MelFeature):
        return TimeMap(parts.sum(axis=0)[::-1], _hz_rows(feature, found.rate_hz, parts.shape[1]))
    if parts.ndim != 2 or parts.shape[1] == 1 or found.run.recipe.feature.name == "encoder":
        return None
    if isinstance(feature, MelFeature) and not isinstance(feature, Mfcc):
        return TimeMap(parts.T, _hz_rows(feature, found.rate_hz, feature.mels))
    groups = [group_of(name) for name in found.names]
    return TimeMap(parts.T, {row: name for row, name in enumerate(groups) if name not in groups[:row]})


def _grad_cam(found: Explanation, feature: Feature) -> TimeMap | None:
    """Grad-CAM, low frequencies first."""
    cells = _cells(found, feature)
    if found.grad_cam is None or cells is None:
        return None
    return TimeMap(found.grad_cam[::-1] if feature.kind == "image" else found.grad_cam, cells.rows)


def _hz_rows(feature: MelFeature, rate_hz: int, rows: int) -> dict[float, str]:
    """Row -> frequency, for some frequencies; the rows are the mel bands, or interpolated between them."""
    top_hz = feature.fmax_hz or rate_hz / 2
    low, high = mel_from_hz(np.array([feature.fmin_hz, top_hz]), feature.mel_scale)
    inside = [hz for hz in _TICKS_HZ if feature.fmin_hz < hz < top_hz]
    band = (mel_from_hz(np.array(inside, dtype=np.float64), feature.mel_scale) - low) / (high - low)
    places = band * (feature.mels + 1) - 0.5  # centres of bands; the outer edges are not centres
    return dict(zip((places * rows / feature.mels - 0.5).tolist(), map(str, inside), strict=True))


def _data_uri(sound: Samples, rate_hz: int) -> str:
    """The audio as FLAC in a data URI; scaled down where it would clip."""
    written = io.BytesIO()
    soundfile.write(written, sound / max(1.0, float(np.abs(sound).max())), rate_hz, format="FLAC", subtype="PCM_16")
    return "data:audio/flac;base64," + base64.b64encode(written.getvalue()).decode()
