"""Files that are damaged in any way, and names of any kind: each is read, or is one line."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.conftest import REPOSITORY
from tests.fuzz.damage import damaged
from tests.helpers.encoded import encoded, tone

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a failing example
FORMS = {
    "wav": ("WAV", "PCM_16"), "wavex": ("WAVEX", "PCM_24"), "float": ("WAV", "FLOAT"), "adpcm": ("WAV", "IMA_ADPCM"),
    "rf64": ("RF64", "PCM_16"), "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_16"), "aifc": ("AIFF", "FLOAT"),
    "au": ("AU", "PCM_16"), "caf": ("CAF", "PCM_16"), "alac": ("CAF", "ALAC_16"), "flac": ("FLAC", None),
    "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", None), "voc": ("VOC", "PCM_16"),
    "nist": ("NIST", "PCM_16"), "avr": ("AVR", "PCM_16"), "ircam": ("IRCAM", "PCM_16"), "paf": ("PAF", "PCM_16"),
    "svx": ("SVX", "PCM_16"), "mat5": ("MAT5", "PCM_16"), "htk": ("HTK", "PCM_16"), "xi": ("XI", "DPCM_16"),
    "sds": ("SDS", "PCM_16"), "pvf": ("PVF", "PCM_16"), "wve": ("WVE", "ALAW"), "mpc2k": ("MPC2K", "PCM_16"),
}  # fmt: skip
CONTAINERS = {"m4a": ("ipod", "aac"), "webm": ("webm", "libopus"), "aac": ("adts", "aac"), "mkv": ("matroska", "aac")}


def contained(form: str, codec: str) -> bytes:
    """A tone in a container that PyAV writes."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=48_000)
        samples = (tone(0.3, 48_000) * 32_767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", [*FORMS, *CONTAINERS])
def test_damaged_sound(kind: str, read: Any) -> None:
    whole = encoded(*FORMS[kind], samples=tone(0.2)) if kind in FORMS else contained(*CONTAINERS[kind])

    @given(damaged(whole), some.sampled_from(["sound.wav", "sound", f"sound.{kind}", "sound.raw", "sound.mp4"]))
    def damaged_sound(content: bytes, name: str) -> None:
        read(content, name)

    damaged_sound()


@pytest.mark.fuzz
@pytest.mark.parametrize("verb", ["predict", "enrol", "explain"])
def test_a_damaged_recording_among_others(verb: str, run: Any) -> None:
    words = {"predict": ["predict", "--json", "good.wav", "odd.wav"], "enrol": ["enrol", "x", "good.wav", "odd.wav"]}
    wholes = [
        encoded(*FORMS[kind], samples=tone(1.0)) for kind in ("wav", "flac", "ogg", "mp3", "aiff", "w64", "caf", "au")
    ]

    @given(some.sampled_from(wholes).flatmap(damaged))
    def damaged_recording(content: bytes) -> None:
        outcome = run(words.get(verb, ["explain", "run", "odd.wav"]), files={b"odd.wav": content})
        if verb == "predict":
            assert json.loads(outcome.stdout)[0]["file"] == "good.wav"
        if verb == "enrol":
            assert outcome.status in (0, 1), outcome.stderr

    damaged_recording()


NAMES = some.binary(min_size=1, max_size=60) | some.text(min_size=1, max_size=40).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@pytest.mark.fuzz
@pytest.mark.parametrize("verb", ["predict", "explain", "audit"])
def test_names_of_any_kind(verb: str, run: Any) -> None:
    good = encoded("WAV", "PCM_16", samples=tone(1.0))

    @given(
        NAMES, some.sampled_from([b"", b".wav", b".WAV", b".", b"...", b".csv", b" ", b"\n", b"\xff"]), some.booleans()
    )
    def names(name: bytes, ending: bytes, in_csv: bool) -> None:
        name = (name + ending).replace(b"/", b"").replace(b"\0", b"")
        if name in (b"", b".", b".."):
            return
        shown = os.fsdecode(name)
        if verb == "audit":
            text = f"file,speaker,emotion,split\n{shown},s1,sad,train\ngood.wav,s2,sad,test\n"
            run(["audit", "t.csv"], files={name: good, b"t.csv": text.encode("utf-8", "surrogateescape")})
        elif verb == "explain":
            run(["explain", "run", "--", shown], files={name: good})
        else:
            run(["predict", *(["-o", "out.csv"] if in_csv else []), "--json", "--", shown, "wavs"], files={name: good})

    names()


TABLE = (
    b"file,speaker,emotion,sex,split,start_s,end_s\ngood.wav,1,angry,f,train,0,0.5\nwavs/good.wav,2,sad,m,test,0.1,0.9\n"
    b'good.flac,"a, b",neutral,f,train,,\n'
)
CELLS = [
    *(b"nan", b"NA", b"", b" ", b"1.0", b"01", b"S1", b"s1 ", b"-1", b"1e400", b"inf", b'"', b'""', b'"x\ny"', b"\x00"),
    *(b"\xff", b"C:\\a\\b.wav", b"..", b"/dev/zero", b"/proc/self/mem", b"pipe.wav", b"wavs", b"\xef\xbb\xbf", b"\r"),
    *(b"anger", b"xyz", b"file", b"speaker", b"x" * 200_000, "é".encode("latin-1"), b"=1+1", b";", b"\t"),
]


@some.composite
def tables(draw: some.DrawFn) -> bytes:
    """A table with odd cells, or damaged as bytes."""
    rows = [line.split(b",") for line in TABLE.splitlines()]
    for _ in range(draw(some.integers(0, 4))):
        row = draw(some.sampled_from(rows))
        row[draw(some.integers(0, len(row) - 1))] = draw(some.sampled_from(CELLS))
    if draw(some.booleans()):
        rows.append(draw(some.sampled_from(rows)))
    mark, end = (
        draw(some.sampled_from([b",", b",", b";", b"\t", b"|"])),
        draw(some.sampled_from([b"\n", b"\r\n", b"\r"])),
    )
    content = end.join(mark.join(row) for row in rows)
    return draw(damaged(content, most=2)) if draw(some.booleans()) else content


@pytest.mark.fuzz
@pytest.mark.parametrize("verb", ["audit", "explore", "train"])
def test_tables_of_any_kind(verb: str, run: Any) -> None:
    words = {"audit": ["audit", "t.csv"], "explore": ["corpora", "explore", "t.csv", "--out", "out"]}

    @given(tables())
    def odd_tables(content: bytes) -> None:
        training = ["train", "recipe.yaml", "--out", "out", "--set", "data.corpora=[t.csv]"]
        run(words.get(verb, training), files={b"t.csv": content})

    odd_tables()


SHIPPED = [path.read_bytes() for path in sorted((REPOSITORY / "recipes").rglob("*.yaml"))]
PLAIN = (
    b"title: x\ndata:\n  corpora: [corpus/clips.csv]\n  folds: 2\n"
    b"feature: {name: mean_std}\nmodel: {name: lda}\nseed: 1\n"
)


@pytest.mark.fuzz
@pytest.mark.parametrize("verb", ["recipes", "train", "benchmark", "pictures"])
def test_recipes_of_any_kind(verb: str, run: Any) -> None:
    words = {
        "recipes": ["recipes", "vacant", "--json"],
        "train": ["train", "vacant/r.yaml", "--out", "out"],
        "benchmark": ["benchmark", "--finished-only", "vacant", "--out", "out"],
        "pictures": ["pictures", "vacant/r.yaml", "--out", "out"],
    }

    @given((some.sampled_from(SHIPPED) | some.just(PLAIN) | some.just(PLAIN)).flatmap(lambda text: damaged(text, 600)))
    def odd_recipes(content: bytes) -> None:
        run(words[verb], files={b"vacant/r.yaml": content})

    odd_recipes()


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("run/scores.json", ["compare", "run", "other"]),
        ("run/predictions.csv", ["compare", "other", "run"]),
        ("run/recipe.yaml", ["explain", "run", "good.wav"]),
        ("run/utterances.csv", ["audit", "run"]),
        ("run/audit.json", ["compare", "run", "other"]),
        ("run/environment.json", ["export", "run", "-o", "x.onnx"]),
        ("run/model/model.onnx", ["predict", "good.wav", "--model", "run"]),
        ("run/model/model.onnx", ["export", "run", "-o", "x.onnx"]),
        ("model.onnx", ["predict", "good.wav", "--model", "model.onnx"]),
        ("bench.json", ["benchmark", "--finished-only", "recipe.yaml", "--out", "b", "--with", "bench.json"]),
        ("anna.json", ["predict", "good.wav", "--speaker", "anna"]),
    ],
)
def test_damaged_files_of_its_own(file: str, words: list[str], run: Any, worker: Any) -> None:
    template = worker.folder / "template"
    whole = (worker.folder / "voices" / file if file == "anna.json" else template / file).read_bytes()
    surroundings = {"env": {"EMOTONE_VOICES": "."}} if file == "anna.json" else {}

    @given(damaged(whole, near=len(whole)))
    def damaged_files(content: bytes) -> None:
        run(words, files={file.encode(): content}, **surroundings)

    damaged_files()
