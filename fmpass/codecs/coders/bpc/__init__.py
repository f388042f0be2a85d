"""`bpc`: bit-plane compression. Groups of words as a base and the bit planes of its deltas.

Source: J. Kim, M. Sullivan, E. Choukse, M. Erez, "Bit-Plane Compression: Transforming Data for Better Compression in
Many-Core Architectures", ISCA 2016; symbols and plane order as in the 8-word hardware form of L. Cavigelli et al.,
"EBPC: Extended Bit-Plane Compression for Deep Neural Network Inference and Training Accelerators", JETCAS 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.bpc import planes, reference
from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import Coder, Words
from fmpass.dtypes import DType


@dataclass(frozen=True, slots=True)
class Bpc(Coder):
    """Bit planes of the deltas in groups of `block` words."""

    name: ClassVar[str] = "bpc"
    format_id: ClassVar[int] = 4

    block: int = parameter(8, "words in a group, at most the bits of a word", choices=planes.BLOCKS)

    def __post_init__(self) -> None:
        check(self)

    def rejects(self, dtype: DType) -> str | None:
        return planes.rejects(self.block, dtype)

    def least_nbytes(self, count: int, word_bits: int) -> int:
        return planes.least_nbytes(-(-count // self.block), word_bits)

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        return planes.worst_case_nbytes(-(-count // self.block), self.block, word_bits)

    def encode(self, words: Words) -> bytes:
        return reference.encode(words, self.block)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype, self.block)


STAGE = Bpc
