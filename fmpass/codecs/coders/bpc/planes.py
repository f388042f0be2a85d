"""The plane coder of `bpc` and `ebpc`: groups of words ↔ symbols. FORMAT.md beside it is the text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.bits import BitReader
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.stage import Words
from fmpass.dtypes import DType

BLOCKS = (4, 8, 16, 32)

_U64 = np.uint64
Matrix = NDArray[np.uint64]


def rejects(block: int, dtype: DType) -> str | None:
    """Why groups of `block` words do not fit the words of `dtype`, or None."""
    if block > dtype.word_bits:
        return f"block={block} is above the {dtype.word_bits} bits of the words of {dtype.name}"
    return None


def least_nbytes(groups: int, word_bits: int) -> int:
    """Bytes of `groups` groups of constant words: a base and one run over all planes each."""
    return _padded(groups * (word_bits + 3 + _log2(word_bits)), word_bits)


def worst_case_nbytes(groups: int, block: int, word_bits: int) -> int:
    """Bytes that `groups` groups never exceed: a base and the longest symbol for every plane each."""
    return _padded(groups * (word_bits + (word_bits + 1) * max(block, 5 + _log2(block))), word_bits)


def encode(words: Words, block: int) -> tuple[Matrix, NDArray[np.int64]]:
    """Symbols of `words` in groups of `block` as (values, widths) in the order of the stream; width 0 is none."""
    word_bits = 8 * words.dtype.itemsize
    groups = -(-words.size // block)
    stuffed = np.zeros(groups * block, words.dtype)
    stuffed[: words.size] = words
    stuffed = stuffed.reshape(groups, block)
    pattern = stuffed.view(f"u{words.dtype.itemsize}")
    delta = (pattern[:, 1:] - pattern[:, :-1]).astype(_U64)
    borrow = stuffed[:, 1:] < stuffed[:, :-1]  # the top bit of the delta in word_bits + 1 bits

    full, run_bits, place_bits = (1 << (block - 1)) - 1, _log2(word_bits), _log2(block)
    places = np.arange(block - 2, -1, -1, dtype=_U64)  # the first delta is the leftmost bit of a plane
    planes = np.empty((groups, word_bits + 1), _U64)
    for k in range(word_bits):
        planes[:, k] = (((delta >> _U64(k)) & _U64(1)) << places).sum(axis=1, dtype=_U64)
    planes[:, word_bits] = (borrow.astype(_U64) << places).sum(axis=1, dtype=_U64)
    change = planes.copy()
    change[:, 1:] ^= planes[:, :-1]

    values = change | _U64(1 << (block - 1))  # the raw symbol, "1" and the bits, where nothing else applies
    widths = np.full(change.shape, block, np.int64)
    first = (block - 2) - _floor_log2(change)  # place of the first one from the left
    rest = change & (change - _U64(1))  # without its lowest one
    pair = (change & (change >> _U64(1)) != 0) & (rest & (rest - _U64(1)) == 0) & (rest != 0)

    def symbol(where: NDArray[np.bool_], value: Matrix | int, width: int) -> None:
        values[where] = value if isinstance(value, int) else value[where]
        widths[where] = width

    symbol(rest == 0, _U64(0b00011 << place_bits) | first, 5 + place_bits)
    symbol(pair, _U64(0b00010 << place_bits) | first, 5 + place_bits)
    symbol(planes == 0, 0b00001, 5)
    symbol(change == full, 0b00000, 5)
    zero = change == 0
    symbol(zero, 0b01, 2)
    run = np.zeros(change.shape, _U64)  # length of the run of zero planes from here upwards
    run[:, -1] = zero[:, -1]
    for k in range(word_bits - 1, -1, -1):
        run[:, k] = np.where(zero[:, k], run[:, k + 1] + _U64(1), 0)
    symbol(run >= 2, _U64(0b001 << run_bits) | (run - _U64(2)), 3 + run_bits)
    widths[:, 1:][zero[:, 1:] & zero[:, :-1]] = 0  # spoken for by the first of the run

    base = pattern[:, :1].astype(_U64)
    base_width = np.full((groups, 1), word_bits, np.int64)
    return np.hstack([base, values]).reshape(-1), np.hstack([base_width, widths]).reshape(-1)


def decode(stream: BitReader, count: int, dtype: np.dtype[np.generic], block: int) -> Words:
    """`count` words of `dtype` off the stream. Raises PayloadError FM308 for symbols that cannot be."""
    word_bits = 8 * dtype.itemsize
    groups = -(-count // block)
    bases: list[int] = []
    planes: list[int] = []
    for _ in range(groups):
        bases.append(stream.take(word_bits))
        _decode_planes(stream, planes, word_bits, block)
        stream.require()
    matrix = np.array(planes, _U64).reshape(groups, word_bits + 1)
    places = np.arange(block - 2, -1, -1, dtype=_U64)
    values = np.zeros((groups, block), _U64)
    values[:, 0] = np.array(bases, _U64)
    for k in range(word_bits):  # the plane above these only repeats the sign
        values[:, 1:] |= ((matrix[:, k, None] >> places) & _U64(1)) << _U64(k)
    restored = np.cumsum(values, axis=1, dtype=_U64).astype(f"<u{dtype.itemsize}")
    return restored.reshape(-1)[:count].view(dtype)


def _decode_planes(stream: BitReader, planes: list[int], word_bits: int, block: int) -> None:
    """Append the planes of one group, the least significant first."""
    full, run_bits, place_bits = (1 << (block - 1)) - 1, _log2(word_bits), _log2(block)
    previous, left = 0, word_bits + 1
    while left:
        head = stream.peek(5)
        if head & 0b10000:
            stream.position += 1
            previous ^= stream.take(block - 1)
        elif head & 0b01000:
            stream.position += 2
        elif head & 0b00100:
            stream.position += 3
            run = stream.take(run_bits) + 2
            if run > left:
                raise corrupt(f"a run of {run} planes where {left} are left")
            planes.extend([previous] * (run - 1))
            left -= run - 1
        else:
            stream.position += 5
            if head == 0b00000:
                previous ^= full
            elif head == 0b00001:
                previous = 0
            else:
                place, ones = stream.take(place_bits), 2 if head == 0b00010 else 1
                if place + ones > block - 1:
                    raise corrupt(f"a one at place {place} of a plane of {block - 1} bits")
                previous ^= ((1 << ones) - 1) << (block - 1 - place - ones)
        planes.append(previous)
        left -= 1


def _floor_log2(values: Matrix) -> Matrix:
    """Place of the highest one of values below 2^32; 0 for zero."""
    return np.maximum(np.frexp(values.astype(np.float64))[1] - 1, 0).astype(_U64)


def _log2(power: int) -> int:
    return power.bit_length() - 1


def _padded(bits: int, word_bits: int) -> int:
    return -(-bits // word_bits) * word_bits // 8
