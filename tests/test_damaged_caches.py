"""What is kept between runs is made again where it is damaged, whichever file of it; what the system refuses is not
remembered."""

import errno
import io
import json
import os

import numpy as np
import pytest
import soundfile

from teminal import audio as decode
from teminal import clips as bank
from teminal.clips import Clip, build_bank
from teminal.evaluation import sounds
from teminal.evaluation.sounds import check_sounds as check
from teminal.sources.synthetic import synthesise


@pytest.fixture
def clips(tmp_path):
    """Clips of two classes, files of their own."""
    found = []
    for number, label in enumerate(("siren", "wind")):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, synthesise(label, number, 16_000), 16_000)
        found.append(Clip(path.name, label, 1, path.name, path))
    return found


@pytest.fixture
def banks(tmp_path, monkeypatch):
    folder = tmp_path / "banks"
    folder.mkdir()
    monkeypatch.setattr(bank, "assets_folder", lambda namespace: folder)
    return folder


@pytest.mark.parametrize("suffix", [".json", ".f16"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"skipped": {"0.wav": "gone"}, "sha256": "0"}'])
def test_a_damaged_bank_is_made_again(clips, banks, suffix, content):
    before = build_bank(clips)
    loops = np.array(before.loops)
    [file] = banks.glob(f"*{suffix}")
    file.write_bytes(content)
    after = build_bank(clips)
    assert np.array_equal(after.loops, loops)
    assert after.sha256 == before.sha256
    assert not after.skipped


def test_a_bank_whose_json_is_of_other_clips_is_made_again(clips, banks):
    build_bank(clips)
    [about] = banks.glob("*.json")
    about.write_text(json.dumps({**json.loads(about.read_text()), "skipped": {"0.wav": "silent audio"}}))
    assert len(build_bank([*clips, *clips[1:]]).clips) == 3
    assert build_bank(clips).skipped == {}


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_what_the_system_refuses_is_no_fault_of_the_clip(clips, banks, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code), str(clips[0].audio))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        with pytest.raises(OSError, match=os.strerror(code)):
            decode.read_audio(clips[0].audio)
    with monkeypatch.context() as patch:
        for module in (bank, sounds):
            patch.setattr(module, "read_clip", refuse)
        for work in (lambda: build_bank(clips), lambda: check(clips)):
            with pytest.raises(OSError, match=os.strerror(code)):
                work()
    assert not list(banks.iterdir())
    assert build_bank(clips).skipped == {}  # repaired


def test_a_file_that_breaks_off_because_of_the_disk_is_no_fault_of_the_clip(clips, monkeypatch):
    class Failing(io.FileIO):
        """Gives the header alone, as a disk that breaks does to libsndfile, which takes it for the file's end."""

        def readinto(self, buffer):
            return super().readinto(buffer) if self.tell() < 1000 else 0

        def read(self, size=-1):
            if self.tell() >= 1000:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(min(size, 1000))

    monkeypatch.setattr("builtins.open", lambda path, _: Failing(path))
    with pytest.raises(OSError, match="Input/output error"):
        decode.read_audio(clips[0].audio, min_duration_s=1)


def test_a_header_that_promises_too_much_is_not_believed(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.full(48_000, 0.1), 48_000)
    content = bytearray((tmp_path / "x.wav").read_bytes())
    content[40:44] = (2**31 - 1).to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(content)
    assert len(decode.read_audio(tmp_path / "x.wav")) == 48_000
