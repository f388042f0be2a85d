"""The inputs a model expects, and whether an array fits them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.dtypes import by_name
from fmpass.errors import UsageError

Array = NDArray[Any]
Dim = int | str | None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input. `dtype` is as in fmpass.dtypes; other ONNX types have their text, "string" or "seq(tensor(float))".

    `shape` has a number, a symbol or None (unknown) per axis; it is None itself where even the rank is unknown.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None

    @property
    def is_tensor(self) -> bool:
        """False for sequences, optionals and maps."""
        return "(" not in self.dtype

    @property
    def numpy(self) -> np.dtype[Any]:
        """Numpy type of the arrays this input takes."""
        return np.dtype(object) if self.dtype == "string" else by_name(self.dtype).numpy

    def describe(self) -> str:
        """`float32[N, 3, 227, 227]`, for messages."""
        dims = "any rank" if self.shape is None else ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.dtype}[{dims}]"


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy that names what was probably meant: `did you mean 'input'?` or the list of what there is."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1, 0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"there are: {', '.join(names)}" if names else "there are none"


def fit_array(array: object, spec: InputSpec, where: str) -> Any:
    """`array` as the contiguous array that `spec` takes; sequences and optionals pass through unchecked.

    Raises UsageError FM033 for another element type, FM032 for another shape. Nothing is converted silently; only
    bytes that numpy stored without their type (bfloat16 and the 8- and 4-bit types in .npy files) are given it back.
    """
    if not spec.is_tensor:
        return array
    value = np.asarray(array)
    want = spec.numpy
    if spec.dtype == "string":
        if value.dtype.kind not in "OUS":
            raise _wrong_dtype(value, spec, where)
        value = value.astype(object)
    elif value.dtype != want:
        if value.dtype.kind != "V" or value.dtype.itemsize != want.itemsize:
            raise _wrong_dtype(value, spec, where)
        value = value.view(want)
    check_shape(value.shape, spec, where)
    return np.ascontiguousarray(value).reshape(value.shape)


def _wrong_dtype(value: Array, spec: InputSpec, where: str) -> UsageError:
    return UsageError(
        "FM033",
        where=where,
        problem=f"input '{spec.name}' takes {spec.describe()}, the array is {value.dtype}",
        hint=f"convert the data first: array.astype('{spec.dtype}')",
    )


def check_shape(shape: Sequence[int], spec: InputSpec, where: str) -> None:
    """Raise UsageError FM032 where `shape` contradicts a fixed dimension or the rank of `spec`."""
    if spec.shape is None:
        return
    fits = len(shape) == len(spec.shape) and all(
        not isinstance(want, int) or want == have for want, have in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise UsageError(
            "FM032",
            where=where,
            problem=f"input '{spec.name}' takes {spec.describe()}, the array is {list(shape)}",
            hint="check the layout (NCHW or NHWC) and the batch axis of the data",
        )


def fit_feed(feed: Mapping[str, object], inputs: Sequence[InputSpec], where: str) -> dict[str, Any]:
    """`feed` with every array checked. Raises UsageError FM031 for a missing or an unknown input."""
    specs = {spec.name: spec for spec in inputs}
    for name in feed:
        if name not in specs:
            raise UsageError(
                "FM031", where=where, problem=f"the model has no input '{name}'", hint=nearest(name, specs)
            )
    for name in specs:
        if name not in feed:
            hint = f"the data has: {', '.join(feed)}" if feed else "the data is empty"
            raise UsageError("FM031", where=where, problem=f"no array for input '{name}'", hint=hint)
    return {name: fit_array(feed[name], specs[name], where) for name in specs}
