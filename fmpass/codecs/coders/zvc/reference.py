"""Reference of `zvc`."""

from __future__ import annotations

import numpy as np

from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.stage import Words


def encode(words: Words) -> bytes:
    """Mask bytes, bit i % 8 of byte i / 8 set where word i is not zero, then the non-zero words."""
    present = words != 0
    kept = words[present]
    return np.packbits(present, bitorder="little").tobytes() + kept.astype(kept.dtype.newbyteorder("<")).tobytes()


def decode(data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 for a mask or length that cannot be."""
    mask_nbytes = (count + 7) // 8
    if len(data) < mask_nbytes:
        raise corrupt("the mask is cut short")
    mask = np.unpackbits(np.frombuffer(data, np.uint8, mask_nbytes), bitorder="little")
    if mask[count:].any():
        raise corrupt("unused bits of the mask are set")
    present = mask[:count].astype(bool)
    kept = int(np.count_nonzero(present))
    if len(data) != mask_nbytes + kept * dtype.itemsize:
        raise corrupt(f"{len(data) - mask_nbytes} bytes of words where the mask asks for {kept * dtype.itemsize}")
    stored = np.frombuffer(data, dtype.newbyteorder("<"), kept, mask_nbytes)
    words = np.zeros(count, dtype)
    words[present] = stored
    return words
