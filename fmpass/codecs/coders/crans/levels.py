"""Which lanes of a group may look at which: levels by heat-bath annealing, then references one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import gram
from fmpass.codecs.coders.crans.gram import FEATURES, OF_REFERENCE, Fits
from fmpass.codecs.coders.crans.model import MOST_LEVEL, MOST_REFERENCES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OFFERS = 12
"""Of so many best references of a lane the levels are chosen."""
_WORTH = np.array([0, 1, 0.35, 0.12, *[0] * _OFFERS])
"""What the best allowed reference is worth, and the next ones."""
_TEMPERATURES = (*np.geomspace(0.3, 0.002, 24).tolist(), 0.0, 0.0)
_LEAST_GAIN = 0.002
_CHAINS, _KEPT = 8, 4
"""Times that levels are annealed, and how many of the best results are tried."""


def levels(gains: Floats, rng: np.random.Generator) -> Ints:
    """(kept, lanes) levels that let lanes see their best references, which save `gains` (lanes, lanes) bits."""
    count = len(gains)
    if count < 2:
        return np.zeros((1, count), np.int64)
    outside = gains - 2 * np.eye(count) * np.abs(gains).max()
    offers = np.argsort(-outside, axis=1, kind="stable")[:, : min(_OFFERS, count - 1)]
    worth = np.take_along_axis(gains, offers, axis=1)
    concerned = [np.flatnonzero((offers == lane).any(axis=1) | (np.arange(count) == lane)) for lane in range(count)]
    every = np.arange(MOST_LEVEL + 1)
    spread = np.arange(count) * every.size // count
    start = np.stack([rng.permutation(spread) for _ in range(_CHAINS)])
    trial = np.repeat(start[:, None], every.size, axis=1)
    for temperature in _TEMPERATURES:
        for lane in rng.permutation(count).tolist():
            rows = concerned[lane]
            trial[:, :, lane] = every
            score = _score(trial[:, :, rows], trial[:, :, offers[rows]], worth[rows])
            trial[:, :, lane] = np.argmax(score + temperature * rng.gumbel(size=score.shape), axis=1)[:, None]
    found = trial[:, 0]
    score = _score(found, found[:, offers], worth)
    return found[np.argsort(-score, kind="stable")[:_KEPT]]


def _score(level: Ints, others: Ints, worth: Floats) -> Floats:
    """(…,) what (…, lanes) levels are worth whose offers have levels (…, lanes, offers)."""
    behind = level[..., None] - others
    allowed = (behind == 1) | (behind == 2)
    return (_WORTH[np.cumsum(allowed, axis=-1, dtype=np.int8) * allowed] * worth).sum(axis=(-2, -1))


@dataclass(frozen=True)
class Chosen:
    """`levels` (lanes,) and `references` (lanes, 4), of which `used` (lanes,) count.

    `taps`: the features of each lane's taps; `saved`: bits that a pixel of all lanes together saves by references.
    """

    levels: Ints
    references: Ints
    used: Ints
    taps: list[Ints]
    saved: float


def choose(fits: Fits, most: int, rng: np.random.Generator) -> Chosen:
    """Levels and at most `most` references of every lane: the best of some tries."""
    count = fits.gram.lanes
    gains = gram.gains(fits, np.stack(fits.taps), np.arange(count))
    tries = [references(fits, level, most, gains) for level in levels(gains, rng)]
    return max(tries, key=lambda chosen: chosen.saved)


def references(fits: Fits, level: Ints, most: int, gains: Floats) -> Chosen:
    """References that levels allow, each the best beside those before; `gains` are those of the first."""
    count = len(level)
    behind = level[:, None] - level
    allowed = (behind == 1) | (behind == 2)
    found, used = np.zeros((count, MOST_REFERENCES), np.int64), np.zeros(count, np.int64)
    taps, saved = list(fits.taps), 0.0
    lanes = np.arange(count)
    for k in range(most):
        gains = np.where(allowed[lanes], gains, -1)
        best = np.argmax(gains, axis=1)
        gain = gains[np.arange(len(lanes)), best]
        keep = gain >= _LEAST_GAIN
        lanes, best = lanes[keep], best[keep]
        if not lanes.size:
            break
        saved += float(gain[keep].sum())
        found[lanes, k], used[lanes], allowed[lanes, best] = best, k + 1, False
        offered = np.arange(OF_REFERENCE if k < 3 else OF_REFERENCE - 1)
        for lane, reference in zip(lanes.tolist(), best.tolist(), strict=True):
            taps[lane] = np.concatenate([taps[lane], FEATURES * reference + offered])
        if k + 1 < most:
            gains = gram.gains(fits, np.stack([taps[lane] for lane in lanes]), lanes)
    return Chosen(level - level.min() if used.any() else 0 * level, found, used, taps, saved)
