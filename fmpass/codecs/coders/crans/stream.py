"""States and words of a tile: interleaved rANS with 32-bit states and 16-bit words.

Source: J. Duda, "Asymmetric numeral systems", 2013; interleaving after F. Giesen, "Interleaved entropy coders", 2014.
"""

from __future__ import annotations

import numpy as np

from fmpass.codecs.corrupt import corrupt

LOWEST = 1 << 16
"""States lie from here on; they begin with it, and a decoder has to end with it."""


def state_count(vectors: int, lanes: int) -> int:
    """States of a tile: lane i of a group uses state i modulo 16 · vectors."""
    return min(16 * vectors, lanes, 64)


class Stream:
    """States and words of a tile while it is decoded."""

    def __init__(self, data: bytes, lanes: int) -> None:
        if not data or data[0] not in (1, 2, 4):
            raise corrupt("a tile has no number of states")
        self.vectors = data[0]
        count = state_count(self.vectors, lanes)
        if len(data) < 1 + 4 * count or (len(data) - 1) % 2:
            raise corrupt("the code is cut short in the states")
        self.states = [int(state) for state in np.frombuffer(data, "<u4", count, 1)]
        if min(self.states) < LOWEST:
            raise corrupt("a state is out of range")
        self.words = np.frombuffer(data, "<u2", -1, 1 + 4 * count).tolist()
        self.at = 0

    def refill(self, state: int) -> int:
        """A state below its range gets the next word; behind the last one they read as zeros."""
        if state >= LOWEST:
            return state
        word = self.words[self.at] if self.at < len(self.words) else 0
        self.at += 1
        return state << 16 | word

    def check(self) -> None:
        """Raises PayloadError FM308 where more words were read than there are."""
        if self.at > len(self.words):
            raise corrupt("the code is cut short")

    def close(self) -> None:
        """Raises PayloadError FM308 unless all words were read and all states are where they began."""
        self.check()
        if self.at != len(self.words):
            raise corrupt("words are left over")
        if any(state != LOWEST for state in self.states):
            raise corrupt("the states do not end where they began")
