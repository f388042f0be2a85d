"""The arithmetic of `contexts.told` over windows, lane by lane: fast enough to try predictors on many bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import contexts as c
from fmpass.codecs.coders.crans.model import OWN_TAPS
from fmpass.codecs.coders.crans.windows import Windows

Ints = NDArray[np.int32]

OWN_ENERGY, OWN_BESIDE_REFERENCES = 96, 64
REFERENCE_ENERGY = 32
GRADIENT_ENERGY = 32
MOST_ENERGY = 127


def _rows() -> NDArray[np.uint8]:
    """(zero neighbours 0 … 4, distance) → 16 · row of contexts."""
    distance = np.arange(256)
    far = np.searchsorted(c.FAR_STEPS, distance, side="right")
    mixed = c.MIXED_ROW + np.searchsorted(c.MIXED_STEPS, distance, side="right")
    quiet = c.QUIET_ROW + np.searchsorted(c.QUIET_STEPS, distance, side="right")
    return (16 * np.stack([far, mixed, mixed, mixed, quiet])).astype(np.uint8)


_ROW_OF = _rows().reshape(-1)
_BIN_OF = np.searchsorted(c.ENERGY_STEPS, np.arange(128), side="right").astype(np.uint8)


@dataclass(frozen=True)
class Predictors:
    """Of the lanes of a group, as in the model: `weights` (lanes, 8 + 4 k), `bias`, `references` (lanes, k) lanes of
    the group, `used` (lanes,) how many of them count."""

    weights: NDArray[np.int64]
    bias: NDArray[np.int64]
    references: NDArray[np.int64]
    used: NDArray[np.int64]


def _mean(a: Ints, b: Ints) -> Ints:
    return (a + b + 1) >> 1


class Known:
    """Predictions and errors of windows by predictors of each lane, or by that of a plain model."""

    def __init__(self, windows: Windows, by: Predictors | int) -> None:
        self.windows, self.by = windows, by
        self.margin = margin = windows.pitch + 1
        self.end = windows.values.shape[1] - 1
        values = windows.values.astype(np.int32)
        self.values = values
        lanes, length = windows.lanes, self.end - margin
        med = np.empty((lanes, length), np.int32)
        for lane in range(lanes):
            w, n, nw, _ = self.around(lane)
            low, high = np.minimum(w, n), np.maximum(w, n)
            med[lane] = low + high - np.clip(nw, low, high)
        np.copyto(med, windows.zero, where=~windows.inside[:, margin : self.end])
        self.prediction = np.empty((lanes, length), np.int32)
        self.error = np.empty((lanes, length), np.int32)
        scratch = np.empty(length, np.int32)
        for lane in range(lanes):
            if isinstance(by, int):
                w, n, nw, ne = self.around(lane)
                average = _mean(_mean(w, n), _mean(_mean(w, n), _mean(nw, ne)))
                self.prediction[lane] = (med[lane], average, _mean(med[lane], average))[by]
                np.abs(values[lane, margin : self.end] - self.prediction[lane], out=self.error[lane])
                continue
            weights = by.weights[lane].astype(np.int32)
            taps = [*self.around(lane), med[lane]]
            at = list(range(5))
            for k in range(int(by.used[lane])):
                reference = int(by.references[lane, k])
                if k < 3:
                    taps.append(med[reference])
                    at.append(5 + k)
                row = values[reference]
                taps += [row[margin - s : self.end - s] for s in (0, 1, -1, windows.pitch)]
                at += [OWN_TAPS + 4 * k + i for i in range(4)]
            total = np.full(length, int(by.bias[lane]) + 2048, np.int32)
            for weight, tap in zip(weights[at], taps, strict=True):
                if weight:
                    np.multiply(tap, weight, out=scratch)
                    total += scratch
            total >>= 12
            np.clip(total, 0, 255, out=self.prediction[lane])
            np.subtract(values[lane, margin : self.end], self.prediction[lane], out=scratch)
            np.abs(scratch, out=self.error[lane])
        self.error *= windows.inside[:, margin : self.end]

    @property
    def by_lane(self) -> Predictors:
        """The predictors, where each lane has its own."""
        assert not isinstance(self.by, int)
        return self.by

    def around(self, lane: int, first: int = 0) -> list[Ints]:
        """W N NW NE of a lane, from `first` places behind the margin on."""
        row, pitch, begin = self.values[lane], self.windows.pitch, self.margin + first
        return [row[begin - s : self.end - s] for s in (1, pitch, pitch + 1, pitch - 1)]

    def errors_around(self, lane: int) -> list[Ints]:
        """Errors W N NW NE of a lane, from two margins on."""
        row, pitch, margin = self.error[lane], self.windows.pitch, self.margin
        return [row[margin - s : len(row) - s] for s in (1, pitch, pitch + 1, pitch - 1)]

    def gradient(self, lane: int) -> Ints:
        """|W − NW| + |N − NW| + |N − NE|, 255 at most, from two margins on."""
        w, n, nw, ne = self.around(lane, self.margin)
        return np.minimum(np.abs(n - nw) + np.abs(n - ne) + np.abs(w - nw), 255)

    def local(self, lane: int) -> NDArray[np.float32]:
        """The mean error around each core pixel of a lane."""
        w, n, nw, ne = self.errors_around(lane)
        return ((2 * (w + n) + nw + ne)[self.windows.core - 2 * self.margin] / 6).astype(np.float32)

    def energy(self) -> NDArray[np.uint8]:
        """(lanes, 4) weights of the energy: every part scaled to the lane's mean error."""
        assert not isinstance(self.by, int)
        core = self.windows.core
        mean = self.error[:, core - self.margin].mean(axis=1) + 0.02
        found = np.zeros((self.windows.lanes, 4), np.uint8)
        for lane in range(self.windows.lanes):
            used = min(2, int(self.by.used[lane]))
            found[lane, 0] = OWN_BESIDE_REFERENCES if used else OWN_ENERGY
            for k in range(used):
                scale = mean[lane] / mean[self.by.references[lane, k]]
                found[lane, 1 + k] = min(MOST_ENERGY, round(REFERENCE_ENERGY / used * scale))
            steep = self.gradient(lane)[core - 2 * self.margin].mean() + 0.05
            found[lane, 3] = min(MOST_ENERGY, round(GRADIENT_ENERGY * mean[lane] / steep))
        return found

    def contexts(self, energy: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(lanes, pixels) contexts of the core; a plain model has no weights of energies."""
        margin, zero, core = self.margin, self.windows.zero, self.windows.core - 2 * self.margin
        found = np.empty((self.windows.lanes, len(core)), np.uint8)
        near = (self.values == zero).astype(np.int32)
        pitch = self.windows.pitch
        for lane in range(self.windows.lanes):
            w, n, nw, ne = self.errors_around(lane)
            beside, across = _mean(w, n), _mean(nw, ne)
            if isinstance(self.by, int):
                level = 2 * beside + across + (self.gradient(lane) >> 2)
            else:
                own, first, second, steep = (int(e) for e in energy[lane])
                level = _mean(beside, _mean(beside, across)) * own
                for k, weight in enumerate((first, second)):
                    if weight:
                        level += self.error[int(self.by.references[lane, k]), margin:] * weight
                level += self.gradient(lane) * steep
                level >>= 5
            np.minimum(level, 127, out=level)
            distance = np.abs(self.prediction[lane, margin:] - zero)
            begin, end = 2 * margin, self.end
            for s in (1, pitch, pitch + 1, pitch - 1):
                distance += near[lane, begin - s : end - s] << 8
            found[lane] = (_ROW_OF[distance] + _BIN_OF[level])[core]
        return found

    def predicted(self) -> NDArray[np.uint8]:
        """(lanes, pixels) predictions of the core."""
        return self.prediction[:, self.windows.core - self.margin].astype(np.uint8)

    def coded(self) -> NDArray[np.uint8]:
        """(lanes, pixels) bytes of the core."""
        return self.windows.values[:, self.windows.core]
