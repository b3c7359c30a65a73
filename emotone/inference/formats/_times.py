"""Times and texts of segments for subtitles and tiers."""

from __future__ import annotations

from emotone.inference.prediction import Segment


def clock(seconds: float, decimal: str) -> str:
    """Hours, minutes and seconds to the millisecond.

    >>> clock(3661.0005, ","), clock(0.9996, ".")
    ('01:01:01,000', '00:00:01.000')
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{decimal}{rest % 1000:03d}"


def caption(segment: Segment) -> str:
    """Who speaks and the emotion with its confidence, in one line; for `unsure` the reason.

    >>> caption(Segment(0.0, 1.0, "angry", 0.9, {}, None, None, speaker="anna"))
    'anna: angry 0.90'
    """
    who = one_line(" ".join(part for part in (segment.channel, segment.speaker) if part))
    what = f"{segment.label} ({segment.reason.replace('_', ' ')})" if segment.reason else ""
    return (f"{who}: " if who else "") + (what or f"{one_line(segment.label)} {segment.confidence:.2f}")


def one_line(text: str) -> str:
    """The text without line breaks and other control characters, which would end a line of the file."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
