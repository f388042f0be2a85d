"""The model of crans: what it knows of an edge before it sees a tensor. FORMAT.md is the text of its bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import tables
from fmpass.codecs.coders.crans.bit_text import BitReader, BitWriter
from fmpass.codecs.corrupt import corrupt

CONTEXTS = 256
SUBTRACT = 0x80
"""Bit of a context: the symbol is the difference from the prediction, not the byte itself."""

MOST_TABLES = 64
MOST_REFERENCES = 4
MOST_LEVEL = 7
GROUP = 64
"""Lanes that run side by side."""
CHUNK = 256
"""Channels that a tile has a multiple of, or all; an order stays within them."""

OWN_TAPS = 8
TAPS_OF_REFERENCE = 4

_HEAD = struct.Struct("<BBBBHB")
_VERSION = 1
_MOST_BIAS = 1 << 30


MEDIAN, MEAN, BOTH = 0, 1, 2
"""Predictors of a plain model: MED, a mean of the neighbours, and half of each."""


@dataclass(frozen=True)
class Plane:
    """One byte plane: how its bytes are predicted, and what its contexts mean.

    A plain model, one for maps of any number of channels, has `predictor` only. Another one has arrays by lane:
    `weights` (lanes, 8 + 4 references) int16 in units of 2^-12, for the taps W N NW NE, MED M1 M2 M3, then C W E N of
    each reference (Mi is the MED of reference i); `bias` (lanes,) int32; `energy` (lanes, 4) uint8 in units of 2^-5: of
    the lane's own errors, those of references 1 and 2, and of the gradients. `contexts` (256,), or (512,) below the
    first plane: index of a table, with SUBTRACT or without. `grades` (tables, 257).
    """

    zero: int
    contexts: NDArray[np.uint8]
    grades: NDArray[np.uint8]
    predictor: int = MEDIAN
    weights: NDArray[np.int16] = field(default_factory=lambda: np.zeros((0, OWN_TAPS), np.int16))
    bias: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    energy: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 4), np.uint8))

    def frequencies(self) -> NDArray[np.int64]:
        """(tables, 257) frequencies, 2048 in all in each table."""
        return np.stack([tables.frequencies(grades.astype(np.int64)) for grades in self.grades])


@dataclass(frozen=True)
class Model:
    """All of it. Lanes are channels in `order`, times the phases of each. `channels` 0: a plain model, without lanes.

    `levels` (lanes,) 0 … 7: a lane runs 2·level pixels behind. `references` (lanes, references) uint8: lane of the same
    group of 64 in the low six bits, bit 6: two levels above instead of one. `order` (channels,): channel at each place.
    """

    channels: int
    phases: int
    planes: tuple[Plane, ...]
    levels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    references: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    order: NDArray[np.int64] | None = None

    def to_bytes(self) -> bytes:
        """The bytes that `from_bytes` reads."""
        k = self.references.shape[1]
        head = _HEAD.pack(_VERSION, len(self.planes), self.phases, k, self.channels, self.order is not None)
        parts = [head]
        if self.order is not None:
            parts.append((self.order % CHUNK).astype(np.uint8).tobytes())
        parts += [self.levels.tobytes(), self.references.tobytes()]
        out = BitWriter()
        for plane in self.planes:
            parts.append(bytes([plane.zero]))
            if self.channels:
                parts += [plane.weights.astype("<i2").tobytes(), plane.bias.astype("<i4").tobytes()]
                parts.append(plane.energy.tobytes())
            else:
                parts.append(bytes([plane.predictor]))
            _write_contexts(out, plane)
        return b"".join(parts) + out.to_bytes()

    @staticmethod
    def from_bytes(data: bytes) -> Model:
        """Raises PayloadError FM308 for bytes that are no model."""
        if len(data) < _HEAD.size:
            raise corrupt("the model is cut short")
        version, planes, phases, k, channels, ordered = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise corrupt("the model is of an unknown version")
        plain = channels == 0  # it has neither references nor an order
        most = 0 if plain else MOST_REFERENCES
        if not 1 <= planes <= 4 or phases not in (1, 2) or k > most or ordered > (0 if plain else 1):
            raise corrupt("the head of the model is out of range")
        cut = _Cut(data, _HEAD.size)
        order = _order(cut.take("u1", channels)) if ordered else None
        lanes = channels * phases * phases
        levels, references = cut.take("u1", lanes), cut.take("u1", lanes * k).reshape(lanes, k)
        group = np.minimum(GROUP, lanes - np.arange(lanes) // GROUP * GROUP)
        if (levels > MOST_LEVEL).any() or (references > 127).any() or (references & 63 >= group[:, None]).any():
            raise corrupt("a level or reference of the model is out of range")
        predictors = [_plain(cut) if plain else _by_lane(cut, lanes, k) for _ in range(planes)]
        bits = BitReader(data[cut.at :])
        built = [
            Plane(zero, *_read_contexts(bits, CONTEXTS * (2 if i else 1)), *predictor)
            for i, (zero, *predictor) in enumerate(predictors)
        ]
        bits.end()
        return Model(channels, phases, tuple(built), levels, references, order)


def _plain(cut: _Cut) -> tuple[Any, ...]:
    zero, predictor = cut.take("u1", 2).tolist()
    if predictor > BOTH:
        raise corrupt("a predictor of the model is unknown")
    return zero, predictor


def _by_lane(cut: _Cut, lanes: int, k: int) -> tuple[Any, ...]:
    taps = OWN_TAPS + TAPS_OF_REFERENCE * k
    zero = int(cut.take("u1", 1)[0])
    weights, bias = cut.take("<i2", lanes * taps).reshape(lanes, taps), cut.take("<i4", lanes)
    energy = cut.take("u1", 4 * lanes).reshape(lanes, 4)
    far = (np.abs(2 * weights.astype(np.int64) + 1) > 32767).any() or (abs(bias.astype(np.int64)) > _MOST_BIAS).any()
    if far or (energy > 127).any():
        raise corrupt("a weight of the model is out of range")
    return zero, MEDIAN, weights, bias, energy


class _Cut:
    """Arrays one behind the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, kind: str, count: int) -> NDArray[Any]:
        nbytes = np.dtype(kind).itemsize * count
        if self.at + nbytes > len(self.data):
            raise corrupt("the model is cut short")
        self.at += nbytes
        return np.frombuffer(self.data, kind, count, self.at - nbytes)


