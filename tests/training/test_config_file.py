"""Test configurations from YAML files and flags, and their error messages."""

import pytest

from teminal.training.config_file import check_scratch, parse_config

from ..conftest import ROOT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lerning_rate: 1\n", "unknown key lerning_rate"),
        ("B:\n  lerning_rate: 1\n", r"unknown key B\.lerning_rate; did you mean B\.learning_rate\?"),
        ("A: 5\n", "expected `key: value` lines under A"),
        ("A:\n  learning_rate: fast\n", r"--A\.learning_rate: invalid float value: 'fast'"),
        ("A:\n  max_train_steps: 2.5\n", r"--A\.max_train_steps.*: invalid int value: '2\.5'"),
        ("A:\n  replay_weight: -1\n", r"--A\.replay_weight -1\.0: must be finite and at least 0"),
        ("A:\n  max_train_steps: 0\n", r"--A\.max_train_steps 0: must be finite and at least 1"),
        ("scratch:\n  audio: 1\n", r"unknown key scratch\.audio"),
        ("scratch:\n  audio_config: {}\n", r"scratch\.text_config is missing"),
        ("scratch:\n  audio_config:\n    depht: 1\n", r"audio_config\.depht; did you mean .*depths"),
        ("scratch:\n  audio_config:\n    depths: deep\n", r"scratch\.audio_config: .*depths"),
        (
            "scratch:\n  audio_config: {}\n  text_config:\n    vocab_size: 5\n",
            r"text_config\.vocab_size",
        ),
        ("stages: [A, A]\n", "each at most once"),
        ("beta: -1\n", r"--beta -1.0: must be finite and at least 0"),
        ("warmup_ratio: 2\n", r"--warmup_ratio 2.0: must be from 0 to 1"),
        ("max_grad_norm: 0\n", "--max_grad_norm 0.0"),
        ("A:\n  max_train_steps: .inf\n", "invalid int value"),
        ("stages: [A\n", "not valid YAML"),
        ("stages: [A, pretrain]\n", "pretrain comes first"),
        ("just text\n", "expected `key: value` lines"),
    ],
)
def test_a_faulty_yaml_is_told_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    start = ["--stages", "pretrain"] if text.startswith("scratch") else []
    with pytest.raises(ValueError, match=message):
        check_scratch(parse_config(["--config", str(path), *start]))


