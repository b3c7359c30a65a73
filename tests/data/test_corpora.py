"""What every corpus on the shelf promises, and the metadata in each file name."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.audio.read import EXTENSIONS
from emotone.data import labels
from emotone.data.corpora import make, published, published_names, shelf
from emotone.errors import CorpusError, UnknownName
from tests.helpers import corpus_names

NAMES = published_names()
INDEXED = [name for name in NAMES if published(name).index()]


# --- what every corpus promises ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_is_stated(name):
    corpus = published(name)
    assert corpus.name == name
    for fact in ("title", "language", "licence", "citation", "homepage", "obtain"):
        assert isinstance(getattr(corpus, fact), str), fact
        assert getattr(corpus, fact), fact
    assert sum(corpus.classes.values()) == corpus.clips
    assert corpus.homepage.startswith("http")


@pytest.mark.parametrize("name", NAMES)
def test_emotions_have_their_canonical_names(name):
    assert all(labels.canonical(emotion) == emotion for emotion in published(name).classes)


@pytest.mark.parametrize("name", NAMES)
def test_a_synthetic_copy_is_read_from_its_names(name, tmp_path):
    chosen = corpus_names.some(name)
    corpus_names.write(tmp_path, chosen)
    (tmp_path / "README.txt").write_text("not a sound")
    corpus_names.write(tmp_path, [corpus_names.Name("holiday/tune", {})])
    table = make(name).read(tmp_path)
    assert len(table) == len(chosen) == len({clip.key for clip in table})
    assert [clip.id for clip in table] == sorted(clip.id for clip in table)
    by_file = {clip.file: clip for clip in table}
    for expected in chosen:
        clip = by_file[tmp_path / f"{expected.path}.flac"]
        assert {field: getattr(clip, field) for field in expected.metadata} == expected.metadata
        assert clip.corpus == name


@pytest.mark.parametrize("name", corpus_names.FULL_GRIDS)
def test_a_full_grid_has_the_published_counts(name):
    corpus = published(name)
    clips = [corpus.parse(Path(f"{expected.path}.wav")) for expected in corpus_names.names(name)]
    assert len({clip.id for clip in clips}) == corpus.clips
    assert Counter(clip.emotion for clip in clips) == corpus.classes
    assert len({clip.speaker for clip in clips}) == corpus.speakers


@pytest.mark.parametrize("name", INDEXED)
def test_the_index_has_the_published_counts(name):
    corpus = published(name)
    index = corpus.index()
    clips = [corpus.parse(Path(f"{stem}.wav")) for stem in index]
    assert [clip.id for clip in clips] == list(index)
    assert len(index) == corpus.clips
    assert Counter(clip.emotion for clip in clips) == corpus.classes
    assert len({clip.speaker for clip in clips}) == corpus.speakers
    assert all(entry.checksum.startswith(("md5:", "sha256:")) and entry.seconds > 0.3 for entry in index.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_default_folds_test_every_speaker_once(name):
    folds = published(name).folds
    if folds == "leave-one-speaker-out":
        return
    speakers = {expected.metadata["speaker"].split("/")[1] for expected in corpus_names.names(name)}
    assert sorted(speaker for fold in folds for speaker in fold) == sorted(speakers)


def test_only_speech_and_song_of_ravdess_share_people():
    speakers = {name: {expected.metadata["speaker"] for expected in corpus_names.names(name)} for name in NAMES}
    sharing = {
        (one, other)
        for one in NAMES
        for other in NAMES
        if one < other and not speakers[one].isdisjoint(speakers[other])
    }
    assert sharing == {("ravdess", "ravdess_song")}
    assert speakers["ravdess"] - speakers["ravdess_song"] == {"ravdess/18"}


@pytest.mark.parametrize("name", ["esd_english", "esd_mandarin"])
def test_an_esd_fold_holds_one_woman_and_one_man(name):
    corpus = published(name)
    assert all(sorted(corpus.sexes[speaker] for speaker in fold) == ["female", "male"] for fold in corpus.folds)


@given(data=st.data(), name=st.sampled_from(NAMES), extension=st.sampled_from(EXTENSIONS))
def test_a_name_gives_back_the_fields_it_was_made_of(data, name, extension):
    expected = data.draw(st.sampled_from(_NAMES_OF[name]))
    flat = data.draw(st.booleans()) and name != "savee"  # SAVEE keeps its speaker in the folder
    path = Path("somewhere", Path(expected.path).name if flat else expected.path).with_suffix(extension)
    clip = published(name).parse(path)
    assert {field: getattr(clip, field) for field in expected.metadata} == expected.metadata
    assert clip.file == path


_NAMES_OF = {name: corpus_names.names(name) for name in NAMES}


@given(name=st.sampled_from(NAMES), stem=st.text(alphabet=st.characters(exclude_characters="/\0"), min_size=1))
def test_any_other_name_is_ignored(name, stem):
    assert published(name).parse(Path("folder") / f"{stem}.wav") is None


@given(data=st.data(), name=st.sampled_from(NAMES))
def test_a_name_with_one_character_changed_is_parsed_consistently_or_ignored(data, name):
    stem = Path(data.draw(st.sampled_from(_NAMES_OF[name])).path).name
    position = data.draw(st.integers(0, len(stem) - 1))
    changed = stem[:position] + data.draw(st.sampled_from("0123456789abcdefXN_-²٣")) + stem[position + 1 :]
    corpus = published(name)
    clip = corpus.parse(Path(f"DC/{changed}.wav"))
    if clip is not None:
        assert clip.emotion in corpus.classes
        assert clip.sex in ("female", "male") or name in corpus_names.SEX_UNKNOWN
        assert all(char.isascii() for char in clip.id)


def test_a_clip_with_two_files_is_read_once(tmp_path):
    chosen = corpus_names.some("ravdess", 8)
    corpus_names.write(tmp_path, chosen)
    corpus_names.write(tmp_path / "zip_in_zip", chosen)
    corpus_names.write(tmp_path / "__MACOSX", chosen)
    table = make("ravdess").read(tmp_path)
    assert len(table) == len(chosen)
    assert not any("zip_in_zip" in clip.file.parts for clip in table)


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_or_empty_folder_is_an_error_that_explains_how_to_obtain_the_corpus(name, tmp_path):
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CorpusError) as raised:
            make(name).read(root)
        assert published(name).obtain in str(raised.value)


def test_only_published_corpora_have_facts():
    with pytest.raises(CorpusError, match=r"'table' reads your own data.*ravdess"):
        published("table")
    with pytest.raises(UnknownName, match="did you mean 'ravdess'"):
        published("ravdes")
    assert set(shelf.names()) - set(NAMES) == {"table"}


# --- what is special in one of them -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "metadata"),
    [
        ("savee", "ALL/JK_su07.wav", {"id": "JK_su07", "speaker": "savee/JK", "emotion": "surprise"}),
        ("tess", "OAF_neutral/OA_bite_neutral.wav", {"speaker": "tess/OAF", "sentence": "bite"}),
        ("crema_d", "1040_ITH_SAD_X.wav", {"id": "1040_ITH_SAD_XX", "intensity": ""}),
        ("emodb", "13a07Na.wav", {"emotion": "neutral", "sex": "female"}),
        ("emodb", "03a01Aa.wav", {"emotion": "fear", "sex": "male"}),
        ("esd_english", "0011/Angry/train/0011_000351.wav", {"emotion": "angry", "sentence": "1", "sex": "male"}),
        ("esd_english", "esd/0019_001750.flac", {"emotion": "surprise", "sentence": "350", "sex": "female"}),
        ("esd_mandarin", "0001/Sad/evaluation/0001_001051.wav", {"emotion": "sad", "language": "zh"}),
        ("jl", "male2_anxious_15b_2.wav", {"emotion": "anxious", "sentence": "15", "repetition": "b2"}),
    ],
)
def test_an_unusual_name_is_parsed(name, path, metadata):
    clip = published(name).parse(Path(path))
    assert {field: getattr(clip, field) for field in metadata} == metadata


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ravdess", "03-02-01-01-01-01-01.wav"),  # song
        ("ravdess", "01-01-01-01-01-01-01.mp4"),  # film
        ("ravdess", "03-01-01-01-01-01-25.wav"),
        ("ravdess_song", "03-02-08-01-01-01-01.wav"),  # there is no surprise in the song part
        ("savee", "XX/a01.wav"),
        ("emodb", "03a01Xa.wav"),
        ("crema_d", "1092_IEO_ANG_HI.wav"),
        ("nemo", "EB0_anger_91.wav"),
        ("jl", "female3_angry_1a_1.wav"),
        ("esd_english", "0010/Angry/0010_000351.wav"),  # Mandarin
        ("esd_english", "0011/0011_001751.wav"),
    ],
)
def test_a_name_of_something_else_is_ignored(name, path):
    assert published(name).parse(Path(path)) is None


VOTES = ["", "A", "D", "F", "H", "N", "S", "fileName", "numResponses"]


@pytest.fixture
def crema(tmp_path):
    """Three clips: a majority for fear, a tie between angry and disgust, and one without votes on the audio alone."""
    stems = ["1001_IEO_ANG_HI", "1001_IEO_ANG_LO", "1002_DFA_SAD_XX"]
    corpus_names.write(tmp_path, [corpus_names.Name(f"AudioWAV/{stem}", {}) for stem in stems])
    (tmp_path / "processedResults").mkdir()
    with (tmp_path / "processedResults/tabulatedVotes.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(VOTES)
        writer.writerow([100001, 1, 0, 3, 0, 0, 0, stems[0], 4])
        writer.writerow([200001, 9, 0, 0, 0, 0, 0, stems[0], 9])  # by the face: does not count
        writer.writerow([100002, 2, 2, 0, 0, 1, 0, stems[1], 5])
        writer.writerow([300003, 0, 0, 0, 0, 0, 9, stems[2], 9])  # by both: does not count
    return tmp_path


def test_crema_d_has_the_votes_of_listeners_of_the_audio_alone(crema):
    fear, tie, silent = make("crema_d").read(crema)
    assert [clip.emotion for clip in (fear, tie, silent)] == ["angry", "angry", "sad"]
    assert fear.votes == {"angry": 0.25, "disgust": 0, "fear": 0.75, "happy": 0, "neutral": 0, "sad": 0}
    assert sum(tie.votes.values()) == pytest.approx(1)
    assert silent.votes == {}


def test_crema_d_by_majority_leaves_out_ties(crema):
    (clip,) = make("crema_d", label="majority").read(crema)
    assert (clip.id, clip.emotion) == ("1001_IEO_ANG_HI", "fear")


def test_crema_d_by_majority_needs_only_the_summary(crema):
    (crema / "processedResults/tabulatedVotes.csv").unlink()
    (crema / "summaryTable.csv").write_text(
        "FileName,VoiceVote,FaceVote\n1001_IEO_ANG_HI,F,A\n1001_IEO_ANG_LO,A:D,A\n1002_DFA_SAD_XX,N,S\n"
    )
    table = make("crema_d", label="majority").read(crema)
    assert table.column("emotion").tolist() == ["fear", "neutral"]


def test_crema_d_by_majority_without_votes_explains_what_to_do(crema):
    (crema / "processedResults/tabulatedVotes.csv").unlink()
    with pytest.raises(CorpusError, match="use label='acted'"):
        make("crema_d", label="majority").read(crema)
    with pytest.raises(UnknownName, match="did you mean 'majority'"):
        make("crema_d", label="majorty")


# --- on the real ones -------------------------------------------------------------------------------------


COMPLETE = ("ravdess", "emodb", "nemo")


def _real(name: str) -> Path:
    root = Path(os.environ.get("EMOTONE_DATA", "")) / name
    if "EMOTONE_DATA" not in os.environ or not root.is_dir():
        pytest.skip(f"needs the corpus {name} in $EMOTONE_DATA/{name}")
    return root


@pytest.mark.real
@pytest.mark.parametrize("name", COMPLETE)
def test_the_real_corpus_has_the_published_counts(name):
    corpus, table = published(name), make(name).read(_real(name))
    assert len(table) == corpus.clips
    assert Counter(table.column("emotion").tolist()) == corpus.classes
    assert len(set(table.column("speaker").tolist())) == corpus.speakers


@pytest.mark.real
def test_nemo_says_in_its_names_what_its_table_says():
    root = _real("nemo")
    clips = {clip.id: clip for clip in make("nemo").read(root)}
    with (root / "data.tsv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert len(rows) == len(clips)
    for row in rows:
        clip = clips[Path(row["file_id"]).stem]
        assert clip.speaker == f"nemo/{row['speaker_id'].strip()}"  # the column holds stray spaces
        assert (clip.sex, clip.emotion) == (row["gender"], labels.canonical(row["emotion"]))


@pytest.mark.real
def test_crema_d_says_what_its_tables_say(tmp_path):
    root = _real("crema_d")
    corpus = published("crema_d")
    with (root / "VideoDemographics.csv").open(encoding="utf-8") as handle:
        sexes = {row["ActorID"]: row["Sex"].lower() for row in csv.DictReader(handle)}
    found = {clip.speaker: clip.sex for clip in map(corpus.parse, map(Path, corpus.index()))}
    assert found == {f"crema_d/{actor}": sex for actor, sex in sexes.items()}
    for table in ("tabulatedVotes.csv", "summaryTable.csv"):
        (tmp_path / table).symlink_to(root / table)
        for stem in corpus.index():
            (tmp_path / f"{stem}.wav").touch()
        majority = make("crema_d", label="majority").read(tmp_path)
        counts = {"angry": 986, "disgust": 547, "fear": 645, "happy": 353, "neutral": 3897, "sad": 370}
        assert Counter(majority.column("emotion").tolist()) == counts
        (tmp_path / table).unlink()
