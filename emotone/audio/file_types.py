"""Files that are often mistaken for recordings, recognised by their first bytes."""

from __future__ import annotations

_BY_START = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the recording; run `git lfs pull`"),
    (b"/annex/objects/", "a git-annex pointer, not the recording; run `git annex get` on it"),
    (b"PK\x03\x04", "a zip archive, not a recording; unpack it"),
    (b"\x1f\x8b", "a gzip archive, not a recording; unpack it"),
    (b"BZh", "a bzip2 archive, not a recording; unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive, not a recording; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, not a recording; unpack it"),
    (b"Rar!\x1a\x07", "a rar archive, not a recording; unpack it"),
    (b"%PDF-", "a PDF document, not a recording"),
    (b"\x89PNG\r\n", "a PNG image, not a recording"),
    (b"\xff\xd8\xff", "a JPEG image, not a recording"),
    (b"GIF8", "a GIF image, not a recording"),
    (b"MThd", "a MIDI file: notes, not a recording"),
    (b"\x00\x05\x16\x07", "a companion file of macOS (AppleDouble), not the recording"),
    (b"\x93NUMPY", "a NumPy array, not a recording; load it with numpy.load and pass it with its rate"),
)
_HTML = "an HTML page, not a recording; the download probably returned an error or a login page"
_BY_MARKUP = (
    (b"<!doctype html", _HTML),
    (b"<html", _HTML),
    (b"<head", _HTML),
    (b"<?xml", "an XML document, not a recording; a download may have returned an error"),
)
_JSON = "a JSON text, not a recording; a download may have returned an error"


def not_sound(head: bytes) -> str:
    """What a file is that is known not to be sound; empty if it may be sound.

    Args:
        head: its first bytes, up to some hundreds.

    >>> not_sound(b"<!DOCTYPE html><html>")[:12], not_sound(b"RIFF")
    ('an HTML page', '')
    """
    for start, what in _BY_START:
        if head.startswith(start):
            return what
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, what in _BY_MARKUP:
        if text.startswith(start):
            return what
    return _JSON if text[:1] in (b"{", b"[") and is_text(head) else ""


def is_text(head: bytes) -> bool:
    r"""Whether these first bytes of a file are text.

    >>> is_text("Grüße\n".encode()), is_text(b"RIFF\x00\x00")
    (True, False)
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as problem:
        if problem.start < len(head) - 3:  # otherwise a letter that the end of `head` cuts
            return False
        text = head[: problem.start].decode("utf-8")
    return bool(text) and all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)
