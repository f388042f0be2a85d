"""`quant`: uniform quantisation to 2 … 16 bits with a dead zone. Zero stays exactly zero.

The step is given or taken from the data, for the tensor or for each channel; integers of full width with step 1 pass
without loss, only their zero point is taken off. Source: textbook uniform quantiser with dead zone (JPEG 2000, ITU-T
T.800 annex E); the affine form with a zero point is that of ONNX QuantizeLinear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import Bound, Transform
from fmpass.codecs.transforms.quant import reference
from fmpass.codecs.transforms.quant.side import ENTRY_NBYTES, Entries
from fmpass.dtypes import DType, by_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ACCEPTED = frozenset({"float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "uint16"})
_MANTISSA_BITS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}
_SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}


@dataclass(frozen=True, slots=True)
class Quant(Transform):
    """Uniform steps with a dead zone around an exact zero."""

    name: ClassVar[str] = "quant"
    format_id: ClassVar[int] = 64

    bits: int = parameter(8, "bits of a quantised value", minimum=2, maximum=16)
    step: float = parameter(0.0, "distance of two levels; 0 takes it from the data", minimum=0.0)
    zero_point: int = parameter(0, "the value of the input that means zero", minimum=-32768, maximum=65535)
    signed: bool = parameter(True, "levels on both sides of zero; false spends them all on the range of the data")
    dead_zone: float = parameter(0.0, "every magnitude rounds down by this much more", minimum=0.0, maximum=0.5)
    axis: int | None = parameter(None, "channel axis for a step per channel (needs step=0)", minimum=-32, maximum=31)

    def __post_init__(self) -> None:
        check(self)

    def rejects(self, dtype: DType, rank: int | None) -> str | None:
        if dtype.name not in _ACCEPTED:
            return f"it takes float16, bfloat16, float32, float64 and 8- and 16-bit integers, not {dtype.name}"
        problem = self._zero_point_problem(dtype)
        if problem:
            return problem
        if self.axis is not None and rank is not None and not -rank <= self.axis < rank:
            return f"axis={self.axis} is out of range for rank {rank}"
        return None

    def _zero_point_problem(self, dtype: DType) -> str | None:
        zero_point = self.zero_point
        if dtype.kind != "float":
            lowest = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
            if not lowest <= zero_point < lowest + (1 << dtype.bits):
                return f"zero_point={zero_point} is not a value of {dtype.name}"
        elif zero_point and (self.signed or self.step == 0.0):
            return f"zero_point={zero_point} of floats needs signed=false and a given step"
        elif not self.signed and not 0 <= zero_point < 1 << self.bits:
            return f"zero_point={zero_point} is not within 0 … {(1 << self.bits) - 1}"
        return None

    def exact(self, dtype: DType) -> bool:
        """Whether integers pass without loss: only the zero point is taken off, modulo the width."""
        whole = dtype.kind != "float" and self.bits == dtype.bits
        return whole and self.step == 1.0 and self.dead_zone == 0.0 and self.axis is None

    def lossless(self, dtype: DType) -> bool:
        return self.exact(dtype)

    def output_dtype(self, dtype: DType) -> DType:
        return by_name(f"{'int' if self.signed else 'uint'}{8 if self.bits <= 8 else 16}")

    def side_nbytes(self, dtype: DType, shape: tuple[int, ...]) -> int:
        if self.step != 0.0:
            return 0
        return ENTRY_NBYTES * (1 if self.axis is None else shape[self.axis])

    def forward(self, array: NDArray[np.generic]) -> tuple[NDArray[np.generic], bytes]:
        return reference.forward(self, array)

    def inverse(self, integers: NDArray[np.generic], side: bytes, dtype: DType) -> NDArray[np.generic]:
        return reference.inverse(self, integers, side, dtype)

    def covers(self, side: bytes, dtype: DType, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], ...]:
        """Lowest and highest value of the tensor for which `bound` is promised; beyond them it clips."""
        entries = Entries.of(self, dtype, side, shape)
        low, high = entries.levels(self)
        offset = float(self.zero_point) if dtype.kind != "float" else 0.0
        return low * entries.step + offset, high * entries.step + offset

    def bound(self, side: bytes, dtype: DType, shape: tuple[int, ...]) -> Bound:
        """(0.5 + dead_zone) steps, plus the rounding of `dtype` and of double arithmetic; broadcasts over `shape`."""
        if self.exact(dtype):
            return Bound(0.0)
        step = Entries.of(self, dtype, side, shape).step
        if dtype.kind != "float":
            return Bound((0.5 + self.dead_zone) * step + 0.5, 2.0**-50)
        relative = 2.0 ** -(_MANTISSA_BITS[dtype.name] + 1) + 2.0**-50
        if dtype.bits == 16:
            relative += 2.0**-24  # they are rounded to float32 first
        return Bound((0.5 + self.dead_zone) * step + _SMALLEST[dtype.name], relative)


STAGE = Quant
