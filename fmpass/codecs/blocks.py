"""Words into blocks and back: flat runs of words, or tiles of feature maps where the coder is a map coder."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import grid
from fmpass.codecs.chain import Chain
from fmpass.codecs.crc32c import crc32c
from fmpass.codecs.header import RAW_BIT, Frame, Header, reject
from fmpass.codecs.stage import Coder, MapCoder, Tile
from fmpass.dtypes import DType
from fmpass.errors import PayloadError, UsageError

Words = NDArray[np.generic]
Shape = tuple[int, ...]

FLAT_BLOCK_WORDS = 32768
"""Words in a block of a coder that sees flat words."""

_ABSENT, _INSIDE, _RESIDENT = 0, 1, 2
_RESIDENT_NBYTES = 5


def default_block_words(chain: Chain) -> int:
    """Words in a block where the caller does not say."""
    return chain.coder.block_words if isinstance(chain.coder, MapCoder) else FLAT_BLOCK_WORDS


class Blocks:
    """How the words of a tensor are cut, for one chain, type and shape; encoder and decoder both follow it."""

    def __init__(self, chain: Chain, dtype: DType, shape: Shape, extents: Shape | None, block_words: int) -> None:
        """`extents` are those of a payload; None lets the coder choose them for `block_words`."""
        self.coder = chain.coder
        self.dtype = chain.dtypes(dtype)[-1]
        self.shape = shape
        self.count = self.dtype.words(math.prod(shape))
        if isinstance(self.coder, MapCoder):
            axis, empty = self.coder.channel_axis(), np.broadcast_to(self.dtype.word_dtype.type(0), (self.count,))
            self._view: Callable[[Words], Words] = lambda words: grid.view(words, shape, axis)
            maps = self._maps_shape(axis) if self.count == 0 else grid.view(empty, shape, axis).shape
            chosen = extents or grid.choose_extent(maps, self.coder, block_words)
            self.grid: grid.Grid | None = grid.Grid(maps, (chosen[0], chosen[1], chosen[2]))
            self.extents: Shape = chosen
            self.number = self.grid.tiles
        else:
            self.grid = None
            self.extents = extents or (block_words,)
            self.number = -(-self.count // self.extents[0])

    def _maps_shape(self, axis: int) -> Shape:
        """The shape of a view without words."""
        return (0, *grid.view(np.empty(0, np.uint8), self.shape, axis).shape[1:]) if 0 in self.shape else (0, 1, 1, 1)

    @property
    def has_model(self) -> bool:
        """Whether the side data ends with a model of the coder."""
        return isinstance(self.coder, MapCoder) and self.coder.has_model and self.count > 0

    def least_nbytes(self) -> Iterator[tuple[int, int]]:
        """(least bytes of the code, bytes of the words) of each block."""
        nbytes = self.dtype.word_bits // 8
        if isinstance(self.coder, MapCoder):
            assert self.grid is not None
            for tile, _ in self.grid:
                yield self.coder.least_nbytes(tile, self.dtype), tile.words * nbytes
        else:
            extent = self.extents[0]
            for i in range(self.number):
                n = min(extent, self.count - i * extent)
                yield self.coder.least_nbytes(n, self.dtype.word_bits), n * nbytes

    def open(self, side: bytes, resident: bytes | None) -> Any:
        """The coder's model from its side data. Raises PayloadError FM306 or FM308."""
        if not self.has_model:
            return None
        assert isinstance(self.coder, MapCoder) and self.grid is not None
        channels = self.grid.shape[1]
        if side == bytes([_ABSENT]):
            return None
        if side[:1] == bytes([_INSIDE]):
            return self._opened(side[1:], channels)
        if len(side) != _RESIDENT_NBYTES or side[0] != _RESIDENT:
            raise reject("FM308", "side data", "it is no model of the coder")
        if resident is None:
            raise reject("FM306", "resident data", "the payload needs it, and none is given", "give the model")
        if crc32c(resident) != struct.unpack_from("<I", side, 1)[0]:
            raise reject("FM306", "resident data", "it is not what the payload was written with", "give that model")
        return self._opened(resident, channels)

    def _opened(self, model: bytes, channels: int) -> Any:
        assert isinstance(self.coder, MapCoder)
        try:
            return self.coder.open(model, self.dtype, channels)
        except PayloadError as error:
            raise reject(error.code, "model", error.problem, error.hint) from None

    def encode(self, words: Words, resident: bytes | None, inside: bool) -> tuple[bytes, bytes, bytes]:
        """(side data of the coder, directory, bodies). `inside`: a resident model is written into the payload."""
        directory, bodies, side = bytearray(), bytearray(), b""
        if resident is not None and not (isinstance(self.coder, MapCoder) and self.coder.has_model):
            problem = f"{self.coder.name} takes no resident data"
            raise UsageError("FM006", where="resident data", problem=problem, hint="leave it out")
        model = self._model(words, resident) if self.has_model else b""
        codes = list(self._codes(words, model))
        if self.has_model:
            refers = resident is not None and not inside
            side = bytes([_RESIDENT]) + struct.pack("<I", crc32c(model)) if refers else bytes([_INSIDE]) + model
            if sum(len(code) for code, _ in codes) + len(side) - 1 >= words.nbytes:
                side, codes = bytes([_ABSENT]), [(block.tobytes(), True) for block, _ in self._tiles(words)]
        for code, raw in codes:
            directory += struct.pack("<II", len(code) | (RAW_BIT if raw else 0), crc32c(code))
            bodies += code
        return side, bytes(directory), bytes(bodies)

    def _model(self, words: Words, resident: bytes | None) -> bytes:
        assert isinstance(self.coder, MapCoder)
        return resident if resident is not None else self.coder.fit(self._view(words), self.dtype)

    def _codes(self, words: Words, model: bytes) -> Iterator[tuple[bytes, bool]]:
        if isinstance(self.coder, MapCoder):
            assert self.grid is not None
            opened = self.coder.open(model, self.dtype, self.grid.shape[1]) if self.has_model else None
            for block, tile in self._tiles(words):
                code = self.coder.encode(block, tile, self.dtype, opened)
                fits = code is not None and len(code) < block.nbytes
                yield (code, False) if code is not None and fits else (block.tobytes(), True)
            return
        extent = self.extents[0]
        for start in range(0, words.size, extent):
            block = words[start : start + extent]
            code = self.coder.encode(block)
            yield (code, False) if len(code) < block.nbytes else (block.tobytes(), True)

    def _tiles(self, words: Words) -> Iterator[tuple[Words, Tile]]:
        assert self.grid is not None
        maps = self._view(words)
        for tile, where in self.grid:
            yield np.ascontiguousarray(maps[where]), tile

    def decode(self, frame: Frame, side: bytes, resident: bytes | None) -> Words:
        """The words of a payload. Raises PayloadError naming the block."""
        opened = self.open(side, resident)
        for i, (least, nbytes) in enumerate(self.least_nbytes()):
            length = int(frame.lengths[i])
            if frame.raw[i] and length != nbytes:
                raise reject("FM308", f"block {i}", f"{length} raw bytes for words of {nbytes}")
            if not frame.raw[i] and self.has_model and opened is None:
                raise reject("FM308", f"block {i}", "it is coded, but there is no model")
            if not frame.raw[i] and length < least:
                raise reject("FM308", f"block {i}", f"{length} bytes, but its words need at least {least}")
        words = np.empty(self.count, self.dtype.word_dtype)
        if isinstance(self.coder, MapCoder):
            assert self.grid is not None
            maps, coder = self._view(words), self.coder
            for i, ((tile, where), code) in enumerate(zip(self.grid, _codes_of(frame), strict=True)):
                with _Naming(i):
                    if frame.raw[i]:
                        maps[where] = np.frombuffer(code, words.dtype).reshape(tile.shape)
                    else:
                        maps[where] = coder.decode(code, tile, self.dtype, opened)
            return words
        extent = self.extents[0]
        for i, code in enumerate(_codes_of(frame)):
            part = words[i * extent : (i + 1) * extent]
            with _Naming(i):
                part[:] = (
                    np.frombuffer(code, words.dtype)
                    if frame.raw[i]
                    else self.coder.decode(code, part.size, words.dtype)
                )
        return words


