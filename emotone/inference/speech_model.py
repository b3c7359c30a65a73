"""An ONNX model that takes samples, and is adapted to a speaker or a domain by a shift of its embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emotone.errors import ModelError
from emotone.features import Values
from emotone.inference.domain_profile import Domain
from emotone.inference.onnx_file import open_session
from emotone.inference.onnx_model import ModelOutput, OnnxModel, Piece
from emotone.inference.pooling import Floats
from emotone.inference.speaker_shift import domain_shift, speaker_shift, speaker_weight
from emotone.inference.voice_profile import Voice

SAMPLES, LENGTHS, SHIFT = "samples", "lengths", "shift"
"""Graph inputs: (batch, samples) zero-padded; (batch,) samples without padding; (batch, dims) subtracted from the
embedding."""
LOG_PROBS, EMBEDDING, FRAME_SCORES = "log_probabilities", "embedding", "frame_scores"
"""Graph outputs: (batch, classes); (batch, dims) before the shift; (batch, frames, classes) log-probabilities of a
window around each step of time."""
STATISTICS = "statistics"
"""Graph output: (batch, 2 * dims) mean and deviation over time of the encoder's frames."""
SPEECH = "speech"
"""Graph output: (batch,) log-odds of speech against other sounds; speech from 0 on. Not every file has it."""
BATCH_S = 60.0
"""Longest batch, with its padding: attention needs memory."""
_MAX_RATIO = 1.1


class Adaptation(NamedTuple):
    """What the embedding is compared with for a known speaker or domain, see `speaker_shift`.

    Attributes:
        average: (dims,) of all training speakers.
        emotion_shifts: (classes, dims) effect of each emotion.
    """

    average: Floats
    emotion_shifts: Floats


