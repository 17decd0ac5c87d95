"""Build a CLAP from scratch, with a new or a pretrained text encoder."""

import itertools
import json
from typing import Any

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AutoModel,
    AutoTokenizer,
    ClapAudioConfig,
    ClapTextConfig,
    ClapTextModel,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    RobertaTokenizer,
)
from transformers.utils import cached_file

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel, TeminalProcessor
from teminal.captions import DEFAULT, TRAINING
from teminal.clips import ClipBank
from teminal.evaluation.checkpoints import require_finite
from teminal.features import compute_features
from teminal.hub import use_cache_if_hub_is_away, why_not_loaded
from teminal.natural_captions import NATURAL_TRAINING

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MAX_TOKENS = 256  # enough for two human captions joined into one, in words unknown to the tokenizer
CALIBRATION_CLIPS = 256
ROBERTA_TYPES = ("roberta", "xlm-roberta", "camembert")
SAME_IN_CLAP = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "hidden_dropout_prob", "attention_probs_dropout_prob", "type_vocab_size", "layer_norm_eps", "bos_token_id",
    "eos_token_id",
)  # fmt: skip


def build_scratch_clap(
    bank: ClipBank,
    temporal_head: bool,
    *,
    text_encoder: tuple[ClapTextModel, PreTrainedTokenizerBase] | None = None,
    projection_dim: int = 128,
    temporal_positions: int = 8,
    own_time: bool = True,
    vocab_size: int = 800,
    audio_config: dict,
    text_config: dict | None = None,
    feature_extractor: dict,
) -> tuple[TeminalModel, TeminalProcessor]:
    """Build a randomly initialised model and its processor.

    Args:
        bank: training clips; the tokenizer is trained on their labels or captions, batch norm on their features.
        text_encoder: pretrained text tower and tokenizer from [`load_text_encoder`], instead of `vocab_size` and
            `text_config`.
        projection_dim: dimension of the shared embedding space.
        temporal_positions, own_time: of the temporal head, see [`TeminalConfig`].
        vocab_size: of the byte-level BPE tokenizer.
        audio_config, text_config, feature_extractor: arguments of the transformers classes.
    """
    if text_encoder:
        text_model, tokenizer = text_encoder
        full_text_config = text_model.config
    else:
        tokenizer = _train_tokenizer(bank, vocab_size)
        full_text_config = ClapTextConfig(
            vocab_size=len(tokenizer), max_position_embeddings=tokenizer.model_max_length + 2, **(text_config or {})
        )
    config = TeminalConfig(
        audio_config=ClapAudioConfig(**audio_config).to_dict(),
        text_config=full_text_config.to_dict(),
        projection_dim=projection_dim,
        temporal_head=temporal_head,
        temporal_positions=temporal_positions,
        own_time=own_time,
    )
    extractor = TeminalFeatureExtractor(
        truncation="rand_trunc", frequency_min=50, return_num_frames=temporal_head, **feature_extractor
    )
    model = TeminalModel(config)
    if text_encoder:
        model.text_model.load_state_dict(text_model.state_dict())
    _calibrate_batch_norm(model, extractor, bank)
    return model, TeminalProcessor(extractor, tokenizer)


def _train_tokenizer(bank: ClipBank, vocab_size: int) -> RobertaTokenizer:
    """Train byte-level BPE on every label in every wording, or on captions and the words that join them."""
    if bank.classes:
        labels = [label.replace("_", " ") for label in bank.classes]
        pairs = list(itertools.pairwise([*labels, labels[0]]))
        templates = [*DEFAULT.values(), *itertools.chain.from_iterable(TRAINING.values())]
        texts = [template.format(x, y) for template in templates for x, y in pairs]
    else:
        captions = [caption for clip in bank.clips for caption in clip.captions]
        texts = [*captions, *itertools.chain.from_iterable(NATURAL_TRAINING.values())]
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, vocab_size=vocab_size, min_frequency=2, special_tokens=SPECIAL_TOKENS)
    learned = json.loads(bpe.to_str())["model"]
    merges: Any = [tuple(merge) for merge in learned["merges"]]
    return RobertaTokenizer(vocab=learned["vocab"], merges=merges, model_max_length=MAX_TOKENS)


@torch.no_grad()
def _calibrate_batch_norm(model: TeminalModel, extractor: TeminalFeatureExtractor, bank: ClipBank) -> None:
    """Set the running statistics of the input batch norm from training clips; training does not update them."""
    chosen = np.linspace(0, len(bank.clips) - 1, min(CALIBRATION_CLIPS, len(bank.clips))).astype(int)
    waveforms = torch.from_numpy(np.stack([bank.raw[index] for index in chosen]).astype(np.float32))
    mel = compute_features(extractor, [waveforms]).windows
    batch_norm = model.audio_model.audio_encoder.batch_norm
    batch_norm.running_mean.copy_(mel.mean((0, 1, 2)))
    batch_norm.running_var.copy_(mel.var((0, 1, 2)))


