"""What the encoder chooses for a tile, and how the head of its code says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import bits, neighbours, zero_runs
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.neighbours import CONTEXTS, ENDING, SMOOTH, THRESHOLDS, TOUCHING, Range, Scan
from fmpass.dtypes import DType

UNARY_LIMIT = 12
"""From so many zeros on a code holds its number as it is."""
CLASSES = 256
SIZE_BITS = 5
"""Bits that say how many bits the size of a stream has."""

Counts = NDArray[np.int64]
Code = tuple[int, bool]
"""(k, whether a bit says first that the word is not the likeliest one)."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """One tile's."""

    range: Range
    threshold: int
    """Index into `THRESHOLDS`."""
    averaging: bool
    run: int
    codes: tuple[Code, ...]
    """Of every context; (0, False) of those that cannot occur."""


def order_bits(word_bits: int) -> int:
    """Bits of a k, which is below the width of words."""
    return word_bits.bit_length() - 1


def used_contexts(threshold: int) -> list[int]:
    """Contexts that can occur, those that a head describes."""
    raw = 1 + int(np.searchsorted(neighbours.RAW_EDGES, THRESHOLDS[threshold], side="left"))
    raw = 0 if threshold == 0 else raw
    return [ENDING, *range(1, 1 + raw), *(range(SMOOTH, CONTEXTS) if threshold < len(THRESHOLDS) - 1 else ())]


def head_bits(threshold: int, dtype: DType) -> int:
    """Bits of a head without the sizes of streams."""
    order = order_bits(dtype.word_bits)
    ends = (1 + (dtype.kind == "int")) * dtype.word_bits
    return ends + 3 + 1 + 3 + order + (len(used_contexts(threshold)) - 1) * (order + 1)


def choose(scan: Scan, runs: zero_runs.Runs, zeros: NDArray[np.bool_], r: Range, dtype: DType) -> Parameters:
    """The parameters that need the fewest bits; of equal ones the first."""
    costs = _Costs(r, dtype.word_bits)
    inside, values = runs.inside, scan.raw
    ending = costs.less_one(_count(_classes(values[runs.ending]), None, 1)[0])
    outside = ~inside
    raw = costs.both(_count(_classes(values), scan.raw_context - 1, SMOOTH - 1, outside), np.ones(SMOOTH - 1, np.bool_))
    band = np.searchsorted(THRESHOLDS, scan.size, side="right") - 1  # predicted from thresholds up to this index on
    shape = (len(THRESHOLDS) - 1, CONTEXTS - SMOOTH)
    key = band * shape[1] + scan.predicted_context - SMOOTH
    classes = _classes(scan.predicted)
    touching = scan.predicted_context >= TOUCHING
    zero_counts = _count(classes, key, shape[0] * shape[1], outside & touching & zeros)
    other_counts = _count(classes, key, shape[0] * shape[1], outside & ~(touching & zeros))
    smooth = np.arange(shape[0] * shape[1]) % shape[1] < TOUCHING - SMOOTH
    table = costs.both(other_counts, smooth) + costs.both_of_zeros(zero_counts)
    table = table.reshape(*shape, -1)
    found: tuple[int, int, tuple[Code, ...]] | None = None
    for threshold in range(len(THRESHOLDS)):
        codes = [costs.code(int(ending.argmin()))] + [(0, False)] * (CONTEXTS - 1)
        total = int(ending.min()) + head_bits(threshold, dtype)
        predicted = table[threshold:].sum(axis=0)
        for context in used_contexts(threshold)[1:]:
            row = predicted[context - SMOOTH] if context >= SMOOTH else raw[context - 1]
            total += int(row.min())
            codes[context] = costs.code(int(row.argmin()))
        if found is None or total < found[0]:
            found = (total, threshold, tuple(codes))
    assert found is not None
    return Parameters(r, found[1], scan.averaging, zero_runs.choose(runs), found[2])