def check_grid(header: Header, chain: Chain) -> None:
    """Raises PayloadError FM304 where the blocks are not of the kind that the coder makes."""
    if len(header.extents) != (3 if isinstance(chain.coder, MapCoder) else 1):
        raise reject("FM304", "grid rank", f"{len(header.extents)} is not that of {chain.coder.name}")


def densest(coder: Coder | MapCoder, blocks: Blocks) -> int:
    """Bytes that all blocks have at least, coded or raw."""
    if isinstance(coder, MapCoder):
        return sum(min(pair) for pair in blocks.least_nbytes())
    whole, rest = divmod(blocks.count, blocks.extents[0])
    bits = blocks.dtype.word_bits
    return sum(
        times * min(coder.least_nbytes(n, bits), n * bits // 8) for times, n in ((whole, blocks.extents[0]), (1, rest))
    )


def _codes_of(frame: Frame) -> Iterator[bytes]:
    """The bytes of block after block, each once its checksum holds."""
    start = 0
    for i, (length, checksum) in enumerate(zip(frame.lengths.tolist(), frame.checksums.tolist(), strict=True)):
        code = bytes(frame.body[start : start + length])
        if crc32c(code) != checksum:
            raise reject("FM305", f"block {i}", "its checksum does not match", "the block was changed on its way")
        yield code
        start += length


class _Naming:
    """Errors of a block are told with its number."""

    def __init__(self, block: int) -> None:
        self._block = block

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PayloadError):
            raise reject(error.code, f"block {self._block}", error.problem, error.hint) from None
