"""How a map coder sees a tensor: maps of channels × rows × columns, cut into tiles. docs/format.md is the text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.header import MAX_BLOCK_WORDS
from fmpass.codecs.stage import MapCoder, Tile

Extent = tuple[int, int, int]


def view(words: NDArray[np.generic], shape: tuple[int, ...], axis: int) -> NDArray[np.generic]:
    """The flat words of a tensor of `shape` as (maps, channels, rows, columns), without a copy.

    `axis` counts the axis of channels from the last, −3 … −1. Of the other axes the last are rows and columns, what
    lies before them are maps. A tensor without that axis has one channel.
    """
    dims = (1, 1, *shape)
    if len(shape) + axis < 0:
        dims, axis = (*dims, 1), -1
        order = (-1, -3, -2)
    else:
        order = {-3: (-3, -2, -1), -2: (-2, -3, -1), -1: (-1, -3, -2)}[axis]
    tensor = words.reshape(dims)
    rest = [i for i in range(tensor.ndim) if i - tensor.ndim not in order]
    arranged = tensor.transpose(*rest, *order)
    # The axes before are neighbours in memory and in order: joining them is a view.
    return arranged.reshape(math.prod(arranged.shape[:-3]), *arranged.shape[-3:])


def choose_extent(shape: tuple[int, ...], coder: MapCoder, block_words: int) -> Extent:
    """Extents of tiles of about `block_words` words for maps of `shape` (maps, channels, rows, columns).

    All columns, so many channels as the coder takes at a time, all rows if they fit, and more channels if those fit.
    Fewer channels than the coder's least count as those.
    """
    lanes = coder.lanes
    _, channels, rows, columns = shape
    c = max(1, min(channels, lanes))
    x = max(1, min(columns, block_words, MAX_BLOCK_WORDS // lanes))
    y = max(1, min(rows, block_words // (max(c, coder.least_channels) * x)))
    if y == rows and x == columns:
        more = block_words // (y * x) // lanes * lanes
        c = max(1, min(channels, max(more, lanes)))
    return c, y, x


@dataclass(frozen=True, slots=True)
class Grid:
    """Tiles of `extent` (channels, rows, columns) over maps of `shape` (maps, channels, rows, columns)."""

    shape: tuple[int, ...]
    extent: Extent

    @property
    def counts(self) -> tuple[int, int, int]:
        """Tiles along channels, rows and columns."""
        c, y, x = (-(-n // e) for n, e in zip(self.shape[1:], self.extent, strict=True))
        return c, y, x

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return self.shape[0] * math.prod(self.counts)

    def __iter__(self) -> Iterator[tuple[Tile, tuple[int, slice, slice, slice]]]:
        """Tiles in the order of a payload, each with its place in the array of maps."""
        for where in itertools.product(range(self.shape[0]), *map(range, self.counts)):
            begins = [i * e for i, e in zip(where[1:], self.extent, strict=True)]
            sizes = [min(e, n - b) for b, e, n in zip(begins, self.extent, self.shape[1:], strict=True)]
            c, y, x = (slice(b, b + n) for b, n in zip(begins, sizes, strict=True))
            yield Tile(begins[0], (sizes[0], sizes[1], sizes[2])), (where[0], c, y, x)
