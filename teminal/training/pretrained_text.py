"""A pretrained BERT or RoBERTa encoder as the text tower of a CLAP from scratch."""

import torch
from transformers import (
    AutoModel,
    AutoTokenizer,
    ClapTextConfig,
    ClapTextModel,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)
from transformers.utils import cached_file

from teminal.evaluation.weights import require_finite
from teminal.hub import use_cache_if_hub_is_away, why_not_loaded

ROBERTA_TYPES = ("roberta", "xlm-roberta", "camembert")
SAME_IN_CLAP = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "type_vocab_size",
    "layer_norm_eps",
    "bos_token_id",
    "eos_token_id",
)


def load_text_encoder(text_model_name_or_path: str) -> tuple[ClapTextModel, PreTrainedTokenizerBase]:
    """A CLAP text tower with the weights of a pretrained encoder, and the encoder's tokenizer.

    CLAP's text tower is a RoBERTa: its position numbers start at `pad_token_id` + 1 where BERT's start at 0, so the
    position embeddings of a BERT are moved there. `last_hidden_state` of every token that is not padding is the
    encoder's within 1e-5, in fp32.

    The tower stays CLAP's own and pools the first token through `pooler`, new and random where the encoder has none;
    an encoder trained with mean pooling, as most sentence encoders are, has to learn to fill that token.

    Args:
        text_model_name_or_path: folder or Hub id of an encoder of type BERT, RoBERTa, XLM-RoBERTa or CamemBERT.

    Raises:
        OSError, ValueError: no such encoder, one of another type, or one without tokenizer or with weights that are
            missing or not finite.
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
    return _as_clap(encoder, tokenizer, loading["missing_keys"]), tokenizer


def _check_type(values: dict):
    model_type, positions = values.get("model_type"), values.get("position_embedding_type", "absolute")
    if model_type is None:
        raise ValueError("no config.json with a model_type; save or download the encoder again")
    if model_type not in ("bert", *ROBERTA_TYPES):
        raise ValueError(f"model_type={model_type!r}: must be bert, {', '.join(ROBERTA_TYPES)}")
    if positions != "absolute" or values.get("is_decoder"):
        raise ValueError("must be a bidirectional encoder with absolute position embeddings")


def _load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The encoder's own; without token types, of which captions have one and which CLAP models do not take."""
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
def _as_clap(encoder, tokenizer, missing_keys) -> ClapTextModel:
    """The encoder's weights in a CLAP text tower; `tokenizer.model_max_length` becomes what the tower can take."""
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
