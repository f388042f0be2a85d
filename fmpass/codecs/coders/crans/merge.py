"""From counts in contexts to few tables: contexts share one where that costs least."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import tables
from fmpass.codecs.coders.crans.fit import Counts
from fmpass.codecs.coders.crans.model import SUBTRACT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TABLES = 32
"""More gain nothing."""
_SYMBOL = 1.44
"""Bits that a symbol of a table costs because its frequency is only estimated: Akaike 1974."""
_ROUNDS = 3
"""Times that contexts change to the table that suits them best."""
_FINE = 64
"""Counts are multiplied by so much before parts of others are added to them."""


def tabled(counts: Counts, most: int = TABLES) -> tuple[NDArray[np.uint8], NDArray[np.uint8], float]:
    """(contexts, grades of the tables, bits that the counted bytes take)."""
    both = np.stack([counts.plain, counts.differences])
    seen = np.flatnonzero(counts.plain.any(axis=1))
    label, mode = _merged(both[:, seen], most)
    grades, lengths = _tables(both[:, seen], label, mode)
    bits = 0.0
    for _ in range(_ROUNDS):
        cost = np.einsum("mcs,ts->mct", both[:, seen], lengths)[mode, :, np.arange(len(mode))]
        label = np.argmin(cost, axis=0)
        used, label = np.unique(label, return_inverse=True)
        mode = mode[used]
        grades, lengths = _tables(both[:, seen], label, mode)
    cost = np.einsum("mcs,ts->mct", both[:, seen], lengths)[mode, :, np.arange(len(mode))]
    bits = float(cost[label, np.arange(len(seen))].sum())
    meaning = (np.arange(len(mode)) | mode * SUBTRACT).astype(np.uint8)
    return meaning[label[_nearest(seen, len(counts.plain))]], grades, bits


def lengths(frequencies: Ints) -> Floats:
    """(tables, 256) bits of each byte, behind the escape where it has no frequency; infinite where neither has one."""
    with np.errstate(divide="ignore"):
        bits = tables.PRECISION - np.log2(frequencies)
    return np.minimum(bits[:, :-1], bits[:, -1:] + 8)


def _entropy(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…,) bits of (…, 256) counts by a table of their own."""
    total = counts.sum(axis=-1)
    parts = (counts * np.log(np.maximum(counts, 1))).sum(axis=-1)
    present = np.count_nonzero(counts, axis=-1)
    return ((total * np.log(np.maximum(total, 1)) - parts) * np.float32(1 / np.log(2)) + present * _SYMBOL).astype(
        np.float32
    )


def _price(both: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…,) bits of (2, …, 256) counts, plain or differences."""
    return np.minimum(_entropy(both[0]), _entropy(both[1]))


def _merged(both: Ints, most: int) -> tuple[Ints, Ints]:
    """(table of each context, whether a table has differences), by merging the cheapest pair until none saves."""
    rows = both.astype(np.float32)
    count = rows.shape[1]
    price = _price(rows)
    loss = np.full((count, count), np.inf, np.float32)
    for i in range(count - 1):
        loss[i, i + 1 :] = _price(rows[:, i : i + 1] + rows[:, i + 1 :]) - price[i] - price[i + 1 :]
    label, alive = np.arange(count), np.ones(count, np.bool_)
    for left in range(count, 1, -1):
        i, j = divmod(int(np.argmin(loss)), count)
        if left <= most and loss[i, j] >= 0:
            break
        rows[:, i] += rows[:, j]
        label[label == j] = i
        alive[j] = False
        loss[j, :] = loss[:, j] = np.inf
        price[i] = _price(rows[:, i])
        others = np.flatnonzero(alive & (np.arange(count) != i))
        fresh = _price(rows[:, i : i + 1] + rows[:, others]) - price[i] - price[others]
        loss[np.minimum(i, others), np.maximum(i, others)] = fresh
    used, label = np.unique(label, return_inverse=True)
    mode = (_entropy(rows[1, used]) < _entropy(rows[0, used])).astype(np.int64)
    return label, mode


def _tables(both: Ints, label: Ints, mode: Ints) -> tuple[NDArray[np.uint8], Floats]:
    grades = np.stack([_grades(both[mode[t]][label == t].sum(axis=0)) for t in range(len(mode))])
    return grades.astype(np.uint8), lengths(np.stack([tables.frequencies(g) for g in grades]))


def _grades(counts: Ints) -> Ints:
    """Grades of a table: what is expected less than half a time in 2048 is left to the escape."""
    total = int(counts.sum())
    rare = 2 * tables.TOTAL * counts < total
    # Bytes that were never seen come about as often as those that were seen once.
    once = int(np.count_nonzero(counts == 1))
    escape = int(counts[rare].sum()) + (once if not rare.any() else 0)
    return tables.grades_of(_FINE * np.append(np.where(rare, 0, counts), max(escape, 1)))


def _nearest(seen: Ints, count: int) -> Ints:
    """For each context the place in `seen` of the one most like it: of its row if there is one."""
    every = np.arange(count)
    row, level = every // 16, every % 16
    far = 64 * np.abs(row[:, None] - row[seen]) + np.abs(level[:, None] - level[seen])
    return np.argmin(far, axis=1)
