"""Lay the windows of each clip side by side on the clip's own time, and pool over it what the tower heard in them."""

import torch


def locate_windows(window_counts: torch.Tensor, n_windows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Get the clip of each of W windows, which lie clip after clip, and its number in that clip: (W,) long each.

    Windows beyond those that `window_counts` (B,) adds up to belong to no clip: they get the last one, and numbers
    from its count on.
    """
    index = torch.arange(n_windows, device=window_counts.device)
    ends = window_counts.cumsum(0)
    clip = (index[:, None] >= ends).sum(1).clamp(max=ends.shape[0] - 1)
    return clip, index - (ends - window_counts)[clip]


def average_over_clips(pooled: torch.Tensor, window_counts: torch.Tensor) -> torch.Tensor:
    """Average vectors (W, C) of windows over each clip: (B, C)."""
    clip, number = locate_windows(window_counts, pooled.shape[0])
    counts = window_counts[clip]
    shares = (number < counts).to(pooled.dtype) / counts
    return sum_over_clips(pooled * shares.to(pooled.dtype)[:, None], clip, window_counts)


def sum_over_clips(values: torch.Tensor, clip: torch.Tensor, window_counts: torch.Tensor) -> torch.Tensor:
    """Sum `values` (W, ...) of windows over each clip: (B, ...); `clip` is (W,)."""
    zeros = values.new_zeros(window_counts.shape[0], *values.shape[1:])
    return zeros.index_add(0, clip, values)


def pool_over_clips(
    over_time: torch.Tensor,
    n_positions: int,
    window_counts: torch.Tensor | None = None,
    durations: torch.Tensor | None = None,
) -> torch.Tensor:
    """Average the time cells of each clip's windows into positions of equal length from its start to its end.

    Args:
        over_time: (W, C, T), T cells of equal length in each window, clip after clip.
        window_counts: (B,) long, windows of each clip; default: one each.
        durations: (B,) of the clips, in windows, see [`measure_durations`]; default: all windows, end to end.

    Returns:
        (B, P, C). Position p covers [p / P, (p + 1) / P) of the clip; what repeats or pads it is left out.
    """
    n_windows, _, n_cells = over_time.shape
    if window_counts is None:
        number, counts = torch.zeros(1, device=over_time.device), torch.ones(1, device=over_time.device)
        durations = counts if durations is None else durations
    else:
        clip, number = locate_windows(window_counts, n_windows)
        counts = window_counts[clip]
        durations = counts if durations is None else durations[clip]
    weights = weigh_cells(number, counts, durations.float(), n_positions, n_cells).to(over_time.dtype)
    positions = weights @ over_time.transpose(1, 2)
    return positions if window_counts is None else sum_over_clips(positions, clip, window_counts)


def weigh_cells(
    number: torch.Tensor, counts: torch.Tensor, durations: torch.Tensor, n_positions: int, n_cells: int
) -> torch.Tensor:
    """Weigh the T cells of each window in the P positions of its clip.

    The windows of a clip lie evenly from its start to its end, as [`window_spans`] places them. A weight is the time
    that cell and position share, where what the window shares with the one before or after counts half (no more than
    two lie over one another); in lengths of a position, so that the weights of a position add up to 1 over a clip.

    Args:
        number, counts, durations: (W,), of each window its number in the clip, and the clip's windows and duration in
            windows; numbers from `counts` on get weight 0.

    Returns:
        (W, P, T) fp32.
    """
    # Times are in windows, from the start of the window.
    durations = torch.minimum(durations, counts)
    step = (durations - 1) / (counts - 1).clamp(min=1)  # from the start of one window to that of the next
    shared_until = torch.where(number > 0, 1 - step, 0)[:, None, None]
    shared_from = torch.where(number < counts - 1, step, 1)[:, None, None]
    of_clip = torch.linspace(0, 1, n_positions + 1, device=durations.device)
    positions = (durations[:, None] * of_clip - (number * step)[:, None])[:, :, None]
    cells = torch.linspace(0, 1, n_cells + 1, device=durations.device)
    start = torch.maximum(positions[:, :-1], cells[:-1])
    end = torch.minimum(positions[:, 1:], cells[1:])

    def own_time(until: torch.Tensor) -> torch.Tensor:
        return until - torch.minimum(until, shared_until) / 2 - (until - shared_from).relu() / 2

    shared = (own_time(end) - own_time(start)).relu() * (number < counts)[:, None, None]
    return shared * (n_positions / durations)[:, None, None]


def measure_durations(
    num_frames: torch.Tensor, window_counts: torch.Tensor | None, n_windows: int, frames: int
) -> torch.Tensor:
    """Convert the durations of B clips from hops to windows, which are `frames` - 1 hops: (B,) fp32.

    Args:
        num_frames: (B, 1) long, duration of each clip in hops.
        window_counts: (B,) long, windows of each clip; `None`: one each.

    Raises:
        ValueError: there is not one duration for each clip, or one that its windows do not cover.
    """
    num_frames, hops = num_frames.flatten(), frames - 1
    counts = torch.ones_like(num_frames) if window_counts is None else window_counts
    n_clips = n_windows if window_counts is None else counts.shape[0]
    if num_frames.shape[0] != n_clips:
        raise ValueError(f"num_frames has {num_frames.shape[0]} durations, input_features {n_clips} clips")
    if not torch.compiler.is_compiling():
        # up to a hop more per window: one that is not whole hops long, or a clip that a fused checkpoint takes whole
        faulty = ((num_frames <= (counts - 1) * hops) | (num_frames > counts * (hops + 1))).nonzero()
        if faulty.shape[0] > 0:
            row = int(faulty[0])
            raise ValueError(
                f"num_frames[{row}] is {int(num_frames[row])}, but the clip has {int(counts[row])} windows of {hops} "
                "hops: give ceil(samples / hop_length), as TeminalFeatureExtractor does"
            )
    return num_frames / hops
