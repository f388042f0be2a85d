"""Side data of `planeres`: for each plane how far back its reference lies, 0 for none, packed into bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.corrupt import corrupt

LEAST_PLANE = 8
"""Planes of fewer words have no references: telling of them costs more than they can save."""

_ROWS_COLUMNS = {-3: (-2, -1), -2: (-3, -1), -1: (-3, -2)}


@dataclass(frozen=True, slots=True)
class Layout:
    """Planes of a tensor, and how far back the reference of one can lie (0: there are no references)."""

    maps: int
    channels: int
    reach: int

    @classmethod
    def of(cls, shape: tuple[int, ...], axis: int, window: int) -> Layout:
        """That of a tensor of `shape`, its channels at `axis`; a tensor without that axis has one channel."""
        dims = (1, 1, 1, *shape)
        channels = shape[axis] if len(shape) + axis >= 0 else 1
        plane = math.prod(dims[i] for i in _ROWS_COLUMNS[axis]) if len(shape) + axis >= 0 else 0
        if 0 in shape or plane < LEAST_PLANE:
            return cls(0, channels, 0)
        return cls(math.prod(shape) // (channels * plane), channels, min(window, channels - 1))

    @property
    def bits(self) -> int:
        """Bits of one reference."""
        return self.reach.bit_length()

    @property
    def side_nbytes(self) -> int:
        """Bytes of all of them."""
        return -(-self.maps * self.channels * self.bits // 8)

    def pack(self, references: NDArray[np.int64]) -> bytes:
        """Side data of an array (maps, channels)."""
        each = references.reshape(-1, 1) >> np.arange(self.bits) & 1
        return np.packbits(each.astype(np.uint8).reshape(-1), bitorder="little").tobytes()

    def unpack(self, side: bytes) -> NDArray[np.int64]:
        """References of shape (maps, channels). Raises PayloadError FM308 for those that no encoder writes."""
        count = self.maps * self.channels
        loose = np.unpackbits(np.frombuffer(side, np.uint8), bitorder="little")
        if loose[count * self.bits :].any():
            raise corrupt("padding bits are not zero", "side data")
        each = loose[: count * self.bits].reshape(self.maps, self.channels, self.bits)
        references = (each << np.arange(self.bits, dtype=np.uint8)).sum(axis=-1, dtype=np.int64)
        if (references > np.minimum(np.arange(self.channels), self.reach)).any():
            raise corrupt("a plane refers to one that it cannot", "side data")
        return references
