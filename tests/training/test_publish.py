"""Test which files --push_to_hub sends, and that they name no local path."""

import copy
import json
from pathlib import Path

import pytest
from huggingface_hub import constants

import train_accelerate
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.plots import plot_bars
from teminal.files import write_json
from teminal.hub import check_hub_access
from teminal.sampling.training import TrainingSampler
from teminal.training.card import describe_run, write_card
from teminal.training.config_file import parse_config
from teminal.training.models import add_adapters, export_model
from teminal.training.progress import Progress, plot_course
from teminal.training.publish import files_to_push, push_model

from ..card_results import LEARNED, figures, run_results
from ..hub_repo import Fault
from ..stock import save_stock_clap

pytest_plugins = ["tests.publishing"]

ID = "me/clap"
MODEL = {"config.json", "model.safetensors", "processor_config.json", "tokenizer.json", "tokenizer_config.json"}
MODEL |= {"test_vector.flac", "test_vector.json"}
SHOWN = {"README.md", "results.json", "zste.png", "course.png"}
ADAPTER = {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"}


def finish(folder: Path, model, processor, bank, tiny_recipe: Path, *flags: object) -> dict:
    """Write the files of a finished run, with invented figures."""
    recipe = parse_config(["--config", str(tiny_recipe), "--output_dir", str(folder), *map(str, flags)])
    results = run_results(**describe_run(recipe, TrainingSampler(bank)))
    folder.mkdir(exist_ok=True)
    results["files"] = [*export_model(model, processor, folder), "zste.png", "course.png"]
    for name in ("zste.png", "course.png"):
        (folder / name).write_bytes(b"a picture")
    write_card(folder, results)
    write_json(folder / "results.json", results)
    return results


def content_of(files: dict[str, bytes | Path]) -> dict[str, bytes]:
    return {name: content if isinstance(content, bytes) else content.read_bytes() for name, content in files.items()}


@pytest.fixture
def base(tiny_clap, tmp_path):
    """Save a checkpoint with paths in it, as old library versions did."""
    folder = save_stock_clap(tiny_clap, tmp_path / "secret" / "clap")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["_name_or_path"] = str(folder)
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer | {"trained_on": f"{folder}/captions.txt"}))
    return folder


@pytest.fixture
def adapted(base):
    """Return model and processor with adapters on a local base."""
    model, processor = load_clap(str(base))
    return add_adapters(model, "both", rank=4, alpha=4), processor


@pytest.fixture
def finished(adapted, base, bank, tiny_recipe, tmp_path):
    """Return the folder of a finished run with adapters, trained on local sounds."""
    (tmp_path / "secret" / "ESC-50").mkdir()
    flags = ["--model_name_or_path", base, "--stages", "A", "B", "--lora", "both", "--temporal_head", "no"]
    finish(tmp_path / "run", *adapted, bank, tiny_recipe, *flags, "--esc50_dir", tmp_path / "secret" / "ESC-50")
    return tmp_path / "run"


def test_no_byte_of_what_is_sent_tells_where_it_was_made(finished, base, tmp_path):
    zste = {"base": figures(), "after B": LEARNED}
    plot_bars(finished / "zste.png", zste, "ZSTE")
    progress = Progress(zste=zste)
    progress.start_stage("B")
    progress.add_step("B", {"loss": 1.0}, n_pairs=4, waited_s=0.1, time_s=1.0)
    plot_course(finished / "course.png", progress)
    for name in ("config.json", "tokenizer_config.json"):
        assert str(base) in (finished / name).read_text()
    files = content_of(files_to_push(finished, ID))
    assert {name for name in files if not name.endswith(".py")} == MODEL | SHOWN | ADAPTER
    for name, content in files.items():
        for place in (tmp_path, Path.cwd(), Path.home(), Path("secret")):
            assert str(place).encode() not in content or str(place) == "/", (name, place)
    recipe = json.loads(files["results.json"])["recipe"]
    assert [recipe[name] for name in ("model_name_or_path", "output_dir", "esc50_dir")] == ["clap", "run", "ESC-50"]
    assert json.loads(files["adapter/adapter_config.json"])["base_model_name_or_path"] == "clap"
    assert "`clap`, a checkpoint of the trainer's own" in files["README.md"].decode()
    here = json.loads((finished / "adapter" / "adapter_config.json").read_text())
    assert here["base_model_name_or_path"] == str(base), "the adapter must load from where it was trained"


