import io

import numpy as np
import pytest
import yaml
from datasets import load_dataset
from matplotlib import pyplot

from teminal.dataset.card import dataset_card, plot_first_group, plot_group, write_card
from teminal.dataset.report import read_report
from teminal.dataset.rows import row_features

from ..built import make_build


def header_and_text(card: str) -> tuple[dict, str]:
    _, header, text = card.split("---\n", 2)
    return yaml.safe_load(header), text


@pytest.fixture
def output_dir(tmp_path):
    """Three configs, of which the first by name holds recipes."""
    output_dir = tmp_path / "sounds"
    make_build(output_dir, "audiocaps", includes_audio=False, license="mit")
    make_build(
        output_dir,
        "esc50",
        n_shards=3,
        skipped={"silent audio": ["1.wav", "2.wav"], "empty file": ["3.wav"]},
        unseen_pairs=[["siren", "wind"]],
        citation="@inproceedings{piczak,\n}",
    )
    make_build(output_dir, "synthetic", license="cc0-1.0")
    return output_dir


def test_a_folder_with_its_card_loads_config_by_config(output_dir, tmp_path):
    write_card(output_dir)
    for config, n_rows in {"audiocaps": 8, "esc50": 12, "synthetic": 8}.items():
        rows = load_dataset(str(output_dir), config, cache_dir=str(tmp_path / "cache"))
        assert {split: len(part) for split, part in rows.items()} == dict.fromkeys(
            ("train", "validation", "test"), n_rows
        )
        assert set(rows["test"]["group_id"]) == {f"{config}-test-{number:06d}" for number in range(n_rows // 4)}
    default = load_dataset(str(output_dir), split="train", cache_dir=str(tmp_path / "cache"))
    assert default["group_id"][0] == "esc50-train-000000"
    assert default.features["variant"].names == ["single", "forward", "reversed", "overlay"]


def test_header(output_dir):
    write_card(output_dir)
    header, _ = header_and_text((output_dir / "README.md").read_text())
    assert [config["config_name"] for config in header["configs"]] == ["esc50", "synthetic", "audiocaps"]
    assert [config.get("default", False) for config in header["configs"]] == [True, False, False]
    assert header["license"] == "cc-by-nc-3.0"
    assert header["size_categories"] == ["n<1K"]
    assert header["language"] == ["en"]


def test_peoples_own_captions_may_be_in_any_language(tmp_path):
    for number, (source, captioned, language) in enumerate(
        [("folder", True, None), ("folder", False, ["en"]), ("audiocaps", True, ["en"])]
    ):
        make_build(tmp_path / str(number), "folder", source=source, captioned=captioned)
        header, _ = header_and_text(dataset_card({"folder": read_report(tmp_path / str(number) / "folder")}, "me/x"))
        assert header.get("language") == language


@pytest.mark.parametrize("config", ["esc50", "audiocaps"])
def test_sizes_in_the_header_are_those_that_datasets_counts(output_dir, tmp_path, config):
    write_card(output_dir)
    header, _ = header_and_text((output_dir / "README.md").read_text())
    told = next(info for info in header["dataset_info"] if info["config_name"] == config)
    files = {split: str(output_dir / config / f"{split}-*.parquet") for split in ("train", "validation", "test")}
    counted = load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["train"].info
    assert {split["name"]: (split["num_bytes"], split["num_examples"]) for split in told["splits"]} == {
        name: (split.num_bytes, split.num_examples) for name, split in counted.splits.items()
    }
    on_disk = sum(path.stat().st_size for path in (output_dir / config).glob("*.parquet"))
    assert (told["dataset_size"], told["download_size"]) == (counted.dataset_size, on_disk)


@pytest.mark.parametrize(
    ("license", "in_header", "said"),
    [
        ("other", ("other", "see-card"), "Licence: other, terms of their own. Somebody's sounds."),
        ("my terms", ("other", "see-card"), "Licence: my terms. Somebody's sounds."),
        ("unknown", ("unknown", None), "Licence: unknown, because none is given. Somebody's sounds."),
    ],
)
def test_a_licence_of_its_own_has_a_name(tmp_path, license, in_header, said):
    report = make_build(tmp_path, "clotho", license=license)
    header, text = header_and_text(dataset_card({"clotho": report}, "me/sounds"))
    assert (header["license"], header.get("license_name")) == in_header
    assert said in text


@pytest.mark.parametrize(
    ("n_rows", "category"), [(999, "n<1K"), (1000, "1K<n<10K"), (20_000, "10K<n<100K"), (10**7, "10M<n<100M")]
)
def test_size_category_is_that_of_all_rows(tmp_path, n_rows, category):
    report = make_build(tmp_path, "esc50")
    for split, rows in zip(("train", "validation", "test"), (n_rows - 2, 1, 1), strict=True):
        report["splits"][split]["rows"] = rows
    header, _ = header_and_text(dataset_card({"esc50": report}, "me/sounds"))
    assert header["size_categories"] == [category]


def test_text_tells_how_each_config_was_made(output_dir):
    write_card(output_dir)
    _, text = header_and_text((output_dir / "README.md").read_text())
    _, esc50, synthetic, audiocaps = text.split("\n## Config ")
    for said in (
        "2 silent audio, 1 empty file",
        "--source esc50 --output_dir OUT",
        "![one group](esc50/group.png)",
        "siren + wind",
        "Licence: cc-by-nc-3.0. Somebody's sounds.",
        "| train | 12 | 0.0 | 2 | 3, 5, 7 | before 3 |",
        "@inproceedings{piczak,",
    ):
        assert said in esc50
    assert "None skipped" in synthetic
    assert "<details>" not in synthetic
    assert "render_dataset.py --recipe_dir sounds/audiocaps" in audiocaps
    assert "group.png" not in audiocaps
    assert 'load_dataset("sounds", "esc50", split="test")' in text
    assert "in the parent folder of `sounds`" in text
    assert "parent folder" not in dataset_card({"esc50": make_build(output_dir / "again", "esc50")}, "me/sounds")


def test_text_lists_every_column(output_dir):
    text = dataset_card({"esc50": read_report(output_dir / "esc50")}, "me/sounds")
    table = text.split("| column | |")[1].split("\n\n")[0]
    columns = {*row_features(includes_audio=True), *row_features(includes_audio=False)}
    assert {name for name in columns if f"`{name}`" not in table} == set()


def test_text_tells_the_layouts_of_reports_that_count_them(output_dir):
    report = make_build(output_dir / "again", "esc50")
    assert "| groups |" not in dataset_card({"esc50": report}, "me/sounds")
    layouts = {"groups": 200, "events": {"2": 150, "4": 50}, "kinds": {"equal parts": 100, "gaps": 100}}
    layouts |= {"background": 26, "duration_s": [3.25, 10.0, 20.04]}
    for split in report["splits"].values():
        split["layouts"] = layouts
    said = "| train | 200 | 3.2, 10.0, 20.0 | 75 %, 0 %, 25 % | 50 % | 0 % | 50 % | 0 % | 13 % |\n"
    assert said in dataset_card({"esc50": report}, "me/sounds")


def test_a_picture_of_the_first_group(output_dir, tmp_path):
    plot_first_group(output_dir / "esc50" / "train-00000-of-00003.parquet", tmp_path / "group.png")
    assert pyplot.imread(tmp_path / "group.png").shape[0] > 300


def test_spectrograms_show_when_and_how_high():
    t = np.arange(2 * 48_000) / 48_000
    low, high = (np.sin(2 * np.pi * frequency_hz * t) for frequency_hz in (200, 8000))
    low[48_000:], high[:48_000] = 0, 0
    panels = []
    for scene in (low, high):
        file = io.BytesIO()
        plot_group(dict.fromkeys(("single", "forward", "reversed", "overlay"), scene), "", file)
        file.seek(0)
        picture = pyplot.imread(file)
        panels.append(picture[: picture.shape[0] // 2, : picture.shape[1] // 2, :3].sum(-1))
    (low_row, low_column), (high_row, high_column) = (
        np.argwhere(brighter > 0.5).mean(0) for brighter in (panels[0] - panels[1], panels[1] - panels[0])
    )
    assert low_row > high_row + 50
    assert low_column < high_column - 50
