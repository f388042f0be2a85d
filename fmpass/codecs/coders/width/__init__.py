"""`width`: groups of words cut to the bits of their largest one, zeros left out where a mask of them pays.

Source: A. Delmás Lascorz et al., "ShapeShifter: Enabling Fine-Grain Data Width Adaptation in Deep Learning", MICRO 2019
(one width and a zero bit-vector a group); here the mask is left out where it does not pay, and both decisions share
one field. Zig-zag stands in for sign and magnitude: in the same width it holds one value more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.width import reference
from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import Coder, Words


@dataclass(frozen=True, slots=True)
class Width(Coder):
    """One width, and a mask of zeros where it pays, for each group of words."""

    name: ClassVar[str] = "width"
    format_id: ClassVar[int] = 6

    group: int = parameter(16, "words that share a width", choices=(8, 16, 32, 64, 128, 256))

    def __post_init__(self) -> None:
        check(self)

    def least_nbytes(self, count: int, word_bits: int) -> int:
        return reference.headers_nbytes(-(-count // self.group), word_bits) + 1 if count else 0

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        return self.least_nbytes(count, word_bits) + count * word_bits // 8

    def encode(self, words: Words) -> bytes:
        return reference.encode(words, self.group)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype, self.group)


STAGE = Width
