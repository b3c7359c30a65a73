"""Arguments of every command: those of a sensible call, then changed at random."""

from __future__ import annotations

from typing import Any

import typer
from hypothesis import strategies as some

from emotone.cli import app
from tests.fuzz import box

CALLS: dict[str, list[list[str]]] = {
    "predict": [
        ["good.wav"],
        ["good.wav", "stereo.ogg", "cut.flac", "--json"],
        ["wavs", "--labels", "four", "-o", "out.csv"],
        ["good.wav", "--speaker", "anna", "--channel", "left", "--min-confidence", "0.2"],
        ["good.flac", "--adapt", "--no-gate", "-m", "model.onnx", "-o", "out.json"],
        ["good.wav", "--plot", "out.svg", "--html", "out.html", "-o", "out.audformat"],
        ["stereo.ogg", "--channels", "split", "--smooth", "2", "--segments", "-o", "out", "--format", "srt"],
    ],
    "enrol": [["anna", "good.wav"], ["berta", "wavs", "good.flac", "--json", "--channel", "mix"]],
    "explain": [
        ["run", "good.wav"],
        ["other", "good.flac", "--label", "sad", "--at", "0.5", "--out", "x.html", "--json"],
    ],
    "export": [["run", "-o", "x.onnx"], ["run", "--out", "x.onnx", "--weights", "int8", "--title", "A", "--json"]],
    "train": [
        ["recipe.yaml", "--out", "out", "--json"],
        ["other.yaml", "--out", "out", "--set", "data.folds=2", "--protocol", "random", "--keep-folds"],
    ],
    "ensemble": [["run", "other", "-o", "out"], ["run", "other", "--out", "out", "--weights", "development", "--json"]],
    "benchmark": [
        ["recipe.yaml", "--out", "bench"],
        ["recipes", "other.yaml", "--out", "b", "--corpora", "corpus/clips.csv", "--protocol", "random", "--json"],
        ["recipe.yaml", "--out", "b", "--vary", "model.alpha=1,2", "--with", "bench.json", "--seeds", "2", "--leaks"],
    ],
    "compare": [["run", "other"], ["run", "other", "--half-width", "2", "--json"]],
    "audit": [["split.csv"], ["run", "--html", "x.html", "--json"], ["."]],
    "stress": [["model.onnx", "--corpora", "one.csv", "--clips", "2", "--seed", "1", "-o", "out", "--json"]],
    "pictures": [["image.yaml", "--out", "out"], ["image.yaml", "--out", "out", "--set", "feature.bins=8", "--json"]],
    "corpora": [
        ["--json"],
        ["--data", "."],
        ["get", "no-such-corpus", "--data", "."],
        ["get", "ravdess", "--data", "out"],
        ["check", "emodb", "wavs", "--json"],
        ["check", "corpus/clips.csv", "corpus"],
        ["explore", "corpus/clips.csv", "--out", "out", "--json"],
        ["explore", "savee", "--data", "."],
    ],
    "features": [["--json"]],
    "listen": [["--json"], ["--list-devices", "--json"], ["--labels", "four", "--save", "recorded.flac"]],
    "models": [["--json"]],
    "augmentations": [["--json"]],
    "recipes": [["recipes"], ["recipes", "--json"]],
    "demo": [["--seed", "3", "--out", "null/out"]],
}
FIXED = {"benchmark": ["--finished-only"], "demo": ["--out", "/proc/out", "--json"]}
"""Words before all others, for commands that would train for long."""
LAST = {"demo": ["--out", "/proc/out"], "listen": ["--from", "good.wav", "--seconds", "1"]}

NUMBERS = some.sampled_from(
    [
        *("0", "1", "-1", "2", "0.5", "-0.5", "1e9", "1e308", "1e400", "-1e308", "nan", "inf", "-inf", "NaN", "1e-320"),
        *(
            "99999999999999999999999",
            "9223372036854775808",
            "4294967296",
            "0x10",
            "1_000",
            "1,5",
            "½",
            "٣",
            "0.0",
            "-0",
        ),
    ]
)
TEXTS = some.text(
    some.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), max_size=12
) | some.sampled_from(
    [
        *("", " ", "\n", "\t", "--", "-", "=", "a=", "=a", ",", ",,", "é", "\x1b[31m", "\udce9", "x" * 2000, "None"),
        *("four", "all", "angry,sad", "angry,angry", "happy", "left", "loudest", "speakers", "cross-corpus", "equal"),
        *(
            "features",
            "scores",
            "development",
            "anna",
            "nobody",
            "../anna",
            "model",
            "model.alpha=1,2",
            "data.folds=1,2",
        ),
        *("{}", "%s", "$HOME", "~", "*", "?.wav", "a:b", "http://localhost/x.wav", "file:good.wav", "[red]", "{0}"),
    ]
)
SETTINGS = some.sampled_from(
    [
        *(
            "data.folds=0",
            "data.folds=1",
            "data.folds=3",
            "data.folds=9999999999",
            "data.folds=x",
            "seed=-1",
            "seed=1e9",
        ),
        *("seed=99999999999999999999", "title=", "title={a: 1}", "model=nonsense", "model=lda", "model.alpha=-1"),
        *(
            "model.alpha=nan",
            "model.alpha=1e308",
            "model.alpha=[1]",
            "feature=rms",
            "feature=",
            "feature=[rms]",
            "data=",
        ),
        *(
            "data.corpora=[]",
            "data.corpora=[a, b]",
            "data.corpora=emodb",
            "data.labels=four",
            "data.labels=x",
            "data=1",
        ),
        *("training.epochs=-1", "training.epochs=nan", "training.epochs=1e400", "audio.rate_hz=1", "audio.rate_hz=0"),
        *("audio.rate_hz=99999999999", "audio.seconds=1e12", "audio.seconds=nan", "audio.trim_db=1e-9", "audio.pad=x"),
        *(
            "audio.seconds=0.000001",
            "audio.trim_db=1",
            "extends=recipe.yaml",
            "a.b.c.d=1",
            "a..b=1",
            ".=1",
            "[=1",
            "=1",
        ),
        *(
            "data.development=0",
            "data.development=1",
            "data.min_clips=9",
            "augment=[x]",
            "augment={x: 1}",
            "seed=[",
            "x",
        ),
        *(
            "data.protocol=random",
            "data.protocol=cross-corpus",
            "data.pictures=vacant",
            "data.speakers=merge",
            "title=\n",
        ),
    ]
)
PATHS = some.sampled_from([*box.RECORDINGS, *box.TABLES, *box.RECIPES, *box.RUNS, *box.TABLES_JSON])
OUTPUTS = some.sampled_from(box.OUTPUTS)
SLOW = {"--clips"}  # a larger sample takes longer, as it must


