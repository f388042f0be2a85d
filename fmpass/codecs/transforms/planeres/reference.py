"""Reference of `planeres`: which plane is taken off which, and back. FORMAT.md beside it is the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import grid
from fmpass.codecs.transforms.planeres.side import Layout
from fmpass.dtypes import DType, of_array

if TYPE_CHECKING:
    from fmpass.codecs.transforms.planeres import PlaneRes

Array = NDArray[np.generic]
Words = NDArray[Any]
"""Unsigned words, whose arithmetic is modulo their width."""
Integers = NDArray[np.int64]

EIGHTHS = 8
"""Lengths are in eighths of a bit."""
MOST_OF_A_CLASS = 15 * EIGHTHS
_POWERS = np.array([1 << i for i in range(64)], np.uint64)
_STEPS = (35734, 38968, 42495, 46341, 50535, 55109, 60097)  # round(2^(15 + i/8)), i = 1 … 7


def forward(planeres: PlaneRes, array: Array) -> tuple[Array, bytes]:
    """(differences as signed integers, references)."""
    dtype = of_array(array)
    words = np.ascontiguousarray(array).reshape(-1).view(f"u{dtype.bits // 8}")
    out = words.copy()
    layout = Layout.of(array.shape, planeres.axis, planeres.window)
    side = b""
    if layout.reach:
        maps, to = (_maps(some, array.shape, planeres.axis) for some in (words, out))
        references = np.stack([choose(one.reshape(layout.channels, -1), layout.reach, planeres.fits) for one in maps])
        side = layout.pack(references)
        for m, c in zip(*np.nonzero(references), strict=True):
            to[m, c] = maps[m, c] - maps[m, c - references[m, c]]
    return out.view(f"i{dtype.bits // 8}").reshape(array.shape), side


def inverse(planeres: PlaneRes, integers: Array, side: bytes, dtype: DType) -> Array:
    """The array of `dtype`. Raises PayloadError FM308 for references that cannot be."""
    out = np.ascontiguousarray(integers).reshape(-1).view(f"u{dtype.bits // 8}").copy()
    layout = Layout.of(integers.shape, planeres.axis, planeres.window)
    if layout.reach:
        references, maps = layout.unpack(side), _maps(out, integers.shape, planeres.axis)
        for m, c in zip(*np.nonzero(references), strict=True):  # in the order of channels: a reference is restored
            maps[m, c] += maps[m, c - references[m, c]]
    return out.view(dtype.numpy).reshape(integers.shape)


def _maps(words: Words, shape: tuple[int, ...], axis: int) -> Words:
    """Words as (maps, channels, rows, columns), without a copy."""
    return grid.view(words, shape, axis)


def choose(planes: Words, reach: int, fits: int) -> Integers:
    """How far back the reference of each of `planes` (channels, words) lies, 0 for none."""
    word_bits = 8 * planes.dtype.itemsize
    references = search(planes, fixed_lengths(word_bits), reach)
    for _ in range(fits):
        back = planes[np.arange(len(planes)) - references]
        rest = np.where(references[:, None] > 0, planes - back, planes)
        counts = np.bincount(classes(rest).reshape(-1), minlength=2 * word_bits)
        references = search(planes, fitted_lengths(counts), reach)
    return references


def search(planes: Words, lengths: Integers, reach: int) -> Integers:
    """The nearest reference with the shortest difference, for planes that are longer than it as they are."""
    least = lengths[classes(planes)].sum(axis=1)
    references = np.zeros(len(planes), np.int64)
    for k in range(1, reach + 1):
        length = lengths[classes(planes[k:] - planes[:-k])].sum(axis=1)
        shorter = length < least[k:]
        least[k:][shorter] = length[shorter]
        references[k:][shorter] = k
    return references


def classes(words: Words) -> Integers:
    """The class of each word of W bits: how many bits it has, for a negative one W and how many its complement has."""
    word_bits = 8 * words.dtype.itemsize
    signed = words.view(f"i{words.dtype.itemsize}")
    folded = (signed ^ (signed >> signed.dtype.type(word_bits - 1))).view(words.dtype)
    return np.searchsorted(_POWERS, folded, side="right") + np.where(signed < 0, word_bits, 0)


def fixed_lengths(word_bits: int) -> Integers:
    """Of the words of each class: a bit for 0, else four bits more than the word has."""
    bits = np.arange(2 * word_bits) % word_bits
    return EIGHTHS * np.where(np.arange(2 * word_bits) == 0, 1, bits + 4)


def fitted_lengths(counts: Integers) -> Integers:
    """Of the words of each class, from how many words of each there are: its share, and the bits below the first."""
    word_bits = len(counts) // 2
    whole = log2_eighths(int(counts.sum()) + 2 * word_bits)
    share = [min(whole - log2_eighths(int(n) + 1), MOST_OF_A_CLASS) for n in counts]
    return np.array(share) + EIGHTHS * np.maximum(np.arange(2 * word_bits) % word_bits - 1, 0)


def log2_eighths(n: int) -> int:
    """Eighths in the binary logarithm of n ≥ 1, rounded down, but for what 16 bits of n do not tell."""
    bits = n.bit_length()
    top = n >> (bits - 16) if bits > 16 else n << (16 - bits)
    return EIGHTHS * (bits - 1) + sum(top >= step for step in _STEPS)
