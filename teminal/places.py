"""Where things lie on this machine is nobody else's business: places are told by their names alone."""

import os
from pathlib import Path

PATHS = ("config", "resume_from_checkpoint")  # options that take a path, as those in `_dir` and `_file` do


def is_place(text: str) -> bool:
    """Whether a text is a path on this machine, and not the id of a repository, a number or prose."""
    path = Path(text)
    is_far = path.is_absolute() and len(path.parts) > 2  # "/" and "/x" may be anything
    return is_far or ".." in path.parts or text.startswith("~") or os.path.exists(text)


def place_name(text: str) -> str:
    """The last part of a path on this machine; any other text as it is."""
    return _last_part(text) if is_place(text) else text


def option_value(option: str, value: str) -> str:
    """What is told of an option's value: of a path the last part, also where nothing lies there yet or any more."""
    takes_path = option.endswith(("_dir", "_file")) or option in PATHS
    return _last_part(value) if takes_path and value else place_name(value)


def without_places(content, option: str = ""):
    """JSON content in which every text that is a path on this machine is told by its last part.

    Args:
        option: the key that the content stands under.
    """
    if isinstance(content, dict):
        return {key: without_places(value, str(key)) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_places(value, option) for value in content]
    return option_value(option, content) if isinstance(content, str) else content


def _last_part(path: str) -> str:
    return os.path.basename(os.path.abspath(path)) or path
