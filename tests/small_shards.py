"""The dataset builder with small shards, so that few groups make several."""

from unittest import mock

from dataset_scripts.build_dataset import main
from teminal.dataset.shards import GROUPS_PER_SHARD

if __name__ == "__main__":
    with mock.patch.dict(GROUPS_PER_SHARD, {True: 16}):
        main()
