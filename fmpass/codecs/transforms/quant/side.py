"""Steps and zero points of `quant`: from the data, from the fields, and as side bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.corrupt import corrupt
from fmpass.dtypes import DType

if TYPE_CHECKING:
    from fmpass.codecs.transforms.quant import Quant

ENTRY_NBYTES = 12
_ENTRY = np.dtype([("step", "<f8"), ("zero_point", "<i4")])
_LEAST_STEP = 2.0**-1000  # below it, steps and their quotients would leave the normal doubles


@dataclass(frozen=True, slots=True)
class Entries:
    """Step and zero point, float64 and int64 arrays that broadcast against the tensor: 0-d, or one for each channel.

    `zero_point` is the level that zero has among the unsigned levels; 0 for signed ones.
    """

    step: NDArray[np.float64]
    zero_point: NDArray[np.int64]

    @staticmethod
    def of(quant: Quant, dtype: DType, side: bytes, shape: tuple[int, ...]) -> Entries:
        """From fields or side bytes. Raises PayloadError FM308 for entries that no encoder writes."""
        if quant.step != 0.0:
            level = quant.zero_point if dtype.kind == "float" and not quant.signed else 0
            return Entries(np.array(quant.step), np.array(level, np.int64))
        if len(side) != quant.side_nbytes(dtype, shape):
            raise corrupt(f"{len(side)} bytes of side data, not {quant.side_nbytes(dtype, shape)}", "quant")
        entries = np.frombuffer(side, _ENTRY)
        step, zero_point = entries["step"], entries["zero_point"].astype(np.int64)
        if not np.all(np.isfinite(step) & (step > 0)):
            raise corrupt("a step is not a positive number", "quant")
        most = 0 if quant.signed else (1 << quant.bits) - 1
        if not np.all((zero_point >= 0) & (zero_point <= most)):
            raise corrupt(f"a zero point is not within 0 … {most}", "quant")
        layout = _broadcast(quant.axis, shape)
        return Entries(step.reshape(layout), zero_point.reshape(layout))

    @staticmethod
    def from_data(quant: Quant, values: NDArray[np.float64]) -> Entries:
        """Steps that just cover the finite values, and always zero."""
        axis = quant.axis
        others = None if axis is None else tuple(i for i in range(values.ndim) if i != axis % values.ndim)
        finite = np.where(np.isfinite(values), values, 0.0)
        low = finite.min(axis=others, initial=0.0)
        high = finite.max(axis=others, initial=0.0)
        levels = float((1 << (quant.bits - 1)) - 1 if quant.signed else (1 << quant.bits) - 2)
        if quant.signed:
            step = np.maximum(-low, high) / levels
        else:
            with np.errstate(over="ignore"):
                step = (high - low) / levels
            step = np.where(np.isinf(step), high / levels - low / levels, step)
        tiny = step < _LEAST_STEP
        step = np.where(tiny, 1.0, step)
        zero_point = np.zeros(step.shape, np.int64)
        if not quant.signed:
            level = np.clip(np.floor(-low / step + 0.5), 0, (1 << quant.bits) - 1).astype(np.int64)
            zero_point = np.where(tiny, 0, level)
        layout = _broadcast(axis, values.shape)
        return Entries(step.reshape(layout), zero_point.reshape(layout))

    def levels(self, quant: Quant) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest level."""
        if quant.signed:
            most = np.array(float((1 << (quant.bits - 1)) - 1))
            return -most, most
        low = -self.zero_point.astype(np.float64)
        return low, low + float((1 << quant.bits) - 1)

    def to_bytes(self) -> bytes:
        """One f64 step and one i32 zero point an entry."""
        entries = np.empty(self.step.size, _ENTRY)
        entries["step"], entries["zero_point"] = self.step.reshape(-1), self.zero_point.reshape(-1)
        return entries.tobytes()


def _broadcast(axis: int | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    if axis is None:
        return ()
    return tuple(n if i == axis % len(shape) else 1 for i, n in enumerate(shape))
