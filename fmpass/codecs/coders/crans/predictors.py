"""Predictors of a group of lanes: least squares, reweighted ones or the median, whichever is best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import gram, levels
from fmpass.codecs.coders.crans.gram import FEATURES, Fits
from fmpass.codecs.coders.crans.known import Known, Predictors
from fmpass.codecs.coders.crans.model import CONTEXTS, MOST_REFERENCES, OWN_TAPS, TAPS_OF_REFERENCE
from fmpass.codecs.coders.crans.windows import Windows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIT_PIXELS = 16384
"""Pixels of each lane in a Gram matrix."""
_PIXELS_OF_REFERENCE = 64
"""A lane gets one reference for so many pixels."""
_ROUNDS = (1, 2, 3)
"""Powers of the mean error around a pixel that its square is divided by, one round after the other."""
_MOST_WEIGHT = 16383
_MOST_BIAS = 1 << 29


@dataclass(frozen=True)
class Group:
    """Lanes of a group with all that a model says of their first plane but contexts and tables."""

    by: Predictors
    energy: NDArray[np.uint8]
    levels: Ints


@dataclass(frozen=True)
class Told:
    """What predictors tell of the core of windows: (lanes, pixels) contexts, predictions and the bytes themselves."""

    by: Predictors
    context: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    value: NDArray[np.uint8]


def group(windows: Windows, rng: np.random.Generator) -> Group:
    """The lanes of `windows`, at most 64."""
    core = windows.core
    if len(core) > FIT_PIXELS:
        core = core[np.sort(rng.choice(len(core), FIT_PIXELS, replace=False))]
    found = gram.features(windows, core)
    means = gram.center(found).astype(np.float64)
    fits = Fits(gram.gram(found))
    most = min(MOST_REFERENCES, len(core) // _PIXELS_OF_REFERENCE)
    chosen = levels.choose(fits, most, rng)
    fits.taps, references, used = chosen.taps, chosen.references, chosen.used

    def by(weights: list[Floats]) -> Predictors:
        found = [_model_weights(w, fits.taps[i], int(used[i]), means, i) for i, w in enumerate(weights)]
        return Predictors(np.stack([w for w, _ in found]), np.array([b for _, b in found]), references, used)

    def tell(known: Known) -> Told:
        return Told(known.by_lane, known.contexts(known.energy()), known.predicted(), known.coded())

    known = Known(windows, by([fits.solve(lane) for lane in range(windows.lanes)]))
    tries = [tell(known)]
    places = np.searchsorted(windows.core, core)
    for power in _ROUNDS:
        weights = [_reweighted(fits, found, lane, known.local(lane)[places], power) for lane in range(windows.lanes)]
        known = Known(windows, by(weights))
        tries.append(tell(known))
    medians = Predictors(np.zeros_like(known.by_lane.weights), np.zeros_like(known.by_lane.bias), references, used)
    medians.weights[:, 4] = 4096
    tries.append(tell(Known(windows, medians)))
    best = Known(windows, _best(tries))
    return Group(best.by_lane, best.energy(), chosen.levels)


def _reweighted(fits: Fits, found: NDArray[np.float32], lane: int, error: NDArray[np.float32], power: int) -> Floats:
    """Weights of a lane's taps where pixels count the less, the larger the `error` around them."""
    taps = found[fits.taps[lane]]
    pixel = ((error + 1) ** -power).astype(np.float32)
    weighted = taps * pixel
    target = found[FEATURES * lane] - fits.shared.astype(np.float32) @ taps[: len(fits.shared)]
    total = float(pixel.sum())
    block = gram.ridged(gram.products(weighted, taps), total, total**2 / float((pixel * pixel).sum()))
    weights = np.linalg.solve(block, (weighted @ target).astype(np.float64))
    weights[: len(fits.shared)] += fits.shared
    return weights


def _model_weights(weights: Floats, taps: Ints, used: int, means: Floats, lane: int) -> tuple[Ints, int]:
    """Weights of taps, the fifth of them one, in the model's order and units, and the bias."""
    places = [0, 1, 2, 3, 4]
    for k in range(used):
        places += [OWN_TAPS + TAPS_OF_REFERENCE * k + i for i in range(4)] + ([OWN_TAPS - 3 + k] if k < 3 else [])
    of_taps = np.delete(weights, 5)
    rounded = np.clip(np.rint(of_taps * 4096), -_MOST_WEIGHT, _MOST_WEIGHT).astype(np.int64)
    found = np.zeros(OWN_TAPS + TAPS_OF_REFERENCE * MOST_REFERENCES, np.int64)
    found[places] = rounded
    bias = 4096 * (means[lane] + weights[5]) - rounded @ means[np.delete(taps, 5) // FEATURES]
    return found, int(np.clip(np.rint(bias), -_MOST_BIAS, _MOST_BIAS))


def _best(tries: list[Told]) -> Predictors:
    """For each lane the predictor under which its bytes take least, by tables that all lanes and predictors share."""
    counts = np.zeros((2, CONTEXTS * 256), np.int64)
    for told in tries:
        at = told.context.astype(np.int64) << 8
        counts[0] += np.bincount((at + told.value).reshape(-1), minlength=counts.shape[1])
        counts[1] += np.bincount((at + (told.value - told.prediction)).reshape(-1), minlength=counts.shape[1])
    both = counts.reshape(2, CONTEXTS, 256) + 0.02
    bits = np.log2(both.sum(axis=2, keepdims=True)) - np.log2(both)
    cheaper = ((both - 0.02) * bits).sum(axis=2).argmin(axis=0).astype(np.uint8)
    lengths = bits[cheaper, np.arange(CONTEXTS)].astype(np.float32).reshape(-1)
    costs: list[Floats] = []
    for told in tries:
        symbol = told.value - told.prediction * cheaper[told.context]
        costs.append(lengths[(told.context.astype(np.int32) << 8) + symbol].sum(axis=1, dtype=np.float64))
    pick = np.argmin(np.stack(costs), axis=0)
    lanes = np.arange(len(pick))
    first = tries[0].by
    weights, bias = np.stack([t.by.weights for t in tries]), np.stack([t.by.bias for t in tries])
    return Predictors(weights[pick, lanes], bias[pick, lanes], first.references, first.used)
