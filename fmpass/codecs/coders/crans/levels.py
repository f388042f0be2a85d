"""Which lanes of a group may look at which: levels by heat-bath annealing, then references one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import gram
from fmpass.codecs.coders.crans.gram import FEATURES, OF_REFERENCE, Fits
from fmpass.codecs.coders.crans.model import MOST_LEVEL, MOST_REFERENCES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OFFERS = 16
"""Of so many best references of a lane the levels are chosen."""
_WORTH = np.array([0, 1, 0.35, 0.12, *[0] * _OFFERS])
"""What the best allowed reference is worth, and the next ones."""
_TEMPERATURES = (*np.geomspace(0.3, 0.002, 24).tolist(), 0.0, 0.0)
_LEAST_GAIN = 0.002


def levels(gains: Floats, rng: np.random.Generator) -> Ints:
    """(lanes,) levels that let every lane see its best references, which save `gains` (lanes, lanes) bits."""
    count = len(gains)
    if count < 2:
        return np.zeros(count, np.int64)
    outside = gains - 2 * np.eye(count) * np.abs(gains).max()
    offers = np.argsort(-outside, axis=1, kind="stable")[:, : min(_OFFERS, count - 1)]
    worth = np.take_along_axis(gains, offers, axis=1)
    concerned = [np.flatnonzero((offers == lane).any(axis=1) | (np.arange(count) == lane)) for lane in range(count)]
    every = np.arange(MOST_LEVEL + 1)
    trial = np.tile(rng.permutation(np.arange(count) * (MOST_LEVEL + 1) // count), (MOST_LEVEL + 1, 1))
    for temperature in _TEMPERATURES:
        for lane in rng.permutation(count).tolist():
            rows = concerned[lane]
            trial[:, lane] = every
            score = _score(trial[:, rows], trial[:, offers[rows]], worth[rows])
            trial[:, lane] = np.argmax(score + temperature * rng.gumbel(size=score.size))
    return trial[0]


def _score(level: Ints, others: Ints, worth: Floats) -> Floats:
    """(trials,) what (trials, lanes) levels are worth whose offers have levels (trials, lanes, offers)."""
    behind = level[:, :, None] - others
    allowed = (behind == 1) | (behind == 2)
    return (_WORTH[np.cumsum(allowed, axis=2) * allowed] * worth).sum(axis=(1, 2))


def references(fits: Fits, level: Ints, most: int, first_gains: Floats) -> tuple[Ints, Ints]:
    """(lanes, 4) references and (lanes,) how many of them count; `fits` gets their features as taps."""
    count = len(level)
    behind = level[:, None] - level
    allowed = (behind == 1) | (behind == 2)
    found, used = np.zeros((count, MOST_REFERENCES), np.int64), np.zeros(count, np.int64)
    taps: list[Ints] = list(fits.taps)
    open_, gains = np.arange(count), first_gains
    for k in range(most):
        gains = np.where(allowed[open_], gains, -1)
        best = np.argmax(gains, axis=1)
        keep = gains[np.arange(len(open_)), best] >= _LEAST_GAIN
        open_, best = open_[keep], best[keep]
        if not open_.size:
            break
        for lane, reference in zip(open_.tolist(), best.tolist(), strict=True):
            found[lane, k] = reference
            used[lane] = k + 1
            allowed[lane, reference] = False
            offered = OF_REFERENCE if k < 3 else OF_REFERENCE - 1
            taps[lane] = np.concatenate([taps[lane], FEATURES * reference + np.arange(offered)])
        if k + 1 < most:
            gains = gram.gains(fits, np.stack([taps[lane] for lane in open_]), open_)
    fits.taps = taps
    return found, used
