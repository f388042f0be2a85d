"""Reference of `seg`: a byte that says mode and order, then a code for every word."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import bits
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.stage import Words

_U64 = np.uint64
_ZIGZAG = 0x40
Values = NDArray[np.uint64]


def encode(words: Words, k: int | None) -> bytes:
    """The code of a block, of order `k` or of the one that promises the fewest bits."""
    if not words.size:
        return b""
    word_bits = 8 * words.dtype.itemsize
    pattern = words.view(f"u{words.dtype.itemsize}")
    signed = words.view(f"i{words.dtype.itemsize}")
    zigzag = ((signed << 1) ^ (signed >> (word_bits - 1))).view(pattern.dtype)
    modes = [v.astype(_U64) for v in (pattern, zigzag)]
    orders = range(word_bits) if k is None else [k]
    counts = [np.bincount(bits.bit_lengths(v[v > 0] - _U64(1)), minlength=word_bits + 1) for v in modes]
    _, mode, order = min((promise(counts[mode], order), mode, order) for mode in (0, 1) for order in orders)
    return bytes([mode * _ZIGZAG | order]) + bits.pack(*_codes(modes[mode], order), word_bits=8)


def decode(data: bytes, count: int, dtype: np.dtype[np.generic], k: int | None) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 unless `data` is exactly their code."""
    if not count:
        if data:
            raise corrupt("bytes are left over")
        return np.zeros(0, dtype)
    word_bits = 8 * dtype.itemsize
    if not data or data[0] & 0x80 or (order := data[0] & 0x3F) >= word_bits or k not in (None, order):
        raise corrupt("the block does not begin with a mode and an order")
    values = np.array(_decode_codes(data, count, word_bits, order), f"<u{dtype.itemsize}")
    if data[0] & _ZIGZAG:
        one = values.dtype.type(1)
        values = (values >> one) ^ (~(values & one) + one)
    return values.view(dtype)


def promise(counts: NDArray[np.int64], order: int) -> int:
    """About how many bits words other than zero take, beyond one each; `counts[b]` of them less one have b bits."""
    zeros = np.arange(counts.size) - 1 - order
    carried = np.where(
        zeros >= 0, 2 * counts >> np.maximum(zeros, 0), 0
    )  # two bits more, for as many as if evenly spread
    return int((counts * (order + 1 + 2 * np.maximum(zeros, 0)) + carried).sum())


def _codes(values: Values, order: int) -> tuple[Values, NDArray[np.int64]]:
    """Three pieces a word as (values, widths): `1` and zeros, the part above the order, the part below it."""
    there = values > 0
    less_one = values - there
    above = (less_one >> _U64(order)) + _U64(1)
    zeros = np.where(there, bits.bit_lengths(above) - 1, 0)
    below = less_one & _U64((1 << order) - 1)
    pieces = np.stack([np.where(there, _U64(1) << zeros.astype(_U64), _U64(0)), above, below], axis=1)
    widths = np.stack([zeros + 1, np.where(there, zeros + 1, 0), np.where(there, order, 0)], axis=1)
    return pieces.reshape(-1), widths.reshape(-1)


def _decode_codes(data: bytes, count: int, word_bits: int, order: int) -> list[int]:
    stream = bits.BitReader(data, 8)
    most_zeros = word_bits - max(order, 1)
    values: list[int] = []
    for _ in range(count):
        if not stream.take(1):
            values.append(0)
        else:
            zeros = 64 - stream.peek(64).bit_length()
            if zeros > most_zeros:
                raise corrupt(f"a code of more than {most_zeros} zeros")
            stream.position += zeros
            above = stream.take(zeros + 1)
            value = ((above - 1) << order) + stream.take(order) + 1
            if value >> word_bits:
                raise corrupt(f"a word of more than {word_bits} bits")
            values.append(value)
        stream.require()
    stream.align(8)
    stream.close()
    return values
