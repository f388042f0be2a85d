"""`raw`: the words as they are. The measure of every other coder, and the escape of each block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.raw import reference
from fmpass.codecs.fields import check
from fmpass.codecs.stage import Coder, Words


@dataclass(frozen=True, slots=True)
class Raw(Coder):
    """The words, little-endian."""

    name: ClassVar[str] = "raw"
    format_id: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check(self)

    def least_nbytes(self, count: int, word_bits: int) -> int:
        return count * word_bits // 8

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        return count * word_bits // 8

    def encode(self, words: Words) -> bytes:
        return reference.encode(words)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype)


STAGE = Raw
