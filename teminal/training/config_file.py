"""Read the configuration of a training from YAML files, and from flags that override them."""

import difflib
import inspect
import itertools
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from teminal.cli import HIDDEN, make_parser
from teminal.training.config import RunConfig, TrainingConfig
from teminal.training.stages import SCENE_OPTIONS, STAGES, StageConfig

STAGE_HELP = "--max_train_steps and the options after it are for all stages; --B.learning_rate 1e-4 is for B alone."
SET_BY_SCRATCH = {"vocab_size", "max_position_embeddings", "truncation", "frequency_min"}
STAGE_OPTIONS = [item.name for item in fields(StageConfig)]


def parse_config(argv: list[str] | None = None, description: str | None = None) -> TrainingConfig:
    """Read `--config` and flags; `--B.learning_rate 1e-4` is for stage B, `--learning_rate 1e-4` for all stages.

    Raises:
        ValueError, OSError: naming the flag or the YAML's key at fault.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = make_parser([RunConfig, StageConfig], f"{description or ''}\n{STAGE_HELP}")
    for stage, item in itertools.product(STAGES, fields(StageConfig)):
        name = f"{stage}.{item.name}"
        flags = (f"--{name}", f"--{name.replace('_', '-')}")
        parser.add_argument(*flags, dest=name, type=item.type, default=item.default, help=HIDDEN)

    in_flags, unknown = parser.parse_known_args(argv)
    if unknown:
        meant = _did_you_mean(unknown[0].split("=")[0], [f"--{name}" for name in vars(in_flags)])
        raise ValueError(f"{unknown[0]}: no such option{meant}")
    given = _given_options(parser, argv)
    settings: dict[str, Any] = {}
    for path in in_flags.config:
        settings = _override(settings, _read_yaml(path))
    scratch = settings.pop("scratch", None) or {}
    values = vars(parser.parse_args([*_as_flags(settings), *argv]))

    run = {item.name: values[item.name] for item in fields(RunConfig)}
    if run["model_name_or_path"] and "text_model_name_or_path" not in given:
        run["text_model_name_or_path"] = None  # in YAML it is for a model from scratch, like `scratch`
    stages: dict[str, Any] = {}
    for stage in STAGES:
        for_one = {name: values[f"{stage}.{name}"] for name in STAGE_OPTIONS}
        for_all = {name: values[name] for name in STAGE_OPTIONS if name in given and f"{stage}.{name}" not in given}
        stages[stage] = StageConfig(**(for_one | for_all))
    config = TrainingConfig(**run, **stages, scratch=scratch)
    _check_used(config, given)
    return config


def _override(settings: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Return settings with those of `others` in place of the same, at any depth."""
    merged = dict(settings)
    for name, value in others.items():
        is_part = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _override(merged[name], value) if is_part else value
    return merged


