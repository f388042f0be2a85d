"""Element types: ONNX number, bits, numpy view, and the words that coders see.

A coder works on unsigned or signed integer *words*. A type of 8 bits or more is one word an element (floats by their
bit pattern); a narrower type travels packed, low nibble first as ONNX stores it, and its word is the packed byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fmpass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DType:
    """One ONNX tensor element type. `onnx` is the `TensorProto.DataType` number, `bits` the width of an element."""

    name: str
    onnx: int
    bits: int
    kind: str  # "float", "int", "uint" or "bool"

    @cached_property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy (or ml_dtypes) type of an *unpacked* array of this element type."""
        if self.name in _ML_DTYPES:
            import ml_dtypes

            return np.dtype(getattr(ml_dtypes, _ML_DTYPES[self.name]))
        return np.dtype(self.name)

    @property
    def word_bits(self) -> int:
        """Width of the words that coders see: 8, 16, 32 or 64."""
        return max(8, self.bits)

    @property
    def word_dtype(self) -> np.dtype[np.generic]:
        """Numpy type of the words; signed only for signed integers of whole bytes."""
        sign = "i" if self.kind == "int" and self.bits >= 8 else "u"
        return np.dtype(f"<{sign}{self.word_bits // 8}")

    def nbytes(self, elements: int) -> int:
        """Bytes of a tensor of `elements` elements, narrow types packed."""
        return (elements * self.bits + 7) // 8

    def words(self, elements: int) -> int:
        """Words of a tensor of `elements` elements."""
        return self.nbytes(elements) // (self.word_bits // 8)

    def to_words(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The words of `array` in C order, flat; narrow types are packed here."""
        flat = np.ascontiguousarray(array).reshape(-1)
        if self.bits >= 8:
            return flat.view(self.word_dtype)
        per_byte = 8 // self.bits
        low = flat.view(np.uint8) & np.uint8((1 << self.bits) - 1)
        padded = np.zeros(self.nbytes(flat.size) * per_byte, np.uint8)
        padded[: flat.size] = low
        packed = np.zeros(self.nbytes(flat.size), np.uint8)
        for i in range(per_byte):
            packed |= padded[i::per_byte] << np.uint8(i * self.bits)
        return packed

    def from_words(self, words: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Inverse of `to_words`."""
        if self.bits >= 8:
            return words.view(self.numpy).reshape(shape)
        per_byte, mask = 8 // self.bits, np.uint8((1 << self.bits) - 1)
        parts = [(words >> np.uint8(i * self.bits)) & mask for i in range(per_byte)]
        elements = int(np.prod(shape, dtype=np.int64))
        flat = np.stack(parts, axis=-1).reshape(-1)[:elements]
        if self.kind == "int":  # sign extension, so that the value and not only the bits survive
            flat = (flat.astype(np.int8) << (8 - self.bits)) >> (8 - self.bits)
        return flat.astype(np.uint8).view(self.numpy).reshape(shape)


_ML_DTYPES = {
    "bfloat16": "bfloat16",
    "float8e4m3fn": "float8_e4m3fn",
    "float8e4m3fnuz": "float8_e4m3fnuz",
    "float8e5m2": "float8_e5m2",
    "float8e5m2fnuz": "float8_e5m2fnuz",
    "uint4": "uint4",
    "int4": "int4",
}

DTYPES: tuple[DType, ...] = (
    DType("float32", 1, 32, "float"),
    DType("uint8", 2, 8, "uint"),
    DType("int8", 3, 8, "int"),
    DType("uint16", 4, 16, "uint"),
    DType("int16", 5, 16, "int"),
    DType("int32", 6, 32, "int"),
    DType("int64", 7, 64, "int"),
    DType("bool", 9, 8, "bool"),
    DType("float16", 10, 16, "float"),
    DType("float64", 11, 64, "float"),
    DType("uint32", 12, 32, "uint"),
    DType("uint64", 13, 64, "uint"),
    DType("bfloat16", 16, 16, "float"),
    DType("float8e4m3fn", 17, 8, "float"),
    DType("float8e4m3fnuz", 18, 8, "float"),
    DType("float8e5m2", 19, 8, "float"),
    DType("float8e5m2fnuz", 20, 8, "float"),
    DType("uint4", 21, 4, "uint"),
    DType("int4", 22, 4, "int"),
)

LEFT_ALONE: dict[int, str] = {
    8: "string tensors have no fixed width",
    14: "complex64 is not carried by onnxruntime's kernels",
    15: "complex128 is not carried by onnxruntime's kernels",
    23: "float4e2m1 is newer than version 1 of the payload format",
    24: "float8e8m0 is newer than version 1 of the payload format",
    25: "uint2 is newer than version 1 of the payload format",
    26: "int2 is newer than version 1 of the payload format",
}

_BY_ONNX = {d.onnx: d for d in DTYPES}
_BY_NAME = {d.name: d for d in DTYPES}


def by_onnx(number: int) -> DType | None:
    """The type with this `TensorProto.DataType` number, or None where it is left alone."""
    return _BY_ONNX.get(number)


def by_name(name: str) -> DType:
    """The type of this name (`float32`, `uint4`, …)."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UsageError(
            "FM010", where=name, problem="no such element type", hint=f"one of {', '.join(_BY_NAME)}"
        ) from None


def of_array(array: NDArray[np.generic]) -> DType:
    """The type of a numpy array, ml_dtypes included."""
    for dtype in DTYPES:
        if dtype.numpy == array.dtype:
            return dtype
    raise UsageError(
        "FM010",
        where=str(array.dtype),
        problem="arrays of this type are not carried",
        hint=f"one of {', '.join(_BY_NAME)}",
    )
