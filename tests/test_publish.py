"""Datasets on their way through a Hub (on localhost) and back, into a fresh process with an empty cache."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from dataset_scripts.publish import check_hub_access, push_config

from .built import make_build
from .hub import Hub
from .hub_repo import Fault, Repo

ID = "me/sounds"
KEY = f"datasets/{ID}"

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


@pytest.fixture
def hub():
    with Hub() as hub:
        yield hub


@pytest.fixture
def push(hub, tmp_path, monkeypatch):
    """Publish configs of `sounds` as the command line does: the URL of the last commit, or what the user is told."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "hf_dummy")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    def push(*configs: str, private: bool = False, hub_dataset_id: str = ID) -> str:
        try:
            check_hub_access(hub_dataset_id, private)
            return [push_config(tmp_path / "sounds", config, hub_dataset_id) for config in configs][-1]
        except (ValueError, OSError) as error:
            return f"error: {error}"

    return push


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


@pytest.fixture
def build(tmp_path):
    """Make a finished build of a config."""

    def build(config: str, **options) -> dict:
        report = make_build(tmp_path / "sounds", config, **options)
        (tmp_path / "sounds" / config / "group.png").write_bytes(b"a picture")
        return report

    return build


def shards(hub: Hub, config: str) -> set[str]:
    return {name for name in hub.repos[KEY].files("main") if name.startswith(f"{config}/") and "parquet" in name}


def shards_of(report: dict) -> set[str]:
    return {f"{report['config']}/{shard['file']}" for split in report["splits"].values() for shard in split["shards"]}


def uploads(hub: Hub) -> list[str]:
    return [request for request in hub.requests if request.startswith("PUT /upload/")]


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


PASSING_FAULTS = {
    "500 on the second upload": Fault("PUT", "/upload/", 500, which=range(2, 3)),
    "500 on every upload for a while": Fault("PUT", "/upload/", 500, which=range(1, 40)),
    "upload cut in the middle": Fault("PUT", "/upload/", cut="before", which=range(2, 3)),
    "commit answered with 503": Fault("POST", "/commit/", 503, which=range(1, 3)),
    "commit cut in the middle": Fault("POST", "/commit/", cut="before", which=range(1, 2)),
    "answer to the commit lost": Fault("POST", "/commit/", cut="after", which=range(1, 2)),
}


@pytest.mark.parametrize("name", PASSING_FAULTS)
def test_what_passes_is_tried_again(name, push, build, hub):
    report = build("esc50")
    hub.faults = [PASSING_FAULTS[name]]
    assert push("esc50").startswith(f"{hub.url}/{KEY}/commit/")
    assert len(hub.repos[KEY].commits) == 2
    assert shards(hub, "esc50") == shards_of(report)
    done = [request for request in uploads(hub) if request.rpartition("/")[2] in hub.uploads]
    if "/commit/" in hub.faults[0].path:
        assert len(done) == len(shards_of(report)), "shards were uploaded twice"


@pytest.mark.parametrize("path", ["/upload/", "/commit/"])
@pytest.mark.parametrize("how", [{"status": 500}, {"cut": "before"}])
def test_what_does_not_pass_ends_with_nothing_visible_and_the_same_command_goes_on(path, how, push, build, hub):
    report = build("esc50")
    hub.repos[KEY] = Repo()
    hub.repos[KEY].commit("main", {"README.md": b"before"})
    hub.faults = [Fault("PUT POST", path, **how)]
    said = push("esc50")
    assert said.startswith(f"error: --hub_dataset_id {ID}: nothing of esc50 was published, after 5 attempts")
    assert "the same command only uploads" in said
    assert len(said.splitlines()) == 1
    assert hub.repos[KEY].files("main") == {"README.md": b"before"}
    hub.faults = []
    push("esc50")
    assert shards(hub, "esc50") == shards_of(report)


def test_who_pushes_at_the_same_time_is_not_overwritten(push, build, hub):
    build("esc50")
    hub.repos[KEY] = Repo()

    class Between(Fault):
        def strikes(self, method: str, path: str) -> bool:
            if "/preupload/" in path and len(hub.repos[KEY].commits) == 1:
                hub.repos[KEY].commit("main", {"notes.txt": b"of somebody else"})
            return False

    hub.faults = [Between("POST", "/preupload/")]
    push("esc50")
    assert {"notes.txt", "esc50/build_report.json"} <= set(hub.repos[KEY].files("main"))
    assert len([request for request in hub.requests if "/commit/" in request]) == 2


@pytest.mark.parametrize("exists", [True, False])
def test_a_token_that_may_not_write_is_named_before_any_upload(exists, push, build, hub):
    build("esc50")
    if exists:
        hub.repos[KEY] = Repo()
    hub.faults = [Fault("POST PUT", "", 403), Fault("GET", "/auth-check/write", 403)]
    said = push("esc50")
    assert said.startswith(f"error: --hub_dataset_id {ID}: the token may not write there")
    assert len(said.splitlines()) == 1
    assert not uploads(hub)
    assert not any("preupload" in request or "commit" in request for request in hub.requests)
    if exists:
        assert len(hub.repos[KEY].commits) == 1


def test_a_token_that_is_refused_midway_is_not_tried_again(push, build, hub):
    build("esc50")
    hub.faults = [Fault("POST", "/commit/", 403)]
    assert "the token may not write there" in push("esc50")
    assert len([request for request in hub.requests if "/commit/" in request]) == 1
    assert len(hub.repos[KEY].commits) == 1


def test_other_reasons_not_to_begin(push, build, hub, monkeypatch):
    build("esc50")
    monkeypatch.setenv("HF_TOKEN", "")
    assert "there is no Hugging Face token; run `hf auth login`" in push("esc50")
    assert not hub.requests
    monkeypatch.setenv("HF_TOKEN", "hf_dummy")
    hub.faults = [Fault("POST", "/repos/create", 401), Fault("GET", "/api/", 401)]
    assert "run `hf auth login`" in push("esc50")
    hub.faults = [Fault("POST", "/repos/create", cut="before")]
    assert "the Hub cannot be used now" in push("esc50")
    hub.faults = []
    hub.repos[KEY] = Repo(private=False)
    assert "it exists and is public" in push("esc50", private=True)
    for wrong in ("sounds", "me/so/unds", "me/-sounds", "me/so unds"):
        assert f"error: --hub_dataset_id {wrong}" in push("esc50", hub_dataset_id=wrong)
    assert not uploads(hub)


def test_private_is_private(push, build, hub):
    build("esc50")
    push("esc50", private=True)
    assert hub.repos[KEY].private


def test_a_build_that_is_not_whole_is_not_pushed(push, build, hub, tmp_path):
    build("esc50")
    (tmp_path / "sounds/esc50/train-00000-of-00002.parquet").unlink()
    assert "train-00000-of-00002.parquet: missing" in push("esc50")
    (tmp_path / "sounds/esc50/build_report.json").unlink()
    assert "the build is not finished" in push("esc50")
    assert len(hub.repos[KEY].commits) == 1
