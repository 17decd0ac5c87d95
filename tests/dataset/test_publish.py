"""Datasets on their way through a Hub (on localhost) and back, into a fresh process with an empty cache."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_scripts import build_dataset
from teminal.dataset.publish import files_to_push

from ..built import ID, KEY, shards, shards_of, uploads
from ..hub import Hub

pytest_plugins = ["tests.publishing"]

PULL = """
import io, json
import soundfile
from datasets import Audio, load_dataset
from datasets.distributed import split_dataset_by_node

def read(row):
    waveform, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
    return [row["group_id"], row["variant"], row["caption"], rate, float(waveform[7])]

found = {}
for config in ("esc50", "synthetic"):
    whole = load_dataset("me/sounds", config)
    assert type(whole["test"].features["audio"]) is Audio
    found[config] = {name: [read(row) for row in rows.cast_column("audio", Audio(decode=False))]
                     for name, rows in whole.items()}
    streamed = load_dataset("me/sounds", config, streaming=True)["train"].cast_column("audio", Audio(decode=False))
    assert [read(row) for row in streamed] == found[config]["train"]
    halves = [[read(row) for row in split_dataset_by_node(streamed, rank, 2)] for rank in (0, 1)]
    assert len(halves[0]) == len(halves[1])
    assert sorted(halves[0] + halves[1]) == sorted(found[config]["train"])
recipes = load_dataset("me/sounds", "audiocaps", split="test")
found["audiocaps"] = [recipes.column_names, recipes[0]["render"]["clips"]]
found["default"] = load_dataset("me/sounds", split="test")["group_id"][0]
print(json.dumps(found))
"""


def pull(hub: Hub, folder: Path) -> dict:
    """What a fresh process with an empty cache finds."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "pulled"),
        "HF_TOKEN": "hf_dummy",
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [sys.executable, "-c", PULL]
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_configs_pushed_one_after_the_other_load_back(push, build, hub, tmp_path):
    reports = {"esc50": build("esc50"), "synthetic": build("synthetic", license="cc0-1.0")}
    reports["audiocaps"] = build("audiocaps", includes_audio=False, license="mit")
    for number, config in enumerate(("synthetic", "audiocaps", "esc50"), start=1):
        assert push(config).startswith(f"{hub.url}/{KEY}/commit/")
        assert len(hub.repos[KEY].commits) == 1 + number
    files = hub.repos[KEY].files("main")
    for config, report in reports.items():
        assert shards(hub, config) == shards_of(report)
        assert json.loads(files[f"{config}/build_report.json"]) == report
        assert f"\n## Config `{config}`\n" in files["README.md"].decode()
    assert ("esc50/group.png" in files, "audiocaps/group.png" in files) == (True, False)
    found = pull(hub, tmp_path)
    assert found["default"] == "esc50-test-000000"
    assert found["audiocaps"][1] == ["1.wav"]
    assert {"audio", "render"} & set(found["audiocaps"][0]) == {"render"}
    for config in ("esc50", "synthetic"):
        assert [row[0] for row in found[config]["train"]] == [f"{config}-train-00000{i // 4}" for i in range(8)]
        assert {row[3] for row in found[config]["test"]} == {48_000}


def test_a_push_again_replaces_the_config_and_nothing_else(push, build, hub, tmp_path):
    build("esc50", n_shards=3)
    other = build("synthetic")
    push("esc50", "synthetic")
    shutil.rmtree(tmp_path / "sounds" / "esc50")
    report = build("esc50", n_shards=1)
    push("esc50")
    assert shards(hub, "esc50") == shards_of(report)
    assert shards(hub, "synthetic") == shards_of(other)
    assert len(hub.repos[KEY].commits) == 4
    before = uploads(hub)
    push("esc50")
    assert len(hub.repos[KEY].commits) == 4  # nothing has changed, so there is nothing to commit
    assert uploads(hub) == before


def test_the_card_leaves_out_a_config_whose_shards_are_not_there(push, build, hub):
    build("esc50")
    build("synthetic")
    push("synthetic")
    repo = hub.repos[KEY]
    repo.commit("main", {}, ("synthetic/train-00001-of-00002.parquet",))
    push("esc50")
    assert "synthetic" not in repo.files("main")["README.md"].decode()


def test_no_byte_of_what_is_sent_tells_where_it_was_made(built, esc50_dir):
    files = files_to_push(built, "esc50", ID)
    report = json.loads((built / "esc50" / "build_report.json").read_text())
    assert set(files) == {"README.md", "esc50/build_report.json", "esc50/group.png", *shards_of(report)}
    for name, content in files.items():
        content = content if isinstance(content, bytes) else content.read_bytes()
        for place in (built.parent, esc50_dir, Path.cwd()):
            assert str(place).encode() not in content, (name, place)


def dry_run(output_dir: Path, *flags: str) -> None:
    build_dataset.main(["--source", "esc50", "--output_dir", str(output_dir), "--dry_run", *flags])


def test_a_dry_run_lists_all_that_would_be_sent_and_asks_nobody(push, build, hub, tmp_path, capsys):
    build("esc50")
    (tmp_path / "sounds" / "esc50" / "notes.txt").write_text("a diary")
    dry_run(tmp_path / "sounds", "--push_to_hub", "--hub_dataset_id", ID)
    head, *lines, total = capsys.readouterr().out.splitlines()
    assert hub.requests == []
    assert head == f"nothing was sent; in one commit to {hub.url}/{KEY} would go, in bytes:"
    listed = {name: int(size.replace(",", "")) for size, name in (line.split() for line in lines)}
    assert int(total.split()[0].replace(",", "")) == sum(listed.values())
    push("esc50")
    assert listed == {name: len(content) for name, content in hub.repos[KEY].files("main").items()}


def test_a_dry_run_says_what_the_push_would_of_the_licence(build, tmp_path, capsys):
    build("esc50", license="unknown")
    push = ("--push_to_hub", "--hub_dataset_id", ID)
    with pytest.raises(SystemExit, match=r"--push_to_hub: nothing says under which licence .* or --private"):
        dry_run(tmp_path / "sounds", *push)
    with pytest.raises(SystemExit, match=r"esc50 was built without --license: delete it and build it again with it"):
        dry_run(tmp_path / "sounds", *push, "--license", "mit")
    dry_run(tmp_path / "sounds", *push, "--private")
    assert capsys.readouterr().out.endswith("in all\n")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--push_to_hub", "--hub_dataset_id", ID), "nothing is built here, or not to its end"),
        (("--push_to_hub", "--hub_dataset_id", "sounds"), "--hub_dataset_id sounds: must be OWNER/NAME"),
        ((), "--hub_dataset_id, --private and --dry_run need --push_to_hub"),
    ],
)
def test_what_a_dry_run_lacks_is_said_in_one_line(tmp_path, flags, message):
    with pytest.raises(SystemExit) as ended:
        dry_run(tmp_path, *flags)
    assert str(ended.value).startswith("build_dataset.py: error: ")
    assert message in str(ended.value)
    assert list(tmp_path.iterdir()) == []


def test_private_is_private(push, build, hub):
    build("esc50")
    push("esc50", private=True)
    assert hub.repos[KEY].private
