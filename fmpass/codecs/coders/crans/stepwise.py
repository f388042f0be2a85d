"""The decoder's side of `contexts`: one byte after the other, from what was decoded before."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import contexts as c
from fmpass.codecs.coders.crans.model import CONTEXTS, OWN_TAPS, SUBTRACT, Plane
from fmpass.codecs.coders.crans.stream import Stream
from fmpass.codecs.coders.crans.tables import ESCAPE, PRECISION, TOTAL

Bytes = NDArray[np.uint8]


def decode_strip(
    stream: Stream,
    lanes: c.Lanes,
    plane: Plane,
    index: NDArray[np.int64] | None,
    frequencies: NDArray[np.int64],
    quiet: NDArray[np.bool_] | None,
) -> Bytes:
    """(steps, lanes) values of a group. `lanes.values` holds zero everywhere; `quiet`: all planes above are zero."""
    steps, count = lanes.values.shape
    before = _Before(plane, lanes, index)
    meanings = plane.contexts.tolist()
    slots = np.repeat(np.tile(np.arange(ESCAPE + 1), len(frequencies)), frequencies.reshape(-1)).reshape(-1, TOTAL)
    symbols, widths = slots.tolist(), frequencies.tolist()
    starts = (np.cumsum(frequencies, axis=1) - frequencies).tolist()
    active = lanes.active.tolist()
    above = None if quiet is None else quiet.tolist()
    size = 16 * stream.vectors
    for step in range(steps):
        for first in range(0, count, size):
            escaped: list[tuple[int, int, int]] = []
            decoded: list[tuple[int, int, int]] = []
            for lane in range(first, min(first + size, count)):
                if not active[step][lane]:
                    continue
                prediction, context = before.told(step, lane)
                if above is not None and above[step][lane]:
                    context += CONTEXTS
                meaning = meanings[context]
                table, at = meaning & ~SUBTRACT, lane % size
                state = stream.states[at]
                slot = state & TOTAL - 1
                symbol = symbols[table][slot]
                state = widths[table][symbol] * (state >> PRECISION) + slot - starts[table][symbol]
                stream.states[at] = stream.refill(state)
                base = prediction if meaning & SUBTRACT else 0
                if symbol == ESCAPE:
                    escaped.append((lane, prediction, base))
                else:
                    decoded.append((lane, prediction, symbol + base & 255))
            for lane, prediction, base in escaped:
                at = lane % size
                symbol = stream.states[at] & 255
                stream.states[at] = stream.refill(stream.states[at] >> 8)
                decoded.append((lane, prediction, symbol + base & 255))
            for lane, prediction, value in decoded:
                before.set(step, lane, value, prediction)
        stream.check()
    return np.array(before.values[before.border :], np.uint8).reshape(steps, count)


def _mean(a: int, b: int) -> int:
    return (a + b + 1) >> 1


class _Before:
    """Values, medians and errors of all steps so far, with a border of zeros before the first."""

    def __init__(self, plane: Plane, lanes: c.Lanes, index: NDArray[np.int64] | None) -> None:
        self.plane, self.zero, self.pitch = plane, plane.zero, lanes.pitch
        self.border = lanes.pitch + 8
        rows, count = self.border + len(lanes.values), lanes.values.shape[1]
        self.values = [[self.zero] * count for _ in range(rows)]
        self.medians = [[self.zero] * count for _ in range(rows)]
        self.errors = [[0] * count for _ in range(rows)]
        self.references = [
            [(int(r), int(b)) for r, b in zip(*pair, strict=True)]
            for pair in zip(lanes.references, lanes.back, strict=True)
        ]
        self.plain = index is None
        if index is not None:
            self.weights, self.bias = plane.weights[index].tolist(), plane.bias[index].tolist()
            self.energy = plane.energy[index].tolist()

    def told(self, step: int, lane: int) -> tuple[int, int]:
        """Prediction and context of a byte that is there; remembers its median."""
        at, zero, values, errors = step + self.border, self.zero, self.values, self.errors
        up = at - self.pitch
        w, n, nw, ne = values[at - 1][lane], values[up][lane], values[up - 1][lane], values[up + 1][lane]
        low, high = (w, n) if w < n else (n, w)
        median = low + high - min(max(nw, low), high)
        self.medians[at][lane] = median
        beside = _mean(errors[at - 1][lane], errors[up][lane])
        across = _mean(errors[up - 1][lane], errors[up + 1][lane])
        slope = min(255, min(255, abs(n - nw) + abs(n - ne)) + abs(w - nw))
        if self.plain:
            average = _mean(_mean(w, n), _mean(_mean(w, n), _mean(nw, ne)))
            prediction = (median, average, _mean(median, average))[self.plane.predictor]
            energy = 2 * beside + across + (slope >> 2)
        else:
            prediction, energy = self._by_lane(at, lane, (w, n, nw, ne, median), (beside, across, slope))
        distance = abs(prediction - zero)
        zeros = (w == zero) + (n == zero) + (nw == zero) + (ne == zero)
        if zeros == 0:
            row = bisect_right(c.FAR_STEPS, distance)
        elif zeros < 4:
            row = c.MIXED_ROW + bisect_right(c.MIXED_STEPS, distance)
        else:
            row = c.QUIET_ROW + bisect_right(c.QUIET_STEPS, distance)
        return prediction, 16 * row + bisect_right(c.ENERGY_STEPS, min(127, energy))

    def _by_lane(self, at: int, lane: int, near: tuple[int, ...], errors: tuple[int, int, int]) -> tuple[int, int]:
        weights, energy, values = self.weights[lane], self.energy[lane], self.values
        total = self.bias[lane] + sum(weight * tap for weight, tap in zip(weights, near, strict=False))
        beside, across, slope = errors
        own = energy[0] * _mean(beside, _mean(beside, across)) + energy[3] * slope
        for k, (reference, back) in enumerate(self.references[lane]):
            same = at - back
            for tap, t in enumerate((same, same - 1, same + 1, same - self.pitch)):
                total += weights[OWN_TAPS + 4 * k + tap] * values[t][reference]
            if k < 3:
                total += weights[5 + k] * self.medians[same][reference]
            if k < 2:
                own += energy[1 + k] * self.errors[same][reference]
        return min(max((total + 2048) >> 12, 0), 255), own >> 5

    def set(self, step: int, lane: int, value: int, prediction: int) -> None:
        """The byte of this step, once it is known."""
        self.values[step + self.border][lane] = value
        self.errors[step + self.border][lane] = abs(value - prediction)
