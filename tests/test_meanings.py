import pytest

from teminal.clips import Clip
from teminal.language import keys_of_meanings, meaning


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A man is speaking", "The man speaks.", True),
        ("Rain and wind", "Wind and rain", True),
        ("A dog barks then rain falls", "Rain falls then a dog barks", False),
        ("A dog barks then rain falls", "a dog barking then rain falling", True),
        ("A dog barks", "A dog barks loudly", False),
        ("A sound", "Some noise", False),
    ],
)
def test_captions_mean_the_same(one, other, same):
    assert (meaning(one) == meaning(other)) == same


def test_clips_that_share_a_caption_have_one_key():
    said = [("A dog barks", "A bell"), ("The dog is barking",), ("A bell", "Rain"), ("Wind",)]
    key_of = keys_of_meanings([Clip(str(i), "", None, str(i), None, captions=of) for i, of in enumerate(said)])
    keys = [{key_of[meaning(caption)] for caption in captions} for captions in said]
    assert all(len(of_clip) == 1 for of_clip in keys)
    assert keys[0] == keys[1] == keys[2] != keys[3]
