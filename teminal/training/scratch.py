"""A CLAP built from scratch, for when no pretrained one is at hand: tokenizer, towers, input normalisation."""

import itertools
import json

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    ClapAudioConfig,
    ClapTextConfig,
    ClapTextModel,
    PreTrainedTokenizerBase,
    RobertaTokenizer,
)

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel, TeminalProcessor
from teminal.captions import DEFAULT, NATURAL_TRAINING, TRAINING
from teminal.clips import ClipBank
from teminal.rendering import SAMPLING_RATE

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MAX_TOKENS = 256  # two captions of people in one, also in words that the tokenizer has not seen


def build_scratch_clap(
    bank: ClipBank,
    temporal_head: bool,
    *,
    text_encoder: tuple[ClapTextModel, PreTrainedTokenizerBase] | None = None,
    projection_dim=128,
    vocab_size=800,
    audio_config,
    text_config=None,
    feature_extractor,
) -> tuple[TeminalModel, TeminalProcessor]:
    """A randomly initialised model, but for a pretrained text encoder if there is one, and its processor.

    Args:
        bank: training clips: their labels or captions feed the tokenizer, their features the input normalisation.
        temporal_head: whether the model has one.
        text_encoder: pretrained text tower and tokenizer, of [`load_text_encoder`]; `vocab_size` and `text_config`
            are then not used.
        projection_dim: size of the joint space.
        vocab_size: of the byte-level BPE tokenizer, trained on the captions; bytes cover every other word.
        audio_config, text_config, feature_extractor: arguments of the transformers classes.
    """
    if text_encoder:
        text_model, tokenizer = text_encoder
        full_text_config = text_model.config
    else:
        tokenizer = _train_tokenizer(bank, vocab_size)
        full_text_config = ClapTextConfig(
            vocab_size=len(tokenizer), max_position_embeddings=tokenizer.model_max_length + 2, **text_config
        )
    config = TeminalConfig(
        audio_config=ClapAudioConfig(**audio_config).to_dict(),
        text_config=full_text_config.to_dict(),
        projection_dim=projection_dim,
        temporal_head=temporal_head,
    )
    extractor = TeminalFeatureExtractor(truncation="rand_trunc", frequency_min=50, **feature_extractor)
    model = TeminalModel(config)
    if text_encoder:
        model.text_model.load_state_dict(text_model.state_dict())
    _calibrate_batch_norm(model, extractor, bank)
    return model, TeminalProcessor(extractor, tokenizer)


def _train_tokenizer(bank: ClipBank, vocab_size: int) -> RobertaTokenizer:
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(_texts(bank), vocab_size=vocab_size, min_frequency=2, special_tokens=SPECIAL_TOKENS)
    learned = json.loads(bpe.to_str())["model"]
    merges = [tuple(merge) for merge in learned["merges"]]
    return RobertaTokenizer(vocab=learned["vocab"], merges=merges, model_max_length=MAX_TOKENS)


def _texts(bank: ClipBank) -> list[str]:
    """Every label in every wording; or the captions as they are, and the wordings that join them."""
    if not bank.classes:
        captions = [caption for clip in bank.clips for caption in clip.captions]
        return [*captions, *itertools.chain.from_iterable(NATURAL_TRAINING.values())]
    labels = [label.replace("_", " ") for label in bank.classes]
    templates = [*DEFAULT.values(), *itertools.chain.from_iterable(TRAINING.values())]
    return [template.format(x, y) for template in templates for x, y in itertools.pairwise([*labels, labels[0]])]


@torch.no_grad()
def _calibrate_batch_norm(model, extractor, bank, n_clips=256):
    """Set the running statistics of the input batch norm from training clips; training leaves them as they are."""
    chosen = np.linspace(0, len(bank.clips) - 1, min(n_clips, len(bank.clips))).astype(int)
    waveforms = torch.from_numpy(bank.raw[chosen].astype(np.float32))
    mel = extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"]
    batch_norm = model.audio_model.audio_encoder.batch_norm
    batch_norm.running_mean.copy_(mel.mean((0, 1, 2)))
    batch_norm.running_var.copy_(mel.var((0, 1, 2)))
