"""Prediction, energy and context of every byte of a plane, all of them at once. FORMAT.md has the formulas.

Lanes run side by side, each 2·level pixels behind the first; rows have one more column than the map, which is always
zero. So everything that a byte is told by lies at a fixed distance in *steps*, the same for all lanes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans.model import OWN_TAPS, TAPS_OF_REFERENCE, Plane

ENERGY_STEPS = (1, 2, 3, 4, 5, 7, 9, 12, 16, 22, 30, 40, 54, 72, 100)
FAR_STEPS = (2, 6, 11, 20, 36, 85, 200)
"""Distances of the prediction from zero where no neighbour is zero: rows 0 … 7 of contexts."""
MIXED_STEPS = (1, 3, 8, 24)
"""Where some are: rows 8 … 12."""
QUIET_STEPS = (1, 3)
"""Where all are: rows 13 … 15."""
MIXED_ROW, QUIET_ROW = 8, 13

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Lanes:
    """A group of at most 64 lanes of a plane, over the steps of a tile.

    `values` (steps, lanes), zero where a lane has no pixel; `active` (steps, lanes) says where it has one. `pitch`:
    steps from one row to the next. `back` (lanes, references): steps from a pixel to the same pixel of a reference.
    """

    values: Bytes
    active: NDArray[np.bool_]
    pitch: int
    references: NDArray[np.int64]
    back: NDArray[np.int64]


@dataclass(frozen=True)
class Told:
    """What is known before a byte: its prediction and context, both (steps, lanes)."""

    prediction: Bytes
    context: Bytes


def earlier(array: Bytes, steps: int, fill: int) -> Bytes:
    """`array` as it was `steps` steps before, `fill` before the first."""
    if steps >= len(array):
        return np.full_like(array, fill)
    return np.concatenate([np.full_like(array[:steps], fill), array[: len(array) - steps]])


def median(w: NDArray[np.int64], n: NDArray[np.int64], nw: NDArray[np.int64]) -> NDArray[np.int64]:
    """The median edge detector of LOCO-I: Weinberger, Seroussi, Sapiro, 2000."""
    low, high = np.minimum(w, n), np.maximum(w, n)
    return low + high - np.clip(nw, low, high)


def mean(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of two bytes, halves rounded up."""
    return (a + b + 1) >> 1


def told(lanes: Lanes, plane: Plane, index: NDArray[np.int64] | None) -> Told:
    """Prediction and context of every step. `index` (lanes,): the predictor of each lane; None in a plain model."""
    zero, pitch, values = plane.zero, lanes.pitch, lanes.values

    def of(array: Bytes, steps: int, fill: int) -> NDArray[np.int64]:
        return earlier(array, steps, fill).astype(np.int64)

    near = [of(values, steps, zero) for steps in (1, pitch, pitch + 1, pitch - 1)]
    w, n, nw, ne = near
    med = np.where(lanes.active, median(w, n, nw), zero)
    by_lane = None if index is None else _ByLane(lanes, plane, index, med.astype(np.uint8))
    if by_lane is None:
        average = mean(mean(w, n), mean(mean(w, n), mean(nw, ne)))
        prediction = (med, average, mean(med, average))[plane.predictor]
    else:
        prediction = by_lane.predict(near)
    error = np.where(lanes.active, np.abs(values.astype(np.int64) - prediction), 0).astype(np.uint8)
    beside = mean(of(error, 1, 0), of(error, pitch, 0))
    across = mean(of(error, pitch + 1, 0), of(error, pitch - 1, 0))
    slope = np.minimum(255, np.abs(n - nw) + np.abs(n - ne))
    slope = np.minimum(255, slope + np.abs(w - nw))
    if by_lane is None:
        energy = 2 * beside + across + (slope >> 2)
    else:
        energy = by_lane.weigh(mean(beside, mean(beside, across)), error, slope)
    distance = np.abs(prediction - zero)
    zeros = sum(((tap == zero).astype(np.int64) for tap in near), np.int64(0))
    row = np.searchsorted(FAR_STEPS, distance, side="right")
    row = np.where(zeros > 0, MIXED_ROW + np.searchsorted(MIXED_STEPS, distance, side="right"), row)
    row = np.where(zeros == 4, QUIET_ROW + np.searchsorted(QUIET_STEPS, distance, side="right"), row)
    context = 16 * row + np.searchsorted(ENERGY_STEPS, np.minimum(127, energy), side="right")
    return Told(prediction.astype(np.uint8), context.astype(np.uint8))


class _ByLane:
    """Predictors of a model that has one for each lane."""

    def __init__(self, lanes: Lanes, plane: Plane, index: NDArray[np.int64], med: Bytes) -> None:
        self.lanes, self.zero, self.med = lanes, plane.zero, med
        self.weights, self.bias, self.energy = (
            a[index].astype(np.int64) for a in (plane.weights, plane.bias, plane.energy)
        )

    def _of_reference(self, array: Bytes, k: int, steps: int, fill: int) -> NDArray[np.int64]:
        """`array` of reference `k` of each lane, `steps` steps before the pixel of the lane."""
        found = np.empty(array.shape, np.int64)
        for lane, (reference, back) in enumerate(
            zip(self.lanes.references[:, k].tolist(), self.lanes.back[:, k].tolist(), strict=True)
        ):
            found[:, lane] = earlier(array[:, reference], back + steps, fill)
        return found

    def predict(self, near: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        zero, references = self.zero, self.lanes.references.shape[1]
        taps = [*near, self.med.astype(np.int64)]
        taps += [self._of_reference(self.med, k, 0, zero) for k in range(min(references, 3))]
        taps += [np.zeros_like(near[0])] * (OWN_TAPS - len(taps))
        for k in range(references):
            taps += [self._of_reference(self.lanes.values, k, s, zero) for s in (0, 1, -1, self.lanes.pitch)]
        assert len(taps) == OWN_TAPS + TAPS_OF_REFERENCE * references
        total = self.bias + sum((self.weights[:, i] * tap for i, tap in enumerate(taps)), np.int64(0))
        return np.clip((total + 2048) >> 12, 0, 255)

    def weigh(self, own: NDArray[np.int64], error: Bytes, slope: NDArray[np.int64]) -> NDArray[np.int64]:
        total = self.energy[:, 0] * own + self.energy[:, 3] * slope
        for k in range(min(self.lanes.references.shape[1], 2)):
            total += self.energy[:, 1 + k] * self._of_reference(error, k, 0, 0)
        return total >> 5
