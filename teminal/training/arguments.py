"""Read a recipe: one YAML file, overridden by command-line flags, everything checked before any work."""

import difflib
import itertools
import math
import sys
from dataclasses import asdict, fields
from pathlib import Path

import yaml
from transformers import HfArgumentParser

from teminal.training.checks import check_recipe, check_used, check_values
from teminal.training.config import STAGES, StageConfig, StageFlags, TrainingConfig


def parse_recipe(argv: list[str] | None = None) -> TrainingConfig:
    """Read `--config` and the flags that override it.

    Raises:
        ValueError, OSError: an unknown key, stage or precision, or an unreadable YAML file.
    """
    parser = HfArgumentParser([TrainingConfig, StageFlags], allow_abbrev=False)
    parser.description = "Train a CLAP model to tell the order of sounds."
    argv = sys.argv[1:] if argv is None else argv
    given = _check_repeated(parser, argv)
    config = parser.parse_known_args(argv)[0].config
    settings = _read_yaml(config) if config else {}
    in_yaml = {stage: settings.pop(stage, None) or {} for stage in STAGES}
    scratch = settings.pop("scratch", None) or {}
    flags_and_yaml = [*_as_flags(settings), *argv]
    recipe, flags, unknown = parser.parse_args_into_dataclasses(flags_and_yaml, return_remaining_strings=True)
    if unknown:
        close = difflib.get_close_matches(unknown[0].split("=")[0], parser._option_string_actions, n=1)
        raise ValueError(f"{unknown[0]}: no such option{f'; did you mean {close[0]}?' if close else ''}")

    recipe.stages = [stage for item in recipe.stages for stage in item.split(",")]
    recipe.scratch = scratch
    check_values(recipe)
    from_flags = {name: value for name, value in asdict(flags).items() if value is not None}
    for stage in recipe.stages:
        recipe.stage[stage] = _stage_settings(config, stage, {**in_yaml[stage], **from_flags})
    check_recipe(recipe)
    check_used(recipe, given)
    return recipe


def _check_repeated(parser: HfArgumentParser, argv: list[str]) -> set[str]:
    """The options that are given. Of flags that say the same, such as `--no_x` and `--x no`, argparse would take the
    last: they must agree."""
    starts, said = [i for i, item in enumerate(argv) if item.startswith("--")], {}
    for start, end in itertools.pairwise([*starts, len(argv)]):
        name = argv[start].split("=")[0].removeprefix("--").replace("-", "_").removeprefix("no_")
        words = argv[start:end]
        value = getattr(parser.parse_known_args(words)[0], name, None)
        before, earlier = said.setdefault(name, (value, words))
        if value != before:
            raise ValueError(f"{' '.join(earlier)} and {' '.join(words)} contradict each other: give one of them")
    return set(said)


def _as_flags(settings: dict) -> list[str]:
    """YAML settings as the flags that say the same, so that argparse checks both; YAML reads `no` as false."""
    flags = []
    for name, value in settings.items():
        values = value if isinstance(value, list) else [value]
        texts = [{True: "yes", False: "no"}[item] if isinstance(item, bool) else str(item) for item in values]
        flags += [] if value is None else [f"--{name}", *texts]
    return flags


def _stage_settings(config: str | None, stage: str, chosen: dict) -> StageConfig:
    """Settings of the right types and ranges; YAML reads `1e-3`, without a point, as text."""
    types = {item.name: item.type for item in fields(StageConfig)}
    for name, value in chosen.items():
        least = 1 if name in ("max_train_steps", "per_device_train_batch_size") else 0
        try:
            chosen[name] = types[name](value)
        except (OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"--config {config}: {stage}.{name}: {value!r} is not a number") from error
        if not least <= chosen[name] < math.inf or chosen[name] != float(value):
            whole = "a whole number" if types[name] is int else "a number"
            raise ValueError(f"{stage}.{name}: {value!r} must be {whole} of at least {least}")
    return StageConfig(**chosen)


def _read_yaml(path: str) -> dict:
    """The YAML's settings, every key known and there once."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        settings = yaml.safe_load(text)
        _check_once(path, yaml.compose(text, yaml.SafeLoader))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"--config {path}: line {line} is not UTF-8; save the file in that encoding") from error
    except OSError as error:
        raise ValueError(f"--config {path}: {error.strerror}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"--config {path}: not valid YAML: {error}") from error
    check_keys(path, "", settings, {item.name for item in fields(TrainingConfig)} - {"config", "stage"} | set(STAGES))
    for stage in STAGES:
        if settings.get(stage) is not None:
            check_keys(path, f"{stage}.", settings[stage], {item.name for item in fields(StageConfig)})
    return settings


def _check_once(path: str, node: yaml.Node | None) -> None:
    """Whether each key of a mapping is there once; YAML takes the last of several."""
    if not isinstance(node, yaml.MappingNode):
        return
    keys = set()
    for key, value in node.value:
        if key.value in keys:
            raise ValueError(f"--config {path}: line {key.start_mark.line + 1}: {key.value} is there again")
        keys.add(key.value)
        _check_once(path, value)


def check_keys(path: str, prefix: str, settings: dict, known: set[str]) -> None:
    """Whether a mapping of the YAML at `path` has known keys alone; `prefix` is where it stands, such as "A.".

    Raises:
        ValueError: naming the key, with one that may be meant.
    """
    if not isinstance(settings, dict):
        raise ValueError(f"--config {path}: expected `key: value` lines{f' under {prefix[:-1]}' if prefix else ''}")
    for key in settings:
        if key not in known:
            hint = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {prefix}{hint[0]}?" if hint else f"; known are {', '.join(sorted(known))}"
            raise ValueError(f"--config {path}: unknown key {prefix}{key}{hint}")
