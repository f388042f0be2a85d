"""Reference of `huffman`: byte planes, each raw, constant or coded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import bits
from fmpass.codecs.coders.huffman import lengths as tables
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.stage import Words

FEW_WORDS = 1024
"""From so many words on a plane has four streams instead of one."""

_RAW, _CONSTANT, _CODED = range(3)
_FILLER_WORDS = 1024
_SIZE_NBYTES = 3

Bytes = NDArray[np.uint8]


def constant_nbytes(count: int) -> int:
    """Bytes of a plane of one byte `count` times: in proportion, so that a few cannot ask for much memory."""
    return 2 + -(-count // _FILLER_WORDS)


def encode(words: Words) -> bytes:
    """The planes of the words, the least significant byte first."""
    little = words.astype(words.dtype.newbyteorder("<"), copy=False)
    planes = np.frombuffer(little.tobytes(), np.uint8).reshape(words.size, words.dtype.itemsize)
    return b"".join(_encode_plane(planes[:, i]) for i in range(words.dtype.itemsize)) if words.size else b""


def decode(data: bytes, count: int, dtype: np.dtype[np.generic]) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 unless `data` is exactly their planes."""
    planes, at = np.zeros((count, dtype.itemsize), np.uint8), 0
    for i in range(dtype.itemsize if count else 0):
        at = _decode_plane(data, at, planes[:, i])
    if at != len(data):
        raise corrupt(f"{len(data) - at} bytes are left over")
    return planes.reshape(-1).view(dtype.newbyteorder("<"))


def _quarters(count: int) -> list[slice]:
    if count < FEW_WORDS:
        return [slice(0, count)]
    step = -(-count // 4)
    return [slice(i * step, min((i + 1) * step, count)) for i in range(4)]


def _encode_plane(plane: Bytes) -> bytes:
    counts = np.bincount(plane, minlength=256)
    if int(np.count_nonzero(counts)) == 1:
        code = bytes([_CONSTANT, plane[0]]).ljust(constant_nbytes(plane.size), b"\0")
    else:
        lengths = tables.choose(counts)
        values = tables.codes(lengths)
        streams = [bits.pack(values[part], lengths[part], 8) for part in (plane[q] for q in _quarters(plane.size))]
        sizes = b"".join(len(stream).to_bytes(_SIZE_NBYTES, "little") for stream in streams)
        code = bytes([_CODED]) + tables.write(lengths) + sizes + b"".join(streams)
    return code if len(code) <= plane.size else bytes([_RAW]) + plane.tobytes()


def _decode_plane(data: bytes, at: int, plane: Bytes) -> int:
    """Fill `plane` from byte `at` on; the end of its code."""
    if at >= len(data):
        raise corrupt("a plane is missing")
    kind, count = data[at], plane.size
    if kind == _CODED:
        return _decode_streams(data, at + 1, plane)
    if kind > _CODED:
        raise corrupt(f"there is no kind {kind} of planes")
    end = at + (1 + count if kind == _RAW else constant_nbytes(count))
    if len(data) < end:
        raise corrupt("a plane is cut short")
    if kind == _RAW:
        plane[:] = np.frombuffer(data[at + 1 : end], np.uint8)
        return end
    if any(data[at + 2 : end]):
        raise corrupt("the padding of a constant plane is not zero")
    plane[:] = data[at + 1]
    return end


def _decode_streams(data: bytes, at: int, plane: Bytes) -> int:
    lengths, at = tables.read(data, at)
    quarters = _quarters(plane.size)
    start = at + _SIZE_NBYTES * len(quarters)
    if len(data) < start:
        raise corrupt("the code is cut short in the sizes of streams")
    symbols, widths = _lookup(lengths)
    for i, quarter in enumerate(quarters):
        first = at + _SIZE_NBYTES * i
        end = start + int.from_bytes(data[first : first + _SIZE_NBYTES], "little")
        if len(data) < end:
            raise corrupt("a stream is cut short")
        plane[quarter] = _decode_stream(data[start:end], quarter.stop - quarter.start, symbols, widths)
        start = end
    return start


def _lookup(lengths: NDArray[np.int64]) -> tuple[Bytes, Bytes]:
    """(byte, length of its code) for every 12 bits that can come next."""
    order = np.lexsort((np.arange(256), lengths))
    order = order[lengths[order] > 0]
    repeats = 1 << (tables.LONGEST - lengths[order])
    return np.repeat(order, repeats).astype(np.uint8), np.repeat(lengths[order], repeats).astype(np.uint8)


def _decode_stream(stream: bytes, count: int, symbols: Bytes, widths: Bytes) -> Bytes:
    """`count` bytes: what each bit position would begin is looked up at once, then the codes are followed."""
    flat = np.unpackbits(np.frombuffer(stream, np.uint8))
    padded = np.concatenate([flat, np.zeros(2 * tables.LONGEST, np.uint8)]).astype(np.int64)
    windows = np.zeros(flat.size + tables.LONGEST, np.int64)
    for i in range(tables.LONGEST):
        windows = windows << 1 | padded[i : i + windows.size]
    steps, at = widths[windows].tolist(), 0
    positions = np.zeros(count, np.int64)
    for i in range(count):
        if at > flat.size:
            raise corrupt("a stream ends early")
        positions[i] = at
        at += steps[at]
    if -(-at // 8) * 8 != flat.size:
        raise corrupt("a stream is not as long as its codes")
    if flat[at:].any():
        raise corrupt("the padding of a stream is not zero")
    return symbols[windows[positions]]
