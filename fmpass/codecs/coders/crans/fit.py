"""A model fitted to one tensor, to be sent with it: one predictor for all lanes, few tables.

Everything is counted in integers, so that the native library finds the same model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import cost, layout, tables
from fmpass.codecs.coders.crans.contexts import Lanes, told
from fmpass.codecs.coders.crans.model import (
    BOTH,
    CONTEXTS,
    GROUP,
    MEAN,
    MEDIAN,
    MOST_TABLES,
    SUBTRACT,
    Model,
    Plane,
)
from fmpass.codecs.stage import Tile
from fmpass.dtypes import DType

MOST_WORDS = 1 << 20
"""Of a larger tensor only the middle rows, and then only some groups of channels, are looked at."""
MOST_COLUMNS = 1 << 14

TABLE_BITS = 24
SYMBOL_BITS = 4
_NOTHING = np.zeros(0, np.uint8)
"""About what a table takes in the model, and every symbol of it."""

Ints = NDArray[np.int64]


def fit(maps: NDArray[np.generic], dtype: DType) -> Model:
    """The model of an array of (maps, channels, rows, columns) words; there is at least one word."""
    parts = _sample(maps)
    found: list[Plane] = []
    planes = [layout.planes(part, dtype) for part in parts]
    quiet = [np.ones(part.shape, np.bool_) for part in parts]
    for number in range(dtype.word_bits // 8):
        bytes_ = [part[number] for part in planes]
        zero = int(np.argmax(sum(np.bincount(b.reshape(-1), minlength=256) for b in bytes_)))
        best: tuple[int, Plane] | None = None
        for predictor in (MEDIAN, MEAN, BOTH):
            blank = Plane(zero, _NOTHING, _NOTHING, predictor)
            bits, plane = _tabled(blank, _count(blank, bytes_, quiet if number else None))
            if best is None or bits < best[0]:
                best = bits, plane
        assert best is not None
        found.append(best[1])
        quiet = [q & (b == zero) for q, b in zip(quiet, bytes_, strict=True)]
    return Model(0, 1, tuple(found))


def _sample(maps: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    """Groups of channels of maps: all of them, or every so manieth."""
    channels, rows, columns = min(maps.shape[1], GROUP), maps.shape[2], min(maps.shape[3], MOST_COLUMNS)
    few = min(rows, max(1, MOST_WORDS // (channels * columns)))
    first = (rows - few) // 2
    maps = maps[:, :, first : first + few, :columns]
    groups = [m[c : c + GROUP] for m in maps for c in range(0, m.shape[0], GROUP)]
    return groups[:: -(-maps.size // MOST_WORDS)]


@dataclass(frozen=True)
class Counts:
    """(contexts, 256) how often each byte, and each difference from the prediction, occurs."""

    plain: Ints
    differences: Ints


def _count(plane: Plane, parts: list[NDArray[np.uint8]], quiet: list[NDArray[np.bool_]] | None) -> Counts:
    model = Model(0, 1, ())
    size = CONTEXTS * (1 if quiet is None else 2) * 256
    plain, differences = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for number, part in enumerate(parts):
        tile = Tile(0, (part.shape[0], part.shape[1], part.shape[2]))
        lanes, sizes = layout.split(part, 1)
        (strip,) = layout.strips(model, tile, sizes)
        values = strip.lay(lanes, plane.zero)
        none = np.zeros((strip.count, 0), np.int64)
        known = told(Lanes(values, strip.active, strip.pitch, none, none), plane, None)
        context = known.context.astype(np.int64)
        if quiet is not None:
            above, _ = layout.split(quiet[number].astype(np.uint8), 1)
            context += CONTEXTS * strip.lay(above, 0).astype(np.int64)
        at = context[strip.active] * 256
        plain += np.bincount(at + values[strip.active], minlength=size)
        differences += np.bincount(at + (values - known.prediction)[strip.active], minlength=size)
    return Counts(plain.reshape(-1, 256), differences.reshape(-1, 256))


def _price(plain: Ints, differences: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Bits of contexts with a table of their own, and whether differences are cheaper."""

    def bits(counts: Ints) -> Ints:
        present = (counts > 0).sum(axis=-1)
        return cost.of_counts(counts) + cost.UNIT * (TABLE_BITS + SYMBOL_BITS * present) * (present > 0)

    one, two = bits(plain), bits(differences)
    return np.minimum(one, two), two < one


def _tabled(plane: Plane, counts: Counts) -> tuple[int, Plane]:
    """(bits that the counted bytes take, the plane with contexts and tables): neighbours share a table if that pays."""
    # Contexts that do not occur go with the one before them, the first ones with the first that does.
    seen = np.flatnonzero(counts.plain.any(axis=1)) if counts.plain.any() else np.zeros(1, np.int64)
    sizes = np.diff(np.append(seen, len(counts.plain))).tolist()
    sizes[0] += int(seen[0])
    plain, differences = list(counts.plain[seen]), list(counts.differences[seen])
    prices = list(_price(counts.plain[seen], counts.differences[seen])[0])
    pairs = (
        counts.plain[seen[:-1]] + counts.plain[seen[1:]],
        counts.differences[seen[:-1]] + counts.differences[seen[1:]],
    )
    gains = [int(a + b - c) for a, b, c in zip(prices[:-1], prices[1:], _price(*pairs)[0], strict=True)]
    while gains:
        best = int(np.argmax(gains))
        if gains[best] < 0 and len(plain) <= MOST_TABLES:
            break
        plain[best] = plain[best] + plain[best + 1]
        differences[best] = differences[best] + differences[best + 1]
        sizes[best] += sizes[best + 1]
        prices[best] = _price(plain[best], differences[best])[0]
        for row in (plain, differences, sizes, prices):
            del row[best + 1]
        del gains[best]
        if best < len(gains):
            gains[best] = _gain(plain, differences, prices, best)
        if best > 0:
            gains[best - 1] = _gain(plain, differences, prices, best - 1)
    subtract = _price(np.stack(plain), np.stack(differences))[1]
    chosen = [d if s else p for p, d, s in zip(plain, differences, subtract, strict=True)]
    grades = np.stack([tables.grades_of(_with_escape(row)) for row in chosen]).astype(np.uint8)
    meanings = np.arange(len(sizes)) | np.where(subtract, SUBTRACT, 0)
    contexts = np.repeat(meanings, sizes).astype(np.uint8)
    return int(sum(prices)), Plane(plane.zero, contexts, grades, plane.predictor)


def _gain(plain: list[Ints], differences: list[Ints], prices: list[Ints], i: int) -> int:
    """Bits saved by one table for contexts `i` and `i + 1`."""
    together = _price(plain[i] + plain[i + 1], differences[i] + differences[i + 1])[0]
    return int(prices[i] + prices[i + 1] - together)


def _with_escape(counts: Ints) -> Ints:
    """257 counts: bytes that occur once are left to the escape, which always can come."""
    rare = (counts == 1) & (counts.sum() > 1)
    kept = np.where(rare, 0, counts)
    if not kept.any():
        kept = counts if counts.any() else np.eye(1, 256, dtype=np.int64)[0]
        rare = np.zeros(256, np.bool_)
    return np.append(kept, int(rare.sum()) + 1)
