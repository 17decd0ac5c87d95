"""Which captions say the same in other words, and which clips therefore sound alike for all that is known of them."""

import itertools

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from teminal.clips import Clip
from teminal.natural_captions import as_clause, has_order
from teminal.swaps import content_words


def meaning(caption: str) -> str:
    """The content words of a caption: "A man is speaking" and "The man speaks" mean the same.

    They are sorted, for "rain and wind" is "wind and rain", unless the caption speaks of order.
    """
    clause = as_clause(caption)
    words = content_words(clause)
    return " ".join(words if has_order(clause) else sorted(set(words))) or clause.lower()


def keys_of_meanings(clips: list[Clip]) -> dict[str, str]:
    """Meaning of every caption -> its key; captions of one clip, and of clips that share a meaning, have the same."""
    said = [[meaning(caption) for caption in clip.captions] for clip in clips]
    column = {words: i for i, words in enumerate(dict.fromkeys(itertools.chain.from_iterable(said)))}
    of_clip = [column[words[0]] for words in said for _ in words]
    links = (np.ones(len(of_clip)), (of_clip, [column[words] for words in itertools.chain.from_iterable(said)]))
    _, component = connected_components(coo_array(links, shape=(len(column), len(column))), directed=False)
    names = {}
    return {words: names.setdefault(component[i], words) for words, i in column.items()}
