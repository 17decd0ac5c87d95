"""ZSTE of the model in training, on the same scenes every time."""

import numpy as np
import torch
from peft import PeftModel
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.captions import say
from teminal.clips import ClipBank
from teminal.evaluation.clap import embed_captions, embed_features
from teminal.evaluation.classification import accuracy_figures
from teminal.evaluation.embeddings import cosine_scores
from teminal.evaluation.score import audio_features, score_examples
from teminal.evaluation.zste_questions import build_examples
from teminal.rendering import SAMPLING_RATE
from teminal.scenes import Caption
from teminal.training.data import draw_kept_clips


class Scorer:
    """`scorer(model)` is every ZSTE figure of a model on the scenes of a bank, whose features are made once."""

    def __init__(self, bank: ClipBank, processor: ClapProcessor, n_scenes: int, seed: int):
        self.bank, self.processor, self.seed = bank, processor, seed
        self.examples, self.features = build_examples(bank, n_scenes, seed), None

    def __call__(self, model: TeminalModel | PeftModel) -> dict:
        if self.features is None:
            self.features = audio_features(self.bank, self.examples, self.processor.feature_extractor)
        return dict(score_examples(model, self.processor, self.examples, self.features, self.seed))


class KeptSounds:
    """`kept(model)` is its zero-shot accuracy on clips of a bank, as recorded, with 95 % interval, n and chance:
    sub-task 1A of ZSTE, on sounds that are not trained on. Ties lose.

    Args:
        bank: clips of another source, each of whose classes has a caption to choose from.
        n_clips: that are classified at most, see [`draw_kept_clips`]; their features are made once.
        seed: of the draw and the bootstrap.
    """

    def __init__(self, bank: ClipBank, processor: ClapProcessor, n_clips: int, seed: int):
        self.processor, self.seed = processor, seed
        self.captions = [say(Caption("single", (label,))) for label in bank.classes]
        asked = sorted(draw_kept_clips(bank, n_clips, seed))
        self.targets = np.array([bank.classes.index(bank.labels[index]) for index in asked])
        self.sounds = [bank.raw[index] for index in asked]
        self.features = None

    def __call__(self, model: TeminalModel | PeftModel) -> dict:
        if self.features is None:
            self.features = torch.cat([self._features(start) for start in range(0, len(self.sounds), 32)])
        was_training = model.training
        model.eval()
        audio, text = embed_features(model, self.features), embed_captions(model, self.processor, self.captions)
        model.train(was_training)
        scores = cosine_scores(audio.numpy(), text.numpy())
        return dict(accuracy_figures(scores, self.targets, np.zeros(len(self.targets), int), self.seed))

    def _features(self, start: int) -> torch.Tensor:
        waveforms = [waveform.astype(np.float32) for waveform in self.sounds[start : start + 32]]
        return self.processor.feature_extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"]
