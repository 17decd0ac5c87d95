"""Embeddings made once and kept on disk, shared by all evaluations and by the processes of one."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from tqdm.auto import tqdm

from teminal.evaluation.models import AudioTextModel
from teminal.files import assets_folder, write_whole

logger = logging.getLogger(__name__)
HELD_SAMPLES = 2**24  # of clips in memory: six minutes at 48 kHz, 67 MB
PART_SIZE = {"audio": 64, "text": 1024}  # embeddings in a file: what an interruption costs at most


class Embedder:
    """Embeds each distinct audio and caption once; what it or another run has embedded before is read from disk.

    Under `accelerate launch` every process embeds its share of the parts and reads those of the others, so that all
    have the same numbers, which do not depend on how many they are. An interrupted run goes on where it stopped.

    Args:
        cache_dir: by default [`assets_folder`]; what a model has embedded is in a folder named by its fingerprint.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, model: AudioTextModel, cache_dir: str | None = None):
        self.model, self.state = model, PartialState()
        root = Path(cache_dir) if cache_dir else assets_folder("embeddings")
        self.folder = root / model.fingerprint[:32]
        try:
            for kind in PART_SIZE:
                (self.folder / kind).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"--cache_dir {root}: cannot be written ({error.strerror}); name another folder") from error

    def audio(
        self,
        keys: Sequence[str],
        read: Callable[[list[int]], Iterator[np.ndarray]],
        sampling_rate: int,
    ) -> np.ndarray:
        """Embeddings (len(keys), D) fp32 of audios.

        Args:
            keys: a hash of each audio's content; those of similar length are best side by side.
            read: indices of keys -> waveforms (samples,), in their order; called for what is not known yet.
            sampling_rate: of all of them, Hz.
        """

        def embed(rows):
            parts = [self.model.embed_audio(clips, sampling_rate) for clips in held_at_once(read(rows))]
            return np.concatenate(parts)

        return self._embed("audio", keys, embed)

    def text(self, captions: Sequence[str]) -> np.ndarray:
        """Embeddings (len(captions), D) fp32 of captions."""
        keys = [hashlib.sha256(caption.encode()).hexdigest() for caption in captions]
        return self._embed("text", keys, lambda rows: self.model.embed_text([captions[row] for row in rows]))

    def _embed(self, kind, keys, embed):
        folder = self.folder / kind
        known = self._read(folder)
        row_of = {}
        for row, key in enumerate(keys):
            if key not in known:
                row_of.setdefault(key, row)
        todo = broadcast_object_list([list(row_of.items())])[0]  # the same for all, whoever else writes here
        size = PART_SIZE[kind]
        parts = [todo[start : start + size] for start in range(0, len(todo), size)]
        mine = parts[self.state.process_index :: self.state.num_processes]
        with tqdm(desc=f"embed {kind}", total=sum(map(len, mine)), disable=not self.state.is_main_process) as bar:
            for part in mine:
                part_keys, rows = zip(*part, strict=True)
                embeds = embed(list(rows))
                if not np.isfinite(embeds).all():
                    raise ValueError(f"the model's embedding of {kind} is not finite: its weights may be damaged")
                name = hashlib.sha256("".join(part_keys).encode()).hexdigest()[:32]
                write_arrays(folder / f"{name}.npz", keys=np.array(part_keys), embeds=embeds)
                bar.update(len(part))
        self.state.wait_for_everyone()
        if parts:
            known = self._read(folder)
        if not known.keys() >= set(keys):
            raise ValueError(
                f"--cache_dir {self.folder.parent}: all processes must see it; give a folder that they share"
            )
        return np.stack([known[key] for key in keys])

    def _read(self, folder: Path) -> dict[str, np.ndarray]:
        known = {}
        for file in sorted(folder.glob("[!.]*.npz")):
            try:
                with np.load(file) as part:
                    known.update(zip(part["keys"].tolist(), part["embeds"], strict=True))
            except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
                logger.warning("%s is damaged (%s) and made again", file, error)
                file.unlink(missing_ok=True)
        return known


def write_arrays(file: Path, /, **arrays) -> None:
    """A whole `.npz` file."""

    def write(beside):
        with open(beside, "wb") as opened:  # to a path NumPy would add .npz
            np.savez(opened, **arrays)

    write_whole(file, write)


def held_at_once(clips: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Clips as they come, as many as make `HELD_SAMPLES` at a time."""
    held = []
    for clip in clips:
        held.append(clip)
        if sum(map(len, held)) >= HELD_SAMPLES:
            yield held
            held = []
    if held:
        yield held


def cosine_scores(audio_embeds: np.ndarray, text_embeds: np.ndarray) -> np.ndarray:
    """Scores (audios, captions) fp32 of (audios, D) and (captions, D), both L2-normalised.

    Multiplied in fp64 and rounded, so that embeddings that are the same have scores that are the same: they tie.
    """
    return (audio_embeds.astype(np.float64) @ text_embeds.astype(np.float64).T).astype(np.float32)
