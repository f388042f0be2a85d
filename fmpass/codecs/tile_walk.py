"""The walk of a decoder over the words of a tile, each seen from those before it; and which stream has which channels.

Shared by the coders that look at neighbours. Plain Python, a word at a time: a decoder knows a word's context only once
it has the word before.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.neighbours import ACTIVITY_EDGES, RAW_EDGES, SMOOTH, TOUCHING, Range, predict

STREAMS = 4


def streams_of(channels: int) -> int:
    """How many streams a tile of so many channels has."""
    return min(channels, STREAMS)


def channels_of(channels: int) -> list[slice]:
    """The channels of each stream: every fourth one."""
    return [slice(s, None, streams_of(channels)) for s in range(streams_of(channels))]


class Source(Protocol):
    """What a coder reads off one stream; ordinals."""

    def run(self, longest: int) -> int:
        """Zeros of the run that begins here, at most `longest`; so many: it ends without a word of its own."""
        ...

    def ending(self) -> int:
        """The word that ends a run, never zero."""
        ...

    def word(self, context: int, prediction: int) -> int:
        """A word outside of runs."""
        ...


def decode(
    source: Source, shape: tuple[int, ...], r: Range, threshold: int, averaging: bool
) -> NDArray[np.unsignedinteger]:
    """The ordinals of (channels, rows, columns) words."""
    found: list[list[int]] = []
    channels, rows, columns = shape
    for _ in range(channels):
        above = [r.zero] * (columns + 2)
        for _ in range(rows):
            above = _row(source, above, columns, r, threshold, averaging)
            found.append(above[1:-1])
    return np.array(found, np.uint64).reshape(shape)


def _row(source: Source, above: list[int], columns: int, r: Range, threshold: int, averaging: bool) -> list[int]:
    """The next row below `above`; both with a word zero at either end."""
    row = [r.zero] * (columns + 2)
    n = [r.scaled(number) for number in above]
    sizes = [2 * abs(n[i]) + abs(n[i - 1]) + abs(n[i + 1]) for i in range(1, columns + 1)]
    i, w, end = 1, 0, 0
    while i <= columns:
        size = 2 * abs(w) + sizes[i - 1]
        if not size:
            end = max(i, end)  # a stretch that is known is not looked for again: that might take long
            while end <= columns and not sizes[end - 1]:
                end += 1
            zeros = source.run(end - i)
            i += zeros
            if i < end:
                row[i] = source.ending()
            else:
                w = 0
                continue
        elif size < threshold:
            row[i] = source.word(1 + bisect_right(RAW_EDGES, size), r.zero)
        else:
            activity = abs(w - n[i - 1]) + abs(n[i - 1] - n[i]) + abs(n[i] - n[i + 1])
            context = (SMOOTH if w and n[i] and n[i - 1] else TOUCHING) + bisect_right(ACTIVITY_EDGES, activity)
            prediction = predict(row[i - 1], above[i], above[i - 1], above[i + 1], averaging)
            row[i] = source.word(context, prediction)
        w = r.scaled(row[i])
        i += 1
    return row