def test_a_relative_place_is_no_id(adapted, base, bank, tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = finish(
        tmp_path / "run", *adapted, bank, tiny_recipe, "--model_name_or_path", "secret/clap", "--stages", "A",
        "--temporal_head", "no",
    )  # fmt: skip
    assert results["base"] == {"name": "clap", "on_hub": False}
    assert "base_model:" not in (tmp_path / "run" / "README.md").read_text()


def test_what_another_run_left_is_not_sent(finished, tiny_clap, bank, tiny_recipe):
    (finished / "notes.txt").write_text("a diary")
    (finished / "old.png").write_bytes(b"")
    finish(finished, *tiny_clap, bank, tiny_recipe)
    files = files_to_push(finished, ID)
    assert {name for name in files if not name.endswith(".py")} == MODEL | SHOWN
    assert (finished / "adapter").is_dir()
    assert "adapter" not in content_of(files)["README.md"].decode()


def test_a_push_takes_the_place_of_another_run_on_the_hub(push, hub, finished, tiny_clap, bank, tiny_recipe):
    check_hub_access("--hub_model_id", ID, "model", private=False)
    push_model(finished, ID)
    repo = hub.repos[ID]
    assert set(repo.files("main")) > ADAPTER
    repo.commit("main", {"notes.txt": b"mine", "model-00002-of-00002.safetensors": b"a shard"})
    finish(finished, *tiny_clap, bank, tiny_recipe)
    push_model(finished, ID)
    assert {name for name in repo.files("main") if not name.endswith(".py")} == MODEL | SHOWN | {"notes.txt"}
    assert len(repo.commits) == 4


def test_an_adapter_that_names_no_base_is_not_written(tiny_clap, bank, tiny_recipe, tmp_path):
    model, processor = tiny_clap
    adapted = add_adapters(copy.deepcopy(model), "both", rank=4, alpha=4)
    finish(tmp_path / "run", adapted, processor, bank, tiny_recipe, "--lora", "both")
    assert not (tmp_path / "run" / "adapter").exists()
    files = content_of(files_to_push(tmp_path / "run", ID))
    assert not any(name.startswith("adapter") for name in files)
    assert "adapter" not in files["README.md"].decode()


def dry_run(folder: Path, *flags: object) -> None:
    train_accelerate.main([*map(str, ("--output_dir", folder, "--dry_run", *flags))])


def test_a_dry_run_lists_all_that_would_be_sent_and_asks_nobody(finished, monkeypatch, capsys):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.delenv("HF_TOKEN", raising=False)
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    dry_run(finished, "--push_to_hub", "--hub_model_id", ID)
    head, *lines, total = capsys.readouterr().out.splitlines()
    assert head == f"nothing was sent; in one commit to http://127.0.0.1:9/{ID} would go, in bytes:"
    listed = {name: int(size.replace(",", "")) for size, name in (line.split() for line in lines)}
    assert listed == {name: len(content) for name, content in content_of(files_to_push(finished, ID)).items()}
    assert int(total.split()[0].replace(",", "")) == sum(listed.values())
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


@pytest.fixture
def unlicensed(tiny_clap, bank, tiny_recipe, tmp_path):
    """Return the folder of a finished run on sounds without a known licence."""
    results = finish(tmp_path / "run", *tiny_clap, bank, tiny_recipe)
    results["terms"] = {"license": "unknown", "attribution": "", "citation": ""}
    write_json(tmp_path / "run" / "results.json", results)
    return tmp_path / "run"


def test_a_dry_run_says_what_the_push_would_of_the_licence(unlicensed, capsys):
    push = ("--push_to_hub", "--hub_model_id", ID)
    with pytest.raises(SystemExit, match=r"--push_to_hub: nothing says under which licence .* --hub_private_repo"):
        dry_run(unlicensed, *push)
    dry_run(unlicensed, *push, "--hub_private_repo")
    assert capsys.readouterr().out.splitlines()[-1].endswith("in all")
    dry_run(unlicensed, *push, "--license", "cc-by-4.0")
    *_, last = capsys.readouterr().out.splitlines()
    assert last == "results.json and README.md are written anew by the push, with this licence and attribution"


def test_a_push_that_does_not_go_through_says_how_to_go_on(push, hub, finished):
    check_hub_access("--hub_model_id", ID, "model", private=False)
    hub.faults = [Fault("POST", "/commit/", 500)]
    with pytest.raises(OSError, match=rf"it is whole in {finished}; run again with --resume_from_checkpoint latest"):
        push_model(finished, ID)


@pytest.mark.parametrize(
    ("damage", "flags", "message"),
    [
        ("results.json", ("--push_to_hub", "--hub_model_id", ID), "there is no finished run in it; train first"),
        ("zste.png", ("--push_to_hub", "--hub_model_id", ID), "zste.png of the finished run is missing; train again"),
        (None, (), "--dry_run lists what --push_to_hub would send: give it and --hub_model_id too"),
        (None, ("--hub_model_id", ID), "--push_to_hub and --hub_model_id, such as me/clap-teminal, go together"),
        (None, ("--push_to_hub", "--hub_model_id", "clap"), "--hub_model_id clap: must be OWNER/NAME"),
    ],
)
def test_what_a_dry_run_lacks_is_said_in_one_line(finished, capsys, damage, flags, message):
    if damage:
        (finished / damage).unlink()
    with pytest.raises(SystemExit) as ended:
        dry_run(finished, *flags)
    assert str(ended.value).startswith("train_accelerate.py: error: ")
    assert message in str(ended.value)
    assert len(str(ended.value).splitlines()) == 1
    assert not capsys.readouterr().out
