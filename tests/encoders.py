"""Tiny random BERT and RoBERTa encoders, saved with their tokenizers."""

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertModel,
    BertTokenizer,
    CamembertTokenizer,
    XLMRobertaTokenizer,
)

from teminal.training.scratch import build_scratch_clap, load_text_encoder

from .conftest import TINY_SCRATCH

KINDS = ["bert", "bert whose padding is not token 0", "roberta", "xlm-roberta", "camembert"]
CAPTIONS = ["A dog before rain.", "This is a sound of wind.", "rain", "A dog while wind then a siren then rain"]
WORDS = ["a", "this", "is", "sound", "of", "dog", "rain", "wind", "siren", "before", "while", "then", "."]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "type_vocab_size": 2,
    "initializer_range": 0.5,
}


def bert_tokenizer(*before) -> BertTokenizer:
    tokens = [*before, "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    return BertTokenizer(vocab={token: i for i, token in enumerate(tokens)})


def save_bert(folder, *before, model_class=BertModel):
    tokenizer = bert_tokenizer(*before)
    padding = tokenizer.pad_token_id
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=40, pad_token_id=padding, **SIZES)
    save(folder, model_class(config), tokenizer)


def unigram_tokenizer(tokenizer_class, *special):
    tokens = [*special, *(f"▁{word}" for word in WORDS)]
    return tokenizer_class(vocab=[(token, -float(i)) for i, token in enumerate(tokens)])


def save_roberta(folder, model_type, tokenizer):
    config = AutoConfig.for_model(
        model_type, vocab_size=len(tokenizer), max_position_embeddings=42, layer_norm_eps=1e-5, **SIZES
    )
    save(folder, AutoModel.from_config(config), tokenizer)


def save(folder, model, tokenizer):
    for name, parameter in model.named_parameters():
        if "LayerNorm" in name or name.endswith("bias"):
            torch.nn.init.normal_(parameter, 0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def build_clap(bank, folder, temporal_head=False):
    scratch = {name: value for name, value in TINY_SCRATCH.items() if name not in ("text_config", "vocab_size")}
    return build_scratch_clap(bank, temporal_head, text_encoder=load_text_encoder(str(folder)), **scratch)


def save_encoder(folder, kind, roberta_tokenizer):
    """An encoder of one of `KINDS`, of at most 40 tokens."""
    if kind == "roberta":
        save_roberta(folder, kind, roberta_tokenizer)
    elif kind == "xlm-roberta":
        save_roberta(folder, kind, unigram_tokenizer(XLMRobertaTokenizer, "<s>", "<pad>", "</s>", "<unk>"))
    elif kind == "camembert":
        save_roberta(
            folder, kind, unigram_tokenizer(CamembertTokenizer, "<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>")
        )
    elif kind == "bert":
        save_bert(folder)
    else:
        save_bert(folder, "[unused0]", "[unused1]")
    return folder
