"""RTTM: a SPEAKER line for each segment; its speaker field has the speaker, or the label where none is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from emotone.inference.formats import TEXT, Format
from emotone.inference.formats._times import one_line
from emotone.inference.prediction import Prediction

_CHANNELS = {"": "1", "left": "1", "right": "2"}


class Rttm(Format):
    """Lines of ten fields, by the RT-09 evaluation plan of NIST, appendix A; blanks in names become `_`.

    Type, file without folder and suffix, channel (left 1, right 2), start and length in seconds, orthography, subtype,
    speaker, confidence, look-ahead. NIST leaves the orthography of a SPEAKER line empty, and programs for diarisation
    do not read it: here it has the label.
    """

    suffix = ".rttm"

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        with path.open("w", **TEXT) as handle:
            for prediction in predictions:
                name = _field(PurePath(prediction.file).stem)
                for one in prediction.segments:
                    channel, seconds = _CHANNELS.get(one.channel, _field(one.channel)), one.end_s - one.start_s
                    label, speaker = _field(one.label), _field(one.speaker or one.label)
                    handle.write(
                        f"SPEAKER {name} {channel} {one.start_s:.3f} {seconds:.3f} {label} <NA> {speaker} "
                        f"{one.confidence:.4f} <NA>\n"
                    )


def _field(text: str) -> str:
    """A field of a line: without blanks, never empty."""
    return "_".join(one_line(text).split()) or "<NA>"
