"""What goes wrong between a build and the Hub (on localhost)."""

import pytest

from ..built import ID, KEY, shards, shards_of, uploads
from ..hub_repo import Fault, Repo

pytest_plugins = ["tests.publishing"]

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
    assert said.startswith(f"error: --hub_dataset_id {ID}: nothing was published, after 5 attempts")
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


def test_a_build_that_is_not_whole_is_not_pushed(push, build, hub, tmp_path):
    build("esc50")
    (tmp_path / "sounds/esc50/train-00000-of-00002.parquet").unlink()
    assert "train-00000-of-00002.parquet: missing" in push("esc50")
    (tmp_path / "sounds/esc50/build_report.json").unlink()
    assert "nothing is built here, or not to its end" in push("esc50")
    assert len(hub.repos[KEY].commits) == 1


def test_audio_rendered_from_recipes_is_not_pushed(push, build, hub):
    build("audiocaps", rendered=True)
    assert "may not be redistributed; publish the recipes" in push("audiocaps")
    assert len(hub.repos[KEY].commits) == 1
