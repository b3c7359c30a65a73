"""What the licence of a corpus permits, derived from its name; not legal advice."""

from __future__ import annotations

import re

_FREE = ("CC0",)
_MEANING = {
    "BY": "its authors must be named",
    "SA": "adaptations must be shared under the same terms",
    "ND": "adaptations must not be shared",
    "ODbL": "any use; its authors must be named, and adapted databases must be shared under the same terms",
}


def non_commercial(licence: str) -> bool:
    """Whether commercial use is forbidden or not granted (research only).

    >>> non_commercial("CC BY-NC-SA 4.0"), non_commercial("free for research; no formal text")
    (True, True)
    >>> non_commercial("CC BY 4.0"), non_commercial("ODbL 1.0")
    (False, False)
    """
    return "NC" in _words(licence) or "research" in licence.lower()


def allows(licence: str) -> str:
    """Permissions and obligations, as a phrase.

    >>> allows("CC BY-NC-SA 4.0")
    'no commercial use; its authors must be named; adaptations must be shared under the same terms'
    >>> allows("research use only, after signing a licence")
    'research only, no commercial use'
    >>> allows("CC0 1.0"), allows("house rules")
    ('any use', 'see its terms')
    """
    words = _words(licence)
    if "NC" not in words and non_commercial(licence):
        return "research only, no commercial use"
    if any(name in words for name in _FREE):
        return "any use"
    terms = ["no commercial use"] if "NC" in words else []
    terms += [meaning for name, meaning in _MEANING.items() if name in words]
    return "; ".join(terms) or "see its terms"


def _words(licence: str) -> list[str]:
    return re.split(r"[^A-Za-z0-9]+", licence)
