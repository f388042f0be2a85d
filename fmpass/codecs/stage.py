"""The contract of a stage: a transform (array → integer array) or a coder (integer words → bytes).

A stage is a frozen dataclass. Its fields are its parameters: the chain text, the JSON, the flag and the node attribute
are printed from them. `reference.py` beside it is plain numpy and the truth; `kernel.hpp` must equal it byte for byte.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fmpass.dtypes import DType

Words = np.ndarray
"""1-D array of int or uint words of 8, 16, 32 or 64 bits."""


@dataclass(frozen=True, slots=True)
class Bound:
    """|x − x'| ≤ absolute + relative·|x| for every finite x in the declared range; (0, 0) means bit-identical."""

    absolute: float | NDArray[np.float64]
    relative: float = 0.0


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a stage costs as a circuit. None where no published or synthesised figure is known."""

    words_per_cycle: float | None
    startup_cycles: int | None
    encoder_kge: float | None
    decoder_kge: float | None
    line_buffer: str
    source: str


class Stage(abc.ABC):
    """Common to transforms and coders. `format_id` is written into digests and never reused."""

    name: ClassVar[str]
    format_id: ClassVar[int]


class Transform(Stage):
    """Array in, integer array out. Whole tensors; `side` is what the decoder needs beside the integers."""

    @abc.abstractmethod
    def rejects(self, dtype: DType, rank: int | None) -> str | None:
        """Why this transform cannot take tensors of `dtype` and `rank` (None: unknown), or None if it can."""

    @abc.abstractmethod
    def lossless(self, dtype: DType) -> bool:
        """True when forward then inverse is bit-identical for every array of `dtype`."""

    @abc.abstractmethod
    def output_dtype(self, dtype: DType) -> DType:
        """Element type of the integers that `forward` gives for an input of `dtype`."""

    @abc.abstractmethod
    def side_nbytes(self, dtype: DType, shape: tuple[int, ...]) -> int:
        """Bytes of side data for a tensor of this type and shape: fixed by them alone."""

    @abc.abstractmethod
    def forward(self, array: NDArray[np.generic]) -> tuple[NDArray[np.generic], bytes]:
        """(integers of the same shape, side data)."""

    @abc.abstractmethod
    def inverse(self, integers: NDArray[np.generic], side: bytes, dtype: DType) -> NDArray[np.generic]:
        """The array that the decoder restores. Raises PayloadError for side data that cannot be."""

    @abc.abstractmethod
    def bound(self, side: bytes, dtype: DType, shape: tuple[int, ...]) -> Bound:
        """The error that is promised for a tensor whose side data is `side`."""


class Coder(Stage):
    """Words in, bytes out, one block at a time; every block decodes without its neighbours. Lossless."""

    def rejects(self, dtype: DType) -> str | None:
        """Why this coder cannot take the words of `dtype`, or None if it can."""
        return None

    @abc.abstractmethod
    def least_nbytes(self, count: int, word_bits: int) -> int:
        """No block of `count` words is coded in fewer bytes than this: a reader checks it before it allocates."""

    @abc.abstractmethod
    def worst_case_nbytes(self, count: int, word_bits: int) -> int:
        """No block of `count` words ever needs more bytes than this (before the raw escape)."""

    @abc.abstractmethod
    def encode(self, words: Words) -> bytes:
        """The bytes of one block. `words.dtype` says width and sign."""

    @abc.abstractmethod
    def decode(self, data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
        """`count` words of `dtype`. Raises PayloadError unless `data` is exactly one block."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The place of a block in a feature map: its first channel, and its channels, rows and columns."""

    first_channel: int
    shape: tuple[int, int, int]

    @property
    def words(self) -> int:
        """How many words it has."""
        return self.shape[0] * self.shape[1] * self.shape[2]


class MapCoder(Stage):
    """Words of feature maps in, bytes out, one tile at a time; a coder that looks at neighbours. Lossless.

    What it knows beforehand is its *model*: bytes that are calibrated on other tensors, or fitted to the tensor and
    sent with it. `opened` is whatever `open` makes of them.
    """

    lanes: ClassVar[int]
    """Channels that it takes at a time: a tile has a multiple of so many, or all there are."""
    block_words: ClassVar[int] = 1 << 20
    """Words of a tile where the caller does not say."""
    least_channels: ClassVar[int] = 1
    """A tile of fewer channels takes as much memory as one of so many."""
    has_model: ClassVar[bool] = False

    def rejects(self, dtype: DType) -> str | None:
        """Why this coder cannot take the words of `dtype`, or None if it can."""
        return "elements narrower than a byte have no rows of words" if dtype.bits < 8 else None

    def channel_axis(self) -> int:
        """The axis that holds the channels, counted from the last: −3, −2 or −1."""
        return -3

    def fit(self, maps: Words, dtype: DType) -> bytes:
        """The model of a whole tensor, an array of (maps, channels, rows, columns) words."""
        return b""

    def calibrate(self, maps: Sequence[Words], dtype: DType) -> bytes:
        """The model for other tensors like these, arrays of (maps, channels, rows, columns) words of one edge."""
        return b""

    def variants(self, shape: tuple[int, ...]) -> tuple[MapCoder, ...]:
        """This coder, and others of its kind that may suit tensors of `shape` better."""
        return (self,)

    def price(self, maps: Sequence[Words], dtype: DType, model: bytes) -> float:
        """About how many bits a word of `maps`, as `calibrate` takes them, takes by a model."""
        bits = words = 0
        for tensor in maps:
            opened = self.open(model, dtype, tensor.shape[1])
            for block in tensor:
                code = self.encode(np.ascontiguousarray(block), Tile(0, block.shape), dtype, opened)
                bits += 8 * min(block.nbytes, block.nbytes if code is None else len(code))
                words += block.size
        return bits / max(1, words)

    def open(self, model: bytes, dtype: DType, channels: int) -> Any:
        """The model checked and expanded. Raises PayloadError FM308 unless it is one for so many channels."""
        return None

    @abc.abstractmethod
    def least_nbytes(self, tile: Tile, dtype: DType) -> int:
        """No tile of this shape is coded in fewer bytes than this."""

    @abc.abstractmethod
    def encode(self, words: Words, tile: Tile, dtype: DType, opened: Any) -> bytes | None:
        """The bytes of one tile, an array of (channels, rows, columns) words; None where it has to travel raw."""

    @abc.abstractmethod
    def decode(self, data: bytes, tile: Tile, dtype: DType, opened: Any) -> Words:
        """The words of a tile. Raises PayloadError unless `data` is exactly one tile."""
