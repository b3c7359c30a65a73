"""Rendering of the templates: self-contained HTML pages without external files, and Markdown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotone.errors import MissingExtra
from emotone.files import atomic_write


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page as text; in HTML, values are escaped unless they are a `Picture`.

    In Markdown, values are not escaped, since YAML and code must stay unchanged: text from users takes `| plain`.

    Raises:
        MissingExtra: jinja2 is absent.

    >>> "<h1>1 &lt; 2</h1>" in render("page.html", {"title": "1 < 2"})
    True
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    except ImportError as problem:
        raise MissingExtra("writing pages", "train") from problem
    templates = Environment(
        loader=PackageLoader("emotone.reports"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "percent": percent,
        "tenths": tenths,
        "plain": plain,
        "signed": signed,
        "thousands": "{:,}".format,
        "time": time,
    }
    return templates.get_template(template).render(values)


def write(path: str | os.PathLike[str], template: str, values: Mapping[str, Any]) -> Path:
    """Write the page atomically; returns its path. The folder is created if absent."""
    page = Path(path)
    with atomic_write(page) as temporary:
        temporary.write_text(render(template, values), encoding="utf-8", errors="backslashreplace")  # names of files
    return page


class Picture(str):
    """An `<svg>` or `<table>` element from `charts`, which a template does not escape."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def plain(text: object) -> str:
    """Text escaped for Markdown, in one line, so that it can stand in a table.

    >>> print(plain("a *b* [c](d) <i> | e"))
    a \\*b\\* \\[c\\](d) \\<i> \\| e
    """
    return re.sub(r"([\\`*<|\[\]])", r"\\\1", " ".join(str(text).split()))


def percent(share: float | None) -> str:
    """A share in percent with one decimal; a dash for None.

    >>> percent(0.6834), percent(None)
    ('68.3', '–')
    """
    return "–" if share is None else f"{100 * share:.1f}"


def tenths(number: float) -> str:
    """A number with one decimal and a typographic minus sign.

    >>> tenths(-19.71)
    '−19.7'
    """
    return f"{number:.1f}".replace("-", "\N{MINUS SIGN}")


def signed(number: float, digits: int = 2) -> str:
    """A number with its sign, a typographic minus.

    >>> signed(-0.5), signed(0.1234, 3)
    ('−0.50', '+0.123')
    """
    return f"{number:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def time(seconds: float | None) -> str:
    """A duration in seconds, minutes or hours.

    >>> time(0.52), time(75), time(7320), time(None)
    ('0.5 s', '1 min 15 s', '2 h 2 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
