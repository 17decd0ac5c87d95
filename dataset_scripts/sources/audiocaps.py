"""AudioCaps: captions of YouTube clips (Kim et al., NAACL 2019), with the user's own audio where it is at hand."""

import re

from dataset_scripts.clips import Clip
from dataset_scripts.decode import audio_files
from dataset_scripts.sources import require_folder
from dataset_scripts.table import check_columns, check_rows, read_table

LICENSE = "mit"
ATTRIBUTION = "Captions of AudioCaps (C. D. Kim, B. Kim, H. Lee, G. Kim, 2019), MIT; the audio is that of YouTube."
CITATION = """@inproceedings{kim2019audiocaps,
  author = {Kim, Chris Dongjoo and Kim, Byeongchang and Lee, Hyunmin and Kim, Gunhee},
  title = {{AudioCaps}: Generating Captions for Audios in The Wild},
  booktitle = {Proceedings of NAACL-HLT},
  pages = {119--132},
  year = {2019},
}"""
REDISTRIBUTABLE = False
WHY_NOT = "AudioCaps audio comes from YouTube and may not be redistributed"
COLUMNS = ("youtube_id", "start_time", "caption")
TABLES = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}
YOUTUBE_ID = re.compile(r"[\w-]{11}")


def load(captions_dir: str | None = None, audio_dir: str | None = None, dataset_name: str | None = None) -> list[Clip]:
    """The clips of the official caption tables, or of a Hub dataset with their columns.

    Args:
        captions_dir: folder with `train.csv`, `val.csv` and `test.csv`, or some of them.
        audio_dir: folder with the audio, each file named by its `youtube_id`, with or without a leading "Y".
        dataset_name: Hub dataset id with the columns `youtube_id`, `start_time` and `caption`, instead of tables.
    """
    if bool(captions_dir) == bool(dataset_name):
        raise ValueError("--source audiocaps needs --captions_dir (official tables) or --dataset_name (Hub id)")
    tables = _from_hub(dataset_name) if dataset_name else _from_folder(captions_dir)
    audio = audio_files(require_folder("--audio_dir", audio_dir, "audio named by youtube_id")) if audio_dir else {}
    clips = {}
    for split, (origin, rows) in tables.items():
        captions = {}
        for row in rows:
            if not YOUTUBE_ID.fullmatch(row["youtube_id"]):
                raise ValueError(f"{origin}: {row['youtube_id']!r} is no YouTube id")
            captions.setdefault((row["youtube_id"], int(row["start_time"])), []).append(row["caption"])
        for (youtube_id, start_s), said in captions.items():
            if youtube_id in clips:
                raise ValueError(f"{origin}: {youtube_id} occurs with two start times or in two splits")
            clips[youtube_id] = Clip(
                youtube_id,
                "",
                None,
                youtube_id,
                audio.get(youtube_id),
                captions=tuple(said),
                split=split,
                start_s=start_s,
                license=LICENSE,
                attribution=f"youtu.be/{youtube_id} from {start_s} s, captions of AudioCaps",
            )
    if audio_dir and not any(clip.audio for clip in clips.values()):
        raise ValueError(f"--audio_dir {audio_dir}: no file is named by a youtube_id of the tables")
    return list(clips.values())


def _from_folder(captions_dir: str) -> dict:
    root = require_folder("--captions_dir", captions_dir, "get the tables from github.com/cdjkim/audiocaps")
    present = {split: root / name for split, name in TABLES.items() if (root / name).is_file()}
    if not present:
        raise FileNotFoundError(f"--captions_dir {root}: none of {', '.join(TABLES.values())} is there")
    return {split: (path, read_table(path, COLUMNS, whole=("start_time",))) for split, path in present.items()}


def _from_hub(dataset_name: str) -> dict:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    origin = f"--dataset_name {dataset_name}"
    try:
        dataset = load_dataset(dataset_name)
    except (DatasetsError, OSError, ValueError) as error:
        raise ValueError(f"{origin}: {error}") from error
    for split in dataset.values():
        check_columns(origin, split.column_names, COLUMNS)
    tables = {name: list(dataset[name].select_columns(list(COLUMNS))) for name in TABLES if name in dataset}
    for rows in tables.values():
        check_rows(origin, rows, COLUMNS, whole=("start_time",))
    return {name: (origin, rows) for name, rows in tables.items()}
