"""`ebpc`: extended bit-plane compression. Zero runs in one stream, bit planes of the non-zero words in another.

Source: L. Cavigelli, G. Rutishauser, L. Benini, "EBPC: Extended Bit-Plane Compression for Deep Neural Network Inference
and Training Accelerators", JETCAS 2019; the bits are those of its published hardware with the defaults of the fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.bpc import planes
from fmpass.codecs.coders.ebpc import reference
from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import Coder, Words
from fmpass.dtypes import DType


@dataclass(frozen=True, slots=True)
class Ebpc(Coder):
    """Zero runs of up to `max_zero_run` words, and bit planes of the non-zero words in groups of `block`."""

    name: ClassVar[str] = "ebpc"
    format_id: ClassVar[int] = 5

    block: int = parameter(8, "words in a group, at most the bits of a word", choices=planes.BLOCKS)
    max_zero_run: int = parameter(
        16, "longest run of zero words that one code stands for", choices=(2, 4, 8, 16, 32, 64, 128, 256)
    )

    def __post_init__(self) -> None:
        check(self)

    def rejects(self, dtype: DType) -> str | None:
        return planes.rejects(self.block, dtype)

    def least_nbytes(self, count: int, word_bits: int) -> int:
        runs, rest = divmod(count, self.max_zero_run)  # all zero: anything else adds a group of planes
        bits = (runs + (rest > 0)) * self.max_zero_run.bit_length()
        return -(-bits // word_bits) * word_bits // 8

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        flags = -(-count * self.max_zero_run.bit_length() // word_bits) * word_bits // 8
        return flags + planes.worst_case_nbytes(-(-count // self.block), self.block, word_bits)

    def encode(self, words: Words) -> bytes:
        return reference.encode(words, self.block, self.max_zero_run)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype, self.block, self.max_zero_run)


STAGE = Ebpc
