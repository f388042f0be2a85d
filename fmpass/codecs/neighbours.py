"""What a tile's coder knows of a word from the words before it: order, range, neighbours, predictions, contexts.

Shared by the coders that look at neighbours; `custom_ops/simd/neighbours.hpp` is the same in C++. Sources: the median
predictor is that of LOCO-I (M. J. Weinberger, G. Seroussi, G. Sapiro, "The LOCO-I Lossless Image Compression
Algorithm", IEEE Trans. Image Processing 2000); folding residuals at the ends of the range is that of CALIC (X. Wu,
N. Memon, "Context-Based, Adaptive, Lossless Image Coding", IEEE Trans. Communications 1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.stage import Words
from fmpass.dtypes import DType

Ordinals = NDArray[np.unsignedinteger]

RAW_EDGES = (6, 12, 18, 30, 48, 72, 108, 162, 240, 360)
"""Least sizes of the neighbourhood of raw contexts 2, 3, …; context 1 begins at 1."""
ACTIVITY_EDGES = (2, 4, 7, 11, 17, 26, 40, 64)
THRESHOLDS = (1, 6, 18, 48, 108, 240, 360, 1 << 15)
"""Sizes of the neighbourhood from which on a word is predicted; the last one: never."""

RAW_CONTEXTS = len(RAW_EDGES) + 1
ACTIVITIES = len(ACTIVITY_EDGES) + 1
ENDING = 0
"""Context of the word that ends a run of zeros. Then come the raw ones."""
SMOOTH = 1 + RAW_CONTEXTS
"""First context of predicted words none of whose neighbours W, N and NW is zero."""
TOUCHING = SMOOTH + ACTIVITIES
"""First context of other predicted words."""
CONTEXTS = TOUCHING + ACTIVITIES
SCALED_BITS = 8


def zero_of(dtype: DType) -> int:
    """The ordinal of the word zero."""
    return 1 << (dtype.word_bits - 1) if dtype.kind == "int" else 0


def ordinals(words: Words, dtype: DType) -> Ordinals:
    """Words as unsigned numbers in the order of what they mean; floats by magnitude, the sign in the lowest bit."""
    bits = words.view(f"<u{dtype.word_bits // 8}")
    one = bits.dtype.type(1)
    if dtype.kind == "float":
        return (bits << one) | (bits >> bits.dtype.type(dtype.word_bits - 1))
    return bits ^ bits.dtype.type(zero_of(dtype))


def words_of(numbers: Ordinals, dtype: DType) -> Words:
    """The inverse of `ordinals`."""
    one = numbers.dtype.type(1)
    if dtype.kind == "float":
        bits = (numbers >> one) | (numbers << numbers.dtype.type(dtype.word_bits - 1))
    else:
        bits = numbers ^ numbers.dtype.type(zero_of(dtype))
    return bits.view(dtype.word_dtype)


@dataclass(frozen=True, slots=True)
class Range:
    """The ordinals of a tile lie in `low` … `high`, and so does `zero`."""

    low: int
    zero: int
    high: int

    @property
    def span(self) -> int:
        """The greatest folded number."""
        return self.high - self.low

    @property
    def shift(self) -> int:
        """Bits that are left out of magnitudes, so that they have at most `SCALED_BITS`."""
        return max(0, max(self.zero - self.low, self.high - self.zero).bit_length() - SCALED_BITS)

    def scaled(self, number: int) -> int:
        """The number less zero, without its low bits; never 0 unless it is zero."""
        d = number - self.zero
        return d and (max(1, abs(d) >> self.shift) if d > 0 else -max(1, abs(d) >> self.shift))

    def fold(self, number: int, prediction: int) -> int:
        """The number as a distance from its prediction: small where near, and at most `span`."""
        e, near = number - prediction, min(prediction - self.low, self.high - prediction)
        if abs(e) > near:
            return near + abs(e)
        return -2 * e - 1 if e < 0 else 2 * e

    def unfold(self, folded: int, prediction: int) -> int:
        """The inverse of `fold`."""
        below, above = prediction - self.low, self.high - prediction
        near = min(below, above)
        if folded > 2 * near:
            return prediction + (folded - near if below < above else near - folded)
        return prediction - (folded + 1) // 2 if folded & 1 else prediction + folded // 2


def range_of(x: Ordinals, zero: int) -> Range:
    """The range of a tile."""
    return Range(min(zero, int(x.min())), zero, max(zero, int(x.max())))


def predict(w: int, n: int, nw: int, ne: int, averaging: bool) -> int:
    """The median of W, N and W + N − NW; or the average of W with the average of N and NE, rounded down."""
    if averaging:
        return (w + (n + ne) // 2) // 2
    return sorted((w, n, w + n - nw))[1]


@dataclass(frozen=True, slots=True)
class Scan:
    """Every word of a tile seen from its neighbours; arrays of (channels, rows, columns)."""

    size: NDArray[np.int64]
    """2 |W| + 2 |N| + |NW| + |NE|, of scaled numbers; 0: a run of zeros begins or goes on."""
    raw_context: NDArray[np.int64]
    predicted_context: NDArray[np.int64]
    raw: Ordinals
    """The word folded at zero."""
    predicted: Ordinals
    """The word folded at its prediction."""
    averaging: bool


def _shifted(x: NDArray[Any], border: int) -> tuple[NDArray[Any], ...]:
    """W, N, NW and NE of every word."""
    channels, rows, columns = x.shape
    framed = np.full((channels, rows + 1, columns + 2), border, x.dtype)
    framed[:, 1:, 1:-1] = x
    return framed[:, 1:, :-2], framed[:, :-1, 1:-1], framed[:, :-1, :-2], framed[:, :-1, 2:]


def scan(x: Ordinals, r: Range) -> Scan:
    """All that an encoder needs to know; the predictor is the one that is nearer to more words."""
    one, zero = x.dtype.type(1), x.dtype.type(r.zero)
    w, n, nw, ne = _shifted(x, r.zero)
    least, most = np.minimum(w, n), np.maximum(w, n)
    median = least + (most - np.clip(nw, least, most))

    def middle(a: Ordinals, b: Ordinals) -> Ordinals:
        return (a & b) + ((a ^ b) >> one)

    average = middle(w, middle(n, ne))
    errors = [np.where(x > p, x - p, p - x) for p in (median, average)]
    averaging = int((errors[1] < errors[0]).sum()) > int((errors[0] < errors[1]).sum())
    p, e = (average, errors[1]) if averaging else (median, errors[0])

    above, below = x > zero, x < zero
    magnitude = np.where(above, x - zero, zero - x)
    scaled = np.maximum(magnitude >> x.dtype.type(r.shift), (magnitude != 0).astype(x.dtype)).astype(np.int64)
    sw, sn, snw, sne = _shifted(np.where(below, -scaled, scaled), 0)
    size = 2 * np.abs(sw) + 2 * np.abs(sn) + np.abs(snw) + np.abs(sne)
    activity = np.abs(sw - snw) + np.abs(snw - sn) + np.abs(sn - sne)
    touching = (sw == 0) | (sn == 0) | (snw == 0)
    return Scan(
        size=size,
        raw_context=1 + np.searchsorted(RAW_EDGES, size, side="right"),
        predicted_context=np.where(touching, TOUCHING, SMOOTH) + np.searchsorted(ACTIVITY_EDGES, activity, "right"),
        raw=_fold(x, np.full_like(x, r.zero), magnitude, r),
        predicted=_fold(x, p, e, r),
        averaging=averaging,
    )


def _fold(x: Ordinals, p: Ordinals, e: Ordinals, r: Range) -> Ordinals:
    near = np.minimum(p - x.dtype.type(r.low), x.dtype.type(r.high) - p)
    zigzag = (e << x.dtype.type(1)) - (x < p).astype(x.dtype)
    return np.where(e <= near, zigzag, near + e)
