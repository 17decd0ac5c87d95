"""Place evenly spaced windows on a clip; plain Python, which models without torch use too."""


def longest_window(size: int, hop_length: int, is_fused: bool) -> int:
    """Get the samples of the longest clip that is one window.

    As in the stock class, a fused checkpoint does not cut a clip that is longer than `size` by less than a frame.
    """
    return (size // hop_length + 1) * hop_length - 1 if is_fused else size


def window_spans(n_samples: int, size: int, longest: int) -> list[slice]:
    """Place the fewest windows that cover a clip, evenly spaced from its start to its end.

    Args:
        size: samples of a window.
        longest: samples of the longest clip that is one window, at least `size`; see [`longest_window`].
    """
    if n_samples <= longest:
        return [slice(0, n_samples)]
    n_windows = -(-n_samples // size)
    starts = [round(index * (n_samples - size) / (n_windows - 1)) for index in range(n_windows)]
    return [slice(start, start + size) for start in starts]
