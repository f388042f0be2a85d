"""Code lengths: how the encoder chooses them, and how a block carries them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.corrupt import corrupt

LONGEST = 12

Lengths = NDArray[np.int64]
"""One for each of the 256 bytes; 0: the byte does not occur."""


def choose(counts: NDArray[np.int64]) -> Lengths:
    """Lengths that need the fewest bits for bytes that occur so often, two of them or more. Package-merge."""
    symbols = np.argsort(counts, kind="stable")
    symbols = symbols[counts[symbols] > 0]
    weights = counts[symbols]
    leaves: list[NDArray[np.bool_]] = []  # of each level, in the order of weight: whether it is a byte or a package
    merged = weights
    for level in range(LONGEST):
        if level:
            pairs = merged[: merged.size // 2 * 2].reshape(-1, 2).sum(axis=1)
            merged = np.concatenate([weights, pairs])
        order = np.argsort(merged, kind="stable")  # a byte stands before a package of the same weight
        leaves.append(order < weights.size)
        merged = merged[order]
    lengths = np.zeros(counts.size, np.int64)
    taken = 2 * symbols.size - 2
    for level in reversed(leaves):
        bytes_taken = int(np.count_nonzero(level[:taken]))
        lengths[symbols[:bytes_taken]] += 1
        taken = 2 * (taken - bytes_taken)
    return lengths


def codes(lengths: Lengths) -> NDArray[np.uint64]:
    """The canonical codes: shorter ones first, those of one length in the order of their bytes."""
    found, code = np.zeros(lengths.size, np.uint64), 0
    for length in range(1, LONGEST + 1):
        code <<= 1
        for symbol in np.flatnonzero(lengths == length):
            found[symbol] = code
            code += 1
    return found


def write(lengths: Lengths) -> bytes:
    """The table as nibbles, the upper one of a byte first."""
    nibbles: list[int] = []
    values, symbol, last = lengths.tolist(), 0, 0
    while symbol < 256:
        run = 1
        while symbol + run < 256 and values[symbol + run] == values[symbol]:
            run += 1
        if values[symbol]:
            if values[symbol] == last and run >= 2:
                run = min(run, 17)
                nibbles += [13, run - 2]
            else:
                run = 1
                nibbles.append(values[symbol])
            last = values[symbol]
        elif symbol + run == 256:
            nibbles.append(0)
        else:
            nibbles += [14, run - 1] if run <= 16 else [15, *divmod(run - 17, 16)]
        symbol += run
    nibbles += [0] * (len(nibbles) % 2)
    return bytes(high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True))


def read(data: bytes, start: int) -> tuple[Lengths, int]:
    """(lengths, end of the table). Raises PayloadError FM308 for a table that is none or no complete code."""
    lengths, symbol, last, at = np.zeros(256, np.int64), 0, 0, 2 * start

    def nibble() -> int:
        nonlocal at
        if at >= 2 * len(data):
            raise corrupt("the code is cut short in a table")
        at += 1
        return data[(at - 1) // 2] >> (4 if at % 2 else 0) & 15

    while symbol < 256:
        head = nibble()
        if head == 0:
            break
        if head <= LONGEST:
            run, last, given = 1, head, head
        elif head == 13:
            if not last:
                raise corrupt("a table repeats a length before it gives one")
            run, given = nibble() + 2, last
        else:
            run = nibble() + 1 if head == 14 else 16 * nibble() + nibble() + 17
            given = 0
        if symbol + run > 256:
            raise corrupt("a table passes byte 255")
        lengths[symbol : symbol + run] = given
        symbol += run
    if at % 2 and nibble():
        raise corrupt("the padding of a table is not zero")
    present = lengths[lengths > 0]
    if int((1 << (LONGEST - present)).sum()) != 1 << LONGEST:
        raise corrupt("the lengths of a table are no complete code")
    return lengths, at // 2
