"""Whether what a lossy chain restores stays within the error that its transforms declare."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import header
from fmpass.codecs.chain import Chain
from fmpass.measure.tensors import Tensor


def excess(chain: Chain, source: Tensor, restored: Tensor, payload: Tensor) -> tuple[float, float]:
    """(largest error beyond the bound, largest error that the bound allows).

    Checked for chains of one transform: the bound is about its input, the tensor itself. Values outside the range that
    a given step covers clip, and the bound says nothing about them. Without such a statement it is (0, infinity).
    """
    if len(chain.transforms) != 1:
        return 0.0, math.inf
    transform, dtype, shape = chain.transforms[0], source.dtype, source.shape
    side = header.read(payload.data.tobytes()).side
    bound = transform.bound(side, dtype, shape)
    x, y = source.numbers().reshape(shape), restored.numbers().reshape(shape)
    allowed: NDArray[np.float64] = np.asarray(bound.absolute) + bound.relative * np.abs(x)
    promised = np.isfinite(x)
    covers = getattr(transform, "covers", None)
    if covers is not None:
        low, high = covers(side, dtype, shape)
        promised = promised & (x >= low - allowed) & (x <= high + allowed)
    if not promised.any():
        return 0.0, 0.0
    with np.errstate(invalid="ignore"):
        beyond = np.where(promised, np.abs(x - y) - allowed, -np.inf)
    worst = float(np.max(beyond)) if not np.isnan(beyond).any() else math.inf
    return max(0.0, worst), float(np.max(np.where(promised, allowed, 0.0)))
