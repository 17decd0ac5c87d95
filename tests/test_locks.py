"""No module needs what Windows lacks."""

import ast

from .conftest import ROOT


def test_training_needs_nothing_that_windows_lacks():
    files = [ROOT / "train_accelerate.py", *(ROOT / "teminal" / "training").glob("*.py")]
    assert len(files) > 20
    for path in files:
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {"fcntl", "grp", "pwd", "resource", "termios"} & set(names), path
