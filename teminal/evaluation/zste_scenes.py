"""The scenes of ZSTE, drawn from the clips of a bank, and all that is asked of them."""

import numpy as np

from teminal.captions import HELD_OUT
from teminal.clips import ClipBank
from teminal.evaluation.zste_audio import AudioSpec
from teminal.evaluation.zste_questions import Example, SceneGroup, three_examples, two_sound_examples
from teminal.rendering import EVENT_S, OVERLAY_SNR_DB
from teminal.scenes import VARIANTS, Scene, split_pairs


def draw_clips(bank: ClipBank, n_clips: int, rng: np.random.Generator) -> list[tuple[AudioSpec, AudioSpec, Scene]]:
    """Clips as recorded and at a random onset in silence, with their scenes; all clips if there are fewer."""
    clips = np.sort(rng.permutation(len(bank.clips))[:n_clips]).tolist()
    onsets_s = rng.uniform(0, EVENT_S, len(clips)).tolist()
    return [
        (AudioSpec((clip,)), AudioSpec((clip,), kind="onset", onset_s=onset_s), Scene("single", (bank.labels[clip],)))
        for clip, onset_s in zip(clips, onsets_s, strict=True)
    ]


def draw_groups(
    bank: ClipBank, n_groups: int, rng: np.random.Generator, rng_of_more: np.random.Generator
) -> list[SceneGroup]:
    """`rng` draws two clips and their level; `rng_of_more` the third clip and the held-out wordings."""
    groups = []
    for i in range(n_groups):
        x, y = (str(label) for label in rng.choice(bank.classes, 2, replace=False))
        clips = [int(rng.choice(bank.by_class[label])) for label in (x, y)]
        snr_db = float(rng.uniform(*OVERLAY_SNR_DB))
        z = str(rng_of_more.choice([label for label in bank.classes if label not in (x, y)]))
        group = SceneGroup(
            clips=(*clips, int(rng_of_more.choice(bank.by_class[z]))),
            labels=(x, y, z),
            snr_db=snr_db,
            mixed_variant=VARIANTS[1 + i % 3],
            held_out={relation: str(rng_of_more.choice(HELD_OUT[relation])) for relation in ("before", "while")},
            sentence=str(rng_of_more.choice(HELD_OUT["sentence"])),
        )
        groups.append(group)
    return groups


def draw_scenes(bank: ClipBank, n_scenes: int, seed: int) -> tuple[list, list[SceneGroup]]:
    """What [`draw_clips`] and [`draw_groups`] give for `n_scenes` each."""
    rng, rng_of_more = np.random.default_rng([seed, 7]), np.random.default_rng([seed, 13])
    clips = draw_clips(bank, n_scenes, rng)
    return clips, draw_groups(bank, n_scenes, rng, rng_of_more)


def drawn_clips(bank: ClipBank, n_scenes: int, seed: int) -> set[int]:
    """Which clips the scenes are made of."""
    clips, groups = draw_scenes(bank, n_scenes, seed)
    return {clip for recorded, _, _ in clips for clip in recorded.clips}.union(*(group.clips for group in groups))


def build_examples(bank: ClipBank, n_scenes: int, seed: int) -> list[Example]:
    """All examples of all tasks; example i of each sub-task but 1A and 1B is of composition group i.

    Args:
        bank: test clips alone, of three classes at least.
        n_scenes: composition groups; task 1 takes as many clips, or all if there are fewer.
        seed: of everything that is drawn.
    """
    if n_scenes < 1:
        raise ValueError(f"--n_scenes {n_scenes}: at least 1 is needed")
    if len(bank.classes) < 3:
        raise ValueError(f"test clips of {', '.join(bank.classes)} only: ZSTE needs three classes, take more folds")
    clips, groups = draw_scenes(bank, n_scenes, seed)
    unseen_pairs = set(split_pairs(bank.classes)[1])
    return two_sound_examples(clips, groups, bank.classes, unseen_pairs) + three_examples(groups, unseen_pairs)
