"""Drawn models of crans with predictors by lane, and maps that they code rather than leave raw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import tables
from fmpass.codecs.coders.crans.model import (
    CHUNK,
    CONTEXTS,
    GROUP,
    MEDIAN,
    MOST_LEVEL,
    OWN_TAPS,
    SUBTRACT,
    TAPS_OF_REFERENCE,
    Model,
    Plane,
)


def drawn_model(seed: int, channels: int, planes: int) -> Model:
    """Near the median everywhere, with small weights on everything else that a lane can look at."""
    rng = np.random.default_rng(seed)
    phases, references = int(rng.integers(1, 3)), int(rng.integers(0, 5))
    lanes = channels * phases**2
    group = np.minimum(GROUP, lanes - np.arange(lanes) // GROUP * GROUP)[:, None]
    drawn = rng.integers(0, 1 << 30, (lanes, references)) % group | rng.integers(0, 2, (lanes, references)) << 6
    chunks = [first + rng.permutation(min(CHUNK, channels - first)) for first in range(0, channels, CHUNK)]
    return Model(
        channels,
        phases,
        tuple(_drawn_plane(rng, lanes, references, CONTEXTS * (2 if i else 1)) for i in range(planes)),
        rng.integers(0, MOST_LEVEL + 1, lanes).astype(np.uint8),
        drawn.astype(np.uint8),
        np.concatenate(chunks) if rng.integers(0, 2) else None,
    )


def _drawn_plane(rng: np.random.Generator, lanes: int, references: int, contexts: int) -> Plane:
    weights = rng.integers(-60, 60, (lanes, OWN_TAPS + TAPS_OF_REFERENCE * references))
    weights[:, 4] += 4096
    weights[:, 5 + min(references, 3) : OWN_TAPS] = 0
    count = int(rng.integers(1, 9))
    use = np.concatenate([np.arange(count), rng.integers(0, count, contexts - count)])
    distance = np.minimum(np.arange(256), 256 - np.arange(256))
    grades: list[NDArray[np.int64]] = []
    for _ in range(count):
        counts = (4000 * np.exp(-distance / rng.uniform(2, 12))).astype(np.int64) * (rng.random(256) < 0.9)
        counts[0] += 1
        grades.append(tables.grades_of(np.append(counts, 3)))
    return Plane(
        int(rng.integers(0, 256)),
        (use | SUBTRACT).astype(np.uint8),
        np.stack(grades).astype(np.uint8),
        MEDIAN,
        weights.astype(np.int16),
        rng.integers(-4000, 4000, lanes).astype(np.int32),
        rng.integers(0, 128, (lanes, 4)).astype(np.uint8),
    )


def drawn_shape(seed: int, channels: int) -> tuple[int, int, int, int]:
    """One or two small maps."""
    rng = np.random.default_rng(seed)
    return int(rng.integers(1, 3)), channels, int(rng.integers(5, 15)), int(rng.integers(6, 21))


def drawn_maps(seed: int, shape: tuple[int, int, int, int], dtype: str) -> NDArray[np.generic]:
    """Random walks along rows of (maps, channels, rows, columns)."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.integers(-1, 2, shape), axis=-1).astype(dtype)
