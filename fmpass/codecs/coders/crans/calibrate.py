"""A model of an edge from tensors that were seen on it: what every channel is predicted from, and tables for all.

Sources: least squares as in lossless image coders (Meyer, Tischer, 2001), here for every channel and over others too,
reweighted by the error around a pixel as in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import grouping, merge, predictors, windows
from fmpass.codecs.coders.crans.contexts import GROUP
from fmpass.codecs.coders.crans.fit import Counts
from fmpass.codecs.coders.crans.model import Model, Plane
from fmpass.codecs.coders.crans.predictors import Group
from fmpass.codecs.coders.crans.windows import Maps
from fmpass.dtypes import DType

PIXELS = 16384
"""Pixels of each lane that are looked at."""
_SEED = 20000

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Calibrated:
    """A model and the bits that a byte takes in the tensors it was made of."""

    model: Model
    bits: float


def calibrate(maps: Maps, dtype: DType) -> Model:
    """The model for arrays of (maps, channels, rows, columns) words of one edge."""
    rng = np.random.default_rng(_SEED)
    zero = _zero(maps, dtype, rng)
    order = grouping.order(maps, dtype, rng)
    return _with_phases(maps, dtype, 1, zero, order, rng).model


def _with_phases(
    maps: Maps, dtype: DType, phases: int, zero: int, order: Ints | None, rng: np.random.Generator
) -> Calibrated:
    channels = maps[0].shape[1]
    places = order if order is not None else np.arange(channels)
    groups: list[Group] = []
    for first in range(0, channels, GROUP // phases**2):
        where = windows.places(maps, phases, PIXELS, rng)
        cut = windows.cut(maps, where, places[first : first + GROUP // phases**2], phases, dtype)
        groups.append(predictors.group(cut.plane(0, zero), rng))
    counts = Counts(
        np.sum([g.counts.plain for g in groups], axis=0), np.sum([g.counts.differences for g in groups], axis=0)
    )
    contexts, grades, bits = merge.tabled(counts)
    weights = np.concatenate([g.by.weights for g in groups]).astype(np.int16)
    bias = np.concatenate([g.by.bias for g in groups]).astype(np.int32)
    plane = Plane(zero, weights, bias, np.concatenate([g.energy for g in groups]), contexts, grades)
    level = np.concatenate([g.levels for g in groups])
    references = np.concatenate([_references(g) for g in groups])
    model = Model(channels, phases, level.astype(np.uint8), references, (plane,), order)
    return Calibrated(model, bits / int(counts.plain.sum()))


def _references(group: Group) -> NDArray[np.uint8]:
    """References as the model has them; those that do not count are lane 0, with weights of zero."""
    behind = group.levels[:, None] - group.levels[group.by.references]
    there = np.arange(group.by.references.shape[1]) < group.by.used[:, None]
    return np.where(there, group.by.references | (behind == 2) << 6, 0).astype(np.uint8)


def _zero(maps: Maps, dtype: DType, rng: np.random.Generator) -> int:
    """The byte that occurs most."""
    where = windows.places(maps, 1, PIXELS, rng)
    channels = np.arange(maps[0].shape[1])[:: -(-maps[0].shape[1] // GROUP)]
    cut = windows.cut(maps, where, channels, 1, dtype)
    return int(np.argmax(np.bincount(cut.bytes_[0][:, cut.core].reshape(-1), minlength=256)))
