"""Load and check CLAP checkpoints of transformers and PEFT adapters; check and hash the weights of any model."""

import hashlib
import importlib
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from huggingface_hub.errors import HTTPError
from transformers import AutoTokenizer, ClapConfig, PreTrainedModel

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel, TeminalProcessor
from modeling_teminal.text_teminal import longest_caption
from teminal.hub import use_cache_if_hub_is_away, why_not_loaded

NEEDED_FILES = [
    ("tokenizer.json", "vocab.json", "vocab.txt"),
    ("processor_config.json", "preprocessor_config.json"),
]
HEAD = "temporal_head."
ROOT = Path(__file__).parents[2]
CODE = [  # files whose changes may change embeddings
    "modeling_teminal/*.py",
    "teminal/audio.py",
    *(f"teminal/evaluation/{name}.py" for name in ("clap", "checkpoints", "libraries", "windows")),
]


def load_clap(model_name_or_path: str, **config_overrides: Any) -> tuple[TeminalModel, TeminalProcessor]:
    """Load any CLAP checkpoint, stock or TeminAL, with a deterministic feature extractor.

    Args:
        config_overrides: values that replace those of its configuration; a new temporal head gets new weights.

    Raises:
        OSError, ValueError: there is no such checkpoint, its weights are missing, truncated, not finite or not those
            of a CLAP, or its tokenizer is damaged.
    """
    flag = f"--model_name_or_path {model_name_or_path}"
    use_cache_if_hub_is_away(model_name_or_path)
    if Path(model_name_or_path).is_dir() and not (Path(model_name_or_path) / "config.json").is_file():
        raise OSError(f"{flag}: there is no config.json in it; give the folder of a saved model")
    with _explained(model_name_or_path, "no CLAP can be built from its config.json"):
        values, _ = TeminalConfig.get_config_dict(model_name_or_path)
        if values.get("model_type") not in ("clap", "teminal"):
            raise ValueError(f"model_type is {values.get('model_type')!r}")
        config = TeminalConfig.from_dict({**values, **config_overrides})
        with torch.device("meta"):
            TeminalModel(config)
    path = Path(model_name_or_path)
    for names in NEEDED_FILES:
        if path.is_dir() and not any((path / name).is_file() for name in names):
            raise OSError(f"{flag}: no {' or '.join(names)} in this folder; save or download the processor again")
    with _explained(model_name_or_path, "weights damaged or of another shape, save or download them again"):
        loaded: Any = TeminalModel.from_pretrained(
            model_name_or_path, config=config, dtype=torch.float32, output_loading_info=True
        )
    with _explained(model_name_or_path, "its tokenizer or processor is damaged, save or download it again"):
        extractor = TeminalFeatureExtractor.from_pretrained(model_name_or_path)
        tokenizer = AutoTokenizer.from_pretrained(
            model_name_or_path,
            config=ClapConfig(),  # RoBERTa's tokenizer if tokenizer_config.json names none, without asking for trust
            trust_remote_code=False,
            model_input_names=["input_ids", "attention_mask"],  # the model takes no token types
        )
    model, loading = loaded
    new_head = config.temporal_head and not values.get("temporal_head")
    require_complete(flag, model, loading["missing_keys"], loading["unexpected_keys"], new_head)
    tokenizer.model_max_length = min(tokenizer.model_max_length, longest_caption(model.config.text_config))
    extractor.return_num_frames = model.config.temporal_head
    return model.eval(), TeminalProcessor(extractor, tokenizer)


