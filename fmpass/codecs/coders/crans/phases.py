"""Whether the even and odd rows and columns of a channel are better coded as channels of their own."""

from __future__ import annotations

import numpy as np

from fmpass.codecs.coders.crans import windows
from fmpass.codecs.coders.crans.model import GROUP
from fmpass.codecs.coders.crans.windows import Maps
from fmpass.dtypes import DType

_LEAST_SIDE = 16
_PIXELS = 4096
_LIKE = 0.05
"""Correlation from which the errors of pixels two apart are alike: as behind transposed or dilated convolutions."""


def may_pay(maps: Maps, dtype: DType, rng: np.random.Generator) -> bool:
    """Whether the errors of the median at a distance of two pixels are alike: if so, four phases are worth a try."""
    if min(min(m.shape[2:]) for m in maps) < _LEAST_SIDE:
        return False
    where = windows.places(maps, 1, _PIXELS, rng)
    count = maps[0].shape[1]
    cut = windows.cut(maps, where, np.arange(count)[:: -(-count // GROUP)], 1, dtype)
    row, pitch = cut.plane(0, 0).values.astype(np.float32), cut.pitch
    end = row.shape[1]
    w, n, nw = (row[:, pitch + 1 - s : end - s] for s in (1, pitch, pitch + 1))
    low, high = np.minimum(w, n), np.maximum(w, n)
    error = row[:, pitch + 1 :] - (low + high - np.clip(nw, low, high))
    # Errors of pixels whose neighbour two rows above, or two columns before, is in the window too.
    shape = (len(where.found), where.rows + windows.HALO, pitch)
    square = np.ones(shape, np.bool_)
    square[:, : 2 * windows.HALO] = square[:, :, : 2 * windows.HALO] = False
    at = cut.core[square.reshape(-1)[cut.core]] - pitch - 1
    if not at.size:
        return False
    here = error[:, at]
    energy = float((here * here).sum()) + 1e-6
    return float((here * (error[:, at - 2] + error[:, at - 2 * pitch])).sum()) / (2 * energy) > _LIKE
