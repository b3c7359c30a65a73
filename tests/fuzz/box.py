"""The folder that an example runs in: recordings, tables, recipes, runs and models, whole and damaged."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import yaml

from emotone.audio import synthetic
from tests.helpers.encoded import encoded

PIPES = {"pipe.wav": "good.wav", "pipe.csv": "split.csv", "pipe.yaml": "recipe.yaml"}
"""Named pipes, and the file whose content is written to them."""

ODD_NAMES = ("-dash.wav", "new\nline.wav", "two words.wav", "right\u202eto left.wav", "😀.wav", "caf\udce9.wav", "...")
RECORDINGS = (
    *("good.wav", "good.flac", "stereo.ogg", "silent.wav", "empty.wav", "text.wav", "cut.flac", "zeros.wav"),
    *("nan.wav", "samples.raw", "absent.wav", "broken.wav", "loop.wav", "pipe.wav", "wavs", "vacant", "-", "corpus"),
    *ODD_NAMES,
    *("long" * 70 + ".wav", "good.wav/inside.wav", "good.wav ", "NUL", "zero", "random", "full", "null", "socket"),
    *("/dev/fd/0", "/proc/self/mem", "/proc/self/environ", "/proc/1/mem", "wavs/", ".", "./good.wav"),
)
TABLES = (
    *("corpus/clips.csv", "split.csv", "one.csv", "empty.csv", "binary.csv", "utf16.csv", "pipe.csv", "semicolon.csv"),
    *("corpus", "ravdess", "emodb", "EMODB", "no-such-corpus", "a+b", "+", ",", ",,", "corpus/clips.csv+one.csv"),
)
RECIPES = (
    *(
        "recipe.yaml",
        "image.yaml",
        "other.yaml",
        "broken.yaml",
        "empty.yaml",
        "pipe.yaml",
        "recipes",
        "run/recipe.yaml",
    ),
    *("binary.yaml", "extends.yaml"),
)
RUNS = ("run", "other", "run/model", "run/model/model.onnx", "model.onnx", "damaged", "noise.onnx", "vacant", "default")
TABLES_JSON = ("bench.json", "list.json", "empty.json", "run/scores.json", "deep.json")
OUTPUTS = (
    *("out", "out.csv", "out.json", "out.html", "out.onnx", "out.txt", "deep/er/out", "good.wav", "run", "wavs"),
    *("full", "full.csv", "full.json", "full.html", "full.onnx", "null", "good.wav/out.csv", "/proc/out.csv"),
    *("/proc/nowhere/out", "long" * 70 + ".csv", "loop.wav", "broken.wav", "new\nline.csv", "😀.csv", "caf\udce9.html"),
    *(".", "..", "", " ", "-", "--", "out/", ".csv", "vacant/out", "pipe.csv", "socket"),
)


def write(folder: Path, run: Callable[..., None]) -> None:
    """Make the folder; `run` runs a command in it."""
    clips = synthetic.write(
        folder / "corpus", seed=1, speakers=4, emotions=("angry", "sad"), sentences=synthetic.SENTENCES[:2],
        sound="syllables",
    )  # fmt: skip
    _recordings(folder)
    _tables(folder, clips)
    _recipes(folder)
    run("train", "recipe.yaml", "--out", "run")
    run("train", "other.yaml", "--out", "other")
    run("export", "run", "-o", "model.onnx")
    run("benchmark", "recipe.yaml", "--out", "bench")
    run("enrol", "anna", "good.wav")
    shutil.copytree(folder / "run", folder / "damaged")
    (folder / "damaged" / "scores.json").write_text("{")
    (folder / "damaged" / "model" / "model.onnx").write_bytes(b"\x08\x08\x12")


def copy(template: Path, folder: Path) -> None:
    """A copy, with the devices, pipes and names that a copy does not take."""
    shutil.copytree(template, folder)
    for name in PIPES:
        os.mkfifo(folder / name)
    for device in ("zero", "random", "null", "full"):
        (folder / device).symlink_to(f"/dev/{device}")
    for ending in ("csv", "json", "html", "onnx"):
        (folder / f"full.{ending}").symlink_to("/dev/full")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "broken.wav").symlink_to("nowhere.wav")
    for name in ODD_NAMES:
        os.link(folder / "good.wav", folder / name)
    here = os.getcwd()
    os.chdir(folder)  # the name of a socket has at most 107 letters
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
    finally:
        os.chdir(here)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Path -> time and size of everything in a folder."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            about = os.lstat(os.path.join(place, name))
            found[os.path.join(place, name)] = (about.st_mtime_ns, about.st_size)
    return found


def _recordings(folder: Path) -> None:
    samples = synthetic.syllables("angry", speaker=1, seconds=1.0)
    (folder / "wavs").mkdir()
    (folder / "vacant").mkdir()
    (folder / "good.wav").write_bytes(encoded("WAV", "PCM_16", samples))
    (folder / "good.flac").write_bytes(encoded("FLAC", None, samples))
    (folder / "stereo.ogg").write_bytes(encoded("OGG", "VORBIS", np.stack([samples, 0.1 * samples], axis=1)))
    (folder / "silent.wav").write_bytes(encoded("WAV", "PCM_16", 0 * samples))
    (folder / "cut.flac").write_bytes(encoded("FLAC", None, np.tile(samples, 5))[:9000])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "zeros.wav").write_bytes(bytes(20_000))
    (folder / "text.wav").write_text("notes, not a recording\n" * 30)
    (folder / "samples.raw").write_bytes(bytes(range(256)) * 50)
    soundfile.write(folder / "nan.wav", np.full(8000, np.nan, dtype=np.float32), 16_000, subtype="FLOAT")
    for name in ("good.wav", "._good.wav", "Thumbs.db"):
        shutil.copy(folder / "good.wav", folder / "wavs" / name)


def _tables(folder: Path, clips: Path) -> None:
    lines = clips.read_text(encoding="utf-8").splitlines()
    header, rows = lines[0], [f"corpus/{line}" for line in lines[1:]]
    split = [f"{header},split", *(f"{row},{('train', 'test')[number > 8]}" for number, row in enumerate(rows))]
    texts = {
        "split.csv": split,
        "one.csv": [header, rows[0]],
        "semicolon.csv": [line.replace(",", ";") for line in split],
    }
    for name, text in texts.items():
        (folder / name).write_text("\n".join(text) + "\n", encoding="utf-8")
    (folder / "utf16.csv").write_text("\n".join(split), encoding="utf-16")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 4)
    contents = {"list.json": "[]", "empty.json": "", "deep.json": "[" * 5000, "noise.onnx": "\x08\x07\x12\x01x" * 20}
    for name, content in contents.items():
        (folder / name).write_text(content)


def _recipes(folder: Path) -> None:
    plain = {"title": "Tiny", "data": {"corpora": ["corpus/clips.csv"]}, "feature": "functionals", "model": "ridge"}
    image = {**plain, "feature": "spectrogram_image", "model": "mel_cnn"}
    recipes = {
        "recipe.yaml": plain,
        "other.yaml": {**plain, "feature": "mean_std", "model": "lda"},
        "image.yaml": image,
    }
    (folder / "recipes").mkdir()
    for name, recipe in recipes.items():
        (folder / name).write_text(yaml.safe_dump(recipe), encoding="utf-8")
    shutil.copy(folder / "recipe.yaml", folder / "recipes" / "a.yaml")
    (folder / "extends.yaml").write_text("extends: extends.yaml\ntitle: x\n")
    (folder / "broken.yaml").write_text("title: [x\n")
    (folder / "empty.yaml").write_text("")
    (folder / "binary.yaml").write_bytes(bytes(range(256)))
