"""Open an index that `teminal embed` made, and search it by text or by sound."""

import logging
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np

from teminal.evaluation.models import AudioTextModel, embed_audio
from teminal.rendering import SAMPLING_RATE
from teminal.search.about import About, load_model, require_same_model
from teminal.search.store import Store
from teminal.search.windows import read_span

ROWS_PER_HIT = 20  # asked of the store at first: many windows of a file lie over one another
MOST_WORDS = 100
logger = logging.getLogger("teminal")


@dataclass(frozen=True)
class Hit:
    """A part of a file that was found; `score` is its cosine to the query."""

    file: str
    start_s: float
    end_s: float
    score: float


class Index:
    """An index of the recordings in a folder.

    Args:
        path: folder that `teminal embed` wrote.
        model: where its model is now, if that has been moved; or the model itself, if it is loaded.

    Attributes:
        folder: of the recordings.

    Raises:
        ValueError: there is no index, it is damaged or empty, or was made with another model.

    Example:
        >>> index = Index("sounds.index")
        >>> hits = index.search("a dog barks before glass breaks", top_k=5)
        >>> pandas.DataFrame(hits)
    """

    def __init__(self, path: str | PathLike[str], model: str | AudioTextModel | None = None):
        self.path, self.about = Path(path), About.read(Path(path))
        self.folder = Path(self.about.folder)
        self.given = model or self.about.model_name_or_path
        self.store = Store(self.path, self.about.dimension)
        if not len(self.store):
            raise ValueError(f"--index {path}: nothing is embedded yet; run `teminal embed` again to go on")

    @cached_property
    def model(self) -> AudioTextModel:
        """The model of the index, which is loaded when it is first needed."""
        if isinstance(self.given, str):
            name, model = f"--model {self.given}", load_model(self.given, self.about.model_type)
        else:
            name, model = "the loaded model", self.given
        require_same_model(self.path, self.about, name, model.identity)
        return model

    def search(
        self, query: str | None = None, top_k: int = 10, *, audio: str | PathLike[str] | np.ndarray | None = None
    ) -> list[Hit]:
        """Find the parts of files that fit a text, or sound like an example, best first.

        Of parts of one file that lie over one another, only the best is given. Files that are gone are left out, with
        a warning.

        Args:
            query: what to find, in plain words.
            top_k: number of hits, at least 1; fewer where the index has fewer.
            audio: in place of `query` a file, or a waveform (samples,) at 48 kHz.

        Raises:
            ValueError: neither or both of `query` and `audio`, an empty or very long query, unreadable audio, or no
                positive `top_k`.
        """
        if top_k < 1:
            raise ValueError(f"top_k={top_k}: must be at least 1")
        vector = self._embed_query(query, audio)
        n_rows = top_k * ROWS_PER_HIT
        while True:
            rows = self.store.find_nearest(vector, n_rows)
            hits, gone = self._merge(rows, top_k)
            if len(hits) == top_k or len(rows) < n_rows:
                break
            n_rows *= 4
        if gone:
            some = f"{min(gone)} is" if len(gone) == 1 else f"{len(gone)} files, such as {min(gone)}, are"
            logger.warning("%s no longer in %s; run `teminal embed` again", some, self.folder)
        return hits

    def _embed_query(self, query: str | None, audio: str | PathLike[str] | np.ndarray | None) -> np.ndarray:
        if (query is None) == (audio is None):
            raise ValueError("give a query or audio, and not both")
        if audio is not None:
            rate = SAMPLING_RATE if isinstance(audio, np.ndarray) else None
            return embed_audio(self.model, [audio], rate)[0]
        assert query is not None
        n_words = len(query.split())
        if not 0 < n_words <= MOST_WORDS:
            how_long = f"has {n_words:,} words, but {MOST_WORDS} at most are allowed" if n_words else "is empty"
            raise ValueError(f"the query {how_long}: say in a sentence what to find, as in 'a dog barks before rain'")
        return self.model.embed_text([query])[0]

    def _merge(self, rows: list[dict], top_k: int) -> tuple[list[Hit], set[str]]:
        """Take the best of rows that lie over one another; also return the files that are gone."""
        hits: list[Hit] = []
        taken: dict[str, list[Hit]] = {}
        gone: set[str] = set()
        for row in sorted(rows, key=lambda row: (-row["score"], row["end_s"] - row["start_s"])):
            hit = Hit(row["path"], row["start_s"], row["end_s"], row["score"])
            others = taken.setdefault(hit.file, [])
            if hit.file in gone or any(hit.start_s < other.end_s and other.start_s < hit.end_s for other in others):
                continue
            if not (self.folder / hit.file).is_file():
                gone.add(hit.file)
                continue
            others.append(hit)
            hits.append(hit)
            if len(hits) == top_k:
                break
        return hits, gone

    def read(self, hit: Hit) -> np.ndarray:
        """Decode a hit to (samples,) fp32 mono at 48 kHz.

        Raises:
            ValueError: the file is gone or cannot be read.
        """
        try:
            return read_span(self.folder / hit.file, hit.start_s, hit.end_s)
        except ValueError as error:
            raise ValueError(f"{self.folder / hit.file}: {error}") from error
