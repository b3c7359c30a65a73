"""Sound files of a folder: sorted, without companion files, and with every folder that cannot be entered named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emotone.audio.folder import sound_files
from emotone.data import corpora
from emotone.errors import AudioError


def made(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in sound_files(root)]


def test_sound_files_are_sorted_by_path_and_companion_files_are_passed_over(tmp_path: Path) -> None:
    kept = ["B/1.WAV", "a/2.flac", "a/3.Mp3", "a.wav", "z.opus", "with space.ogg"]
    made(tmp_path, *kept)
    made(
        tmp_path,
        "._a.wav", "a/._2.flac", "__MACOSX/a/._2.flac", "__MACOSX/b.wav", ".DS_Store", "Thumbs.db", ".hidden/x.wav",
        "@eaDir/a.wav", "a/@eaDir/2.flac", "notes.txt", "$RECYCLE.BIN/a.wav", "a/desktop.ini", "wav", ".wav",
    )  # fmt: skip
    assert names(tmp_path) == [
        path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path / name for name in kept)
    ]


def test_a_hidden_folder_is_searched_when_it_is_asked_for(tmp_path: Path) -> None:
    made(tmp_path, ".cache/a.wav")
    assert [path.name for path in sound_files(tmp_path / ".cache")] == ["a.wav"]


@pytest.mark.skipif(os.name != "posix", reason="links, pipes and names of bytes are of POSIX")
def test_links_are_followed_to_files_and_pipes_are_passed_over(tmp_path: Path) -> None:
    made(tmp_path, "a.wav", "folder.wav/b.wav")
    (tmp_path / "link.wav").symlink_to("a.wav")
    (tmp_path / "broken.wav").symlink_to("gone.wav")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe.wav")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))).touch()
    assert names(tmp_path) == ["a.wav", "broken.wav", "caf\udce9.wav", "folder.wav/b.wav", "link.wav"]


def test_a_folder_that_cannot_be_entered_is_named_and_the_others_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "a/1.wav", "shut/2.wav", "z/3.wav")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    failures: dict[str, AudioError] = {}
    assert [path.name for path in sound_files(tmp_path, failures)] == ["1.wav", "3.wav"]
    assert list(failures) == [str(tmp_path / "shut")]
    with pytest.raises(AudioError, match=r"shut: the folder cannot be entered \(Permission denied\)"):
        list(sound_files(tmp_path))
    with pytest.raises(AudioError, match="cannot be entered"):
        corpora.make("emodb").read(tmp_path)