class SpeechModel(OnnxModel):
    """A model whose graph includes its feature. Padding does not change its scores, but takes time."""

    def run(self, pieces: Sequence[Piece], voice: Voice | None = None, domain: Domain | None = None) -> ModelOutput:
        """The output for several pieces; arguments as in `OnnxModel.run`."""
        sounds, shift = [piece.values[self._input] for piece in pieces], self._shift(voice, domain)
        groups = batches([sound.size for sound in sounds], round(BATCH_S * self.audio.rate_hz))
        names = [name for name in (LOG_PROBS, EMBEDDING, SPEECH) if name in self._outputs]
        found = [self._run([sounds[number] for number in group], shift, *names) for group in groups]
        places = np.argsort(np.concatenate(groups))  # of the pieces among the rows of all batches
        return ModelOutput(*(np.concatenate(part)[places].astype(np.float64) for part in zip(*found, strict=True)))

    def frame_scores(self, piece: Piece, voice: Voice | None = None, domain: Domain | None = None) -> Floats:
        """(frames, classes) log-probabilities over the time of a piece; arguments as in `OnnxModel.run`.

        Raises:
            ModelError: the graph does not give them.
        """
        if FRAME_SCORES not in self._outputs:
            raise ModelError(f"{self.title}: this model gives no scores over time; export it again")
        (scores,) = self._run([piece.values[self._input]], self._shift(voice, domain), FRAME_SCORES)
        return np.asarray(scores[0], dtype=np.float64)

    def statistics(self, piece: Piece) -> Values:
        """(2 * dims,) mean and deviation over the time of a piece of the encoder's frames, which never saw emotions.

        Raises:
            ModelError: the graph does not give them.
        """
        if STATISTICS not in self._outputs:
            raise ModelError(f"{self.title}: this model gives no statistics of its encoder; export it again")
        (statistics,) = self._run([piece.values[self._input]], self._no_shift, STATISTICS)
        return np.asarray(statistics[0])

    @property
    def adapts(self) -> bool:
        """Whether the embedding can be shifted."""
        return self._adaptation is not None

    @property
    def identity(self) -> str:
        """What a profile depends on: the feature, and the network, which is recognised by its mean embedding."""
        average = [] if self._adaptation is None else self._adaptation.average.tolist()
        return repr((super().identity, average))

    @property
    def embedding_dims(self) -> int:
        """Dimensions of the embedding if it can be shifted, else 0."""
        return 0 if self._adaptation is None else self._adaptation.average.size

    def _read_metadata(self, facts: Mapping[str, Any]) -> None:
        super()._read_metadata(facts)
        self._outputs = [item.name for item in self._session.get_outputs()]
        (item,) = self.inputs
        if item.feature.kind != "waveform":
            raise ValueError(f"a graph that takes samples has the feature {facts['feature']['name']}")
        if missing := {LOG_PROBS, EMBEDDING} - set(self._outputs):
            raise ValueError(f"the graph has no output {min(missing)}")
        self._input = item.name
        dims = {graph_input.name: graph_input.shape[-1] for graph_input in self._session.get_inputs()}.get(SHIFT)
        self._no_shift = None if dims is None else np.zeros(dims)
        self._adaptation = None
        if not (stated := facts.get("adaptation")):
            return
        self._adaptation = Adaptation(np.array(stated["average"]), np.array(stated["emotion_shifts"]))
        shapes = (self._adaptation.average.shape, self._adaptation.emotion_shifts.shape)
        if shapes != ((dims,), (len(self.classes), dims)):
            raise ValueError(f"the adaptation has shapes {shapes}, the input {SHIFT} has {dims} dimensions")

    def _shift(self, voice: Voice | None, domain: Domain | None) -> Floats | None:
        """(dims,) what is subtracted from the embedding: that of the speaker, as far as known, else of the domain."""
        shift, adaptation = self._no_shift, self._adaptation
        if shift is None or adaptation is None:
            return shift
        average, of_emotions = adaptation.average, adaptation.emotion_shifts
        if domain is not None:
            mean, recordings = domain.means[EMBEDDING], domain.recordings
            shift = domain_shift(mean, recordings, average, domain.emotions, of_emotions)
        if voice is not None:
            mean, seconds = voice.means[EMBEDDING], voice.seconds
            of_speaker = speaker_shift(mean, seconds, average, voice.emotions, of_emotions)
            shift = of_speaker + (1 - speaker_weight(seconds)) * shift
        return shift

    def _run(self, sounds: Sequence[Values], shift: Floats | None, *outputs: str) -> list[Values]:
        """These outputs of the graph for one batch."""
        lengths = np.array([sound.size for sound in sounds])
        samples = np.zeros((len(sounds), lengths.max()), dtype=np.float32)
        for row, sound in zip(samples, sounds, strict=True):
            row[: sound.size] = sound
        feed = {SAMPLES: samples, LENGTHS: lengths.astype(np.int64)}
        if shift is not None:
            feed[SHIFT] = np.tile(shift.astype(np.float32), (len(sounds), 1))
        return list(self._session.run(outputs, feed))


def open_model(file: Path, threads: int) -> OnnxModel:
    """The model in a file.

    Args:
        threads: of onnxruntime; 0: its own choice.

    Raises:
        ModelError: the file is damaged, or was not exported by emotone.
    """
    session = open_session(file, threads)
    takes_samples = LENGTHS in {graph_input.name for graph_input in session.get_inputs()}
    return (SpeechModel if takes_samples else OnnxModel)(file, threads, session)


def batches(lengths: Sequence[int], longest: int) -> list[list[int]]:
    """Numbers of the clips that are run together: of the same length, or with at most 10 % of padding.

    Args:
        lengths: of each clip.
        longest: sum of the lengths of a batch, with padding.

    >>> batches([105, 300, 100, 100, 120], longest=1000)
    [[2, 3, 0], [4], [1]]
    >>> batches([100, 100, 100], longest=200)
    [[0, 1], [2]]
    """
    found: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        length, group = lengths[number], found[-1] if found else []
        if group and length <= _MAX_RATIO * lengths[group[0]] and (len(group) + 1) * length <= longest:
            group.append(number)
        else:
            found.append([number])
    return found
