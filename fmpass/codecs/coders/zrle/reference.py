"""Reference of `zrle`."""

from __future__ import annotations

import numpy as np

from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.runs import place_in_run, run_end
from fmpass.codecs.stage import Words


def encode(words: Words, max_run: int) -> bytes:
    """A run of r ≤ `max_run` zero bytes is 00 and r − 1; longer runs are split, the longest pieces first."""
    data = np.frombuffer(words.astype(words.dtype.newbyteorder("<"), copy=False).tobytes(), np.uint8)
    zero = data == 0
    start = zero & (place_in_run(zero) % max_run == 0)
    sizes = np.where(start, 2, np.where(zero, 0, 1))
    at = np.cumsum(sizes) - sizes
    code = np.zeros(int(sizes.sum()), np.uint8)
    code[at[~zero]] = data[~zero]
    begins = np.flatnonzero(start)
    code[at[begins] + 1] = np.minimum(run_end(zero)[begins] - begins, max_run) - 1
    return code.tobytes()


def decode(data: bytes, count: int, dtype: np.dtype[np.generic], max_run: int) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 for runs too long, cut short or passing the end."""
    code = np.frombuffer(data, np.uint8)
    zero = code == 0
    # A run of zeros in the code begins with a run marker, because the byte before it is a literal or a length.
    # So the markers are its even places, and a marker that ends an odd run has the next byte as its length.
    markers = np.flatnonzero(zero & (place_in_run(zero) % 2 == 0))
    if markers.size and markers[-1] + 1 == code.size:
        raise corrupt("the last run has no length")
    sizes = np.ones(code.size, np.int64)
    sizes[markers] = code[markers + 1].astype(np.int64) + 1
    if markers.size and int(sizes[markers].max()) > max_run:
        raise corrupt(f"a run of {int(sizes[markers].max())} zeros, above max_run={max_run}")
    sizes[markers + 1] = 0
    nbytes = count * dtype.itemsize
    if int(sizes.sum()) != nbytes:
        raise corrupt(f"the code stands for {int(sizes.sum())} bytes where {count} words have {nbytes}")
    literal = ~zero
    literal[markers + 1] = False
    decoded = np.zeros(nbytes, np.uint8)
    decoded[(np.cumsum(sizes) - sizes)[literal]] = code[literal]
    return decoded.view(dtype.newbyteorder("<"))
