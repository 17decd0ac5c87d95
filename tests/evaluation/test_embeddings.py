"""Embeddings are made once, whoever asks."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from teminal.evaluation.embeddings import PART_SIZE, Embedder


class Counting:
    """A model that tells what it has embedded."""

    fingerprint = "counting"

    def __init__(self):
        self.heard, self.read = [], []

    def embed_audio(self, waveforms, sampling_rate):
        self.heard += [waveform[0] for waveform in waveforms]
        return np.array([[waveform[0], sampling_rate] for waveform in waveforms], np.float32)

    def embed_text(self, captions):
        self.read += captions
        return np.array([[len(caption), 1] for caption in captions], np.float32)


def read(rows):
    return (np.array([row], np.float32) for row in rows)


def test_each_distinct_one_is_embedded_once_and_known_to_the_next_run(tmp_path):
    model = Counting()
    embedder = Embedder(model, tmp_path)
    captions = ["a dog", "a frog", "a dog"]
    assert embedder.embed_text(captions).tolist() == [[5, 1], [6, 1], [5, 1]]
    assert embedder.embed_audio(["x", "y", "x"], read, 48_000).tolist() == [[0, 48_000], [1, 48_000], [0, 48_000]]
    assert (model.read, model.heard) == (["a dog", "a frog"], [0, 1])

    again = Counting()
    assert Embedder(again, tmp_path).embed_text(["a dog", "a cow"]).tolist() == [[5, 1], [5, 1]]
    assert again.read == ["a cow"]


def test_another_model_knows_nothing_of_it(tmp_path):
    Embedder(Counting(), tmp_path).embed_text(["a dog"])
    other = Counting()
    other.fingerprint = "other"
    Embedder(other, tmp_path).embed_text(["a dog"])
    assert other.read == ["a dog"]


def test_what_was_embedded_before_an_interruption_is_kept(tmp_path):
    keys = [str(row) for row in range(PART_SIZE["audio"] + 1)]
    model = Counting()

    def interrupted(rows):
        if PART_SIZE["audio"] in rows:
            raise KeyboardInterrupt
        return read(rows)

    with pytest.raises(KeyboardInterrupt):
        Embedder(model, tmp_path).embed_audio(keys, interrupted, 48_000)
    rest = Counting()
    assert Embedder(rest, tmp_path).embed_audio(keys, read, 48_000)[:, 0].tolist() == list(range(len(keys)))
    assert rest.heard == [PART_SIZE["audio"]]


def test_an_embedding_that_is_not_finite_is_named_and_not_kept(tmp_path):
    model = Counting()
    model.embed_text = lambda captions: np.full((len(captions), 2), np.nan)
    with pytest.raises(ValueError, match="not finite"):
        Embedder(model, tmp_path).embed_text(["a dog"])
    assert Embedder(Counting(), tmp_path).embed_text(["a dog"]).tolist() == [[5, 1]]


def test_what_a_killed_run_has_left_half_written_is_not_read(tmp_path):
    Embedder(Counting(), tmp_path).embed_text(["a dog"])
    (tmp_path / "counting" / "text" / ".4242-x.safetensors").write_bytes(b"half")
    again = Counting()
    assert Embedder(again, tmp_path).embed_text(["a dog"]).tolist() == [[5, 1]]
    assert again.read == []


def test_a_damaged_file_is_made_again(tmp_path):
    Embedder(Counting(), tmp_path).embed_text(["a dog"])
    (file,) = (tmp_path / "counting" / "text").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    again = Counting()
    assert Embedder(again, tmp_path).embed_text(["a dog"]).tolist() == [[5, 1]]
    assert again.read == ["a dog"]
    assert len(load_file(file)) == 1


def test_clips_that_cannot_be_read_have_a_reason_and_are_asked_for_again(tmp_path):
    def read_some(rows):
        return ("silent audio" if row == 1 else np.array([row], np.float32) for row in rows)

    embeds, reasons = Embedder(Counting(), tmp_path).embed_readable(["x", "y", "z"], read_some, 48_000)
    assert {key: value[0] for key, value in embeds.items()} == {"x": 0, "z": 2}
    assert reasons == {"y": "silent audio"}
    again = Counting()
    with pytest.raises(ValueError, match="silent audio"):
        Embedder(again, tmp_path).embed_audio(["x", "y"], read_some, 48_000)
    assert again.heard == []
    assert Embedder(again, tmp_path).embed_audio(["y"], read, 48_000)[:, 0].tolist() == [0]
