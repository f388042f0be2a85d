"""Reference of `width`: mode, headers, masks, words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.width.low_bits import gather, section, spread
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.stage import Words

_U64 = np.uint64
Values = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Forms:
    """What the header of each group says."""

    masked: Flags
    less_one: Flags
    width: Numbers


def headers_nbytes(groups: int, word_bits: int) -> int:
    """Bytes of the headers of `groups` groups."""
    return -(-groups * word_bits.bit_length() // 8)


def encode(words: Words, group: int) -> bytes:
    """The code of a block, in whichever of the two modes takes fewer bits; as they are where both take the same."""
    if not words.size:
        return b""
    word_bits = 8 * words.dtype.itemsize
    pattern = words.view(f"u{words.dtype.itemsize}")
    signed = words.view(f"i{words.dtype.itemsize}")
    zigzag = ((signed << 1) ^ (signed >> (word_bits - 1))).view(pattern.dtype)
    plans = [_choose(w.astype(_U64), group, word_bits) for w in (pattern, zigzag)]
    mode = int(plans[1][1] < plans[0][1])
    values, headers = (pattern, zigzag)[mode].astype(_U64), plans[mode][0]
    return bytes([mode]) + _write(values, headers, group, word_bits)


def decode(data: bytes, count: int, dtype: np.dtype[np.generic], group: int) -> Words:
    """`count` words of `dtype`. Raises PayloadError FM308 unless `data` is exactly their code."""
    if not count:
        if data:
            raise corrupt("bytes are left over")
        return np.zeros(0, dtype)
    word_bits, sizes = 8 * dtype.itemsize, _sizes(count, group)
    end = 1 + headers_nbytes(sizes.size, word_bits)
    if len(data) < end:
        raise corrupt("the code is cut short in its headers")
    if data[0] > 1:
        raise corrupt(f"there is no mode {data[0]}")
    headers = gather(section(data[1:end]), np.full(sizes.size, word_bits.bit_length()), "headers")
    forms = _forms(headers.astype(np.int64), word_bits)
    kept, words_start = _read_masks(data, end, forms, sizes)
    widths = np.repeat(forms.width, sizes)[kept]
    values = np.zeros(count, _U64)
    values[kept] = gather(section(data[words_start:]), widths, "words") + np.repeat(forms.less_one, sizes)[kept]
    found = values.astype(f"<u{dtype.itemsize}")
    if data[0]:
        one = found.dtype.type(1)
        found = (found >> one) ^ (~(found & one) + one)
    return found.view(dtype)


def _choose(values: Values, group: int, word_bits: int) -> tuple[Numbers, int]:
    """(header of each group, bits of all masks and words)."""
    sizes = _sizes(values.size, group)
    padded = np.zeros(sizes.size * group, _U64)
    padded[: values.size] = values
    groups = padded.reshape(-1, group)
    highest, there = groups.max(axis=1), np.count_nonzero(groups, axis=1)
    plain = _bit_length(highest)
    masked = np.maximum(_bit_length(highest - (highest > 0)), 1)
    masked[masked >= word_bits - 1] = word_bits
    plain_bits, masked_bits = sizes * plain, -(-sizes // 8) * 8 + there * masked
    headers = np.where(masked == word_bits, 2 * word_bits - 1, word_bits + masked)
    return np.where(plain_bits <= masked_bits, plain, headers), int(np.minimum(plain_bits, masked_bits).sum())


def _forms(headers: Numbers, word_bits: int) -> _Forms:
    masked, whole = headers > word_bits, headers == 2 * word_bits - 1
    width = np.where(whole, word_bits, np.where(masked, headers - word_bits, headers))
    return _Forms(masked, masked & ~whole, width)


def _write(values: Values, headers: Numbers, group: int, word_bits: int) -> bytes:
    sizes, forms = _sizes(values.size, group), _forms(headers, word_bits)
    masked = np.repeat(forms.masked, sizes)
    there = values != 0
    padded = np.zeros((sizes.size, group), bool)
    padded.reshape(-1)[: values.size] = there
    masks = np.packbits(padded, axis=1, bitorder="little")
    held = forms.masked[:, None] & (8 * np.arange(group // 8) < sizes[:, None])  # the last group has fewer bytes
    kept = there | ~masked
    widths = np.where(kept, np.repeat(forms.width, sizes), 0)
    stored = values - (np.repeat(forms.less_one, sizes) & kept)
    fields = np.full(headers.size, word_bits.bit_length())
    return spread(headers.astype(_U64), fields) + masks[held].tobytes() + spread(stored, widths)


def _read_masks(data: bytes, start: int, forms: _Forms, sizes: Numbers) -> tuple[Flags, int]:
    """(for every word whether it is stored, end of the masks)."""
    nbytes = np.where(forms.masked, -(-sizes // 8), 0)
    end = start + int(nbytes.sum())
    if len(data) < end:
        raise corrupt("the code is cut short in its masks")
    bits = section(data[start:end]).astype(bool)
    named = np.repeat(forms.masked, sizes)
    used = np.arange(bits.size) < int(sizes[forms.masked].sum())  # only the last group can leave bits unused
    if bits[~used].any():
        raise corrupt("unused bits of a mask are set")
    kept = np.repeat(forms.width > 0, sizes)
    kept[named] = bits[used]
    return kept, end


def _sizes(count: int, group: int) -> Numbers:
    """Words in each group: only the last one may have fewer."""
    return np.minimum(group, count - np.arange(0, count, group)).astype(np.int64)


def _bit_length(values: Values) -> Numbers:
    high, low = values >> _U64(32), values & _U64(0xFFFFFFFF)
    exponent = [np.frexp(half.astype(np.float64))[1].astype(np.int64) for half in (high, low)]  # exact below 2^53
    return np.where(high > 0, exponent[0] + 32, exponent[1])
