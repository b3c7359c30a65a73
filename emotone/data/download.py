"""Download a corpus: resumed downloads, checksums, safe unpacking."""

from __future__ import annotations

import os
import shutil
import tarfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from emotone.data.corpora import Corpus, Download, published
from emotone.data.progress import Progress, no_progress
from emotone.errors import CorpusError, DownloadError, MissingExtra

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_ATTEMPTS = 3  # in a row without new bytes
_PAUSE_S = 1.0  # between two attempts
_TIMEOUT_S = (10, 60)  # to connect; between two pieces
_PIECE_BYTES = 1 << 16
_PARALLEL = 8  # connections; CREMA-D is 7442 small files

Report = Callable[[int, float], None]
"""Called with the bytes of one file that are here, and their share of it (0 where the server states no length)."""


def obtain(name: str, data_root: str | os.PathLike[str], progress: Progress = no_progress) -> Path:
    """The folder of a corpus, `data_root/name`; what is missing there is downloaded.

    A complete corpus is not downloaded again. An interrupted download continues at the next call. Archives are
    unpacked in the folder and then removed.

    Args:
        name: a published corpus.
        data_root: holds one folder per corpus.
        progress: called with the hundredths of all files that are here.

    Raises:
        UnknownName: no such corpus.
        DownloadError: it needs a form or an account (the text names the page and the steps), the connection failed,
            a checksum does not match, or an archive cannot be unpacked safely.
        MissingExtra: without the packages pooch and requests.
    """
    corpus = published(name)
    folder = Path(data_root) / name
    if _is_complete(corpus, folder):
        return folder
    downloads = corpus.downloads()
    if not downloads:
        raise DownloadError(
            f"{corpus.title} cannot be downloaded automatically. {corpus.obtain} Here, 'there' is {folder}. "
            f"Then run: emotone corpora check {name} {folder}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    received = _Received(name, len(downloads), progress)

    def fetch(download: Download) -> None:
        _fetch(download, folder, received.file())

    with ThreadPoolExecutor(_PARALLEL) as pool:
        list(pool.map(fetch, downloads))
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar into a folder.

    Raises:
        DownloadError: a member would be written outside the folder or is a link (nothing is written then), or the
            archive is damaged.
    """
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as zipped:
                _refuse_outside(zipped.namelist(), archive, folder)
                zipped.extractall(folder)
        else:
            with tarfile.open(archive) as tarred:
                members = tarred.getmembers()
                _refuse_outside([member.name for member in members], archive, folder)
                if links := [member.name for member in members if not (member.isfile() or member.isdir())]:
                    raise DownloadError(f"{archive.name}: {links[0]} is not a regular file; nothing is unpacked")
                tarred.extraction_filter = getattr(tarfile, "data_filter", None)  # absent before Python 3.10.12
                tarred.extractall(folder)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as problem:
        raise DownloadError(f"{archive.name} cannot be unpacked ({problem}); run the same command again") from problem


def _is_complete(corpus: Corpus, folder: Path) -> bool:
    """Whether the folder has as many clips as were published; `check` tests whether they are intact."""
    try:
        return len(corpus.read(folder)) >= corpus.clips
    except CorpusError:
        return False


class _Received:
    """Sum of what all connections have received, reported whenever it has grown."""

    def __init__(self, name: str, files: int, progress: Progress) -> None:
        self._name, self._files, self._progress = name, files, progress
        self._bytes, self._share = 0, 0.0  # share: in files
        self._lock = threading.Lock()

    def file(self) -> Report:
        """The callback for one file."""
        counted_bytes, counted_share = 0, 0.0

        def report(size_bytes: int, share: float) -> None:
            nonlocal counted_bytes, counted_share
            with self._lock:
                self._bytes += size_bytes - counted_bytes
                self._share += share - counted_share
                counted_bytes, counted_share = size_bytes, share
                done = round(100 * self._share)
                self._progress(f"{self._name}, {self._bytes / 1e6:.0f} MB", done, 100 * self._files)

        return report


def _refuse_outside(names: list[str], archive: Path, folder: Path) -> None:
    for name in names:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise DownloadError(f"{archive.name} would write {name!r} outside {folder}; nothing is unpacked")


def _fetch(download: Download, folder: Path, report: Report) -> None:
    """Download one file into the folder, or leave it where its checksum is right; unpack it if it is an archive."""
    try:
        import pooch
        import requests
    except ImportError as problem:
        raise MissingExtra("downloading a corpus", "train") from problem
    pooch.get_logger().setLevel("WARNING")  # it would log each of 7442 files
    target = folder / download.path
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")

    def downloader(url: str, output_file: str, _: Any) -> None:
        _resume(url, part, report)
        shutil.move(part, output_file)

    try:
        pooch.retrieve(download.url, download.checksum, target.name, target.parent, downloader=downloader)
    except requests.RequestException as problem:
        came_mb = _size(part) / 1e6
        raise DownloadError(
            f"{download.url} stopped after {came_mb:.1f} MB ({problem}); run the same command again to go on from there"
        ) from problem
    except ValueError as problem:  # raised by pooch if a checksum differs
        raise DownloadError(
            f"{download.url} is not the published file: its checksum is not {download.checksum}. It was deleted; "
            f"run the same command again, and if that does not help, report it"
        ) from problem
    report(target.stat().st_size, 1.0)
    if target.name.endswith(_ARCHIVES):
        try:
            unpack(target, folder)
        finally:
            target.unlink()


def _resume(url: str, part: Path, report: Report) -> None:
    """Download the missing bytes of `part`; reconnect if the connection breaks."""
    import requests

    attempts = _ATTEMPTS
    while True:
        before = _size(part)
        try:
            return _continue(url, part, report)
        except requests.RequestException as problem:
            refused = problem.response is not None and problem.response.status_code < 500
            attempts = _ATTEMPTS if _size(part) > before else attempts - 1
            if refused or not attempts:
                raise
            time.sleep(_PAUSE_S)


def _continue(url: str, part: Path, report: Report) -> None:
    import requests

    have = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        if answer.headers.get("Content-Range") == f"bytes */{have}":
            return  # the last run was interrupted after the last byte
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # longer than the current file
            raise requests.ConnectionError("the file on the server has changed")
        answer.raise_for_status()
        if answer.status_code != requests.codes.partial_content:  # a server without Range starts from the first byte
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if have else "wb") as handle:
            for piece in answer.iter_content(_PIECE_BYTES):
                handle.write(piece)
                have += len(piece)
                report(have, have / total if total else 0.0)
    if total is not None and have != total:
        raise requests.ConnectionError(f"{have} of {total} bytes received")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