def check_scratch(config: TrainingConfig) -> None:
    """Check the YAML's `scratch` part, for transformers ignores unknown keys.

    Raises:
        ValueError: naming the key at fault.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import ClapAudioConfig, ClapFeatureExtractor, ClapTextConfig  # with torch

    path = " ".join(config.config)
    scratch, where = config.scratch, f"--config {path}: scratch"
    if not scratch:
        return
    parts = {"audio_config": ClapAudioConfig, "text_config": ClapTextConfig, "feature_extractor": ClapFeatureExtractor}
    sizes = {"projection_dim", "temporal_positions", "own_time", "vocab_size"}
    _check_keys(path, "scratch.", scratch, {*sizes, *parts})
    for name, kind in parts.items():
        if name == "text_config" and config.text_model_name_or_path and name not in scratch:
            continue
        if name not in scratch:
            raise ValueError(f"{where}.{name} is missing")
        known = set(inspect.signature(kind).parameters) - SET_BY_SCRATCH
        _check_keys(path, f"scratch.{name}.", scratch[name], known)
        try:
            kind(**scratch[name])
        except (StrictDataclassError, TypeError, ValueError) as error:
            raise ValueError(f"{where}.{name}: {error}") from error
    audio = ClapAudioConfig(**scratch["audio_config"])
    size = audio.patch_embeds_hidden_size * 2 ** (len(audio.depths) - 1)
    if audio.hidden_size != size:
        raise ValueError(
            f"{where}.audio_config.hidden_size: {audio.hidden_size} must be {size}, patch_embeds_hidden_size * "
            "2^(stages - 1)"
        )


def _check_keys(path: str, prefix: str, settings: Any, known: set[str]) -> None:
    """Check that a YAML mapping has only known keys; `prefix` is its path, such as "A."."""
    if not isinstance(settings, dict):
        raise ValueError(f"--config {path}: expected `key: value` lines{f' under {prefix[:-1]}' if prefix else ''}")
    for key in settings:
        if key not in known:
            meant = _did_you_mean(f"{prefix}{key}", [f"{prefix}{name}" for name in known])
            raise ValueError(f"--config {path}: unknown key {prefix}{key}{meant}")


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _given_options(parser: Any, argv: list[str]) -> set[str]:
    """Return the names of the options in `argv`, after checking that repeated ones agree, as `--no_x` and `--x no`."""
    starts = [i for i, word in enumerate(argv) if word.startswith("--")]
    said: dict[str, tuple[Any, list[str]]] = {}
    for start, end in itertools.pairwise([*starts, len(argv)]):
        name = argv[start].split("=")[0].removeprefix("--").replace("-", "_").removeprefix("no_")
        words = argv[start:end]
        value = getattr(parser.parse_args(words), name)
        before, earlier = said.setdefault(name, (value, words))
        if str(value) != str(before):  # nan does not equal itself
            raise ValueError(f"{' '.join(earlier)} and {' '.join(words)} contradict each other: give one of them")
    return set(said)


def _as_flags(settings: dict[str, Any], prefix: str = "") -> list[str]:
    """Convert YAML settings to flags, so that argparse checks both; YAML reads `no` as false."""
    flags = []
    for name, value in settings.items():
        if isinstance(value, dict):
            flags += _as_flags(value, f"{name}.")
        elif value is not None:
            items = value if isinstance(value, list) else [value]
            words = [{True: "yes", False: "no"}[item] if isinstance(item, bool) else str(item) for item in items]
            flags += [f"--{prefix}{name}", *words]
    return flags


class _Loader(yaml.SafeLoader):
    """YAML loader that refuses duplicate keys, of which YAML would use the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is there twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def _read_yaml(path: str) -> dict[str, Any]:
    """Read a YAML file and check its keys."""
    try:
        settings = yaml.load(Path(path).read_text(encoding="utf-8-sig"), _Loader)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"--config {path}: line {line} is not UTF-8; save the file in that encoding") from error
    except OSError as error:
        raise ValueError(f"--config {path}: {error.strerror}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"--config {path}: not valid YAML: {error}") from error
    _check_keys(path, "", settings, {item.name for item in fields(TrainingConfig)} - {"config"})
    for stage in STAGES:
        if settings.get(stage) is not None:
            _check_keys(path, f"{stage}.", settings[stage], set(STAGE_OPTIONS))
    return settings


def _check_used(config: TrainingConfig, given: set[str]) -> None:
    """Check that every option on the command line has an effect.

    Its stage runs, an option that it `needs` is on, and a stage that it is for has scenes or trains the text encoder.
    """
    values = config.as_dict()
    settings = {"": values, **values.pop("stage")}
    on = {
        stage: {name for name, value in of_stage.items() if value not in (None, 0, "none", [])}
        for stage, of_stage in settings.items()
    }
    needed = {item.name: item.metadata.get("needs", []) for kind in (RunConfig, StageConfig) for item in fields(kind)}
    for name in given:
        stage, _, option = name.rpartition(".")
        if stage and stage not in config.stages:
            raise ValueError(f"--{name} does nothing without {stage} in --stages")
        is_for = [stage] if stage else config.stages
        if option in SCENE_OPTIONS and is_for == ["pretrain"]:
            raise ValueError(f"--{name} does nothing in pretrain, whose audios are single clips; drop it")
        if option == "text_learning_rate" and config.lora == "audio" and "pretrain" not in is_for:
            raise ValueError(f"--{name} does nothing with --lora audio, which keeps the text tower; drop it")
        is_on = on[stage] if stage else set().union(*on.values())
        if needed[option] and option in is_on and not is_on.intersection(needed[option]):
            raise ValueError(f"--{name} does nothing without --{needed[option][0]}")
