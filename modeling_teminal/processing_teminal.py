"""Process captions and audio of any length for CLAP."""

from transformers import ClapFeatureExtractor, ClapProcessor
from transformers.utils import logging

from .feature_extraction_teminal import TeminalFeatureExtractor

logger = logging.get_logger(__name__)


class TeminalProcessor(ClapProcessor):
    """[`~transformers.ClapProcessor`] that truncates captions to the text tower's limit, and warns the first time.

    With `truncation=False` it does not, and [`TeminalModel`] raises an error. [`~transformers.ClapProcessor`] loads
    the saved files too.
    """

    text_kwargs = {"truncation": True}  # noqa: RUF012, as in transformers

    def __init__(self, feature_extractor, tokenizer):
        if type(feature_extractor) is ClapFeatureExtractor:  # loaded without trust_remote_code
            feature_extractor = TeminalFeatureExtractor(**feature_extractor.to_dict())
        super().__init__(feature_extractor, tokenizer)
        self._has_warned = False

    def __call__(self, images=None, text=None, videos=None, audio=None, **kwargs):
        inputs = super().__call__(images=images, text=text, videos=videos, audio=audio, **kwargs)
        if text:
            self._warn_if_cut([text] if isinstance(text, str) else text, inputs["input_ids"])
        return inputs

    def save_pretrained(self, *args, **kwargs):
        """Save without the padding and truncation that the last call left in the tokenizer.

        `ClapProcessor` would pass the tokenizer's `max_length`, in tokens, to the feature extractor, in samples.
        """
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        self.tokenizer.init_kwargs.pop("max_length", None)
        return super().save_pretrained(*args, **kwargs)

    def _warn_if_cut(self, captions, input_ids):
        limit = self.tokenizer.model_max_length
        rows = [input_ids] if isinstance(input_ids[0], int) else input_ids
        if self._has_warned or max(map(len, rows)) != limit:
            return
        lengths = [len(tokens) for tokens in self.tokenizer(captions, verbose=False)["input_ids"]]
        if max(lengths) > limit:
            caption = captions[lengths.index(max(lengths))]
            logger.warning(f"captions are cut to the text tower's {limit} tokens, such as {caption!r}")
            self._has_warned = True

    def to_dict(self, **kwargs) -> dict:
        return {**super().to_dict(**kwargs), "processor_class": "ClapProcessor"}


TeminalProcessor.register_for_auto_class("AutoProcessor")
