"""How often each byte occurs in each context of a model, in windows of maps; and what that costs by its tables."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import merge, windows
from fmpass.codecs.coders.crans.fit import Counts
from fmpass.codecs.coders.crans.known import Known, Predictors
from fmpass.codecs.coders.crans.model import CONTEXTS, GROUP, SUBTRACT, Model, Plane
from fmpass.codecs.coders.crans.windows import Maps, Places
from fmpass.dtypes import DType

Ints = NDArray[np.int64]

_PIXELS = 1 << 20
"""Pixels of all lanes together that a price is told from."""
_SEED = 20001
_CHUNK = 1 << 20
"""Pixels of a channel times channels that are looked at together."""


def census(model: Model, maps: Maps, dtype: DType, where: Places) -> list[Counts]:
    """The counts of every plane of the model, whose contexts need not be known."""
    found = [np.zeros((2, CONTEXTS * 256 * (2 if number else 1)), np.int64) for number in range(len(model.planes))]
    channels = maps[0].shape[1]
    order = model.order if model.order is not None else np.arange(channels)
    per_group = GROUP // model.phases**2
    firsts = range(0, channels, per_group)
    for first, part in itertools.product(firsts, where.parts(_CHUNK // min(channels, per_group))):
        cut = windows.cut(maps, part, order[first : first + per_group], model.phases, dtype)
        lanes = cut.bytes_.shape[1]
        index = np.arange(lanes) + first * model.phases**2
        quiet = np.ones((lanes, len(cut.core)), np.bool_)
        for number, plane in enumerate(model.planes):
            by = _predictors(model, plane, index) if model.channels else plane.predictor
            known = Known(cut.plane(number, plane.zero), by)
            value = known.coded()
            energy = plane.energy[index] if model.channels else plane.energy
            context = known.contexts(energy).astype(np.int64)
            if number:
                context += CONTEXTS * quiet
            quiet &= value == plane.zero
            for counts, symbol in zip(found[number], (value, value - known.predicted()), strict=True):
                counts += np.bincount(((context << 8) + symbol).reshape(-1), minlength=counts.size)
    return [Counts(plain.reshape(-1, 256), differences.reshape(-1, 256)) for plain, differences in found]


def price(model: Model, counts: list[Counts]) -> float:
    """Bits that counted bytes take by the tables of a model."""
    total = 0.0
    for plane, counted in zip(model.planes, counts, strict=True):
        bits = merge.lengths(plane.frequencies())[plane.contexts & ~np.uint8(SUBTRACT)]
        taken = np.where((plane.contexts & SUBTRACT)[:, None], counted.differences, counted.plain)
        total += float((taken * np.where(taken > 0, bits, 0)).sum())
    return total


def price_of(model: Model, maps: Maps, dtype: DType) -> float:
    """Bits a word of maps by a model, from a sample of them."""
    maps = [m for m in maps if m.size]
    if not maps:
        return 0.0
    rng = np.random.default_rng(_SEED)
    where = windows.places(maps, model.phases, max(1, _PIXELS // maps[0].shape[1]), rng)
    counts = census(model, maps, dtype, where)
    return price(model, counts) / max(1, int(counts[0].plain.sum()))


def _predictors(model: Model, plane: Plane, index: Ints) -> Predictors:
    references = (model.references[index] & 63).astype(np.int64)
    used = np.full(len(index), references.shape[1])
    return Predictors(plane.weights[index].astype(np.int64), plane.bias[index].astype(np.int64), references, used)
