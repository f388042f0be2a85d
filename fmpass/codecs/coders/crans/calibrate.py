"""A model of an edge from tensors that were seen on it: what every channel is predicted from, and tables for all.

Sources: least squares as in lossless image coders (Meyer, Tischer, 2001), here for every channel and over others too,
reweighted by the error around a pixel as in them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import fit, grouping, merge, phases, predictors, windows
from fmpass.codecs.coders.crans.census import census
from fmpass.codecs.coders.crans.model import (
    BOTH,
    GROUP,
    MEAN,
    MEDIAN,
    OWN_TAPS,
    TAPS_OF_REFERENCE,
    Model,
    Plane,
)
from fmpass.codecs.coders.crans.predictors import Group
from fmpass.codecs.coders.crans.windows import Maps
from fmpass.dtypes import DType

PIXELS = 32768
"""Pixels of each lane that its predictor is made of."""
_TABLE_PIXELS = 65536
"""Pixels of each lane that tables are made of,"""
_ALL_PIXELS = 1 << 22
"""unless all lanes together have more."""
LEAST_PIXELS = 32
"""With fewer a lane has no predictor of its own."""
_MOST_CHANNELS = 1 << 12
"""With more it would take minutes."""
_SEED = 20000
_NOTHING = np.zeros(0, np.uint8)
_WEIGHTS = ((0, 0, 0, 0, 4096), (1536, 1536, 512, 512, 0), (768, 768, 256, 256, 2048))
"""Weights that predict about as the predictors of plain models."""
_ENERGY = (96, 0, 0, 8)

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Calibrated:
    """A model and the bits that a byte takes in the tensors it was made of."""

    model: Model
    bits: float


def calibrate(maps: Maps, dtype: DType) -> Model:
    """The model for arrays of (maps, channels, rows, columns) words of one edge; the same for the same arrays."""
    maps = [m for m in maps if m.size]
    if not maps:
        return fit.fit(np.zeros((1, 1, 1, 1), dtype.word_dtype), dtype)
    rng = np.random.default_rng(_SEED)
    channels = maps[0].shape[1]
    per_lane = channels <= _MOST_CHANNELS and sum(m.size for m in maps) >= LEAST_PIXELS * channels
    if not per_lane:
        return _shared(maps, dtype, rng)
    order = grouping.order(maps, dtype, GROUP, rng)
    zero = _zeros(maps, dtype, rng)[0]
    found = _first_plane(maps, dtype, Model(channels, 1, (), order=order), zero, rng)
    if dtype.word_bits > 8:
        return _with_lower(found.model, _shared(maps, dtype, rng), maps, dtype, rng)
    if phases.may_pay(maps, dtype, rng):
        order = grouping.order(maps, dtype, GROUP // 4, rng)
        other = _first_plane(maps, dtype, Model(channels, 2, (), order=order), zero, rng)
        found = min(found, other, key=lambda calibrated: calibrated.bits)
    return found.model


def _first_plane(maps: Maps, dtype: DType, model: Model, zero: int, rng: np.random.Generator) -> Calibrated:
    """A model of the channels, phases and order of `model`, of the first plane only."""
    places = np.arange(model.channels) if model.order is None else model.order
    groups: list[Group] = []
    for first in range(0, model.channels, GROUP // model.phases**2):
        where = windows.places(maps, model.phases, PIXELS, rng)
        channels = places[first : first + GROUP // model.phases**2]
        groups.append(predictors.group(windows.cut(maps, where, channels, model.phases, dtype).plane(0, zero), rng))
    weights = np.concatenate([g.by.weights for g in groups]).astype(np.int16)
    bias = np.concatenate([g.by.bias for g in groups]).astype(np.int32)
    energy = np.concatenate([g.energy for g in groups])
    levels = np.concatenate([g.levels for g in groups]).astype(np.uint8)
    references = np.concatenate([_references(g) for g in groups])
    k = max(int(g.by.used.max()) for g in groups)
    weights = weights[:, : OWN_TAPS + TAPS_OF_REFERENCE * k]
    plane = Plane(zero, _NOTHING, _NOTHING, MEDIAN, weights, bias, energy)
    found = replace(model, levels=levels, references=references[:, :k], planes=(plane,))
    where = windows.places(maps, model.phases, min(_TABLE_PIXELS, max(PIXELS, _ALL_PIXELS // model.channels)), rng)
    (counts,) = census(found, maps, dtype, where)
    contexts, grades, bits = merge.tabled(counts)
    plane = replace(plane, contexts=contexts, grades=grades)
    return Calibrated(replace(found, planes=(plane,)), bits / int(counts.plain.sum()))


def _references(group: Group) -> NDArray[np.uint8]:
    """References as the model has them; those that do not count are lane 0, with weights of zero."""
    behind = group.levels[:, None] - group.levels[group.by.references]
    there = np.arange(group.by.references.shape[1]) < group.by.used[:, None]
    return np.where(there, group.by.references | (behind == 2) << 6, 0).astype(np.uint8)


def _shared(maps: Maps, dtype: DType, rng: np.random.Generator) -> Model:
    """A model with one predictor of each plane, as `fit` has it, but counted over all maps."""
    channels = maps[0].shape[1]
    where = windows.places(maps, 1, max(1, _ALL_PIXELS // channels), rng)
    zeros = _zeros(maps, dtype, rng)
    best: list[tuple[float, Plane]] = []
    for predictor in (MEDIAN, MEAN, BOTH):
        planes = tuple(Plane(zero, _NOTHING, _NOTHING, predictor) for zero in zeros)
        counted = census(Model(0, 1, planes), maps, dtype, where)
        found: list[tuple[float, Plane]] = []
        for plane, counts in zip(planes, counted, strict=True):
            contexts, grades, bits = merge.tabled(counts)
            found.append((bits, replace(plane, contexts=contexts, grades=grades)))
        best = [min(pair, key=lambda p: p[0]) for pair in zip(best, found, strict=True)] if best else found
    return Model(0, 1, tuple(plane for _, plane in best))


def _with_lower(model: Model, shared: Model, maps: Maps, dtype: DType, rng: np.random.Generator) -> Model:
    """A model with lower planes that are predicted as those of `shared`, the same for every lane."""
    first, lanes = model.planes[0], model.levels.size
    lower: list[Plane] = []
    for plane in shared.planes[1:]:
        weights = np.zeros_like(first.weights)
        weights[:, :5] = _WEIGHTS[plane.predictor]
        bias = plane.zero * (4096 - weights[0].sum(dtype=np.int32))
        energy = np.tile(np.array(_ENERGY, np.uint8), (lanes, 1))
        lower.append(replace(plane, weights=weights, bias=np.full(lanes, bias, np.int32), energy=energy))
    whole = replace(model, planes=(first, *lower))
    counts = census(whole, maps, dtype, windows.places(maps, 1, max(1, _ALL_PIXELS // model.channels), rng))
    for i in range(1, len(whole.planes)):
        contexts, grades, _ = merge.tabled(counts[i])
        lower[i - 1] = replace(lower[i - 1], contexts=contexts, grades=grades)
    return replace(model, planes=(first, *lower))


def _zeros(maps: Maps, dtype: DType, rng: np.random.Generator) -> list[int]:
    """The byte of each plane that occurs most."""
    where = windows.places(maps, 1, PIXELS, rng)
    channels = np.arange(maps[0].shape[1])[:: -(-maps[0].shape[1] // GROUP)]
    cut = windows.cut(maps, where, channels, 1, dtype)
    return [int(np.argmax(np.bincount(plane[:, cut.core].reshape(-1), minlength=256))) for plane in cut.bytes_]
