"""CLAP's processor for captions of any length."""

from transformers import ClapProcessor
from transformers.utils import logging

logger = logging.get_logger(__name__)


class TeminalProcessor(ClapProcessor):
    """[`~transformers.ClapProcessor`] that cuts captions to what the text tower takes, and warns if it did.

    `truncation=False` hands on longer ones, which [`TeminalModel`] refuses. The saved files are those of
    [`~transformers.ClapProcessor`], which loads them too.
    """

    text_kwargs = {"truncation": True}  # noqa: RUF012, as transformers has the defaults of a processor

    def __call__(self, images=None, text=None, videos=None, audio=None, **kwargs):
        inputs = super().__call__(images=images, text=text, videos=videos, audio=audio, **kwargs)
        if text:
            self._warn_if_cut([text] if isinstance(text, str) else text, inputs["input_ids"])
        return inputs

    def _warn_if_cut(self, captions, input_ids):
        limit = self.tokenizer.model_max_length
        rows = [input_ids] if isinstance(input_ids[0], int) else input_ids
        if max(map(len, rows)) != limit:
            return
        lengths = [len(tokens) for tokens in self.tokenizer(captions, verbose=False)["input_ids"]]
        if max(lengths) > limit:
            caption = captions[lengths.index(max(lengths))]
            logger.warning_once(f"captions are cut to the text tower's {limit} tokens, such as {caption!r}")

    def to_dict(self, **kwargs) -> dict:
        return {**super().to_dict(**kwargs), "processor_class": "ClapProcessor"}


TeminalProcessor.register_for_auto_class("AutoProcessor")
