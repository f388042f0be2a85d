"""Bits that counted bytes take, in integers, so that every implementation decides alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNIT = 1 << 16
"""A bit."""

Ints = NDArray[np.int64]


def _logarithms() -> Ints:
    """65536 · log2(1 + i / 256) for i = 0 … 256, each bit by squaring."""
    found: list[int] = []
    for i in range(256):
        x, value = (256 + i) << 23, 0
        for _ in range(16):
            x = x * x >> 31
            value <<= 1
            if x >= 1 << 32:
                x >>= 1
                value |= 1
        found.append(value)
    return np.array([*found, UNIT], np.int64)


_LOGARITHMS = _logarithms()


def logarithm(n: Ints) -> Ints:
    """65536 · log2(n) of numbers ≥ 1 below 2^40, by a table with lines between its points."""
    k = np.frexp(n.astype(np.float64))[1].astype(np.int64) - 1
    fine = np.maximum(k - 8, 0)
    top = np.where(k > 8, n >> fine, n << np.maximum(8 - k, 0)) - 256
    rest = np.where(k > 8, n & ((np.int64(1) << fine) - 1), 0)
    low, high = _LOGARITHMS[top], _LOGARITHMS[top + 1]
    return k * UNIT + low + ((high - low) * rest >> fine)


def of_counts(counts: Ints) -> Ints:
    """(…, symbols) counts → (…) bits that an ideal code of their own takes, times 65536."""
    present = np.where(counts > 0, counts, 1)
    total = counts.sum(axis=-1)
    return total * logarithm(np.maximum(total, 1)) - (present * logarithm(present) * (counts > 0)).sum(axis=-1)
