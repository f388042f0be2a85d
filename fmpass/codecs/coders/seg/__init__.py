"""`seg`: sparse exponential-Golomb. One bit for a zero; other words by an exponential-Golomb code of order k.

Source: G. Georgiadis, "Accelerating Convolutional Neural Networks via Activation Map Compression", CVPR 2019; here the
order may be chosen for each block and is sent in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.seg import reference
from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import Coder, Words
from fmpass.dtypes import DType


@dataclass(frozen=True, slots=True)
class Seg(Coder):
    """A bit for a zero, an exponential-Golomb code for any other word."""

    name: ClassVar[str] = "seg"
    format_id: ClassVar[int] = 7

    k: int | None = parameter(None, "order of the code; none: the encoder chooses one a block", minimum=0, maximum=63)

    def __post_init__(self) -> None:
        check(self)

    def rejects(self, dtype: DType) -> str | None:
        if self.k is not None and self.k >= dtype.word_bits:
            return f"k={self.k} is not below the {dtype.word_bits} bits of the words of {dtype.name}"
        return None

    def least_nbytes(self, count: int, word_bits: int) -> int:
        return 1 + -(-count // 8) if count else 0

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        return 1 + -(-count * (2 * word_bits + 1) // 8) if count else 0

    def encode(self, words: Words) -> bytes:
        return reference.encode(words, self.k)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype, self.k)


STAGE = Seg
