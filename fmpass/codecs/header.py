"""The header of a payload: its fields, and the checks that a reader makes before it trusts one of them.

docs/format.md is the text; the order of the checks here is the order there.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.crc32c import crc32c
from fmpass.dtypes import LEFT_ALONE, DType, by_onnx
from fmpass.errors import PayloadError

MAGIC = b"FMPK"
VERSION = 1
SELF_CONTAINED = 1
MAX_RANK = 32
MAX_BLOCK_WORDS = 1 << 24
FIXED_NBYTES = 24
RAW_BIT = 1 << 31
_MOST_ELEMENTS = 1 << 60  # so that no product of elements and bytes leaves 63 bits

_FIXED = struct.Struct("<4sBBBBIHBBII")


@dataclass(frozen=True, slots=True)
class Header:
    """What a payload says of itself. `nbytes` is the whole payload's.

    `extents` are those of a block: its words, or channels, rows and columns of a tile.
    """

    dtype: DType
    shape: tuple[int, ...]
    elements: int
    blocks: int
    extents: tuple[int, ...]
    chain_digest: int
    self_contained: bool
    chain_text: str
    side_nbytes: int
    header_nbytes: int
    nbytes: int

    @property
    def block_words(self) -> int:
        """Words of a whole block."""
        return math.prod(self.extents)

    @property
    def tensor_nbytes(self) -> int:
        """Bytes of the tensor, narrow types packed."""
        return self.dtype.nbytes(self.elements)


@dataclass(frozen=True, slots=True)
class Frame:
    """A payload taken apart: the header, side data, and per block its directory entry and bytes."""

    header: Header
    side: bytes
    lengths: NDArray[np.int64]
    raw: NDArray[np.bool_]
    checksums: NDArray[np.uint32]
    body: memoryview = field(repr=False)


def reject(code: str, where: str, problem: str, hint: str = "") -> PayloadError:
    """The error of a payload, `where` naming the field or block."""
    return PayloadError(code, where=f"payload {where}", problem=problem, hint=hint)


def write(header: Header, side: bytes, directory: bytes) -> bytes:
    """The bytes before the first block. `directory` is eight bytes a block, as on disk."""
    text = header.chain_text.encode()
    fixed = _FIXED.pack(
        MAGIC,
        VERSION,
        SELF_CONTAINED if header.self_contained else 0,
        header.dtype.onnx,
        len(header.shape),
        header.chain_digest,
        len(text),
        len(header.extents),
        0,
        len(side),
        header.blocks,
    )
    dims = struct.pack(f"<{len(header.shape)}Q", *header.shape)
    head = fixed + dims + struct.pack(f"<{len(header.extents)}I", *header.extents) + text + side + directory
    return head + struct.pack("<I", crc32c(head))


def read(data: bytes | bytearray | memoryview) -> Frame:
    """Take a payload apart. Raises PayloadError FM301 … FM305, FM307 naming the first field that does not hold.

    Allocates in proportion to `len(data)` only, whatever the header claims.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:4]) != MAGIC[: len(view)]:
        raise reject("FM301", "magic", "these bytes are not an fmpass payload", "payloads begin with FMPK")
    if len(view) < FIXED_NBYTES:
        raise reject("FM303", "header", f"{len(view)} bytes, but the fixed part alone has {FIXED_NBYTES}")
    _, version, flags, number, rank, digest, text_nbytes, grid, reserved, side_nbytes, blocks = _FIXED.unpack_from(view)
    if version != VERSION:
        raise reject("FM302", "version", f"version {version} is not known", "read it with a newer fmpass")
    if flags & ~SELF_CONTAINED:
        raise reject("FM304", "flags", f"reserved bits are set: {flags:#04x}", "read it with a newer fmpass")
    if reserved:
        raise reject("FM304", "reserved", "the reserved byte is not 0", "read it with a newer fmpass")
    if grid not in (1, 3):
        raise reject("FM304", "grid rank", f"{grid}, not 1 or 3")
    self_contained = bool(flags & SELF_CONTAINED)
    if self_contained != (text_nbytes > 0):
        raise reject("FM304", "text bytes", f"{text_nbytes} disagrees with the flag SELF_CONTAINED")
    dtype = by_onnx(number)
    if dtype is None:
        raise reject("FM307", "dtype", LEFT_ALONE.get(number, f"{number} is not a type that travels"))
    if rank > MAX_RANK:
        raise reject("FM304", "rank", f"{rank} is above {MAX_RANK}")
    dims_end = FIXED_NBYTES + 8 * rank
    text_at = dims_end + 4 * grid
    text_end = text_at + text_nbytes
    side_end = text_end + side_nbytes
    head_end = side_end + 8 * blocks
    if head_end + 4 > len(view):
        raise reject("FM303", "header", f"{head_end + 4} bytes are announced, {len(view)} are there")
    entries = np.frombuffer(view, "<u4", 2 * blocks, side_end).reshape(blocks, 2)
    lengths = (entries[:, 0] & np.uint32(RAW_BIT - 1)).astype(np.int64)
    nbytes = head_end + 4 + int(lengths.sum())
    if nbytes != len(view):
        raise reject("FM303", "blocks", f"{nbytes} bytes are announced, {len(view)} are there")
    if crc32c(view[:head_end]) != struct.unpack_from("<I", view, head_end)[0]:
        raise reject("FM305", "header checksum", "it does not match", "the header was changed after it was written")
    shape = struct.unpack_from(f"<{rank}Q", view, FIXED_NBYTES)
    if math.prod(max(d, 1) for d in shape) >= _MOST_ELEMENTS:
        raise reject("FM304", "dims", f"{list(shape)} has more elements than memory has addresses")
    extents = struct.unpack_from(f"<{grid}I", view, dims_end)
    if not 1 <= math.prod(extents) <= MAX_BLOCK_WORDS:
        raise reject("FM304", "extents", f"a block of {math.prod(extents)} words", f"1 … {MAX_BLOCK_WORDS}")
    header = Header(
        dtype=dtype,
        shape=tuple(int(d) for d in shape),
        elements=math.prod(shape),
        blocks=blocks,
        extents=tuple(int(e) for e in extents),
        chain_digest=digest,
        self_contained=self_contained,
        chain_text=text_of_chain(bytes(view[text_at:text_end])),
        side_nbytes=side_nbytes,
        header_nbytes=head_end + 4,
        nbytes=nbytes,
    )
    side = bytes(view[text_end:side_end])
    return Frame(header, side, lengths, (entries[:, 0] & RAW_BIT) != 0, entries[:, 1], view[head_end + 4 :])


def text_of_chain(text: bytes) -> str:
    """The chain text of a payload. Raises PayloadError FM304 where it is not UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise reject("FM304", "chain text", "it is not UTF-8") from None
