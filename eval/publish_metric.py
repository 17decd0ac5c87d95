"""Publish the ZSTE metric as a Space, in one commit: `evaluate.load("me/zste")` then finds it.

python eval/publish_metric.py --hub_model_id me/zste
"""

import argparse
import sys
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi

from dataset_scripts.hub import check_hub_access, commit_with_retries

METRIC = Path(__file__).parent / "zste"


def push_metric(hub_model_id: str) -> str:
    """Upload the folder of the metric: the URL of the one commit.

    Raises:
        ValueError: the id does not end in /zste, or the Hub refuses.
        OSError: it did not go through; the Hub shows what it showed before.
    """
    flag = f"--hub_model_id {hub_model_id}"
    if not hub_model_id.endswith(f"/{METRIC.name}"):
        raise ValueError(f"{flag}: `evaluate.load` takes the module's name from the Space's; end it in /{METRIC.name}")
    check_hub_access("--hub_model_id", hub_model_id, "space", private=False)
    files = sorted(path for path in METRIC.iterdir() if path.suffix in (".py", ".md", ".txt"))

    def commit() -> str:
        operations = [CommitOperationAdd(path.name, path) for path in files]
        message = "ZSTE metric"
        return HfApi().create_commit(hub_model_id, operations, commit_message=message, repo_type="space").commit_url

    return commit_with_retries(flag, "the metric", commit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub_model_id", required=True, help="of the Space, which is made if need be: OWNER/zste")
    args = parser.parse_args()
    try:
        print(f"published: {push_metric(args.hub_model_id)}")
    except (ValueError, OSError) as error:
        sys.exit(f"publish_metric.py: error: {error}")


if __name__ == "__main__":
    main()
