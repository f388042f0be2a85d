"""Reference of the payload: tensor → blocks → bytes and back, in numpy. docs/format.md is the text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import blocks
from fmpass.codecs.chain import Chain
from fmpass.codecs.header import MAX_BLOCK_WORDS, MAX_RANK, Header, read, reject, write
from fmpass.dtypes import DType, of_array
from fmpass.errors import UsageError

__all__ = [
    "Expected",
    "Header",
    "check_expected",
    "check_plausible",
    "check_request",
    "decode",
    "encode",
    "peek",
    "resolve_chain",
]

Array = NDArray[np.generic]

Expected = tuple[DType | None, tuple[int, ...] | None]
"""Type and shape that a caller expects; None where anything goes, −1 for a dimension that may be anything."""


def encode(
    chain: Chain,
    array: Array,
    block_words: int | None = None,
    self_contained: bool = False,
    resident: bytes | None = None,
) -> bytes:
    """The payload of `array`. Raises UsageError FM006 where the chain cannot take it, FM007 for a bad block size.

    `block_words` None means the chain's default. With `resident`, calibrated data of the coder, a self-contained
    payload carries it and another one refers to it.
    """
    dtype = check_request(chain, array, block_words)
    types = chain.dtypes(dtype)
    sides: list[bytes] = []
    integers = array
    for transform in chain.transforms:
        integers, side = transform.forward(integers)
        sides.append(side)
    shape = tuple(int(d) for d in array.shape)
    cut = blocks.Blocks(chain, dtype, shape, None, block_words or blocks.default_block_words(chain))
    side, directory, bodies = cut.encode(types[-1].to_words(integers), resident, self_contained)
    sides.append(side)
    header = Header(
        dtype=dtype,
        shape=shape,
        elements=array.size,
        blocks=len(directory) // 8,
        extents=cut.extents,
        chain_digest=chain.digest(),
        self_contained=self_contained,
        chain_text=str(chain) if self_contained else "",
        side_nbytes=sum(map(len, sides)),
        header_nbytes=0,
        nbytes=0,
    )
    return write(header, b"".join(sides), directory) + bodies


def peek(data: bytes | bytearray | memoryview) -> Header:
    """The header of a payload, checked against itself and the length of `data`; the blocks are not decoded."""
    return read(data).header


def decode(
    data: bytes | bytearray | memoryview,
    chain: Chain | None = None,
    expect: Expected | None = None,
    resident: bytes | None = None,
) -> Array:
    """The tensor of a payload. `chain` may be None for a self-contained payload.

    Raises PayloadError FM301 … FM309 naming the field or block. Memory is bounded by what the payload's length can
    justify: a block is decoded only where its length is possible for its words.
    """
    frame = read(data)
    header = frame.header
    check_expected(header, expect)
    chain = resolve_chain(header, chain)
    types = chain.dtypes(header.dtype)
    cut = check_plausible(header, chain)
    side_nbytes = chain.side_nbytes(header.dtype, header.shape)
    end = sum(side_nbytes)
    words = cut.decode(frame, frame.side[end:], resident)
    array = types[-1].from_words(words, header.shape)
    for transform, dtype, nbytes in zip(chain.transforms[::-1], types[-2::-1], side_nbytes[::-1], strict=True):
        array = transform.inverse(array, frame.side[end - nbytes : end], dtype)
        end -= nbytes
    return array


def check_request(chain: Chain, array: Array, block_words: int | None) -> DType:
    """The element type of `array`, once it is clear that it can be encoded so."""
    dtype = of_array(array)
    if array.ndim > MAX_RANK:
        raise UsageError("FM006", where="array", problem=f"rank {array.ndim} is above {MAX_RANK}", hint="reshape it")
    reason = chain.rejects(dtype, array.ndim)
    if reason:
        raise UsageError("FM006", where=f"chain {chain}", problem=reason, hint="see `fmpass codecs`")
    if block_words is not None and not 1 <= block_words <= MAX_BLOCK_WORDS:
        raise UsageError(
            "FM007", where="block", problem=f"{block_words} words in a block", hint=f"1 … {MAX_BLOCK_WORDS}"
        )
    return dtype


def check_expected(header: Header, expect: Expected | None) -> None:
    """Raises PayloadError FM309 where type or shape are not what the caller expects."""
    dtype, shape = expect or (None, None)
    if dtype is not None and dtype != header.dtype:
        raise reject("FM309", "dtype", f"{header.dtype.name}, but {dtype.name} is expected")
    if shape is None:
        return
    agree = len(shape) == len(header.shape) and all(
        want in (-1, got) for want, got in zip(shape, header.shape, strict=True)
    )
    if not agree:
        raise reject("FM309", "dims", f"{list(header.shape)}, but {list(shape)} is expected")


def resolve_chain(header: Header, chain: Chain | None) -> Chain:
    """The chain to decode with: the caller's or the payload's own. Raises PayloadError FM306 where they disagree."""
    if chain is None:
        if not header.self_contained:
            raise reject("FM306", "chain text", "there is none, and no chain was given", "give the chain")
        try:
            chain = Chain.parse(header.chain_text)
        except UsageError as error:
            raise reject("FM306", "chain text", error.problem, error.hint) from None
        if str(chain) != header.chain_text:
            raise reject("FM306", "chain text", f"{header.chain_text!r} is not canonical", f"{chain}")
    if chain.digest() != header.chain_digest:
        raise reject("FM306", "chain digest", f"it is not that of {chain}", "give the chain that wrote the payload")
    reason = chain.rejects(header.dtype, len(header.shape))
    if reason:
        raise reject("FM306", "chain", f"{chain} cannot have written {header.dtype.name}: {reason}")
    return chain


def check_plausible(header: Header, chain: Chain) -> blocks.Blocks:
    """How the payload's words are cut.

    Raises PayloadError unless side data, block count and length are possible for the words of the tensor. After it,
    memory for the tensor is justified by the payload's length and the densest code of the chain.
    """
    blocks.check_grid(header, chain)
    cut = blocks.Blocks(chain, header.dtype, header.shape, header.extents, header.block_words)
    side_nbytes = sum(chain.side_nbytes(header.dtype, header.shape))
    if header.side_nbytes < side_nbytes if cut.has_model else header.side_nbytes != side_nbytes:
        raise reject("FM304", "side bytes", f"{header.side_nbytes}, but the chain needs {side_nbytes}")
    if header.blocks != cut.number:
        extent = " × ".join(map(str, header.extents))
        raise reject("FM304", "blocks", f"{header.blocks} blocks of {extent} words for {cut.count} words")
    if header.nbytes - header.header_nbytes < blocks.densest(chain.coder, cut):
        raise reject("FM308", "blocks", f"they cannot hold {cut.count} words in so few bytes")
    return cut
