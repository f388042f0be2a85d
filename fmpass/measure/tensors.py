"""Values of a run as raw bytes, and how far two of them are apart."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.dtypes import DTYPES, DType, by_onnx

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as onnxruntime holds it: element type, shape and the bytes themselves (4-bit types packed)."""

    dtype: DType
    shape: tuple[int, ...]
    data: Bytes
    owner: object = field(repr=False)

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def numbers(self) -> NDArray[np.float64]:
        """The elements as doubles, flat."""
        words = self.data.view(self.dtype.word_dtype)
        return self.dtype.from_words(words, (self.elements,)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A tensor of a type that payloads do not carry, to compare it: ONNX number of the type, shape and bytes."""

    type_number: int
    shape: tuple[int, ...]
    data: bytes


_OTHER_BITS = {14: 64, 15: 128, 23: 4, 24: 8, 25: 2, 26: 2}
"""Widths of element types that payloads do not carry: complex ones, float4e2m1, float8e8m0, uint2, int2."""


def view(value: Any) -> Tensor | Opaque | None:
    """The tensor behind an OrtValue without a copy, or None for what is no tensor of fixed-width elements."""
    if not value.is_tensor():
        return None
    number, shape = value.element_type(), tuple(int(d) for d in value.shape())
    dtype = by_onnx(number)
    if dtype is None:
        if number not in _OTHER_BITS:
            return None
        size = (math.prod(shape) * _OTHER_BITS[number] + 7) // 8
        return Opaque(number, shape, ctypes.string_at(value.data_ptr(), size) if size else b"")
    nbytes = dtype.nbytes(math.prod(shape))
    if nbytes == 0:
        return Tensor(dtype, shape, np.zeros(0, np.uint8), value)
    memory = (ctypes.c_uint8 * nbytes).from_address(value.data_ptr())
    return Tensor(dtype, shape, np.ctypeslib.as_array(memory), value)


def from_array(array: NDArray[Any]) -> Tensor:
    """A numpy array as Tensor."""
    from fmpass.dtypes import of_array

    dtype = of_array(array)
    return Tensor(dtype, array.shape, dtype.to_words(array).view(np.uint8), array)


def carried(dtype: np.dtype[Any]) -> bool:
    """Whether `from_array` takes arrays of this type."""
    return any(known.numpy == dtype for known in DTYPES)


def same(a: object, b: object) -> bool:
    """Equal byte for byte: tensors with type and shape, sequences, maps and optionals item by item."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype is b.dtype and a.shape == b.shape and _equal(a.data, b.data)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return a.tolist() == b.tolist() if a.dtype == object else a.tobytes() == b.tobytes()
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, str | bytes) or isinstance(b, str | bytes):
        return type(a) is type(b) and a == b
    if isinstance(a, Sequence) and isinstance(b, Sequence):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float | np.floating) and isinstance(b, float | np.floating):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    return type(a) is type(b) and a == b


def _equal(a: Bytes, b: Bytes) -> bool:
    """Equal bytes of equal length, eight at a time."""
    whole = a.size & ~7
    wide = np.array_equal(a[:whole].view(np.uint64), b[:whole].view(np.uint64))
    return wide and np.array_equal(a[whole:], b[whole:])


@dataclass(slots=True)
class Distance:
    """How far two streams of values are apart. `exact` is about bytes, the rest about numbers."""

    exact: bool = True
    max_abs: float = 0.0
    signal: float = 0.0
    noise: float = 0.0

    def add(self, reference: object, value: object) -> None:
        """One more pair of values."""
        equal = same(reference, value)
        self.exact = self.exact and equal
        if isinstance(reference, Tensor) and isinstance(value, Tensor):
            self._add_numbers(reference, value, equal)
        elif isinstance(reference, Sequence) and isinstance(value, Sequence) and not isinstance(reference, str | bytes):
            if len(reference) != len(value):
                self.max_abs = math.inf
            for x, y in zip(reference, value, strict=False):
                self.add(x, y)
        elif isinstance(reference, np.ndarray) and isinstance(value, np.ndarray):
            if carried(reference.dtype) and carried(value.dtype):
                self._add_numbers(from_array(reference), from_array(value), equal)
            elif not equal:
                self.max_abs = math.inf
        elif not equal:
            self.max_abs = math.inf

    def _add_numbers(self, reference: Tensor, value: Tensor, equal: bool) -> None:
        if reference.shape != value.shape or reference.dtype is not value.dtype:
            self.max_abs = math.inf
            return
        x = reference.numbers()
        finite = np.isfinite(x)
        self.signal += float(np.sum(np.square(x, where=finite, out=np.zeros_like(x))))
        if equal:
            return
        y = value.numbers()
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs(x - y)
        # equal infinities and a NaN for a NaN are no error; any other step out of the finite numbers is an infinite one
        error[(x == y) | (np.isnan(x) & np.isnan(y))] = 0.0
        error[np.isnan(error)] = np.inf
        if error.size:
            self.max_abs = max(self.max_abs, float(error.max()))
            with np.errstate(over="ignore"):
                self.noise += float(np.sum(np.square(error)))

    @property
    def snr_db(self) -> float | None:
        """10·log10(Σ signal² / Σ noise²); None without noise, minus infinity without a signal."""
        if self.noise == 0:
            return None
        if self.signal == 0 or math.isinf(self.noise):
            return -math.inf
        return 10 * math.log10(self.signal / self.noise)