def _order(within: NDArray[np.generic]) -> NDArray[np.int64]:
    places = np.arange(within.size)
    order = places // CHUNK * CHUNK + within.astype(np.int64)
    if not np.array_equal(np.sort(order), places):
        raise corrupt("the order of channels in the model is none")
    return order


def _write_contexts(out: BitWriter, plane: Plane) -> None:
    out.put(len(plane.grades) - 1, 6)
    subtract = np.zeros(len(plane.grades), np.uint8)
    used = plane.contexts & ~np.uint8(SUBTRACT)
    subtract[used] = plane.contexts >> 7
    for bit, grades in zip(subtract.tolist(), plane.grades, strict=True):
        out.put(bit, 1)
        tables.write(out, grades.astype(np.int64))
    at, values = 0, used.tolist()
    while at < len(values):
        run = 1
        while at + run < len(values) and values[at + run] == values[at]:
            run += 1
        out.put(values[at], 6)
        out.gamma(run)
        at += run


def _read_contexts(bits: BitReader, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    number = bits.take(6) + 1
    subtract: list[int] = []
    grades: list[NDArray[np.int64]] = []
    for _ in range(number):
        subtract.append(bits.take(1))
        grades.append(tables.read(bits))
    contexts: list[int] = []
    while len(contexts) < count:
        table, run = bits.take(6), bits.gamma()
        if table >= number or len(contexts) + run > count:
            raise corrupt("the contexts of the model are out of range")
        contexts += [table | subtract[table] * SUBTRACT] * run
    return np.array(contexts, np.uint8), np.stack(grades).astype(np.uint8)
