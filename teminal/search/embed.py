"""Bring an index up to date with a folder: embed new and changed files, and drop those that are gone."""

import itertools
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from accelerate.utils import broadcast_object_list, gather_object
from tqdm.auto import tqdm

from teminal.audio import AUDIO_SUFFIXES, find_audio, printable
from teminal.evaluation.evaluation import start_processes
from teminal.evaluation.models import AudioTextModel
from teminal.evaluation.windows import Audio, load_file, read_ahead
from teminal.files import file_sha256, lock_folder
from teminal.rendering import SAMPLING_RATE
from teminal.search.about import About, load_model, require_same_model
from teminal.search.export import write_embeddings
from teminal.search.options import ABOUT, EmbedOptions
from teminal.search.store import FileVersion, Store
from teminal.search.windows import Span, cut_windows, measure_duration, place_windows

FILES_AT_ONCE, BYTES_AT_ONCE = 16, 8_000_000  # that are embedded and then written together: a kill loses these


@dataclass(frozen=True)
class NewFile:
    """A decoded file, the SHA-256 of its content, and its windows."""

    version: FileVersion
    content: str
    audio: Audio
    spans: list[Span]


def embed_folder(options: EmbedOptions, model: AudioTextModel | None = None) -> None:
    """Embed the audio files of a folder into an index, and print what has changed and what is skipped.

    Processes share the work. What is written stays: after an interruption the next run embeds only the other files. A
    file that was moved or copied within the folder is known by its content, and not embedded again.

    Args:
        model: that of the options, if it is loaded.

    Raises:
        ValueError: there is no audio file that can be read, no such checkpoint, or the index is of another model or
            folder.
        OSError: the index cannot be written, or a file no longer read.
    """
    found = find_audio(options.folder)
    left_out = found.describe_left_out()
    if not found.files:
        there = f", only {left_out}" if left_out else f" ({', '.join(AUDIO_SUFFIXES)})"
        raise ValueError(f"--folder {options.folder}: no audio in it{there}")
    files = {FileVersion.of(path, options.folder): path for path in found.files}
    state = start_processes()
    model = model or load_model(options.model, options.model_type, options.per_device_eval_batch_size)
    with lock_folder(options.index, "`teminal embed`", "--index") if state.is_main_process else nullcontext():
        # 1. Make or open the index.
        about = describe(options, model)
        if state.is_main_process:
            require_same_index(options.index, about, files)
            about.write(options.index)
            Store(options.index, about.dimension)
        state.wait_for_everyone()
        store = Store(options.index, about.dimension)
        before = store.files()
        state.wait_for_everyone()  # until all know what was there before

        # 2. Embed this process's share of the new and changed files.
        all_new = broadcast_object_list([sorted(files.keys() - before.keys())])[0]  # others may have seen other files
        new = all_new[state.process_index :: state.num_processes]
        reasons: dict[str, str] = {}
        known, n_bytes = set(before.values()), sum(version.size for version in new)
        with tqdm(desc="embed", total=n_bytes, unit="B", unit_scale=True, disable=not state.is_main_process) as bar:
            for versions in in_small_batches(new):
                try:
                    reasons |= _embed_files(store, model, options.folder, versions, known)
                except OSError as error:  # not a fault of the audio: the next run tries again
                    raise OSError(f"{error}; run the same command again to continue") from error
                bar.update(sum(version.size for version in versions))
        for others in gather_object([reasons]):  # waits for all
            reasons |= others
        if not state.is_main_process:
            return

        # 3. Drop what is gone or was changed.
        after = store.files().keys()
        gone = after - files.keys()
        store.remove(gone)
        if after != before.keys() or gone:
            store.tidy()
    for name, reason in sorted(reasons.items()):
        print(f"skipped {printable(name)}: {reason}", file=sys.stderr)
    if not len(store):
        raise ValueError(f"--folder {options.folder}: none of {len(files)} files can be read")
    if options.output_file:
        write_embeddings(options.output_file, *store.whole_files())
    print(
        f"{options.index}: {len(files) - len(reasons)} files in {len(store)} windows; "
        f"new or changed: {len(after - before.keys())}, gone or replaced: {len(gone)}, skipped: {len(reasons)}"
    )
    if left_out:
        print(f"left out: {left_out}")


def describe(options: EmbedOptions, model: AudioTextModel) -> About:
    """Describe the index that the options ask for."""
    is_local = Path(options.model).exists()
    return About(
        model_name_or_path=str(Path(options.model).resolve()) if is_local else options.model,
        model_type=options.model_type,
        identity=model.identity,
        dimension=model.embed_text(["sound"]).shape[1],
        folder=str(options.folder.resolve()),
    )


def require_same_index(index: Path, about: About, files: Collection[FileVersion]) -> None:
    """Raise a ValueError if there is an index of another model or folder; a moved one has some file unchanged."""
    if not (index / ABOUT).exists():
        return
    known = About.read(index)
    require_same_model(index, known, f"--model {about.model_name_or_path}", about.identity)
    if known.folder == about.folder:
        return
    if Path(known.folder).is_dir() or Store(index, known.dimension).files().keys().isdisjoint(files):
        raise ValueError(
            f"--index {index}: it is of {known.folder}; name another for {about.folder}, or embed a folder that holds "
            "both"
        )


def in_small_batches(versions: Iterable[FileVersion]) -> Iterator[list[FileVersion]]:
    """Split files into lists of at most `FILES_AT_ONCE`, and of `BYTES_AT_ONCE` if there are several in one."""
    batch: list[FileVersion] = []
    for version in versions:
        n_bytes = sum(other.size for other in batch) + version.size
        if batch and (len(batch) == FILES_AT_ONCE or n_bytes > BYTES_AT_ONCE):
            yield batch
            batch = []
        batch.append(version)
    if batch:
        yield batch


def _embed_files(
    store: Store, model: AudioTextModel, folder: Path, versions: list[FileVersion], known: set[str]
) -> dict[str, str]:
    """Add the rows of files to the store, and return path -> reason of those that cannot be read."""
    reasons, rows, new = {}, [], []
    paths = [folder / version.path for version in versions]
    for version, (content, audio) in zip(versions, read_ahead(partial(_read, known), paths), strict=True):
        if isinstance(audio, str):
            reasons[version.path] = audio
        elif audio is None:
            rows.append(store.copy_rows(version, content))
        else:
            new.append(NewFile(version, content, audio, place_windows(measure_duration(audio))))
    if new:
        windows = itertools.chain.from_iterable(cut_windows(file.audio, file.spans) for file in new)
        vectors = model.embed_audio(windows, SAMPLING_RATE)
        ends = np.cumsum([len(file.spans) for file in new])
        for file, own in zip(new, np.split(vectors, ends[:-1]), strict=True):
            rows.append(store.make_rows(file.version, file.content, file.spans, own))
    if rows:
        store.add(rows)
    return reasons


def _read(known: set[str], path: Path) -> tuple[str, Audio | str | None]:
    """Hash a file and decode it: its audio, the reason why there is none, or `None` if its content is known."""
    try:
        content = file_sha256(path) if path.exists() else ""
        return content, None if content in known else load_file(path)
    except ValueError as error:
        return "", str(error)
