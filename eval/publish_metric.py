"""Publish the ZSTE metric as a Space, in one commit: `evaluate.load("me/zste")` then finds it.

python eval/publish_metric.py --hub_model_id me/zste
"""

import argparse
from pathlib import Path

from teminal.endings import errors_in_one_line, interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("publish_metric.py")

from teminal.hub import check_hub_access, check_repo_id, list_files, push_files

METRIC = Path(__file__).parent / "zste"


def check_name(hub_model_id: str) -> None:
    """Raise a ValueError if no Space of a metric can have this id."""
    check_repo_id("--hub_model_id", hub_model_id)
    if not hub_model_id.endswith(f"/{METRIC.name}"):
        raise ValueError(
            f"--hub_model_id {hub_model_id}: `evaluate.load` takes the module's name from the Space's; end it in "
            f"/{METRIC.name}"
        )


def files_to_push() -> dict[str, Path]:
    """Name on the Hub -> file of the metric."""
    return {path.name: path for path in sorted(METRIC.iterdir()) if path.suffix in (".py", ".md", ".txt")}


def push_metric(hub_model_id: str) -> str:
    """Upload the folder of the metric: the URL of the one commit.

    Raises:
        ValueError: the id does not end in /zste, or the Hub refuses.
        OSError: it did not go through; the Hub shows what it showed before.
    """
    check_name(hub_model_id)
    check_hub_access("--hub_model_id", hub_model_id, "space", private=False)
    cure = "run the same command again"
    return push_files("--hub_model_id", hub_model_id, "space", files_to_push(), "ZSTE metric", cure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub_model_id", required=True, help="of the Space, which is made if need be: OWNER/zste")
    parser.add_argument("--dry_run", action="store_true", help="list what would be sent, and send nothing")
    args = parser.parse_args()
    with errors_in_one_line("publish_metric.py", ValueError, OSError):
        if args.dry_run:
            check_name(args.hub_model_id)
            print(list_files(f"spaces/{args.hub_model_id}", files_to_push()))
            return
        print(f"published: {push_metric(args.hub_model_id)}")


if __name__ == "__main__":
    main()
