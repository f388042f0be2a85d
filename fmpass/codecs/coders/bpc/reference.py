"""Reference of `bpc`: every word in groups, one stream."""

from __future__ import annotations

import numpy as np

from fmpass.codecs import bits
from fmpass.codecs.coders.bpc import planes
from fmpass.codecs.stage import Words


def encode(words: Words, block: int) -> bytes:
    """The groups of `words` behind each other, padded to a whole word."""
    return bits.pack(*planes.encode(words, block), word_bits=8 * words.dtype.itemsize)


def decode(data: bytes, count: int, dtype: np.dtype[np.generic], block: int) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 unless `data` is exactly their groups."""
    stream = bits.BitReader(data)
    words = planes.decode(stream, count, dtype, block)
    stream.align(8 * dtype.itemsize)
    stream.close()
    return words
