"""Bit streams, most significant bit first, padded with zeros to whole words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.corrupt import corrupt


def pack(values: NDArray[np.uint64], widths: NDArray[np.int64], word_bits: int) -> bytes:
    """The codes `values`, each in its `widths` bits (0 … 64; 0 leaves the code out), padded to whole words."""
    total = int(widths.sum())
    ends = np.cumsum(widths)
    bits = np.zeros(-(-total // word_bits) * word_bits, np.uint8)
    shift = (np.repeat(ends, widths) - 1 - np.arange(total)).astype(np.uint64)
    bits[:total] = (np.repeat(values, widths) >> shift) & np.uint64(1)
    return np.packbits(bits).tobytes()


def bit_lengths(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bits of each value without leading zeros."""
    high, low = values >> np.uint64(32), values & np.uint64(0xFFFFFFFF)
    exponent = [np.frexp(half.astype(np.float64))[1].astype(np.int64) for half in (high, low)]  # exact below 2^53
    return np.where(high > 0, exponent[0] + 32, exponent[1])


class BitReader:
    """Reads codes off a stream; what lies behind its end reads as zeros until `close` or `require` complains."""

    __slots__ = ("_data", "_nbits", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._nbits = len(data) * 8
        self._data = data + bytes(16)
        self.position = position

    def peek(self, width: int) -> int:
        """The next `width` bits, at most 64, without passing them. Call `require` now and then."""
        first = self.position >> 3
        window = int.from_bytes(self._data[first : first + 9], "big")
        return (window >> (72 - (self.position & 7) - width)) & ((1 << width) - 1)

    def take(self, width: int) -> int:
        """The next `width` bits."""
        value = self.peek(width)
        self.position += width
        return value

    def require(self) -> None:
        """Raises PayloadError FM308 where more bits were read than there are."""
        if self.position > self._nbits:
            raise corrupt("the code is cut short")

    def align(self, word_bits: int, origin: int = 0) -> None:
        """Pass the padding to a whole word counted from bit `origin`; it has to be zero and there."""
        padding = -(self.position - origin) % word_bits
        if padding and self.take(padding):
            raise corrupt("the padding is not zero")
        self.require()

    def close(self) -> None:
        """Raises PayloadError FM308 unless exactly the whole stream was read."""
        self.require()
        if self.position != self._nbits:
            raise corrupt(f"{(self._nbits - self.position) // 8} bytes are left over")
