"""Tables are read strictly: what has another structure is refused with its line, in every table that is read."""

import logging
import unicodedata

import pytest

from teminal.dataset.swaps import write_swaps
from teminal.evaluation.inputs import COMPA_COLUMNS, load_fsd50k, read_compa_rows
from teminal.evaluation.options import CompaOptions
from teminal.sources import load_clips
from teminal.tables import find_file, read_table

AUDIOCAPS = "youtube_id,start_time,caption\n"
CLOTHO = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"


def load_audiocaps(folder, text):
    (folder / "train.csv").write_text(AUDIOCAPS + text)
    return load_clips("audiocaps", captions_dir=str(folder))


def load_clotho(folder, text):
    (folder / "clotho_captions_evaluation.csv").write_text(CLOTHO + text)
    return load_clips("clotho", captions_dir=str(folder), audio_dir=str(folder))


def load_esc50(folder, text):
    (folder / "meta").mkdir(exist_ok=True)
    (folder / "audio").mkdir(exist_ok=True)
    (folder / "meta" / "esc50.csv").write_text("filename,fold,category,src_file\n" + text)
    return load_clips("esc50", esc50_dir=str(folder))


def load_urbansound8k(folder, text):
    (folder / "UrbanSound8K.csv").write_text("slice_file_name,fsID,fold,class\n" + text)
    return load_clips("urbansound8k", audio_dir=str(folder))


def load_fsd(folder, text):
    (folder / "eval.csv").write_text("fname,labels,mids\n" + text)
    return load_fsd50k(str(folder / "eval.csv"), str(folder))


def load_compa(folder, text):
    (folder / "order.csv").write_text(",".join(COMPA_COLUMNS) + "\n" + text)
    options = CompaOptions(model_name_or_path=["me/x"], csv_file=str(folder / "order.csv"), audio_dir=str(folder))
    return read_compa_rows(options)


def load_swaps(folder, text):
    (folder / "train.csv").write_text("audiocap_id," + AUDIOCAPS + text)
    return write_swaps(folder / "train.csv", folder / "swaps.parquet")


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (load_audiocaps, "abcdefghijk,0,A dog barks, then a man whistles\n"),
        (load_clotho, "a.wav,1,2,3,4,A dog barks, then a man whistles\n"),
        (load_esc50, "a.wav,1,dog, barking,7\n"),
        (load_urbansound8k, "a.wav,7,1,dog, barking\n"),
        (load_fsd, "1,Dog,Bark,/m/1,/m/2\n"),
        (load_compa, "a dog, then a cat,a cat then a dog,a.wav,b.wav\n"),
        (load_swaps, "1,abcdefghijk,0,A dog barks, then a man whistles\n"),
    ],
)
def test_commas_without_quotes_are_refused_with_their_line(tmp_path, load, text):
    with pytest.raises(ValueError, match=r"\.csv: line 2 has more or fewer fields than the header; put quotes around"):
        load(tmp_path, text)


def test_label_lists_without_quotes_that_happen_to_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="row 1: 'Bark' is no mid; quote its labels"):
        load_fsd(tmp_path, "1,Dog,Bark\n")


def test_quoted_commas_are_whole(tmp_path):
    [clip] = load_audiocaps(tmp_path, 'abcdefghijk,0,"A dog barks, then a man whistles"\n')
    assert clip.captions == ("A dog barks, then a man whistles",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,"open\nb,c\nd,e\n', "line 2: unexpected end of data; close every quote"),
        ('x,y\na,"open\nb,"c"\n', "line 3: ',' expected after '\"'; close every quote"),
        ("x,y\n\na\n", "line 4 has more or fewer fields"),
        ("x,y,\n", "line 2 has more or fewer fields"),
        ("x, \n", "line 2 is damaged: caption is ' ', expected is text"),
    ],
)
def test_the_line_at_fault_is_named(tmp_path, text, message):
    (tmp_path / "t.csv").write_text("name,caption\n" + text)
    with pytest.raises(ValueError, match=rf"t\.csv: {message}"):
        read_table(tmp_path / "t.csv", ("name", "caption"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name\tcaption\na\tb\n", "no column name, caption"),
        ("name,caption\na,é\n".encode("latin-1"), "not a CSV table in UTF-8"),
        ("name,caption\na,b\n".encode("utf-16"), "not a CSV table in UTF-8"),
    ],
)
def test_other_structures_are_refused(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "t.csv", ("name", "caption"))


def test_a_second_column_of_a_name_is_refused_unless_it_is_expected(tmp_path):
    (tmp_path / "t.csv").write_text("name,caption,caption\na,b,c\n")
    assert read_table(tmp_path / "t.csv", ("name",), twice=("caption",))[0]["caption.1"] == "c"
    with pytest.raises(ValueError, match="two columns are named caption"):
        read_table(tmp_path / "t.csv", ("name",))


