"""Runs of zeros along the rows of a tile, where all neighbours are zero: bits by place, as every encoder writes them.

A run takes a bit 1 for every 2^k zeros and for the last, shorter piece of one that ends because a neighbour is not
zero; one that ends with a word other than zero takes a 0 and, in k bits, the zeros since the last bit. The end of a row
or of the stretch of zero neighbours needs no bit: the decoder sees it. Source: the run mode of JPEG-LS (ISO/IEC
14495-1, annex A.7), with one k for a tile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST = 7
"""Greatest k: a bit never stands for more than 128 words."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Runs:
    """Where a tile is in run mode; arrays of its shape."""

    inside: Mask
    """All neighbours are zero: the word is part of a run, or ends it."""
    ending: Mask
    """`inside`, but the word is not zero."""
    last: Mask
    """`inside`, the word is zero, and the run ends behind it."""
    before: NDArray[np.int64]
    """Zeros of the run before this word."""


def find(size: NDArray[np.int64], zeros: Mask) -> Runs:
    """The runs of a tile; `size` of the neighbourhood, and which words are zero."""
    inside = size == 0
    on = np.zeros_like(inside)  # the run goes on here
    on[..., 1:] = inside[..., 1:] & inside[..., :-1] & zeros[..., :-1]
    columns = np.broadcast_to(np.arange(size.shape[-1]), size.shape)
    begins = np.maximum.accumulate(np.where(on, -1, columns), axis=-1)
    more = np.zeros_like(inside)
    more[..., :-1] = inside[..., 1:]
    return Runs(inside, inside & ~zeros, inside & zeros & ~more, columns - begins)


def cost(runs: Runs, k: int) -> int:
    """Bits of all runs."""
    full = runs.before[runs.last] >> k
    ended = runs.before[runs.ending] >> k
    return int(full.sum()) + full.size + int(ended.sum()) + ended.size * (1 + k)


def choose(runs: Runs) -> int:
    """The k that needs the fewest bits, the least of those."""
    return min(range(LONGEST + 1), key=lambda k: cost(runs, k))


def pieces(runs: Runs, k: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(bits, how many of them) in front of every word's own code; of the tile's shape."""
    place = runs.before & ((1 << k) - 1)
    one = (runs.inside & ~runs.ending) & ((place == (1 << k) - 1) | runs.last)
    widths = np.where(runs.ending, 1 + k, one)
    return np.where(runs.ending, place, one).astype(np.uint64), widths
