"""The metric as a Space: its folder, its form, its way to a Hub (on localhost) and back."""

import json
import os
import re
import runpy
import subprocess
import sys

import evaluate
import pytest
import yaml
from huggingface_hub import constants

from eval.publish_metric import METRIC, main
from eval.zste import score_table, tests
from eval.zste.tests import test_cases as cases

from ..hub_repo import Fault

pytest_plugins = ["tests.publishing"]

KEY = "spaces/me/zste"
FILES = {"README.md", "app.py", "requirements.txt", "score_table.py", "tests.py", "zste.py"}
CSV = 'predictions,references,tasks,groups\n"[0.9, 0.1]",[0],3A,seen\n"[0.2, 0.7]",[0],3A,unseen\n'
LOAD = """
import json, sys
import evaluate
from tests import test_cases

zste = evaluate.load("me/zste")
print(json.dumps([zste.compute(**{k: v for k, v in case.items() if k != "result"}) for case in test_cases]))
"""


@pytest.fixture(scope="module")
def zste():
    return evaluate.load(str(METRIC))


def inputs_of(case):
    return {name: values for name, values in case.items() if name != "result"}


def assert_as_stated(case, result):
    assert {name: result[name] for name in case["result"]} == pytest.approx(case["result"])


def test_its_own_test_cases_hold(zste):
    for case in cases:
        assert_as_stated(case, zste.compute(**inputs_of(case)))


def test_the_card_is_a_space_s():
    card = yaml.safe_load((METRIC / "README.md").read_text().split("---\n")[1])
    assert card["sdk"] == "gradio"
    assert re.fullmatch(r"\d+\.\d+\.\d+", card["sdk_version"])
    assert (METRIC / card["app_file"]).is_file()
    assert {"evaluate", "metric"} <= set(card["tags"])
    assert card["pinned"] is False
    assert len(card["short_description"]) <= 60
    colors = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {card["colorFrom"], card["colorTo"]} <= colors


def test_requirements_are_what_is_imported():
    names = {line.split(">=")[0] for line in (METRIC / "requirements.txt").read_text().split()}
    code = "".join((METRIC / name).read_text() for name in ("zste.py", "app.py", "score_table.py"))
    imported = set(re.findall(r"^(?:import|from) (\w+)", code, flags=re.MULTILINE))
    own = {"score_table", "tests", "gradio"}  # gradio comes of sdk_version
    assert imported - own - set(sys.stdlib_module_names) == names


def test_json_and_csv_give_the_table(zste):
    as_json = json.dumps(
        {"predictions": [[0.9, 0.1], [0.2, 0.7]], "references": [[0], [0]], "tasks": ["3A"] * 2}
        | {"groups": ["seen", "unseen"]}
    )
    expected = [["3A", "50.00", "0.00 to 100.00", "50.00", "2", "100.00", "0.00"]]
    assert score_table.score_table(zste, as_json) == score_table.score_table(zste, CSV) == expected
    without = re.sub(r",(groups|seen|unseen)\n", "\n", CSV)
    assert score_table.score_table(zste, without) == [[*expected[0][:5], "", ""]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ", "nothing to score"),
        ("{", "neither JSON nor CSV"),
        ("[[1, 0]]", "neither JSON nor CSV.*line 2"),
        (CSV.replace("0.1]", "0.1"), "neither JSON nor CSV"),
        (f'{CSV}"[0.9, 0.1]', "neither JSON nor CSV.*unexpected end of data"),
        (CSV + "1", "line 4 has more or fewer cells"),
        ('{"predictions": [[1, 0]], "task": ["3A"]}', "unknown or missing: references, task, tasks"),
        ('{"predictions": [[1, 0]], "references": [[0]], "tasks": "3A"}', "tasks: must be a list"),
        (CSV.replace("3A", "9Z"), "example 0 .*unknown sub-task '9Z'"),
        (CSV.replace("0.7", "NaN"), "example 1 .*NaN"),
        (CSV.replace("[0]", "[5]"), "example 0 .*out of range"),
    ],
)
def test_what_cannot_be_scored_is_named(zste, text, message):
    with pytest.raises(ValueError, match=message):
        score_table.score_table(zste, text)