def test_a_tower_whose_sizes_disagree_is_refused(tiny_recipe):
    tiny_recipe.write_text(
        tiny_recipe.read_text().replace("patch_embeds_hidden_size: 16", "patch_embeds_hidden_size: 8")
    )
    with pytest.raises(ValueError, match=r"audio_config\.hidden_size: 32 must be 16"):
        check_scratch(parse_config(["--config", str(tiny_recipe)]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train_folds: [one]\n", "--train_folds: invalid int value: 'one'"),
        ("mixed_precision: fp8\n", "--mixed_precision: invalid choice"),
        ("stages: []\n", "--stages: expected at least one argument"),
    ],
)
def test_values_of_the_wrong_type_are_refused_like_flags(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        parse_config(["--config", str(path)])


def test_flags_override_the_yaml(tiny_recipe):
    config = parse_config(["--config", str(tiny_recipe), "--learning_rate", "0.5", "--train_folds", "3", "4"])
    assert config.train_folds == [3, 4]
    assert config.source == "esc50"
    assert [config.stage(stage).learning_rate for stage in ("pretrain", "A", "B")] == [0.5] * 3
    assert config.stage("A").max_train_steps == 2
    assert parse_config(["--config", str(tiny_recipe)]).B.learning_rate == 1e-3


def test_a_flag_of_one_stage_overrides_that_of_all(tiny_recipe):
    flags = ["--B.learning-rate", "0.2", "--learning_rate", "0.5", "--A.max_train_steps=7"]
    config = parse_config(["--config", str(tiny_recipe), *flags])
    assert [config.stage(name).learning_rate for name in config.stages] == [0.5, 0.5, 0.2]
    assert config.A.max_train_steps == 7


def test_yaml_is_read_as_people_write_it(tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text(
        "A:\n  learning_rate: 1e-3\ntrain_folds: 1\nmixed_precision: no\ntemporal_head: true\nesc50_dir:\n"
        "model_name_or_path: clap\nstages: ['A,B']\nwise_ft: 0.5\n"
    )
    config = parse_config(["--config", str(path)])
    assert config.stage("A").learning_rate == 1e-3
    assert config.train_folds == [1]
    assert (config.stages, config.wise_ft) == (["A", "B"], [0.5])
    assert (config.mixed_precision, config.temporal_head, config.esc50_dir) == ("no", True, None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--wise_ft", "2"), "--wise_ft 2.0: must be from 0 to 1"),
        (("--lora", "both", "--freeze_layers", "2"), "--lora both is for stages after pretrain"),
        (("--stages", "A", "--lora", "audio", "--text_warmup_steps", "5"), r"A\.text_warmup_steps: --lora audio"),
        (("--stages", "A", "--replay_weight", "1"), r"A\.replay_weight 1.0 needs a replay_batch_size"),
        (("--push_to_hub",), "--push_to_hub and --hub_model_id"),
        (("--save_total_limit", "0"), "--save_total_limit 0: must be finite and at least 1"),
        (("--ema_decay", "1"), "--ema_decay 1.0"),
        (("--alpha_same", "inf"), "--alpha_same inf: must be finite"),
        (("--stages", "A", "--learning_rate", "inf"), "--A.learning_rate inf: must be finite"),
        (("--stages", "joint", "--per_device_train_batch_size", "5"), r"joint.*: 5 must be even"),
        (("--stages", "pretrain"), "--stages pretrain starts from scratch"),
        (("--B.lerning_rate", "1"), r"--B\.lerning_rate: no such option; did you mean --B\.learning_rate\?"),
        (("--joint.learning_rate", "1"), r"--joint\.learning_rate does nothing without joint in --stages"),
        (("--lora_rank", "8"), "--lora_rank does nothing without --lora"),
        (("--validation-scenes", "8"), "--validation_scenes does nothing without --eval_steps"),
        (
            ("--validation_scenes", "8", "--validation_folds", "4"),
            "--validation_scenes does nothing without --eval_steps",
        ),
        (("--hub_private_repo",), "--hub_private_repo does nothing without --push_to_hub"),
        (("--text_warmup_hold_weight", "1"), "--text_warmup_hold_weight does nothing without --text_warmup_steps"),
        (("--replay_batch_size", "8"), "--replay_batch_size does nothing without --replay_weight"),
        (("--lora", "audio", "--text_learning_rate", "1e-5"), "--text_learning_rate does nothing with --lora audio"),
        (("--lora", "audio", "--B.text_learning_rate", "1e-5"), r"--B\.text_learning_rate does nothing with --lora"),
        (("--B.free_layout_share", "nan"), r"--B\.free_layout_share nan: must be from 0 to 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(flags, message):
    with pytest.raises(ValueError, match=message):
        parse_config(["--model_name_or_path", "clap", *flags])


@pytest.mark.parametrize(("name", "value"), [("max_events", 4), ("free_layout_share", 0.5), ("max_duration_s", 20.0)])
def test_pretraining_has_no_scenes_to_choose(tiny_recipe, name, value):
    flags = ["--config", str(tiny_recipe), "--free_layout_share", "0.5"]
    config = parse_config([*flags, f"--{name}", str(value)])
    assert config.stages == ["pretrain", "A", "B"]
    assert getattr(config.A, name) == getattr(config.B, name) == value
    with pytest.raises(ValueError, match=rf"^--pretrain\.{name} does nothing in pretrain"):
        parse_config([*flags, f"--pretrain.{name}", str(value)])
    with pytest.raises(ValueError, match=rf"^--{name} does nothing in pretrain"):
        parse_config(["--config", str(tiny_recipe), "--stages", "pretrain", f"--{name}", str(value)])


def test_a_rate_of_the_text_encoder_has_an_effect_in_pretraining_before_adapters(tiny_recipe):
    flags = ["--config", str(tiny_recipe), "--stages", "pretrain", "A", "--lora", "audio", "--text_warmup_steps", "0"]
    assert parse_config([*flags, "--text_learning_rate", "1e-5"]).pretrain.text_learning_rate == 1e-5


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--learn_temperature", "yes", "--no_learn_temperature"), "--learn_temperature yes and --no_learn_temp"),
        (("--seed", "1", "--beta", "-1", "--seed=2"), "--seed 1 and --seed=2 contradict each other"),
        (("--train_folds", "1", "--train-folds", "1", "2"), "--train_folds 1 and --train-folds 1 2"),
        (("--learning_rate", "1e-3", "--learning_rate", "1e-4"), "--learning_rate 1e-3 and"),
    ],
)
def test_two_wordings_of_one_option_agree_or_are_refused(flags, message):
    with pytest.raises(ValueError, match=message):
        parse_config(["--model_name_or_path", "clap", *flags])


def test_the_same_said_twice_is_fine():
    flags = ["--learn_temperature", "no", "--no_learn_temperature", "--seed", "1", "--seed=1"]
    config = parse_config(["--model_name_or_path", "clap", *flags])
    assert (config.learn_temperature, config.seed) == (False, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seed: 1\n# caf\u00e9\n".encode("latin-1"), "line 2 is not UTF-8"),
        (b"seed: 1\nbeta: 1\nseed: 2\n", r"seed is there twice\s.*line 1"),
        (b"A:\n  learning_rate: 1\n  learning_rate: 2\n", r"learning_rate is there twice\s.*line 2"),
        (b"1: 2\n", "unknown key 1"),
        (b"[" * 3000, "not valid YAML"),
        (b"\x00", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_clear_yaml_is_refused(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        parse_config(["--config", str(path)])


def test_a_yaml_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbfmodel_name_or_path: clap\r\nseed: 3\r\n")
    assert parse_config(["--config", str(path)]).seed == 3


def test_scenes_to_validate_on_are_counted_where_a_folder_has_a_split_for_it():
    flags = ["--model_name_or_path", "clap", "--source", "folder", "--validation_scenes", "8"]
    assert parse_config([*flags, "--eval_steps", "5"]).validation_scenes == 8
    assert parse_config([*flags, "--wise_ft", "0.5", "1"]).validation_scenes == 8


def test_a_model_that_cannot_be_an_id_must_be_there():
    for option in ("model_name_or_path", "text_model_name_or_path"):
        with pytest.raises(ValueError, match=rf"^--{option} \./nowhere: no such folder$"):
            parse_config(["--config", f"{ROOT}/configs/esc50_tiny.yaml", f"--{option}", "./nowhere"])


def test_the_text_model_of_a_yaml_is_for_a_model_from_scratch(tmp_path):
    (tmp_path / "run.yaml").write_text("text_model_name_or_path: bert\nscratch: {projection_dim: 8}\n")
    flags = ["--config", str(tmp_path / "run.yaml")]
    assert parse_config([*flags, "--stages", "pretrain"]).text_model_name_or_path == "bert"
    from_clap = [*flags, "--model_name_or_path", str(tmp_path)]
    assert parse_config(from_clap).text_model_name_or_path is None
    with pytest.raises(ValueError, match="--text_model_name_or_path is for a CLAP from scratch"):
        parse_config([*from_clap, "--text_model_name_or_path", "bert"])


def test_a_later_file_overrides_single_settings_of_an_earlier_one(tmp_path):
    (tmp_path / "part.yaml").write_text("stages: [pretrain, B]\nB: {in_group_weight: 0.5}\n")
    whole = ROOT / "configs/quickstart.yaml"
    config, both = (
        parse_config(["--config", *map(str, files)]) for files in ([whole], [whole, tmp_path / "part.yaml"])
    )
    assert both.stages == ["pretrain", "B"]
    assert both.B.in_group_weight == 0.5
    assert both.B.learning_rate == config.B.learning_rate
    assert both.scratch == config.scratch


@pytest.mark.parametrize("path", sorted((ROOT / "configs/ablations").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_ablation_is_the_whole_training_with_one_part_changed(path, tmp_path):
    whole = ["--config", str(ROOT / "configs/esc50_tiny.yaml")]
    base = [] if "pretrain" in path.read_text() else ["--model_name_or_path", str(tmp_path)]
    check_scratch(parse_config([*whole, str(path), *base]))
