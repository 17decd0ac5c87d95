"""Sounds of composed search without audio."""

from teminal.clips import Clip, ClipBank

CLASSES = ("cow", "door_knock", "frog", "hen", "rain", "wind")
N_SETS = 15


def labelled_bank(classes=CLASSES, n_clips=3):
    return ClipBank([Clip(f"{label} {take}", label) for label in classes for take in range(n_clips)], {}, {}, {}, "")
