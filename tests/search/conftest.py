"""A folder of sounds, and what embeds it."""

import numpy as np
import pytest
import soundfile

from teminal.cli import main
from teminal.search import embed as embedding

from ..tones import save_clap
from .rows import SOUND


@pytest.fixture(scope="module")
def model(tiny_clap, tmp_path_factory):
    return save_clap(tiny_clap, tmp_path_factory.mktemp("model"))


@pytest.fixture
def sounds(tmp_path):
    """A folder of audio of several rates, lengths and channels, some of it faulty."""
    folder = tmp_path / "sounds"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(6):
        rate, seconds = [(48_000, 5), (8_000, 3), (44_100, 25)][number % 3]
        waveform = 0.1 * rng.standard_normal((rate * seconds, 1 + number % 2))
        soundfile.write(folder / ("more" if number == 4 else ".") / f"{number}.wav", waveform, rate)
    (folder / "broken.wav").write_bytes(b"RIFF no audio")
    soundfile.write(folder / "empty.wav", np.zeros(0), 48_000)
    soundfile.write(folder / "huge.wav", np.full(100, 1e20), 48_000, subtype="FLOAT")
    (folder / "link.wav").symlink_to("nowhere.wav")
    return folder


@pytest.fixture
def embed(model, sounds, tmp_path):
    """Embed the sounds into the index beside them; return which files were decoded."""

    def run(*flags):
        decoded = []
        load = embedding.load_file

        def seen(path):
            decoded.append(path.relative_to(sounds).as_posix())
            return load(path)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(embedding, "load_file", seen)
            main(list(map(str, ["embed", sounds, "--model", model, "--index", tmp_path / "index", *flags])))
        return sorted(name for name in decoded if name in SOUND or name[0] not in "behl")

    return run
