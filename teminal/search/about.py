"""Say what an index is of, its model and its folder, and refuse another model."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from teminal.evaluation.models import AudioTextModel, load, naming_model_flag
from teminal.files import read_json, write_json
from teminal.search.options import ABOUT


@dataclass(frozen=True)
class About:
    """What an index is of: its model, and the folder whose files it holds.

    Attributes:
        identity: hash of the model's weights and preprocessing.
        dimension: of its embeddings.
    """

    model_name_or_path: str
    model_type: str
    identity: str
    dimension: int
    folder: str

    @classmethod
    def read(cls, index: Path) -> "About":
        """Read it from the folder of an index.

        Raises:
            ValueError: there is no index, or a part of one.
        """
        if not index.exists():
            raise ValueError(
                f"--index {index}: no such folder; `teminal embed FOLDER --model M --index {index}` makes it"
            )
        if not (index / ABOUT).is_file():
            raise ValueError(f"--index {index}: not an index, for it has no {ABOUT}; name what `teminal embed` wrote")
        values = read_json(index / ABOUT)
        if values is None or values.keys() != {field.name for field in fields(cls)}:
            raise ValueError(f"--index {index}: its {ABOUT} is damaged; remove this index, and embed the folder again")
        return cls(**values)

    def write(self, index: Path) -> None:
        """Write it to the folder of an index."""
        write_json(index / ABOUT, asdict(self))


def load_model(model_name_or_path: str, model_type: str, batch_size: int = 16) -> AudioTextModel:
    """Load a model; errors name the flag `--model`."""
    with naming_model_flag("--model"):
        return load(model_name_or_path, model_type, batch_size)


def require_same_model(index: Path, about: About, model: str, identity: str) -> None:
    """Raise a ValueError if a model is another one than the index that `about` is of.

    Args:
        model: how the message names it.
        identity: of the model.
    """
    if identity != about.identity:
        raise ValueError(
            f"{model}: the index {index} was made with another model or other weights, {about.model_name_or_path} "
            f"({_shorten(about.identity)}, not {_shorten(identity)}); take that one, or name another --index"
        )


def _shorten(identity: str) -> str:
    """Shorten the hash of a model, and keep what follows it, such as "int8"."""
    name, *form = identity.split(", ")
    return " ".join([name[:8], *form])
