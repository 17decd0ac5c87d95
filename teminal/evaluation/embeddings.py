"""Embed each clip and caption once, in a cache on disk that all evaluations and processes share."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from accelerate import PartialState
from accelerate.utils import gather_object
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from tqdm.auto import tqdm

from teminal.evaluation.models import AudioTextModel
from teminal.evaluation.windows import Audio, in_batches
from teminal.files import assets_folder, write_whole

logger = logging.getLogger(__name__)
PART_SIZE = {"audio": 32, "text": 1024}  # embeddings per file: an interruption loses at most one


class Embedder:
    """Embed clips and captions that are not in the cache, and read the others from it.

    Under `accelerate launch` every process embeds its share and reads those of the others, so that all have the same
    embeddings, for any number of processes.

    Args:
        cache_dir: by default [`assets_folder`]; it has a folder for each fingerprint of a model.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, model: AudioTextModel, cache_dir: str | Path | None = None):
        self.model, self.state = model, PartialState()
        root = Path(cache_dir) if cache_dir else assets_folder("embeddings")
        self.folder = root / model.fingerprint[:32]
        try:
            for kind in PART_SIZE:
                (self.folder / kind).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"--cache_dir {root}: cannot be written ({error.strerror}); name another folder") from error

    def embed_audio(
        self, keys: Sequence[str], read: Callable[[list[int]], Iterable[np.ndarray]], sampling_rate: int
    ) -> np.ndarray:
        """Embed clips that can all be read: (len(keys), D) fp32; arguments as for [`embed_readable`]."""
        embeds, reasons = self.embed_readable(keys, read, sampling_rate)
        if reasons:
            raise ValueError(f"a clip cannot be read any more: {next(iter(reasons.values()))}")
        return np.stack([embeds[key] for key in keys])

    def embed_readable(
        self, keys: Sequence[str], read: Callable[[list[int]], Iterable[Audio | str]], sampling_rate: int
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Embed clips, some of which may be unreadable.

        Args:
            keys: hash of each clip's audio.
            read: takes indices of `keys` that are not in the cache; returns for each, in order, its clip, or as text
                the reason why it cannot be read.
            sampling_rate: of all clips, Hz.

        Returns:
            Key -> embedding (D,) fp32, and key -> reason of unreadable clips.
        """

        def embed(rows: list[int]) -> dict[str, np.ndarray | str]:
            found: dict[str, np.ndarray | str] = {}
            clips: dict[str, Audio] = {}
            for row, clip in zip(rows, read(rows), strict=True):
                if isinstance(clip, str):
                    found[keys[row]] = clip
                else:
                    clips[keys[row]] = clip
            if clips:
                found.update(zip(clips, self.model.embed_audio(list(clips.values()), sampling_rate), strict=True))
            return found

        return self._embed("audio", keys, embed)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        """Embed captions: (len(captions), D) fp32."""
        keys = [hashlib.sha256(caption.encode()).hexdigest() for caption in captions]

        def embed(rows: list[int]) -> dict[str, np.ndarray | str]:
            embeds = self.model.embed_text([captions[row] for row in rows])
            return dict(zip([keys[row] for row in rows], embeds, strict=True))

        known, _ = self._embed("text", keys, embed)
        return np.stack([known[key] for key in keys])

    def _embed(
        self, kind: str, keys: Sequence[str], embed: Callable[[list[int]], dict[str, np.ndarray | str]]
    ) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        folder = self.folder / kind
        known = read_parts(folder)
        reasons: dict[str, str] = {}
        rows = np.sort(np.unique(keys, return_index=True)[1]).tolist()  # of the first occurrence of each key
        mine = list(in_batches(rows, PART_SIZE[kind]))[self.state.process_index :: self.state.num_processes]
        with tqdm(desc=f"embed {kind}", total=sum(map(len, mine)), disable=not self.state.is_main_process) as bar:
            for part in mine:
                if new := [row for row in part if keys[row] not in known]:
                    found = embed(new)
                    reasons |= {key: value for key, value in found.items() if isinstance(value, str)}
                    write_part(folder, {key: value for key, value in found.items() if not isinstance(value, str)})
                bar.update(len(part))
        for others in gather_object([reasons]):  # waits for all
            reasons |= others
        if not known.keys() >= set(keys):
            known = read_parts(folder)
        if lost := set(keys) - known.keys() - reasons.keys():
            raise ValueError(
                f"--cache_dir {self.folder.parent}: {len(lost)} embeddings of other processes are not in it; "
                "give a folder that all processes share"
            )
        return {key: known[key] for key in keys if key in known}, reasons


def read_parts(folder: Path) -> dict[str, np.ndarray]:
    """Read the embeddings (D,) of a folder by key; delete damaged files."""
    known: dict[str, np.ndarray] = {}
    for file in sorted(folder.glob("[!.]*.safetensors")):
        try:
            known.update(load_file(file))
        except (OSError, SafetensorError) as error:
            logger.warning("%s is damaged (%s) and made again", file, error)
            file.unlink(missing_ok=True)
    return known


def write_part(folder: Path, embeds: dict[str, np.ndarray]) -> None:
    """Write embeddings (D,) by key into one file; a ValueError if one is not finite."""
    if not all(np.isfinite(embed).all() for embed in embeds.values()):
        raise ValueError("the model gives embeddings that are not finite: its weights may be damaged")
    if embeds:
        name = hashlib.sha256("".join(embeds).encode()).hexdigest()[:32]
        write_whole(folder / f"{name}.safetensors", lambda beside: save_file(embeds, beside))


def cosine_scores(audio_embeds: np.ndarray, text_embeds: np.ndarray) -> np.ndarray:
    """Compute cosines of (audios, D) and (captions, D), both L2-normalised: (audios, captions) fp32.

    Products are in fp64 and rounded, so that equal embeddings have equal scores.
    """
    return (audio_embeds.astype(np.float64) @ text_embeds.astype(np.float64).T).astype(np.float32)
