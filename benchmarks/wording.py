"""Test how a pretrained text encoder understands wordings that it was not trained in, without audio.

The text warm-up of stage B trains the encoder in training wordings. Then captions of two sounds that it never met
together have to find their scene among the learned ones: the right order of two, and the right one of forward,
reversed and overlay. Tested are the held-out wordings of ZSTE task 5, after training in all training wordings; and in
cross-validation every verb, phrase and sentence of the training wordings, after training in the other folds.

    python benchmarks/wording.py --text_model_name_or_path sentence-transformers/all-MiniLM-L6-v2 --esc50_dir ESC-50 \
        --output_json results/wording.json
"""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np
import side_by_side as bench
import torch
from transformers import ClapAudioConfig

from modeling_teminal import TeminalConfig, TeminalModel
from teminal import wordings
from teminal.captions import DEFAULT, HELD_OUT, TRAINING, say
from teminal.clips import ClipBank
from teminal.sampling.training import TrainingSampler
from teminal.scenes import Caption, variant_scene
from teminal.sources import load_clips
from teminal.splits import split_pairs
from teminal.training.batches import BatchComposer
from teminal.training.launch import detect_bf16
from teminal.training.scratch import load_text_encoder
from teminal.training.stages import StageConfig
from teminal.training.text_warmup import SceneAnchors, warm_up_text

RIGHT_SCENE = {"before": "forward", "after": "reversed", "while": "overlay"}  # of "x before y" and so on
N_PAIRS = 100  # unseen pairs of classes that each wording is tested on

Templates = list[tuple[str, str]]  # relation, template


class Uninterrupted:
    """Takes the place of the signals that a training listens to."""

    received = 0


