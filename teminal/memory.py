"""Freed memory that is kept, for waveforms and activations that are made anew every few milliseconds."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
KEPT_BYTES = 2**30


def keep_freed_memory() -> None:
    """Let this process and its children reuse up to `KEPT_BYTES` of freed memory, where its C library is glibc.

    glibc gives freed blocks beyond 128 kB to 32 MB back to the system, and to fault the pages of the next block in
    takes longer than to compose a scene.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
