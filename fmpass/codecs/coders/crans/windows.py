"""Windows of feature maps that a model is calibrated on: pieces of maps, each with the neighbours that it is told by.

In a window the lanes lie over each other, not one behind the other as in a tile; what a byte is told by is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import layout
from fmpass.dtypes import DType

HALO = 2
"""Rows above and columns at either side: an error beside a byte has neighbours of its own."""

_ROWS, _COLUMNS = 12, 16

Scalar = TypeVar("Scalar", bound=np.generic)

Maps = Sequence[NDArray[np.generic]]


@dataclass(frozen=True)
class Places:
    """Where windows of `rows` × `columns` pixels of a lane are cut: (item, map, first row, first column) of each."""

    rows: int
    columns: int
    found: list[tuple[int, int, int, int]]

    def parts(self, pixels: int) -> list[Places]:
        """The same windows, in parts of about so many pixels."""
        count = max(1, pixels // (self.rows * self.columns))
        return [replace(self, found=self.found[i : i + count]) for i in range(0, len(self.found), count)]


def places(maps: Maps, phases: int, most: int, rng: np.random.Generator | None) -> Places:
    """Windows of about `most` pixels, of all maps alike; without `rng` whole maps, all of them."""
    sizes = [(-(-m.shape[2] // phases), -(-m.shape[3] // phases)) for m in maps]
    height, width = max(h for h, _ in sizes), max(w for _, w in sizes)
    # A map of one row or column has long windows.
    rows, columns = _ROWS * max(1, _COLUMNS // width), _COLUMNS * max(1, _ROWS // height)
    h = -(-height // -(-height // rows)) if rng else height
    w = -(-width // -(-width // columns)) if rng else width
    found = [
        (item, number, y, x)
        for item, (array, size) in enumerate(zip(maps, sizes, strict=True))
        for number in range(array.shape[0])
        for y in range(0, size[0], h)
        for x in range(0, size[1], w)
    ]
    count = max(1, most // (h * w))
    if rng and len(found) > count:
        found = [found[i] for i in np.sort(rng.choice(len(found), count, replace=False))]
    return Places(h, w, found)


@dataclass(frozen=True)
class Windows:
    """One byte plane of lanes in windows, flat: `values` (lanes, all), `pitch` from one row to the next.

    `inside` (1 or lanes, all): there is a pixel. `core` (pixels,): the places that count, where every lane has one.
    """

    values: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    core: NDArray[np.int64]
    pitch: int
    zero: int

    @property
    def lanes(self) -> int:
        """How many lanes there are."""
        return self.values.shape[0]


@dataclass(frozen=True)
class Cut:
    """All byte planes (planes, lanes, all) of lanes in windows."""

    bytes_: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    core: NDArray[np.int64]
    pitch: int

    def plane(self, number: int, zero: int) -> Windows:
        """A plane with `zero` where there is no pixel."""
        values = np.where(self.inside, self.bytes_[number], np.uint8(zero)).astype(np.uint8)
        return Windows(values, self.inside, self.core, self.pitch, zero)


def cut(maps: Maps, where: Places, channels: NDArray[np.int64], phases: int, dtype: DType) -> Cut:
    """The windows of some channels, whose phases are lanes."""
    height, width = where.rows + HALO, where.columns + 2 * HALO
    shape = (len(where.found), height * phases, width * phases)
    words = np.zeros((len(channels), *shape), maps[0].dtype)
    there = np.zeros(shape, np.bool_)
    for at, (item, number, y, x) in enumerate(where.found):
        top, left = (y - HALO) * phases, (x - HALO) * phases
        first, before = max(top, 0), max(left, 0)
        part = maps[item][number][:, first : top + shape[1], before : left + shape[2]][channels]
        rows, columns = part.shape[1:]
        place = slice(first - top, first - top + rows), slice(before - left, before - left + columns)
        words[:, at, place[0], place[1]] = part
        there[at, place[0], place[1]] = True
    bytes_ = _split(layout.planes(words, dtype), phases)
    inside = _split(there, phases).reshape(phases**2, -1)
    core = np.zeros((len(where.found), height, width), np.bool_)
    core[:, HALO:, HALO:-HALO] = True
    counted = np.flatnonzero(core.reshape(-1) & inside.all(axis=0))
    lanes = len(channels) * phases**2
    inside = np.tile(inside, (len(channels), 1)) if phases > 1 else inside
    return Cut(bytes_.reshape(len(bytes_), lanes, -1), inside, counted, width)


def _split(array: NDArray[Scalar], phases: int) -> NDArray[Scalar]:
    """(…, windows, rows · phases, columns · phases) → (…, phases², windows, rows, columns)."""
    *front, count, rows, columns = array.shape
    apart = array.reshape(*front, count, rows // phases, phases, columns // phases, phases)
    at = len(front)
    return apart.transpose(*range(at), at + 2, at + 4, at, at + 1, at + 3).reshape(
        *front, phases**2, count, rows // phases, columns // phases
    )