def test_the_app_scores_what_is_pasted_or_uploaded(monkeypatch, tmp_path):
    gradio = pytest.importorskip("gradio")
    for name, module in (("score_table", score_table), ("tests", tests)):
        monkeypatch.setitem(sys.modules, name, module)  # beside app.py in the Space
    app = runpy.run_path(str(METRIC / "app.py"))
    (tmp_path / "scores.csv").write_text(CSV)
    rows = app["score"](CSV, None)
    assert rows == app["score"]("", str(tmp_path / "scores.csv"))
    assert rows[0][:2] == ["3A", "50.00"]
    with pytest.raises(gradio.Error, match="nothing to score"):
        app["score"]("", None)
    shown = app["demo"].input_components[0].value
    assert app["score"](shown, None) == rows


@pytest.fixture
def hub_of_me(push, hub):
    """`push` has made it the Hub of this process."""
    assert hub.url == constants.ENDPOINT
    return hub


def test_one_command_one_commit_and_it_loads_from_there(hub_of_me, tmp_path):
    hub = hub_of_me
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": "hf_dummy",
        "HF_HUB_DISABLE_XET": "1",
    }

    def run(*command, **options):
        return subprocess.run(
            [sys.executable, *map(str, command)],
            env=environment | options,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    published = run(METRIC.parent / "publish_metric.py", "--hub_model_id", "me/zste")
    assert published.returncode == 0, published.stderr
    assert published.stdout.startswith(f"published: {hub.url}/{KEY}/commit/")
    repo = hub.repos[KEY]
    assert len(repo.commits) == 2  # the empty one, and ours
    assert set(repo.files("main")) == FILES
    assert repo.files("main")["zste.py"] == (METRIC / "zste.py").read_bytes()

    loaded = run("-c", LOAD, PYTHONPATH=str(METRIC))
    assert loaded.returncode == 0, loaded.stderr
    assert any(request.startswith(f"GET /{KEY}/resolve/") for request in hub.requests)
    for case, result in zip(cases, json.loads(loaded.stdout), strict=True):
        assert_as_stated(case, result)


def test_what_passes_is_tried_again_and_what_does_not_leaves_nothing(hub_of_me, capsys):
    hub_of_me.faults = [Fault("POST", "/commit/", 503)]
    with pytest.raises(SystemExit, match="--hub_model_id me/zste: nothing was published"):
        main(["--hub_model_id", "me/zste"])
    assert hub_of_me.repos[KEY].files("main") == {}
    hub_of_me.faults = [Fault("POST", "/commit/", 503, which=range(1, 3))]
    main(["--hub_model_id", "me/zste"])
    assert capsys.readouterr().out.startswith(f"published: {hub_of_me.url}/{KEY}/commit/")
    assert set(hub_of_me.repos[KEY].files("main")) == FILES


def test_a_name_that_would_not_load_and_a_token_without_rights_are_refused(hub_of_me):
    for wrong in ("me/temporal", "zste", "a/me/zste"):
        with pytest.raises(SystemExit, match=f"--hub_model_id {wrong}: "):
            main(["--hub_model_id", wrong])
    hub_of_me.faults = [Fault("GET", "/auth-check", 403)]
    with pytest.raises(SystemExit, match="the token may not write there"):
        main(["--hub_model_id", "me/zste"])
    assert not any("/commit/" in request for request in hub_of_me.requests)


def test_a_dry_run_lists_the_files_of_the_metric_and_asks_nobody(hub_of_me, capsys):
    main(["--hub_model_id", "me/zste", "--dry_run"])
    head, *lines, _ = capsys.readouterr().out.splitlines()
    assert head == f"nothing was sent; in one commit to {hub_of_me.url}/{KEY} would go, in bytes:"
    listed = {name: int(size.replace(",", "")) for size, name in (line.split() for line in lines)}
    assert listed == {name: (METRIC / name).stat().st_size for name in listed}
    assert set(listed) == FILES
    assert hub_of_me.requests == []
