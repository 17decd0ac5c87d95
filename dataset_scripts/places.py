"""Where things lie on this machine is nobody else's business: places are told by their names alone."""

import os
from pathlib import Path


def is_place(text: str) -> bool:
    """Whether a text is a path on this machine, and not the id of a repository, a number or prose."""
    path = Path(text)
    is_far = path.is_absolute() and len(path.parts) > 2  # "/" and "/x" may be anything
    return is_far or ".." in path.parts or text.startswith("~") or os.path.exists(text)


def place_name(text: str) -> str:
    """The last part of a path on this machine; any other text as it is."""
    return os.path.basename(os.path.abspath(text)) or text if is_place(text) else text


def without_places(content):
    """JSON content in which every text that is a path on this machine is told by its last part."""
    if isinstance(content, dict):
        return {key: without_places(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_places(value) for value in content]
    return place_name(content) if isinstance(content, str) else content