def commands() -> list[str]:
    """Names of the commands."""
    return sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def options(name: str) -> list[tuple[str, bool]]:
    """(option, whether it takes a value) of a command and of the commands below it."""
    command: Any = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    every = [command, *getattr(command, "commands", {}).values()]
    parameters = [parameter for item in every for parameter in item.params if parameter.param_type_name == "option"]
    found = {
        (word, not parameter.is_flag): None
        for parameter in parameters
        for word in (*parameter.opts, *parameter.secondary_opts)
        if word not in SLOW
    }
    return [*found, ("--help", False), ("--no-such-option", True)]


def values(option: str) -> some.SearchStrategy[str]:
    """Values for an option, likely and unlikely ones."""
    if option in ("--out", "-o", "--output", "--html"):
        return OUTPUTS | OUTPUTS | TEXTS
    if option == "--set":
        return SETTINGS | SETTINGS | TEXTS
    if option in ("--model", "-m", "--known"):
        return some.sampled_from(box.RUNS) | PATHS | TEXTS
    if option in ("--corpora", "--instead", "--with"):
        return some.sampled_from([*box.TABLES, *box.TABLES_JSON]) | TEXTS
    if option in ("--at", "--seed", "--seeds", "--min-confidence", "--half-width", "--speaker-seconds"):
        return NUMBERS | NUMBERS | TEXTS
    return TEXTS | PATHS | NUMBERS


@some.composite
def of_command(draw: some.DrawFn, name: str) -> list[str]:
    """Words of a call of this command, with one to four changes."""
    words = list(draw(some.sampled_from(CALLS[name])))
    known = options(name)
    for _ in range(draw(some.integers(1, 4))):
        place = draw(some.integers(0, max(len(words) - 1, 0)))
        change = draw(some.sampled_from(["replace", "replace", "option", "option", "insert", "drop", "repeat", "cut"]))
        if change == "option":
            option, has_value = draw(some.sampled_from(known))
            words += [option, *([draw(values(option))] if has_value and draw(some.integers(0, 9)) else [])]
        elif not words:
            words.append(draw(PATHS | TEXTS))
        elif change == "replace" and words[place - 1] not in SLOW:
            before = words[place - 1] if place else ""
            words[place] = draw(values(before) if before.startswith("-") else PATHS | PATHS | TEXTS | OUTPUTS)
        elif change == "insert":
            words.insert(place, draw(PATHS | TEXTS | NUMBERS))
        elif change == "drop" and words[place] not in SLOW and words[place - 1] not in SLOW:
            del words[place]
        elif change == "repeat":
            words.insert(place, words[place])
        elif change == "cut":
            del words[place + 1 :]
    fixed = [name, *FIXED.get(name, []), *words, *LAST.get(name, [])]
    return [word.replace("\0", "") for word in fixed]


STREAMS = some.fixed_dictionaries(
    {},
    optional={
        "stdin": some.sampled_from(["closed", "/dev/null", "/dev/zero"]),
        "stdout": some.sampled_from(["closed", "broken pipe", "/dev/full"]),
        "place": some.sampled_from(["/proc", "/sys", "/"]),
        "env": some.dictionaries(
            some.sampled_from(
                [
                    *("PYTHONIOENCODING", "HOME", "EMOTONE_CACHE", "EMOTONE_VOICES", "EMOTONE_DATA", "XDG_CACHE_HOME"),
                    *("TMPDIR", "COLUMNS", "TERM", "LANG"),
                ]
            ),
            some.none()
            | some.sampled_from(["", "ascii", "cp1252", "/proc/nowhere", "/dev/null", "utf-16", "0", "-1", "😀"]),
            max_size=3,
        ),
    },
)
"""Streams, working folders and variables in which a command may find itself."""
