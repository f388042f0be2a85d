"""`zrle`: runs of zero bytes as a zero and a length; every other byte stands for itself.

Source of the idea: Y.-H. Chen et al., "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep Convolutional
Neural Networks", JSSC 2017 (run-length compression of zeros); here on bytes, so that one form serves every word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fmpass.codecs.coders.zrle import reference
from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import Coder, Words


@dataclass(frozen=True, slots=True)
class Zrle(Coder):
    """Zero runs of the bytes of the words."""

    name: ClassVar[str] = "zrle"
    format_id: ClassVar[int] = 3

    max_run: int = parameter(256, "longest run of zero bytes that one code stands for", minimum=1, maximum=256)

    def __post_init__(self) -> None:
        check(self)

    def least_nbytes(self, count: int, word_bits: int) -> int:
        nbytes = count * word_bits // 8
        runs, rest = divmod(nbytes, self.max_run)
        return min(nbytes, 2 * runs + min(rest, 2))

    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        nbytes = count * word_bits // 8
        return 2 * nbytes if self.max_run == 1 else nbytes + (nbytes + 1) // 2

    def encode(self, words: Words) -> bytes:
        return reference.encode(words, self.max_run)

    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        return reference.decode(data, count, dtype, self.max_run)


STAGE = Zrle
