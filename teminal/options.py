"""Declare the options of a command as the fields of a dataclass, with the ranges of numbers."""

import math
from dataclasses import field, fields
from typing import Any


def option(default: Any, help: str | None = None, **about: Any) -> Any:
    """Declare a field of an options dataclass; a list is copied for each instance.

    Args:
        default: the value without the flag; `dataclasses.MISSING` makes the flag required.
        help: shown by `--help`.
        about: `least` and `most` of a number, see [`check_ranges`]; `may_change` and `needs`, see
            `teminal.training.config`; further arguments of `argparse.add_argument`.
    """
    metadata = {"help": help, **about} if help else about
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def check_ranges(options: Any, prefix: str = "") -> None:
    """Check that numbers are finite and lie between `least` and `most` of their [`option`].

    Raises:
        ValueError: a number is outside; the message names the flag, as `prefix` and field name.
    """
    for item in fields(options):
        least, most = item.metadata.get("least"), item.metadata.get("most", math.inf)
        value = getattr(options, item.name)
        if least is None or value is None:
            continue
        for number in value if isinstance(value, list) else [value]:
            if not (least <= number <= most and number < math.inf):
                to = f"from {least:g} to {most:g}" if most < math.inf else f"finite and at least {least:g}"
                raise ValueError(f"--{prefix}{item.name} {number}: must be {to}")
