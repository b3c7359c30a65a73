"""Downloads from a real server on this machine: complete, interrupted, resumed, refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.data import corpora
from emotone.data import download as obtain
from emotone.data.corpora import Download, published
from emotone.errors import DownloadError, UnknownName
from tests.helpers import corpus_names

PIECE = obtain._PIECE_BYTES


class Server:
    """Serves `files` with Range; `breaks` holds, per path, after how many bytes each coming answer is cut off."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.breaks: dict[str, list[int]] = {}
        self.ranges = True
        self.says_length = True
        self.asked: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        byte_range = request.headers.get("Range", "")
        self.asked.append((request.path, byte_range))
        content = self.files.get(request.path)
        if content is None:
            return request.send_error(404)
        first = int(byte_range.removeprefix("bytes=").removesuffix("-")) if byte_range and self.ranges else 0
        if first >= len(content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.send_header("Content-Length", "0")
            return request.end_headers()
        request.send_response(206 if first else 200)
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if self.says_length:
            request.send_header("Content-Length", str(len(content) - first))
        request.end_headers()
        breaks = self.breaks.get(request.path)
        last = first + breaks.pop(0) if breaks else len(content)
        request.wfile.write(content[first:last])
        request.close_connection = True
        return None


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(obtain, "_PAUSE_S", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.http.shutdown()
    server.http.server_close()


def _zip(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def _tar(members: list[tarfile.TarInfo], content: bytes = b"") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


def _wav(seed: int) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, np.random.default_rng(seed).normal(0, 0.1, 8000), 16_000, format="WAV")
    return data.getvalue()


@pytest.fixture
def emodb(server, monkeypatch):
    """EmoDB as a zip of 14 clips on the server; the list gives its clips."""
    names = corpus_names.some("emodb", 14)
    content = _zip({f"emodb/{name.path}.wav": _wav(number) for number, name in enumerate(names)})
    server.files["/emodb.zip"] = content
    shelved = corpora.shelf.get("emodb")
    checksum = f"md5:{hashlib.md5(content).hexdigest()}"
    monkeypatch.setattr(
        shelved, "downloads", lambda self: (Download(f"{server.url}/emodb.zip", "emodb.zip", checksum),)
    )
    monkeypatch.setattr(shelved, "clips", len(names))
    return [Path(name.path).name for name in names]


def _ids(folder: Path) -> list[str]:
    return [clip.id for clip in corpora.make("emodb").read(folder)]


def test_a_corpus_is_fetched_unpacked_and_readable(emodb, server, tmp_path, capsys):
    reports = []
    folder = obtain.obtain("emodb", tmp_path, lambda *report: reports.append(report))
    assert folder == tmp_path / "emodb"
    assert _ids(folder) == sorted(emodb)
    assert [path.name for path in folder.iterdir()] == ["emodb"]  # neither archive nor leftovers
    assert capsys.readouterr() == ("", "")
    assert reports[-1] == ("emodb, 0 MB", 100, 100)
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)


def test_what_is_there_is_not_fetched_again(emodb, server, tmp_path):
    obtain.obtain("emodb", tmp_path)
    server.asked.clear()
    obtain.obtain("emodb", tmp_path)
    assert server.asked == []


def test_a_broken_connection_is_resumed(emodb, server, tmp_path):
    server.breaks["/emodb.zip"] = [PIECE, 0, 0, PIECE, 0]
    folder = obtain.obtain("emodb", tmp_path)
    assert _ids(folder) == sorted(emodb)
    assert [asked for _, asked in server.asked] == [
        "",
        *3 * [f"bytes={PIECE}-"],
        *2 * [f"bytes={2 * PIECE}-"],
    ]


def test_a_download_that_failed_goes_on_in_the_next_run(emodb, server, tmp_path):
    server.breaks["/emodb.zip"] = [PIECE, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"stopped after 0.1 MB .* run the same command again to go on from there"):
        obtain.obtain("emodb", tmp_path)
    assert (tmp_path / "emodb/emodb.zip.part").stat().st_size == PIECE
    server.asked.clear()
    folder = obtain.obtain("emodb", tmp_path)
    assert [asked for _, asked in server.asked] == [f"bytes={PIECE}-"]
    assert _ids(folder) == sorted(emodb)


def test_a_server_without_ranges_starts_again(emodb, server, tmp_path):
    server.ranges = False
    server.breaks["/emodb.zip"] = [PIECE]
    assert _ids(obtain.obtain("emodb", tmp_path)) == sorted(emodb)


def test_a_server_that_states_no_length_works(emodb, server, tmp_path):
    server.says_length = False
    reports = []
    assert _ids(obtain.obtain("emodb", tmp_path, lambda *report: reports.append(report))) == sorted(emodb)
    assert [done for _, done, _ in reports] == [*[0] * (len(reports) - 1), 100]


def test_a_complete_part_needs_no_more_bytes(emodb, server, tmp_path):
    (tmp_path / "emodb").mkdir()
    (tmp_path / "emodb/emodb.zip.part").write_bytes(server.files["/emodb.zip"])
    assert _ids(obtain.obtain("emodb", tmp_path)) == sorted(emodb)


def test_a_part_longer_than_the_file_is_deleted(emodb, server, tmp_path):
    (tmp_path / "emodb").mkdir()
    (tmp_path / "emodb/emodb.zip.part").write_bytes(server.files["/emodb.zip"] + b"more")
    assert _ids(obtain.obtain("emodb", tmp_path)) == sorted(emodb)


def test_a_file_with_a_wrong_checksum_is_refused_and_not_kept(emodb, server, tmp_path):
    right = server.files["/emodb.zip"]
    server.files["/emodb.zip"] = right[:-1] + b"?"
    with pytest.raises(DownloadError, match="is not the published file: its checksum is not md5:"):
        obtain.obtain("emodb", tmp_path)
    assert list((tmp_path / "emodb").iterdir()) == []
    server.files["/emodb.zip"] = right
    assert _ids(obtain.obtain("emodb", tmp_path)) == sorted(emodb)


def test_a_file_that_is_gone_is_requested_once(emodb, server, tmp_path):
    server.files.clear()
    with pytest.raises(DownloadError, match="404"):
        obtain.obtain("emodb", tmp_path)
    assert len(server.asked) == 1


def test_an_unreachable_server_is_an_error_that_names_the_address(emodb, server, tmp_path, monkeypatch):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
        obtain.obtain("emodb", tmp_path)


def test_single_files_are_fetched_and_only_those_that_are_missing(server, tmp_path, monkeypatch):
    files = {
        f"AudioWAV/1001_{sentence}_ANG_XX.wav": _wav(number) for number, sentence in enumerate(["DFA", "IOM", "ITH"])
    }
    server.files = {f"/{path}": content for path, content in files.items()} | {"/tabulatedVotes.csv": b"votes"}
    downloads = [Download(f"{server.url}/tabulatedVotes.csv", "processedResults/tabulatedVotes.csv")]
    for path, content in files.items():
        downloads.append(Download(f"{server.url}/{path}", path, f"sha256:{hashlib.sha256(content).hexdigest()}"))
    monkeypatch.setattr(corpora.shelf.get("crema_d"), "downloads", lambda self: downloads)
    folder = obtain.obtain("crema_d", tmp_path)
    assert {path: (folder / path).read_bytes() for path in files} == files

    first, second, _ = (folder / path for path in files)
    first.unlink()
    second.write_bytes(b"damaged")
    server.asked.clear()
    obtain.obtain("crema_d", tmp_path)
    assert {path for path, _ in server.asked} == {f"/{path}" for path in list(files)[:2]}
    assert {path: (folder / path).read_bytes() for path in files} == files


@pytest.mark.parametrize("name", ["../evil.wav", "wav/../../evil.wav", "/tmp/evil.wav"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_reaches_outside_is_refused_before_anything_is_written(tmp_path, name, kind):
    archive, folder = tmp_path / f"x.{kind}", tmp_path / "inner/emodb"
    content = (
        _zip({"fine.wav": b"", name: b""})
        if kind == "zip"
        else _tar([tarfile.TarInfo("fine.wav"), tarfile.TarInfo(name)])
    )
    archive.write_bytes(content)
    folder.mkdir(parents=True)
    with pytest.raises(DownloadError, match="outside"):
        obtain.unpack(archive, folder)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]


def test_a_tar_is_unpacked_and_a_link_in_it_refused(tmp_path):
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(_tar([tarfile.TarInfo("wav/a.wav")], b"sound"))
    obtain.unpack(archive, tmp_path / "out")
    assert (tmp_path / "out/wav/a.wav").read_bytes() == b"sound"
    link = tarfile.TarInfo("wav/b.wav")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.write_bytes(_tar([link]))
    with pytest.raises(DownloadError, match="not a regular file"):
        obtain.unpack(archive, tmp_path / "out")


def test_a_damaged_archive_is_reported_and_downloaded_again(emodb, server, tmp_path, monkeypatch):
    shelved = corpora.shelf.get("emodb")
    monkeypatch.setattr(shelved, "downloads", lambda self: (Download(f"{server.url}/emodb.zip", "emodb.zip"),))
    right = server.files["/emodb.zip"]
    for wrong in (b"<html>moved</html>", right.replace(b"RIFF", b"RAFF", 1), right[:-100]):
        server.files["/emodb.zip"] = wrong
        with pytest.raises(DownloadError, match=r"emodb.zip cannot be unpacked .*run the same command again"):
            obtain.obtain("emodb", tmp_path)
    server.files["/emodb.zip"] = right
    assert _ids(obtain.obtain("emodb", tmp_path)) == sorted(emodb)


CLOSED = [name for name in corpora.published_names() if not published(name).downloads()]


@pytest.mark.parametrize("name", CLOSED)
def test_a_corpus_behind_a_form_explains_what_to_do(name, tmp_path):
    with pytest.raises(DownloadError) as raised:
        obtain.obtain(name, tmp_path)
    message = str(raised.value)
    assert "http" in message
    assert str(tmp_path / name) in message
    assert f"emotone corpora check {name}" in message
    assert not (tmp_path / name).exists()


def test_a_restricted_corpus_that_is_present_is_accepted(tmp_path, monkeypatch):
    names = corpus_names.some("savee", 8)
    corpus_names.write(tmp_path / "savee", names)
    monkeypatch.setattr(corpora.shelf.get("savee"), "clips", len(names))
    assert obtain.obtain("savee", tmp_path) == tmp_path / "savee"


@pytest.mark.parametrize("name", sorted(set(corpora.published_names()) - set(CLOSED)))
def test_open_downloads_have_https_addresses_and_distinct_places(name):
    downloads = published(name).downloads()
    assert all(download.url.startswith("https://") for download in downloads)
    assert len({download.path for download in downloads}) == len(downloads)


def test_an_unknown_corpus_is_an_error(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'ravdess'"):
        obtain.obtain("ravdes", tmp_path)
