import pandas as pd
import pytest

from dataset_scripts.swap_captions import main


@pytest.fixture
def captions_file(tmp_path):
    captions = ["Rain followed by a bell", "Rain falls", "Hissing, then a bell", "A dog barks then a bell rings"]
    path = tmp_path / "train.csv"
    table = {"audiocap_id": range(4), "youtube_id": "x", "start_time": 30, "caption": captions}
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def test_swaps_are_written_sampled_and_marked(captions_file, tmp_path, capsys):
    output, sample = tmp_path / "swaps.parquet", tmp_path / "sample.csv"
    flags = ["--captions_file", captions_file, "--output_file", output, "--sample_file", sample]
    flags = [str(flag) for flag in flags]
    main(flags)
    assert "2 of 4 captions swapped" in capsys.readouterr().out
    table = pd.read_parquet(output)
    assert table.columns.tolist() == ["audiocap_id", "youtube_id", "start_time", "caption", "swapped_caption"]
    assert table["audiocap_id"].tolist() == ["0", "3"]
    assert table["swapped_caption"].tolist() == ["A bell followed by rain", "A bell rings then a dog barks"]
    marked = pd.read_csv(sample)
    assert sorted(marked["swapped_caption"]) == sorted(table["swapped_caption"])
    with pytest.raises(SystemExit, match="mark every verdict"):
        main(["--sample_file", str(sample)])
    with pytest.raises(SystemExit, match=r"^swap_captions.py: error: --sample_file .* exists"):
        main(flags)


def test_precision_is_printed_with_its_wilson_interval(tmp_path, capsys):
    sample = tmp_path / "sample.csv"
    verdicts = ["right"] * 9 + ["wrong"]
    pd.DataFrame({"audiocap_id": 1, "caption": "x", "swapped_caption": "y", "verdict": verdicts}).to_csv(sample)
    main(["--sample_file", str(sample)])
    assert capsys.readouterr().out == "9 of 10 right: 90.0%, 95 % interval 59.6% to 98.2%\n"


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
def test_damaged_tables_are_named(tmp_path, content, message):
    path = tmp_path / "captions.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["--captions_file", str(path), "--output_file", str(tmp_path / "swaps.parquet")])
    assert str(ended.value).startswith(f"swap_captions.py: error: {path}: {message}")


@pytest.mark.parametrize("flags", [[], ["--captions_file", "train.csv"], ["--output_file", "swaps.parquet"]])
def test_missing_flags_are_named(flags):
    with pytest.raises(SystemExit, match="give --captions_file and --output_file, or --sample_file alone"):
        main(flags)
