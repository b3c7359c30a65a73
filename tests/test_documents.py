"""Documents: links lead somewhere, generated blocks are not empty, the reference is current, terms are standard."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from scripts.pages import reference
from tests.conftest import REPOSITORY

LINK = re.compile(
    r"\[(?:[^\[\]]|\[[^\[\]]*\]\([^()]*\))*\]\(<?([^()<>\s]+)>?(?:\s+\"[^\"]*\")?\)|<img [^>]*src=\"([^\"]+)\""
)
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]+`")
EMPTY_BLOCK = re.compile(r"<!-- begin[^>]*-->\s*<!-- end[^>]*-->")
EMPTY_TABLE = re.compile(r"^ *\|[^\n]*\|\n *\|[ :|-]+\|\n(?! *\|)", re.MULTILINE)
OLD_WORDS = "heard|told|lest|reckon|likest|wished"


def git(*arguments: str) -> list[str]:
    found = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    assert found.returncode in (0, 1), found.stderr
    return found.stdout.splitlines()


def documents() -> list[str]:
    """Markdown files of the repository; templates are not documents yet."""
    names = git("ls-files", "-co", "--exclude-standard", "*.md")
    return [name for name in names if "/templates/" not in name and (REPOSITORY / name).is_file()]


@cache
def prose(path: Path) -> str:
    """The document without its code."""
    return INLINE_CODE.sub("code", FENCE.sub("", path.read_text(encoding="utf-8")))


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    found: list[str] = re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        repeats = sum(1 for other in found if re.fullmatch(re.escape(slug) + r"(-\d+)?", other))
        found.append(f"{slug}-{repeats}" if repeats else slug)
    return frozenset(found)


def broken(document: Path) -> list[str]:
    """The document's relative links that lead nowhere."""
    problems = []
    for found in LINK.finditer(prose(document)):
        target = found[1] or found[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists():
            problems.append(f"{target}: no such file")
        elif anchor and path.suffix == ".md" and anchor not in anchors(path):
            problems.append(f"{target}: no such heading")
    return problems


@pytest.mark.parametrize("name", documents())
def test_every_link_and_picture_leads_somewhere(name: str) -> None:
    assert not broken(REPOSITORY / name)


@pytest.mark.parametrize("name", documents())
def test_no_generated_block_and_no_table_is_empty(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8") + "\n"
    empty = [*EMPTY_BLOCK.findall(text), *EMPTY_TABLE.findall(FENCE.sub("", text))]
    assert not empty, f"{name}: run the script that the block names, or remove the block"


def test_these_checks_find_what_they_look_for(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` c\n[x](#a-b-c) [x](gone.md) ![p](gone.svg) [a [b](no.md)](page.md#no) `[x](code.md)`\n",
        encoding="utf-8",
    )
    problems = broken(page)
    assert [problem.partition(":")[0] for problem in problems] == ["gone.md", "gone.svg", "page.md#no"]
    assert EMPTY_BLOCK.search("<!-- begin x: by y.py -->\n\n<!-- end x -->")
    assert EMPTY_TABLE.search("| a |\n|---|\n\ntext\n")
    assert not EMPTY_TABLE.search("| a |\n|---|\n| 1 |\n")


def test_the_reference_is_what_the_code_says() -> None:
    written = reference.PAGE.read_text(encoding="utf-8")
    assert written == reference.page(), "docs/reference.md is out of date; run: python -m scripts.pages.reference"


def test_the_package_uses_standard_terms() -> None:
    found = git("grep", "-nwE", OLD_WORDS, "--", "emotone/*.py")
    assert len(found) < 20, "\n".join(found)


def test_everything_else_uses_standard_terms() -> None:
    places = ("tests", "scripts", "benchmarks", "docs", "recipes", "results/*.md", "emotone/reports/templates", "*.md")
    found = git("grep", "-nwE", OLD_WORDS, "--", *places, ":!tests/test_documents.py", ":!LOG.md")
    assert len(found) < 10, "\n".join(found)
