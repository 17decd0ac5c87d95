"""A folder of one's own sounds in every command: training, evaluations, dataset builder, check."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml

from dataset_scripts import build_dataset, check_dataset
from eval import run_classification, run_retrieval, run_zste
from teminal.clip_report import find_problems, inspect_clips
from teminal.dataset.render import list_clips
from teminal.evaluation.clap import embed_captions, embed_waveforms
from teminal.sources import load_clips
from teminal.training.data import draw_kept_clips
from teminal.training.scoring import SingleSoundScorer

from .conftest import run_here
from .own_sounds import CLASSES, write_classes, write_sound
from .tones import evaluate, save_clap, write_tones


@pytest.fixture
def tone_classes(tmp_path):
    """Two clips of each of three tones; one is labelled wrongly."""
    for tone in (1, 2, 3):
        for number in range(2):
            label = 1 if (tone, number) == (3, 1) else tone
            write_tones(tmp_path / "tones" / f"tone_{label}" / f"{tone}-{number}.wav", tone)
    write_tones(tmp_path / "tones" / "tone_3" / "3-2.wav", 3)
    return tmp_path / "tones"


def run_main(monkeypatch, module, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


def test_what_is_kept_is_how_often_the_clips_class_scores_highest(tiny_clap, bank):
    model, processor = tiny_clap
    waveforms = [waveform.astype(np.float32) for waveform in bank.raw]
    audio = embed_waveforms(model, processor, waveforms, 48_000)
    text = embed_captions(
        model, processor, [f"This is a sound of {label.replace('_', ' ')}." for label in bank.classes]
    )
    guessed = [bank.classes[i] for i in (audio @ text.numpy().T).argmax(1)]
    kept = SingleSoundScorer(bank, processor, n_clips=1000, seed=0)(model)
    assert kept["accuracy"] == pytest.approx(np.mean(np.array(guessed) == bank.labels))
    assert (kept["accuracy_n"], kept["accuracy_chance"]) == (len(bank.clips), pytest.approx(1 / len(bank.classes)))
    few = SingleSoundScorer(bank, processor, n_clips=5, seed=0)
    drawn = sorted(draw_kept_clips(bank, 5, seed=0))
    assert few.asked == drawn
    assert few(model)["accuracy_n"] == len(drawn) == 5


def test_a_run_says_whose_sounds_they_are_and_what_was_kept(sounds, tiny_recipe_text, tmp_path):
    recipe = yaml.safe_load(tiny_recipe_text) | {"source": "folder", "stages": ["pretrain", "A"]}
    del recipe["train_folds"], recipe["eval_folds"]
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(recipe))
    terms = ("--license", "cc-by-sa-4.0", "--attribution", "Jane Doe")
    flags = ("--audio_dir", sounds, *terms, "--keep_source", "synthetic", "--output_dir", tmp_path / "run")
    result = run_here("train_accelerate.py", "--config", tmp_path / "tiny.yaml", *flags)
    assert result.returncode == 0, result.stderr
    assert "single sounds of synthetic, zero-shot" in result.stdout
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(results["kept"]) == {"base", "after A"}
    assert results["kept"]["base"]["accuracy_n"] == 12
    card = (tmp_path / "run" / "README.md").read_text()
    assert "\nlicense: cc-by-sa-4.0\n" in card
    assert "Jane Doe" in card
    assert "Piczak" not in card


def test_a_dataset_says_whose_sounds_they_are_and_passes_its_check(sounds, tmp_path, monkeypatch, capsys):
    flags = ("--source", "folder", "--audio_dir", sounds, "--output_dir", tmp_path, "--n_groups", 10, "--num_proc", 1)
    with pytest.raises(SystemExit, match=r"^build_dataset.py: error: --push_to_hub: nothing says .*--private"):
        run_main(monkeypatch, build_dataset, *flags, "--push_to_hub", "--hub_dataset_id", "me/sounds")
    assert not list(tmp_path.iterdir())
    run_main(monkeypatch, build_dataset, *flags, "--license", "my own terms", "--attribution", "Jane Doe")
    card = (tmp_path / "README.md").read_text()
    assert "\nlicense: other\n" in card
    assert "Licence: my own terms. Jane Doe" in card
    assert str(sounds.parent) not in card
    with pytest.raises(SystemExit) as ended:
        run_main(monkeypatch, check_dataset, tmp_path / "folder")
    assert ended.value.code == 0, capsys.readouterr().out
    with pytest.raises(SystemExit, match="was built with another attribution, license"):
        run_main(monkeypatch, build_dataset, *flags)


def test_recipes_are_rendered_of_the_file_in_the_same_sub_folder(tmp_path):
    for label in CLASSES:
        write_sound(tmp_path / label / "1.wav")
    names = [f"{label}/1.wav" for label in CLASSES]
    rows = {"test": [{"variant": 1, "render": {"clips": [*names, "dog/2.wav"], "start_s": [0] * 4}}]}
    found = {clip.name: clip.audio for clip in list_clips(rows, tmp_path)}
    assert found == {**{name: tmp_path / name for name in names}, "dog/2.wav": None}


def test_classification_and_zste_take_a_folder(tone_classes, tmp_path, monkeypatch, tiny_clap):
    of_folder = ("--source", "folder", "--audio_dir", tone_classes)
    report = evaluate(monkeypatch, run_classification.main, tmp_path, *of_folder)
    assert report["n_clips"] == 7
    assert report["data"]["classes"] == ["tone_1", "tone_2", "tone_3"]
    folds = {clip.name: clip.fold for clip in load_clips("folder", audio_dir=str(tone_classes))}
    wrong = folds["tone_1/3-1.wav"]
    in_fold = list(folds.values()).count(wrong)
    assert report["results"]["tones"][f"fold {wrong}"] == pytest.approx(1 - 1 / in_fold)

    model = ("--model_name_or_path", save_clap(tiny_clap, tmp_path / "model"), "--n_scenes", 4)
    report = evaluate(monkeypatch, run_zste.main, tmp_path, *model, *of_folder, hears_tones=False)
    assert (report["folds"], report["split"], report["n_clips"]) == ([5], None, 3)


def test_zste_takes_the_test_split(split_sounds, tmp_path, monkeypatch, tiny_clap):
    model = ("--model_name_or_path", save_clap(tiny_clap, tmp_path / "model"), "--n_scenes", 4)
    of_folder = ("--source", "folder", "--audio_dir", split_sounds)
    report = evaluate(monkeypatch, run_zste.main, tmp_path, *model, *of_folder, hears_tones=False)
    assert (report["folds"], report["split"], report["n_clips"]) == (None, "test", 6)
    with pytest.raises(SystemExit, match="--folds: folder has splits and no folds; choose by --split"):
        evaluate(monkeypatch, run_zste.main, tmp_path, *model, *of_folder, "--folds", 5, hears_tones=False)


def test_retrieval_takes_a_captioned_folder(tone_classes, tmp_path, monkeypatch):
    root = tmp_path / "captioned"
    rows = [
        json.dumps({"file_name": f"{tone}.wav", "captions": [f"{tone} {tone}", f"tone {tone}"]})
        for tone in range(1, 6)
    ]
    for tone in range(1, 6):
        write_tones(root / f"{tone}.wav", tone)
    (root / "metadata.jsonl").write_text("\n".join(rows))
    report = evaluate(monkeypatch, run_retrieval.main, tmp_path, "--source", "folder", "--audio_dir", root)
    assert (report["n_clips"], report["n_captions"]) == (5, 10)
    assert report["results"]["tones"]["text_to_audio_R@1"] == 1
    for command, folder, message in (
        (run_retrieval, tone_classes, "its clips have classes and no captions"),
        (run_classification, root, "its clips have captions and no classes"),
        (run_zste, root, "its clips have captions and no classes"),
    ):
        with pytest.raises(SystemExit, match=message):
            evaluate(monkeypatch, command.main, tmp_path, "--source", "folder", "--audio_dir", folder)


def test_a_folder_is_checked_before_anything_is_made_of_it(sounds, tmp_path, monkeypatch, capsys):
    def check(*arguments):
        with pytest.raises(SystemExit) as ended:
            run_main(monkeypatch, check_dataset, *arguments)
        return ended.value.code, capsys.readouterr().out

    code, out = check("--source", "folder", "--audio_dir", sounds)
    assert code == 0
    assert "15 of 15 clips can be used: 3 classes, 0.2 minutes" in out
    assert out.splitlines()[3].split() == ["bell", "1", "1", "1", "1", "1", "5", "5.0"]
    assert "16000 (3), 22050 (3), 44100 (3), 48000 (3), 96000 (3)" in out
    assert ".flac (3), .mp3 (3), .ogg (3), .wav (6)" in out
    assert out.splitlines()[-1] == "fine"

    faulty = write_classes(tmp_path / "faulty", 2, ("dog", "cat"))
    (faulty / "dog" / "dog-0.wav").write_bytes(b"")
    write_sound(faulty / "cat" / "cat-9.wav").replace(faulty / "dog" / "same.wav")
    (faulty / "cat" / "same.wav").write_bytes((faulty / "dog" / "same.wav").read_bytes())
    code, out = check("--source", "folder", "--audio_dir", faulty)
    assert code == "check_dataset.py: folder: faulty"
    assert "skipped 1, unreadable audio: dog/dog-0.wav" in out
    assert "there are usable clips of cat and dog only; ZSTE needs three classes" in out
    assert "the same file in several classes, folds or splits: cat/same.wav (cat, " in out

    assert check()[0] == "check_dataset.py: error: give the folder of a built config, or --source with its folders"
    code, _ = check("--source", "folder", "--audio_dir", tmp_path / "none")
    assert code.startswith(f"check_dataset.py: error: --audio_dir {tmp_path / 'none'}: no such folder")


def test_a_captioned_source_of_one_split_is_for_training(bank):
    clips = [replace(clip, label="", fold=None, captions=("A dog barks",), split="train") for clip in bank.clips[:9:3]]
    assert list(find_problems(inspect_clips(clips))) == []
    tested = [replace(clip, split="test") for clip in clips]
    assert list(find_problems(inspect_clips(tested))) == ["there is no clip to train on"]
    labelled = [replace(clip, label=label, captions=()) for clip, label in zip(clips, "abc", strict=True)]
    found = list(find_problems(inspect_clips(labelled)))
    assert found == [f"there is no clip of class {label!r} to test on" for label in "abc"]
