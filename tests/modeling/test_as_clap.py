"""What transformers' own tests ask of `ClapModel` and `ClapProcessor`, asked of ours too."""

import copy
import inspect
import logging

import pytest
import torch
from transformers import (
    AutoModel,
    AutoProcessor,
    ClapConfig,
    ClapModel,
    ClapProcessor,
    ClapTextConfig,
    Trainer,
    TrainingArguments,
)

from modeling_teminal import TeminalConfig, TeminalModel, TeminalProcessor, audio_teminal

from .test_audio_tower import SMALL, TEXT


def build(kind: str):
    torch.manual_seed(0)
    if kind == "stock":
        return ClapModel(ClapConfig(audio_config=SMALL, text_config=TEXT, projection_dim=16)).eval()
    config = TeminalConfig(audio_config=SMALL, text_config=TEXT, projection_dim=16, temporal_head=kind == "with head")
    return TeminalModel(config).eval()


@pytest.fixture(params=["stock", "plain", "with head"])
def model(request):
    return build(request.param)


@pytest.fixture
def inputs():
    ids = torch.arange(3, 21).view(3, 6)
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    features = torch.randn(3, 1, 120, 32, generator=torch.Generator().manual_seed(0))
    return {"input_ids": ids, "attention_mask": mask, "input_features": features}


@pytest.fixture
def text(inputs):
    return {name: inputs[name] for name in ("input_ids", "attention_mask")}


@pytest.mark.parametrize("method", ["forward", "get_text_features", "get_audio_features"])
def test_arguments_by_position_are_those_of_the_stock_model(method):
    ours = inspect.signature(getattr(TeminalModel, method)).parameters
    stock = [name for name in inspect.signature(getattr(ClapModel, method)).parameters if name != "kwargs"]
    assert list(ours)[: len(stock)] == stock
    if method != "get_text_features":
        assert ours["window_counts"].kind is inspect.Parameter.KEYWORD_ONLY


@torch.no_grad()
def test_an_attention_mask_for_audio_is_taken_and_changes_nothing(model, inputs):
    features = inputs["input_features"]
    expected = model.get_audio_features(features).pooler_output
    mask = torch.ones(3, 120)
    assert torch.equal(model.get_audio_features(features, attention_mask=mask).pooler_output, expected)
    assert torch.equal(model.get_audio_features(features, None, mask).pooler_output, expected)


@torch.no_grad()
def test_return_dict_of_the_configuration_is_honoured(model, inputs, text):
    expected = model(**inputs).to_tuple()
    model.config.return_dict = False
    output = model(**inputs)
    assert isinstance(output, tuple)
    for value, expected_value in zip(output[:4], expected[:4], strict=True):
        assert torch.equal(value, expected_value)
    assert isinstance(model.get_text_features(**text), tuple)
    assert isinstance(model.get_audio_features(inputs["input_features"]), tuple)


@torch.no_grad()
@pytest.mark.parametrize("part", ["audio_config", "text_config"])
@pytest.mark.parametrize("kind", ["plain", "with head"])
def test_return_dict_of_a_tower_changes_nothing(kind, part, inputs):
    model = build(kind)
    expected = model(**inputs)
    getattr(model.config, part).return_dict = False
    output = model(**inputs)
    for value, expected_value in zip(output.to_tuple()[:4], expected.to_tuple()[:4], strict=True):
        assert torch.equal(value, expected_value)


@torch.no_grad()
def test_attentions_are_given_where_they_are_asked_for(model, inputs, text):
    output = model(**inputs, output_attentions=True)
    assert [tuple(layer.shape) for layer in output.text_model_output.attentions] == [(3, 4, 6, 6)] * 2
    assert len(output.audio_model_output.attentions) == 3
    attentions = model.get_text_features(**text, output_attentions=True).attentions
    assert (attentions[0].sum(-1) - 1).abs().max() <= 1e-5
    assert not attentions[0][1, :, :, 4:].any()
    quiet = model(**inputs)
    assert quiet.text_model_output.attentions is None
    assert (quiet.text_embeds - output.text_embeds).abs().max() <= 1e-5
    assert (quiet.audio_embeds - output.audio_embeds).abs().max() <= 1e-5


@torch.no_grad()
def test_eager_attention_in_the_configuration_gives_text_attentions(model, text, tmp_path):
    model.save_pretrained(tmp_path)
    eager = type(model).from_pretrained(tmp_path, attn_implementation="eager").eval()
    eager.config.text_config.output_attentions = True
    attentions = eager.get_text_features(**text).attentions
    assert [tuple(layer.shape) for layer in attentions] == [(3, 4, 6, 6)] * 2


@torch.no_grad()
def test_hidden_states_are_given_where_they_are_asked_for(model, inputs):
    output = model(**inputs, output_hidden_states=True)
    assert len(output.text_model_output.hidden_states) == 3
    assert len(output.audio_model_output.hidden_states) == 4


