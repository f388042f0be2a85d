"""`huffman`: a static Huffman code of zero order for each byte plane of a block, tables sent with it.

Source of the code: D. A. Huffman, "A Method for the Construction of Minimum-Redundancy Codes", Proc. IRE 1952; lengths
limited to 12 bits by package-merge, L. L. Larmore and D. S. Hirschberg, "A Fast Algorithm for Optimal Length-Limited
Huffman Codes", J. ACM 1990.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.huffman import reference
from fmpass.codecs.fields import check
from fmpass.codecs.stage import Coder, Words


@dataclass(frozen=True, slots=True)
class Huffman(Coder):
    """Bytes by how frequent they are: at most 12 bits each, in four streams."""

    name: ClassVar[str] = "huffman"
    format_id: ClassVar[int] = 8

    def __post_init__(self) -> None:
        check(self)

    def least_nbytes(self, count: int, word_bits: int) -> int:
        return word_bits // 8 * min(1 + count, reference.constant_nbytes(count)) if count else 0

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        return word_bits // 8 * (1 + count) if count else 0

    def encode(self, words: Words) -> bytes:
        return reference.encode(words)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype)


STAGE = Huffman