def test_a_field_over_several_lines_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text('name,caption\na,"b\nc"\n')
    with pytest.raises(ValueError, match="line 2: a field goes on in the next line"):
        read_table(tmp_path / "t.csv", ("name",))


def test_what_spreadsheets_do_to_a_table_is_taken(tmp_path):
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbfname, caption\r\n\r\na,"A ""loud"" dog"\r\n,\r\n')
    assert read_table(tmp_path / "t.csv", ("name", "caption")) == [{"name": "a", "caption": 'A "loud" dog'}]


@pytest.mark.parametrize("load", [load_esc50, load_urbansound8k, load_fsd])
def test_labels_are_stripped_and_near_duplicates_named(tmp_path, caplog, load):
    rows = {
        load_esc50: "a.wav,1, dog_bark ,7\nb.wav,2,Dog bark,8\n",
        load_urbansound8k: "a.wav,7,1, dog_bark \nb.wav,8,2,Dog bark\n",
        load_fsd: '1," dog_bark ",/m/1\n2,Dog bark,/m/2\n',
    }
    with caplog.at_level(logging.WARNING):
        clips = load(tmp_path, rows[load])
    assert [clip.label for clip in clips] == ["dog_bark", "Dog bark"]
    assert "'Dog bark' and 'dog_bark' count as different classes" in caplog.text


def test_classes_that_are_spelt_alike_once_stripped_are_one(tmp_path, caplog):
    clips = load_esc50(tmp_path, "a.wav,1,dog,7\nb.wav,2,dog ,8\n")
    assert {clip.label for clip in clips} == {"dog"}
    assert "count as different" not in caplog.text


def test_files_are_found_under_other_spellings(tmp_path, caplog):
    accent = unicodedata.normalize("NFD", "café.wav")
    for name in (accent, " spaces .wav", "turned.OGG", "twice.opus", "twice.ogg", ".none.wav"):
        (tmp_path / name).write_bytes(b"")
    assert find_file(tmp_path, unicodedata.normalize("NFC", "café.wav")) == tmp_path / accent
    assert find_file(tmp_path, "spaces.wav") == tmp_path / " spaces .wav"
    assert find_file(tmp_path, "turned.wav") == tmp_path / "turned.OGG"
    assert find_file(tmp_path, "none.wav") == tmp_path / "none.wav"
    assert find_file(tmp_path, "twice.wav") == tmp_path / "twice.ogg"
    assert "1 names have several files" in caplog.text
    sub = tmp_path / unicodedata.normalize("NFD", "Ménage")
    sub.mkdir()
    (sub / "x.mp3").write_bytes(b"")
    assert find_file(tmp_path, "Ménage/x.wav") == sub / "x.mp3"


def test_clothos_table_with_stripped_names(tmp_path):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "rain .wav").write_bytes(b"")
    [clip] = load_clotho(tmp_path, "rain.wav,1,2,3,4,5\n")
    assert clip.audio == tmp_path / "evaluation" / "rain .wav"


def test_kaggles_urbansound8k_has_table_and_folds_side_by_side(tmp_path):
    for fold in (1, 5):
        (tmp_path / f"fold{fold}").mkdir()
    (tmp_path / "fold5" / "a.wav").write_bytes(b"")
    [clip] = load_urbansound8k(tmp_path, "a.wav,7,5,dog\n")
    assert clip.audio == tmp_path / "fold5" / "a.wav"


def test_fsdkaggle_names_files_with_their_suffix(tmp_path):
    for name in ("1.wav", "2.wav"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "eval.csv").write_text('fname,labels\n1.wav,"Dog,Bark"\n2,Rain\n')
    clips = load_fsd50k(str(tmp_path / "eval.csv"), str(tmp_path))
    assert [clip.audio for clip in clips] == [tmp_path / "1.wav", tmp_path / "2.wav"]


@pytest.mark.parametrize(
    "name", ["103549", "abcdefghijk_30", "abcdefghijk_30_40", "Yabcdefghijk", "abcdefghijk_30000_40000"]
)
def test_names_that_download_scripts_give_audiocaps(tmp_path, name):
    (tmp_path / f"{name}.wav").write_bytes(b"")
    (tmp_path / "train.csv").write_text("audiocap_id," + AUDIOCAPS + "103549,abcdefghijk,30,A dog\n")
    [clip] = load_clips("audiocaps", captions_dir=str(tmp_path), audio_dir=str(tmp_path))
    assert clip.audio == tmp_path / f"{name}.wav"


def test_other_names_of_audiocaps_are_refused_with_the_right_one(tmp_path):
    (tmp_path / "abcdefghijk_70.wav").write_bytes(b"")  # another part of the video
    (tmp_path / "train.csv").write_text(AUDIOCAPS + "abcdefghijk,30,A dog\n")
    with pytest.raises(ValueError, match=r"rename them, such as abcdefghijk_70\.wav to abcdefghijk\.wav"):
        load_clips("audiocaps", captions_dir=str(tmp_path), audio_dir=str(tmp_path))
