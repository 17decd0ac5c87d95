import pandas as pd
import pytest

from dataset_scripts.swap_captions import precision
from teminal.language import swap_order
from tests.conftest import run_here

SCRIPT = "dataset_scripts/swap_captions.py"


@pytest.mark.parametrize(
    ("caption", "swapped"),
    [
        ("A dog barking followed by rain falling", "Rain falling followed by a dog barking"),
        ("A dog barks, followed by speech.", "Speech, followed by a dog barking."),
        ("A dog barks then growling followed by rain", None),
        ("Water flows, and then a dog barks", "A dog barks, and then water flows"),
        ("A man speaks and laughs then a dog barks", "A dog barks then a man speaks and laughs"),
        ("A toilet is flushed followed by a man speaking", "A man speaking followed by a toilet being flushed"),
        ("Humming and then a man speaks", None),
        ("Humming then clicking", "Clicking then humming"),
        ("A woman speaks then laughter", "Laughter then a woman speaking"),
        ("Birds chirp before a bell rings", "A bell rings before birds chirp"),
        ("A frog croaks after music", "Music after a frog croaking"),
        ("English speech followed by a bell", "A bell followed by English speech"),
    ],
)
def test_swapped(caption, swapped):
    assert swap_order(caption) == swapped


@pytest.mark.parametrize(
    "caption",
    [
        "A dog barks",
        "A dog barks while rain falls",
        "A dog barks as rain falls followed by thunder",
        "A dog barks, then rain falls, then a bell rings",
        "A man speaks and then laughs",
        "A man speaking then laughing",
        "An emergency siren honks and then tones loudly",
        "An engine idles then it stops",
        "A man talks followed by another man talking",
        "A man talks followed by a man talking loudly",
        "Speech followed by a man speaking",
        "A dog barks then the dog growls",
        "An engine hums followed by louder humming",
        "A horn honks, after which a man speaks",
        "A bell rings before 10 seconds of rain",
        "Rain falls in the background followed by thunder",
        "A person is whistling low then high",
        "A man chortles followed by rain",
        "A bang, a hiss followed by rain",
        "Rain falls. A dog barks then a bell rings",
        "",
    ],
)
def test_refused(caption):
    assert swap_order(caption) is None


@pytest.mark.parametrize(
    "caption",
    ["A dog barking, followed by rain", "A dog barks then rain falls", "Birds chirp before a bell rings."],
)
def test_twice_is_the_caption_itself(caption):
    assert swap_order(swap_order(caption)) == caption


def test_precision_is_a_wilson_interval():
    share, low, high = precision(["right"] * 9 + ["wrong"])
    assert share == 0.9
    assert low == pytest.approx(0.5958, abs=1e-4)
    assert high == pytest.approx(0.9821, abs=1e-4)
    assert precision(["right"] * 10)[2] == pytest.approx(1)


@pytest.fixture
def captions_file(tmp_path):
    captions = ["Rain followed by a bell", "Rain falls", "Hissing, then a bell", "A dog barks then a bell rings"]
    path = tmp_path / "train.csv"
    table = {"audiocap_id": range(4), "youtube_id": "x", "start_time": 30, "caption": captions}
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def test_command_line(captions_file, tmp_path):
    output, sample = tmp_path / "swaps.parquet", tmp_path / "sample.csv"
    command = [SCRIPT, "--captions_file", captions_file, "--output_file", output, "--sample_file", sample]
    result = run_here(*command)
    assert result.returncode == 0, result.stderr
    assert "2 of 4 captions swapped" in result.stdout
    table = pd.read_parquet(output)
    assert table.columns.tolist() == ["audiocap_id", "youtube_id", "start_time", "caption", "swapped_caption"]
    assert table["audiocap_id"].tolist() == ["0", "3"]
    assert table["swapped_caption"].tolist() == ["A bell followed by rain", "A bell rings then a dog barks"]
    marked = pd.read_csv(sample)
    assert sorted(marked["swapped_caption"]) == sorted(table["swapped_caption"])
    assert "mark every verdict" in run_here(SCRIPT, "--sample_file", sample).stderr

    marked.assign(verdict=["right", "wrong"]).to_csv(sample, index=False)
    assert run_here(SCRIPT, "--sample_file", sample).stdout.startswith("1 of 2 right: 50.0%")
    result = run_here(*command)
    assert result.returncode == 1
    assert result.stderr.startswith(f"swap_captions.py: error: --sample_file {sample} exists")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such table"),
        ("", "the table has no rows"),
        ("audiocap_id,youtube_id,caption\n1,x,Rain\n", "no column start_time"),
        ("audiocap_id,youtube_id,start_time,caption\n", "the table has no rows"),
        ("audiocap_id,youtube_id,start_time,caption\n1,x,0,\n", "line 2 is damaged: caption is empty"),
    ],
)
def test_errors_are_one_line(tmp_path, content, message):
    path = tmp_path / "captions.csv"
    if content is not None:
        path.write_text(content)
    result = run_here(SCRIPT, "--captions_file", path, "--output_file", tmp_path / "swaps.parquet")
    assert result.returncode == 1
    assert result.stderr.startswith(f"swap_captions.py: error: {path}: {message}")
    assert result.stderr.count("\n") == 1
