"""Evaluate the model in training, on the same sounds every time."""

from functools import cached_property

import numpy as np
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.captions import say
from teminal.clips import ClipBank
from teminal.evaluation.clap import embed_captions, embed_waveforms
from teminal.evaluation.classification import accuracy_figures
from teminal.evaluation.embeddings import cosine_scores
from teminal.evaluation.score import audio_features, score_examples
from teminal.evaluation.zste_questions import build_examples
from teminal.features import ClipFeatures
from teminal.rendering import SAMPLING_RATE
from teminal.scenes import Caption
from teminal.training.data import draw_kept_clips


class ZsteScorer:
    """Scorer of ZSTE on scenes of a bank: call it on a model for all figures."""

    def __init__(self, bank: ClipBank, processor: ClapProcessor, n_scenes: int, seed: int):
        self.bank, self.processor, self.seed = bank, processor, seed
        self.examples = build_examples(bank, n_scenes, seed)

    def __call__(self, model: TeminalModel) -> dict:
        return dict(score_examples(model, self.processor, self.examples, self._features, self.seed))

    @cached_property
    def _features(self) -> ClipFeatures:
        return audio_features(self.bank, self.examples, self.processor.feature_extractor)


class SingleSoundScorer:
    """Scorer of zero-shot accuracy on at most `n_clips` recorded clips of a bank: call it on a model.

    As in sub-task 1A of ZSTE, it returns accuracy, 95 % interval, n and chance; ties count as wrong.
    """

    def __init__(self, bank: ClipBank, processor: ClapProcessor, n_clips: int, seed: int):
        self.bank, self.processor, self.seed = bank, processor, seed
        self.asked = sorted(draw_kept_clips(bank, n_clips, seed))

    def __call__(self, model: TeminalModel) -> dict:
        captions = [say(Caption("single", (label,))) for label in self.bank.classes]
        waveforms = [self.bank.raw[clip].astype(np.float32) for clip in self.asked]
        was_training = model.training
        model.eval()
        audio = embed_waveforms(model, self.processor, waveforms, SAMPLING_RATE)
        text = embed_captions(model, self.processor, captions)
        model.train(was_training)
        targets = np.array([self.bank.classes.index(self.bank.labels[clip]) for clip in self.asked])
        scores = cosine_scores(audio, text.numpy())
        return dict(accuracy_figures(scores, targets, np.zeros(len(targets), int), self.seed))
