"""Reference of `ebpc`: the ZNZ stream, then the planes of the non-zero words."""

from __future__ import annotations

import numpy as np

from fmpass.codecs import bits
from fmpass.codecs.coders.bpc import planes
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.runs import place_in_run, run_end
from fmpass.codecs.stage import Words


def encode(words: Words, block: int, max_zero_run: int) -> bytes:
    """Both streams behind each other, each padded to a whole word."""
    word_bits = 8 * words.dtype.itemsize
    zero = words == 0
    return bits.pack(*_flags(zero, max_zero_run), word_bits=word_bits) + bits.pack(
        *planes.encode(words[~zero], block), word_bits=word_bits
    )


def decode(data: bytes, count: int, dtype: np.dtype[np.generic], block: int, max_zero_run: int) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 unless `data` is exactly their two streams."""
    word_bits = 8 * dtype.itemsize
    stream = bits.BitReader(data)
    present = _decode_flags(stream, data, count, max_zero_run)
    stream.align(word_bits)
    kept = int(np.count_nonzero(present))
    words = np.zeros(count, dtype)
    words[present] = planes.decode(stream, kept, dtype, block)
    stream.align(word_bits)
    stream.close()
    return words


def _flags(zero: np.ndarray, max_zero_run: int) -> tuple[np.ndarray, np.ndarray]:
    """Symbols of the ZNZ stream as (values, widths): `1` for a word, `0` and length − 1 for a run of zeros."""
    start = zero & (place_in_run(zero) % max_zero_run == 0)
    length = np.minimum(run_end(zero) - np.arange(zero.size), max_zero_run)
    values = np.where(zero, length - 1, 1).astype(np.uint64)
    widths = np.where(zero, np.where(start, max_zero_run.bit_length(), 0), 1)
    return values, widths.astype(np.int64)


def _decode_flags(stream: bits.BitReader, data: bytes, count: int, max_zero_run: int) -> np.ndarray:
    """For each of `count` words whether it is there; the stream is left behind the last symbol."""
    present = np.zeros(count, bool)
    flat = np.unpackbits(np.frombuffer(data, np.uint8)).tobytes()
    run_bits = max_zero_run.bit_length() - 1
    done = 0
    while done < count:
        at = stream.position
        end = flat.find(b"\0", at, at + count - done)
        ones = (end if end >= 0 else min(at + count - done, len(flat))) - at
        present[done : done + ones] = True
        done += ones
        stream.position += ones
        if done == count:
            break
        stream.position += 1
        run = stream.take(run_bits) + 1
        stream.require()
        if run > count - done:
            raise corrupt(f"a run of {run} zeros where {count - done} words are left")
        done += run
    return present
