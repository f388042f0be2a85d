"""Chains of stages, payloads, and the native library behind them.

`encode` and `decode` take the native library where it is built, else the numpy reference: the bytes are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fmpass.codecs.chain import Chain
    from fmpass.codecs.container import Expected
    from fmpass.codecs.header import Header

__all__ = ["decode", "encode", "peek"]


def encode(
    chain: Chain | str,
    array: NDArray[np.generic],
    block_words: int | None = None,
    self_contained: bool = False,
    resident: bytes | None = None,
) -> bytes:
    """The payload of `array`. `chain` is a Chain or its text.

    `block_words` None means the chain's default for the payload of an edge, and one block over the tensor (2^24 words
    at most) for a self-contained payload, which is what a `.fmc` file holds. `resident` is calibrated data of the
    coder: a self-contained payload carries it, another one refers to it.
    Raises UsageError FM001 … FM007.
    """
    from fmpass.codecs import chain as chains
    from fmpass.codecs import container, native
    from fmpass.codecs.header import MAX_BLOCK_WORDS

    parsed = chains.Chain.parse(chain) if isinstance(chain, str) else chain
    if block_words is None:
        block_words = min(max(array.size, 1), MAX_BLOCK_WORDS) if self_contained else None
    engine = native if native.available(parsed) else container
    return engine.encode(parsed, array, block_words, self_contained, resident)


def decode(
    data: bytes | bytearray | memoryview,
    chain: Chain | str | None = None,
    expect: Expected | None = None,
    resident: bytes | None = None,
) -> NDArray[np.generic]:
    """The tensor of a payload. `chain` may be None where the payload is self-contained.

    `expect` is (element type or None, shape or None), −1 for a dimension that may be anything. `resident` is what a
    payload refers to that was written with resident data.
    Raises PayloadError FM301 … FM309 naming the field or block.
    """
    from fmpass.codecs import chain as chains
    from fmpass.codecs import container, native

    parsed = chains.Chain.parse(chain) if isinstance(chain, str) else chain
    engine = native if native.available() else container
    return engine.decode(data, parsed, expect, resident)


def peek(data: bytes | bytearray | memoryview) -> Header:
    """The header of a payload. Raises PayloadError FM301 … FM307."""
    from fmpass.codecs import container

    return container.peek(data)
