"""Publish the demo page as a Space, with the library beside it, in one commit.

python app/publish.py --hub_space_id me/teminal-demo --model_name_or_path me/my-clap
"""

from dataclasses import dataclass, field
from pathlib import Path

from teminal.cli import command, parse_options
from teminal.options import option

ROOT = Path(__file__).parents[1]
PATTERNS = ("app/*.py", "app/README.md", "app/requirements.txt", "teminal/**/*", "modeling_teminal/*.py")
SUFFIXES = (".py", ".md", ".txt", ".toml", ".jinja")


@dataclass
class PublishOptions:
    hub_space_id: str = field(metadata={"help": "the Space, created if it does not exist: OWNER/NAME"})
    model_name_or_path: str = field(metadata={"help": "Hub id of the model that it shows"})
    dry_run: bool = option(False, "list the files and publish nothing")


def collect_files(model: str) -> dict[str, bytes | Path]:
    """Map names in the Space to files: the page at the top, the library in folders, the model's id in `model.txt`."""
    files: dict[str, bytes | Path] = {"model.txt": model.encode()}
    for pattern in PATTERNS:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and path.suffix in SUFFIXES and path.name != "publish.py":
                files[path.relative_to(ROOT).as_posix().removeprefix("app/")] = path
    files["teminal/evaluation/zste_metric.py"] = ROOT / "eval/zste/zste.py"  # as in a wheel
    return files


@command()
def main(argv: list[str] | None = None) -> None:
    options = parse_options(PublishOptions, argv, __doc__)
    from teminal.hub import check_repo_id, publish_space

    check_repo_id("--model_name_or_path", options.model_name_or_path)
    files = collect_files(options.model_name_or_path)
    print(publish_space("--hub_space_id", options.hub_space_id, files, "TeminAL demo", options.dry_run))


if __name__ == "__main__":
    main()
