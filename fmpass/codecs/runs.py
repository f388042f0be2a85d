"""Runs in a boolean array: where each began and where it ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


def place_in_run(flags: Flags) -> Places:
    """For every set flag its place in its run, from 0; what stands elsewhere means nothing."""
    index = np.arange(flags.size, dtype=np.int64)
    last_clear = np.maximum.accumulate(np.where(flags, -1, index)) if flags.size else index
    return index - last_clear - 1


def run_end(flags: Flags) -> Places:
    """For every set flag the first place behind its run."""
    index = np.arange(flags.size, dtype=np.int64)
    clear = np.where(flags, flags.size, index)
    return np.minimum.accumulate(clear[::-1])[::-1] if flags.size else index
