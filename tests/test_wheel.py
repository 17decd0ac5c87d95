"""Every module imports from what a wheel carries, without the rest of the repository."""

import os
import shutil
import subprocess
import sys
import tomllib

from .conftest import ROOT

IMPORT_ALL = """
import importlib, pathlib, pkgutil, sys, teminal
from teminal.training import card
assert card.TEMPLATE.is_file()
names = [module.name for module in pkgutil.walk_packages(teminal.__path__, "teminal.")]
names.remove("teminal.__main__")  # it runs
for name in names:
    assert importlib.import_module(name).__file__.startswith(sys.argv[1]), name
print(len(names))
"""


def test_every_module_imports_from_a_wheel(tmp_path):
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in wheel["force-include"].items():
        shutil.copy(ROOT / source, tmp_path / target)
    command = [sys.executable, "-c", IMPORT_ALL, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 50
