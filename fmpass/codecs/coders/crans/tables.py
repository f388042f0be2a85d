"""Frequency tables of crans: from counts to 11-bit frequencies, and how a model carries them.

A table has 257 symbols: the bytes, and an escape behind which a byte follows raw. It is carried as one *grade* a
symbol, its frequency on a logarithmic scale with three bits below the leading one; the reader makes frequencies of
the grades, so both sides have the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans.bit_text import BitReader, BitWriter
from fmpass.codecs.corrupt import corrupt

PRECISION = 11
TOTAL = 1 << PRECISION
ESCAPE = 256
MOST_GRADE = 89

Ints = NDArray[np.int64]


def grades_of(counts: Ints) -> Ints:
    """Grades 0 … 89 of 257 counts that are not all zero; 0: the symbol does not occur."""
    total = int(counts.sum())
    scaled = np.maximum(counts * (8 << PRECISION) // total, np.where(counts > 0, 8, 0))
    found = np.zeros(counts.size, np.int64)
    for i in np.flatnonzero(scaled):
        value = int(scaled[i])
        shift = value.bit_length() - 4
        mantissa = (value + (1 << shift >> 1)) >> shift
        found[i] = 8 * shift + mantissa - 7
    return found


def frequencies(grades: Ints) -> Ints:
    """257 frequencies whose sum is 2048, none of them 2048 itself; the grade of some byte is not 0."""
    exponent, mantissa = (grades + 7) // 8 - 1, (grades + 7) % 8
    weights = np.where(grades > 0, (8 + mantissa) << np.maximum(exponent, 0), 0)
    if np.count_nonzero(weights) == 1 and weights[ESCAPE] == 0:
        weights[ESCAPE] = 1  # a certain symbol would have the frequency that 11 bits cannot hold
    total = int(weights.sum())
    found = np.where(weights > 0, np.maximum(1, (2 * TOTAL * weights + total) // (2 * total)), 0)
    while (excess := int(found.sum()) - TOTAL) != 0:
        largest = int(np.argmax(found))
        found[largest] -= min(excess, max(1, int(found[largest]) // 2)) if excess > 0 else excess
    return found


def write(out: BitWriter, grades: Ints) -> None:
    """The grades as differences, runs of zeros by their length."""
    values = grades.tolist()
    options = [(_write(values, k), k) for k in range(4)]
    best, k = min(options, key=lambda option: option[0].count)
    out.put(k, 2)
    out.append(best)


def read(data: BitReader) -> Ints:
    """The grades of a table. Raises PayloadError FM308 where they are none."""
    k, values, previous = data.take(2), [0] * (ESCAPE + 1), 0
    at = 0
    while at <= ESCAPE:
        if previous == 0:
            at += data.gamma() - 1
            if at > ESCAPE:
                break
            previous = data.rice(k + 1, MOST_GRADE) + 1
        else:
            folded = data.rice(k, 2 * MOST_GRADE)
            previous += -(folded >> 1) - 1 if folded & 1 else folded >> 1
        if not 0 <= previous <= MOST_GRADE:
            raise corrupt("a grade is out of range")
        values[at] = previous
        at += 1
    if at > ESCAPE + 1:
        raise corrupt("a table has more than 257 symbols")
    if not any(values[:ESCAPE]):
        raise corrupt("a table has no symbol")
    return np.array(values, np.int64)


def _write(values: list[int], k: int) -> BitWriter:
    out, previous, at = BitWriter(), 0, 0
    while at <= ESCAPE:
        if previous == 0:
            run = 0
            while at + run <= ESCAPE and values[at + run] == 0:
                run += 1
            out.gamma(run + 1)
            at += run
            if at > ESCAPE:
                break
            out.rice(values[at] - 1, k + 1)
        else:
            difference = values[at] - previous
            out.rice(2 * difference if difference >= 0 else -2 * difference - 1, k)
        previous = values[at]
        at += 1
    return out
