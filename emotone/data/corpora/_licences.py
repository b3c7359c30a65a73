"""What the licence of a corpus lets one do, read from its name; no advice of a lawyer."""

from __future__ import annotations

import re

_FREE = ("CC0",)
_MEANING = {
    "BY": "its authors must be named",
    "SA": "what is adapted from it is passed on under the same terms alone",
    "ND": "nothing adapted from it may be passed on",
    "ODbL": "any use; its authors must be named, and a database adapted from it is passed on under the same terms",
}


def non_commercial(licence: str) -> bool:
    """True where commercial use is forbidden, or was never granted (research alone).

    >>> non_commercial("CC BY-NC-SA 4.0"), non_commercial("free for research; no formal text")
    (True, True)
    >>> non_commercial("CC BY 4.0"), non_commercial("ODbL 1.0")
    (False, False)
    """
    return "NC" in _words(licence) or "research" in licence.lower()


def allows(licence: str) -> str:
    """What one may do and must, as a phrase.

    >>> allows("CC BY-NC-SA 4.0")
    'no commercial use; its authors must be named; what is adapted from it is passed on under the same terms alone'
    >>> allows("research use only, after signing a licence")
    'research alone, no commercial use'
    >>> allows("CC0 1.0"), allows("house rules")
    ('any use', 'as its terms say')
    """
    words = _words(licence)
    if "NC" not in words and non_commercial(licence):
        return "research alone, no commercial use"
    if any(name in words for name in _FREE):
        return "any use"
    told = ["no commercial use"] if "NC" in words else []
    told += [meaning for name, meaning in _MEANING.items() if name in words]
    return "; ".join(told) or "as its terms say"


def _words(licence: str) -> list[str]:
    return re.split(r"[^A-Za-z0-9]+", licence)
