"""Reference of `quant`: IEEE doubles, every operation rounded on its own. FORMAT.md beside it is the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.transforms.quant.side import Entries
from fmpass.dtypes import DType, of_array

if TYPE_CHECKING:
    from fmpass.codecs.transforms.quant import Quant

Array = NDArray[np.generic]


def forward(quant: Quant, array: Array) -> tuple[Array, bytes]:
    """(levels of the type that `quant` gives, side data)."""
    dtype = of_array(array)
    out = quant.output_dtype(dtype).numpy
    if quant.exact(dtype):
        return (array.astype(np.int64) - quant.zero_point).astype(out), b""  # the cast is the modulus
    with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
        values = array.astype(np.float64)
    if dtype.kind != "float":
        values = values - float(quant.zero_point)
    if quant.step == 0.0:
        entries = Entries.from_data(quant, values)
        side = entries.to_bytes()
    else:
        entries, side = Entries.of(quant, dtype, b"", array.shape), b""
    low, high = entries.levels(quant)
    with np.errstate(invalid="ignore", over="ignore"):
        level = np.copysign(np.floor(np.abs(values) / entries.step + (0.5 - quant.dead_zone)), values)
    level = np.where(np.isnan(values), 0.0, np.clip(level, low, high))
    return level.astype(np.int64).astype(out), side


def inverse(quant: Quant, integers: Array, side: bytes, dtype: DType) -> Array:
    """The restored array of `dtype`. Raises PayloadError FM308 for side data that cannot be."""
    if quant.exact(dtype):
        return (integers.astype(np.int64) + quant.zero_point).astype(dtype.numpy)
    entries = Entries.of(quant, dtype, side, integers.shape)
    level = integers.astype(np.int64)
    if not quant.signed:
        level = (level + entries.zero_point) % (1 << 8 * integers.dtype.itemsize) - entries.zero_point
    with np.errstate(over="ignore"):
        values = level.astype(np.float64) * entries.step
    if dtype.kind == "float":
        return _to_float(values, dtype)
    rounded = np.copysign(np.floor(np.abs(values) + 0.5), values) + float(quant.zero_point)
    limits = np.iinfo(dtype.name)
    return np.clip(rounded, limits.min, limits.max).astype(dtype.numpy)


def _to_float(values: NDArray[np.float64], dtype: DType) -> Array:
    """Clamp to the largest finite value, then round by way of float32."""
    largest = _LARGEST[dtype.name]
    values = np.clip(values, -largest, largest)
    if dtype.name == "float64":
        return values
    return values.astype(np.float32).astype(dtype.numpy)


_LARGEST = {
    "float16": 65504.0,
    "bfloat16": float(np.array(0x7F7F0000, np.uint32).view(np.float32)),
    "float32": float(np.finfo(np.float32).max),
    "float64": float(np.finfo(np.float64).max),
}
