"""Reference of `raw`."""

from __future__ import annotations

import numpy as np

from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.stage import Words


def encode(words: Words) -> bytes:
    """The little-endian bytes of the words."""
    return words.astype(words.dtype.newbyteorder("<"), copy=False).tobytes()


def decode(data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 where the length differs."""
    if len(data) != count * dtype.itemsize:
        raise corrupt(f"{len(data)} bytes where {count} words need {count * dtype.itemsize}")
    return np.frombuffer(data, dtype.newbyteorder("<"))
