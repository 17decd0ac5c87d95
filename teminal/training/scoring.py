"""ZSTE of the model in training, on the same scenes every time."""

from peft import PeftModel
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.bank import ClipBank
from teminal.evaluation.score import audio_features, score_examples
from teminal.evaluation.zste_scenes import build_examples


class Scorer:
    """`scorer(model)` is every ZSTE figure of a model on the scenes of a bank, whose features are made once."""

    def __init__(self, bank: ClipBank, processor: ClapProcessor, n_scenes: int, seed: int):
        self.bank, self.processor, self.seed = bank, processor, seed
        self.examples, self.features = build_examples(bank, n_scenes, seed), None

    def __call__(self, model: TeminalModel | PeftModel) -> dict:
        if self.features is None:
            self.features = audio_features(self.bank, self.examples, self.processor.feature_extractor)
        return score_examples(model, self.processor, self.examples, self.features, self.seed)
