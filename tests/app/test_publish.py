"""The page is published with all that it needs."""

import ast
import importlib.util
import subprocess
import sys

import pytest

from ..conftest import ROOT


@pytest.fixture
def publish():
    spec = importlib.util.spec_from_file_location("publish_page", ROOT / "app/publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_space_has_page_library_and_model(publish, tmp_path):
    files = publish.collect_files("me/clap")
    assert files.pop("model.txt") == b"me/clap"
    assert {"app.py", "README.md", "requirements.txt", "teminal/words.toml", "teminal/sources/synthetic.py"} <= set(
        files
    )
    assert "modeling_teminal/modeling_teminal.py" in files
    for name, file in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(file.read_bytes())
    code = "import sys; sys.argv = ['app.py', '--model_name_or_path', './nowhere']; import app; app.main()"
    pytest.importorskip("gradio")
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "app.py: error: --model_name_or_path ./nowhere" in result.stderr


def test_what_the_page_imports_is_required(publish):
    required = set((ROOT / "app/requirements.txt").read_text().split()) | {"gradio", "spaces"}
    names = {"sklearn": "scikit-learn", "huggingface_hub": "huggingface-hub"}
    files = [path for name, path in publish.collect_files("me/clap").items() if name.endswith(".py")]
    own = {path.stem for path in (ROOT / "app").glob("*.py")} | {"teminal", "modeling_teminal", "eval"}
    optional = {
        "peft",
        "yaml",
        "av",
        "onnxruntime",
        "onnxscript",
        "tokenizers",
        "safetensors",
    }  # on demand, or of others
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            modules += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                top = module.split(".")[0]
                known = sys.stdlib_module_names | own | optional
                assert top in known or names.get(top, top) in required, f"{path.name}: {top}"


@pytest.mark.parametrize(
    ("space", "model", "message"),
    [("demo", "me/clap", "must be OWNER/NAME"), ("me/demo", "runs/a/b", "must be OWNER/NAME")],
)
def test_wrong_names_are_refused(publish, space, model, message):
    with pytest.raises(SystemExit, match=rf"^publish.py: error: .*{message}"):
        publish.main(["--hub_space_id", space, "--model_name_or_path", model, "--dry_run"])


def test_a_dry_run_lists_the_files(publish, capsys):
    publish.main(["--hub_space_id", "me/demo", "--model_name_or_path", "me/clap", "--dry_run"])
    assert "teminal/search/index.py" in capsys.readouterr().out
