"""`zvc`: zero-value compression. One presence bit a word, then the non-zero words.

Source: M. Rhu et al., "Compressing DMA Engine: Leveraging Activation Sparsity for Training Deep Neural Networks",
HPCA 2018, section V.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.zvc import reference
from fmpass.codecs.fields import check
from fmpass.codecs.stage import Coder, Words


@dataclass(frozen=True, slots=True)
class Zvc(Coder):
    """A bit mask of the non-zero words, then those words in order."""

    name: ClassVar[str] = "zvc"
    format_id: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check(self)

    def least_nbytes(self, count: int, word_bits: int) -> int:
        return (count + 7) // 8

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        return (count + 7) // 8 + count * word_bits // 8

    def encode(self, words: Words) -> bytes:
        return reference.encode(words)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype)


STAGE = Zvc