class _Costs:
    """Bits of folded numbers, by class, for every code: all k plain, then all k behind a bit."""

    def __init__(self, r: Range, word_bits: int) -> None:
        self._word_bits = word_bits
        self._escape = UNARY_LIMIT + r.span.bit_length()
        self._values = [_value_of(c, word_bits) for c in range(CLASSES)]
        self._plain = self._rice(self._values)
        self._less_one = self._rice([max(v - 1, 0) for v in self._values])

    def _rice(self, values: list[int]) -> Counts:
        rows: list[list[int]] = []
        for value in values:
            highs = [value >> k for k in range(self._word_bits)]
            rows.append([high + 1 + k if high < UNARY_LIMIT else self._escape for k, high in enumerate(highs)])
        return np.array(rows, np.int64)

    def code(self, index: int) -> Code:
        return index % self._word_bits, index >= self._word_bits

    def less_one(self, counts: Counts) -> Counts:
        """Bits of numbers that are all 1 or more, each coded less one."""
        return counts @ self._less_one

    def both(self, counts: Counts, likeliest: NDArray[np.bool_]) -> Counts:
        """`likeliest`: whether the bit tells of number 0, in which case other numbers are coded less one."""
        total = counts.sum(axis=1, keepdims=True)
        with_zero = total + counts[:, 1:] @ self._less_one[1:]
        flagged = np.where(likeliest[:, None], with_zero, total + counts @ self._plain)
        return np.concatenate([counts @ self._plain, flagged], axis=1)

    def both_of_zeros(self, counts: Counts) -> Counts:
        """Words that are zero where the bit tells of just that."""
        total = np.broadcast_to(counts.sum(axis=1, keepdims=True), (counts.shape[0], self._word_bits))
        return np.concatenate([counts @ self._plain, total], axis=1)


def _value_of(number: int, word_bits: int) -> int:
    """The number that stands for a class: words of 8 bits each have their own, wider ones two bits behind the first."""
    if word_bits == 8 or number < 8:
        return number
    exponent, digit = divmod(number - 8, 4)
    return ((4 + digit) << (exponent + 1)) + (1 << exponent)


def _classes(values: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    if values.dtype.itemsize == 1:
        return values.astype(np.int64)
    wide = values.astype(np.uint64)
    exponent = np.maximum(bits.bit_lengths(wide) - 4, 0)
    digit = (wide >> (exponent + 1).astype(np.uint64)).astype(np.int64) - 4
    return np.where(wide < 8, wide.astype(np.int64), 8 + 4 * exponent + digit)


def _count(
    classes: NDArray[np.int64], rows: NDArray[np.int64] | None, number: int, where: NDArray[np.bool_] | None = None
) -> Counts:
    """How often each class occurs in each of `number` rows, where `where` says so."""
    if where is not None:
        classes, rows = classes[where], None if rows is None else rows[where]
    keys = classes if rows is None else rows * CLASSES + classes
    return np.bincount(keys, minlength=number * CLASSES).reshape(number, CLASSES)


def write(p: Parameters, dtype: DType, sizes: list[int]) -> bytes:
    """The head; `sizes` of all streams in bytes."""
    order, pieces = order_bits(dtype.word_bits), list[tuple[int, int]]()
    if dtype.kind == "int":
        pieces.append((p.range.zero - p.range.low, dtype.word_bits))
    pieces += [(p.range.high - p.range.zero, dtype.word_bits), (p.threshold, 3), (p.averaging, 1), (p.run, 3)]
    for context in used_contexts(p.threshold):
        k, flagged = p.codes[context]
        pieces += [(k, order)] if context == ENDING else [(k, order), (flagged, 1)]
    if len(sizes) > 1:
        width = max(sizes[:-1]).bit_length()
        pieces += [(width, SIZE_BITS), *((size, width) for size in sizes[:-1])]
    values, widths = zip(*pieces, strict=True)
    return bits.pack(np.array(values, np.uint64), np.array(widths, np.int64), word_bits=8)


def read(data: bytes, dtype: DType, streams: int) -> tuple[Parameters, list[bytes]]:
    """(parameters, streams). Raises PayloadError FM308 for a head that is none."""
    head, order, zero = bits.BitReader(data), order_bits(dtype.word_bits), neighbours.zero_of(dtype)
    below = head.take(dtype.word_bits) if dtype.kind == "int" else 0
    above = head.take(dtype.word_bits)
    if below > zero or zero + above >= 1 << dtype.word_bits:
        raise corrupt("the range of words passes that of their type")
    threshold, averaging, run = head.take(3), bool(head.take(1)), head.take(3)
    codes: list[Code] = [(0, False)] * CONTEXTS
    for context in used_contexts(threshold):
        k = head.take(order)
        codes[context] = (k, context != ENDING and bool(head.take(1)))
    sizes: list[int] = []
    if streams > 1:
        width = head.take(SIZE_BITS)
        sizes = [head.take(width) for _ in range(streams - 1)]
    head.align(8)
    start, parts = head.position // 8, list[bytes]()
    for size in sizes:
        if size > len(data) - start:
            raise corrupt("a stream is cut short")
        parts.append(data[start : start + size])
        start += size
    r = Range(zero - below, zero, zero + above)
    return Parameters(r, threshold, averaging, run, tuple(codes)), [*parts, data[start:]]
