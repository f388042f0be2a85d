"""`random:N`: seeded values in the model's own shapes, for checks that need no data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fmpass.data.samples import Feed, Samples
from fmpass.data.signature import Array, InputSpec, nearest
from fmpass.data.source import DataOptions
from fmpass.dtypes import by_name
from fmpass.errors import UsageError


def generated_samples(count: int, inputs: Sequence[InputSpec], options: DataOptions) -> Samples:
    """`count` feeds; every pass gives the same ones.

    Shapes are the model's; a symbolic dimension is what `options.dims` says, the first axis `options.batch`, else 1.
    Floats are normal with deviation 1. Bytes and half bytes take their whole range; wider integers are 0 or 1, which
    is valid as an index, a mask, a token and a length alike. Raises UsageError FM036 for a dimension that is not
    there, FM035 for inputs that are no tensors.
    """
    symbols = {d for spec in inputs for d in spec.shape or () if isinstance(d, str)}
    for name, size in options.dims.items():
        if name not in symbols:
            raise UsageError(
                "FM036",
                where=f"--dim {name}={size}",
                problem="no input has this dimension",
                hint=nearest(name, sorted(symbols)),
            )
        if size < 0:
            raise UsageError(
                "FM036", where=f"--dim {name}={size}", problem="a size cannot be negative", hint="0 or more"
            )
    for spec in inputs:
        if not spec.is_tensor:
            raise UsageError(
                "FM035",
                where=f"input '{spec.name}'",
                problem=f"values of type {spec.dtype} cannot be generated",
                hint="give --data package.module:function",
            )

    def make() -> Iterator[Feed]:
        rng = np.random.default_rng(options.seed)
        for _ in range(count):
            yield {spec.name: _values(rng, spec, _shape(spec, options)) for spec in inputs}

    return Samples(make, f"random:{count}", count, count * options.batch)


def _shape(spec: InputSpec, options: DataOptions) -> tuple[int, ...]:
    if spec.shape is None:
        return (1,)
    shape: list[int] = []
    for axis, dim in enumerate(spec.shape):
        if isinstance(dim, int):
            shape.append(dim)
        elif dim is not None and dim in options.dims:
            shape.append(options.dims[dim])
        else:
            shape.append(options.batch if axis == 0 else 1)
    return tuple(shape)


def _values(rng: np.random.Generator, spec: InputSpec, shape: tuple[int, ...]) -> Array:
    if spec.dtype == "string":
        return np.full(shape, "a", object)
    dtype = by_name(spec.dtype)
    if dtype.kind == "float":
        values: Any = rng.standard_normal(shape)
    elif dtype.kind == "bool" or dtype.bits > 8:
        values = rng.integers(0, 2, shape)
    else:
        low = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
        values = rng.integers(low, low + (1 << dtype.bits), shape)
    return np.asarray(values).astype(spec.numpy)
