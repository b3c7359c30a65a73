"""User tables and audformat databases: all columns are read, and invalid cells are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.data import utterance
from emotone.data.corpora import locate, make
from emotone.errors import CorpusError, MissingExtra, TableError, UnknownName


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.zeros(1600), 16_000)
    return tmp_path


def _table(folder: Path, text: str, name: str = "mine.csv") -> utterance.Table:
    (folder / name).write_text(text, encoding="utf-8")
    return make("table").read(folder / name)


def test_a_table_is_read_with_all_its_columns(folder):
    first, second = _table(
        folder,
        "\ufefffile;Speaker;emotion;start;end;gender;language;sentence;mood of the day\n"
        "sub/c.wav;ann;Joy;0.05;0.1;F;de;s1;fine\n\na.wav;bob;wut;;;male;;;\n",
    )
    assert first.id == "a.wav"
    assert (first.emotion, first.speaker, first.sex, first.end_s) == ("angry", "table/bob", "male", None)
    assert second.id == "sub/c.wav@0.05"
    assert (second.emotion, second.sex, second.start_s, second.end_s) == ("happy", "female", 0.05, 0.1)
    assert (second.language, second.sentence, second.file) == ("de", "s1", folder / "sub/c.wav")


def test_a_folder_with_one_table_is_enough(folder):
    _table(folder, "file\tspeaker\temotion\na.wav\tann\tsad\n", "mine.tsv")
    assert len(make("table", corpus="ours").read(folder)) == 1
    (folder / "second.csv").touch()
    with pytest.raises(CorpusError, match=r"2 tables \(mine.tsv, second.csv\)"):
        make("table").read(folder)
    with pytest.raises(CorpusError, match="no table at"):
        make("table").read(folder / "sub")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "file,emotion\na.wav,sad\n",
            r"no column 'speaker'. It is who speaks.*repeat the file name. The columns are: file",
        ),
        ("path,speaker,emotion\na.wav,ann,sad\n", "no column 'file'.*The columns are: path, speaker, emotion"),
        ("", "no column 'file'"),
        ("file,speaker,emotion\n", "has no row"),
        ("file,speaker,emotion\na.wav,ann,sad\nb.wav,,sad\n", "line 3: 'speaker' is empty"),
        ("file,speaker,emotion\na.wav,ann\n", "line 2: 2 cells under 3 columns"),
        ("file,speaker,emotion\na.wav,ann,sad\nx.wav,ann,sad\n", "1 of 2 files are not there.*x.wav"),
        ("file,speaker,emotion\na.wav,ann,sad\na.wav,ann,happy\n", "is listed twice"),
        ("file,speaker,emotion,start\na.wav,ann,sad,soon\n", "line 2: start_s is 'soon'"),
        ("file,speaker,emotion,end\na.wav,ann,sad,nan\n", "line 2: end_s is 'nan'"),
        ("file,speaker,emotion,start,end\na.wav,ann,sad,2,1\n", "its end must come after its start"),
        ("file,speaker,emotion,sex\na.wav,ann,sad,yes\n", "line 2: sex is 'yes'"),
    ],
)
def test_an_invalid_table_is_refused_with_row_and_reason(folder, text, complaint):
    with pytest.raises(TableError, match=complaint):
        _table(folder, text)


def test_a_table_in_another_encoding_is_refused(folder):
    (folder / "mine.csv").write_bytes("file,speaker,emotion\na.wav,Jörg,sad\n".encode("latin-1"))
    with pytest.raises(TableError, match="not UTF-8"):
        make("table").read(folder / "mine.csv")


def test_a_written_table_is_read_back_exactly(folder):
    clips = utterance.Table(
        [
            utterance.Utterance("ravdess_song", "1", folder / "a.wav", "sad", "ravdess/01", "male", "en"),
            utterance.Utterance("x", "2", folder / "b.wav", "calm", "x/b", start_s=0.01, end_s=0.05, sentence="s, t"),
            utterance.Utterance("x", "3", folder / "b.wav", "fear", "x/b", votes={"fear": 0.75, "sad": 0.25}),
        ]
    )
    clips.to_csv(folder / "out.csv")
    assert list(make("table").read(folder / "out.csv")) == list(clips)


def test_a_corpus_is_located_by_name_and_a_table_by_path(folder):
    _table(folder, "file,speaker,emotion\na.wav,ann,sad\n")
    corpus, root = locate("savee", folder)
    assert (corpus.name, root) == ("savee", folder / "savee")
    assert locate("table", folder)[1] == folder
    assert locate("mine.csv", folder, corpus="ours")[0].corpus == "ours"
    for written in ("mine.csv", str(folder / "mine.csv")):
        reader, root = locate(written, folder)
        assert reader.read(root)[0].speaker == "mine/ann"
    with pytest.raises(UnknownName, match="did you mean 'savee'"):
        locate("save", folder)


def test_an_audformat_database_needs_its_package(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "audformat", None)
    (folder / "db.yaml").touch()
    with pytest.raises(MissingExtra, match=r"emotone\[audformat\]"):
        make("table").read(folder)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # audformat 1.4 under pandas 3.1
def test_an_audformat_database_is_read(folder):
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("ours")
    database.schemes["emotion"] = audformat.Scheme("str")
    with pytest.raises(TableError, match="nothing in it is labelled by a scheme 'emotion'"):
        database.save(str(folder)) or make("table").read(folder)
    database.schemes["speaker"] = audformat.Scheme(labels={"ann": {"gender": "female"}, "bob": {"gender": "male"}})
    database["cries"] = audformat.Table(audformat.segmented_index(["a.wav", "a.wav"], [0, "0.05s"], ["0.05s", None]))
    database["cries"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["cries"]["emotion"].set(["anger", "joy"])
    database["cries"]["speaker"] = audformat.Column(scheme_id="speaker")
    database["cries"]["speaker"].set(["ann", "bob"])
    database.save(str(folder))
    first, second = make("table", corpus="ours").read(folder)
    assert (first.emotion, first.speaker, first.sex, first.end_s) == ("angry", "ours/ann", "female", 0.05)
    assert (second.emotion, second.speaker, second.sex, second.start_s) == ("happy", "ours/bob", "male", 0.05)
    assert second.end_s is None


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # audformat 1.4 under pandas 3.1
def test_missing_values_and_numbers_of_an_audformat_database(folder):
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("ours")
    database.schemes["emotion"] = audformat.Scheme("str")
    database.schemes["speaker"] = audformat.Scheme("float")
    database["clips"] = audformat.Table(audformat.filewise_index(["a.wav", "b.wav"]))
    database["clips"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["clips"]["speaker"] = audformat.Column(scheme_id="speaker")
    database["clips"]["emotion"].set(["anger", "joy"])
    database["clips"]["speaker"].set([3.0, 4.0])
    database.save(str(folder))
    assert make("table").read(folder).column("speaker").tolist() == ["table/3", "table/4"]
    database["clips"]["speaker"].set([3.0, None])
    database.save(str(folder))
    with pytest.raises(TableError, match=r"clip 2 \(b\.wav\): 'speaker' is empty"):
        make("table").read(folder)
    database["clips"]["emotion"].set(["anger", "nan"])
    database["clips"]["speaker"].set([3.0, 4.0])
    database.save(str(folder))
    with pytest.raises(TableError, match=r"clip 2 \(b\.wav\): 'emotion' is 'nan'"):
        make("table").read(folder)


def test_a_damaged_audformat_database_is_refused(folder):
    pytest.importorskip("audformat")
    for content in ("", "[", "name: x", "\x00"):
        (folder / "db.yaml").write_text(content, encoding="utf-8")
        with pytest.raises(TableError, match=r"not readable as an audformat database|nothing in it is labelled"):
            make("table").read(folder)
