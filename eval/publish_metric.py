"""Publish the ZSTE metric as a Space, from which `evaluate.load("me/zste")` loads it.

python eval/publish_metric.py --hub_model_id me/zste
"""

from dataclasses import dataclass, field
from pathlib import Path

from teminal.cli import command, parse_options
from teminal.options import option

METRIC = Path(__file__).parent / "zste"


@dataclass
class PublishOptions:
    hub_model_id: str = field(metadata={"help": "the Space, created if it does not exist: OWNER/zste"})
    dry_run: bool = option(False, "list the files and publish nothing")


@command()
def main(argv: list[str] | None = None) -> None:
    options = parse_options(PublishOptions, argv, __doc__)
    from teminal.hub import check_repo_id, publish_space

    flag, space = "--hub_model_id", options.hub_model_id
    check_repo_id(flag, space)
    if not space.endswith("/zste"):
        raise ValueError(f"{flag} {space}: `evaluate.load` takes the metric's name from the Space's; end it in /zste")
    files = {path.name: path for path in sorted(METRIC.iterdir()) if path.suffix in (".py", ".md", ".txt")}
    print(publish_space(flag, space, files, "ZSTE metric", options.dry_run))


if __name__ == "__main__":
    main()
