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
    index: NDArray[np.int64],
    frequencies: NDArray[np.int64],
    quiet: NDArray[np.bool_] | None,
) -> Bytes:
    """(steps, lanes) values of a group. `lanes.values` holds zero everywhere; `quiet`: all planes above are zero."""
    steps, count = lanes.values.shape
    before = _Before(plane.zero, lanes, count)
    weights, bias = plane.weights[index].tolist(), plane.bias[index].tolist()
    energy, meanings = plane.energy[index].tolist(), plane.contexts.tolist()
    slots = np.repeat(np.tile(np.arange(ESCAPE + 1), len(frequencies)), frequencies.reshape(-1)).reshape(-1, TOTAL)
    symbols, widths = slots.tolist(), frequencies.tolist()
    starts = (np.cumsum(frequencies, axis=1) - frequencies).tolist()
    active = lanes.active.tolist()
    above = None if quiet is None else quiet.tolist()
    size = 16 * stream.vectors
    for step in range(steps):
        for first in range(0, count, 16):
            escaped: list[tuple[int, int, int]] = []
            decoded: list[tuple[int, int, int]] = []
            for lane in range(first, min(first + 16, count)):
                if not active[step][lane]:
                    continue
                prediction, context = before.told(step, lane, weights[lane], bias[lane], energy[lane])
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


class _Before:
    """Values, medians and errors of all steps so far, with a border of zeros before the first."""

    def __init__(self, zero: int, lanes: c.Lanes, count: int) -> None:
        self.zero, self.pitch = zero, lanes.pitch
        self.border = lanes.pitch + 8
        rows = self.border + len(lanes.values)
        self.values = [[zero] * count for _ in range(rows)]
        self.medians = [[zero] * count for _ in range(rows)]
        self.errors = [[0] * count for _ in range(rows)]
        self.references = [
            [(int(r), int(b)) for r, b in zip(*pair, strict=True)]
            for pair in zip(lanes.references, lanes.back, strict=True)
        ]
        self.count = count

    def told(self, step: int, lane: int, weights: list[int], bias: int, energy: list[int]) -> tuple[int, int]:
        """Prediction and context of a byte that is there; remembers its median."""
        at, zero, values, errors = step + self.border, self.zero, self.values, self.errors
        up = at - self.pitch
        w, n, nw, ne = values[at - 1][lane], values[up][lane], values[up - 1][lane], values[up + 1][lane]
        low, high = (w, n) if w < n else (n, w)
        median = low + high - min(max(nw, low), high)
        self.medians[at][lane] = median
        total = bias + weights[0] * w + weights[1] * n + weights[2] * nw + weights[3] * ne + weights[4] * median
        own = energy[0] * (errors[at - 1][lane] + errors[up][lane])
        own += (energy[0] >> 1) * (errors[up - 1][lane] + errors[up + 1][lane])
        for k, (reference, back) in enumerate(self.references[lane]):
            there, same = reference < self.count, at - back
            taps = [values[t][reference] if there else zero for t in (same, same - 1, same + 1, same - self.pitch)]
            first = OWN_TAPS + 4 * k
            total += sum(weight * tap for weight, tap in zip(weights[first : first + 4], taps, strict=True))
            if k < 3:
                total += weights[5 + k] * (self.medians[same][reference] if there else zero)
            if k < 2 and there:
                own += energy[1 + k] * errors[same][reference]
        own += energy[3] * (abs(w - nw) + min(255, abs(n - nw) + abs(n - ne)))
        prediction = min(max((total + 2048) >> 12, 0), 255)
        distance = abs(prediction - zero)
        zeros = (w == zero) + (n == zero) + (nw == zero) + (ne == zero)
        if zeros == 0:
            row = bisect_right(c.FAR_STEPS, distance)
        elif zeros < 4:
            row = c.MIXED_ROW + bisect_right(c.MIXED_STEPS, distance)
        else:
            row = c.QUIET_ROW + bisect_right(c.QUIET_STEPS, distance)
        return prediction, 16 * row + bisect_right(c.ENERGY_STEPS, min(127, own >> 6))

    def set(self, step: int, lane: int, value: int, prediction: int) -> None:
        """The byte of this step, once it is known."""
        self.values[step + self.border][lane] = value
        self.errors[step + self.border][lane] = abs(value - prediction)
