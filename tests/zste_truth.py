"""What is true of an audio of ZSTE, written down once more and independently of the questions."""

from teminal.clips import ClipBank
from teminal.scenes import Composition


def labels_of(bank: ClipBank, audio: Composition) -> list[str]:
    """In order of onset."""
    labels = [bank.labels[clip].replace("_", " ") for clip in audio.clips]
    return labels[::-1] if audio.variant == "reversed" else labels


def true_captions(bank: ClipBank, audio: Composition) -> set[str]:
    """Every true caption that any sub-task might say of it."""
    labels = labels_of(bank, audio)
    true = {f"This is a sound of {label}." for label in labels}
    if len(labels) == 3:
        true.add(f"This is a sound of {' then '.join(labels)}.")
    elif audio.variant == "overlay":
        for x, y in (labels, labels[::-1]):
            true |= {f"This is a sound of {x} while {y}."}
            true |= {f"{x} at the same time as {y}", f"{x} amid {y}", f"{x} simultaneously with {y}"}
    elif len(labels) == 2:
        x, y = labels
        true |= {f"This is a sound of {x} before {y}.", f"This is a sound of {y} after {x}."}
        true |= {f"{x} followed by {y}", f"{x} precedes {y}", f"{y} preceded by {x}", f"{y} succeeds {x}"}
        true |= {f"In this recording you hear {x}, which is followed by {y}."}
        true |= {f"The clip starts with {x} and ends with {y}."}
    return true
