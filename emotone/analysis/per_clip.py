"""One function for every clip of a table, in threads; clips whose audio cannot be used are listed with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from emotone.audio.source import printable
from emotone.data.progress import Progress, track
from emotone.data.utterance import Utterance
from emotone.errors import EmotoneError, ModelError

Result = TypeVar("Result")


def per_clip(
    function: Callable[[Utterance], Result],
    clips: Sequence[Utterance],
    *,
    threads: int,
    description: str,
    progress: Progress,
) -> tuple[list[Result], list[dict[str, str]]]:
    """Results for the clips that can be used, in order; and key, file and reason of each of the others.

    Raises:
        ModelError: raised for a clip; a model that cannot be run fails for every clip.
    """

    stopped = Event()

    def attempt(clip: Utterance) -> Result | EmotoneError:
        if stopped.is_set():
            raise CancelledError
        try:
            return function(clip)
        except ModelError:
            stopped.set()
            raise
        except EmotoneError as problem:
            return problem
        except BaseException:
            stopped.set()
            raise

    pool = ThreadPoolExecutor(threads)
    try:
        results = list(track(pool.map(attempt, clips), description, len(clips), progress))
    finally:
        stopped.set()  # after an error or Ctrl-C no further clip is started
        pool.shutdown(wait=False, cancel_futures=True)
    failures = [
        {"key": clip.key, "file": printable(str(clip.file)), "reason": str(result)}
        for clip, result in zip(clips, results, strict=True)
        if isinstance(result, EmotoneError)
    ]
    return [result for result in results if not isinstance(result, EmotoneError)], failures