@torch.no_grad()
def test_one_and_many_give_the_same(model, inputs):
    together = model(**inputs)
    for row in range(3):
        alone = model(**{name: value[row : row + 1] for name, value in inputs.items()})
        assert (alone.audio_embeds[0] - together.audio_embeds[row]).abs().max() <= 1e-5
        assert (alone.text_embeds[0] - together.text_embeds[row]).abs().max() <= 1e-5


@torch.no_grad()
def test_saved_and_loaded_it_gives_the_same_without_a_warning(model, inputs, tmp_path, caplog):
    model.save_pretrained(tmp_path)
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    loaded = [type(model).from_pretrained(tmp_path)]
    if isinstance(model, TeminalModel):
        loaded.append(AutoModel.from_pretrained(tmp_path, trust_remote_code=True))
    logger.removeHandler(caplog.handler)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    for again in loaded:
        assert (again.eval()(**inputs).logits_per_audio - model(**inputs).logits_per_audio).abs().max() <= 1e-5
    parts = TeminalConfig.from_pretrained(tmp_path)  # ClapAudioConfig refuses a checkpoint with head
    assert parts.audio_config.to_dict() == model.config.audio_config.to_dict()
    assert ClapTextConfig.from_pretrained(tmp_path).to_dict() == model.config.text_config.to_dict()


@torch.no_grad()
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::FutureWarning")
def test_a_traced_model_takes_batches_of_any_size(inputs, monkeypatch):
    monkeypatch.setattr(audio_teminal, "CPU_CHUNK", 2 * 16 * 256)  # two clips at a time
    model = build("with head").requires_grad_(False)
    model.config.return_dict = False
    features = inputs["input_features"].repeat(3, 1, 1, 1)
    traced = torch.jit.trace(lambda audio: model.get_audio_features(audio)[1], features[:5], check_trace=False)
    for size in (1, 5, 9):
        expected = model.get_audio_features(features[:size])[1]
        assert (traced(features[:size]) - expected).abs().max() <= 1e-5


def test_window_counts_that_do_not_add_up_are_named(inputs):
    with pytest.raises(ValueError, match="window_counts adds up to 4 windows, input_features has 3"):
        build("plain").get_audio_features(inputs["input_features"], window_counts=torch.tensor([2, 2]))


def test_trainer_evaluates_with_metrics(inputs, tmp_path):
    def collate(rows):
        batch = {name: torch.stack([row[name] for row in rows]) for name in inputs}
        size = torch.arange(len(rows))
        truth = {"group": size, "variant": torch.zeros_like(size), "holds": torch.eye(len(rows), dtype=torch.bool)}
        return {**batch, **truth, "return_loss": True}

    rows = [{name: value[row % 3] for name, value in inputs.items()} for row in range(5)]
    arguments = TrainingArguments(
        tmp_path, per_device_eval_batch_size=2, remove_unused_columns=False, report_to=[], use_cpu=True,
        label_names=["group", "variant", "holds"],
    )  # fmt: skip
    seen = []
    trainer = Trainer(
        build("with head"), arguments, eval_dataset=rows, data_collator=collate,
        compute_metrics=lambda prediction: seen.append(prediction) or {"rows": len(prediction.predictions[2])},
    )  # fmt: skip
    metrics = trainer.evaluate()
    assert metrics["eval_rows"] == 5
    assert metrics["eval_loss"] > 0
    assert seen[0].predictions[2].shape == (5, 16)


def test_the_processor_is_claps_but_for_long_captions(tiny_clap, bank, tmp_path):
    _, processor = tiny_clap
    assert type(processor) is TeminalProcessor
    processor.save_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert again.tokenizer.get_vocab() == processor.tokenizer.get_vocab()
    assert again.feature_extractor.to_json_string() == processor.feature_extractor.to_json_string()
    stock = ClapProcessor(processor.feature_extractor, processor.tokenizer)
    assert again.model_input_names == stock.model_input_names
    captions = ["This is a test string", "wind"]
    assert dict(again(text=captions)) == dict(processor.tokenizer(captions))
    assert dict(again(text=captions[0])) == dict(processor.tokenizer(captions[0]))
    ids = processor.tokenizer(captions)["input_ids"]
    assert again.batch_decode(ids) == processor.tokenizer.batch_decode(ids)
    waveform = bank.raw[0].astype("float32")
    features = again(audio=waveform, sampling_rate=48_000, return_tensors="pt")["input_features"]
    assert torch.equal(features, processor.feature_extractor(waveform, sampling_rate=48_000)["input_features"])
    assert torch.equal(copy.deepcopy(again)(audio=waveform, sampling_rate=48_000)["input_features"], features)