class TextEncoder:
    """The text tower of a CLAP whose audio tower is not used."""

    def __init__(self, text_model_name_or_path: str, dropout: float):
        text_model, self.tokenizer = load_text_encoder(text_model_name_or_path)
        text_config = text_model.config.to_dict()
        text_config |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        audio = ClapAudioConfig(depths=[1], num_attention_heads=[1], patch_embeds_hidden_size=8, hidden_size=8)
        config = TeminalConfig(audio_config=audio.to_dict(), text_config=text_config, projection_dim=128)
        self.model = TeminalModel(config)
        self.model.text_model.load_state_dict(text_model.state_dict())
        self.bf16, _ = detect_bf16(torch.device("cpu"))

    def encode(self, texts: list[str]) -> torch.Tensor:
        """Embed captions as (N, 128), normalised; in bf16 where a training is."""
        tokens = self.tokenizer(texts, padding=True, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return self.model.get_text_features(**tokens).pooler_output.float()


def train_text(
    name: str, dropout: float, bank: ClipBank, stage: StageConfig, seed: int
) -> tuple[TextEncoder, SceneAnchors, float]:
    """Warm up the text tower in the training wordings; the last value is the in-group loss that it ends with."""
    torch.manual_seed(seed)
    encoder = TextEncoder(name, dropout)
    encoder.model.train()
    composer = BatchComposer(TrainingSampler(bank), None, "B", stage, seed)
    in_group, anchors = warm_up_text(encoder.model, encoder.encode, composer, Uninterrupted(), show_progress=True)
    encoder.model.eval()
    return encoder, anchors, in_group


@torch.no_grad()
def measure_templates(templates: Templates, pairs: list, encoder: TextEncoder, anchors: SceneAnchors) -> dict:
    """Measure for each template how many captions of `pairs` are nearest to the scene that they are true of."""
    variants = list(RIGHT_SCENE.values())
    embeds = torch.stack([anchors([variant_scene(variant, *pair) for pair in pairs]) for variant in variants])
    figures = {}
    for relation, template in templates:
        texts = [say(Caption(relation, pair), template) for pair in pairs]
        scores = (embeds * encoder.encode(texts)).sum(-1)  # (variants, pairs)
        right = variants.index(RIGHT_SCENE[relation])
        found = {"is": relation, "relation": (scores.argmax(0) == right).float().mean().item()}
        if relation != "while":
            found["order"] = (scores[right] > scores[1 - right]).float().mean().item()
        figures[template] = found
    return figures


def held_out_templates() -> Templates:
    """List the wordings of ZSTE task 5, and the default ones beside them."""
    two = [(relation, template) for relation in ("before", "while") for template in HELD_OUT[relation]]
    sentences = [("before", template) for template in HELD_OUT["sentence"]]
    return [*two, *sentences, *((relation, DEFAULT[relation]) for relation in RIGHT_SCENE)]


@contextmanager
def use_fold(fold: int, n_folds: int, left_out: bool) -> Iterator[None]:
    """Cut the grammar to the verbs, phrases and sentences of a fold (every `n_folds`-th), or to all others."""

    def cut(lines: list[str]) -> list[str]:
        return [line for number, line in enumerate(lines) if (number % n_folds == fold) == left_out]

    with ExitStack() as stack:
        for part in (wordings.VERBS, wordings.PHRASES, wordings.SENTENCES):
            stack.enter_context(mock.patch.dict(part, {name: cut(lines) for name, lines in part.items()}))
        for name in ("BEGINNINGS", "ENDINGS"):
            stack.enter_context(mock.patch.object(wordings, name, cut(getattr(wordings, name))))
        templates = {relation: wordings.make_templates(relation) for relation in RIGHT_SCENE}
        stack.enter_context(mock.patch.dict(TRAINING, templates))
        yield


def grammar_templates() -> Templates:
    """List the phrases, clauses and sentences of the grammar, without frames."""
    templates = []
    for relation in RIGHT_SCENE:
        phrases, clauses = wordings.make_phrases_and_clauses(relation)
        sentences = list(wordings.SENTENCES[relation])
        if relation != "while":
            sentences += wordings.say_beginnings_and_endings(relation)
        templates += [(relation, said) for said in (*phrases, *clauses, *sentences)]
    return templates


def summarise(figures: dict[str, dict]) -> dict[str, float]:
    """Compute the mean and the least of order and relation over templates."""
    summary = {"templates": len(figures)}
    for name in ("order", "relation"):
        values = [figure[name] for figure in figures.values() if name in figure]
        summary |= {f"{name}_mean": statistics.fmean(values), f"{name}_least": min(values)}
    return summary


def print_table(figures: dict[str, dict]) -> None:
    """Print a line per template, in %."""
    print("order  relation  wording")
    for template, figure in figures.items():
        order = f"{figure['order']:5.0%}" if "order" in figure else "     "
        print(f"{order}  {figure['relation']:8.0%}  {figure['is']:6}  {template}", flush=True)


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--text_model_name_or_path", required=True, help="BERT or RoBERTa encoder, folder or Hub id")
    parser.add_argument("--esc50_dir", required=True, help="for the names of its classes")
    parser.add_argument("--steps", type=int, default=800, help="of the text warm-up")
    parser.add_argument("--batch_size", type=int, default=12, help="groups of four captions in each step")
    parser.add_argument("--learning_rate", type=float, default=2e-4)
    parser.add_argument("--dropout", type=float, default=0.0, help="of the text tower")
    parser.add_argument("--n_folds", type=int, default=3, help="of the cross-validation; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    bank = ClipBank(load_clips("esc50", esc50_dir=args.esc50_dir), {}, {}, {}, "")  # names alone
    rng = np.random.default_rng(args.seed)
    unseen = [tuple(rng.permutation(pair).tolist()) for pair in split_pairs(bank.classes)[1]]
    pairs = [unseen[i] for i in rng.permutation(len(unseen))[:N_PAIRS]]
    stage = StageConfig(
        text_warmup_steps=args.steps,
        text_warmup_batch_size=args.batch_size,
        text_warmup_learning_rate=args.learning_rate,
        text_warmup_hold_weight=0.0,
        text_learning_rate=0.0,  # as for a pretrained text tower
    )

    def train_and_measure(templates: Templates) -> dict[str, dict]:
        encoder, anchors, in_group = train_text(args.text_model_name_or_path, args.dropout, bank, stage, args.seed)
        print(f"in-group loss: {in_group:.3f}", flush=True)
        return measure_templates(templates, pairs, encoder, anchors)

    results = {
        "machine": bench.describe_machine(torch.device("cpu")),
        "text_model": args.text_model_name_or_path.rstrip("/").split("/")[-1],
        **{
            name: getattr(args, name)
            for name in ("steps", "batch_size", "learning_rate", "dropout", "n_folds", "seed")
        },
        "n_pairs": N_PAIRS,
    }
    left_out = {}
    for fold in range(args.n_folds):
        with use_fold(fold, args.n_folds, left_out=True):
            templates = grammar_templates()
        with use_fold(fold, args.n_folds, left_out=False):
            found = train_and_measure(templates)
        print_table(found)
        left_out |= found
        results |= {"cross_validation": {"summary": summarise(left_out), "wordings": left_out}}
        bench.write_json(results, args.output_json)
    held_out = train_and_measure(held_out_templates())
    print_table(held_out)
    results["held_out"] = {"summary": summarise(held_out), "wordings": held_out}
    bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
