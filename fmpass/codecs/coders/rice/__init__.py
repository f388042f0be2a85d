"""`rice`: contexts from the neighbours of a word, a Golomb-Rice code for each, runs of zeros, no tables.

Source: a cut-down LOCO-I (M. J. Weinberger, G. Seroussi, G. Sapiro, "The LOCO-I Lossless Image Compression Algorithm",
IEEE Trans. Image Processing 2000): its median predictor, Golomb-Rice codes (S. W. Golomb 1966, R. F. Rice 1979) and run
mode. Here the codes are chosen for a tile instead of adapted word by word, and words near zero are not predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fmpass.codecs import tile_walk
from fmpass.codecs.coders.rice import reference
from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import MapCoder, Tile, Words
from fmpass.dtypes import DType


@dataclass(frozen=True, slots=True)
class Rice(MapCoder):
    """Words seen from their neighbours: Rice codes by context, runs of zeros, no tables."""

    name: ClassVar[str] = "rice"
    format_id: ClassVar[int] = 10
    lanes: ClassVar[int] = tile_walk.STREAMS
    block_words: ClassVar[int] = 1 << 17

    axis: int = parameter(-3, "axis of the channels, counted from the last", choices=(-3, -2, -1))

    def __post_init__(self) -> None:
        check(self)

    def channel_axis(self) -> int:
        return self.axis

    def least_nbytes(self, tile: Tile, dtype: DType) -> int:
        return reference.least_nbytes(tile, dtype)

    def encode(self, words: Words, tile: Tile, dtype: DType, opened: Any) -> bytes:
        return reference.encode(words, dtype)

    def decode(self, data: bytes, tile: Tile, dtype: DType, opened: Any) -> Words:
        return reference.decode(data, tile, dtype)


STAGE = Rice
