"""Prediction of emotions in recordings, through onnxruntime. Never imports torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import lru_cache, partial
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from emotone.audio.blas import one_thread
from emotone.audio.mono import Channel
from emotone.audio.read import RATE_HZ, Source, name_of
from emotone.data.progress import Progress, no_progress, track
from emotone.errors import AudioError, EmotoneError, ModelError
from emotone.inference import ensemble_file, speech_gate
from emotone.inference.batching import batch_catching, batched, map_catching
from emotone.inference.domain_profile import Domain
from emotone.inference.ensemble import Ensemble, Recording, RecordingFeatures, RecordingSummary, WindowScores
from emotone.inference.long_recording import LongRecording, is_long
from emotone.inference.onnx_model import LONGEST_WHOLE_S, OnnxModel
from emotone.inference.options import (
    Options,
    check_adapts,
    check_enough,
    check_rereadable,
    check_several,
    checked_options,
    checked_workers,
)
from emotone.inference.parallel import map_sources
from emotone.inference.pooling import Floats
from emotone.inference.prediction import Prediction, Segment, make_prediction, of_segments
from emotone.inference.segment_scorer import SegmentScorer
from emotone.inference.shipped import SHIPPED
from emotone.inference.speaker_turns import Turn
from emotone.inference.speech_model import open_model
from emotone.inference.voice_profile import Voice

NOT_EXPORTED = "not_exported.txt"
"""File next to the weights of a run: why there is no ONNX file."""
Result = TypeVar("Result")
_SEGMENTS = 16  # of a long recording that are scored together


class Predictor:
    """A model that is ready to predict: load it once, use it often. Threads may share it.

    Attributes:
        title: of the recipe, or of the ensemble.
        classes: the labels that it was trained on.
        unfinished: why training stopped early, if it did.
        trained_on: the corpora that it was trained on.
        rate_hz: the highest sampling rate that it uses.
        channel: the channel that it was trained on.
        adapts: whether it can be adapted to a speaker or a domain.
        ensemble: the ONNX models behind it, often a single one.
        gate: whether no emotion is predicted where there is no speech.
    """

    def __init__(
        self, models: Sequence[OnnxModel], weights: Sequence[float] = (1.0,), title: str = "", *, gate: bool = True
    ) -> None:
        """From models of the same classes, with the weight of each; `gate` as in `load_model`."""
        self.ensemble = Ensemble(models, weights)
        self.title: str = title or models[0].title
        self.classes: tuple[str, ...] = self.ensemble.classes
        self.unfinished: str = "; ".join(model.unfinished for model in models if model.unfinished)
        self.trained_on: frozenset[str] = frozenset(name for model in models for name in model.trained_on)
        self.rate_hz: int = self.ensemble.rate_hz
        self.channel: Channel = self.ensemble.channel
        self.adapts: bool = self.ensemble.adapts
        self.gate: bool = gate

    def predict(
        self,
        source: Source,
        rate_hz: int | None = None,
        *,
        voice: Voice | None = None,
        domain: Domain | None = None,
        adapt: bool = False,
        labels: str | Sequence[str] = "all",
        min_confidence: float | None = None,
        channel: Channel | Literal["split"] | None = None,
        turns: Sequence[Turn] = (),
        smooth_s: float = 0.0,
        on_segment: Callable[[Segment], object] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Prediction:
        """The emotion in a file, file object or array.

        A recording of up to 10 s is classified as a whole. A longer one is cut into stretches of speech of up to 8 s,
        in memory that does not depend on its length; the whole is their mean, by length. A longer file that breaks off
        gives what can be read, with a `problem`.

        Args:
            source: as in `audio.read`.
            rate_hz: the rate of an array.
            voice: the voice profile of the speaker, from `enrol`.
            domain: the profile of recordings of the same kind, from `enrol_domain`; with `voice`, it counts as far as
                the speaker is not known.
            adapt: the recording is of one speaker: compute a voice profile from all of it first.
            labels: `all` of the model's classes, a common label set (`four` .. `seven`) or labels; the probabilities of
                classes that count as one label are added up, other classes are left out.
            min_confidence: below it no emotion is predicted; None: the model's own threshold for these labels; 0:
                always predict one.
            channel: the channel to use of several: `mix` averages all, `left`, `right` or `loudest`; `split` keeps them
                apart, in segments with a `channel`; None: as the model was trained.
            turns: who speaks when, from `speaker_turns.read_rttm`; the segments of a long recording get a `speaker`.
                From 20 s of speech on, a speaker is known: a voice profile is made on the way.
            smooth_s: time over which the segments of one speaker influence the next one; 0: not at all.
            on_segment: called with each segment of a long recording as soon as it is known.
            should_stop: asked from time to time whether a long recording is to be left; what was read until then is
                predicted, with a `problem`.

        Raises:
            AudioError: the source cannot be used as audio.
            ModelError: the model cannot be adapted, or a profile belongs to another model.
            EmotoneError: unknown labels, or an argument of a wrong type or value.
        """
        options = checked_options(
            self.ensemble, rate_hz, voice, domain, adapt, labels, min_confidence, channel, turns, smooth_s
        )
        if on_segment is not None:
            options = options._replace(on_segment=on_segment)
        if should_stop is not None:
            options = options._replace(should_stop=should_stop)
        (result,) = self._predict_batch([source], options)
        if isinstance(result, EmotoneError):
            raise result
        return result

    def predict_many(
        self,
        sources: Iterable[Source],
        rate_hz: int | None = None,
        *,
        workers: int | None = None,
        voice: Voice | None = None,
        domain: Domain | None = None,
        adapt: bool = False,
        adapt_domain: bool = False,
        labels: str | Sequence[str] = "all",
        min_confidence: float | None = None,
        channel: Channel | Literal["split"] | None = None,
        smooth_s: float = 0.0,
        progress: Progress = no_progress,
    ) -> Generator[Prediction | EmotoneError]:
        """A prediction for each of many recordings, in order, computed in parallel; for a failed one its error.

        Hundreds of files are distributed over processes, which take a few tenths of a second to start; fewer files, and
        other sources, over threads.

        Args:
            sources: as in `predict`.
            workers: number of processes or threads; None: one per core. Load the model with `threads=1`, so that they
                do not compete.
            rate_hz, voice, domain, adapt, labels, min_confidence, channel, smooth_s: as in `predict`.
            adapt_domain: the recordings are of one domain: make its profile from all that can be used first. Every
                recording is then read and embedded twice.
            progress: called with the number of recordings that are done.

        Raises:
            ModelError, EmotoneError: as `predict`; with `adapt_domain`, as `enrol_domain`. An `AudioError` is a result.
        """
        check_several(sources)
        if domain is not None and adapt_domain:
            raise EmotoneError("domain= is a known profile, adapt_domain=True makes one; use one of them")
        options = checked_options(
            self.ensemble, rate_hz, voice, domain, adapt, labels, min_confidence, channel, (), smooth_s
        )
        sources, workers = list(sources), checked_workers(workers)
        if adapt_domain:
            check_rereadable(sources)
            one_channel = None if channel == "split" else channel
            made = self.enrol_domain(
                sources, rate_hz, workers=workers, channel=one_channel, on_error=_left_out, progress=progress
            )
            options = options._replace(domain=made)
        return self._predict_all(sources, workers, options, progress)

    def enrol(
        self,
        sources: Iterable[Source],
        rate_hz: int | None = None,
        *,
        channel: Channel | None = None,
        on_error: Callable[[EmotoneError], object] | None = None,
    ) -> Voice:
        """The voice profile of a speaker, from unlabelled recordings of that speaker only; a minute is nearly enough.

        Args:
            sources, rate_hz, channel: as in `predict_many`.
            on_error: called with the error of each recording that cannot be used, which is then left out; None: raise
                the error.

        Raises:
            AudioError: a recording cannot be used as audio, or none can.
            ModelError: the model cannot be adapted.
        """
        check_adapts(self.ensemble)
        check_several(sources)
        clips = []
        for source in sources:
            read = partial(self.ensemble.read, rate_hz=rate_hz, channel=channel)
            (recording,) = map_catching(read, [source], [name_of(source)])
            (clip,) = map_catching(self.ensemble.features, [recording], [name_of(source)])
            if not isinstance(clip, EmotoneError):
                clips.append(clip.pieces)
            elif on_error is None:
                raise clip
            else:
                on_error(clip)
        if not clips:
            raise AudioError("no recording to enrol the speaker from; give one or more files")
        return self.ensemble.voice(clips)

    def enrol_domain(
        self,
        sources: Iterable[Source],
        rate_hz: int | None = None,
        *,
        workers: int | None = None,
        channel: Channel | None = None,
        on_error: Callable[[EmotoneError], object] | None = None,
        progress: Progress = no_progress,
    ) -> Domain:
        """The profile of a domain, from unlabelled recordings of one kind, of several speakers; 5 or more.

        A recording that is not classified, because the speech gate refuses it, does not count.

        Args:
            sources, rate_hz, workers, channel, progress: as in `predict_many`.
            on_error: called with the error of each recording that cannot be used, which is then left out; None: raise
                the error.

        Raises:
            AudioError: a recording cannot be used.
            ModelError: the model cannot be adapted to a domain.
            EmotoneError: too few recordings, or an argument of a wrong type or value.
        """
        check_adapts(self.ensemble)
        check_several(sources)
        sources = list(sources)
        check_enough(len(sources), len(sources))
        options = checked_options(self.ensemble, rate_hz, None, None, False, "all", None, channel)
        recordings: list[RecordingSummary] = []
        summarise = partial(self._summarise_batch, options=options)
        with closing(self._in_parallel(summarise, sources, checked_workers(workers))) as summaries:
            for summary in track(summaries, "domain", len(sources), progress):
                if not isinstance(summary, EmotoneError):
                    recordings.append(summary)
                elif on_error is None:
                    raise summary
                else:
                    on_error(summary)
        check_enough(len(recordings), len(sources))
        return self.ensemble.domain(recordings)

    def probabilities(self, source: Source, rate_hz: int | None = None) -> Floats:
        """(classes,) of a recording as the model was trained, without calibration for a label set."""
        clip = self.ensemble.features(self.ensemble.read(source, rate_hz))
        lengths = np.array([end - start for start, end in clip.recording.windows])
        return np.asarray(lengths @ np.exp(self.ensemble.log_probabilities(clip.pieces)) / lengths.sum())

    def _predict_all(
        self, sources: Sequence[Source], workers: int, options: Options, progress: Progress
    ) -> Generator[Prediction | EmotoneError]:
        predict_batch = partial(self._predict_batch, options=options)
        with closing(self._in_parallel(predict_batch, sources, workers)) as results:
            yield from track(results, "recordings", len(sources), progress)

    def _in_parallel(
        self, call: Callable[[Sequence[Source]], list[Result]], sources: Sequence[Source], workers: int
    ) -> Generator[Result]:
        limits = [item.feature.processes or workers for model in self.ensemble.models for item in model.inputs]
        return map_sources(call, sources, workers, processes=min(workers, *limits))

    @one_thread()
    def _predict_batch(self, sources: Sequence[Source], options: Options) -> list[Prediction | EmotoneError]:
        """A prediction for each source; for a failed one its error."""
        names = [name_of(source) for source in sources]
        opened = map_catching(partial(self._opened, options=options), sources, names)
        short = iter(self._predict_short([item for item in opened if isinstance(item, Recording)], options))
        return [next(short) if isinstance(item, Recording) else item for item in opened]

    def _opened(self, source: Source, options: Options) -> Recording | Prediction:
        """A short recording, read; or the prediction for a long one, which is decoded block by block."""
        if options.channel == "split":
            return self._predict_long(source, options, name_of(source))
        if is_long(source, LONGEST_WHOLE_S):
            prediction = self._predict_long(source, options, name_of(source))
            if prediction.duration_s > LONGEST_WHOLE_S or prediction.problem:
                return prediction
        recording = self.ensemble.read(source, options.rate_hz, options.channel)
        if recording.duration_s <= LONGEST_WHOLE_S:
            return recording
        rate_hz = max(recording.samples)
        return self._predict_long(recording.samples[rate_hz], options._replace(rate_hz=rate_hz), recording.name)

    def _predict_short(self, recordings: Sequence[Recording], options: Options) -> list[Prediction | EmotoneError]:
        """A prediction for each recording that is classified as a whole, or in windows that the model asks for.

        Every step is done for all of them before the next one: its data then stay in the processor's cache, which makes
        short clips a quarter faster than one clip after the other.
        """
        ensemble, labels = self.ensemble, options.labels

        def scores(clips: Sequence[RecordingFeatures]) -> list[tuple[RecordingFeatures, WindowScores]]:
            voice = ensemble.voice([clip.pieces for clip in clips]) if options.adapt else options.voice
            return list(zip(clips, ensemble.scores(clips, voice, options.domain, labels), strict=True))

        def prediction(scored: tuple[RecordingFeatures, WindowScores]) -> Prediction:
            clip, (probabilities, speech) = scored
            name, duration_s, windows, _ = clip.recording
            reasons = self._gate_reasons(clip, speech)
            return make_prediction(
                name, duration_s, windows, probabilities, reasons, labels.labels, options.min_confidence
            )

        names = [recording.name for recording in recordings]
        clips = map_catching(ensemble.features, recordings, names)
        if options.adapt:
            scored = map_catching(lambda clip: scores([clip])[0], clips, names)
        else:
            scored = batch_catching(scores, clips, names)
        return map_catching(prediction, scored, names)

    def _predict_long(self, source: Source, options: Options, name: str) -> Prediction:
        """The prediction for a recording of any length: of its stretches of speech, and of all of them."""
        scorer = SegmentScorer(self.ensemble, options, gate=self.gate)
        speech = self._speech(source, options)
        if options.adapt:
            scorer.enrol(self._speech(source, options))
        segments: list[Segment] = []
        problem = ""
        for utterances in batched(speech, _SEGMENTS):
            segments += scorer.score(utterances)
            for segment in segments[-len(utterances) :]:
                options.on_segment(segment)
            if options.should_stop():
                problem = f"{name}: stopped after {segments[-1].end_s:.1f} s; the rest was not read"
                break
        probabilities, reason = scorer.whole()
        if probabilities is None:
            probabilities = scorer.of_beginning(speech.beginning, speech.beginning_hz)
        segments.sort(key=lambda segment: (segment.start_s, segment.channel))
        whole, labels = (probabilities, reason if self.gate else ""), options.labels.labels
        duration_s = speech.duration_s or segments[-1].end_s
        return of_segments(name, duration_s, segments, whole, labels, options.min_confidence, problem or speech.problem)

    def _speech(self, source: Source, options: Options) -> LongRecording:
        channel = options.channel or self.channel
        rate_hz = max(self.rate_hz, RATE_HZ)
        return LongRecording(source, options.rate_hz, rate_hz, channel, options.turns)

    @one_thread()
    def _summarise_batch(self, sources: Sequence[Source], options: Options) -> list[RecordingSummary | EmotoneError]:
        """For a domain profile, what it needs of each source; for a failed or refused one its error."""
        names, clips = self._clips(sources, options)
        return batch_catching(self.ensemble.summaries, map_catching(self._passed, clips, names), names)

    def _clips(self, sources: Sequence[Source], options: Options) -> tuple[list[str], list[Any]]:
        """The names of the sources; and of each the features, or its error."""
        names = [name_of(source) for source in sources]
        channel = None if options.channel == "split" else options.channel
        read = partial(self.ensemble.read, rate_hz=options.rate_hz, channel=channel)
        return names, map_catching(self.ensemble.features, map_catching(read, sources, names), names)

    def _passed(self, clip: RecordingFeatures) -> RecordingFeatures:
        """The clip; an `AudioError` if the speech gate refuses it."""
        if reason := self._gate_reasons(clip, None)[0]:
            raise AudioError(f"{clip.recording.name}: refused by the speech gate ({reason.replace('_', ' ')})")
        return clip

    def _gate_reasons(self, clip: RecordingFeatures, speech: Floats | None) -> tuple[str, list[str]]:
        """Why no emotion is predicted, for the whole and for each window; empty if one is.

        Args:
            speech: (windows,) log-odds of speech from the model; None: it gives none.
        """
        samples, windows = clip.recording.samples[RATE_HZ], clip.recording.windows
        if not self.gate:
            return "", [""] * len(windows)
        pieces = [samples[round(start * RATE_HZ) : max(round(end * RATE_HZ), 1)] for start, end in windows]
        scores = [None] * len(windows) if speech is None else speech.tolist()
        verdicts = [speech_gate.judge(piece, score) for piece, score in zip(pieces, scores, strict=True)]
        return speech_gate.combined(verdicts).reason, [verdict.reason for verdict in verdicts]


def load_model(path: str | os.PathLike[str], *, threads: int = 0, gate: bool = True) -> Predictor:
    """The predictor of an ONNX file, or of the folder of a run or an ensemble.

    Args:
        path: a `.onnx` file that `emotone` exported, or a run folder; or `default` or `fast`, which emotone includes.
        threads: of onnxruntime; 0: its own choice.
        gate: predict no emotion if there is no speech, or if it is too short, too quiet or clipped (`speech_gate`).

    Raises:
        ModelError: there is no model, or it was not exported by emotone.
    """
    place = _model_path(path)
    if not isinstance(threads, Integral) or threads < 0:
        raise ModelError(f"threads must be a whole number from 0 on; came {threads!r:.100}")
    if os.path.isfile(place / "model" / ensemble_file.NAME) and not os.path.isfile(place / "model" / "model.onnx"):
        return _load_ensemble(place / "model" / ensemble_file.NAME, threads, gate)
    file = place / "model" / "model.onnx" if os.path.isdir(place) else place
    if not os.path.isfile(file):
        raise ModelError(_why_no_model(place))
    return Predictor([open_model(file, threads)], gate=gate)


def predict(
    source: Source,
    rate_hz: int | None = None,
    *,
    model: str | os.PathLike[str] = "default",
    gate: bool = True,
    **options: Any,
) -> Prediction:
    """The emotion in one recording; the model is loaded at the first call and kept.

    Args:
        source, rate_hz: as in `Predictor.predict`.
        model, gate: as in `load_model`.
        options: of `Predictor.predict`: voice, domain, adapt, labels, min_confidence, channel.
    """
    return _cached_model(str(_model_path(model)), gate).predict(source, rate_hz, **options)


def _left_out(problem: EmotoneError) -> None:
    """A recording is left out of a domain; its prediction states the reason."""


@lru_cache(maxsize=4)
def _cached_model(path: str, gate: bool) -> Predictor:
    return load_model(path, gate=gate)


def _model_path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise ModelError(f"a model is 'default', 'fast', a run folder or an .onnx file; came {type(path).__name__}")
    return SHIPPED.get(str(os.fspath(path)), Path(path))


def _load_ensemble(listing: Path, threads: int, gate: bool) -> Predictor:
    ensemble = ensemble_file.read(listing)
    weights = [model.weight for model in ensemble.models]
    return Predictor([open_model(model.file, threads) for model in ensemble.models], weights, ensemble.title, gate=gate)


def _why_no_model(place: Path) -> str:
    """The reason, from the files that are in the folder."""
    if os.path.isfile(reason := place / "model" / NOT_EXPORTED):
        return f"no exported model in {place}: {reason.read_text(encoding='utf-8', errors='replace').strip()}"
    hint = "no run, no .onnx file"
    if os.path.exists(place / "started.json"):
        hint = "a run for scores alone" if os.path.exists(place / "scores.json") else "its training is not finished"
    return (
        f"no model at {place} ({hint}); a model is 'default', 'fast', the folder of a finished run, or an exported "
        ".onnx file"
    )
