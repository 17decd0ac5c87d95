"""Test that the map of docs/design.md lists every file, in the words of its first line."""

import ast

from .here import ROOT

FOLDERS = ("teminal", "modeling_teminal", "eval", "app", "benchmarks", "dataset_scripts")


def test_the_map_lists_every_file_by_its_first_line():
    design = (ROOT / "docs" / "design.md").read_text()
    missing = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
            first_line = " ".join(docstring.split("\n\n")[0].split()).rstrip(".")
            names = [file.name, str(file.relative_to(ROOT))]
            is_package = file.name == "__init__.py" and file.parent.name != folder
            if not is_package and not any(f"| `{name}` | {first_line} |" in design for name in names):
                missing.append(f"{file.relative_to(ROOT)}: {first_line}")
    assert not missing