def load_text_encoder(text_model_name_or_path: str) -> tuple[ClapTextModel, PreTrainedTokenizerBase]:
    """Load a pretrained BERT, RoBERTa, XLM-RoBERTa or CamemBERT as a CLAP text tower, and its tokenizer.

    Its `last_hidden_state` equals the encoder's within 1e-5 in fp32, except for padding. CLAP pools the first token
    through `pooler`, which is random if the encoder has none. A sentence encoder trained with mean pooling must first
    learn to use that token.

    Raises:
        OSError, ValueError: the encoder or its tokenizer is missing, its type is not supported, or weights are missing
            or not finite.
    """
    flag = f"--text_model_name_or_path {text_model_name_or_path}"
    try:
        use_cache_if_hub_is_away(text_model_name_or_path)
        values, _ = PreTrainedConfig.get_config_dict(text_model_name_or_path)
        _check_type(values)
        encoder, loading = AutoModel.from_pretrained(
            text_model_name_or_path, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
        tokenizer = _load_tokenizer(text_model_name_or_path)
    except OSError as error:
        raise OSError(f"{flag}: {why_not_loaded(text_model_name_or_path, error)}") from error
    except Exception as error:
        raise ValueError(f"{flag}: {error}") from error
    missing = {key for key in loading["missing_keys"] if not key.startswith("pooler.")}
    if missing:
        raise ValueError(f"{flag}: {len(missing)} weights are missing, such as {min(missing)}; download it again")
    require_finite(flag, encoder.state_dict())
    if len(tokenizer) > encoder.config.vocab_size:
        raise ValueError(
            f"{flag}: the tokenizer has {len(tokenizer)} tokens, the encoder embeddings of {encoder.config.vocab_size}"
        )
    return _convert_to_clap(encoder, tokenizer, loading["missing_keys"]), tokenizer


def _check_type(values: dict) -> None:
    model_type, positions = values.get("model_type"), values.get("position_embedding_type", "absolute")
    if model_type is None:
        raise ValueError("no config.json with a model_type; save or download the encoder again")
    if model_type not in ("bert", *ROBERTA_TYPES):
        raise ValueError(f"model_type={model_type!r}: must be bert, {', '.join(ROBERTA_TYPES)}")
    if positions != "absolute" or values.get("is_decoder"):
        raise ValueError("must be a bidirectional encoder with absolute position embeddings")


def _load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """Load the encoder's tokenizer, without token types, which CLAP does not take."""
    tokenizer = AutoTokenizer.from_pretrained(
        name, trust_remote_code=False, model_input_names=["input_ids", "attention_mask"]
    )
    files = sorted({"tokenizer.json", *tokenizer.vocab_files_names.values()})
    if not any(cached_file(name, file, _raise_exceptions_for_missing_entries=False) for file in files):
        raise ValueError(f"no tokenizer: needs {' or '.join(files)}; save or download model and tokenizer again")
    if tokenizer.pad_token is None:
        raise ValueError("its tokenizer has no padding token")
    return tokenizer


@torch.no_grad()
def _convert_to_clap(encoder: Any, tokenizer: PreTrainedTokenizerBase, missing_keys: set[str]) -> ClapTextModel:
    """Copy the encoder's weights to a CLAP text tower, and limit `tokenizer.model_max_length` to its positions.

    CLAP's positions start at `pad_token_id` + 1, as RoBERTa's. BERT's start at 0 and are shifted.
    """
    positions = encoder.embeddings.position_embeddings.weight
    padding = encoder.config.pad_token_id
    if encoder.config.model_type == "bert":
        padding = tokenizer.pad_token_id
        positions = torch.cat([positions.new_zeros(padding + 1, positions.shape[1]), positions])
    tokenizer.model_max_length = min(tokenizer.model_max_length, len(positions) - padding - 1)
    sizes = {name: getattr(encoder.config, name) for name in SAME_IN_CLAP}
    text_model = ClapTextModel(ClapTextConfig(**sizes, pad_token_id=padding, max_position_embeddings=len(positions)))
    weights = {key: value for key, value in encoder.state_dict().items() if key not in missing_keys}
    weights["embeddings.position_embeddings.weight"] = positions
    text_model.load_state_dict({**text_model.state_dict(), **weights})
    return text_model.eval()