def load_adapted_clap(model_name_or_path: str) -> tuple[TeminalModel, TeminalProcessor]:
    """Load a PEFT adapter of a CLAP, from a folder or the Hub, and merge it into its base model.

    Raises:
        OSError, ValueError: the adapter names no base, its weights are missing, damaged, not finite, of another rank
            or for another model, or its base cannot be loaded.
    """
    flag = f"--model_name_or_path {model_name_or_path}"
    peft = require_library("peft", "peft")
    with _explained(model_name_or_path, "no adapter can be built from its adapter_config.json"):
        config = peft.PeftConfig.from_pretrained(model_name_or_path)
        if not config.base_model_name_or_path:
            raise ValueError("it names no base_model_name_or_path")
    head = {"temporal_head": True} if "temporal_head" in (config.modules_to_save or ()) else {}
    try:
        model, processor = load_clap(config.base_model_name_or_path, **head)
    except (OSError, ValueError) as error:
        raise ValueError(f"{flag}: the base of this adapter cannot be loaded: {error}") from error
    with _explained(model_name_or_path, "the adapter's weights do not fit or cannot be read"):
        weights = peft.load_peft_weights(model_name_or_path, device="cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about missing keys, which are an error below
            adapted = peft.PeftModel.from_pretrained(model, model_name_or_path)
    expected = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
    missing = expected.keys() - weights.keys()
    foreign = weights.keys() - expected.keys() - adapted.state_dict().keys()
    if missing or foreign:
        raise ValueError(
            f"{flag}: {len(missing)} of the adapter's weights are missing and {len(foreign)} are not of this model, "
            f"such as {min(missing or foreign)}; save or download it again, with its own base"
        )
    require_finite(flag, weights)
    return adapted.merge_and_unload().eval(), processor


@contextmanager
def _explained(model_name_or_path: str, fault: str) -> Iterator[None]:
    """Name the model in errors, and `fault` in those that are not from the disk or the Hub."""
    flag = f"--model_name_or_path {model_name_or_path}"
    try:
        yield
    except (OSError, HTTPError) as error:
        raise OSError(f"{flag}: {why_not_loaded(model_name_or_path, error)}") from error
    except Exception as error:  # safetensors, tokenizers, torch and transformers raise many kinds
        reason = " ".join(str(error).split("\n", 2)[:2])  # torch lists each weight that does not fit
        raise ValueError(f"{flag}: {fault}: {type(error).__name__}: {reason}") from error


def require_complete(
    flag: str, model: PreTrainedModel, missing: Collection[str], unexpected: Collection[str], new_head: bool
) -> None:
    """Check that a checkpoint had all weights of its configuration, and that they are finite.

    Args:
        missing, unexpected: keys that `from_pretrained(..., output_loading_info=True)` returns.
        new_head: the temporal head is new, not one of the checkpoint.

    Raises:
        ValueError: weights or buffers are missing or not finite, or only one of weights and configuration has a head.
    """
    state = model.state_dict()
    lost = [key for key in missing if key in state and state[key].is_floating_point()]  # integers are computed
    head = {key for key in state if key.startswith(HEAD)}
    if new_head:
        lost = [key for key in lost if key not in head]
    elif head and head <= set(lost):
        raise ValueError(
            f"{flag}: its config.json has a temporal head and its weights have none, as when `ClapModel` loads and "
            "saves a TeminAL model; take the original, or save it with `TeminalModel`"
        )
    if lost:
        raise ValueError(
            f"{flag}: not a whole CLAP: {len(lost)} weights are missing, such as {min(lost)}; "
            "save or download them again"
        )
    if any(key.startswith(HEAD) for key in unexpected):
        raise ValueError(f"{flag}: its weights have a temporal head and its config.json none")
    require_finite(flag, state)


def require_library(name: str, packages: str) -> ModuleType:
    """Import an optional library, or raise a ValueError that says what to `pip install`."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError) as error:  # no network, or a torchaudio of another torch
        raise ValueError(f"{name} is needed and does not import: {error}; `pip install {packages}`") from error


def identify(state: Mapping[str, torch.Tensor], *config: str) -> str:
    """Hash weights and configuration."""
    hashed = hashlib.sha256("\0".join(config).encode())
    for name, value in sorted(state.items()):
        hashed.update(name.encode() + value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()


def fingerprint(identity: str, device: str = "") -> str:
    """Hash a model's identity, its device and the code that embeds: the same embeddings to the last bit."""
    hashed = hashlib.sha256(f"{identity} {device}".encode())
    for pattern in CODE:
        for file in sorted(ROOT.glob(pattern)):
            hashed.update(file.read_bytes())
    return hashed.hexdigest()


def require_finite(flag: str, state: Mapping[str, torch.Tensor]) -> None:
    """Raise a ValueError that begins with `flag` if a weight or a buffer has NaN or infinity."""
    faulty = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if faulty:
        raise ValueError(f"{flag}: {len(faulty)} weights are not finite, such as {faulty[0]}: its training failed")


def require_finite_embeds(embeds: torch.Tensor) -> torch.Tensor:
    """Return embeddings (N, D) unchanged, or raise a ValueError if they have NaN or infinity."""
    if not embeds.isfinite().all():
        raise ValueError("the model gives embeddings that are not finite: its weights are damaged or too large")
    return embeds
