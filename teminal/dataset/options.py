"""Options of the commands that build, render and check datasets; fast to import."""

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

from teminal.hub import check_repo_id
from teminal.options import check_ranges, option
from teminal.rendering import EVENT_S, OVERLAY_SNR_DB
from teminal.sampling.layouts import TASK6
from teminal.scenes import MAX_SCENE_S, MIN_SCENE_S
from teminal.sources import CreditedSourceOptions, SourceOptions, source_module

REPORT = "build_report.json"  # written last, so that it marks a finished config
ZSTE = "zste"  # name of the config with fixed evaluation scenes
TASK6_SHARE = 0.1  # groups of ZSTE task 6 for each of the others
FOUR_EVENT_SHARE, FREE_LAYOUT_SHARE, MAX_DURATION_S = 0.1, 0.5, 10.0  # unless given
GAP_S = [0.1, 0.5]
NOT_FOR_ZSTE = ("four_event_share", "free_layout_share", "max_duration_s")


@dataclass(kw_only=True)
class BuildOptions(CreditedSourceOptions):
    """Options of build_dataset.py."""

    output_dir: Path = option(MISSING, "parent of one folder per config, and of README.md")
    config_name: str | None = option(
        None, f'default: the source; "{ZSTE}": fixed scenes of test clips, of all class pairs'
    )
    n_groups: int = option(5000, "composition groups (of four rows) in all splits together", least=1)
    validation_folds: list[int] | None = option(None, "default: the last but one")
    test_folds: list[int] | None = option(None, "default: the last")
    n_task6_groups: int | None = option(
        None, "groups of each of 6A to 6G in the config zste; default: a tenth of --n_groups in all", least=0
    )
    three_event_share: float = option(0.2, "share of groups with three events", least=0, most=1)
    four_event_share: float | None = option(
        None,
        f"share of groups with four events; default: {FOUR_EVENT_SHARE}, or what --three_event_share leaves; not of "
        f"{ZSTE}",
        least=0,
        most=1,
    )
    free_layout_share: float | None = option(
        None,
        "share of groups with events of any length that touch, have gaps or overlap, a quarter of them over a "
        f"background; the others last ten seconds in equal parts; default: {FREE_LAYOUT_SHARE}; not of {ZSTE}",
        least=0,
        most=1,
    )
    max_duration_s: float | None = option(
        None,
        f"longest of these scenes, seconds; default: {MAX_DURATION_S:g}; not of {ZSTE}",
        least=MIN_SCENE_S,
        most=MAX_SCENE_S,
    )
    snr_db: list[float] = option(
        list(OVERLAY_SNR_DB), "LOW HIGH: level of the first sound over the last in an overlay", least=-60, most=60
    )
    gap_s: list[float] = option(
        GAP_S, "LOW HIGH: silence between equal parts, in half of their groups", least=0.02, most=EVENT_S / 3
    )
    seed: int = option(0, least=0)
    include_audio: bool | None = option(None, "default: if the audio may be redistributed", nargs="?", const=True)
    no_include_audio: bool = option(False, "build recipes only", aliases="--no-include_audio")
    num_proc: int | None = option(None, "worker processes; default: one per core", least=1)
    push_to_hub: bool = option(False)
    hub_dataset_id: str = option("", "such as me/temporal-esc50")
    private: bool = option(False, "create a private repository")
    dry_run: bool = option(False, "only list what --push_to_hub would upload")

    def __post_init__(self) -> None:
        """Check everything that can be checked without the clips."""
        check_ranges(self)
        source = source_module(self.source)
        if self.include_audio and not source.REDISTRIBUTABLE:
            raise ValueError(
                f"--include_audio: {source.WHY_NOT}; build recipes, then run render_dataset.py on your audio"
            )
        if self.config_name not in (None, self.source, ZSTE):
            raise ValueError(f"--config_name {self.config_name}: choose {self.source} or {ZSTE}")
        for name in ("snr_db", "gap_s"):
            values = getattr(self, name)
            if len(values) != 2 or values[0] > values[1]:
                raise ValueError(f"--{name} {' '.join(map(str, values))}: must be two values that rise")
        for name in NOT_FOR_ZSTE:
            if self.config == ZSTE and getattr(self, name) is not None:
                raise ValueError(f"--{name} does nothing with --config_name {ZSTE}, whose layouts are fixed")
        if self.max_duration_s is not None and self.free_layout_share == 0:
            raise ValueError("--max_duration_s does nothing with --free_layout_share 0")
        if self.gap_s != GAP_S and self.free_layout_share == 1:
            raise ValueError("--gap_s does nothing with --free_layout_share 1, for no group is in equal parts")
        if self.four_event_share is not None and self.three_event_share + self.four_event_share > 1:
            raise ValueError(
                f"--three_event_share {self.three_event_share}, --four_event_share {self.four_event_share}: "
                "must add up to at most 1"
            )
        if self.n_task6_groups is not None and self.config != ZSTE:
            raise ValueError(f"--n_task6_groups needs --config_name {ZSTE}")
        if self.push_to_hub and not self.hub_dataset_id:
            raise ValueError("--push_to_hub needs --hub_dataset_id, such as me/temporal-esc50")
        if (self.hub_dataset_id or self.private or self.dry_run) and not self.push_to_hub:
            raise ValueError("--hub_dataset_id, --private and --dry_run need --push_to_hub")
        if self.hub_dataset_id:
            check_repo_id("--hub_dataset_id", self.hub_dataset_id)

    @property
    def config(self) -> str:
        """The name of the config."""
        return self.config_name or self.source or ""

    @property
    def mix(self) -> dict[str, Any]:
        """The arguments of [`teminal.sampling.groups.Mix`], without those that have no effect."""
        mix: dict[str, Any] = {name: getattr(self, name) for name in ("three_event_share", "snr_db", "gap_s")}
        if self.config == ZSTE:
            return mix
        of_four, of_free, longest_s = self.four_event_share, self.free_layout_share, self.max_duration_s
        mix["four_event_share"] = min(FOUR_EVENT_SHARE, 1 - self.three_event_share) if of_four is None else of_four
        mix["free_layout_share"] = FREE_LAYOUT_SHARE if of_free is None else of_free
        if mix["free_layout_share"]:
            mix["max_duration_s"] = MAX_DURATION_S if longest_s is None else longest_s
        return mix

    @property
    def n_of_each_task6(self) -> int:
        """How many groups each sub-task of ZSTE task 6 gets."""
        if self.config != ZSTE:
            return 0
        if self.n_task6_groups is None:
            return max(1, round(TASK6_SHARE * self.n_groups / len(TASK6)))
        return self.n_task6_groups

    @property
    def includes_audio(self) -> bool:
        """Whether rows have audio, or a recipe to render it."""
        is_wanted = self.include_audio is not False and not self.no_include_audio
        return is_wanted and source_module(self.source).REDISTRIBUTABLE


@dataclass(kw_only=True)
class RenderOptions:
    """Options of render_dataset.py."""

    recipe_dir: Path = option(MISSING, "folder of a config of recipes")
    audio_dir: Path = option(MISSING, "folder of audio files, named by clip")
    output_dir: Path = option(MISSING)
    num_proc: int | None = option(None, "worker processes; default: one per core", least=1)

    def __post_init__(self) -> None:
        check_ranges(self)
        if not (self.recipe_dir / REPORT).is_file():
            raise FileNotFoundError(
                f"--recipe_dir {self.recipe_dir}: no {REPORT} in it; point at a config that was built whole"
            )
        if not self.audio_dir.is_dir():
            raise FileNotFoundError(f"--audio_dir {self.audio_dir}: no such folder")


@dataclass(kw_only=True)
class CheckOptions(SourceOptions):
    """Options of check_dataset.py."""

    path: Path | None = option(None, "folder of one config")

    def __post_init__(self) -> None:
        if bool(self.path) == bool(self.source) or (self.path and self.given()):
            raise ValueError("give the folder of a built config, or --source with its folders")
        if self.path and not any(self.path.glob("*.parquet")):
            raise ValueError(f"{self.path}: no Parquet shards in it; point at the folder of one config")
