"""Which channels share a group: those that tell most of each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import windows
from fmpass.codecs.coders.crans.model import CHUNK
from fmpass.codecs.coders.crans.windows import Maps
from fmpass.dtypes import DType

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_PIXELS = 4096
_TEMPERATURES = (*np.geomspace(0.02, 0.001, 8).tolist(), 0.0, 0.0)


def order(maps: Maps, dtype: DType, size: int, rng: np.random.Generator) -> Ints | None:
    """(channels,) the channel at each place, for groups of `size` within chunks of 256; None where one holds all."""
    channels = maps[0].shape[1]
    if channels <= size:
        return None
    where = windows.places(maps, 1, _PIXELS, rng)
    found: list[Ints] = []
    for first in range(0, channels, CHUNK):
        inside = np.arange(first, min(first + CHUNK, channels))
        if inside.size > size:
            inside = inside[_arranged(_information(windows.cut(maps, where, inside, 1, dtype)), size, rng)]
        found.append(inside)
    return np.concatenate(found)


def _information(cut: windows.Cut) -> Floats:
    """(channels, channels) squares of the mutual information of what a plain gradient leaves, as if it were normal."""
    row, core, pitch = cut.plane(0, 0).values.astype(np.float32), cut.core, cut.pitch
    left = row[:, core] - 0.75 * (row[:, core - 1] + row[:, core - pitch]) + 0.5 * row[:, core - pitch - 1]
    left -= left.mean(axis=1, keepdims=True)
    left /= np.sqrt((left * left).mean(axis=1, keepdims=True)) + 1e-3
    square = np.minimum((left @ left.T / len(core)) ** 2, 0.99).astype(np.float64)
    found = (0.5 * np.log2(1 - square)) ** 2
    np.fill_diagonal(found, 0)
    return found


def _arranged(worth: Floats, size: int, rng: np.random.Generator) -> Ints:
    """An order in which neighbours share a group: swaps of two, annealed, that raise the sum of `worth` in groups."""
    count = len(worth)
    group = np.arange(count) // size
    inside = np.stack([worth[:, group == g].sum(axis=1) for g in range(group[-1] + 1)], axis=1)
    every = np.arange(count)
    for temperature in _TEMPERATURES:
        for a in rng.permutation(count).tolist():
            here = int(group[a])
            gain = inside[a, group] - inside[a, here] + inside[:, here] - inside[every, group] - 2 * worth[a]
            gain = np.where(group == here, 0, gain) + temperature * rng.gumbel(size=count)
            gain[a] = temperature * 5 if temperature else 0.0
            b = int(np.argmax(gain))
            there = int(group[b])
            if there == here:
                continue
            moved = worth[:, b] - worth[:, a]
            inside[:, here] += moved
            inside[:, there] -= moved
            group[a], group[b] = there, here
    return np.argsort(group, kind="stable")
