"""Which captions of a batch are true of which audios, without a matrix of all pairs."""

import torch

from teminal.scenes import VARIANTS, true_captions
from teminal.training.draw import Pair


class Truth:
    """`group`, `variant` (N,) long, and `holds` for any rows of N pairs; memory linear in N."""

    def __init__(self, pairs: list[Pair]):
        self.group = torch.tensor([pair.group for pair in pairs])
        self.variant = torch.tensor([VARIANTS.index(pair.audio.variant or "single") for pair in pairs])
        scenes = {scene: i for i, scene in enumerate(dict.fromkeys(pair.scene for pair in pairs))}
        captions = {caption: i for i, caption in enumerate(dict.fromkeys(pair.caption for pair in pairs))}
        self.scene = [scenes[pair.scene] for pair in pairs]
        self.caption = torch.tensor([captions[pair.caption] for pair in pairs])
        self.n_captions = len(captions)
        self.true_captions = true_captions(list(captions), list(scenes))

    def holds(self, rows: slice = slice(None)) -> torch.Tensor:
        """(rows, N) bool: whether caption m is true of audio n."""
        scenes = self.scene[rows]
        distinct = {scene: row for row, scene in enumerate(dict.fromkeys(scenes))}
        table = torch.zeros(len(distinct), self.n_captions, dtype=torch.bool)
        for scene, row in distinct.items():
            table[row, self.true_captions[scene]] = True
        return table[[distinct[scene] for scene in scenes]][:, self.caption]
