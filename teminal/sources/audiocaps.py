"""AudioCaps: captions of YouTube clips (Kim et al., NAACL 2019), with the user's own audio where it is at hand."""

import re
from collections.abc import Iterable
from pathlib import Path

from teminal.audio import audio_files
from teminal.clips import Clip
from teminal.hub_rows import load_hub_dataset, text_rows
from teminal.sources import MissingOptionError, require_folder
from teminal.table import check_rows, read_table

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
DURATION_S = 10
YOUTUBE_ID = re.compile(r"[\w-]{11}")


def load(captions_dir: str | None = None, audio_dir: str | None = None, dataset_name: str | None = None) -> list[Clip]:
    """The clips of the official caption tables, or of a Hub dataset with their columns.

    Args:
        captions_dir: folder with `train.csv`, `val.csv` and `test.csv`, or some of them.
        audio_dir: folder with the audio, each file named by its `youtube_id`, with or without a leading "Y", or as
            [`audio_of_video`] says.
        dataset_name: Hub dataset id with the columns `youtube_id`, `start_time` and `caption`, instead of tables.
    """
    if bool(captions_dir) == bool(dataset_name):
        raise MissingOptionError("--captions_dir (official tables) or --dataset_name (Hub id)")
    tables = _from_hub(dataset_name) if dataset_name else _from_folder(captions_dir)
    audio = audio_files(require_folder("--audio_dir", audio_dir, "audio named by youtube_id")) if audio_dir else {}
    clips = {}
    for split, (origin, rows) in tables.items():
        captions, ids = {}, {}
        for row in rows:
            if not YOUTUBE_ID.fullmatch(row["youtube_id"]):
                raise ValueError(f"{origin}: {row['youtube_id']!r} is no YouTube id")
            clip = row["youtube_id"], int(row["start_time"])
            captions.setdefault(clip, []).append(row["caption"])
            ids.setdefault(clip, []).append(str(row.get("audiocap_id", "")))
        for (youtube_id, start_s), said in captions.items():
            if youtube_id in clips:
                raise ValueError(f"{origin}: {youtube_id} occurs with two start times or in two splits")
            clips[youtube_id] = Clip(
                youtube_id,
                "",
                None,
                youtube_id,
                audio_of_video(audio, youtube_id, start_s, ids[youtube_id, start_s]),
                captions=tuple(said),
                split=split,
                start_s=start_s,
                license=LICENSE,
                attribution=f"youtu.be/{youtube_id} from {start_s} s, captions of AudioCaps",
            )
    if audio and not any(clip.audio for clip in clips.values()):
        example = next(iter(audio.values())).name
        raise ValueError(
            f"--audio_dir {audio_dir}: no file is named by a youtube_id of the tables, nor as ID_START, ID_START_END "
            f"or by an audiocap_id; rename them, such as {example} to {next(iter(clips))}.wav"
        )
    if audio_dir and not audio:
        raise ValueError(f"--audio_dir {audio_dir}: there is no audio in it")
    return list(clips.values())


def audio_of_video(
    audio: dict[str, Path], youtube_id: str, start_s: int, audiocap_ids: Iterable[str] = ()
) -> Path | None:
    """The file of a clip under the names that download scripts give: the id of the video, with or without the start
    and end of the clip in seconds or milliseconds, or an `audiocap_id`.

    Args:
        audio: [`audio_files`] of a folder.
    """
    names = [youtube_id]
    for scale, digits in ((1, ""), (1, ".0"), (1, ".000"), (1000, "")):
        start, end = f"{start_s * scale}{digits}", f"{(start_s + DURATION_S) * scale}{digits}"
        names += [f"{youtube_id}_{start}", f"{youtube_id}_{start}_{end}", f"Y{youtube_id}_{start}_{end}"]
    return next((audio[name] for name in [*names, *audiocap_ids] if name in audio), None)


def _from_folder(captions_dir: str) -> dict:
    root = require_folder("--captions_dir", captions_dir, "get the tables from github.com/cdjkim/audiocaps")
    present = {split: root / name for split, name in TABLES.items() if (root / name).is_file()}
    if not present:
        raise FileNotFoundError(f"--captions_dir {root}: none of {', '.join(TABLES.values())} is there")
    return {split: (path, read_table(path, COLUMNS, whole=("start_time",))) for split, path in present.items()}


def _from_hub(dataset_name: str) -> dict:
    origin = f"--dataset_name {dataset_name}"
    dataset, tables = load_hub_dataset(origin, dataset_name), {}
    for split in TABLES:
        if split in dataset:
            rows = text_rows(origin, dataset[split], COLUMNS, optional=("audiocap_id",))
            check_rows(f"{origin}, {split}", rows, COLUMNS, whole=("start_time",))
            tables[split] = origin, rows
    if not tables:
        raise ValueError(f"{origin}: it has {', '.join(dataset)}, expected are splits of {', '.join(TABLES)}")
    return tables
