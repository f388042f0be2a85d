"""From the words of a tile to byte planes and lanes, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans.model import CHUNK, GROUP, Model
from fmpass.codecs.stage import Tile
from fmpass.dtypes import DType

Bytes = NDArray[np.uint8]

MOST_STEPS = 1 << 26
"""Steps times lanes of a row that a tile may have."""


def planes(words: NDArray[np.generic], dtype: DType) -> Bytes:
    """(planes, *shape) bytes of words, the most significant first.

    Signed integers begin at their least one; floats have their sign as the lowest bit, so that the first plane is the
    exponent.
    """
    bits = dtype.word_bits
    unsigned = np.ascontiguousarray(words).view(f"<u{bits // 8}").astype(np.uint64)
    if dtype.kind == "int":
        unsigned ^= np.uint64(1 << (bits - 1))
    elif dtype.kind == "float":
        unsigned = (unsigned << np.uint64(1) | unsigned >> np.uint64(bits - 1)) & np.uint64((1 << bits) - 1)
    return np.stack([(unsigned >> np.uint64(shift)).astype(np.uint8) for shift in range(bits - 8, -1, -8)])


def words(bytes_: Bytes, dtype: DType) -> NDArray[np.generic]:
    """The inverse of `planes`."""
    bits = dtype.word_bits
    unsigned = np.zeros(bytes_.shape[1:], np.uint64)
    for plane in bytes_:
        unsigned = unsigned << np.uint64(8) | plane
    if dtype.kind == "int":
        unsigned ^= np.uint64(1 << (bits - 1))
    elif dtype.kind == "float":
        unsigned = unsigned >> np.uint64(1) | (unsigned & np.uint64(1)) << np.uint64(bits - 1)
    return unsigned.astype(f"<u{bits // 8}").view(dtype.word_dtype)


def split(tile: Bytes, phases: int) -> tuple[Bytes, NDArray[np.int64]]:
    """(channels · phases², rows, columns) of a plane of a tile, and rows and columns that each lane has (lanes, 2).

    With two phases a channel becomes four, of its even and odd rows and columns: 00 01 10 11.
    """
    channels, rows, columns = tile.shape
    height, width = -(-rows // phases), -(-columns // phases)
    padded = np.zeros((channels, height * phases, width * phases), np.uint8)
    padded[:, :rows, :columns] = tile
    lanes = padded.reshape(channels, height, phases, width, phases).transpose(0, 2, 4, 1, 3)
    sizes = [(-(-(rows - y) // phases), -(-(columns - x) // phases)) for y in range(phases) for x in range(phases)]
    return lanes.reshape(-1, height, width), np.array(sizes * channels, np.int64).reshape(-1, 2)


def join(lanes: Bytes, shape: tuple[int, ...], phases: int) -> Bytes:
    """The inverse of `split`."""
    channels, rows, columns = shape
    _, height, width = lanes.shape
    padded = lanes.reshape(channels, phases, phases, height, width).transpose(0, 3, 1, 4, 2)
    return padded.reshape(channels, height * phases, width * phases)[:, :rows, :columns]


@dataclass(frozen=True)
class Strip:
    """How a group of lanes lies over steps. `first` is its first lane in the tile, `count` its lanes."""

    first: int
    count: int
    steps: int
    pitch: int
    delays: NDArray[np.int64]
    active: NDArray[np.bool_]
    where: NDArray[np.int64]

    def lay(self, lanes: Bytes, zero: int) -> Bytes:
        """(steps, count) values of (lanes, rows, columns) bytes, zero where a lane has no pixel."""
        flat = lanes[self.first : self.first + self.count].reshape(self.count, -1)
        values = flat[np.arange(self.count), np.where(self.active, self.where, 0)]
        return np.where(self.active, values, np.uint8(zero)).astype(np.uint8)

    def take(self, values: Bytes, lanes: Bytes) -> None:
        """Writes (steps, count) values back into (lanes, rows, columns) bytes."""
        flat = lanes[self.first : self.first + self.count].reshape(self.count, -1)
        step, lane = np.nonzero(self.active)
        flat[lane, self.where[step, lane]] = values[step, lane]


def lane_indices(model: Model, tile: Tile) -> NDArray[np.int64] | None:
    """Index in the model of every lane of a tile; None where it has no lanes."""
    phases = model.phases**2
    return np.arange(tile.shape[0] * phases) + tile.first_channel * phases if model.channels else None


def fits(model: Model, tile: Tile) -> bool:
    """Whether a tile begins and ends where groups of the model do, and is not too wide for its lanes."""
    count = tile.shape[0] * model.phases**2
    row = 16 if count <= 16 else 32 if count <= 32 else 64
    height, width = (-(-n // model.phases) for n in tile.shape[1:])
    if row * (height * (width + 1) + 16) > MOST_STEPS:
        return False
    first, end = tile.first_channel, tile.first_channel + tile.shape[0]
    return model.channels == 0 or (first % CHUNK == 0 and (tile.shape[0] % CHUNK == 0 or end == model.channels))


def order_of(model: Model, tile: Tile) -> NDArray[np.int64]:
    """The channel of the tile at each place."""
    if model.order is None:
        return np.arange(tile.shape[0])
    return model.order[tile.first_channel : tile.first_channel + tile.shape[0]] - tile.first_channel


def strips(model: Model, tile: Tile, sizes: NDArray[np.int64]) -> list[Strip]:
    """The groups of lanes of a tile, from (lanes, 2) rows and columns of each."""
    height, width = (int(n) for n in sizes.max(axis=0))
    index = lane_indices(model, tile)
    levels = np.zeros(len(sizes), np.int64) if index is None else model.levels[index].astype(np.int64)
    found: list[Strip] = []
    pitch = width + 1
    for first in range(0, len(sizes), GROUP):
        size, delays = sizes[first : first + GROUP], 2 * levels[first : first + GROUP]
        steps = height * pitch + int(delays.max())
        at = np.arange(steps)[:, None] - delays
        row, column = at // pitch, at % pitch
        active = (at >= 0) & (row < size[:, 0]) & (column < size[:, 1])
        found.append(Strip(first, len(size), steps, pitch, delays, active, row * width + column))
    return found
