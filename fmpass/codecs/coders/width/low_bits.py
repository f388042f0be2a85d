"""Bit streams, least significant bit first, padded with zeros to whole bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.corrupt import corrupt

Bits = NDArray[np.uint8]


def section(data: bytes) -> Bits:
    """The bits of `data`, one a byte, in the order of the stream."""
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")


def spread(values: NDArray[np.uint64], widths: NDArray[np.int64]) -> bytes:
    """The low `widths` (0 … 64) bits of each value behind each other."""
    bits = (np.repeat(values, widths) >> _places(widths).astype(np.uint64)) & np.uint64(1)
    return np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()


def gather(bits: Bits, widths: NDArray[np.int64], what: str) -> NDArray[np.uint64]:
    """Values of `widths` (1 … 64) bits each. Raises PayloadError FM308 unless `bits` holds exactly these, padded."""
    total = int(widths.sum())
    if (total + 7) // 8 * 8 != bits.size:
        raise corrupt(f"{bits.size // 8} bytes of {what} where {(total + 7) // 8} belong")
    if bits[total:].any():
        raise corrupt(f"the padding of the {what} is not zero")
    if not total:
        return np.zeros(widths.size, np.uint64)
    placed = bits[:total].astype(np.uint64) << _places(widths).astype(np.uint64)
    return np.bitwise_or.reduceat(placed, np.cumsum(widths) - widths)


def _places(widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place in its value of every bit of the stream."""
    return np.arange(int(widths.sum())) - np.repeat(np.cumsum(widths) - widths, widths)
