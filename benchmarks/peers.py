"""General compressors beside which coders are measured: bytes in, bytes out, one thread, by their Python packages."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One compressor at one setting. `word_nbytes` tells it how wide the elements are, where it wants to know."""

    name: str
    encode: Callable[[bytes, int], bytes]
    decode: Callable[[bytes], bytes]
    slow: bool = False
    """So slow that nobody would put it on an edge: measured for its size only."""


def _zlib() -> list[Peer]:
    return [Peer("zlib-9", lambda data, _: zlib.compress(data, 9), zlib.decompress)]


def _zstd() -> list[Peer]:
    import zstandard

    decoder = zstandard.ZstdDecompressor()

    def at(level: int) -> Peer:
        encoder = zstandard.ZstdCompressor(level=level)
        return Peer(f"zstd-{level}", lambda data, _: encoder.compress(data), decoder.decompress, slow=level > 9)

    return [at(1), at(19)]


def _lz4() -> list[Peer]:
    from lz4 import block

    return [Peer("lz4", lambda data, _: block.compress(data), block.decompress)]


def _blosc2() -> list[Peer]:
    """Bits of equal weight are brought together before LZ4 sees them."""
    import blosc2

    def encode(data: bytes, word_nbytes: int) -> bytes:
        return blosc2.compress2(
            data,
            typesize=word_nbytes,
            clevel=5,
            codec=blosc2.Codec.LZ4,
            filters=[blosc2.Filter.BITSHUFFLE],
            nthreads=1,
        )

    return [Peer("blosc2", encode, lambda data: blosc2.decompress2(data, nthreads=1))]


_FAMILIES = {"zlib": _zlib, "zstandard": _zstd, "lz4": _lz4, "blosc2": _blosc2}
"""By the package that it needs."""


def peers() -> tuple[list[Peer], list[str]]:
    """(those whose package is installed, the packages that are not)."""
    found: list[Peer] = []
    missing: list[str] = []
    for package, make in _FAMILIES.items():
        try:
            found += make()
        except ImportError:
            missing.append(package)
    return found, missing
