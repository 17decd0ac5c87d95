"""Load AudioCaps: captions of YouTube clips (Kim et al., NAACL 2019), with audio that the user has."""

import re
from collections.abc import Iterable
from pathlib import Path

from teminal.audio import find_audio_by_name
from teminal.clips import Clip
from teminal.hub_rows import load_hub_dataset, read_text_rows
from teminal.sources import MissingOptionError, require_folder
from teminal.tables import Row, check_rows, read_table

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
    """Load the clips of the official caption tables, or of a Hub dataset with their columns.

    Args:
        captions_dir: folder with `train.csv`, `val.csv` and `test.csv`, or some of them.
        audio_dir: folder with the audio; for file names see [`find_video_audio`].
        dataset_name: Hub dataset id with the columns `youtube_id`, `start_time` and `caption`, instead of tables.
    """
    if bool(captions_dir) == bool(dataset_name):
        raise MissingOptionError("--captions_dir (official tables) or --dataset_name (Hub id)")
    tables = _read_hub(dataset_name) if dataset_name else _read_folder(captions_dir)
    audio: dict[str, Path] = {}
    if audio_dir:
        audio = find_audio_by_name(require_folder("--audio_dir", audio_dir, "audio named by youtube_id"))
        if not audio:
            raise ValueError(f"--audio_dir {audio_dir}: there is no audio in it")
    clips: dict[str, Clip] = {}
    for split, (origin, rows) in tables.items():
        rows_of_video: dict[str, list[Row]] = {}
        for row in rows:
            rows_of_video.setdefault(row["youtube_id"], []).append(row)
        for youtube_id, said in rows_of_video.items():
            start_s = int(said[0]["start_time"])
            if not YOUTUBE_ID.fullmatch(youtube_id):
                raise ValueError(f"{origin}: {youtube_id!r} is no YouTube id")
            if youtube_id in clips or any(int(row["start_time"]) != start_s for row in said):
                raise ValueError(f"{origin}: {youtube_id} occurs with two start times or in two splits")
            audiocap_ids = [str(row.get("audiocap_id", "")) for row in said]
            clips[youtube_id] = Clip(
                name=youtube_id,
                recording=youtube_id,
                audio=find_video_audio(audio, youtube_id, start_s, audiocap_ids),
                captions=tuple(row["caption"] for row in said),
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
    return list(clips.values())


def find_video_audio(
    audio: dict[str, Path], youtube_id: str, start_s: int, audiocap_ids: Iterable[str] = ()
) -> Path | None:
    """Find the audio file of a clip under the names that download scripts use.

    These are the video id (also with a leading "Y"), the id with start and end in seconds or milliseconds, and the
    `audiocap_id`.

    Args:
        audio: name -> file, see [`find_audio_by_name`].
    """
    names = [youtube_id, f"Y{youtube_id}"]
    for scale, digits in ((1, ""), (1, ".0"), (1, ".000"), (1000, "")):
        start, end = f"{start_s * scale}{digits}", f"{(start_s + DURATION_S) * scale}{digits}"
        names += [f"{youtube_id}_{start}", f"{youtube_id}_{start}_{end}", f"Y{youtube_id}_{start}_{end}"]
    return next((audio[name] for name in [*names, *audiocap_ids] if name in audio), None)


def _read_folder(captions_dir: str | None) -> dict[str, tuple[object, list[Row]]]:
    root = require_folder("--captions_dir", captions_dir, "get the tables from github.com/cdjkim/audiocaps")
    present = {split: root / name for split, name in TABLES.items() if (root / name).is_file()}
    if not present:
        raise FileNotFoundError(f"--captions_dir {root}: none of {', '.join(TABLES.values())} is there")
    return {split: (path, read_table(path, COLUMNS, whole=("start_time",))) for split, path in present.items()}


def _read_hub(dataset_name: str) -> dict[str, tuple[object, list[Row]]]:
    origin = f"--dataset_name {dataset_name}"
    dataset = load_hub_dataset(origin, dataset_name)
    tables: dict[str, tuple[object, list[Row]]] = {}
    for split in TABLES:
        if split in dataset:
            rows = read_text_rows(origin, dataset[split], COLUMNS, optional=("audiocap_id",))
            check_rows(f"{origin}, {split}", rows, COLUMNS, whole=("start_time",))
            tables[split] = origin, rows
    if not tables:
        raise ValueError(f"{origin}: it has {', '.join(dataset)}, expected are splits of {', '.join(TABLES)}")
    return tables
